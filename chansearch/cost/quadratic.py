"""Params and MACs of very many candidates: the polynomial that ``price`` evaluates, as one matrix product.

n candidates, d blocks. Without squeeze-and-excitation both are of degree two in the channels, and only neighbours meet:
constant + Σ l_i·c_i + q_i·c_i² + m_i·c_i·c_{i+1}. The coefficients are read off ``price`` itself, so that the formula
is written once; 3d−1 features of each candidate times them is what a BLAS does fastest. Every coefficient is
a whole number and none is negative: float64 adds them without error as long as the total stays below 2⁵³.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from chansearch.cost.count import Counts, as_channels, price
from chansearch.nets.spec import NetworkSpec

_EXACT = 2.0**53  # whole numbers up to here have a float64 of their own
# Candidates a pass: their features stay in the second-level cache (38 rows of 4096 float64 are 1.2 MB at 13 blocks).
_CHUNK = 4096


def count(skeleton: NetworkSpec, channels: np.ndarray, *, count_classifier: bool = True) -> Counts:
    """Params and MACs of the skeleton with each row of ``channels`` (n, d), exactly as ``price`` gives them.

    ``price`` is asked where the product would not be exact: for channels that are no whole numbers, for totals beyond
    2⁵³, and for squeeze-and-excitation, which rounds its width.
    """
    channels = as_channels(skeleton, channels)
    polynomial = None if channels.dtype.kind == "f" or _has_se(skeleton) else _polynomial(skeleton, count_classifier)
    if polynomial is None or polynomial.at_most(int(channels.max(initial=0))) >= _EXACT:
        return price(skeleton, channels, count_classifier=count_classifier)
    params, macs = polynomial.evaluate(channels)
    return Counts(params, macs)


@dataclass(frozen=True, eq=False)
class _Polynomial:
    """``constants`` (2, 1) and ``weights`` (2, 3d−1): params, MACs; columns c_i, then c_i², then c_i·c_{i+1}."""

    constants: np.ndarray
    weights: np.ndarray

    def at_most(self, widest: int) -> float:
        """A bound on both where no block is wider than ``widest``: no coefficient is negative."""
        return float((self.constants[:, 0] + self.weights.sum(axis=1) * max(widest, 1) ** 2).max())

    def evaluate(self, channels: np.ndarray) -> np.ndarray:
        """Params and MACs, int64 (2, n)."""
        count, depth = channels.shape
        found = np.empty((2, count), dtype=np.int64)
        features = np.empty((3 * depth - 1, min(count, _CHUNK)))
        for first in range(0, count, _CHUNK):
            part = channels[first : first + _CHUNK]
            room = features[:, : len(part)]
            widths = room[:depth]
            widths[:] = part.T
            np.multiply(widths, widths, out=room[depth : 2 * depth])
            np.multiply(widths[:-1], widths[1:], out=room[2 * depth :])
            found[:, first : first + len(part)] = self.weights @ room + self.constants
        return found


@lru_cache(maxsize=32)
def _polynomial(skeleton: NetworkSpec, count_classifier: bool) -> _Polynomial:
    """The coefficients, by differences of ``price`` at 0, 1 and 2 channels in a block and 1 in two neighbours."""
    depth = skeleton.blocks
    one = np.eye(depth, dtype=np.int64)
    probes = np.concatenate([np.zeros((1, depth), dtype=np.int64), one, 2 * one, one[:-1] + one[1:]])
    costs = price(skeleton, probes, count_classifier=count_classifier)
    at_none, at_one, at_two, at_pair = np.split(
        np.stack([costs.params, costs.macs]), np.cumsum([1, depth, depth]), axis=1
    )
    squares = (at_two - 2 * at_one + at_none) // 2
    linear = at_one - at_none - squares
    pairs = at_pair - at_one[:, :-1] - at_one[:, 1:] + at_none
    return _Polynomial(at_none.astype(float), np.concatenate([linear, squares, pairs], axis=1).astype(float))


def _has_se(skeleton: NetworkSpec) -> bool:
    return any(skeleton.has_se(block) for block in range(1, skeleton.blocks + 1))
