"""From a run directory and what was asked to replays and their measures. Writes nothing."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache

from chansearch.errors import UserError
from chansearch.ranges import at_least, within
from chansearch.replay.fidelity import Agreement, Reliability, agreements, reliability
from chansearch.replay.measures import Measures, found, measure
from chansearch.replay.names import SLOW
from chansearch.replay.play import Draw, Replay, draws, play
from chansearch.replay.population import LEAST, Population
from chansearch.replay.strategies import Schedule, make_strategies
from chansearch.replay.table import Table
from chansearch.search.objectives import ACCURACY_ALONE
from chansearch.search.plan import recorded_plan
from chansearch.search.problem import Problem
from chansearch.search.rundir import RunDirectory

_MOST_REPLAYS = 100_000  # all are kept until they are compared
PAPER = "paper"  # what everything is compared with


@dataclass(frozen=True)
class Options:
    """``candidates`` a replay; None: two thirds of those recorded, so that replays differ in them and not in order
    alone."""

    strategies: tuple[str, ...]
    replays: int = 200
    seed: int = 0
    candidates: int | None = None
    schedule: Schedule = field(default_factory=Schedule)

    def check(self, population: Population) -> None:
        """Raises ``UserError`` for a value out of range."""
        within("--replays", self.replays, 2, _MOST_REPLAYS)
        at_least("--seed", self.seed, 0)
        asked = self.candidates
        if asked is not None and not LEAST <= asked <= population.candidates:
            raise UserError(f"--candidates: {asked}; allowed: {LEAST} to the {population.candidates} recorded ones")
        self.schedule.check(population.epochs)

    def candidates_of(self, population: Population) -> int:
        """How many candidates a replay has."""
        return self.candidates or max(LEAST, -(-2 * population.candidates // 3))


@dataclass(frozen=True)
class Replayed:
    """All that was found. ``by_test`` and ``by_val``: each strategy's measures with the truth taken from test_top1,
    which no strategy saw, and from val_top1, whose noise the strategies share."""

    run: RunDirectory
    options: Options
    population: Population
    drawn: tuple[Draw, ...]
    replays: dict[str, tuple[Replay, ...]]
    by_test: dict[str, Measures]
    by_val: dict[str, Measures]
    agreements: tuple[Agreement, ...]
    reliability: Reliability


def replay_run(run: RunDirectory, options: Options) -> Replayed:
    """Replay the strategies asked for, and the paper's protocol with them; ``UserError`` where that cannot be."""
    run.config()  # the summary and the guided strategies ask for it; a damaged one is said before the replays
    population = Population.of(Table.of(run))
    options.check(population)
    names = tuple(dict.fromkeys((PAPER, *options.strategies)))
    strategies = make_strategies(names, options.schedule, _problem_of(run))
    drawn = draws(population, options.replays, options.seed, options.candidates_of(population))
    replays = {
        name: tuple(play(population, strategy, draw) for draw in _shown(name, _share(name, drawn)))
        for name, strategy in strategies.items()
    }
    return Replayed(
        run=run,
        options=options,
        population=population,
        drawn=tuple(drawn),
        replays=replays,
        by_test=_measures(replays, drawn, population.test_top1.mean(axis=1)),
        by_val=_measures(replays, drawn, population.val_top1[:, :, -1].mean(axis=1)),
        agreements=agreements(population),
        reliability=reliability(population),
    )


def _share(name: str, drawn: Sequence[Draw]) -> Sequence[Draw]:
    """The first tenth of the draws, two or more, for a strategy that takes its time."""
    return drawn[: max(2, len(drawn) // 10)] if name in SLOW else drawn


def _measures(replays: dict[str, tuple[Replay, ...]], drawn: Sequence[Draw], truth) -> dict[str, Measures]:
    by_name = {name: found(own, drawn[: len(own)], truth) for name, own in replays.items()}
    return {name: measure(own, by_name[PAPER]) for name, own in by_name.items()}


def _shown(name: str, drawn: Sequence[Draw]):
    """The draws, with a progress bar in a terminal: guided strategies take minutes."""
    from rich.console import Console
    from rich.progress import track

    if not sys.stderr.isatty():
        return drawn
    return track(drawn, name, console=Console(stderr=True), transient=True)


def _problem_of(run: RunDirectory) -> Callable[[], tuple[Problem, int]]:
    """The run's problem and its sampler's start-up, read when a guided strategy asks; strategies look for accuracy."""

    @cache
    def read() -> tuple[Problem, int]:
        plan = recorded_plan(run.config(), str(run.config_file))
        return dataclasses.replace(plan.problem, objectives=ACCURACY_ALONE), plan.config.sampler.startup

    return read
