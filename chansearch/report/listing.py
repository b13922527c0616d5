"""The candidates as rows of one table: the page without JavaScript and the one with it have the same columns."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from chansearch.report.analysis import Analysis
from chansearch.report.quantities import (
    IMAGES_PER_SECOND,
    LINE_R2,
    LOST_SECONDS,
    MISSING,
    SECONDS,
    TEST_TOP1,
    Quantity,
)
from chansearch.search.candidate import Record
from chansearch.space import format_channels

Value = str | float | None


@dataclass(frozen=True)
class Column:
    """``of`` gives what people see, None where there is nothing; ``digits`` those of a number behind the point."""

    key: str
    heading: str
    of: Callable[[Record], Value]
    digits: int = 0

    def text(self, value: Value) -> str:
        return MISSING if value is None else value if isinstance(value, str) else f"{value:,.{self.digits}f}"


def columns(analysis: Analysis) -> tuple[Column, ...]:
    """The table's columns, in their order."""
    ranks = {record.candidate.number: place for place, record in enumerate(analysis.ranked, start=1)}
    return (
        Column("number", "candidate", lambda record: record.candidate.number),
        Column("rank", "rank", lambda record: ranks.get(record.candidate.number)),
        Column("tenth", "tenth", lambda record: analysis.tenth_of.get(record.candidate.number)),
        Column("channels", "channels", lambda record: format_channels(record.candidate.channels)),
        shown(analysis.ranking),
        Column("std", "± over seeds", _std, digits=2),
        Column("seeds", "seeds", lambda record: len(record.outcome.val_top1)),
        *map(shown, (TEST_TOP1, *analysis.costs, LINE_R2, *analysis.features)),
        Column("state", "state", lambda record: record.outcome.state),
        Column("origin", "drawn by", lambda record: record.candidate.origin),
        Column("epochs", "epochs", lambda record: record.outcome.epochs),
        *map(shown, (SECONDS, IMAGES_PER_SECOND, LOST_SECONDS)),
    )


def shown(quantity: Quantity) -> Column:
    """A quantity's column, in the unit people see."""

    def of(record: Record) -> Value:
        value = quantity.of(record)
        return None if value is None or not math.isfinite(value) else value * quantity.scale

    return Column(quantity.column, quantity.heading, of, quantity.digits)


def _std(record: Record) -> float | None:
    """None of one seed, which has none, and where a training has diverged."""
    few = len(record.outcome.val_top1) < 2
    return None if few or not math.isfinite(record.val_top1_std) else record.val_top1_std
