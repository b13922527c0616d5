"""Figure 1 of the paper: rank ratio against dimension ratio, a panel a layer, the published readings beside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from chansearch.nets.spec import ACTIVATIONS
from chansearch.report import canvas
from chansearch.studies.published import SMOOTH
from chansearch.studies.rank_findings import ACTIVATION_NAMES, LAYER_NAMES, Point

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOURS = dict(zip(ACTIVATIONS, (canvas.REST, *canvas.RUN_COLOURS), strict=True))
_MARKS = dict(zip(ACTIVATIONS, (".", *canvas.RUN_MARKS), strict=True))
_READING = "#000000"
_PANELS_A_ROW = 2


def draw_rank(points: Sequence[Point]) -> Figure:
    """Curves that lie on each other are told apart by marks that grow smaller from the first drawn to the last."""
    layers = list(dict.fromkeys(point.layer for point in points))
    columns = min(len(layers), _PANELS_A_ROW)
    rows = -(-len(layers) // columns)
    figure = canvas.new_figure(4.9 * columns, 3.9 * rows + 0.6)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).flat
    for place, axes in enumerate(grid):
        if place >= len(layers):
            axes.set_visible(False)
            continue
        own = [point for point in points if point.layer == layers[place]]
        is_last = place + columns >= len(layers)
        canvas.tidy(
            axes,
            r"dimension ratio $d_\mathrm{in}\,/\,d_\mathrm{out}$" if is_last else "",
            r"rank ratio $\mathrm{rank}\,/\,d_\mathrm{out}$" if place % columns == 0 else "",
        )
        canvas.title(axes, LAYER_NAMES[layers[place]])
        _draw(axes, own)
        axes.set(xlim=(0.05, 1.04), ylim=(0, 1.05), xticks=[tenths / 10 for tenths in range(1, 11)])
    canvas.legend_above(figure, _handles(points), columns=5)
    return figure


def _draw(axes: Axes, own: Sequence[Point]) -> None:
    names = list(dict.fromkeys(point.activation for point in own))
    for place, name in enumerate(names):
        curve = [point for point in own if point.activation == name]
        axes.plot(
            [point.dimension_ratio for point in curve],
            [point.rank_ratio for point in curve],
            color=_COLOURS[name],
            marker=_MARKS[name],
            markersize=9 - 0.75 * place,
            linewidth=2.6 - 0.2 * place,
            markeredgecolor="white",
            markeredgewidth=0.5,
        )
    _draw_readings(axes, own)


def _draw_readings(axes: Axes, own: Sequence[Point]) -> None:
    """A black bar over the interval that was read, with the names of its nonlinearities."""
    from matplotlib.patheffects import withStroke

    rim = [withStroke(linewidth=2.5, foreground="white")]
    readings: dict[tuple[float, float, float], list[str]] = {}
    for point in own:
        if point.published_low is not None:
            readings.setdefault((point.dimension_ratio, point.published_low, point.published_high), []).append(
                point.activation
            )
    for (ratio, low, high), names in readings.items():
        middle = (low + high) / 2
        axes.errorbar(
            ratio,
            middle,
            yerr=(high - low) / 2,
            color=_READING,
            marker="_",
            markersize=13,
            markeredgewidth=2.2,
            elinewidth=2.2,
            capsize=5,
            zorder=5,
        )
        left = ratio > 0.9
        axes.annotate(
            _group(names),
            (ratio, middle),
            xytext=(-9 if left else 9, -3),
            textcoords="offset points",
            ha="right" if left else "left",
            va="bottom" if middle > 0.98 else "center",
            fontsize=7.5,
            color=_READING,
            path_effects=rim,
            zorder=6,
        )


def _group(names: Sequence[str]) -> str:
    if len(names) > len(SMOOTH):
        return "all nonlinear"
    return "smooth" if set(names) == set(SMOOTH) else ", ".join(ACTIVATION_NAMES[name] for name in names)


def _handles(points: Sequence[Point]) -> list:
    from matplotlib.lines import Line2D

    names = dict.fromkeys(point.activation for point in points)
    handles = [
        Line2D([], [], color=_COLOURS[name], marker=_MARKS[name], markersize=7, label=ACTIVATION_NAMES[name])
        for name in names
    ]
    if any(point.published_low is not None for point in points):
        handles.append(
            Line2D(
                [],
                [],
                color=_READING,
                marker="_",
                markersize=13,
                markeredgewidth=2.2,
                linestyle="none",
                label="the paper's figure, read by eye",
            )
        )
    return handles
