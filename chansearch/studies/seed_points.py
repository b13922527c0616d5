"""How the figures of studies that train show a network: a point a seed, and a bar at their mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from chansearch.report import canvas
from chansearch.studies.comparison import Spread, values_of
from chansearch.studies.trainings import Training

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_seed_points(
    panel: Axes, names: Sequence[str], trainings: Sequence[Training], measure: str, colour: str
) -> None:
    """Every network at its place on the x axis, counted from 0; those without a scored training stay empty."""
    for place, name in enumerate(names):
        values = values_of(trainings, name, measure)
        spread = Spread.of(values)
        if spread is None:
            continue
        shifts = [0.24 * (i / (len(values) - 1) - 0.5) if len(values) > 1 else 0.0 for i in range(len(values))]
        panel.plot(
            [place + shift for shift in shifts],
            values,
            linestyle="",
            marker=canvas.RUN_MARKS[0],
            markersize=5,
            color=colour,
            alpha=0.55,
            markeredgewidth=0,
            label="a seed",
        )
        panel.hlines(spread.mean, place - 0.26, place + 0.26, color=colour, linewidth=2.2, label="their mean")
