"""Where a training may be stopped, and by which rule."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np


def asynchronous_rungs(epochs: int, grace: int, reduction: int) -> tuple[int, ...]:
    """Epochs after which ``scheduler=asha`` judges: grace, times ``reduction`` each, before the last one. 3, 9, 27."""
    return tuple(_geometric(epochs, grace, reduction))


def _geometric(epochs: int, grace: int, reduction: int) -> Iterator[int]:
    rung = grace
    while rung < epochs:
        yield rung
        rung *= reduction


def synchronous_rungs(epochs: int, grace: int, reduction: int) -> tuple[int, ...]:
    """Epochs up to which all that are left train: the last, divided by ``reduction`` each, down to grace. 3, 10, 30."""
    rungs = [epochs]
    while rungs[-1] // reduction >= grace:
        rungs.append(rungs[-1] // reduction)
    return tuple(reversed(rungs))


class AsynchronousRule:
    """Stops whoever is worse at a rung than the best 1/reduction of those that were judged there before.

    Ray's AsyncHyperBandScheduler with one bracket, as ``scheduler=asha`` uses it (arXiv 1810.05934, the stopping
    variant): the first at a rung always goes on, and nobody is called back.
    """

    def __init__(self, rungs: tuple[int, ...], reduction: int) -> None:
        self._judged: dict[int, list[float]] = {rung: [] for rung in rungs}
        self._percentile = (1 - 1 / reduction) * 100

    def goes_on(self, rung: int, val_top1: float) -> bool:
        """Judge a candidate's mean at a rung, and remember it."""
        before = self._judged[rung]
        passed = not before or bool(val_top1 >= np.percentile(before, self._percentile))
        before.append(val_top1)
        return passed
