"""Figures of a replay, in the report's hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chansearch.replay.fidelity import Agreement
from chansearch.replay.measures import held_share
from chansearch.replay.session import PAPER, Replayed
from chansearch.report import canvas

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DASHES = ("-", "--", "-.", ":")
_PAPER_COLOUR = "#000000"
_COLOURS = tuple(colour for colour in canvas.RUN_COLOURS if colour != _PAPER_COLOUR)
_POINTS = 400  # along the axis of seed-epochs
_WHAT_STYLES = {
    "all seeds": ("#0072B2", "-"),
    "one seed": ("#E69F00", "--"),
    "one seed, other seeds": ("#D55E00", "-."),
}


def draw_replay(replayed: Replayed) -> Figure:
    """Seed-epochs against the share of replays that hold a configuration of the true top tenth, a line a strategy."""
    figure = canvas.new_figure(7.6, 4.9)
    panel = figure.subplots()
    canvas.tidy(panel, "seed-epochs spent", "share of replays that hold a top-tenth configuration")
    panel.set_xscale("log")
    panel.set_ylim(0, 1.03)
    truth = replayed.population.test_top1.mean(axis=1)
    handles = []
    for number, (name, replays) in enumerate(replayed.replays.items()):
        drawn = replayed.drawn[: len(replays)]
        # Up to the last one's end: the mark is the share at the end of all, however much each has spent.
        spent = np.geomspace(1, max(replay.spent for replay in replays), _POINTS)
        share = held_share(replays, drawn, truth, spent)
        style = {
            "color": _PAPER_COLOUR if name == PAPER else _COLOURS[number % len(_COLOURS)],
            "linestyle": _DASHES[number // len(_COLOURS) % len(_DASHES)],
            "linewidth": 2.0 if name == PAPER else 1.3,
        }
        (line,) = panel.plot(spent, share, label=name, **style)
        panel.plot(spent[-1], share[-1], marker="o", markersize=5, color=style["color"])
        handles.append(line)
    panel.set_xlim(left=max(1, min(replay.steps[0].spent for own in replayed.replays.values() for replay in own) / 2))
    canvas.legend_above(figure, handles, columns=4)
    return figure


def draw_epochs(replayed: Replayed) -> Figure:
    """Rank correlation of every epoch with the last one; bands are 95 % intervals over candidates."""
    figure = canvas.new_figure(8.4, 4.1)
    panels = figure.subplots(1, 2, sharey=True)
    by_what: dict[str, list[Agreement]] = {}
    for agreement in replayed.agreements:
        by_what.setdefault(agreement.what, []).append(agreement)
    for panel, coefficient, label in zip(panels, ("spearman", "kendall"), ("Spearman's ρ", "Kendall's τ"), strict=True):
        canvas.tidy(panel, "epoch", f"{label} with the last epoch")
        panel.xaxis.get_major_locator().set_params(integer=True)
        handles = [_draw_agreement(panel, what, own, coefficient) for what, own in by_what.items()]
    canvas.legend_above(figure, handles, columns=3)
    return figure


def _draw_agreement(panel: Axes, what: str, agreements: list[Agreement], coefficient: str):
    """One line with its band; gives the line."""
    colour, dashes = _WHAT_STYLES[what]
    epochs = [agreement.epoch for agreement in agreements]
    intervals = [getattr(agreement, coefficient) for agreement in agreements]
    panel.fill_between(
        epochs, [i.low for i in intervals], [i.high for i in intervals], color=colour, alpha=0.15, linewidth=0
    )
    (line,) = panel.plot(epochs, [i.value for i in intervals], color=colour, linestyle=dashes, label=what)
    return line
