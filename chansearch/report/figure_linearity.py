"""How linear the configurations of each tenth are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chansearch.report import canvas
from chansearch.report.analysis import Analysis
from chansearch.report.quantities import LINE_R2

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_linearity(analysis: Analysis) -> Figure:
    """R² of the best line: faint points are candidates, the mark their mean, the bar its 95 % bootstrap interval."""
    figure = canvas.new_figure(6.0, 4.1)
    panel = figure.subplots()
    canvas.tidy(panel, "", f"{LINE_R2.heading} through the channels")
    panel.grid(False, axis="x")
    for place, row in enumerate(analysis.tenths):
        colour, mark = canvas.TENTH_COLOURS[row.tenth], canvas.TENTH_MARKS[row.tenth]
        values = np.array([LINE_R2.of(record) for record in row.records])
        # Spread over the width in the order of rank: points of one height stay apart, without chance.
        spread = place + np.linspace(-0.22, 0.22, len(values)) if len(values) > 1 else [place]
        panel.scatter(spread, values, color=colour, marker=mark, s=18, alpha=0.35, linewidths=0)
        interval = analysis.linearity[row.tenth]
        if interval.low is not None:
            panel.plot([place, place], [interval.low, interval.high], color=colour, linewidth=2.2)
            panel.plot([place] * 2, [interval.low, interval.high], color=colour, marker="_", markersize=16, ls="")
        panel.plot([place], [interval.mean], color=colour, marker=mark, markersize=9, markeredgecolor="white", zorder=4)
    panel.set_xticks(
        range(len(analysis.tenths)),
        [f"{canvas.TENTH_NAMES[row.tenth]}\n{len(row.records)} of {len(analysis.ranked)}" for row in analysis.tenths],
    )
    panel.set_xlim(-0.5, max(0.5, len(analysis.tenths) - 0.5))
    if not analysis.tenths:
        canvas.say_empty(panel, "nothing finished yet")
    return figure
