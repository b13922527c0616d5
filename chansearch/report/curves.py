"""Accuracy over the epochs, a curve a candidate."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from chansearch.search.candidate import CurvePoint, last_trainings


@dataclass(frozen=True)
class Curve:
    """``top1[j]``, percent, is the mean over the candidate's seeds after epoch ``epochs[j]``, from 1."""

    candidate: int
    epochs: tuple[int, ...]
    top1: tuple[float, ...]


def mean_curves(points: Iterable[CurvePoint]) -> tuple[Curve, ...]:
    """One curve a candidate, by number, from points in the order they were written; see ``last_trainings``."""
    return tuple(
        _mean_curve(candidate, list(seeds.values())) for candidate, seeds in sorted(last_trainings(points).items())
    )


def _mean_curve(candidate: int, seeds: list[dict[int, CurvePoint]]) -> Curve:
    """Over the epochs that all seeds have: a mean over other seeds would jump."""
    epochs = sorted(set.intersection(*(set(seed) for seed in seeds)))
    return Curve(
        candidate, tuple(epochs), tuple(sum(seed[epoch].val_top1 for seed in seeds) / len(seeds) for epoch in epochs)
    )
