"""Mean channels against the block index, tenth by tenth: Figure 2 of the paper."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from chansearch.report import canvas
from chansearch.report.analysis import Analysis
from chansearch.report.tenths import TenthRow

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw_channels(analyses: Sequence[Analysis]) -> Figure:
    """One panel a run, side by side; the band is one standard deviation over the candidates of the tenth."""
    figure, panels = canvas.new_panels(len(analyses))
    handles: dict[str, object] = {}
    for panel, analysis in zip(panels, analyses, strict=True):
        canvas.tidy(panel, "block index", "output channels, mean ± 1σ")
        canvas.title(panel, analysis.name)
        panel.xaxis.get_major_locator().set_params(integer=True)
        for row in analysis.tenths:
            handles[row.tenth] = _draw_tenth(panel, row)
        if not analysis.tenths:
            canvas.say_empty(panel, "nothing finished yet")
    canvas.legend_above(figure, list(handles.values()), columns=3)
    return figure


def _draw_tenth(panel: Axes, row: TenthRow) -> object:
    channels = np.array([record.candidate.channels for record in row.records])  # (n, d)
    blocks = np.arange(1, channels.shape[1] + 1)
    mean, std = channels.mean(axis=0), channels.std(axis=0, ddof=1 if len(channels) > 1 else 0)
    colour = canvas.TENTH_COLOURS[row.tenth]
    panel.fill_between(blocks, mean - std, mean + std, color=colour, alpha=0.15, linewidth=0)
    (line,) = panel.plot(
        blocks,
        mean,
        color=colour,
        linestyle=canvas.TENTH_LINES[row.tenth],
        marker=canvas.TENTH_MARKS[row.tenth],
        markersize=4.5,
        label=canvas.TENTH_NAMES[row.tenth],
    )
    return line
