"""The shape f of a channel configuration: a non-decreasing piecewise linear function of the block index."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

# Two slopes closer than this are one line: far below what half a channel can show, far above rounding of float64.
_COLLINEAR = 1e-9


@dataclass(frozen=True)
class Shape:
    """f through the knots (k_0=1, 0) … (k_m=d, 1), blocks counted from 1 (paper sec. 3.2).

    With f(1)=0 and f(d)=1 the three unknowns of c_i = a·f(i)+b are unique: c_1 = b and c_d = a+b.

    Raises ``ValueError`` unless the knots are increasing integers from 1 and the values non-decreasing from 0 to 1.
    """

    knots: tuple[int, ...]
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.knots) < 2 or len(self.knots) != len(self.values):
            raise ValueError(f"a shape needs as many values as knots, two or more; got {self.knots} and {self.values}")
        if self.knots[0] != 1 or any(k >= n for k, n in itertools.pairwise(self.knots)):
            raise ValueError(f"knots must increase from 1, got {self.knots}")
        if self.values[0] != 0 or self.values[-1] != 1:
            raise ValueError(f"values must run from 0 to 1, got {self.values}")
        if any(not v <= n for v, n in itertools.pairwise(self.values)):
            raise ValueError(f"values must not decrease, got {self.values}")

    @property
    def depth(self) -> int:
        return self.knots[-1]

    @property
    def segments(self) -> int:
        return len(self.knots) - 1

    def at_blocks(self) -> np.ndarray:
        """f(1) … f(d), float array (d,)."""
        return np.interp(np.arange(1, self.depth + 1), self.knots, self.values)

    def resampled(self, depth: int) -> Shape:
        """The same curve over another number of blocks: f is read at equal steps of relative depth.

        This is what a search hands to the full network (paper sec. 4): the curve, not the channel numbers.
        """
        positions = np.linspace(1, self.depth, depth)
        return Shape.through(np.interp(positions, self.knots, self.values))

    @staticmethod
    def linear(depth: int) -> Shape:
        return Shape((1, depth), (0.0, 1.0))

    @staticmethod
    def through(heights: np.ndarray) -> Shape:
        """The shape with the given heights at blocks 1…d (any non-decreasing array (d,)), with the fewest knots.

        A constant array has no shape of its own (a is 0); it gets the linear one.
        """
        heights = np.asarray(heights, dtype=float)
        rise = heights[-1] - heights[0]
        if rise <= 0:
            return Shape.linear(len(heights))
        values = (heights - heights[0]) / rise
        values[0], values[-1] = 0.0, 1.0
        bends = np.flatnonzero(np.abs(np.diff(values, n=2)) > _COLLINEAR) + 1
        keep = [0, *bends.tolist(), len(values) - 1]
        return Shape(tuple(k + 1 for k in keep), tuple(float(values[k]) for k in keep))
