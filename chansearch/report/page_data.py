"""What the scripts of ``report.html`` draw from: plain lists and mappings, in the units people see.

A number that is missing or not finite is None: the page's table and charts have a gap there.
"""

from __future__ import annotations

import itertools
import math
import shlex
from collections.abc import Sequence

import numpy as np

from chansearch.report import canvas, listing
from chansearch.report.analysis import Analysis
from chansearch.report.importance import LEAST_CANDIDATES, importances
from chansearch.report.listing import Column
from chansearch.report.quantities import MACS, VAL_TOP1
from chansearch.report.shapes import SHAPE
from chansearch.report.tenths import TenthRow
from chansearch.search.candidate import Origin, Record
from chansearch.space import format_channels

# Digits kept beyond those that are shown: what is rounded twice may read otherwise than in the static tables.
_FINER = 6
_TOP1_DIGITS = VAL_TOP1.digits + _FINER
_ORIGIN_SYMBOLS = {Origin.UNGUIDED: "circle", Origin.PRESCREENED: "cross", Origin.SAMPLER: "diamond"}
_RUN_SYMBOLS = ("circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "x")


def run_data(analysis: Analysis) -> dict:
    """Of the page of one run."""
    columns = listing.columns(analysis)
    shape = tuple(map(listing.shown, SHAPE))
    return {
        "ranking": {"key": analysis.ranking.column, "heading": analysis.compared_heading},
        "columns": [column.key for column in columns],
        "costs": [column.key for column in _axes(analysis)],
        "shape": [column.key for column in shape],
        "headings": {column.key: column.heading for column in (*columns, *shape)},
        "digits": {column.key: column.digits for column in (*columns, *shape)},
        "candidates": _candidates(analysis, (*columns, *shape)),
        "tenths": [_tenth(analysis, row) for row in analysis.tenths],
        "curves": [
            {"number": curve.candidate, "epochs": curve.epochs, "top1": _numbers(curve.top1, 4)}
            for curve in analysis.curves
        ],
        "front": _front(analysis),
        "importance": _importance(analysis),
        "rest_colour": canvas.REST,
        "compare_colours": canvas.RUN_COLOURS[:5],
        "origin_symbols": _ORIGIN_SYMBOLS,
    }


def combined_data(analyses: Sequence[Analysis]) -> dict:
    """Of the page of several runs."""
    axes = {column.key: column.heading for analysis in analyses for column in _axes(analysis)}
    headings = {analysis.compared_heading for analysis in analyses}
    depths = {len(row.best.candidate.channels) for analysis in analyses for row in analysis.tenths}
    looks = zip(itertools.cycle(canvas.RUN_COLOURS), itertools.cycle(_RUN_SYMBOLS), strict=True)
    return {
        "costs": list(axes),
        "headings": axes,
        "heading": headings.pop() if len(headings) == 1 else "ranking top-1 [%], on the images of each run",
        "relative_depth": len(depths) > 1,
        "runs": [
            {"name": f"{place}: {canvas.shortened(analysis.name)}", "colour": colour, "symbol": symbol}
            | _of_run(analysis)
            for place, analysis, (colour, symbol) in zip(itertools.count(1), analyses, looks, strict=False)
        ],
    }


def export_command(analysis: Analysis, record: Record, rank: int | None) -> str:
    """What exports this candidate in a shell: by its rank, or by its channels where it has none or may lose it.

    A run whose name has what a terminal would act on when it is pasted is not named either.
    """
    number = record.candidate.number
    if rank is None or not analysis.is_complete or not str(analysis.run.path).isprintable():
        chosen = f"--channels {format_channels(record.candidate.channels)}"
    else:
        chosen = f"--run {shlex.quote(str(analysis.run.path))} --top {rank}"
    return f"chansearch export {chosen} > rexnet_{number}.yaml"


def _axes(analysis: Analysis) -> tuple[Column, ...]:
    """What accuracy is drawn against, MACs first."""
    costs = (MACS, *(cost for cost in analysis.costs if cost is not MACS))
    return tuple(map(listing.shown, (*costs, *analysis.features)))


def _candidates(analysis: Analysis, columns: Sequence[Column]) -> list[dict]:
    """Ranked ones first, as the table has them; see ``_compared`` for the accuracy that charts show."""
    compared = {record.candidate.number: record for record in analysis.compared}
    contenders = {record.candidate.number for record in analysis.contenders if len(record.outcome.val_top1) > 1}
    rows = []
    for rank, record in enumerate((*analysis.ranked, *analysis.unranked), start=1):
        number = record.candidate.number
        row = {column.key: _number(column.of(record), column.digits + _FINER) for column in columns}
        row |= {"knots": record.candidate.member.shape.knots, "contender": number in contenders}
        row["command"] = export_command(analysis, record, rank if rank <= len(analysis.ranked) else None)
        rows.append(row | _compared(analysis, compared.get(number)))
    return rows


def _compared(analysis: Analysis, record: Record | None) -> dict:
    """Accuracy and deviation on the seeds that all candidates have; None of one that is not ranked."""
    if record is None:
        return {"top1": None, "top1_std": None}
    return {
        "top1": _number(analysis.ranking.of(record), _TOP1_DIGITS),
        "top1_std": _number(record.val_top1_std, _TOP1_DIGITS),
    }


def _tenth(analysis: Analysis, row: TenthRow) -> dict:
    mean, std = _channels(row)
    return {
        "tenth": row.tenth,
        "name": canvas.TENTH_NAMES[row.tenth],
        "colour": canvas.TENTH_COLOURS[row.tenth],
        "high": _number(analysis.ranking.of(row.best), _TOP1_DIGITS),
        "low": _number(analysis.ranking.of(row.worst), _TOP1_DIGITS),
        "mean": mean,
        "std": std,
    }


def _front(analysis: Analysis) -> dict | None:
    """Its members, the cheapest first, and the costs that are objectives; None for accuracy alone."""
    if analysis.front is None:
        return None
    return {
        "numbers": [member.record.candidate.number for member in analysis.front.members],
        "costs": [cost.column for cost in analysis.front.costs],
    }


def _importance(analysis: Analysis) -> dict:
    rows = importances(analysis.compared, analysis.ranking)
    return {
        "least": LEAST_CANDIDATES,
        "there": len(analysis.compared),
        "rows": [
            {
                "heading": row.quantity.heading,
                "value": _number(row.value, 6),
                "by_chance": _number(row.by_chance, 6),
            }
            for row in rows
        ],
    }


def _of_run(analysis: Analysis) -> dict:
    """Points by number, so that the best so far is that of the search as it went."""
    axes = _axes(analysis)
    points = sorted(analysis.compared, key=lambda record: record.candidate.number)
    top1 = [analysis.ranking.of(record) for record in points]
    mean, std = _channels(analysis.tenths[0]) if analysis.tenths else ([], [])
    return {
        "numbers": [record.candidate.number for record in points],
        "channels": [format_channels(record.candidate.channels) for record in points],
        "top1": _numbers(top1, _TOP1_DIGITS),
        "best": _numbers(itertools.accumulate(top1, max), _TOP1_DIGITS),
        "costs": {axis.key: [_number(axis.of(record), axis.digits + _FINER) for record in points] for axis in axes},
        "mean": mean,
        "std": std,
    }


def _channels(row: TenthRow) -> tuple[list, list]:
    """Mean and deviation of a tenth's channels, block by block."""
    channels = np.array([record.candidate.channels for record in row.records])  # (n, d)
    spread = channels.std(axis=0, ddof=1 if len(channels) > 1 else 0)
    return _numbers(channels.mean(axis=0).tolist(), 3), _numbers(spread.tolist(), 3)


def _numbers(values, digits: int) -> list:
    return [_number(value, digits) for value in values]


def _number(value, digits: int):
    """Rounded, None where not finite; whatever is no fraction as it is."""
    if not isinstance(value, float):
        return value
    return round(value, digits) if math.isfinite(value) else None
