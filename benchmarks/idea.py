"""The figures of docs/idea.md: a shape and its channels, families, a budget and its solution, tenths, the export."""

from __future__ import annotations

import argparse
import io
import itertools
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.models import problem

if TYPE_CHECKING:
    from chansearch.search.problem import Priced

_FOLDER = Path(__file__).parents[1] / "docs" / "figures"
_POPULATION = Path(__file__).parent / "population"
_INK = "#333333"


def _knots():
    """One member: f through its knots on the left, the channels that a and b make of it on the right."""
    from chansearch.report import canvas
    from chansearch.space import Member, Shape

    member = Member(a=64.0, b=30.0, shape=Shape((1, 4, 7, 9), (0.0, 0.15, 0.85, 1.0)))
    blocks, channels = np.arange(1, member.shape.depth + 1), member.channels()
    figure = canvas.new_figure(9.0, 3.6)
    left, right = figure.subplots(1, 2)
    canvas.tidy(left, "block i", "f(i)")
    canvas.title(left, "the shape f: lines between knots")
    left.plot(blocks, member.shape.at_blocks(), color=canvas.RUN_COLOURS[0], marker=".", markersize=5)
    left.plot(member.shape.knots, member.shape.values, "o", color=canvas.RUN_COLOURS[1], markersize=8)
    left.annotate("a knot", (4, 0.15), (5.2, 0.08), color=_INK, arrowprops={"arrowstyle": "->", "color": _INK})
    canvas.tidy(right, "block i", "output channels $c_i$")
    canvas.title(right, "the channels: a·f(i) + b, rounded")
    right.set_axisbelow(True)
    right.bar(blocks, member.b, color="#BBBBBB", label=f"b = {member.b:g}")
    above = np.array(channels) - member.b
    right.bar(blocks, above, bottom=member.b, color=canvas.RUN_COLOURS[0], label=f"a·f(i), a = {member.a:g}")
    for block, count in zip(blocks, channels, strict=True):
        right.annotate(str(count), (block, count + 1.5), ha="center", fontsize=9, color=_INK)
    right.set_ylim(0, 108)
    right.legend(loc="upper left", frameon=False, fontsize=9, labelcolor=_INK)
    for panel in (left, right):
        panel.set_xticks(blocks)
    return figure


def _families(draws: int = 6):
    """Unguided draws of each family, seed 0."""
    from chansearch.report import canvas
    from chansearch.space import FAMILIES

    figure = canvas.new_figure(9.0, 2.5)
    panels = figure.subplots(1, len(FAMILIES), sharey=True)
    for panel, family in zip(panels, FAMILIES, strict=True):
        canvas.tidy(panel, "block i", "f(i)")
        canvas.title(panel, family)
        for number, priced in enumerate(_drawn(problem("constraint=c2", f"space={family}", classes=100), draws)):
            shape = priced.member.shape
            panel.plot(shape.knots, shape.values, color=canvas.RUN_COLOURS[number], linewidth=1.3)
        panel.set_xticks([1, 5, 9])
        panel.label_outer()
    return figure


def _drawn(searched, count: int) -> list[Priced]:
    """The first draws of the unguided stream, seed 0, whether they meet the budget or not."""
    from chansearch.search.propose import unguided_values

    stream = (searched.realise(batch) for batch in unguided_values(searched, "random", 0))
    return list(itertools.islice(itertools.chain.from_iterable(stream), count))


def _budget(draws: int = 2000):
    """c1's budget: the bands of one f in the plane of a and b, and both ways of meeting it in params and MACs."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch, Rectangle

    from chansearch.cost import Verdict
    from chansearch.report import canvas

    figure = canvas.new_figure(9.0, 4.1)
    left, right = figure.subplots(1, 2)
    solving, rejecting = (problem("constraint=c1", f"search.method={way}", classes=100) for way in ("solve", "reject"))
    _bands_of_one_shape(left, solving)
    canvas.tidy(right, "params [M]", "MACs [M]")
    canvas.title(right, "drawn and priced, nothing trained")
    for searched, colour, mark, size in ((rejecting, canvas.REST, ".", 12), (solving, canvas.RUN_COLOURS[1], "^", 14)):
        drawn = _drawn(searched, draws if searched is rejecting else 200)
        costs = np.array([(priced.costs["params"], priced.costs["macs"]) for priced in drawn]) / 1e6
        right.scatter(*costs.T, s=size, marker=mark, color=colour, linewidths=0, alpha=0.7)
        met = sum(priced.verdict is Verdict.WITHIN for priced in drawn)
        print(f"{searched.method}: {met} of {len(drawn)} draws within the budget")
    params, macs = solving.budget.params, solving.budget.macs
    right.add_patch(
        Rectangle(
            (params.low / 1e6, macs.low / 1e6),
            (params.high - params.low) / 1e6,
            (macs.high - macs.low) / 1e6,
            fill=False,
            edgecolor=_INK,
            linewidth=1.6,
        )
    )
    right.set_xlim(0, 0.45)
    right.set_ylim(0, 75)
    handles = [
        Patch(color=canvas.RUN_COLOURS[0], alpha=0.35, label="params within their band"),
        Patch(color=canvas.RUN_COLOURS[2], alpha=0.35, label="MACs within their band"),
        Line2D([], [], marker="*", color=canvas.RUN_COLOURS[1], ls="", markersize=11, label="what solve finds"),
        Line2D([], [], marker=".", color=canvas.REST, ls="", label=f"{draws:,} draws of reject"),
        Line2D([], [], marker="^", color=canvas.RUN_COLOURS[1], ls="", markersize=5, label="200 draws of solve"),
        Patch(fill=False, edgecolor=_INK, label="the budget"),
    ]
    canvas.legend_above(figure, handles, columns=3)
    return figure


def _bands_of_one_shape(panel, searched) -> None:
    from chansearch.cost import solve
    from chansearch.report import canvas
    from chansearch.space import Shape

    heights = Shape.linear(searched.skeleton.blocks).at_blocks()
    a, b = np.meshgrid(np.linspace(0, 80, 161), np.linspace(1, 60, 119))
    channels = a.reshape(-1, 1) * heights + b.reshape(-1, 1)
    costs = searched.priced(channels)
    for name, colour in (("params", canvas.RUN_COLOURS[0]), ("macs", canvas.RUN_COLOURS[2])):
        band = searched.budget.bands[name]
        panel.contourf(a, b, getattr(costs, name).reshape(a.shape), [band.low, band.high], colors=[colour], alpha=0.35)
    middle = {name: np.array([(band.low + band.high) / 2]) for name, band in searched.budget.bands.items()}
    found = solve(searched.skeleton, heights[None], **middle)
    panel.plot(found.a, found.b, "*", color=canvas.RUN_COLOURS[1], markersize=14, markeredgecolor="white")
    canvas.tidy(panel, "a", "b")
    canvas.title(panel, "one f, here the line: two bands cross")


def _tenths():
    """Mean channels of the recorded population's tenths, as its report draws them."""
    from chansearch.report.analysis import analyse
    from chansearch.report.figure_channels import draw_channels
    from chansearch.search.rundir import RunDirectory

    return draw_channels([analyse(RunDirectory.open(_POPULATION))])


def _export():
    """From the f of five blocks to the channels of a full ReXNet."""
    from chansearch.cost import price_spec
    from chansearch.export.full import full_network, reference, unrounded_start
    from chansearch.report import canvas
    from chansearch.report.published import TABLE_3
    from chansearch.space import fit, parse_channels

    best = fit(parse_channels(TABLE_3["c1"].best.channels))
    skeleton = reference()
    target = price_spec(skeleton)
    full = full_network(best.shape, skeleton, params=target["params"], macs=target["macs"], start=unrounded_start(best))
    figure = canvas.new_figure(9.0, 3.4)
    panels = figure.subplots(1, 3)
    titles = ("searched: 5 blocks", "f, read at 16 equal steps", "solved for ReXNet ×1.0's cost")
    for panel, text in zip(panels, titles, strict=True):
        canvas.title(panel, text)
    blocks = np.arange(1, 6)
    canvas.tidy(panels[0], "block of the candidate", "channels")
    panels[0].bar(blocks, best.channels(), color=canvas.RUN_COLOURS[0])
    depth = np.linspace(0, 1, skeleton.blocks)
    canvas.tidy(panels[1], "relative depth", "f")
    panels[1].plot(np.linspace(0, 1, 5), best.shape.at_blocks(), color=canvas.RUN_COLOURS[0], marker="o", markersize=8)
    panels[1].plot(depth, full.member.shape.at_blocks(), ".", color=canvas.RUN_COLOURS[1])
    canvas.tidy(panels[2], "block of the full network", "channels")
    panels[2].bar(np.arange(1, 17), full.spec.channels, color=canvas.RUN_COLOURS[1], label="from the searched f")
    panels[2].plot(np.arange(1, 17), skeleton.channels, color=_INK, linewidth=1.2, label="ReXNet ×1.0")
    panels[2].legend(loc="upper left", frameon=False, fontsize=9, labelcolor=_INK)
    print("export:", full.spec.channels, full.costs, full.miss)
    return figure


FIGURES = {"knots": _knots, "families": _families, "budget": _budget, "tenths": _tenths, "export": _export}


def main(arguments: list[str]) -> None:
    from chansearch.report import canvas

    parser = argparse.ArgumentParser(prog="python -m benchmarks idea", description=__doc__)
    parser.add_argument("--only", choices=FIGURES, help="one of the figures (default: all)")
    only = parser.parse_args(arguments).only
    for name in [only] if only else FIGURES:
        file = _FOLDER / f"idea-{name}.png"
        _write_small(canvas.render(FIGURES[name]()).png, file)
        print(file.relative_to(_FOLDER.parents[1]))


def _write_small(png: bytes, file: Path) -> None:
    """Few colours are enough for lines and bars, and take a third of the bytes."""
    from PIL import Image

    Image.open(io.BytesIO(png)).convert("RGB").quantize(64).save(file, optimize=True)
