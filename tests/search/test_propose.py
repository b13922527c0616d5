"""Proposing: the unguided stream is a pure function, nothing comes twice, and everything drawn is accounted for."""

import json
import subprocess
import sys

import numpy as np
import pytest

from chansearch.search import propose
from chansearch.search.candidate import Draws, Origin
from chansearch.search.propose import Proposer, unguided_values
from chansearch.space import FAMILIES, round_channels
from tests.search.problems import counted_by_hand, first, problem, scored, take, take_all

UNGUIDED = ("random", "qmc")
PROBLEMS = {
    "c1": ("constraint=c1",),
    "c1 reject": ("constraint=c1", "search.method=reject"),
    "c2 free": ("constraint=c2", "space=free"),
    "c3 stagewise": ("constraint=c3", "space=stagewise"),
    "c4 hinge": ("constraint=c4", "space=hinge"),
    "c2 linear": ("constraint=c2", "space=linear"),
    "divisor 8": ("constraint=c4", "space.divisor=8"),
    "one band": ("constraint=d18_30m",),
    "one band reject": ("constraint=d18_30m", "space=free", "search.method=reject"),
    "demo": ("constraint=demo",),
}
each_problem = pytest.mark.parametrize("name", PROBLEMS)
each_stream = pytest.mark.parametrize("sampler", UNGUIDED)

# What a fresh interpreter says of the same streams.
_ELSEWHERE = """
import json, sys
from tests.search.problems import first, problem
cases = json.load(sys.stdin)
print(json.dumps([repr(first(problem(*overrides), sampler, seed, 40)) for overrides, sampler, seed in cases]))
"""


@each_problem
@each_stream
def test_the_stream_is_the_same_each_time(name, sampler):
    drawn_from = problem(*PROBLEMS[name])
    assert first(drawn_from, sampler, 3, 40) == first(drawn_from, sampler, 3, 40)


def test_the_stream_is_the_same_in_a_fresh_process():
    cases = [(overrides, sampler, 3) for overrides in PROBLEMS.values() for sampler in UNGUIDED]
    answer = subprocess.run(
        [sys.executable, "-c", _ELSEWHERE], input=json.dumps(cases), capture_output=True, text=True, check=True
    )
    for (overrides, sampler, seed), there in zip(cases, json.loads(answer.stdout), strict=True):
        assert repr(first(problem(*overrides), sampler, seed, 40)) == there, (overrides, sampler)


@each_problem
@each_stream
def test_the_stream_goes_on_after_a_resume_at_any_point(name, sampler):
    drawn_from = problem(*PROBLEMS[name])
    whole = first(drawn_from, sampler, 0, 24)
    for known in (0, 1, 5, 23):
        resumed = Proposer(drawn_from, sampler, 0, startup=2, known=whole[:known])
        assert take(resumed, 24 - known) == whole[known:], f"resumed after {known}"


@each_stream
def test_results_do_not_touch_the_stream(sampler):
    drawn_from = problem("constraint=c1")
    proposer = Proposer(drawn_from, sampler, 0, startup=2)
    told = []
    for top1 in range(20):
        told.append(proposer.propose())
        proposer.tell(scored(told[-1], float(top1)))
    assert told == first(drawn_from, sampler, 0, 20)


@pytest.mark.parametrize("sampler", ["tpe", "cmaes", "gp"])
def test_a_guided_sampler_starts_from_the_unguided_stream(sampler):
    drawn_from = problem("constraint=c1")
    start = take(Proposer(drawn_from, sampler, 5, startup=12), 12)
    assert start == first(drawn_from, "random", 5, 12)


@each_problem
@each_stream
def test_another_seed_is_another_stream(name, sampler):
    drawn_from = problem(*PROBLEMS[name])
    here, there = ([p.values for p in first(drawn_from, sampler, seed, 16)] for seed in (0, 1))
    assert all(values not in there for values in here)


def test_qmc_and_random_are_different_streams():
    drawn_from = problem("constraint=c1")
    assert first(drawn_from, "qmc", 0, 8) != first(drawn_from, "random", 0, 8)


@pytest.mark.parametrize("sampler", UNGUIDED)
def test_a_seed_below_another_does_not_lead_into_it(sampler):
    """Draw k of seed s must not be draw k−1 of seed s+1, as it is where a generator is seeded with s+k."""
    drawn_from = problem("constraint=c1", "space=free")
    streams = [next(unguided_values(drawn_from, sampler, seed)) for seed in range(4)]
    values = [tuple(draw.values()) for stream in streams for draw in stream]
    assert len(set(values)) == len(values)


@each_problem
@each_stream
def test_every_candidate_lies_within_its_band(name, sampler):
    drawn_from = problem(*PROBLEMS[name])
    for proposal in first(drawn_from, sampler, 1, 40):
        candidate = proposal.candidate
        by_hand = counted_by_hand(drawn_from.skeleton, candidate.channels)
        assert {"params": candidate.params, "macs": candidate.macs} == by_hand, candidate.channels
        for quantity, band in drawn_from.budget.bands.items():
            assert band.low <= by_hand[quantity] <= band.high, (quantity, candidate.channels)


@each_problem
@each_stream
def test_candidates_are_new_monotone_members_of_their_space(name, sampler):
    drawn_from = problem(*PROBLEMS[name])
    proposals = first(drawn_from, sampler, 2, 40)
    channels = [proposal.candidate.channels for proposal in proposals]
    assert len(set(channels)) == 40
    for proposal in proposals:
        candidate = proposal.candidate
        assert list(candidate.channels) == sorted(candidate.channels)
        assert candidate.member.channels(drawn_from.divisor) == candidate.channels
        assert candidate.member.shape == drawn_from.family.decode(proposal.values)
        assert all(c % drawn_from.divisor == 0 for c in candidate.channels)
    assert [proposal.candidate.number for proposal in proposals] == list(range(40))
    assert {proposal.candidate.origin for proposal in proposals} == {Origin.UNGUIDED}


@each_problem
@each_stream
def test_draws_add_up(name, sampler):
    """Every draw of the stream up to the last candidate is counted once, under what became of it."""
    drawn_from = problem(*PROBLEMS[name])
    proposals = first(drawn_from, sampler, 0, 40)
    assert all(proposal.candidate.draws.kept == 1 for proposal in proposals)
    total = sum((proposal.candidate.draws for proposal in proposals), Draws())
    assert total.drawn == total.kept + total.duplicate + total.under_budget + total.over_budget

    recounted = {"kept": 0, "duplicate": 0, "under_budget": 0, "over_budget": 0}
    seen, drawn = set(), 0
    batches = unguided_values(drawn_from, sampler, 0)
    while recounted["kept"] < 40:
        for values in next(batches):
            drawn += 1
            a_b = drawn_from.realise([values])[0]
            costs = counted_by_hand(drawn_from.skeleton, a_b.channels)
            bands = drawn_from.budget.bands.items()
            if any(costs[quantity] > band.high for quantity, band in bands):
                recounted["over_budget"] += 1
            elif any(costs[quantity] < band.low for quantity, band in bands):
                recounted["under_budget"] += 1
            elif a_b.channels in seen:
                recounted["duplicate"] += 1
            else:
                seen.add(a_b.channels)
                recounted["kept"] += 1
                if recounted["kept"] == 40:
                    break
    assert {what: getattr(total, what) for what in recounted} == recounted
    assert total.drawn == drawn


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("method", ["solve", "reject"])
def test_every_family_has_candidates_under_every_constraint(family, method):
    for constraint in ("c1", "c2", "c3", "c4", "d18_70m", "d30_150m"):
        drawn_from = problem(f"constraint={constraint}", f"space={family}", f"search.method={method}")
        assert len({p.candidate.channels for p in first(drawn_from, "random", 0, 10)}) == 10


@pytest.mark.parametrize("method", ["solve", "reject"])
def test_an_upper_bound_is_never_passed(method):
    at_most = problem(
        "constraint=c1",
        f"search.method={method}",
        "constraint.budget.params={target: null, at_most: 0.2M}",
        "constraint.budget.macs={target: null, at_most: 30M}",
    )
    for proposal in first(at_most, "random", 0, 40):
        costs = counted_by_hand(at_most.skeleton, proposal.candidate.channels)
        assert costs["params"] <= 200_000
        assert costs["macs"] <= 30_000_000


def test_solving_for_an_upper_bound_lands_near_it():
    """The paper's candidates end up near the budget, not merely under it (Table 3)."""
    at_most = problem("constraint=d18_30m", "constraint.budget.macs={target: null, at_most: 30M}")
    macs = [proposal.candidate.macs for proposal in first(at_most, "random", 0, 40)]
    assert min(macs) > 0.85 * 30e6


class TestASpaceThatRunsOut:
    overrides = ("constraint=c1", "space=linear", "space.divisor=8")

    @pytest.fixture(autouse=True)
    def sooner(self, monkeypatch):
        """A space this small has shown all it has after some hundred draws."""
        monkeypatch.setattr(propose, "_EXHAUSTED_AFTER", 5_000)

    @pytest.fixture
    def proposals(self):
        return take_all(Proposer(problem(*self.overrides), "random", 0, startup=2))

    def test_gives_each_of_its_members_once(self, proposals):
        channels = [proposal.candidate.channels for proposal in proposals]
        assert len(set(channels)) == len(channels) >= 2

    def test_has_no_member_that_was_not_given(self, proposals):
        """All lines on a fine grid of a and b that meet the budget unrounded and rounded, as ``solve`` draws them."""
        drawn_from = problem(*self.overrides)
        grid = np.mgrid[2:80:0.5, 2:200:0.5].reshape(2, -1)
        start, end = grid[:, grid[1] >= grid[0]]
        lines = start[:, None] + (end - start)[:, None] * drawn_from.family.decode({}).at_blocks()
        rounded = round_channels(lines, 8)
        # Half a per cent off the edges unrounded, for a grid is no continuum.
        inside = drawn_from.budget.misses(drawn_from.priced(rounded)).any(axis=1) == 0
        for name, band in drawn_from.budget.bands.items():
            relaxed = getattr(drawn_from.priced(lines), name)
            inside &= (relaxed > 1.005 * band.low) & (relaxed < 0.995 * band.high)
        found = set(map(tuple, rounded[inside].tolist()))
        assert found
        assert found <= {proposal.candidate.channels for proposal in proposals}

    def test_runs_out_after_a_resume_too(self, proposals):
        resumed = Proposer(problem(*self.overrides), "random", 0, startup=2, known=proposals[:-1])
        assert take_all(resumed) == proposals[-1:]

    def test_runs_out_under_a_guided_sampler(self, proposals):
        found = [p.candidate.channels for p in take_all(Proposer(problem(*self.overrides), "tpe", 0, startup=2))]
        assert set(found) >= {p.candidate.channels for p in proposals}
        assert len(set(found)) == len(found)

    def test_is_empty_where_the_divisor_leaves_nothing(self):
        assert take_all(Proposer(problem("constraint=c1", "space=linear", "space.divisor=32"), "random", 0, 2)) == []
