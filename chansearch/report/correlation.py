"""Rank correlations and reliability with bootstrap intervals over candidates, all resamples at once.

n candidates, B resamples, k seeds. A resample is a row of weights, how often it holds each candidate, and with weights
both coefficients are matrix products: repeated candidates are ties, as they would be in a resample written out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from chansearch.report.distribution import central

RESAMPLES = 1000
_SEED = 0  # of the resampling: the same table gives the same interval


@dataclass(frozen=True)
class Interval:
    """A value with the ends of its bootstrap percentile interval."""

    value: float
    low: float
    high: float

    @staticmethod
    def of(values: np.ndarray) -> Interval:
        """Of a coefficient on the table itself, which comes first, and on its resamples; (1 + B,)."""
        return Interval(float(values[0]), *central(values[1:]))

    def columns(self, name: str) -> dict[str, str]:
        """For a CSV file: ``name``, ``name_low`` and ``name_high``."""
        return {name: f"{self.value:.6g}", f"{name}_low": f"{self.low:.6g}", f"{name}_high": f"{self.high:.6g}"}

    def text(self) -> str:
        """``0.41 [-0.12, 0.83]``."""
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}]"


@dataclass(frozen=True)
class RankCorrelation:
    """Spearman's ρ and Kendall's τ-b over ``count`` candidates."""

    spearman: Interval
    kendall: Interval
    count: int

    @staticmethod
    def of(x: np.ndarray, y: np.ndarray) -> RankCorrelation:
        """Of ``x`` and ``y`` (n,), all finite."""
        weights = resample_weights(len(x))
        return RankCorrelation(*(Interval.of(of(x, y, weights)) for of in (spearman, kendall)), len(x))

    def text(self) -> str:
        """``Spearman's ρ 0.41 [-0.12, 0.83], Kendall's τ 0.30 [-0.10, 0.66]``."""
        return f"Spearman's ρ {self.spearman.text()}, Kendall's τ {self.kendall.text()}"


def resample_weights(candidates: int) -> np.ndarray:
    """Ones, then how often each candidate is in each of ``RESAMPLES`` bootstrap resamples; (1 + B, n)."""
    drawn = np.random.default_rng(_SEED).multinomial(candidates, np.full(candidates, 1 / candidates), RESAMPLES)
    return np.vstack([np.ones(candidates), drawn])


def pearson(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Correlation of ``x`` and ``y``, (n,) or already (B, n), under each row of ``weights``; (B,)."""
    total = weights.sum(axis=1, keepdims=True)
    x = x - (weights * x).sum(axis=1, keepdims=True) / total
    y = y - (weights * y).sum(axis=1, keepdims=True) / total
    return _quotient((weights * x * y).sum(axis=1), (weights * x * x).sum(axis=1) * (weights * y * y).sum(axis=1))


def spearman(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Spearman's ρ of ``x`` and ``y`` (n,) under each row of ``weights`` (B, n); ties share their mean rank. (B,)"""
    return pearson(_ranks(x, weights), _ranks(y, weights), weights)


def kendall(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Kendall's τ-b of ``x`` and ``y`` (n,) under each row of ``weights`` (B, n); (B,)."""
    x_signs, y_signs = np.sign(x[:, None] - x), np.sign(y[:, None] - y)

    def pairs(signs: np.ndarray) -> np.ndarray:
        """Weighted sum over all ordered pairs; (B,)."""
        return ((weights @ signs) * weights).sum(axis=1)

    return _quotient(pairs(x_signs * y_signs), pairs(x_signs**2) * pairs(y_signs**2))


def partial_spearman(x: np.ndarray, y: np.ndarray, held: Sequence[np.ndarray], weights: np.ndarray) -> np.ndarray:
    """Spearman's ρ of ``x`` and ``y`` with other quantities held: Pearson's of what is left of their ranks after a
    least-squares fit to the ranks of each of ``held``, all (n,); 0 where nothing is left. (B,)"""
    return pearson(_left(x, held, weights), _left(y, held, weights), weights)


def partial_kendall(x: np.ndarray, y: np.ndarray, held: Sequence[np.ndarray], weights: np.ndarray) -> np.ndarray:
    """Kendall's τ-b of what ``partial_spearman`` correlates. (B,)"""
    left = zip(_left(x, held, weights), _left(y, held, weights), weights, strict=True)
    return np.concatenate([kendall(own_x, own_y, row[None]) for own_x, own_y, row in left])


def intraclass(scores: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """ICC(C,1) and ICC(C,k) of ``scores`` (n, k) under each row of ``weights`` (B, n); (B,) each.

    From the two-way analysis of variance: candidates' mean square against the rest's (McGraw and Wong 1996).
    """
    k = scores.shape[1]
    total = weights.sum(axis=1)
    of_seeds = weights @ scores / total[:, None]  # (B, k)
    grand = of_seeds.mean(axis=1)
    of_candidates = scores.mean(axis=1)  # (n,)
    between = k * (weights * (of_candidates - grand[:, None]) ** 2).sum(axis=1) / (total - 1)
    rest = scores - of_candidates[:, None] - of_seeds[:, None, :] + grand[:, None, None]  # (B, n, k)
    within = np.einsum("bn,bnk->b", weights, rest**2) / ((total - 1) * (k - 1))
    spread = between + (k - 1) * within
    one = np.where(spread > 0, (between - within) / np.where(spread > 0, spread, 1), 0.0)
    every = np.where(between > 0, (between - within) / np.where(between > 0, between, 1), 0.0)
    return one, every


def _left(x: np.ndarray, held: Sequence[np.ndarray], weights: np.ndarray) -> np.ndarray:
    """What is left of the ranks of ``x`` after a least-squares fit to the ranks of each of ``held``, (B, n)."""
    total = weights.sum(axis=1, keepdims=True)

    def centred(values: np.ndarray) -> np.ndarray:
        ranks = _ranks(values, weights)
        return ranks - (weights * ranks).sum(axis=1, keepdims=True) / total

    own, others = centred(x), np.stack([centred(values) for values in held])  # (B, n), (h, B, n)
    squares = np.einsum("hbn,bn,gbn->bhg", others, weights, others)
    slopes = np.einsum("bhg,gb->hb", np.linalg.pinv(squares), np.einsum("gbn,bn,bn->gb", others, weights, own))
    left = own - np.einsum("hb,hbn->bn", slopes, others)
    # What rounding leaves where the fit is exact must not be taken for a rank.
    return np.where(np.abs(left) < 1e-9 * total, 0.0, left.round(9))


def _ranks(x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mean ranks but for a constant, (B, n)."""
    below = (x[None, :] < x[:, None]) + 0.5 * (x[None, :] == x[:, None])  # [i, j]: how much j counts under i
    return weights @ below.T


def _quotient(top: np.ndarray, squared: np.ndarray) -> np.ndarray:
    """top / √squared, and 0 where there is no spread to correlate."""
    there = squared > 0
    return np.where(there, top / np.sqrt(np.where(there, squared, 1)), 0.0)
