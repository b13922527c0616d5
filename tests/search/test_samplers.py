"""Guided samplers: one contract for all, on a synthetic objective in place of training."""

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from optuna.trial import TrialState

from chansearch.search.candidate import Origin, Record
from chansearch.search.mind import Mind
from chansearch.search.problem import Problem
from chansearch.search.propose import Proposal, Proposer
from chansearch.space import line_r2
from tests.search.problems import counted_by_hand, failed, first, problem, scored, stopped, take

STARTUP = 10
SEEDS = (0, 1, 2)


def straightness(channels) -> float:
    """What the paper finds good, as an accuracy: near linear from a slim start. The best is no corner of the space."""
    return 100 * float(line_r2(np.array(channels))) - 2 * abs(channels[0] - 30)


def judged(proposal: Proposal) -> Record:
    return scored(proposal, straightness(proposal.candidate.channels))


@cache
def guided(sampler: str, seed: int, count: int, space: str = "piecewise") -> tuple[Proposal, ...]:
    """The candidates of a search in which every one is told before the next is asked for."""
    proposer = Proposer(problem("constraint=c2", f"space={space}"), sampler, seed, STARTUP)
    proposals = []
    for _ in range(count):
        proposals.append(proposer.propose())
        proposer.tell(judged(proposals[-1]))
    return tuple(proposals)


def mean_score(proposals) -> float:
    return float(np.mean([straightness(proposal.candidate.channels) for proposal in proposals]))


class Contract:
    """What a search relies on, whatever the sampler. ``count`` is what a test can afford to ask for, in ``space``."""

    sampler: str
    count: int
    space = "piecewise"

    @property
    def drawn_from(self) -> Problem:
        return problem("constraint=c2", f"space={self.space}")

    @property
    def proposals(self) -> tuple[Proposal, ...]:
        return guided(self.sampler, 0, self.count, self.space)

    @pytest.fixture
    def proposer(self) -> Proposer:
        return Proposer(self.drawn_from, self.sampler, 0, STARTUP)

    def test_no_two_candidates_share_their_channels(self):
        channels = [proposal.candidate.channels for proposal in self.proposals]
        assert len(set(channels)) == self.count

    def test_every_candidate_lies_within_its_band(self):
        for proposal in self.proposals:
            costs = counted_by_hand(self.drawn_from.skeleton, proposal.candidate.channels)
            for quantity, band in self.drawn_from.budget.bands.items():
                assert band.low <= costs[quantity] <= band.high, (quantity, proposal.candidate.channels)

    def test_candidates_are_what_their_numbers_say(self):
        for proposal in self.proposals:
            realised = self.drawn_from.realise([proposal.values])[0]
            assert (realised.member, realised.channels) == (proposal.candidate.member, proposal.candidate.channels)

    def test_the_sampler_takes_over_after_the_start(self):
        origins = [proposal.candidate.origin for proposal in self.proposals]
        assert set(origins[:STARTUP]) == {Origin.UNGUIDED}
        # An unguided one may stand in where the sampler stays with what it was refused.
        assert origins[STARTUP:].count(Origin.SAMPLER) >= (self.count - STARTUP) / 2

    def test_draws_add_up(self):
        for proposal in self.proposals:
            draws = proposal.candidate.draws
            assert draws.kept == 1
            assert min(draws.drawn, draws.duplicate, draws.under_budget, draws.over_budget) >= 0

    def test_many_may_be_in_flight(self, proposer):
        """Nothing is told until all of them run, and then in another order."""
        proposals = take(proposer, STARTUP + 4)
        for proposal in reversed(proposals):
            proposer.tell(judged(proposal))
        later = take(proposer, 2)
        assert len({p.candidate.channels for p in (*proposals, *later)}) == STARTUP + 6

    def test_hears_of_failures_and_of_candidates_stopped_at_a_rung(self, proposer):
        proposals = take(proposer, STARTUP)
        for proposal in proposals[:4]:
            proposer.tell(failed(proposal))
        for proposal in proposals[4:8]:
            proposer.tell(stopped(proposal, 20.0))
        for proposal in proposals[8:]:
            proposer.tell(scored(proposal, 60.0))
        later = take(proposer, 3)
        assert [proposal.candidate.number for proposal in later] == [STARTUP, STARTUP + 1, STARTUP + 2]

    def test_does_without_a_single_success(self, proposer):
        for proposal in take(proposer, STARTUP):
            proposer.tell(failed(proposal))
        assert len(take(proposer, 2)) == 2

    @pytest.mark.parametrize("known", [3, STARTUP, STARTUP + 3])
    def test_goes_on_after_a_resume(self, known):
        """Some of the known candidates have ended, each in another way; the last one was in flight."""
        before = list(self.proposals[:known])
        proposer = Proposer(self.drawn_from, self.sampler, 0, STARTUP, known=before)
        endings: list[Callable] = [judged, failed, judged, lambda p: stopped(p, 10.0)]
        for place, proposal in enumerate(before[:-1]):
            proposer.tell(endings[place % 4](proposal))
        later = []
        while len(before) + len(later) < STARTUP + 6:
            later.append(proposer.propose())
            proposer.tell(judged(later[-1]))
        assert [p.candidate.number for p in (*before, *later)] == list(range(STARTUP + 6))
        assert len({p.candidate.channels for p in (*before, *later)}) == STARTUP + 6
        unguided = first(self.drawn_from, "random", 0, STARTUP)
        assert [*before, *later][:STARTUP] == unguided
        proposer.tell(scored(before[-1], 70.0))  # it was started again and has ended now


class Improves:
    """Samplers that are quick enough to be watched learning."""

    count = 70

    def test_improves_over_unguided_draws(self):
        """The mean of the last thirty candidates over three searches, a figure with little noise."""
        learned = np.mean([mean_score(guided(self.sampler, seed, self.count)[-30:]) for seed in SEEDS])
        drawn = np.mean([mean_score(first(problem("constraint=c2"), "random", seed, 60)) for seed in SEEDS])
        spread = np.std([straightness(p.candidate.channels) for p in first(problem("constraint=c2"), "random", 0, 60)])
        assert learned > drawn + 0.4 * spread, f"{self.sampler} {learned:.1f}, unguided {drawn:.1f}±{spread:.1f}"

    def test_remembers_after_a_resume(self):
        """What was learned before the cut steers the candidates after it."""
        before = guided(self.sampler, 0, 40)
        proposer = Proposer(problem("constraint=c2"), self.sampler, 0, STARTUP, known=before)
        for proposal in before:
            proposer.tell(judged(proposal))
        later = []
        for _ in range(30):
            later.append(proposer.propose())
            proposer.tell(judged(later[-1]))
        drawn = mean_score(first(problem("constraint=c2"), "random", 0, 60))
        assert mean_score(later) > drawn, f"{self.sampler} {mean_score(later):.1f}, unguided {drawn:.1f}"


class TestTpe(Improves, Contract):
    sampler = "tpe"

    def test_is_not_refused_what_it_could_have_known(self):
        """Where the model has narrowed, most of what it draws was proposed before; it compares draws that are new."""
        later = guided("tpe", 0, self.count)[-30:]
        assert sum(proposal.candidate.draws.drawn for proposal in later) <= 45

    def test_asks_for_the_few_that_meet_a_budget_too(self):
        """Of unguided draws one in fifty does."""
        drawn_from = problem("constraint=c1", "search.method=reject")
        proposer = Proposer(drawn_from, "tpe", 0, STARTUP)
        for _ in range(STARTUP + 20):
            proposer.tell(judged(proposer.propose()))
        draws = [proposer.propose().candidate.draws.drawn for _ in range(10)]
        assert np.mean(draws) < 10, draws


class TestTpesMemory:
    def mind(self, count: int, running: int = 3) -> tuple[Mind, list[Proposal]]:
        """One that has been told of ``count`` candidates, scored in their order, but for the last ones, which run."""
        drawn_from = problem("constraint=c2")
        mind = Mind(drawn_from, "tpe", 0, startup=20, admissible=lambda draws: np.ones(len(draws), dtype=bool))
        proposals = first(drawn_from, "random", 0, count)
        for proposal in proposals:
            mind.place(proposal.candidate.number, proposal.values)
        # The best come first, so that a memory of the newest alone would lose them.
        for proposal in proposals[:-running]:
            mind.tell(scored(proposal, 90.0 - proposal.candidate.number / 100))
        return mind, proposals

    def test_is_bounded(self):
        mind, _ = self.mind(700)
        mind.ask()
        assert len(mind._study.get_trials()) <= 300

    def test_keeps_the_best_and_what_is_under_way(self):
        mind, proposals = self.mind(700)
        mind.ask()
        kept = mind._study.get_trials()
        values = sorted((trial.value for trial in kept if trial.value is not None), reverse=True)
        assert values[:25] == [90.0 - number / 100 for number in range(25)]
        running = [trial.params for trial in kept if trial.state is TrialState.RUNNING]
        assert all(proposal.values in running for proposal in proposals[-3:])
        for proposal in proposals[-3:]:
            mind.tell(scored(proposal, 95.0))
        assert mind._study.best_value == 95.0

    @pytest.mark.parametrize(("count", "running"), [(300, 3), (620, 300)])
    def test_is_whole_while_there_is_room(self, count, running):
        """Those under way do not count: with as many workers every proposal would begin a new study."""
        mind, _ = self.mind(count, running)
        mind.ask()
        assert len(mind._study.get_trials()) == count + 1


class TestCmaes(Improves, Contract):
    sampler = "cmaes"


class TestNsga2(Improves, Contract):
    sampler = "nsga2"


class TestGp(Contract):
    """Slow in a space of many numbers; a hinge has three."""

    sampler = "gp"
    count = STARTUP + 5
    space = "hinge"


OUTCOMES = {
    "all alike": lambda proposal: scored(proposal, 10.0),
    "all failed": failed,
    "all stopped": lambda proposal: stopped(proposal, 10.0),
    "all but one failed": lambda proposal: (
        scored(proposal, 10.0) if proposal.candidate.number == 1 else failed(proposal)
    ),
    "none finite": lambda proposal: scored(proposal, float("nan")),
}


@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize(("sampler", "count"), [("tpe", 16), ("nsga2", 16), ("cmaes", 30), ("gp", 5)])
@pytest.mark.filterwarnings("error")
def test_outcomes_that_say_nothing_stop_no_sampler(sampler, count, outcome):
    """No variance to divide by, no trial to start from."""
    proposer = Proposer(problem("constraint=c2", "space=hinge"), sampler, 0, startup=12 if sampler == "cmaes" else 3)
    channels = set()
    for _ in range(count):
        proposal = proposer.propose()
        channels.add(proposal.candidate.channels)
        proposer.tell(OUTCOMES[outcome](proposal))
    assert len(channels) == count
