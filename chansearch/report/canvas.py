"""What all figures share: colours, shapes, axes, and how a figure becomes bytes.

Figures are matplotlib's own objects, without pyplot and its global state; matplotlib is imported when one is drawn.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chansearch.report.tenths import Tenth

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# The paper's red, blue and green as Okabe and Ito's palette has them, told apart by the colour-blind; marks and dashes
# tell the groups apart in grey as well.
TENTH_COLOURS = {Tenth.TOP: "#D55E00", Tenth.MIDDLE: "#0072B2", Tenth.BOTTOM: "#009E73"}
TENTH_MARKS = {Tenth.TOP: "o", Tenth.MIDDLE: "s", Tenth.BOTTOM: "^"}
TENTH_LINES = {Tenth.TOP: "-", Tenth.MIDDLE: "--", Tenth.BOTTOM: "-."}
TENTH_NAMES = {Tenth.TOP: "top tenth", Tenth.MIDDLE: "middle tenth", Tenth.BOTTOM: "bottom tenth"}
RUN_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
RUN_MARKS = ("o", "s", "^", "D", "v", "P", "X")
REST = "#9A9A9A"  # candidates in no tenth
_INK = "#333333"
_DPI = 160


def new_figure(width: float, height: float) -> Figure:
    """An empty white figure of that many inches, whose parts make room for each other."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained", facecolor="white")


def new_panels(count: int, *, a_row: int = 4, sharey: bool = False) -> tuple[Figure, Sequence[Axes]]:
    """A figure with ``count`` panels of equal size, ``a_row`` side by side, and these in the order of reading."""
    columns = min(count, a_row)
    rows = -(-count // columns)
    figure = new_figure(3.9 * columns + (1.6 if columns == 1 else 0), 3.7 * rows + 0.3)
    panels = list(figure.subplots(rows, columns, sharey=sharey, squeeze=False).flat)
    for unused in panels[count:]:
        unused.set_visible(False)
    return figure, panels[:count]


def tidy(axes: Axes, x: str, y: str) -> None:
    """Axis labels, a light grid behind the data, no box."""
    axes.set_xlabel(x, color=_INK)
    axes.set_ylabel(y, color=_INK, labelpad=8)
    axes.tick_params(colors=_INK, labelsize=9)
    axes.grid(True, color="#E4E4E4", linewidth=0.7)
    axes.set_axisbelow(True)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color("#8A8A8A")


def title(axes: Axes, text: str, below: str = "") -> None:
    """A title that cannot be taken for mathematics, and a line of numbers below it."""
    lines = "\n".join(filter(None, (shortened(text), below)))
    axes.set_title(lines, fontsize=10, color=_INK, parse_math=False)


def shortened(name: str) -> str:
    """A run's name cut to what fits over a panel; the end stays, where names made of dates differ."""
    return name if len(name) <= 40 else f"{name[:20]}…{name[-19:]}"


def legend_above(figure: Figure, handles: list, columns: int) -> None:
    """A legend over the panels, where it covers no data."""
    legend = figure.legend(
        handles=handles, loc="outside upper center", ncols=columns, frameon=False, fontsize=9, labelcolor=_INK
    )
    for text in legend.get_texts():
        text.set_parse_math(False)


def say_empty(axes: Axes, text: str) -> None:
    """Where there is nothing to draw yet."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=_INK)


@dataclass(frozen=True)
class Rendered:
    """A figure in both formats."""

    png: bytes
    svg: str


def render(figure: Figure) -> Rendered:
    """PNG and SVG, without a date and with fixed ids: the same run gives the same files. The figure is spent."""
    import matplotlib

    # Each save would work out the layout twice; it is most of the time a figure takes.
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    png, svg = io.BytesIO(), io.StringIO()
    figure.savefig(png, format="png", dpi=_DPI)
    with matplotlib.rc_context({"svg.hashsalt": "chansearch"}):
        figure.savefig(svg, format="svg", metadata={"Date": None})
    return Rendered(png.getvalue(), svg.getvalue())
