"""Guided samplers: one contract for all, on a synthetic objective in place of training."""

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from chansearch.search.candidate import Origin
from chansearch.search.propose import Proposal, Proposer
from chansearch.space import line_r2
from tests.search.problems import counted_by_hand, failed, first, problem, scored, stopped, take

STARTUP = 10
SEEDS = (0, 1, 2)


def straightness(channels) -> float:
    """What the paper finds good, as an accuracy: near linear and with a slim start. Unguided draws score 30 to 80."""
    return 100 * float(line_r2(np.array(channels))) - channels[0]


@cache
def guided(sampler: str, seed: int, count: int) -> tuple[Proposal, ...]:
    """The candidates of a search in which every one is told before the next is asked for."""
    proposer = Proposer(problem("constraint=c2"), sampler, seed, STARTUP)
    proposals = []
    for _ in range(count):
        proposals.append(proposer.propose())
        proposer.tell(scored(proposals[-1], straightness(proposals[-1].candidate.channels)))
    return tuple(proposals)


def mean_score(proposals) -> float:
    return float(np.mean([straightness(proposal.candidate.channels) for proposal in proposals]))


class Contract:
    """What a search relies on, whatever the sampler. ``count`` is what a test can afford to ask for."""

    sampler: str
    count: int

    @pytest.fixture
    def proposer(self) -> Proposer:
        return Proposer(problem("constraint=c2"), self.sampler, 0, STARTUP)

    def test_no_two_candidates_share_their_channels(self):
        channels = [proposal.candidate.channels for proposal in guided(self.sampler, 0, self.count)]
        assert len(set(channels)) == self.count

    def test_every_candidate_lies_within_its_band(self):
        drawn_from = problem("constraint=c2")
        for proposal in guided(self.sampler, 0, self.count):
            costs = counted_by_hand(drawn_from.skeleton, proposal.candidate.channels)
            for quantity, band in drawn_from.budget.bands.items():
                assert band.low <= costs[quantity] <= band.high, (quantity, proposal.candidate.channels)

    def test_candidates_are_what_their_numbers_say(self):
        drawn_from = problem("constraint=c2")
        for proposal in guided(self.sampler, 0, self.count):
            realised = drawn_from.realise([proposal.values])[0]
            assert (realised.member, realised.channels) == (proposal.candidate.member, proposal.candidate.channels)

    def test_the_sampler_takes_over_after_the_start(self):
        origins = [proposal.candidate.origin for proposal in guided(self.sampler, 0, self.count)]
        assert set(origins[:STARTUP]) == {Origin.UNGUIDED}
        assert Origin.SAMPLER in origins[STARTUP:]

    def test_draws_add_up(self):
        for proposal in guided(self.sampler, 0, self.count):
            draws = proposal.candidate.draws
            assert draws.kept == 1
            assert min(draws.drawn, draws.duplicate, draws.under_budget, draws.over_budget) >= 0

    def test_many_may_be_in_flight(self, proposer):
        """Nothing is told until all of them run, and then in another order."""
        proposals = take(proposer, STARTUP + 4)
        for proposal in reversed(proposals):
            proposer.tell(scored(proposal, straightness(proposal.candidate.channels)))
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
        before = list(guided(self.sampler, 0, self.count)[:known])
        proposer = Proposer(problem("constraint=c2"), self.sampler, 0, STARTUP, known=before)
        endings: list[Callable] = [failed, lambda p: stopped(p, 10.0), lambda p: scored(p, 50.0)]
        for place, proposal in enumerate(before[:-1]):
            proposer.tell(endings[place % 3](proposal))
        later = take(proposer, STARTUP + 6 - known)
        assert [p.candidate.number for p in (*before, *later)] == list(range(STARTUP + 6))
        assert len({p.candidate.channels for p in (*before, *later)}) == STARTUP + 6
        unguided = first(problem("constraint=c2"), "random", 0, STARTUP)
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
            proposer.tell(scored(proposal, straightness(proposal.candidate.channels)))
        later = []
        for _ in range(30):
            later.append(proposer.propose())
            proposer.tell(scored(later[-1], straightness(later[-1].candidate.channels)))
        drawn = mean_score(first(problem("constraint=c2"), "random", 0, 60))
        assert mean_score(later) > drawn, f"{self.sampler} {mean_score(later):.1f}, unguided {drawn:.1f}"


class TestTpe(Improves, Contract):
    sampler = "tpe"


class TestCmaes(Improves, Contract):
    sampler = "cmaes"


class TestGp(Contract):
    sampler = "gp"
    count = STARTUP + 5
