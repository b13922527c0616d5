"""Measured latency: networks timed in turn, so that what slows the machine down slows all of them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from chansearch.cost.engines import Runner

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
