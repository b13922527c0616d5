"""Table 2 drawn: what was measured above what is published, on axes of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from chansearch.report import canvas
from chansearch.studies.published import TABLE_2
from chansearch.studies.seed_points import draw_seed_points
from chansearch.studies.trainings import Training

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_TICKS = ("baseline", "+ 1×1 conv's\nDR 1/6", "+ bottlenecks'\nDR 0.8", "+ SiLU")
_COLUMNS = (("test_top1", "top1", "top-1 (%)"), ("nuclear_norm", "nuclear_norm", "nuclear norm of the final feature"))


def draw_factors(names: Sequence[str], trainings: Sequence[Training], data: str) -> Figure:
    """Two rows, measured on ``data`` and published; two columns, top-1 and nuclear norm."""
    figure = canvas.new_figure(10.4, 6.6)
    panels = figure.subplots(2, 2, sharex=True)
    for column, (measure, published, label) in enumerate(_COLUMNS):
        above, below = panels[:, column]
        canvas.tidy(above, "", f"test {label}" if column == 0 else label)
        canvas.title(above, "measured: a mark a seed, a bar the mean")
        draw_seed_points(above, names, trainings, measure, canvas.RUN_COLOURS[0])
        canvas.tidy(below, "", label)
        canvas.title(below, "published: CIFAR-100, three trainings")
        _draw_published(below, [getattr(row, published) for row in TABLE_2])
        below.set_xticks(range(len(names)), _TICKS)
        below.set_xlim(-0.65, len(names) - 0.5)  # room for the first label
    figure.suptitle(f"Measured on {data}", fontsize=10, parse_math=False)
    return figure


def _draw_published(panel: Axes, values: Sequence[float]) -> None:
    panel.plot(range(len(values)), values, color=canvas.RUN_COLOURS[1], marker=canvas.RUN_MARKS[1], linestyle="--")
    panel.margins(y=0.18)
    for place, value in enumerate(values):
        panel.annotate(
            f"{value:,.1f}", (place, value), textcoords="offset points", xytext=(-5, 6), ha="right", fontsize=9
        )
