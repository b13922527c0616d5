"""What the first epochs, and one seed, say of the last one: rank correlations and reliability of a population."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from chansearch.replay.population import Population
from chansearch.report.correlation import Interval, interval, kendall, pearson, resample_weights, spearman

Coefficient = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Agreement:
    """How epoch ``epoch`` ranks the candidates against the last one; intervals over candidates.

    ``what``: ``all seeds`` (mean against mean), ``one seed`` (against the same training's end, mean over which) or
    ``one seed, other seeds`` (against the mean of the other seeds' ends, which shares no training with it: what a
    rung on one seed is really after).
    """

    epoch: int
    what: str
    spearman: Interval
    kendall: Interval


@dataclass(frozen=True)
class Reliability:
    """How far the last epoch's val_top1 would come out the same again.

    ``between_seeds``: Pearson's correlation of two seeds, mean over pairs. ``one_seed`` and ``all_seeds``: the
    intraclass correlation of a single seed and of the mean over all, ICC(C,1) and ICC(C,k) of McGraw and Wong (1996):
    the share of the variance that is the candidates', a shift common to a seed left out. ``val_test``: Pearson's
    correlation of val_top1 and test_top1, means over the seeds. The first three are None with a single seed.
    """

    between_seeds: Interval | None
    one_seed: Interval | None
    all_seeds: Interval | None
    val_test: Interval


def agreements(population: Population) -> tuple[Agreement, ...]:
    """By epoch; with a single seed only ``one seed``."""
    weights = resample_weights(population.candidates)
    return tuple(
        Agreement(
            epoch,
            what,
            *(interval(_mean(coefficient, pairs, weights)) for coefficient in (spearman, kendall)),
        )
        for epoch in range(1, population.epochs + 1)
        for what, pairs in _compared(population, epoch).items()
    )


def _compared(population: Population, epoch: int) -> dict[str, list[tuple[np.ndarray, np.ndarray]]]:
    """What is ranked against what, (n,) each; several pairs are averaged."""
    then, last = population.val_top1[:, :, epoch - 1], population.val_top1[:, :, -1]
    seeds = range(population.seeds)
    pairs = {"one seed": [(then[:, seed], last[:, seed]) for seed in seeds]}
    if population.seeds > 1:
        others = [np.delete(last, seed, axis=1).mean(axis=1) for seed in seeds]
        pairs["one seed, other seeds"] = [(then[:, seed], others[seed]) for seed in seeds]
        pairs["all seeds"] = [(then.mean(axis=1), last.mean(axis=1))]
    return pairs


def reliability(population: Population) -> Reliability:
    """Of the population's last epoch."""
    weights = resample_weights(population.candidates)
    last = population.val_top1[:, :, -1]
    val_test = interval(pearson(last.mean(axis=1), population.test_top1.mean(axis=1), weights))
    if population.seeds == 1:
        return Reliability(None, None, None, val_test)
    pairs = [(last[:, i], last[:, j]) for i in range(population.seeds) for j in range(i)]
    one, every = intraclass(last, weights)
    return Reliability(interval(_mean(pearson, pairs, weights)), interval(one), interval(every), val_test)


def intraclass(scores: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """ICC(C,1) and ICC(C,k) of ``scores`` (n, k) under each row of ``weights`` (B, n); (B,) each.

    From the two-way analysis of variance: candidates' mean square against the rest's.
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


def _mean(coefficient: Coefficient, pairs: list[tuple[np.ndarray, np.ndarray]], weights: np.ndarray) -> np.ndarray:
    return np.mean([coefficient(x, y, weights) for x, y in pairs], axis=0)
