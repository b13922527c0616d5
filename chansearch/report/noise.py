"""How far apart the tenths would be by chance alone, and how far apart they are on a seed that did not rank them.

n candidates, k seeds. Sorting by a noisy accuracy makes the best look better and the worst look worse than they are.
Noise here is what differs between seeds: all of them are measured on the same images, so what is peculiar to those
images is in neither number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binom, norm

from chansearch.report.tenths import Tenth, tenth_ranks
from chansearch.search.candidate import Record

# The integrand is smooth and vanishes at both ends, where equal steps are as exact as any rule.
_NODES = np.linspace(-12, 12, 6001)


@dataclass(frozen=True)
class SeedScores:
    """val_top1 in percent, float array (n, k), of the candidates that were trained with the same seeds.

    Rows keep the order of the records they were made of; ``left_out`` counts candidates with other seeds.
    """

    seeds: tuple[int, ...]
    top1: np.ndarray
    left_out: int

    @staticmethod
    def of(ranked: Sequence[Record]) -> SeedScores:
        """Of the candidates with the most frequent set of seeds; rows by candidate number, so that ties in a sort go
        to the earlier candidate."""
        by_number = sorted(ranked, key=lambda record: record.candidate.number)
        trained = [(record.outcome.scored_seeds, record) for record in by_number]
        frequent = Counter(seeds for seeds, _ in trained).most_common(1)
        seeds = frequent[0][0] if frequent else ()
        rows = [record.outcome.val_top1[: len(seeds)] for own, record in trained if own == seeds]
        return SeedScores(seeds, np.array(rows, dtype=float).reshape(len(rows), len(seeds)), len(trained) - len(rows))


@dataclass(frozen=True)
class NoiseGap:
    """What sorting n equal candidates would show, in points of top-1.

    ``seed_std`` is the noise of one training, ``standard_error`` that of a mean over the seeds; the gaps are
    ``…_errors`` standard errors wide. Those to the middle are ``None`` where there is no middle.
    """

    candidates: int
    seeds: int
    seed_std: float
    standard_error: float
    top_bottom_errors: float
    top_middle_errors: float | None

    @property
    def top_bottom(self) -> float:
        return self.top_bottom_errors * self.standard_error

    @property
    def top_middle(self) -> float | None:
        return None if self.top_middle_errors is None else self.top_middle_errors * self.standard_error


@dataclass(frozen=True)
class OutOfSample:
    """Tenths ranked on all seeds but one and scored on that one, averaged over which one is left out, in percent.

    ``gaps``: top minus bottom on each left-out seed, in points.
    """

    seeds: tuple[int, ...]
    means: dict[Tenth, float]
    gaps: tuple[float, ...]

    @property
    def top_bottom(self) -> float:
        return self.means[Tenth.TOP] - self.means[Tenth.BOTTOM]

    @property
    def top_middle(self) -> float | None:
        return self.means[Tenth.TOP] - self.means[Tenth.MIDDLE] if Tenth.MIDDLE in self.means else None


def expected_mean(count: int, ranks: range) -> float:
    """Expected mean of the given ranks (from 0, the largest first) among ``count`` standard normal numbers.

    A number x takes rank r when r of the others exceed it, a binomial count; integrated over x this sums the
    expectations of the order statistics without forming each.
    """
    above = norm.sf(_NODES)
    inside = binom.cdf(ranks.stop - 1, count - 1, above) - binom.cdf(ranks.start - 1, count - 1, above)
    integral = np.sum(_NODES * norm.pdf(_NODES) * inside) * (_NODES[1] - _NODES[0])
    return float(count * integral / len(ranks))


def seed_std(top1: np.ndarray) -> float:
    """Noise of one training, pooled over candidates: what is left of (n, k) after each candidate's and each seed's
    mean. A shift that a seed gives to all candidates alike ranks nobody. Needs two candidates and two seeds.
    """
    rest = top1 - top1.mean(axis=1, keepdims=True) - top1.mean(axis=0, keepdims=True) + top1.mean()
    candidates, seeds = top1.shape
    return float(np.sqrt((rest**2).sum() / ((candidates - 1) * (seeds - 1))))


def noise_gap(scores: SeedScores) -> NoiseGap | None:
    """The gap between tenths that noise alone would make; ``None`` with one seed or one candidate, where the noise is
    unknown."""
    candidates, seeds = scores.top1.shape
    if candidates < 2 or seeds < 2:
        return None
    expected = {tenth: expected_mean(candidates, ranks) for tenth, ranks in tenth_ranks(candidates).items()}
    std = seed_std(scores.top1)
    return NoiseGap(
        candidates=candidates,
        seeds=seeds,
        seed_std=std,
        standard_error=std / np.sqrt(seeds),
        top_bottom_errors=expected[Tenth.TOP] - expected[Tenth.BOTTOM],
        top_middle_errors=expected[Tenth.TOP] - expected[Tenth.MIDDLE] if Tenth.MIDDLE in expected else None,
    )


def out_of_sample(scores: SeedScores) -> OutOfSample | None:
    """Tenths scored on a seed that did not rank them; ``None`` with one seed or one candidate."""
    candidates, seeds = scores.top1.shape
    if candidates < 2 or seeds < 2:
        return None
    groups = tenth_ranks(candidates)
    held_out = {tenth: [] for tenth in groups}
    for left_out in range(seeds):
        order = _order_without(scores, left_out)
        for tenth, ranks in groups.items():
            held_out[tenth].append(float(scores.top1[order[ranks.start : ranks.stop], left_out].mean()))
    gaps = zip(held_out[Tenth.TOP], held_out[Tenth.BOTTOM], strict=True)
    return OutOfSample(
        seeds=scores.seeds,
        means={tenth: float(np.mean(values)) for tenth, values in held_out.items()},
        gaps=tuple(top - bottom for top, bottom in gaps),
    )


def best_held_out(scores: SeedScores, chosen_on: Collection[int] = ()) -> tuple[float, ...]:
    """For each seed, the accuracy on it of the candidate that is best on all others; none with fewer than two seeds.

    What the best of a search is worth, without the luck that made it the best. ``chosen_on``: seeds by which the
    candidates themselves were chosen, on which nothing is scored.
    """
    candidates, seeds = scores.top1.shape
    if not candidates or seeds < 2:
        return ()
    return tuple(
        float(scores.top1[_order_without(scores, left_out)[0], left_out])
        for left_out, seed in enumerate(scores.seeds)
        if seed not in chosen_on
    )


def _order_without(scores: SeedScores, left_out: int) -> np.ndarray:
    """Rows, the best on all seeds but one first."""
    others = np.delete(scores.top1, left_out, axis=1).mean(axis=1)
    return np.argsort(-others, kind="stable")
