"""The empirical distribution of the error over a population."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chansearch.report import canvas
from chansearch.report.analysis import Analysis

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_STYLES = (("#333333", "-"), ("#0072B2", "--"), ("#D55E00", "-."))


def draw_edf(analysis: Analysis) -> Figure:
    """Share of candidates with at most a given error; unguided draws and the sampler's apart where both occur."""
    figure = canvas.new_figure(6.4, 4.1)
    panel = figure.subplots()
    canvas.tidy(panel, f"error, 100 − {analysis.compared_heading}", "share of candidates with at most that error")
    panel.set_ylim(0, 1.03)
    handles = []
    for curve, (colour, dashes) in zip(analysis.edfs, _STYLES, strict=False):
        errors = np.concatenate([curve.errors[:1], curve.errors])
        (line,) = panel.step(
            errors,
            np.concatenate([[0.0], curve.share]),
            where="post",
            color=colour,
            linestyle=dashes,
            label=f"{curve.label}, {curve.candidates}",
        )
        handles.append(line)
    if not analysis.ranked:
        canvas.say_empty(panel, "nothing finished yet")
    canvas.legend_above(figure, handles, columns=3)
    return figure
