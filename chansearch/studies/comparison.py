"""Networks that were trained with the same seeds, compared: how large is a difference beside the seeds' noise?

n networks, k seeds. Differences are taken seed by seed, so that what a seed gives to all networks alike is in none.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from chansearch.studies.trainings import Training

_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Difference:
    """``mean`` ± ``half``, a 95 % interval; ``half`` is None where the noise is unknown: one seed, or one network."""

    mean: float
    half: float | None

    @property
    def holds(self) -> bool | None:
        """Whether it is above 0; None where 0 is within the noise, or that is unknown."""
        if self.half is None or abs(self.mean) <= self.half:
            return None
        return self.mean > 0

    def describe(self, digits: int, unit: str = "") -> str:
        """``+1.20 ± 0.40 points``, and whether that is within the noise."""
        if self.half is None:
            return f"{self.mean:+.{digits}f}{unit}, noise unknown"
        noise = ", within the noise of the seeds" if self.holds is None else ""
        return f"{self.mean:+.{digits}f} ± {self.half:.{digits}f}{unit}{noise}"


@dataclass(frozen=True)
class Scores:
    """One measure of every network under every seed, (n, k)."""

    networks: tuple[str, ...]
    seeds: tuple[int, ...]
    values: np.ndarray

    @staticmethod
    def of(trainings: Sequence[Training], networks: Sequence[str], measure: str) -> Scores:
        """Of the networks that have a scored training, under the seeds that all of these were scored with."""
        found = {(one.network, one.seed): getattr(one, measure) for one in trainings if one.is_scored}
        present = tuple(name for name in networks if any(network == name for network, _ in found))
        seeds = sorted({seed for _, seed in found if all((name, seed) in found for name in present)})
        values = np.array([[found[name, seed] for seed in seeds] for name in present], dtype=float)
        return Scores(present, tuple(seeds), values.reshape(len(present), len(seeds)))

    def contrast(self, weights: Mapping[str, float]) -> Difference | None:
        """The weighted sum of the networks' means, weights adding up to 0; None where a network has no scores.

        The noise is pooled over all networks: (n − 1)(k − 1) degrees of freedom.
        """
        from scipy.stats import t

        from chansearch.report.noise import seed_std

        n, k = self.values.shape
        if not k or not weights.keys() <= set(self.networks):
            return None
        means = dict(zip(self.networks, self.values.mean(axis=1), strict=True))
        mean = float(sum(weight * means[name] for name, weight in weights.items()))
        if n < 2 or k < 2:
            return Difference(mean, None)
        error = seed_std(self.values) * math.sqrt(sum(weight**2 for weight in weights.values()) / k)
        return Difference(mean, float(t.ppf((1 + _CONFIDENCE) / 2, (n - 1) * (k - 1)) * error))

    def above(self, network: str, other: str) -> Difference | None:
        """How far ``network`` lies above ``other``."""
        return self.contrast({network: 1.0, other: -1.0})


@dataclass(frozen=True)
class Spread:
    """Mean and sample standard deviation; the latter is None for a single value."""

    mean: float
    std: float | None

    @staticmethod
    def of(values: Sequence[float]) -> Spread | None:
        if not values:
            return None
        return Spread(statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None)

    def describe(self, digits: int) -> str:
        """``48.00 ± 0.31``, or the mean alone."""
        return f"{self.mean:.{digits}f}" + (f" ± {self.std:.{digits}f}" if self.std is not None else "")


def values_of(trainings: Sequence[Training], network: str, measure: str) -> list[float]:
    """Of all scored trainings of a network, by seed."""
    scored = sorted((one for one in trainings if one.network == network and one.is_scored), key=lambda one: one.seed)
    return [getattr(one, measure) for one in scored]
