"""Rank correlations with bootstrap intervals over candidates, all resamples at once.

n candidates, B resamples. A resample is a row of weights, how often it holds each candidate, and with weights both
coefficients are matrix products: repeated candidates are ties, as they would be in a resample written out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chansearch.report.distribution import COVERAGE

RESAMPLES = 1000
_SEED = 0  # of the resampling: the same table gives the same interval


@dataclass(frozen=True)
class Interval:
    """A value with its bootstrap percentile interval."""

    value: float
    low: float
    high: float

    def text(self) -> str:
        """``0.41 [-0.12, 0.83]``."""
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}]"


def interval(values: np.ndarray) -> Interval:
    """Of a coefficient on the table itself, which comes first in ``values`` (1 + B,), and on its resamples."""
    tail = 50 * (1 - COVERAGE)
    low, high = np.percentile(values[1:], [tail, 100 - tail])
    return Interval(float(values[0]), float(low), float(high))


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
        return RankCorrelation(interval(spearman(x, y, weights)), interval(kendall(x, y, weights)), len(x))

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


def _ranks(x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mean ranks but for a constant, (B, n)."""
    below = (x[None, :] < x[:, None]) + 0.5 * (x[None, :] == x[:, None])  # [i, j]: how much j counts under i
    return weights @ below.T


def _quotient(top: np.ndarray, squared: np.ndarray) -> np.ndarray:
    """top / √squared, and 0 where there is no spread to correlate."""
    there = squared > 0
    return np.where(there, top / np.sqrt(np.where(there, squared, 1)), 0.0)
