"""``deciles.csv``: a row a tenth, for the whole population and, where both occur, for each origin."""

from __future__ import annotations

from chansearch.report.analysis import Analysis
from chansearch.report.distribution import line_r2_interval
from chansearch.report.quantities import FEATURES, LINE_R2, QUANTITIES, TEST_TOP1
from chansearch.report.tenths import TenthRow
from chansearch.space import format_channels

_COLUMNS = (
    "origin",
    "tenth",
    "candidates",
    *(f"{quantity.column}_{part}" for quantity in QUANTITIES for part in ("mean", "std")),
    f"{LINE_R2.column}_low",
    f"{LINE_R2.column}_high",
    f"{TEST_TOP1.column}_candidates",
    "best_candidate",
    "best_channels",
    "worst_candidate",
    "worst_channels",
)


# Only where a run has them: other runs' tables stay as they were.
_FEATURE_COLUMNS = frozenset(f"{quantity.column}_{part}" for quantity in FEATURES for part in ("mean", "std"))


def decile_columns(analysis: Analysis) -> tuple[str, ...]:
    """The columns of the run's table."""
    return _COLUMNS if analysis.features else tuple(name for name in _COLUMNS if name not in _FEATURE_COLUMNS)


def decile_rows(analysis: Analysis) -> list[dict[str, str | int | float]]:
    """Rows by ``decile_columns``: percent and plain counts, full precision; an empty string where there is no value.

    ``…_std`` is over the candidates of the tenth; ``line_r2_low`` and ``…_high`` are the 95 % bootstrap interval.
    """
    populations = {"all": analysis.tenths} | {origin.value: rows for origin, rows in analysis.tenths_by_origin.items()}
    columns = decile_columns(analysis)
    found = [_row(origin, row) for origin, rows in populations.items() for row in rows]
    return [{column: row[column] for column in columns} for row in found]


def _row(origin: str, row: TenthRow) -> dict[str, str | int | float]:
    interval = line_r2_interval(row.records)
    values = {"origin": origin, "tenth": row.tenth.value, "candidates": len(row.records)}
    for column, spread in row.spreads.items():
        values |= {f"{column}_mean": spread.mean, f"{column}_std": spread.std}
    values |= {
        f"{LINE_R2.column}_low": interval.low,
        f"{LINE_R2.column}_high": interval.high,
        f"{TEST_TOP1.column}_candidates": row.spreads[TEST_TOP1.column].count,
    }
    for name, record in (("best", row.best), ("worst", row.worst)):
        values |= {
            f"{name}_candidate": record.candidate.number,
            f"{name}_channels": format_channels(record.candidate.channels),
        }
    return {column: "" if value is None else value for column, value in values.items()}
