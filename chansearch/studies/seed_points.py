"""How the figures of studies that train show a network: a mark a seed, and a bar at their mean."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
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
        for i, (value, mark) in enumerate(zip(values, cycle(canvas.RUN_MARKS), strict=False)):
            shift = 0.24 * (i / (len(values) - 1) - 0.5) if len(values) > 1 else 0.0
            panel.plot(place + shift, value, marker=mark, markersize=5.5, color=colour, alpha=0.55, markeredgewidth=0)
        panel.hlines(spread.mean, place - 0.26, place + 0.26, color=colour, linewidth=2.2)
