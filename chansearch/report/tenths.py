"""Tenths of a population by accuracy, as in Table 3 of the paper."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from chansearch.report.quantities import QUANTITIES, Spread
from chansearch.search.candidate import Record


class Tenth(enum.StrEnum):
    """The three groups of Table 3."""

    TOP = "top"
    MIDDLE = "middle"
    BOTTOM = "bottom"


@dataclass(frozen=True)
class TenthRow:
    """One tenth: its candidates, best first, and each quantity's spread over them, keyed by column."""

    tenth: Tenth
    records: tuple[Record, ...]
    spreads: dict[str, Spread]

    @property
    def best(self) -> Record:
        return self.records[0]

    @property
    def worst(self) -> Record:
        return self.records[-1]


def tenth_ranks(count: int) -> dict[Tenth, range]:
    """Which ranks, counted from 0 for the best of ``count``, make up each tenth. The groups never share a candidate.

    A group has ⌊count/10⌋ candidates, and one where there are fewer than ten. The top starts at rank 0, the middle at
    ⌊count/2⌋, the bottom ends with the last: of 200 the 1st to 20th, 101st to 120th (the paper's 50 % to 60 %) and
    181st to 200th. Two candidates are a top and a bottom, one is a top.
    """
    size = max(1, count // 10)
    groups = {Tenth.TOP: range(size)} if count >= 1 else {}
    if count >= 3:
        groups[Tenth.MIDDLE] = range(count // 2, count // 2 + size)
    if count >= 2:
        groups[Tenth.BOTTOM] = range(count - size, count)
    return groups


def tenths(ranked: Sequence[Record]) -> tuple[TenthRow, ...]:
    """The tenths of candidates in the order of ``rank``: those that exist, top first."""
    rows = []
    for tenth, ranks in tenth_ranks(len(ranked)).items():
        members = tuple(ranked[ranks.start : ranks.stop])
        spreads = {quantity.column: Spread.of(map(quantity.of, members)) for quantity in QUANTITIES}
        rows.append(TenthRow(tenth, members, spreads))
    return tuple(rows)
