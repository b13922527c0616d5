"""A configuration checked, the time it will take, and what is said of it."""

import dataclasses
import io
import types

import pytest
from rich.console import Console

from chansearch.cluster import _measured
from chansearch.config import ClusterConfig, compose
from chansearch.durations import format_seconds
from chansearch.errors import UserError
from chansearch.provenance import provenance
from chansearch.pulse import Pulse
from chansearch.search.candidate import CurvePoint, Draws, State
from chansearch.search.estimate import Work, describe, describe_limit, trial_limit
from chansearch.search.plan import make_plan
from chansearch.search.progress import Progress
from chansearch.train.config import DataConfig
from chansearch.train.estimate import expected_images, slowest, trial_bytes
from chansearch.train.results import StepTime
from tests.search.problems import failed, first, problem, scored, stopped


class TestPlan:
    def test_holds_the_skeleton_of_the_constraint(self):
        plan = make_plan(compose(["constraint=c1", "constraint.skeleton.se_reduction=12"]), classes=7)
        assert (plan.skeleton.classes, plan.skeleton.strides, plan.skeleton.expansions) == (
            7,
            (1, 2, 1, 2, 1),
            (1, 6, 6, 6, 6),
        )
        assert plan.skeleton.se_reduction == 12

    def test_asks_for_no_data(self):
        make_plan(compose(["data=folder", "data.root=/nowhere"]), classes=2)

    @pytest.mark.parametrize(
        "overrides",
        [
            ["cluster.gpus_per_trial=2"],
            ["cluster.gpus_per_trial=0"],
            ["cluster.dashboard_port=8266"],
            ["train.patience=null"],
            ["scheduler=asha", "scheduler.grace_epochs=30"],
            ["scheduler=contenders", "scheduler.grace_epochs=null"],
            ["scheduler=contenders", "scheduler.contenders=500"],
            ["name=v1.2_final-3"],
            ["constraint.skeleton.stride_blocks=[]"],
        ],
    )
    def test_allows_what_is_allowed(self, overrides):
        make_plan(compose(overrides), classes=10)


class TestTimeLimit:
    STEP = StepTime(1000.0, 4000.0)
    LONG = Work(train_images=45_000, val_images=5_000, epochs=30, seeds=3, candidates=200)

    def test_is_loose_around_the_slowest_training(self):
        slowest = 1.5 * 3 * 30 * (45 + 1.25)
        assert trial_limit("auto", self.LONG, self.STEP, heaviest=1.5) == pytest.approx(20 * slowest)

    def test_counts_the_one_seed_that_a_trial_of_contenders_has(self):
        work = dataclasses.replace(self.LONG, contenders=3)
        assert trial_limit("auto", work, self.STEP, 1.0) == pytest.approx(20 * 30 * (45 + 1.25))

    def test_is_at_least_an_hour(self):
        assert trial_limit("auto", Work(100, 10, 1, 1, 1), self.STEP, 1.0) == 3600.0

    @pytest.mark.parametrize("asked", [None, 2.5, 600])
    def test_is_what_was_asked_for(self, asked):
        assert trial_limit(asked, self.LONG, self.STEP, 1.0) == asked

    @pytest.mark.parametrize(
        ("asked", "limit", "said"),
        [
            (None, None, "none (search.trial_timeout=null)"),
            (600, 600, "10 min (search.trial_timeout=600)"),
            (
                "auto",
                3600.0,
                "1.0 h (search.trial_timeout=auto: 20 times what the slowest should take, at least an hour)",
            ),
        ],
    )
    def test_is_said(self, asked, limit, said):
        assert describe_limit(asked, limit) == f"time limit of a training: {said}"

    @pytest.mark.parametrize("value", ["0", "-1", "soon", "true", "inf", "nan", "[1]"])
    def test_refuses_what_is_none(self, value):
        with pytest.raises(UserError, match=r"search\.trial_timeout: .*; allowed: auto, null, or seconds above 0"):
            make_plan(compose([f"search.trial_timeout={value}"]), classes=10)


class TestEstimate:
    STEP = StepTime(1000.0, 4000.0)

    def test_is_images_over_images_a_second(self):
        work = Work(train_images=45_000, val_images=5_000, epochs=30, seeds=3, candidates=200)
        assert work.seconds(self.STEP, workers=1) == pytest.approx(200 * 3 * 30 * (45 + 1.25))
        assert work.seconds(self.STEP, workers=8) == pytest.approx(work.seconds(self.STEP, 1) / 8)

    @pytest.mark.parametrize(
        ("seconds", "text"),
        [
            (0, "0 s"),
            (45, "45 s"),
            (119, "119 s"),
            (120, "2 min"),
            (3599, "60 min"),
            (3600, "1.0 h"),
            (12_240, "3.4 h"),
            (86_400, "24.0 h"),
            (181_440, "2.1 days"),
        ],
    )
    def test_reads_like_a_clock(self, seconds, text):
        assert format_seconds(seconds) == text

    def test_the_slowest_worker_sets_the_pace(self):
        assert slowest([StepTime(900, 1), StepTime(300, 9), StepTime(400, 2)]) == StepTime(300, 9)

    def line(self, seconds: float, *overrides: str) -> str:
        config = compose(["search.candidates=200", *overrides])
        images = int(seconds * 1000 / (200 * 3 * 30))
        work = Work(images, 0, 30, 3, 200)
        return describe(config, work, self.STEP, 2, dataclasses.replace(work, train_images=images // 50, epochs=5))

    def test_is_said_in_one_line_with_what_it_rests_on(self):
        line = self.line(3600)
        assert line.startswith("estimated time: 30 min for 200 candidates x 3 seeds x 30 epochs on 2 workers ")
        assert "1000 images/s each, measured" in line
        assert "\n" not in line
        assert "cheaper" not in line

    def test_over_a_day_it_names_what_is_cheaper(self):
        line = self.line(20 * 86_400)
        assert line.startswith("estimated time: 10.0 days ")
        for choice in (
            "fidelity=laptop (about ",
            "scheduler=asha (about ",
            "scheduler=contenders (about ",
            "search.candidates=50 (about 2.5 days)",
            "a GPU",
        ):
            assert choice in line
        assert "\n" not in line

    def test_does_not_name_what_is_chosen_already(self):
        line = self.line(20 * 86_400, "fidelity=laptop", "scheduler=asha", "train.epochs=30")
        assert "fidelity=laptop" not in line
        assert "scheduler=asha" not in line
        assert "search.candidates=50" in line

    def test_contenders_count_one_seed_each_and_the_rest_of_a_few(self):
        work = Work(45_000, 5_000, epochs=30, seeds=3, candidates=200, contenders=4)
        assert work.seconds(self.STEP, workers=1) == pytest.approx((200 + 4 * 2) * 30 * (45 + 1.25))
        few = dataclasses.replace(work, candidates=2)
        assert few.seconds(self.STEP, workers=1) == pytest.approx(2 * 3 * 30 * (45 + 1.25))

    def test_where_rungs_spare_some_it_is_an_upper_bound(self):
        work = Work(1000, 0, 30, 3, 200, contenders=3)
        rungs, none = (
            describe(compose(["scheduler=contenders", *overrides]), work, self.STEP, 2, work)
            for overrides in (["scheduler.grace_epochs=3"], [])
        )
        assert rungs.startswith("estimated time: at most 52 min for 200 candidates x 1 seed + 6 further seeds ")
        assert "what the rungs spare is not foreseen" in rungs
        assert none.startswith("estimated time: 52 min for 200 candidates x 1 seed + 6 further seeds ")
        assert self.line(3600, "scheduler=asha").startswith("estimated time: at most 30 min for 200 candidates x 3 ")

    def test_a_choice_named_is_cheaper(self):
        """Each figure is below the estimate itself."""
        import re

        line = self.line(40 * 86_400)
        units = {"s": 1, "min": 60, "h": 3600, "days": 86_400}
        total, *cheaper = (
            float(number) * units[unit] for number, unit in re.findall(r"(?:time: |about )([\d.]+) (\w+)", line)
        )
        assert len(cheaper) == 4
        assert all(0 < one < total for one in cheaper)

    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            ({"name": "cifar10"}, (45_000, 5_000)),
            ({"name": "cifar100", "rank_on": "test"}, (50_000, 10_000)),
            ({"name": "cifar100", "train_images": 5000, "val_images": 2000}, (5000, 2000)),
            ({"name": "cifar10", "train_images": 10**6}, (45_000, 5_000)),
            ({"name": "digits"}, (1455, 161)),
        ],
    )
    def test_expects_the_images_that_will_be_there(self, changes, expected):
        assert expected_images(DataConfig(**changes)) == expected

    def test_expects_what_loading_gives(self):
        from chansearch.train.data import load

        config = DataConfig("digits", augment="crop")
        dataset = load(config, 16, 1)
        found = (len(dataset.train.images), len(dataset.val.images))
        assert found == pytest.approx(expected_images(config), abs=10)  # one a class for rounding

    def test_memory_grows_with_the_network_and_the_batch(self):
        assert trial_bytes(10**6, 128) > trial_bytes(10**6, 64) > trial_bytes(10**5, 64) > 2**28


def ray_of(cpus: float, gpus: float = 0, memory: float = 64e9):
    """A cluster of one node with these resources, which no test machine has."""
    resources = {"CPU": cpus, "memory": memory} | ({"GPU": gpus} if gpus else {})
    return types.SimpleNamespace(
        cluster_resources=lambda: resources, nodes=lambda: [{"Alive": True, "Resources": resources}]
    )


class TestCluster:
    @pytest.mark.parametrize(
        ("settings", "cpus", "gpus", "workers", "share"),
        [
            ({}, 8, 0, 8, 0),
            ({}, 16, 1, 4, 0.25),
            ({}, 2, 4, 2, 0.25),
            ({"gpus_per_trial": 0}, 16, 1, 16, 0),
            ({"gpus_per_trial": 1}, 16, 2, 2, 1),
            ({"cpus_per_trial": 2}, 8, 0, 4, 0),
            ({"cpus_per_trial": 0.5}, 2, 0, 4, 0),
            ({"workers": 3}, 8, 0, 3, 0),
            ({"workers": 30}, 8, 0, 8, 0),
        ],
    )
    def test_fits_as_many_trials_as_it_has_room_for(self, settings, cpus, gpus, workers, share):
        cluster = _measured(ClusterConfig(**settings), 10**9, ray_of(cpus, gpus), Pulse({}, {}))
        assert (cluster.workers, cluster.gpus_per_trial) == (workers, share)

    def test_memory_bounds_the_trials_too(self):
        assert _measured(ClusterConfig(), 10**9, ray_of(64, memory=4.5e9), Pulse({}, {})).workers == 4

    def test_one_trial_is_tried_where_memory_is_short(self):
        assert _measured(ClusterConfig(), 10**11, ray_of(8, memory=4e9), Pulse({}, {})).workers == 1

    @pytest.mark.parametrize(
        ("settings", "words"),
        [
            ({"gpus_per_trial": 0.5}, ["cluster.gpus_per_trial", "0.5", "at most 0"]),
            ({"cpus_per_trial": 9}, ["cluster.cpus_per_trial", "9", "at most 8"]),
        ],
    )
    def test_less_than_one_trial_needs_is_refused(self, settings, words):
        with pytest.raises(UserError) as caught:
            _measured(ClusterConfig(**settings), 10**9, ray_of(8), Pulse({}, {}))
        for word in words:
            assert word in str(caught.value)


class TestProgress:
    @pytest.fixture
    def proposals(self):
        return first(problem("constraint=demo"), "random", 0, 4)

    def shown(self, terminal: bool) -> tuple[Progress, io.StringIO]:
        screen = io.StringIO()
        console = Console(file=screen, force_terminal=terminal, width=200, highlight=False, soft_wrap=True)
        return Progress(total=4, epochs=2, accuracy="val top-1", console=console), screen

    def run(self, progress: Progress, proposals) -> None:
        with progress:
            for proposal, record in zip(
                proposals,
                [
                    scored(proposals[0], 40.0),
                    failed(proposals[1]),
                    stopped(proposals[2], 90.0),
                    scored(proposals[3], 50.0),
                ],
                strict=True,
            ):
                progress.proposed(proposal.candidate)
                point = CurvePoint(proposal.candidate.number, 0, 1, 0.1, 2.0, 33.0)
                progress.epoch(proposal.candidate.number, 0, 1, [point])
                progress.ended(record)

    def test_is_a_line_a_candidate_when_piped(self, proposals):
        progress, screen = self.shown(terminal=False)
        self.run(progress, proposals)
        lines = screen.getvalue().splitlines()
        assert [line.split()[0] for line in lines] == ["[1/4]", "[2/4]", "[3/4]", "[4/4]"]
        assert "val top-1 40.00±0.00 %" in lines[0]
        assert "failed: seed 0 diverged" in lines[1]
        assert "failed 1" in lines[1]
        assert "(stopped at rung)" in lines[2]
        assert "\x1b" not in screen.getvalue()

    def test_the_best_is_the_best_of_whole_trainings(self, proposals):
        progress, screen = self.shown(terminal=False)
        self.run(progress, proposals)
        assert progress.best.candidate == proposals[3].candidate
        assert "best 50.00 % by" in screen.getvalue().splitlines()[3]
        assert "best 40.00 % by" in screen.getvalue().splitlines()[2]

    def test_counts_every_draw(self, proposals):
        progress, screen = self.shown(terminal=False)
        self.run(progress, proposals)
        total = sum((proposal.candidate.draws for proposal in proposals), Draws())
        wanted = f"drawn {total.drawn} = kept 4 + pruned {total.drawn - 4}, failed 1"
        assert wanted in screen.getvalue().splitlines()[3]

    def test_a_resumed_search_counts_on(self, proposals):
        progress, screen = self.shown(terminal=False)
        progress.restore([scored(proposals[0], 80.0), failed(proposals[1])])
        progress.proposed(proposals[2].candidate)
        progress.ended(scored(proposals[2], 10.0))
        line = screen.getvalue().splitlines()[0]
        assert line.startswith("[3/4] ")
        assert "best 80.00 %" in line
        assert "failed 1" in line

    def test_is_a_live_table_on_a_terminal(self, proposals):
        progress, screen = self.shown(terminal=True)
        with progress:
            progress.proposed(proposals[0].candidate)
            point = CurvePoint(0, 0, 1, 0.1, 2.0, 33.0)
            progress.epoch(0, 0, 1, [point])
            progress._live.refresh()
        text = screen.getvalue()
        for wanted in ("0/4 candidates", "candidate", "channels", "val top-1", "1/2", "33.00 %"):
            assert wanted in text

    def test_time_left_runs_out(self, proposals):
        progress, screen = self.shown(terminal=False)
        self.run(progress, proposals)
        assert screen.getvalue().splitlines()[3].endswith("left 0 s")


def test_provenance_is_plain_yaml():
    import yaml

    facts = provenance(classes=10, data_fingerprint="abc")
    assert yaml.safe_load(yaml.safe_dump(facts)) == facts
    assert facts["classes"] == 10
    assert {"torch", "ray", "optuna", "python", "machine", "command", "started", "git_revision"} <= facts.keys()


def test_states_that_rank_are_those_of_whole_trainings():
    assert {state for state in State if state.is_scored} == {State.FINISHED, State.STOPPED_EARLY}
