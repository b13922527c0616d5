"""Accuracy against what a candidate costs, a point a candidate."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from chansearch.report import canvas
from chansearch.report.analysis import Analysis
from chansearch.report.published import NUCLEAR_NORM_READING
from chansearch.report.quantities import MACS, NUCLEAR_NORM, Quantity
from chansearch.report.tenths import Tenth
from chansearch.search.candidate import Origin, Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PAPER_READING = "\n".join(textwrap.wrap(f"paper: {NUCLEAR_NORM_READING}", 70))
_CONTENDER = "#000000"
_MARKS = {Origin.UNGUIDED: "o", Origin.PRESCREENED: "P", Origin.SAMPLER: "D"}


def draw_accuracy(analysis: Analysis) -> Figure:
    """A panel a cost; colour is the tenth, the mark who drew the candidate, the bar ± one deviation over the seeds.

    Where seeds were spent on contenders, those are there twice: as all others, and as a star over all their seeds.
    """
    return _draw_against(analysis, [MACS, *(cost for cost in analysis.costs if cost is not MACS)])


def draw_nuclear_norm(analysis: Analysis) -> Figure:
    """The same against the nuclear norm, with its rank correlation and the published reading (paper sec. 2)."""
    figure = _draw_against(analysis, [NUCLEAR_NORM])
    correlation = analysis.nuclear_norm_correlation
    if correlation is not None:
        canvas.title(figure.axes[0], "", f"{correlation.text()}\n{_PAPER_READING}")
    return figure


def _draw_against(analysis: Analysis, quantities: Sequence[Quantity]) -> Figure:
    figure = canvas.new_figure(4.7 * len(quantities) + (1.9 if len(quantities) == 1 else 0), 4.3)
    panels = figure.subplots(1, len(quantities), sharey=True, squeeze=False).flat
    for panel, cost in zip(panels, quantities, strict=True):
        canvas.tidy(panel, cost.heading, analysis.compared_heading if cost is quantities[0] else "")
        if not analysis.ranked:
            canvas.say_empty(panel, "nothing finished yet")
        # The many in no tenth first, so that they cover nothing.
        for tenth in (None, *Tenth):
            for origin in Origin:
                _draw_points(panel, analysis, cost, tenth, origin)
        _draw_contenders(panel, analysis, cost)
    handles = _handles(analysis)
    columns = 3 if len(quantities) == 1 else 6 if len(handles) <= 6 else 4
    canvas.legend_above(figure, handles, columns)
    return figure


def _draw_points(panel: Axes, analysis: Analysis, cost: Quantity, tenth: Tenth | None, origin: Origin) -> None:
    shown = [
        record
        for record in analysis.compared
        if record.candidate.origin is origin and analysis.tenth_of.get(record.candidate.number) is tenth
    ]
    colour = canvas.REST if tenth is None else canvas.TENTH_COLOURS[tenth]
    panel.errorbar(
        _shown(cost, shown),
        _shown(analysis.ranking, shown),
        yerr=[record.val_top1_std for record in shown],
        fmt=_MARKS[origin],
        color=colour,
        markersize=4 if tenth is None else 6,
        markeredgecolor="white",
        markeredgewidth=0.5,
        elinewidth=0.7,
        alpha=0.55 if tenth is None else 0.95,
    )


def _draw_contenders(panel: Axes, analysis: Analysis, cost: Quantity) -> None:
    shown = _with_further_seeds(analysis)
    panel.errorbar(
        _shown(cost, shown),
        _shown(analysis.ranking, shown),
        yerr=[record.val_top1_std for record in shown],
        fmt="*",
        color=_CONTENDER,
        markersize=11,
        markeredgecolor="white",
        markeredgewidth=0.5,
        elinewidth=0.9,
        capsize=2,
        zorder=4,
    )


def _with_further_seeds(analysis: Analysis) -> list[Record]:
    return [record for record in analysis.contenders if len(record.outcome.val_top1) > 1]


def _shown(quantity: Quantity, records: list[Record]) -> np.ndarray:
    """Values in the unit people see."""
    return np.array([quantity.of(record) for record in records], dtype=float) * quantity.scale


def _handles(analysis: Analysis) -> list:
    from matplotlib.lines import Line2D

    tenths = [row.tenth for row in analysis.tenths]
    entries = [(canvas.TENTH_NAMES[tenth], canvas.TENTH_COLOURS[tenth], "o") for tenth in tenths]
    if len(analysis.ranked) > len(analysis.tenth_of):
        entries.append(("in no tenth", canvas.REST, "o"))
    origins = [origin for origin in Origin if any(record.candidate.origin is origin for record in analysis.ranked)]
    entries += [(f"{origin} draw", "#333333", _MARKS[origin]) for origin in origins]
    if _with_further_seeds(analysis):
        entries.append(("contender, all its seeds", _CONTENDER, "*"))
    return [Line2D([], [], linestyle="", color=colour, marker=mark, label=label) for label, colour, mark in entries]
