"""How each proxy ranks, plain and with params and MACs held, and what it finds of the best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from chansearch.report import canvas
from chansearch.report.correlation import Interval
from chansearch.studies.published import PARAMS_TAU
from chansearch.studies.ranking import CHANCE, Ceiling, Judgement

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LABELS = {
    "params": "params",
    "macs": "MACs",
    "line": "R² of the line",
    "nuclear_norm": "nuclear norm",
    "rank_ratio": "rank ratio",
    "grad_norm": "gradient norm",
    "synflow": "SynFlow",
    "naswot": "NASWOT",
    "zen": "Zen",
    "zico": "ZiCo",
    "near": "NEAR",
}
_PLAIN, _HELD = canvas.RUN_COLOURS[:2]
_HELD_ALREADY = ("params", "macs")
_APART = 0.17  # of two marks in one row


def draw_proxies(judgements: Sequence[Judgement], ceilings: Mapping[str, Ceiling | None], candidates: int) -> Figure:
    """Against test_top1: τ, and the share of the true top tenth in the predicted top third. Bars are bootstrap
    intervals; the highest τ stands at the top."""
    rows = sorted((j for j in judgements if j.target == "test"), key=lambda judgement: judgement.tau.value)
    figure = canvas.new_figure(8.2, 1.5 + 0.36 * len(rows))
    ranks, tops = figure.subplots(1, 2, sharey=True, width_ratios=(1.35, 1))
    canvas.tidy(ranks, "Kendall's τ with test top-1", "")
    canvas.tidy(tops, "share of the true top tenth found", "")
    for place, row in enumerate(rows):
        has_held = row.score not in _HELD_ALREADY
        _bar(ranks, place + _APART * has_held, row.tau, _PLAIN, "o")
        if has_held:
            _bar(ranks, place - _APART, row.tau_held, _HELD, "s")
        _bar(tops, place, row.top_share, _PLAIN, "o")
    ranks.axvline(0, color="#8A8A8A", linewidth=0.9)
    tops.axvline(CHANCE, color="#8A8A8A", linewidth=0.9, linestyle=":")
    tops.set_xlim(-0.03, 1.03)
    ranks.set_yticks(range(len(rows)), [_LABELS[row.score] for row in rows])
    for panel in (ranks, tops):
        panel.grid(False, axis="y")
        panel.set_ylim(-0.6, len(rows) - 0.4)
    canvas.legend_above(figure, _marks(ranks, tops, rows, ceilings["test"], candidates), 3)
    return figure


def _bar(panel: Axes, place: float, interval: Interval, colour: str, mark: str) -> None:
    panel.plot([interval.low, interval.high], [place, place], color=colour, linewidth=1.8, solid_capstyle="butt")
    panel.plot([interval.value], [place], color=colour, marker=mark, markersize=6, markeredgecolor="white", zorder=4)


def _marks(ranks: Axes, tops: Axes, rows: Sequence[Judgement], ceiling: Ceiling | None, candidates: int) -> list:
    """The legend; draws the ceiling and the published value, where they have a place."""
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=_PLAIN, marker="o", label=f"plain, {candidates} candidates"),
        Line2D([], [], color=_HELD, marker="s", label="params and MACs held"),
        Line2D([], [], color="#8A8A8A", linestyle=":", label="by chance"),
    ]
    if ceiling is not None:
        line = ranks.axvline(ceiling.tau, color="black", linewidth=1.0, linestyle="--")
        line.set_label("ceiling by the seeds' noise, estimated")
        handles.append(line)
    places = [place for place, row in enumerate(rows) if row.score == "params"]
    if places:
        [published] = ranks.plot([PARAMS_TAU], places, color="black", marker="X", markersize=8, linestyle="", zorder=5)
        published.set_label("params, published")
        handles.append(published)
    return handles
