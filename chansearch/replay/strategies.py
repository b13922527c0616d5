"""The strategies: small classes that spend seed-epochs on a ledger until they have decided.

They see the pool and what they have paid for. What a strategy hands out is the ledger's incumbent at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from chansearch.errors import UserError
from chansearch.ranges import at_least
from chansearch.replay.ledger import Ledger, Pool
from chansearch.replay.orders import MakeOrder, as_drawn, better_half, proposed
from chansearch.replay.rungs import AsynchronousRule, asynchronous_rungs, synchronous_rungs
from chansearch.search.problem import Problem


class Strategy(Protocol):
    """Decides what to train; one object plays any number of pools."""

    def play(self, pool: Pool, ledger: Ledger, seed: int) -> None:
        """Spend on the ledger until the winner stands; the same pool, accuracies and seed give the same spending."""
        ...


@dataclass(frozen=True)
class Schedule:
    """``grace``: epochs before a candidate may be stopped. One in ``reduction`` goes on at a rung. ``contenders`` get
    the seeds that the others are spared."""

    grace: int = 3
    reduction: int = 3
    contenders: int = 3

    def check(self, epochs: int) -> None:
        """Raises ``UserError`` for a value out of range; ``epochs`` are the recorded ones."""
        if not 1 <= self.grace <= epochs:
            raise UserError(f"--grace: {self.grace}; allowed: 1 to the recorded epochs, which are {epochs}")
        at_least("--reduction", self.reduction, 2)
        at_least("--contenders", self.contenders, 1)


@dataclass(frozen=True)
class OneByOne:
    """One candidate after another with its first ``seeds`` seeds, as a single worker would train them.

    With a ``rungs`` rule each may be stopped on its way. Then the best ``contenders`` of those that reached the end
    train the rest of their seeds, best first.
    """

    order: MakeOrder
    schedule: Schedule
    rungs: bool = False
    seeds: int | None = None  # None: all there are
    contenders: int = 0

    def play(self, pool: Pool, ledger: Ledger, seed: int) -> None:
        order = self.order(pool, seed)
        steps = asynchronous_rungs(pool.epochs, self.schedule.grace, self.schedule.reduction) if self.rungs else ()
        rule = AsynchronousRule(steps, self.schedule.reduction)
        finished: dict[int, float] = {}
        while (candidate := order.next()) is not None:
            epochs, val_top1 = self._train(pool, ledger, candidate, rule, steps)
            if epochs == pool.epochs:
                finished[candidate] = val_top1
            order.tell(candidate, val_top1, epochs, finished=epochs == pool.epochs)
        for candidate in best(finished, self.contenders):
            ledger.train(candidate, pool.seeds, pool.epochs)

    def _train(
        self, pool: Pool, ledger: Ledger, candidate: int, rule: AsynchronousRule, rungs: tuple[int, ...]
    ) -> tuple[int, float]:
        """How many epochs it got, and its mean after them."""
        seeds = pool.seeds if self.seeds is None else self.seeds
        for rung in rungs:
            val_top1 = ledger.train(candidate, seeds, rung)
            if not rule.goes_on(rung, val_top1):
                return rung, val_top1
        return pool.epochs, ledger.train(candidate, seeds, pool.epochs)


@dataclass(frozen=True)
class RungByRung:
    """Everyone to the first rung, the best 1/reduction (rounded up) of them to the second, and so to the last epoch.

    ``seeds_at(rung, seeds)``: of that many seeds, how many are trained at a rung, counted from 0. The best
    ``contenders`` at the end train the rest of theirs.
    """

    schedule: Schedule
    seeds_at: Callable[[int, int], int]
    contenders: int = 0

    def play(self, pool: Pool, ledger: Ledger, seed: int) -> None:
        left = list(range(len(pool)))
        rungs = synchronous_rungs(pool.epochs, self.schedule.grace, self.schedule.reduction)
        for number, epochs in enumerate(rungs):
            seeds = self.seeds_at(number, pool.seeds)
            scores = {candidate: ledger.train(candidate, seeds, epochs) for candidate in left}
            left = best(scores, -(-len(left) // self.schedule.reduction))
        for candidate in best(scores, self.contenders):
            ledger.train(candidate, pool.seeds, pool.epochs)


def best(scores: Mapping[int, float], count: int) -> list[int]:
    """The ``count`` candidates with the highest scores, best first; ties go to whoever was trained first."""
    return sorted(scores, key=lambda candidate: -scores[candidate])[:count]


def make_strategies(
    names: tuple[str, ...], schedule: Schedule, problem: Callable[[], tuple[Problem, int]]
) -> dict[str, Strategy]:
    """Strategies by name, see ``STRATEGY_NAMES``; ``problem`` gives the run's problem and its start-up if one asks."""

    def by(sampler: str) -> MakeOrder:
        return proposed(sampler, *problem())

    one_seed = {"seeds": 1, "contenders": schedule.contenders}
    makers: dict[str, Callable[[], Strategy]] = {
        "paper": lambda: OneByOne(as_drawn, schedule),
        **{name: lambda name=name: OneByOne(by(name), schedule) for name in ("tpe", "cmaes", "gp")},
        **{
            f"prescreen-{score}": lambda score=score: OneByOne(better_half(score), schedule)
            for score in ("macs", "params", "line")
        },
        "asha": lambda: OneByOne(as_drawn, schedule, rungs=True),
        "halving": lambda: RungByRung(schedule, lambda rung, seeds: seeds),
        "one-seed": lambda: OneByOne(as_drawn, schedule, **one_seed),
        "prescreen-one-seed": lambda: OneByOne(better_half("macs"), schedule, **one_seed),
        "prescreen-contenders": lambda: OneByOne(better_half("macs"), schedule, rungs=True, **one_seed),
        "contenders": lambda: OneByOne(as_drawn, schedule, rungs=True, **one_seed),
        "halving-contenders": lambda: RungByRung(schedule, lambda rung, seeds: 1, schedule.contenders),
        "racing": lambda: RungByRung(schedule, lambda rung, seeds: min(rung + 1, seeds)),
        "tpe-contenders": lambda: OneByOne(by("tpe"), schedule, rungs=True, **one_seed),
    }
    return {name: makers[name]() for name in names}
