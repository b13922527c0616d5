"""Accuracy against the epoch, a line a candidate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chansearch.report import canvas
from chansearch.report.analysis import Analysis
from chansearch.report.tenths import Tenth

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_curves(analysis: Analysis) -> Figure:
    """Mean over the seeds, or the first seed alone where contenders have more; colours are tenths, grey what is in
    none, was stopped, failed or is in training."""
    from matplotlib.lines import Line2D

    figure = canvas.new_figure(6.8, 4.3)
    panel = figure.subplots()
    mean = "" if analysis.contenders else ", mean over seeds"
    canvas.tidy(panel, "epoch", f"{analysis.compared_heading}{mean}")
    panel.xaxis.get_major_locator().set_params(integer=True)
    drawn = dict.fromkeys((*Tenth, None), 0)
    for curve in analysis.curves:
        tenth = analysis.tenth_of.get(curve.candidate)
        drawn[tenth] += 1
        panel.plot(
            curve.epochs,
            curve.top1,
            color=canvas.REST if tenth is None else canvas.TENTH_COLOURS[tenth],
            linewidth=0.6 if tenth is None else 1.1,
            alpha=0.35 if tenth is None else 0.8,
            zorder=2 if tenth is None else 3,
            # An epoch alone makes no line.
            marker="o" if len(curve.epochs) == 1 else None,
            markersize=3,
        )
    handles = [
        Line2D([], [], color=canvas.TENTH_COLOURS[tenth], label=name)
        for tenth, name in canvas.TENTH_NAMES.items()
        if drawn[tenth]
    ]
    if drawn[None]:
        handles.append(Line2D([], [], color=canvas.REST, linewidth=0.8, label="other candidates"))
    if not analysis.curves:
        canvas.say_empty(panel, "no epoch recorded yet")
    canvas.legend_above(figure, handles, columns=4)
    return figure
