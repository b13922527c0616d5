"""Solving a and b of c_i = a·f(i)+b for a budget.

n shapes, d blocks. For one f every cost is a polynomial of degree two in (a, b) as long as nothing is rounded; six
evaluations give its coefficients. Written with the whole height s = a+b and the start ρ = b/s in (0, 1], one budget
fixes s for each ρ, and along that curve a larger ρ moves channels to the early, large feature maps: MACs rise while
params stay, so a bisection finds the ρ of the second budget. That holds for networks that shrink their feature maps on
the way, such as those of the paper. Without strides, or with all of them in the first blocks, MACs may fall a little
somewhere on the curve; then a solution may be missed, and never is a false one given.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chansearch.cost.count import price
from chansearch.nets.spec import NetworkSpec

# A start of nothing is no network; less than a thousandth of the end is below half a channel for any real width.
_LEAST_START = 1e-3
_BISECTIONS = 40


@dataclass(frozen=True)
class Solution:
    """a and b, float arrays (n,), and whether the targets can be met by that shape at all, bool (n,).

    Where they cannot, a and b are the nearest end: all start or none.
    """

    a: np.ndarray
    b: np.ndarray
    met: np.ndarray


def solve(
    skeleton: NetworkSpec,
    heights: np.ndarray,
    *,
    params: np.ndarray | None = None,
    macs: np.ndarray | None = None,
    start: np.ndarray | None = None,
    count_classifier: bool = False,
) -> Solution:
    """(a, b) of each shape such that the unrounded network costs ``params`` and/or ``macs``.

    ``heights`` (n, d): f at the blocks. ``params``, ``macs`` (n,): targets; with only one of them ``start`` (n,) in
    (0, 1] gives ρ = b/(a+b), the freedom that is left. Raises ``ValueError`` when the three do not fit together.
    """
    if (params is None) + (macs is None) + (start is None) != 1:
        raise ValueError("solve needs two of params, macs and start")
    coefficients = _coefficients(skeleton, np.asarray(heights, dtype=float), count_classifier)
    if start is not None:
        name, target = ("params", params) if params is not None else ("macs", macs)
        height, met = _height(coefficients[name], np.asarray(start, dtype=float), np.asarray(target, dtype=float))
        return Solution(a=height * (1 - start), b=height * start, met=met)

    params, macs = np.broadcast_arrays(np.asarray(params, dtype=float), np.asarray(macs, dtype=float))

    def surplus(start: np.ndarray) -> np.ndarray:
        height, _ = _height(coefficients["params"], start, params)
        return _value(coefficients["macs"], start, height) - macs

    low = np.full(len(heights), _LEAST_START)
    high = np.ones(len(heights))
    met = (surplus(low) <= 0) & (surplus(high) >= 0)
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        above = surplus(middle) > 0
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    height, reachable = _height(coefficients["params"], high, params)
    return Solution(a=height * (1 - high), b=height * high, met=met & reachable)


def _coefficients(skeleton: NetworkSpec, heights: np.ndarray, count_classifier: bool) -> dict[str, np.ndarray]:
    """Of a², ab, b², a, b and 1 in params and in MACs, each (6, n)."""
    points = np.array([[0, 0], [1, 0], [2, 0], [0, 1], [0, 2], [1, 1]], dtype=float)  # (a, b)
    channels = points[:, :1, None] * heights + points[:, 1:, None]  # (6, n, d)
    costs = price(skeleton, channels.reshape(-1, heights.shape[1]), count_classifier=count_classifier)
    found = {}
    for name in ("params", "macs"):
        at00, at10, at20, at01, at02, at11 = getattr(costs, name).reshape(6, -1)
        aa, bb = (at20 - 2 * at10 + at00) / 2, (at02 - 2 * at01 + at00) / 2
        a, b = at10 - at00 - aa, at01 - at00 - bb
        found[name] = np.stack([aa, at11 - at10 - at01 + at00, bb, a, b, at00])
    return found


def _in_height(coefficients: np.ndarray, start: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The polynomial in s = a+b at a given start: of s², s and 1, each (n,)."""
    aa, ab, bb, a, b, constant = coefficients
    rest = 1 - start
    return aa * rest**2 + ab * rest * start + bb * start**2, a * rest + b * start, constant


def _value(coefficients: np.ndarray, start: np.ndarray, height: np.ndarray) -> np.ndarray:
    square, linear, constant = _in_height(coefficients, start)
    return (square * height + linear) * height + constant


def _height(coefficients: np.ndarray, start: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The s at which the cost is ``target``, and whether there is one; 1 channel where the fixed parts cost more."""
    square, linear, constant = _in_height(coefficients, start)
    room = np.asarray(target, dtype=float) - constant
    met = room > 0
    room = np.where(met, room, 0)
    # The stable form of the positive root: it holds for square = 0 as well (a skeleton of one block).
    height = 2 * room / (linear + np.sqrt(linear**2 + 4 * square * room))
    return np.where(met, height, 1.0), met
