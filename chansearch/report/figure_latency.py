"""Accuracy against MACs and latency, as in the paper's Figure 3: two families of networks, each a line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chansearch.cost.latency import Latency
from chansearch.report import canvas
from chansearch.report.published import (
    EFFICIENTNET,
    PUBLISHED_CPU,
    PUBLISHED_GPU,
    REXNET,
    PublishedNetwork,
    published_network,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOURS = {REXNET: canvas.RUN_COLOURS[1], EFFICIENTNET: canvas.RUN_COLOURS[0]}
_MARKS = {REXNET: "o", EFFICIENTNET: "s"}
# Labels beside their points, in points: one family's to the left above its line, the other's to the right below.
_LABEL_OFFSETS = {REXNET: (-5, 4), EFFICIENTNET: (5, -10)}
_LABEL_SIDES = {REXNET: "right", EFFICIENTNET: "left"}
_PANELS_A_ROW = 3


@dataclass(frozen=True)
class _Point:
    """A network at its value and, where it was measured in rounds, what lies between the 10th and 90th percentile."""

    network: PublishedNetwork
    value: float
    below: float = 0.0
    above: float = 0.0


def draw_latency(latencies: Sequence[Latency]) -> Figure | None:
    """A panel for MACs, one for each engine and device that was measured, and one for each device as published.

    Only networks with a published accuracy can be drawn; None where there is none.
    """
    known = [(latency, paper) for latency in latencies if (paper := _paper(latency)) is not None]
    if not known:
        return None
    papers = list(dict.fromkeys(paper for _, paper in known))
    panels = [("MACs (the paper's FLOPs) [M]", _macs(known))]
    panels += _measured(known)
    panels += [
        (f"CPU latency as published [ms]\n{PUBLISHED_CPU}, one image", _published(papers, lambda row: row.cpu_ms)),
        (f"GPU latency as published [ms]\n{PUBLISHED_GPU}, batch 64", _published(papers, lambda row: row.gpu_ms)),
    ]
    figure, grid = canvas.new_panels(len(panels), a_row=_PANELS_A_ROW, sharey=True)
    for axes, (x, points) in zip(grid, panels, strict=True):
        canvas.tidy(axes, x, "published top-1, ImageNet [%]" if axes.get_subplotspec().is_first_col() else "")
        _draw(axes, points)
    canvas.legend_above(figure, _handles(papers), columns=2)
    return figure


def _paper(latency: Latency) -> PublishedNetwork | None:
    return published_network(latency.model, latency.input_size)


def _macs(known: Sequence[tuple[Latency, PublishedNetwork]]) -> list[_Point]:
    """Counted here; several settings of a network have the same."""
    return list(dict.fromkeys(_Point(paper, latency.macs / 1e6) for latency, paper in known))


def _measured(known: Sequence[tuple[Latency, PublishedNetwork]]) -> list[tuple[str, list[_Point]]]:
    """Axis label and points of each setting, in the order in which they were measured."""
    found: dict[str, list[_Point]] = {}
    for latency, paper in known:
        setting, spread = latency.setting, latency.spread
        if spread is None:
            continue
        where = f"{'CPU' if setting.device == 'cpu' else 'GPU'} latency, {setting.engine}, measured here [ms]"
        images = "one image" if setting.batch == 1 else f"batch {setting.batch}"
        threads = f", {setting.threads} thread{'s' if setting.threads > 1 else ''}" if setting.device == "cpu" else ""
        below, above = spread.median_ms - spread.p10_ms, spread.p90_ms - spread.median_ms
        found.setdefault(f"{where}\n{images}{threads}", []).append(_Point(paper, spread.median_ms, below, above))
    return list(found.items())


def _published(papers: Sequence[PublishedNetwork], of: Callable[[PublishedNetwork], float]) -> list[_Point]:
    return [_Point(paper, of(paper)) for paper in papers]


def _draw(axes: Axes, points: Sequence[_Point]) -> None:
    from matplotlib.patheffects import withStroke

    rim = [withStroke(linewidth=2.5, foreground="white")]  # labels stay readable where the families' lines cross
    for family in _COLOURS:
        own = sorted((point for point in points if point.network.family == family), key=lambda p: p.network.top1)
        axes.errorbar(
            [point.value for point in own],
            [point.network.top1 for point in own],
            xerr=[[point.below for point in own], [point.above for point in own]],
            color=_COLOURS[family],
            marker=_MARKS[family],
            markersize=5,
            linewidth=1.4,
            elinewidth=0.8,
            capsize=2,
        )
        for point in own:
            axes.annotate(
                point.network.label,
                (point.value, point.network.top1),
                xytext=_LABEL_OFFSETS[family],
                textcoords="offset points",
                ha=_LABEL_SIDES[family],
                fontsize=7.5,
                color=_COLOURS[family],
                path_effects=rim,
                zorder=5,
            )
    axes.margins(x=0.12, y=0.1)
    axes.set_xlim(left=0)


def _handles(papers: Sequence[PublishedNetwork]) -> list:
    from matplotlib.lines import Line2D

    present = {paper.family for paper in papers}
    return [
        Line2D([], [], color=_COLOURS[family], marker=_MARKS[family], label=family)
        for family in _COLOURS
        if family in present
    ]
