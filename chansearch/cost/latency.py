"""Measured latency: networks timed in turn, so that what slows the machine down slows all of them."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from chansearch.cost.engines import Runner, Setting, make_runner, why_not

if TYPE_CHECKING:
    from chansearch.cost.subjects import Subject

# A visit lasts at least so long: beside it the clock, and the way into the loop, count for nothing.
VISIT_SECONDS = 0.05
_WARM_UP = 5  # inferences before any is timed: compiling, allocating and choosing kernels happen in the first


@dataclass(frozen=True)
class Spread:
    """Median, 10th and 90th percentile of ``count`` rounds, in milliseconds an inference of one batch."""

    median_ms: float
    p10_ms: float
    p90_ms: float
    count: int

    @staticmethod
    def of(seconds: Sequence[float]) -> Spread:
        """Percentiles are interpolated linearly between rounds, as NumPy's are."""
        p10, median, p90 = (1000 * np.percentile(seconds, (10, 50, 90))).tolist()
        return Spread(median, p10, p90, len(seconds))


@dataclass(frozen=True)
class Latency:
    """Of one network in one setting, on images of ``input_size`` pixels; ``skipped``: why there is no ``spread``."""

    model: str
    setting: Setting
    input_size: int
    params: int
    macs: int
    spread: Spread | None
    skipped: str = ""


def measure(
    subjects: Sequence[Subject],
    settings: Sequence[Setting],
    rounds: int,
    seed: int,
    on_step: Callable[[str], None] = lambda text: None,
) -> list[Latency]:
    """Every subject in every setting, all in turn. ``settings`` have their number of threads in common.

    ``on_step`` hears of each network that is made ready and of each round. A pair that its engine cannot run is in the
    list with the reason.
    """
    pairs = [(subject, setting) for subject in subjects for setting in settings]
    skipped: dict[int, str] = {}
    runners: dict[int, Runner] = {}
    visits: dict[int, int] = {}
    with torch_threads(settings[0].threads):
        for place, (subject, setting) in enumerate(pairs):
            on_step(f"ready {place + 1}/{len(pairs)}: {subject.name}, {setting.describe()}")
            try:
                if (reason := why_not(setting.engine, setting.device)) is not None:
                    skipped[place] = reason
                    continue
                # Engines move and lay out the weights as they need them.
                runner = make_runner(copy.deepcopy(subject.network), subject.image_shape, setting)
                visits[place] = warm_up(runner)
                runners[place] = runner
            except Exception as error:  # exporters and compilers have types of their own, and the others can go on
                skipped[place] = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        seconds = time_in_turn(
            list(runners.values()),
            [visits[place] for place in runners],
            rounds,
            seed,
            on_round=lambda done: on_step(f"round {done}/{rounds}"),
        )
    spreads = dict(zip(runners, map(Spread.of, seconds), strict=True))
    return [
        Latency(
            subject.name,
            setting,
            subject.image_shape[1],
            subject.params,
            subject.macs,
            spreads.get(place),
            skipped.get(place, ""),
        )
        for place, (subject, setting) in enumerate(pairs)
    ]


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """PyTorch computes with so many threads meanwhile."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def warm_up(runner: Runner, visit_seconds: float = VISIT_SECONDS) -> int:
    """Run it until it is as fast as it will be; gives the inferences that a visit of that length takes."""
    for _ in range(_WARM_UP):
        runner.infer()
    return max(1, math.ceil(visit_seconds / runner.seconds(2)))


def visiting_order(count: int, seed: int, number: int) -> list[int]:
    """In which order round ``number`` visits its ``count`` runners: a permutation that depends on these three alone."""
    return np.random.default_rng([seed, number]).permutation(count).tolist()


def time_in_turn(
    runners: Sequence[Runner],
    visits: Sequence[int],
    rounds: int,
    seed: int,
    on_round: Callable[[int], None] = lambda done: None,
    clock: Callable[[], float] = time.perf_counter,
) -> list[list[float]]:
    """Seconds an inference, a list of ``rounds`` for each runner.

    Each round visits every runner once, in an order of its own, for as many inferences as ``visits`` says: a machine
    that gets slower or faster meanwhile does so for all of them.
    """
    seconds: list[list[float]] = [[] for _ in runners]
    for number in range(rounds):
        for place in visiting_order(len(runners), seed, number):
            seconds[place].append(runners[place].seconds(visits[place], clock))
        on_round(number + 1)
    return seconds
