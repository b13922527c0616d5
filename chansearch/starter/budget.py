"""From the budget of the network that is wanted to that of the small candidates which stand in for it.

A search trains small networks on small images; what is carried over to the network that is wanted is the shape f, not
the channels (see docs/method.md). The paper's own pair is ReXNet ×1.0 and its constraints c1 to c4. So the width that
takes ReXNet ×1.0 to the budget asked for also takes the straight line of such a constraint to the candidates' budget.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from chansearch.config import ConstraintConfig, SearchConfig, from_plain, shipped
from chansearch.cost import parse_count, price_spec, solve
from chansearch.cost.budget import format_count
from chansearch.errors import UserError
from chansearch.export.full import full_network, reference
from chansearch.files import read_mapping
from chansearch.nets.spec import NetworkSpec
from chansearch.search.plan import make_budget, make_skeleton
from chansearch.space import Shape, round_channels

LIKE = ("c1", "c2", "c3")  # c4's budget is met by no straight line
_REXNET = (168.75, 16.0)  # a and b of ReXNet ×1.0
_CLASSES = 10  # any number: the classifier does not count in these constraints
_BYTES_A_PARAM = 4  # float32
_SIZES = {"KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}
# Times ReXNet ×1.0. The paper's own family goes from 0.9 to 3.
_NARROWEST, _WIDEST = 0.2, 5.0
# A bound is reached by what comes this near to it: channels are whole.
_REACHED = 0.95


@dataclass(frozen=True)
class Wanted:
    """The network that is wanted: its bounds as asked for (none: what ReXNet ×1.0 costs), and what the widest ReXNet
    within them costs, on its own straight line."""

    asked: dict[str, float]  # params, macs
    width: float  # times ReXNet ×1.0
    costs: dict[str, int]
    classes: int
    input_size: int

    @property
    def not_reached(self) -> list[str]:
        """The bounds that the other one leaves room under."""
        return [name for name, bound in self.asked.items() if self.costs[name] < _REACHED * bound]


def parse_params(key: str, text: str) -> float:
    """``4.8M`` parameters, or the size of their float32 file: ``50MB`` is 12.5M, at 4 bytes each."""
    size = re.fullmatch(r"\s*([0-9.]+)\s*([KMG]i?B)\s*", text, re.IGNORECASE)
    if size is None:
        return parse_count(key, text)
    return parse_count(key, size[1]) * _SIZES[size[2].upper()] / _BYTES_A_PARAM


def megabytes(params: float) -> float:
    """Of a float32 file."""
    return params * _BYTES_A_PARAM / 1e6


def wanted(asked: dict[str, float], classes: int, input_size: int) -> Wanted:
    """Raises ``UserError`` where there is no ReXNet within the bounds."""
    rexnet = reference(classes, input_size)
    width = min((_width(rexnet, name, bound) for name, bound in asked.items()), default=1.0)
    return Wanted(asked, width, _costs(rexnet, asked), classes, input_size)


def _costs(rexnet: NetworkSpec, asked: dict[str, float]) -> dict[str, int]:
    a, b = _REXNET
    if not asked:
        return price_spec(_on_line(rexnet, a, b, 1.0))
    bounds = dict.fromkeys(("params", "macs")) | asked
    return full_network(Shape.linear(rexnet.blocks), rexnet, **bounds, start=b / (a + b), at_most=True).costs


def _width(rexnet: NetworkSpec, name: str, bound: float) -> float:
    """Of the ReXNet that costs ``bound``."""
    a, b = _REXNET
    heights = Shape.linear(rexnet.blocks).at_blocks()[None]
    start = np.array([b / (a + b)])
    found = solve(rexnet, heights, **{name: np.array([bound])}, start=start, count_classifier=True)
    width = float(found.a[0] + found.b[0]) / (a + b) if found.met[0] else 0.0
    if not _NARROWEST <= width <= _WIDEST:
        least, most = (price_spec(_on_line(rexnet, a, b, end))[name] for end in (_NARROWEST, _WIDEST))
        raise UserError(
            f"--{name}: {bound:,.0f}; allowed with {rexnet.classes} classes at {rexnet.input_size}x"
            f"{rexnet.input_size}: {least:,} to {most:,}, a fifth to five times the width of ReXNet x1.0"
        )
    return width


def candidates(like: str, width: float, input_size: int, in_channels: int) -> ConstraintConfig:
    """The constraint of that name, its straight line ``width`` times as wide, on images of that size."""
    file = shipped("conf") / "constraint" / f"{like}.yaml"
    config: SearchConfig = from_plain({"constraint": read_mapping(file, like)}, like)
    constraint = config.constraint
    skeleton, budget = make_skeleton(constraint.skeleton, _CLASSES), make_budget(constraint.budget)
    centres = {name: np.array([(band.low + band.high) / 2]) for name, band in budget.bands.items()}
    found = solve(skeleton, Shape.linear(skeleton.blocks).at_blocks()[None], **centres)
    constraint.skeleton.input_size, constraint.skeleton.in_channels = input_size, in_channels
    small = _on_line(make_skeleton(constraint.skeleton, _CLASSES), float(found.a[0]), float(found.b[0]), width)
    costs = price_spec(small, count_classifier=budget.count_classifier)
    for name in budget.bands:
        getattr(constraint.budget, name).target = format_count(float(f"{costs[name]:.3g}"))
    return constraint


def _on_line(skeleton: NetworkSpec, a: float, b: float, width: float) -> NetworkSpec:
    heights = Shape.linear(skeleton.blocks).at_blocks()
    return skeleton.with_channels(round_channels(width * (a * heights + b), skeleton.divisor))
