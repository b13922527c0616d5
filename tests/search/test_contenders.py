"""Seeds for the best: who is a contender, what a record becomes, and a whole search on tabulated accuracies."""

import dataclasses
import itertools
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chansearch.config import compose
from chansearch.search import session
from chansearch.search.candidate import CurvePoint, Outcome, Record, State, ranked
from chansearch.search.contenders import contenders, joined, left, on_first_seed
from chansearch.search.plan import make_plan
from chansearch.search.rundir import RunDirectory
from chansearch.search.spent import Spent
from tests.search.live import IMAGES, SESSION
from tests.search.problems import first, problem

TRAINING = Spent(seconds=2.0, images=100, eval_seconds=0.5, wall_seconds=2.5)
CUT_OFF = Spent(seconds=1.0, images=50, eval_seconds=0.2, wall_seconds=1.5)
PROPOSALS = first(problem("constraint=demo"), "random", 0, 8)


def trained(seed: int, top1: float, **changes) -> Outcome:
    """One seed, trained to its end; the test accuracy is three points below, the nuclear norm a hundred times it."""
    measured = {"nuclear_norm": (100 * top1,), "feature_rank": (10 + seed,), "epochs": 9, "spent": TRAINING}
    return Outcome(State.FINISHED, (seed,), (top1,), (top1 - 3,), **measured | changes)


def record(number: int, *top1: float) -> Record:
    """A candidate with so many seeds."""
    candidate = PROPOSALS[number].candidate
    whole = Record(candidate, trained(0, top1[0]))
    for seed, one in enumerate(top1[1:], start=1):
        whole = joined(whole, trained(seed, one))
    return whole


def stopped(number: int, top1: float) -> Record:
    return Record(PROPOSALS[number].candidate, Outcome(State.STOPPED_AT_RUNG, (0,), (top1,), epochs=3))


def failed(seed: int) -> Outcome:
    """It had reached an accuracy, which is not that of a whole training."""
    return Outcome(
        State.FAILED, (seed,), (99.0,), epochs=2, spent=Spent(1.0, 50, 0.2, 1.5), retries=1, reason="worker died: gone"
    )


def numbers(records) -> list[int]:
    return [record.candidate.number for record in records]


class TestRanking:
    def test_more_seeds_come_first_whatever_the_others_have(self):
        records = [record(0, 70.0), record(1, 60.0, 50.0), record(2, 65.0, 40.0, 45.0), record(3, 71.0)]
        assert numbers(ranked(records)) == [2, 1, 3, 0]

    def test_among_equally_many_seeds_the_mean_decides(self):
        records = [record(0, 60.0, 62.0), record(1, 70.0, 54.0), record(2, 61.0, 61.0)]
        assert numbers(ranked(records)) == [1, 0, 2]

    def test_a_seed_that_failed_is_none(self):
        records = [joined(record(0, 60.0), failed(1)), record(1, 50.0, 51.0)]
        assert numbers(ranked(records)) == [1, 0]


class TestContenders:
    def test_are_the_best_on_the_first_seed_whatever_the_others_gave(self):
        records = [record(0, 60.0), record(1, 63.0, 40.0, 40.0), record(2, 61.0), record(3, 62.0, 99.0)]
        assert numbers(contenders(records, 2)) == [1, 3]
        assert contenders(records, 2)[0] is records[1]

    def test_are_fewer_where_fewer_were_trained_to_their_end(self):
        dead = Record(PROPOSALS[2].candidate, Outcome(State.FAILED, (0,), reason="diverged"))
        assert numbers(contenders([stopped(0, 90.0), record(1, 50.0), dead], 3)) == [1]
        assert contenders([stopped(0, 90.0), dead], 3) == []

    def test_lack_the_seeds_that_were_not_tried(self):
        records = [record(0, 60.0), joined(record(1, 63.0), failed(2)), record(2, 61.0, 60.0, 60.0)]
        assert [(further.candidate.number, further.seed) for further in left(records, 2, 3)] == [(1, 1)]
        assert [(further.candidate.number, further.seed) for further in left(records, 3, 3)] == [(1, 1), (0, 1), (0, 2)]


class TestJoining:
    @given(st.permutations([1, 2, 3, 4]), st.sets(st.integers(1, 4)))
    def test_the_order_of_the_ends_does_not_matter(self, order, failing):
        def after(seeds) -> Record:
            whole = record(0, 60.0)
            for seed in seeds:
                whole = joined(whole, failed(seed) if seed in failing else trained(seed, 60.0 + seed))
            return whole

        outcome = after(order).outcome
        assert outcome.scored_seeds == tuple(seed for seed in range(5) if seed not in failing)
        assert outcome.val_top1 == tuple(60.0 + seed for seed in outcome.scored_seeds)
        assert outcome.test_top1 == tuple(57.0 + seed for seed in outcome.scored_seeds)
        assert outcome.nuclear_norm == tuple(100 * top1 for top1 in outcome.val_top1)
        assert outcome.feature_rank == tuple(10 + seed for seed in outcome.scored_seeds)
        assert set(outcome.seeds) == set(range(5))
        assert outcome.spent.seconds == 2.0 + sum(1.0 if seed in failing else 2.0 for seed in order)
        assert outcome.retries == len(failing)
        assert all(f"without seed {seed}: worker died: gone" in outcome.reason for seed in failing)

    def test_a_seed_that_failed_leaves_what_there_was_in_force(self):
        before = record(0, 60.0)
        after = joined(before, failed(1))
        assert (after.outcome.state, after.val_top1_mean, after.is_ranked) == (State.FINISHED, 60.0, True)
        assert after.outcome.test_top1 == before.outcome.test_top1

    def test_the_first_seed_can_be_told_apart_again(self):
        before = record(0, 60.0)
        after = joined(joined(before, trained(2, 80.0)), failed(1))
        kept = dataclasses.replace(on_first_seed(after).outcome, spent=TRAINING, retries=0, reason="")
        assert kept == before.outcome

    def test_a_run_that_does_not_measure_the_feature_has_none_of_any_seed(self):
        unmeasured = {"nuclear_norm": (), "feature_rank": ()}
        before = Record(PROPOSALS[0].candidate, trained(0, 60.0, **unmeasured))
        after = joined(before, trained(1, 61.0, **unmeasured)).outcome
        assert (after.val_top1, after.nuclear_norm, after.feature_rank) == ((60.0, 61.0), (), ())


CANDIDATES, CONTENDERS, SEEDS, EPOCHS = 7, 3, 3, 2
# Seed 0 alone would choose 5, 2, 0; candidate 4, the best of all, is stopped at a rung, and 6 fails.
TOP1 = {0: 60.0, 1: 50.0, 2: 61.0, 3: 51.0, 4: 90.0, 5: 62.0, 6: 70.0}
FAILING = (0, 2)  # candidate and further seed
CONTENDING = [(5, 1), (5, 2), (2, 1), (2, 2), (0, 1), (0, 2)]


class Table:
    """Trainings without any: what each gives is looked up, and the first to begin is the first to end."""

    def __init__(self, director, workers: int = 2) -> None:
        self.director, self.workers = director, workers
        self.begun: list[tuple[int, tuple[int, ...]]] = []

    def play(self, ends: int | None = None) -> None:
        """As Tune would, until nothing is left or, for a kill, so many trainings have ended."""
        under_way: list = []
        for ended in itertools.count():
            while len(under_way) < self.workers and (job := self.director.next_job()) is not None:
                self.begun.append((job.number, job.seeds))
                under_way.append(job)
            if not under_way or ended == ends:
                return
            self._end(under_way.pop(0))

    def _end(self, job) -> None:
        top1 = TOP1[job.number] - 5 * job.seeds[0]
        for epoch in range(1, EPOCHS + 1):
            self.director.on_epoch(job, epoch, [CurvePoint(job.number, job.seeds[0], epoch, 0.1, 2.0, top1)])
        outcome = trained(job.seeds[0], top1, epochs=EPOCHS)
        if job.number == 4:
            outcome = Outcome(State.STOPPED_AT_RUNG, job.seeds, (top1,), epochs=1)
        if job.number == 6 or (job.number, job.seeds[0]) == FAILING:
            outcome = failed(job.seeds[0])
        self.director.on_end(job, outcome)


@pytest.fixture(scope="module")
def plan():
    overrides = [f"search.candidates={CANDIDATES}", f"scheduler.contenders={CONTENDERS}", f"train.seeds={SEEDS}"]
    overrides += ["constraint=demo", "data=digits", "fidelity=demo", "scheduler=contenders", "sampler.startup=4"]
    return make_plan(compose([*overrides, f"train.epochs={EPOCHS}", "scheduler.grace_epochs=1"]), classes=10)


def begin(plan, path) -> RunDirectory:
    return RunDirectory.create(path, dataclasses.asdict(plan.config))


def play(plan, run: RunDirectory, ends: int | None = None) -> Table:
    """One session of the run, the second of which knows of the first what the run directory says."""
    director = session._Session(plan, run, dataset=IMAGES, records=run.records())
    director._log.begin(SESSION, time.monotonic())
    table = Table(director)
    table.play(ends)
    return table


class TestSearch:
    @pytest.fixture(scope="class")
    def whole(self, plan, tmp_path_factory) -> tuple[RunDirectory, Table]:
        run = begin(plan, tmp_path_factory.mktemp("whole") / "run")
        return run, play(plan, run)

    def test_every_candidate_is_trained_with_one_seed_before_any_further_one(self, whole):
        _, table = whole
        assert table.begun[:CANDIDATES] == [(number, (0,)) for number in range(CANDIDATES)]
        assert table.begun[CANDIDATES:] == [(number, (seed,)) for number, seed in CONTENDING]

    def test_contenders_end_with_all_their_seeds(self, whole):
        run, _ = whole
        seeds = {record.candidate.number: record.outcome.scored_seeds for record in run.records()}
        assert seeds == {0: (0, 1), 1: (0,), 2: (0, 1, 2), 3: (0,), 4: (0,), 5: (0, 1, 2), 6: (0,)}
        assert numbers(ranked(run.records())) == [5, 2, 0, 3, 1]

    def test_the_study_is_told_once_what_the_first_seed_gave(self, whole):
        import optuna

        run, _ = whole
        study = optuna.load_study(study_name=None, storage=f"sqlite:///{run.study_file}")
        values = {trial.user_attrs["candidate"]: trial.value for trial in study.get_trials()}
        assert values == TOP1 | {4: None, 6: None}

    def test_tensorboard_has_the_further_seeds_beside_the_first(self, whole):
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        run, _ = whole
        (folder,) = run.tensorboard.glob("0005_*")
        events = EventAccumulator(str(folder)).Reload()
        for seed in range(SEEDS):
            scalars = events.Scalars(f"val_top1/seed_{seed}")
            assert [(one.step, one.value) for one in scalars] == [(1, TOP1[5] - 5 * seed), (2, TOP1[5] - 5 * seed)]
        assert [one.value for one in events.Scalars("val_top1/mean")] == [TOP1[5]] * EPOCHS
        assert events.Scalars("hparam/val_top1_mean")[-1].value == pytest.approx(TOP1[5] - 5)
        assert events.Scalars("hparam/seeds")[-1].value == SEEDS

    def test_is_complete(self, plan, whole, capsys):
        run, _ = whole
        session.resume(run)
        assert f"complete: {CANDIDATES} of {CANDIDATES} candidates" in capsys.readouterr().out
        assert play(plan, run).begun == []

    @given(ends=st.lists(st.integers(0, CANDIDATES + len(CONTENDING)), max_size=3))
    @settings(max_examples=12)
    def test_cut_off_anywhere_it_ends_the_same(self, plan, whole, ends, tmp_path_factory):
        """And trains nothing again that has ended."""
        run = begin(plan, tmp_path_factory.mktemp("cut") / "run")
        for one in [*ends, None]:
            ended = {(record.candidate.number, seed) for record in run.records() for seed in record.outcome.seeds}
            begun = play(plan, run, one).begun
            assert not ended & {(number, seed) for number, (seed,) in begun}
        unbroken, _ = whole
        assert [(r.candidate.channels, r.outcome) for r in run.records()][:4] == [
            (r.candidate.channels, r.outcome) for r in unbroken.records()
        ][:4]
        assert [r.outcome for r in run.records()] == [r.outcome for r in unbroken.records()]

    def test_rungs_remember_the_first_seed_alone(self, plan, whole):
        """A contender's further seeds are beside the rungs, those of earlier sessions too."""
        run, _ = whole
        told = {}

        class Scheduler:
            def remember(self, label, means) -> None:
                told[int(label)] = means

        session._Session(plan, run, dataset=IMAGES, records=run.records())._remind(Scheduler())
        assert told == {number: dict.fromkeys(range(1, EPOCHS + 1), top1) for number, top1 in TOP1.items()}

    def test_a_space_that_runs_out_has_its_contenders_too(self, plan, tmp_path, monkeypatch, capsys):
        from chansearch.search import propose

        monkeypatch.setattr(propose.Proposer, "propose", _first_two(propose.Proposer.propose))
        run = begin(plan, tmp_path / "run")
        assert play(plan, run).begun == [(0, (0,)), (1, (0,)), (0, (1,)), (0, (2,)), (1, (1,)), (1, (2,))]
        assert capsys.readouterr().out.count("no candidate is left after 2") == 1

    def test_says_what_each_further_seed_gave(self, plan, tmp_path, capsys):
        play(plan, begin(plan, tmp_path / "run"))
        lines = [line for line in capsys.readouterr().out.splitlines() if "further seeds]" in line]
        assert [line.split("]")[0] for line in lines] == [f"[{n}/6 further seeds" for n in range(1, 7)]
        assert "contender 5 " in lines[1] and "val top-1 57.00±5.00 % over 3 seeds" in lines[1]
        assert "seed 2  failed: worker died: gone; what it had stands: val top-1 57.50±3.54 %" in lines[5]
        assert lines[5].endswith("left 0 s")


def _first_two(propose):
    from chansearch.search.propose import SpaceExhausted

    def limited(self):
        if self._next >= 2:
            raise SpaceExhausted
        return propose(self)

    return limited
