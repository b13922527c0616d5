"""Table 1: how published networks lay out their channels, and how far each is from a line (paper sec. 1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from chansearch.errors import UserError
from chansearch.nets.files import resolve_network
from chansearch.printable import printable
from chansearch.report import canvas
from chansearch.report.correlation import RankCorrelation
from chansearch.report.published import published_network
from chansearch.search.candidate import ranked
from chansearch.search.rundir import RunDirectory
from chansearch.space import best_line, format_channels, line_r2
from chansearch.studies.folder import Finding, Study
from chansearch.studies.published import TABLE_1

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = (
    "network",
    "source",
    "top1",
    "params_m",
    "macs_b",
    "blocks",
    "widths",
    "channels",
    "slope",
    "intercept",
    "r2",
)
REXNET = "rexnet_100"
_TABLE_1 = "paper, Table 1"
_LINEAR_R2 = 0.999  # rounding to whole channels leaves more than that of a line as steep as ReXNet's
_STAGEWISE, _LINEAR = canvas.RUN_COLOURS[0], canvas.RUN_COLOURS[1]


@dataclass(frozen=True)
class Layout:
    """Block output ``channels`` of a network. ImageNet top-1 in percent, params in millions, MACs in billions, as
    published; None for any other network."""

    name: str
    source: str
    channels: tuple[int, ...]
    top1: float | None = None
    params_m: float | None = None
    macs_b: float | None = None

    @property
    def depths(self) -> np.ndarray:
        """(i − 1) / (d − 1) of each block i; (d,)"""
        return np.linspace(0, 1, len(self.channels))

    @property
    def widths(self) -> int:
        """How many different numbers of channels there are."""
        return len(set(self.channels))

    @property
    def r2(self) -> float:
        return float(line_r2(np.array(self.channels)))

    def row(self) -> dict[str, object]:
        """By ``COLUMNS``; slope and intercept of channels = slope · relative depth + intercept."""
        slope, intercept = best_line(self.channels)
        values = {
            "network": self.name,
            "source": self.source,
            "top1": self.top1,
            "params_m": self.params_m,
            "macs_b": self.macs_b,
            "blocks": len(self.channels),
            "widths": self.widths,
            "channels": format_channels(self.channels),
            "slope": round(slope, 4),
            "intercept": round(intercept, 4),
            "r2": round(self.r2, 6),
        }
        return {column: "" if value is None else value for column, value in values.items()}


def study_conventions(networks: Sequence[str] = (), runs: Sequence[str] = ()) -> Study:
    """The ten networks of Table 1, ReXNet ×1.0, ``networks`` (presets or YAML files) and the best of each of ``runs``.

    Raises ``UserError`` for what is no network, no run, or a run without a candidate that can be ranked.
    """
    found = layouts(networks, runs)
    return Study(
        title="Channel conventions of published networks",
        columns=COLUMNS,
        rows=[layout.row() for layout in found],
        figure=draw_conventions(found),
        findings=findings(found),
        note="Channels are block output channels, repeated as often as the blocks; relative depth is (block − 1) / "
        "(blocks − 1); lines are least squares over the blocks. Top-1, params and MACs are as published.",
    )


def layouts(networks: Sequence[str] = (), runs: Sequence[str] = ()) -> list[Layout]:
    """Those that ``study_conventions`` is of, in its order, each network once."""
    ten = [Layout(row.name, _TABLE_1, row.channels, row.top1, row.params_m, row.macs_b) for row in TABLE_1]
    return [*ten, *map(_network, dict.fromkeys([REXNET, *networks])), *map(_winner, runs)]


def _network(name: str) -> Layout:
    spec = resolve_network(name)
    if spec.blocks < 2:
        raise UserError(f"--network: {name} has a single block; two or more make a line")
    paper = published_network(name, spec.input_size)
    if paper is None:
        return Layout(printable(name), "network", spec.channels)
    return Layout(
        f"{paper.family} {paper.label}", "paper, Table 5", spec.channels, paper.top1, paper.params_m, paper.macs_b
    )


def _winner(path: str) -> Layout:
    """The best candidate of a run, whose accuracy is of other images than the rest's."""
    run = RunDirectory.open(path)
    best = next(iter(ranked(run.records())), None)
    if best is None:
        raise UserError(f"--run: {path} has no candidate that can be ranked yet")
    name = printable(run.path.resolve().name)
    return Layout(f"best of {name}", f"candidate {best.candidate.number} of {name}", best.candidate.channels)


def findings(shown: Sequence[Layout]) -> list[Finding]:
    """Of the networks of Table 1, ReXNet ×1.0 and then any others."""
    table = [layout for layout in shown if layout.source == _TABLE_1]
    rexnet, *further = (layout for layout in shown if layout.source != _TABLE_1)
    r2 = np.array([layout.r2 for layout in table])
    order = sorted(table, key=lambda layout: layout.r2)
    widths = [layout.widths for layout in table]
    repeats = np.mean([len(layout.channels) / layout.widths for layout in table])
    correlation = RankCorrelation.of(r2, np.array([layout.top1 for layout in table]))
    return [
        Finding(
            "Published networks share one convention, stages of repeated channels",
            f"{min(widths)} to {max(widths)} different widths over {min(len(layout.channels) for layout in table)} to "
            f"{max(len(layout.channels) for layout in table)} blocks, each width {repeats:.1f} times on average",
            "6 or 7 stages each",
            all(2 * layout.widths < len(layout.channels) for layout in table),
        ),
        Finding(
            "None of the ten lies on a line",
            f"R² of the best line from {order[0].r2:.3f} ({order[0].name}) to {order[-1].r2:.3f} ({order[-1].name}), "
            f"mean {r2.mean():.3f}",
            holds=bool(r2.max() < _LINEAR_R2),
        ),
        Finding(
            f"{rexnet.name} is linear",
            f"{rexnet.widths} widths over {len(rexnet.channels)} blocks, R² {rexnet.r2:.5f}",
            "c = 11.25·(block − 1) + 16, rounded",
            rexnet.r2 >= _LINEAR_R2,
        ),
        *(
            Finding(
                f"{layout.name} is nearer to a line than all of the ten",
                f"{layout.widths} widths over {len(layout.channels)} blocks, R² {layout.r2:.4f}",
                holds=bool(layout.r2 > r2.max()),
            )
            for layout in further
        ),
        Finding(
            "Among the ten the more linear are the more accurate",
            f"R² and top-1: {correlation.text()}, 95 % bootstrap intervals; ten networks, trained in different "
            "ways, prove nothing",
        ),
    ]


def draw_conventions(shown: Sequence[Layout]) -> Figure:
    """A panel a network: channels against relative depth, and the best line."""
    figure, panels = canvas.new_panels(len(shown))
    handles: dict[str, object] = {}
    for panel, layout in zip(panels, shown, strict=True):
        canvas.tidy(panel, "relative depth", "output channels" if panel.get_subplotspec().is_first_col() else "")
        accuracy = "" if layout.top1 is None else f", top-1 {layout.top1:.1f} %"
        canvas.title(panel, layout.name, f"{layout.widths} widths, R² {layout.r2:.3f}{accuracy}")
        _draw_layout(panel, layout, handles)
    canvas.legend_above(figure, list(handles.values()), columns=3)
    return figure


def _draw_layout(panel: Axes, layout: Layout, handles: dict[str, object]) -> None:
    kind, colour, mark = ("Table 1", _STAGEWISE, "s") if layout.source == _TABLE_1 else ("the others", _LINEAR, "o")
    slope, intercept = best_line(layout.channels)
    depths = layout.depths
    (points,) = panel.plot(
        depths, layout.channels, marker=mark, markersize=4.5, linewidth=1, color=colour, label=f"channels, {kind}"
    )
    (line,) = panel.plot(depths, slope * depths + intercept, "--", color="#333333", linewidth=1.2, label="best line")
    panel.set_ylim(bottom=min(0, intercept * 1.05))
    handles.setdefault(kind, points)
    handles.setdefault("line", line)
