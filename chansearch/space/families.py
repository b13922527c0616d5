"""Families of shapes: which f a search may draw, each with the parameters a sampler moves.

A family turns numbers into a shape. The numbers have fixed names and ranges for a given depth, so the same family
serves an unguided stream (uniform numbers) and a guided sampler (numbers chosen from what was learned).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from chansearch.errors import UserError
from chansearch.ranges import one_of
from chansearch.space.shape import Shape


@dataclass(frozen=True)
class Parameter:
    """One number a sampler may move: a float in [low, high], or a whole number when ``integer``."""

    name: str
    low: float = 0.0
    high: float = 1.0
    integer: bool = False

    def from_unit(self, u: float) -> float | int:
        """The value at ``u`` in [0, 1): uniform over the range, ends included for whole numbers."""
        if self.integer:
            return int(self.low) + int(u * (self.high - self.low + 1))
        return self.low + u * (self.high - self.low)


class Family(Protocol):
    """Turns a sampler's numbers into a shape."""

    @property
    def depth(self) -> int:
        """Blocks."""
        ...

    def parameters(self) -> tuple[Parameter, ...]:
        """What a sampler moves, in a fixed order."""
        ...

    def decode(self, values: Mapping[str, float]) -> Shape:
        """The shape for one value of each parameter."""
        ...


def _rises(values: Mapping[str, float], count: int, flat: float) -> np.ndarray:
    """``count`` increments that add up to 1, each exactly 0 with probability ``flat``, the rest unequal at random.

    −log of uniform numbers, normalised, would be uniform on the simplex, whose typical point is nearly a straight
    line; squared, they spread the shapes further (docs/method.md has the figures). Flat segments need a probability
    of their own: the flat-then-steep configurations of Table 3 would otherwise never be drawn.
    """
    u = np.array([values[f"rise_{j}"] for j in range(1, count + 1)])
    steep = u >= flat
    if not steep.any():
        steep = u == u.max()
    scaled = np.clip((u - flat) / (1 - flat), 1e-12, 1 - 1e-12)
    weights = np.where(steep, np.log1p(-scaled) ** 2, 0.0)
    return weights / weights.sum()


def _inner_knots(values: Mapping[str, float], count: int, depth: int) -> list[int]:
    """``count`` different blocks out of 2…d−1, in order, from the first ``count`` of the numbers ``knot_j``.

    Sorted numbers are spread over the places left free when each knot keeps one for itself (stars and bars), so any
    subset can come up and none needs a second draw.
    """
    places = depth - 2 - count + 1
    ordered = sorted(values[f"knot_{j}"] for j in range(1, count + 1))
    return [2 + j + min(int(u * places), places - 1) for j, u in enumerate(ordered)]


@dataclass(frozen=True)
class Piecewise:
    """``min_segments`` to ``max_segments`` linear pieces with knots on a subset of the blocks (paper sec. 3.2)."""

    depth: int
    min_segments: int = 1
    max_segments: int = 5
    flat: float = 0.2

    @property
    def _most(self) -> int:
        return min(self.max_segments, self.depth - 1)

    def parameters(self) -> tuple[Parameter, ...]:
        least = min(self.min_segments, self._most)
        segments = (Parameter("segments", least, self._most, integer=True),) if least < self._most else ()
        knots = tuple(Parameter(f"knot_{j}") for j in range(1, self._most))
        return segments + knots + tuple(Parameter(f"rise_{j}") for j in range(1, self._most + 1))

    def decode(self, values: Mapping[str, float]) -> Shape:
        segments = int(values.get("segments", self._most))
        knots = [1, *_inner_knots(values, segments - 1, self.depth), self.depth]
        heights = np.concatenate([[0.0], np.cumsum(_rises(values, segments, self.flat))])
        return Shape.through(np.interp(np.arange(1, self.depth + 1), knots, heights))


@dataclass(frozen=True)
class Linear:
    """f(i) = (i−1)/(d−1): only a and b are searched."""

    depth: int

    def parameters(self) -> tuple[Parameter, ...]:
        return ()

    def decode(self, values: Mapping[str, float]) -> Shape:
        return Shape.linear(self.depth)


@dataclass(frozen=True)
class Hinge:
    """Flat up to a block, then one line to the end: best and worst of Table 3's c1 are of this kind."""

    depth: int

    def parameters(self) -> tuple[Parameter, ...]:
        return (Parameter("hinge", 1, self.depth - 1, integer=True),)

    def decode(self, values: Mapping[str, float]) -> Shape:
        hinge = int(values["hinge"])
        return Shape.through(np.maximum(np.arange(1, self.depth + 1) - hinge, 0))


@dataclass(frozen=True)
class Stagewise:
    """Stages of repeated channels with a jump between them: the convention of Table 1."""

    depth: int
    min_stages: int = 2
    max_stages: int = 7

    @property
    def _most(self) -> int:
        return min(self.max_stages, self.depth)

    def parameters(self) -> tuple[Parameter, ...]:
        least = min(self.min_stages, self._most)
        stages = (Parameter("stages", least, self._most, integer=True),) if least < self._most else ()
        knots = tuple(Parameter(f"knot_{j}") for j in range(1, self._most))
        return stages + knots + tuple(Parameter(f"rise_{j}") for j in range(1, self._most))

    def decode(self, values: Mapping[str, float]) -> Shape:
        stages = int(values.get("stages", self._most))
        # First blocks of the stages after the first: different blocks out of 2…d.
        starts = _inner_knots(values, stages - 1, self.depth + 1)
        jumps = np.zeros(self.depth)
        jumps[np.array(starts) - 1] = _rises(values, stages - 1, flat=0.0)
        return Shape.through(np.cumsum(jumps))


@dataclass(frozen=True)
class Free:
    """Any non-decreasing f: a knot at every block."""

    depth: int
    flat: float = 0.2

    def parameters(self) -> tuple[Parameter, ...]:
        return tuple(Parameter(f"rise_{j}") for j in range(1, self.depth))

    def decode(self, values: Mapping[str, float]) -> Shape:
        return Shape.through(np.concatenate([[0.0], np.cumsum(_rises(values, self.depth - 1, self.flat))]))


FAMILIES = {"piecewise": Piecewise, "linear": Linear, "hinge": Hinge, "stagewise": Stagewise, "free": Free}


def make_family(
    family: str,
    depth: int,
    *,
    min_segments: int = 1,
    max_segments: int = 5,
    min_stages: int = 2,
    max_stages: int = 7,
    flat: float = 0.2,
) -> Family:
    """The family of that name over ``depth`` blocks; raises ``UserError`` for a setting out of its range.

    ``flat`` is the probability, in [0, 1), that a piece of a piecewise or free shape does not rise at all.
    """
    one_of("space.family", family, FAMILIES)
    if depth < 2:
        raise UserError(f"constraint.skeleton.blocks: {depth} is too few for a shape; allowed: 2 or more")
    for low_key, low, high_key, high, least in (
        ("min_segments", min_segments, "max_segments", max_segments, 1),
        ("min_stages", min_stages, "max_stages", max_stages, 2),
    ):
        if not least <= low <= high:
            raise UserError(f"space.{low_key}: {low} and space.{high_key}: {high}; {least} <= min <= max must hold")
    if not (math.isfinite(flat) and 0 <= flat < 1):
        raise UserError(f"space.flat: {flat} is out of range; allowed: 0 <= flat < 1")
    match family:
        case "piecewise":
            return Piecewise(depth, min_segments, max_segments, flat)
        case "stagewise":
            return Stagewise(depth, min_stages, max_stages)
        case "free":
            return Free(depth, flat)
        case _:
            return FAMILIES[family](depth)
