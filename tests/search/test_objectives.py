"""Several objectives: what may be asked for, where candidates land, what samplers make of it, and what is kept."""

import itertools

import numpy as np
import optuna
import pytest

from chansearch.config import compose
from chansearch.errors import UserError
from chansearch.search.candidate import Origin, Record
from chansearch.search.front import front, judged
from chansearch.search.plan import make_plan
from chansearch.search.propose import Proposal, Proposer
from chansearch.search.rundir import RunDirectory
from chansearch.search.study import StudyFile
from tests.search.instant import Instant
from tests.search.problems import failed, first, problem, scored, take

SEVERAL = "search.objectives=[accuracy,macs]"
AT_MOST = ("constraint=c1", "constraint.budget.params=null", "constraint.budget.macs={target:null,at_most:30M}")
STARTUP = 20


class TestWhatMayBeAskedFor:
    @pytest.mark.parametrize(
        ("given", "costs", "sampler"),
        [
            ("[accuracy]", (), "tpe"),
            ("[accuracy,macs]", ("macs",), "nsga2"),
            ("[accuracy,flops]", ("macs",), "nsga2"),
            ("[accuracy,params,macs,latency]", ("params", "macs", "latency"), "nsga2"),
        ],
    )
    def test_objectives_choose_the_sampler(self, given, costs, sampler):
        """What a run records is a name that a resume and a report can read, not ``auto``."""
        plan = make_plan(compose([f"search.objectives={given}"]), classes=10)
        assert (plan.problem.objectives.costs, plan.config.sampler.name) == (costs, sampler)

    @pytest.mark.parametrize("sampler", ["tpe", "random", "qmc", "nsga2"])
    def test_a_sampler_that_was_named_stays(self, sampler):
        plan = make_plan(compose([SEVERAL, f"sampler={sampler}"]), classes=10)
        assert plan.config.sampler.name == sampler

    @pytest.mark.parametrize(
        ("overrides", "words"),
        [
            (["search.objectives=[macs,accuracy]"], ["first", "[accuracy,macs]"]),
            (["search.objectives=[macs]"], ["no accuracy", "[accuracy,macs]"]),
            (["search.objectives=[]"], ["no accuracy"]),
            (["search.objectives=[accuracy,acuracy]"], ["'acuracy'", "did you mean accuracy?"]),
            (["search.objectives=[accuracy,mac]"], ["did you mean macs?", "latency"]),
            (["search.objectives=[accuracy,macs,flops]"], ["each once", "[accuracy,macs]"]),
            (["search.objectives=[accuracy,[macs]]"], ["list of words"]),
            (["search.objectives=accuracy"], ["search.objectives"]),
            ([SEVERAL, "sampler=gp"], ["sampler", "gp", "nsga2, tpe, random, qmc"]),
            ([SEVERAL, "sampler=cmaes"], ["sampler", "cmaes"]),
            ([SEVERAL, "scheduler=asha"], ["scheduler", "asha", "none"]),
            ([SEVERAL, "scheduler=contenders"], ["scheduler", "contenders", "none"]),
            ([SEVERAL, "sampler.prescreen=synflow"], ["sampler.prescreen", "synflow", "null"]),
            (["constraint.budget.macs.at_least=3M"], ["at_least", "constraint.budget.macs.at_most"]),
            (
                ["constraint.budget.macs={target:null,at_most:3M,at_least:3M}"],
                ["constraint.budget.macs.at_least", "below"],
            ),
        ],
    )
    def test_what_may_not_is_named_in_one_line(self, overrides, words):
        with pytest.raises(UserError) as caught:
            make_plan(compose(overrides), classes=10)
        message = str(caught.value)
        assert "\n" not in message
        for word in words:
            assert word in message

    def test_a_latency_needs_no_bound(self):
        limit = make_plan(compose(["search.objectives=[accuracy,latency]"]), classes=10).limit
        assert limit.at_most_ms == float("inf")
        assert make_plan(compose([]), classes=10).limit is None


class TestWhereCandidatesLand:
    BUDGETS = (
        AT_MOST,
        ("constraint=c1", "constraint.budget.macs=null", "constraint.budget.params={target:null,at_most:0.2M}"),
        (
            "constraint=c1",
            "constraint.budget.params={target:null,at_most:0.2M}",
            "constraint.budget.macs={target:null,at_most:30M}",
        ),
    )

    @pytest.mark.parametrize(("budget", "method"), itertools.product(BUDGETS, ("solve", "reject")))
    def test_all_over_a_wide_budget(self, budget, method):
        """Neither all at the upper end, where there is nothing to trade, nor all at the lower one."""
        proposals = first(problem(*budget, SEVERAL, f"search.method={method}"), "random", 0, 100)
        low, middle, high = np.percentile([proposal.candidate.macs for proposal in proposals], (10, 50, 90))
        assert high / low > 3
        assert middle / low > 1.3
        assert high / middle > 1.15

    def test_by_equal_factors(self):
        macs = [proposal.candidate.macs for proposal in first(problem(*AT_MOST, SEVERAL), "random", 0, 300)]
        octaves, _ = np.histogram(np.log2(macs), bins=np.log2(30e6) + np.array([-3, -2, -1, 0]))
        assert octaves.min() > 0.6 * octaves.max()

    def test_not_below_what_was_asked_for(self):
        drawn_from = problem(
            "constraint=c1",
            "constraint.budget.params=null",
            "constraint.budget.macs={target:null,at_most:30M,at_least:15M}",
            SEVERAL,
        )
        macs = [proposal.candidate.macs for proposal in first(drawn_from, "random", 0, 60)]
        assert 15e6 <= min(macs) < 17e6
        assert 27e6 < max(macs) <= 30e6

    def test_at_the_upper_end_where_accuracy_alone_counts(self):
        """As ever: the paper's candidates end up near the budget."""
        macs = [proposal.candidate.macs for proposal in first(problem(*AT_MOST), "random", 0, 30)]
        assert min(macs) > 0.85 * 30e6

    def test_a_target_is_met_as_ever(self):
        """The same numbers in the same bands; other objectives than accuracy change nothing about them."""
        alone, several = (first(problem("constraint=c1", *more), "random", 0, 20) for more in ((), (SEVERAL,)))
        assert alone == several


def worth(channels) -> float:
    """An accuracy that grows with the logarithm of the widths, and is best for a straight line."""
    steps = np.diff(channels)
    return float(20 + 8 * np.log2(np.sum(channels)) - 0.3 * np.std(steps))


def judge(proposal: Proposal) -> Record:
    return scored(proposal, worth(proposal.candidate.channels))


def searched(sampler: str, seed: int, count: int) -> list[Record]:
    """The records of a search in which every candidate is told before the next is asked for."""
    proposer = Proposer(problem(*AT_MOST, SEVERAL), sampler, seed, STARTUP)
    records = []
    for _ in range(count):
        records.append(judge(proposer.propose()))
        proposer.tell(records[-1])
    return records


def hypervolume(records) -> float:
    """Of accuracy from 0 and MACs, as a share of the budget, below 1."""
    members = front(records, problem(*AT_MOST, SEVERAL).objectives)
    area, before = 0.0, 0.0
    for record in members:  # each adds what it is better by, for all MACs from its own on
        area += (record.val_top1_mean - before) * (1 - record.candidate.macs / 30e6)
        before = record.val_top1_mean
    return area


class Trading:
    sampler: str
    count = 80

    def test_the_front_beats_that_of_as_many_unguided_ones(self):
        learned, drawn = (
            np.mean([hypervolume(searched(sampler, seed, self.count)) for seed in range(3)])
            for sampler in (self.sampler, "random")
        )
        spread = np.std([hypervolume(searched("random", seed, self.count)) for seed in range(5)])
        assert learned > drawn + spread, f"{self.sampler} {learned:.2f}, unguided {drawn:.2f}±{spread:.2f}"

    def test_candidates_are_those_of_the_seed(self):
        one, again, other = (searched(self.sampler, seed, STARTUP + 25) for seed in (0, 0, 1))
        assert one == again
        assert one[STARTUP:] != other[STARTUP:]

    def test_new_ones_spread_over_the_costs(self):
        macs = [record.candidate.macs for record in searched(self.sampler, 0, self.count)[STARTUP:]]
        assert max(macs) / min(macs) > 4

    def test_many_may_be_in_flight_and_some_may_fail(self):
        proposer = Proposer(problem(*AT_MOST, SEVERAL), self.sampler, 0, STARTUP)
        proposals = take(proposer, STARTUP + 10)
        for proposal in reversed(proposals):
            proposer.tell(failed(proposal) if proposal.candidate.number % 5 == 0 else judge(proposal))
        later = take(proposer, 5)
        assert {proposal.candidate.origin for proposal in later} == {Origin.SAMPLER}
        assert len({p.candidate.channels for p in (*proposals, *later)}) == STARTUP + 15


class TestNsga2(Trading):
    sampler = "nsga2"

    def test_a_result_that_comes_late_is_a_parent_all_the_same(self):
        """Of thirty in flight the twenty that end first fill the generation; the best ends last of all."""
        proposer = Proposer(problem(*AT_MOST, SEVERAL), "nsga2", 0, STARTUP)
        proposals = take(proposer, STARTUP + 10)
        for proposal in proposals[:-1]:
            proposer.tell(scored(proposal, 10.0))
        begun = take(proposer, STARTUP)  # the next generation has its parents
        proposer.tell(scored(proposals[-1], 90.0))
        for proposal in begun:
            proposer.tell(scored(proposal, 10.0))
        proposer.propose()
        assert 90.0 not in [trial.values[0] for trial in self.parents(proposer, 1)]
        assert 90.0 in [trial.values[0] for trial in self.parents(proposer, 2)]

    def test_a_refused_draw_is_in_no_generation(self):
        """A generation is so many that were trained, however many draws were refused meanwhile."""
        proposer = Proposer(problem(*AT_MOST, SEVERAL, "space=linear", "space.divisor=8"), "nsga2", 0, STARTUP)
        refused = []
        for number in range(2 * STARTUP + 2):
            proposal = proposer.propose()
            refused.append(proposal.candidate.draws.drawn - 1)
            proposer.tell(judge(proposal))
            begun = {generation for generation in range(1, 4) if self.parents(proposer, generation)}
            assert begun == set(range(1, number // STARTUP + 1))
        assert sum(refused[STARTUP:]) > 3

    def test_after_a_resume_the_parents_are_the_best_of_all(self):
        """Nothing that is known was asked for by this sampler, and no unguided generation is drawn again."""
        before = searched("nsga2", 0, 3 * STARTUP)
        drawn_from = problem(*AT_MOST, SEVERAL)
        study = Proposer(drawn_from, "nsga2", 0, STARTUP)
        proposals = []
        for record in before:
            proposals.append(study.propose())
            study.tell(record)
        again = Proposer(drawn_from, "nsga2", 0, STARTUP, known=proposals)
        for record in before:
            again.tell(record)
        again.propose()
        best = {tuple(drawn_from.objectives.values(record)) for record in front(before, drawn_from.objectives)}
        parents = [tuple(trial.values) for trial in self.parents(again, 3)]
        assert len(parents) == STARTUP
        assert best.issuperset(parents) or best.issubset(parents)  # as much of the front as there is room for

    @staticmethod
    def parents(proposer: Proposer, generation: int) -> list[optuna.trial.FrozenTrial]:
        """Those that were chosen; none of a generation that has not begun."""
        study = proposer._mind._study
        chosen = study._storage.get_study_system_attrs(study._study_id).get(f"LosslessNSGA2:parent:{generation}", ())
        return [trial for trial in study.get_trials() if trial._trial_id in chosen]


class TestTpe(Trading):
    sampler = "tpe"


SETTINGS = (
    "constraint.budget.params=null",
    "constraint.budget.macs={target:null,at_most:0.4M}",
    SEVERAL,
    "sampler.startup=6",
    "search.candidates=14",
)


class TestWhatIsKept:
    @pytest.fixture
    def instant(self, monkeypatch) -> Instant:
        return Instant().install(monkeypatch)

    @staticmethod
    def load(run: RunDirectory) -> optuna.Study:
        return optuna.load_study(study_name=None, storage=f"sqlite:///{run.study_file}")

    def test_the_study_has_both_directions_and_the_same_front(self, instant, tmp_path):
        run = instant.search(tmp_path, *SETTINGS, "name=whole")
        study = self.load(run)
        assert [direction.name for direction in study.directions] == ["MAXIMIZE", "MINIMIZE"]
        assert study.metric_names == ["accuracy", "macs"]
        objectives = make_plan(compose([*SETTINGS]), classes=10).problem.objectives
        members = {record.candidate.number for record in front(run.records(), objectives)}
        assert {trial.user_attrs["candidate"] for trial in study.best_trials} == members
        assert run.config()["sampler"]["name"] == "nsga2"

    def test_goes_on_after_a_ctrl_c(self, instant, tmp_path):
        instant.ends = 9
        run = instant.search(tmp_path, *SETTINGS, "name=cut")
        before = run.records()
        assert len(before) == 9
        instant.ends = None
        instant.go_on(run)
        after = run.records()
        assert after[: len(before)] == before
        assert [record.candidate.number for record in after] == list(range(14))
        assert len(self.load(run).get_trials(states=(optuna.trial.TrialState.COMPLETE,))) == 14

    def test_a_study_that_is_lost_is_made_anew_with_its_directions(self, instant, tmp_path):
        instant.ends = 9
        run = instant.search(tmp_path, *SETTINGS, "name=lost")
        run.study_file.unlink()
        instant.ends = None
        instant.go_on(run)
        assert len(self.load(run).directions) == 2
        assert [record.candidate.number for record in run.records()] == list(range(14))

    def test_those_that_failed_are_tried_again(self, instant, tmp_path):
        instant.failing = {3, 8}
        run = instant.search(tmp_path, *SETTINGS, "name=failed")
        instant.failing = set()
        instant.go_on(run, retry_failed=True)
        _, points = judged(run.records(), make_plan(compose([*SETTINGS]), classes=10).problem.objectives)
        assert points.shape == (14, 2)

    @pytest.mark.parametrize("lost", [False, True])
    def test_objectives_cannot_change_in_a_run(self, instant, tmp_path, lost):
        run = instant.search(tmp_path, *SETTINGS, "name=other")
        if lost:
            run.study_file.unlink()
        for given in ("[accuracy]", "[accuracy,params]"):
            with pytest.raises(UserError, match=r"objectives.*cannot change in a run"):
                instant.go_on(run, f"search.objectives={given}", "search.candidates=16", force=True)
        assert len(run.records()) == 14

    def test_a_study_of_another_number_of_objectives_is_not_written_to(self, tmp_path):
        file = tmp_path / "study.db"
        StudyFile(file, problem(*AT_MOST))
        with pytest.raises(UserError, match="of 1 objectives"):
            StudyFile(file, problem(*AT_MOST, SEVERAL))
