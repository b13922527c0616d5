"""How much of the space meets a budget, and where it lies: the share of unguided draws, and a figure."""

from __future__ import annotations

import argparse
import itertools
import math
from pathlib import Path

import numpy as np

from benchmarks.models import CONSTRAINTS, problem
from benchmarks.table import markdown, number, publish

_FIGURE = Path(__file__).parents[1] / "docs" / "figures" / "feasible"
_NORMAL = 1.96  # two-sided 95 %


def _problem(constraint: str, family: str, method: str):
    return problem(f"constraint={constraint}", f"space={family}", f"search.method={method}", classes=100)


def share(constraint: str, family: str, method: str, draws: int) -> str:
    """The share of draws within the budget after rounding, in percent, with Wilson's 95 % interval."""
    from chansearch.cost import Verdict
    from chansearch.search.propose import unguided_values

    searched = _problem(constraint, family, method)
    seen = met = 0
    for batch in unguided_values(searched, "random", 0):
        met += sum(priced.verdict is Verdict.WITHIN for priced in searched.realise(batch))
        seen += len(batch)
        if seen >= draws:
            break
    low, high = wilson(met, seen)
    return f"{number(100 * met / seen)} ({number(100 * low)} to {number(100 * high)})"


def wilson(hits: int, draws: int) -> tuple[float, float]:
    """Wilson's score interval of a proportion: it holds near 0 and 1, where the shares are."""
    rate, extra = hits / draws, _NORMAL**2 / draws
    middle = rate + extra / 2
    half = _NORMAL * math.sqrt(rate * (1 - rate) / draws + extra / draws / 4)
    return (middle - half) / (1 + extra), (middle + half) / (1 + extra)


def _members(constraint: str, method: str, count: int) -> tuple[np.ndarray, np.ndarray]:
    """c_1/c_d and R² of the line of so many different candidates within the budget, each (n,)."""
    from chansearch.search.propose import unguided
    from chansearch.space import line_r2

    stream = unguided(_problem(constraint, "piecewise", method), "random", 0, set())
    channels = np.array([priced.channels for priced, _, _ in itertools.islice(stream, count)])
    return channels[:, 0] / channels[:, -1], line_r2(channels)


def _draw(count: int):
    from matplotlib.lines import Line2D

    from chansearch.report import canvas

    kinds = {"reject": (canvas.RUN_COLOURS[0], "o"), "solve": (canvas.RUN_COLOURS[1], "^")}
    figure = canvas.new_figure(9.0, 7.0)
    for panel, constraint in zip(figure.subplots(2, 2, sharex=True, sharey=True).flat, CONSTRAINTS, strict=True):
        canvas.tidy(panel, "first over last block, $c_1/c_d$", "R² of the line through the channels")
        canvas.title(panel, constraint)
        for method, (colour, mark) in kinds.items():
            panel.scatter(
                *_members(constraint, method, count), s=14, marker=mark, color=colour, alpha=0.45, linewidths=0
            )
        panel.label_outer()
    handles = [Line2D([], [], color=colour, marker=mark, ls="") for colour, mark in kinds.values()]
    for handle, method in zip(handles, kinds, strict=True):
        handle.set_label(f"search.method={method}, {count} candidates")
    canvas.legend_above(figure, handles, columns=2)
    return canvas.render(figure)


def main(arguments: list[str]) -> None:
    from chansearch.space import FAMILIES

    parser = argparse.ArgumentParser(prog="python -m benchmarks feasible", description=__doc__)
    parser.add_argument("--draws", type=int, default=40_000, help="for each share")
    parser.add_argument("--candidates", type=int, default=300, help="of each method, in the figure")
    options = parser.parse_args(arguments)
    _FIGURE.parent.mkdir(exist_ok=True)
    drawn = _draw(options.candidates)
    _FIGURE.with_suffix(".png").write_bytes(drawn.png)
    _FIGURE.with_suffix(".svg").write_text(drawn.svg, encoding="utf-8")
    tables = []
    for method in ("reject", "solve"):
        rows = [[name, *(share(name, family, method, options.draws) for family in FAMILIES)] for name in CONSTRAINTS]
        tables += [f"`search.method={method}`:", markdown(["constraint", *FAMILIES], rows)]
    publish(
        "feasible",
        "How much of the space meets a budget",
        f"Unguided draws within the budget after rounding, in percent of {options.draws:,} draws, with Wilson's 95 % "
        "interval. `reject` draws a and b too, up to the widest that the bands allow; `solve` solves them.",
        *tables,
        "Where they lie: docs/figures/feasible.png.",
    )
