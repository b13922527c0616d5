"""Top-1 by nonlinearity, and its differences beside the published ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from chansearch.nets.spec import ACTIVATIONS
from chansearch.report import canvas
from chansearch.studies.comparison import Scores
from chansearch.studies.published import ACTIVATION_NAMES, NONLINEARITY_TOP1
from chansearch.studies.seed_points import draw_seed_points
from chansearch.studies.trainings import Training

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw_nonlinearity(scores: Scores, trainings: Sequence[Training], base: str, data: str) -> Figure:
    """Left test top-1, a mark a seed; right differences from ``base``, measured with their 95 % intervals and
    published."""
    figure = canvas.new_figure(11.4, 4.8)
    left, right = figure.subplots(1, 2)
    canvas.tidy(left, "", "test top-1 (%): a mark a seed, a bar their mean")
    canvas.title(left, "measured")
    draw_seed_points(left, ACTIVATIONS, trainings, "test_top1", canvas.RUN_COLOURS[0])
    canvas.tidy(right, "", f"top-1 less that of {ACTIVATION_NAMES[base]} (points)")
    right.axhline(0, color=canvas.REST, linewidth=1)
    handles = [_draw_measured(right, scores, base), _draw_published(right, base)]
    right.legend(handles=handles, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, frameon=False, fontsize=9)
    for panel in (left, right):
        panel.set_xticks(
            range(len(ACTIVATIONS)), [ACTIVATION_NAMES[name] for name in ACTIVATIONS], rotation=30, ha="right"
        )
        panel.set_xlabel("nonlinearity behind the expansions")
        panel.set_xlim(-0.6, len(ACTIVATIONS) - 0.4)
    figure.suptitle(f"Measured: {data}", fontsize=10, parse_math=False)
    return figure


def _draw_measured(panel: Axes, scores: Scores, base: str) -> object:
    found = {
        place: difference
        for place, name in enumerate(ACTIVATIONS)
        if name != base and (difference := scores.above(name, base)) is not None
    }
    return panel.errorbar(
        [place - 0.12 for place in found],
        [difference.mean for difference in found.values()],
        yerr=[difference.half or 0.0 for difference in found.values()],
        linestyle="",
        marker=canvas.RUN_MARKS[0],
        color=canvas.RUN_COLOURS[0],
        capsize=3,
        label="measured, 95 % interval",
    )


def _draw_published(panel: Axes, base: str) -> object:
    places = {ACTIVATIONS.index(name): top1 for name, top1 in NONLINEARITY_TOP1.items() if name != base}
    return panel.plot(
        [place + 0.12 for place in places],
        [top1 - NONLINEARITY_TOP1[base] for top1 in places.values()],
        linestyle="",
        marker=canvas.RUN_MARKS[1],
        color=canvas.RUN_COLOURS[1],
        label="published: ReXNet ×1.0, ImageNet",
    )[0]
