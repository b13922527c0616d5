"""What is reported: one table of each quantity's column, label, unit and scale, so that CSV, figures and page agree."""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from chansearch.search.candidate import Record
from chansearch.space import line_r2

MISSING = "–"  # what people see where there is no value


@dataclass(frozen=True)
class Quantity:
    """``column`` holds plain values (percent, counts); people see ``value × scale`` in ``unit`` with ``digits``."""

    column: str
    label: str
    short: str  # the label in a line of text
    unit: str
    scale: float
    digits: int
    of: Callable[[Record], float | None]  # None where a candidate has none

    @property
    def heading(self) -> str:
        """Label and unit, for an axis or a table of the page."""
        return f"{self.label} [{self.unit}]" if self.unit else self.label

    @property
    def short_heading(self) -> str:
        """Short label and unit, for a table in a terminal."""
        return f"{self.short} [{self.unit}]" if self.unit else self.short

    def text(self, value: float | None) -> str:
        return MISSING if value is None else f"{value * self.scale:,.{self.digits}f}"


@dataclass(frozen=True)
class Spread:
    """Mean and sample standard deviation of ``count`` values; no deviation for one value, no mean for none."""

    mean: float | None
    std: float | None
    count: int

    @staticmethod
    def of(values: Iterable[float | None]) -> Spread:
        """Of the values there are; ``None`` entries are left out."""
        there = [float(value) for value in values if value is not None]
        return Spread(
            mean=statistics.fmean(there) if there else None,
            std=statistics.stdev(there) if len(there) > 1 else None,
            count=len(there),
        )

    def text(self, quantity: Quantity) -> str:
        """``63.10 ± 0.12``, in the quantity's unit."""
        return quantity.text(self.mean) + ("" if self.std is None else f" ± {quantity.text(self.std)}")


def _mean(values: Sequence[float]) -> float | None:
    """None where there is no value, or where one is not finite: no mean, figure or table could say anything of it."""
    return statistics.fmean(values) if values and all(map(math.isfinite, values)) else None


def _val_top1(record: Record) -> float | None:
    return _mean(record.outcome.val_top1)


def _test_top1(record: Record) -> float | None:
    return _mean(record.outcome.test_top1)


def _r2(record: Record) -> float:
    return float(line_r2(record.candidate.channels))


def _nuclear_norm(record: Record) -> float | None:
    return _mean(record.outcome.nuclear_norm)


def _feature_rank(record: Record) -> float | None:
    return _mean(record.outcome.feature_rank)


def _images_per_second(record: Record) -> float | None:
    spent = record.outcome.spent
    return spent.images / spent.train_seconds if spent.is_complete and spent.train_seconds else None


VAL_TOP1 = Quantity("val_top1", "top-1 on validation images", "val top-1", "%", 1, 2, _val_top1)
TEST_TOP1 = Quantity("test_top1", "top-1 on test images", "test top-1", "%", 1, 2, _test_top1)
PARAMS = Quantity("params", "params", "params", "M", 1e-6, 3, lambda record: record.candidate.params)
MACS = Quantity("macs", "MACs (the paper's FLOPs)", "MACs", "M", 1e-6, 2, lambda record: record.candidate.macs)
LATENCY = Quantity("latency_ms", "latency", "latency", "ms", 1, 2, lambda record: record.candidate.latency_ms)
LINE_R2 = Quantity("line_r2", "R² of the best line", "R² of line", "", 1, 3, _r2)
SECONDS = Quantity(
    "seconds", "training and measuring", "at work", "s", 1, 1, lambda record: record.outcome.spent.seconds
)
IMAGES_PER_SECOND = Quantity(
    "images_per_second", "trained by a worker", "trained", "images/s", 1, 0, _images_per_second
)
LOST_SECONDS = Quantity(
    "lost_seconds", "lost, hand-out to end", "lost", "s", 1, 1, lambda record: record.outcome.spent.lost_seconds
)
# Of the final feature of the images that rank, mean over the seeds; only runs with search.record_rank have them.
NUCLEAR_NORM = Quantity("nuclear_norm", "nuclear norm of the final feature", "nuclear norm", "", 1, 1, _nuclear_norm)
FEATURE_RANK = Quantity("feature_rank", "rank of the final feature", "feature rank", "", 1, 1, _feature_rank)
FEATURES = (NUCLEAR_NORM, FEATURE_RANK)
QUANTITIES = (VAL_TOP1, TEST_TOP1, PARAMS, MACS, LATENCY, LINE_R2, *FEATURES)


def ranking_quantity(rank_on: str) -> Quantity:
    """``VAL_TOP1`` under the name of the images it was measured on: ``data.rank_on`` is ``val`` or ``test``."""
    if rank_on == "test":
        return dataclasses.replace(VAL_TOP1, label="ranking top-1, on test images", short="ranking top-1 (test)")
    return VAL_TOP1
