"""Several runs in one picture: the top tenths' channels, as Figure 4 of the paper, and the accuracies."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count, cycle
from typing import TYPE_CHECKING

import numpy as np

from chansearch.report import canvas
from chansearch.report.analysis import Analysis
from chansearch.report.tenths import Tenth
from chansearch.space import best_line, line_r2

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw_compare(analyses: Sequence[Analysis]) -> Figure:
    """Left the mean channels of each run's top tenth, against the block index or, for runs of different depth, the
    relative depth, and the best line through them; right the mean accuracy of each tenth ± one deviation over its
    candidates, below them that of the paper's top tenth."""
    figure = canvas.new_figure(10.4, 4.4 + 0.22 * len(analyses))
    left, right = figure.subplots(1, 2)
    depths = {len(row.best.candidate.channels) for analysis in analyses for row in analysis.tenths}
    x = "block index" if len(depths) <= 1 else "relative depth, (block index − 1) / (blocks − 1)"
    canvas.tidy(left, x, "output channels, top tenth, mean ± 1σ")
    if len(depths) <= 1:
        left.xaxis.get_major_locator().set_params(integer=True)
    styles = zip(cycle(canvas.RUN_COLOURS), cycle(canvas.RUN_MARKS), strict=True)
    handles = [
        _draw_top(left, analysis, f"{place}: {canvas.shortened(analysis.name)}", colour, mark, relative=len(depths) > 1)
        for place, analysis, (colour, mark) in zip(count(1), analyses, styles, strict=False)
    ]
    _draw_accuracies(right, analyses)
    canvas.legend_above(figure, handles, columns=2)
    return figure


def _draw_top(panel: Axes, analysis: Analysis, label: str, colour: str, mark: str, *, relative: bool) -> object:
    if not analysis.tenths:
        return panel.plot([], [], color=colour, marker=mark, label=f"{label}, nothing finished yet")[0]
    channels = np.array([record.candidate.channels for record in analysis.tenths[0].records])  # (n, d)
    depth = channels.shape[1]
    x = np.linspace(0, 1, depth) if relative else np.arange(1, depth + 1)
    mean, std = channels.mean(axis=0), channels.std(axis=0, ddof=1 if len(channels) > 1 else 0)
    panel.fill_between(x, mean - std, mean + std, color=colour, alpha=0.13, linewidth=0)
    slope, intercept = best_line(mean)
    panel.plot(x, slope * np.linspace(0, 1, depth) + intercept, "--", color=colour, linewidth=1)
    label = f"{label}, line R² {float(line_r2(mean)):.3f}"
    return panel.plot(x, mean, color=colour, marker=mark, markersize=4.5, linewidth=1.6, label=label)[0]


def _tick(place: int, analysis: Analysis) -> str:
    """The run's number and the published accuracy: of other images often, so it is no point on the axis."""
    published = analysis.published
    return str(place) if published is None else f"{place}\npaper's top {published.tenths[Tenth.TOP].top1_text}"


def _draw_accuracies(panel: Axes, analyses: Sequence[Analysis]) -> None:
    """A group of three marks a run, in the order and colours of the tenths."""
    from matplotlib.lines import Line2D

    labels = {analysis.compared_heading for analysis in analyses}
    canvas.tidy(panel, "", labels.pop() if len(labels) == 1 else "ranking top-1 (%), on the images of each run")
    panel.grid(False, axis="x")
    for place, analysis in enumerate(analyses):
        for row in analysis.tenths:
            spread = row.spreads[analysis.ranking.column]
            panel.errorbar(
                place + {Tenth.TOP: -0.18, Tenth.MIDDLE: 0.0, Tenth.BOTTOM: 0.18}[row.tenth],
                spread.mean,
                yerr=spread.std,
                fmt=canvas.TENTH_MARKS[row.tenth],
                color=canvas.TENTH_COLOURS[row.tenth],
                markersize=7,
                capsize=3,
            )
    panel.set_xticks(range(len(analyses)), [_tick(place, analysis) for place, analysis in enumerate(analyses, start=1)])
    panel.set_xlabel("run")
    panel.set_xlim(-0.5, len(analyses) - 0.5)
    present = {row.tenth for analysis in analyses for row in analysis.tenths}
    panel.legend(
        handles=[
            Line2D(
                [], [], linestyle="", color=canvas.TENTH_COLOURS[tenth], marker=canvas.TENTH_MARKS[tenth], label=name
            )
            for tenth, name in canvas.TENTH_NAMES.items()
            if tenth in present
        ],
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        ncols=3,
        frameon=False,
        fontsize=9,
    )
