"""In which order candidates are taken, and which are taken at all.

An order is asked with ``next`` and told every result; it sees the pool, which knows nothing of accuracies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

import numpy as np

from chansearch.replay.distance import distances
from chansearch.replay.ledger import Pool
from chansearch.search.candidate import Outcome, Record, State
from chansearch.search.problem import Problem
from chansearch.search.propose import Proposer, SpaceExhausted
from chansearch.space import line_r2


class Order(Protocol):
    """Hands out each number of a pool at most once."""

    def next(self) -> int | None:
        """The candidate to take now; None when there is none left."""
        ...

    def tell(self, candidate: int, val_top1: float, epochs: int, *, finished: bool) -> None:
        """What became of it: its mean after ``epochs``, the last ones it got; ``finished`` if no rung stopped it."""
        ...


# Makes an order for a pool; the number seeds what is random in it.
MakeOrder = Callable[[Pool, int], Order]


class Listed:
    """The given candidates, whatever they score."""

    def __init__(self, candidates: Iterable[int]) -> None:
        self._left = iter(candidates)

    def next(self) -> int | None:
        return next(self._left, None)

    def tell(self, candidate: int, val_top1: float, epochs: int, *, finished: bool) -> None:
        pass


def as_drawn(pool: Pool, seed: int) -> Order:
    """The pool's own order, which is random."""
    return Listed(range(len(pool)))


# What can be said of a candidate before it is trained: the larger, the better it is hoped to be. (m,)
FREE_SCORES: dict[str, Callable[[Pool], np.ndarray]] = {
    "macs": lambda pool: pool.macs,
    "params": lambda pool: pool.params,
    "line": lambda pool: np.array(line_r2(pool.channels)),
}


def better_half(score: str) -> MakeOrder:
    """The half with the larger free score, rounded up, in the pool's own order; ties go to whoever is drawn first."""

    def make(pool: Pool, seed: int) -> Order:
        best_first = np.argsort(-FREE_SCORES[score](pool), kind="stable")
        return Listed(sorted(best_first[: -(-len(pool) // 2)].tolist()))

    return make


def proposed(sampler: str, problem: Problem, startup: int) -> MakeOrder:
    """The search's own proposer, start-up included; each proposal is snapped to the nearest candidate that is left.

    The sampler is told the snapped candidate's accuracy as that of what it proposed.
    """

    def make(pool: Pool, seed: int) -> Order:
        return _Snapped(pool, Proposer(problem, sampler, seed, startup))

    return make


class _Snapped:
    """Proposals, each replaced by the nearest candidate not yet taken; see ``distances``."""

    def __init__(self, pool: Pool, proposer: Proposer) -> None:
        self._channels = pool.channels
        self._proposer = proposer
        self._left = list(range(len(pool)))
        self._asked: dict[int, Record] = {}

    def next(self) -> int | None:
        if not self._left:
            return None
        try:
            asked = self._proposer.propose().candidate
        except SpaceExhausted:  # a small space has nothing new; what is left of the pool is taken as it stands
            return self._left.pop(0)
        nearest = int(distances(self._channels[self._left], np.array(asked.channels)).argmin())
        candidate = self._left.pop(nearest)
        self._asked[candidate] = asked
        return candidate

    def tell(self, candidate: int, val_top1: float, epochs: int, *, finished: bool) -> None:
        if candidate in self._asked:
            state = State.FINISHED if finished else State.STOPPED_AT_RUNG
            outcome = Outcome(state, seeds=(0,), val_top1=(val_top1,), epochs=epochs)
            self._proposer.tell(Record(self._asked.pop(candidate), outcome))
