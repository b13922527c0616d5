"""Accuracy over the epochs, a curve a candidate."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from chansearch.search.candidate import CurvePoint


@dataclass(frozen=True)
class Curve:
    """``top1[j]``, percent, is the mean over the candidate's seeds after epoch ``epochs[j]``, from 1."""

    candidate: int
    epochs: tuple[int, ...]
    top1: tuple[float, ...]


def mean_curves(points: Iterable[CurvePoint]) -> tuple[Curve, ...]:
    """One curve a candidate, by number, from points in the order they were written.

    A candidate that was started again writes its epochs again: the later row counts, and what the first start had
    written beyond it is dropped, for it belongs to another training.
    """
    kept: dict[int, dict[int, dict[int, float]]] = defaultdict(dict)  # candidate → seed → epoch → top-1
    for point in points:
        written = kept[point.candidate].get(point.seed, {})
        earlier = {epoch: top1 for epoch, top1 in written.items() if epoch < point.epoch}
        kept[point.candidate][point.seed] = earlier | {point.epoch: point.val_top1}
    return tuple(_mean_curve(candidate, list(seeds.values())) for candidate, seeds in sorted(kept.items()))


def _mean_curve(candidate: int, seeds: list[dict[int, float]]) -> Curve:
    """Over the epochs that all seeds have: a mean over other seeds would jump."""
    epochs = sorted(set.intersection(*(set(seed) for seed in seeds)))
    return Curve(candidate, tuple(epochs), tuple(sum(seed[epoch] for seed in seeds) / len(seeds) for epoch in epochs))
