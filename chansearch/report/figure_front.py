"""The Pareto front: accuracy against each cost that is an objective."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chansearch.report import canvas
from chansearch.report.analysis import Analysis
from chansearch.report.quantities import Quantity
from chansearch.search.candidate import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ON = canvas.RUN_COLOURS[0]
_MOST_NAMED = 12  # members whose numbers fit beside their marks


def draw_front(analysis: Analysis) -> Figure:
    """A panel a cost, by equal factors; hollow marks are in doubt. Steps, which show what is beaten, are there with one
    cost alone: with several a member may lie below those of a panel, for it is cheaper in another."""
    costs = analysis.front.costs
    figure, panels = canvas.new_panels(len(costs), sharey=True)
    for panel, cost in zip(panels, costs, strict=True):
        canvas.tidy(panel, cost.heading, analysis.ranking.heading if cost is costs[0] else "")
        if not analysis.front.members:
            canvas.say_empty(panel, "nothing finished yet")
            continue
        panel.set_xscale("log")
        _plain_ticks(panel)
        _draw_rest(panel, analysis, cost)
        _draw_members(panel, analysis, cost)
    canvas.legend_above(figure, _handles(analysis), 3)
    return figure


def _draw_rest(panel: Axes, analysis: Analysis, cost: Quantity) -> None:
    members = {member.record.candidate.number for member in analysis.front.members}
    rest = [record for record in analysis.compared if record.candidate.number not in members]
    panel.plot(*_places(analysis, cost, rest), "o", color=canvas.REST, markersize=4, alpha=0.55, markeredgewidth=0)


def _draw_members(panel: Axes, analysis: Analysis, cost: Quantity) -> None:
    front = analysis.front
    if len(front.costs) == 1:
        x, y = _places(analysis, cost, [member.record for member in front.members])
        panel.step(x, y, where="post", color=_ON, linewidth=1, alpha=0.6)
    for member in front.members:
        x, y = _places(analysis, cost, [member.record])
        panel.errorbar(
            x,
            y,
            yerr=member.record.val_top1_std,
            fmt="o",
            color=_ON,
            markersize=6,
            markerfacecolor="white" if member.is_doubtful else _ON,
            elinewidth=0.8,
            zorder=3,
        )
        if len(front.members) <= _MOST_NAMED:
            panel.annotate(
                f"#{member.record.candidate.number}",
                (x[0], y[0]),
                xytext=(5, -11),
                textcoords="offset points",
                fontsize=8,
                color=_ON,
            )


def _places(analysis: Analysis, cost: Quantity, records: list[Record]) -> tuple[np.ndarray, np.ndarray]:
    """Cost and accuracy, in the units people see."""
    return tuple(
        np.array([quantity.of(record) for record in records], dtype=float) * quantity.scale
        for quantity in (cost, analysis.ranking)
    )


def _plain_ticks(panel: Axes) -> None:
    """Of a cost that spans a decade or less matplotlib would name one place, as a power of ten."""
    from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

    panel.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    panel.xaxis.set_minor_locator(NullLocator())
    panel.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))


def _handles(analysis: Analysis) -> list:
    from matplotlib.lines import Line2D

    looks = [("on the front", _ON, _ON), ("beaten", canvas.REST, canvas.REST)]
    if any(member.is_doubtful for member in analysis.front.members):
        looks.insert(1, ("on it, in doubt", _ON, "white"))
    return [
        Line2D([], [], linestyle="", marker="o", color=colour, markerfacecolor=inside, label=label)
        for label, colour, inside in looks
    ]
