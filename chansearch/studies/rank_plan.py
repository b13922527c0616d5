"""What the rank study is asked: layers, activations, sizes and how they are drawn. Imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass

from chansearch.errors import UserError
from chansearch.nets.spec import ACTIVATIONS
from chansearch.ranges import at_least, one_of

# Panels (a) to (d) of Figure 1. New ones go to the end: a layer's place is part of its networks' seed.
LAYERS = ("conv1x1", "conv3x3", "bottleneck", "bottleneck_dw")
TENTHS = tuple(range(1, 11))  # dimension ratios d_in/d_out, in tenths
BATCH_NORMS = ("fresh", "batch")


@dataclass(frozen=True)
class RankPlan:
    """``networks`` for each of layers × ``TENTHS``, every one under all ``activations``.

    ``d_out``: smallest and largest output width, drawn uniformly. ``expansion`` of the bottlenecks. ``batch_norm``:
    ``fresh`` is evaluation mode before any training, so division by sqrt(1 + 1e-5); ``batch`` normalises by the
    feature's own mean and variance. ``map_size``: side of the square maps that layers see, in pixels; on a map of one
    pixel only the middle tap of a 3×3 kernel meets anything but padding.
    """

    layers: tuple[str, ...] = LAYERS
    activations: tuple[str, ...] = ACTIVATIONS
    networks: int = 1000
    seed: int = 0
    d_out: tuple[int, int] = (10, 50)
    expansion: int = 6
    batch_norm: str = "fresh"
    map_size: int = 1

    def check(self) -> None:
        """Raises ``UserError`` for the first value that is not allowed."""
        for key, values, allowed in (
            ("--layers", self.layers, LAYERS),
            ("--activations", self.activations, ACTIVATIONS),
            ("--batch-norm", (self.batch_norm,), BATCH_NORMS),
        ):
            for value in values:
                one_of(key, value, allowed)
        for key, value, least in (
            ("--networks", self.networks, 1),
            ("--seed", self.seed, 0),
            ("--expansion", self.expansion, 1),
            ("--map", self.map_size, 1),
        ):
            at_least(key, value, least)
        if not 1 <= self.d_out[0] <= self.d_out[1]:
            raise UserError(f"--d-out: {self.d_out[0]}-{self.d_out[1]}; allowed: LOW-HIGH with 1 <= LOW <= HIGH")

    @property
    def points(self) -> list[tuple[str, int]]:
        """Layer and dimension ratio in tenths."""
        return [(layer, tenths) for layer in self.layers for tenths in TENTHS]


@dataclass(frozen=True)
class Size:
    """Of one network: ``d_in`` = ratio · ``d_out``, rounded; ``columns`` is N of the paper, the least number of whole
    maps' pixels above ``d_out``."""

    d_out: int
    d_in: int
    columns: int

    @staticmethod
    def of(d_out: int, tenths: int, map_size: int) -> Size:
        pixels = map_size**2
        return Size(d_out, max(1, round(tenths * d_out / 10)), (d_out // pixels + 1) * pixels)


def weight_shapes(layer: str, size: Size, plan: RankPlan) -> list[tuple[int, int, int]]:
    """(output channels, input channels a group, taps) of each convolution of ``layer``."""
    taps = 1 if plan.map_size == 1 else 9
    hidden = plan.expansion * size.d_in
    if layer == "conv1x1":
        return [(size.d_out, size.d_in, 1)]
    if layer == "conv3x3":
        return [(size.d_out, size.d_in, taps)]
    middle = hidden if layer == "bottleneck" else 1
    return [(hidden, size.d_in, 1), (hidden, middle, taps), (size.d_out, hidden, 1)]
