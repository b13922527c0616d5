"""What the tests of the search draw from: problems of shipped configurations, their own pricing, and records."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import cache

from chansearch.config import compose
from chansearch.nets import NetworkSpec
from chansearch.search.candidate import Outcome, Record, State
from chansearch.search.plan import make_plan
from chansearch.search.problem import Problem
from chansearch.search.propose import Proposal, Proposer, SpaceExhausted


@cache
def problem(*overrides: str) -> Problem:
    """The problem that the command line makes of these overrides."""
    return make_plan(compose(overrides), classes=10).problem


def take(proposer: Proposer, count: int) -> list[Proposal]:
    return [proposer.propose() for _ in range(count)]


def first(drawn_from: Problem, sampler: str, seed: int, count: int) -> list[Proposal]:
    """The first ``count`` unguided candidates."""
    return take(Proposer(drawn_from, sampler, seed, startup=2), count)


def take_all(proposer: Proposer, most: int = 10_000) -> list[Proposal]:
    """Every candidate of a space that runs out."""
    proposals = []
    for _ in range(most):
        try:
            proposals.append(proposer.propose())
        except SpaceExhausted:
            return proposals
    raise AssertionError(f"{most} candidates and no end")


def scored(proposal: Proposal, top1: float) -> Record:
    """The candidate, trained to its end with this accuracy on both seeds."""
    return Record(proposal.candidate, Outcome(State.FINISHED, (0, 1), (top1, top1), (top1, top1), epochs=2))


def stopped(proposal: Proposal, top1: float) -> Record:
    return Record(proposal.candidate, Outcome(State.STOPPED_AT_RUNG, (0, 1), (top1, top1), epochs=1))


def failed(proposal: Proposal) -> Record:
    return Record(proposal.candidate, Outcome(State.FAILED, (0, 1), reason="seed 0 diverged"))


def counted_by_hand(skeleton: NetworkSpec, channels: Sequence[int]) -> dict[str, int]:
    """Params and MACs without the classifier, layer by layer: a second opinion, for skeletons without SE."""
    layers = []  # (weights of a convolution, its output channels, its output's area)
    size = -(-skeleton.input_size // skeleton.stem_stride)
    layers.append((9 * skeleton.in_channels * skeleton.stem_channels, skeleton.stem_channels, size**2))
    widths = itertools.pairwise([skeleton.stem_channels, *channels])
    for (before, after), stride, expansion in zip(widths, skeleton.strides, skeleton.expansions, strict=True):
        hidden = before * expansion
        if expansion > 1:
            layers.append((before * hidden, hidden, size**2))
        size = -(-size // stride)
        layers.append((9 * hidden, hidden, size**2))
        layers.append((hidden * after, after, size**2))
    layers.append((channels[-1] * skeleton.head_channels, skeleton.head_channels, size**2))
    return {
        "params": sum(weights + 2 * outputs for weights, outputs, _ in layers),
        "macs": sum(weights * area for weights, _, area in layers),
    }
