"""How well a score known before training ranks trained candidates, and what choosing by it gains.

n candidates, s seeds, B resamples of the candidates; accuracies in percent.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from chansearch.errors import UserError
from chansearch.report.correlation import (
    Interval,
    intraclass,
    kendall,
    partial_kendall,
    partial_spearman,
    resample_weights,
    spearman,
)
from chansearch.report.tenths import Tenth, tenth_ranks
from chansearch.search.candidate import Origin, Record, State

LEAST = 10  # candidates: fewer have no tenth
TARGETS = ("val", "test")
CHANCE = 1 / 3  # of the true top tenth in a third that is drawn
_ORDERS = 50  # in which a resample's candidates are drawn, for the gain
_SEED = 0  # of these orders


@dataclass(frozen=True)
class Trained:
    """Unguided candidates whose training came to its end, with the same seeds; ``left_out`` of the run are not."""

    records: tuple[Record, ...]
    params: np.ndarray  # (n,)
    macs: np.ndarray  # (n,)
    top1: dict[str, np.ndarray]  # by target, (n, s)
    left_out: int

    @staticmethod
    def of(records: Sequence[Record], path: object) -> Trained:
        """Raises ``UserError`` naming ``path`` where there are fewer than ``LEAST``."""
        whole = [
            record
            for record in records
            if record.candidate.origin is Origin.UNGUIDED
            and record.outcome.state is State.FINISHED
            and len(record.outcome.val_top1) == len(record.outcome.test_top1) > 0
        ]
        frequent = Counter(record.outcome.seeds for record in whole).most_common(1)
        kept = [record for record in whole if record.outcome.seeds == frequent[0][0]]
        if len(kept) < LEAST:
            raise UserError(
                f"run: {path} has {len(kept)} unguided candidates that were trained to their end with the same seeds, "
                f"of {len(records)}; {LEAST} or more are needed"
            )
        return Trained(
            tuple(kept),
            np.array([record.candidate.params for record in kept]),
            np.array([record.candidate.macs for record in kept]),
            {target: np.array([getattr(record.outcome, f"{target}_top1") for record in kept]) for target in TARGETS},
            len(records) - len(kept),
        )

    def mean(self, target: str) -> np.ndarray:
        """Over the seeds, (n,)."""
        return self.top1[target].mean(axis=1)


@dataclass(frozen=True)
class Judgement:
    """A score against a target; intervals over candidates.

    ``rho`` and ``tau``: Spearman's and Kendall's (τ-b); ``…_held``: with params and MACs held, see
    ``partial_spearman``. ``top_share``: of the candidates in the true top tenth (the report's), how many are in the
    third with the highest score. ``gain``: see ``prescreen_gain``.
    """

    score: str
    target: str
    rho: Interval
    tau: Interval
    rho_held: Interval
    tau_held: Interval
    top_share: Interval
    gain: Interval


def judge(name: str, scores: np.ndarray, trained: Trained, target: str, draws: int) -> Judgement:
    """Judge ``scores`` (n,), the larger the better; equal ones go by the candidates' numbers, which are random."""
    # Ranks: all that counts of a score, and −∞ is one.
    ranks, truth = rankdata(scores), trained.mean(target)
    held = (trained.params, trained.macs)
    weights = resample_weights(len(ranks))
    return Judgement(
        name,
        target,
        *(Interval.of(coefficient(ranks, truth, weights)) for coefficient in (spearman, kendall)),
        *(Interval.of(partial(ranks, truth, held, weights)) for partial in (partial_spearman, partial_kendall)),
        Interval.of(_top_shares(ranks, truth, weights)),
        Interval.of(prescreen_gains(ranks, trained.mean("val"), truth, draws, weights)),
    )


def _top_shares(ranks: np.ndarray, truth: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Of the true top tenth, the share in the predicted top third (rounded up), in each resample; (B,)."""
    best, third = len(tenth_ranks(len(ranks))[Tenth.TOP]), -(-len(ranks) // 3)
    shares = []
    for chosen in _resamples(weights):
        top, predicted = (np.argsort(-values[chosen], kind="stable") for values in (truth, ranks))
        is_predicted = np.zeros(len(chosen), dtype=bool)
        is_predicted[predicted[:third]] = True
        shares.append(is_predicted[top[:best]].mean())
    return np.array(shares)


def prescreen_gains(
    ranks: np.ndarray, val: np.ndarray, truth: np.ndarray, draws: int, weights: np.ndarray
) -> np.ndarray:
    """What ``sampler.prescreen`` with ``draws`` draws gains, in points of ``truth``, in each resample; (B,).

    The resample's candidates, in random order, are dealt in groups of ``draws``, and one of each group is trained: the
    first of it, or the one with the highest score. Of those trained the best by ``val`` is handed out, and the gain is
    what the second way's has more than the first's, mean over orders.
    """
    random = np.random.default_rng(_SEED)
    groups = len(ranks) // draws
    order, group = np.ogrid[:_ORDERS, :groups]
    gains = []
    for chosen in _resamples(weights):
        dealt = random.permuted(np.tile(chosen, (_ORDERS, 1)), axis=1)[:, : groups * draws]
        dealt = dealt.reshape(_ORDERS, groups, draws)
        by_score, first = dealt[order, group, ranks[dealt].argmax(axis=2)], dealt[:, :, 0]
        best, plain = (truth[taken[order[:, 0], val[taken].argmax(axis=1)]].mean() for taken in (by_score, first))
        gains.append(best - plain)
    return np.array(gains)


def _resamples(weights: np.ndarray) -> list[np.ndarray]:
    """The candidates of each resample written out, by number; (n,) each."""
    return [np.repeat(np.arange(weights.shape[1]), row.astype(int)) for row in weights]


@dataclass(frozen=True)
class Ceiling:
    """What the noise of the seeds leaves for any score: ``reliability`` is ICC(C,k), the share of the variance of a
    target's mean that is the candidates', and ``rho`` its root: the correlation of the mean with what it measures.

    ``tau`` is Kendall's where both are normal, 2/π · asin ρ (Greiner's relation).
    """

    reliability: Interval
    rho: float
    tau: float

    @staticmethod
    def of(top1: np.ndarray) -> Ceiling | None:
        """Of accuracies (n, s); None with one seed, whose noise is unknown."""
        if top1.shape[1] < 2:
            return None
        _, every = intraclass(top1, resample_weights(len(top1)))
        reliability = Interval.of(every)
        rho = math.sqrt(max(reliability.value, 0))
        return Ceiling(reliability, rho, 2 / math.pi * math.asin(rho))
