"""Distributions over a population: of the error, and of how linear configurations are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from chansearch.report.quantities import LINE_R2
from chansearch.search.candidate import Origin, Record

RESAMPLES = 2000
COVERAGE = 0.95
_SEED = 0  # of the resampling: the same run gives the same interval


@dataclass(frozen=True)
class Edf:
    """Empirical distribution of the error (100 - top-1, percent): ``share[j]`` of candidates err ``errors[j]`` or less.

    ``errors`` increases strictly, ``share`` too, and ends at 1.
    """

    label: str
    errors: np.ndarray
    share: np.ndarray
    candidates: int


@dataclass(frozen=True)
class Interval:
    """A mean with its bootstrap percentile interval; no ends for fewer than two values, which have no spread."""

    mean: float
    low: float | None
    high: float | None
    count: int


def edf(label: str, ranked: Sequence[Record]) -> Edf:
    """Of candidates that may be ranked, at least one (cf. the population plots of arXiv 1905.13214)."""
    errors, counts = np.unique([100 - record.val_top1_mean for record in ranked], return_counts=True)
    return Edf(label, errors, counts.cumsum() / counts.sum(), len(ranked))


def by_origin(ranked: Sequence[Record]) -> dict[Origin, tuple[Record, ...]]:
    """Candidates told apart by who drew them, in the order given; only origins that occur."""
    groups = {origin: tuple(record for record in ranked if record.candidate.origin is origin) for origin in Origin}
    return {origin: records for origin, records in groups.items() if records}


def line_r2_interval(records: Sequence[Record]) -> Interval:
    """Mean R² of the best line through each configuration, over at least one candidate.

    The interval is the bootstrap's 95 % percentile one: candidates are drawn with replacement, ``RESAMPLES`` times.
    """
    values = np.array([LINE_R2.of(record) for record in records])
    if len(values) < 2:
        return Interval(float(values.mean()), None, None, len(values))
    chosen = np.random.default_rng(_SEED).integers(len(values), size=(RESAMPLES, len(values)))
    return Interval(float(values.mean()), *central(values[chosen].mean(axis=1)), len(values))


def central(values: np.ndarray, method: str = "linear") -> tuple[float, float]:
    """Ends of the central ``COVERAGE`` of ``values``; ``method`` as ``np.percentile`` has it."""
    tail = 50 * (1 - COVERAGE)
    low, high = np.percentile(values, [tail, 100 - tail], method=method)
    return float(low), float(high)
