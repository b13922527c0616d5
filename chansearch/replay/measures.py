"""What replays cost and what they found, with intervals, and each strategy against the paper's protocol.

m candidates a replay, R replays. A candidate's true quality is its accuracy after the last epoch, mean over all its
recorded seeds; ranks, tenths and regret are among the m candidates of the replay.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from chansearch.replay.play import Draw, Replay
from chansearch.report.correlation import Interval
from chansearch.report.distribution import central

RESAMPLES = 2000
_SEED = 0  # of the resampling: the same replays give the same interval


@dataclass(frozen=True)
class Found:
    """One strategy's replays, arrays (R,).

    ``spent``: seed-epochs in all. ``until_held``: those spent when its incumbent was in the true top tenth for the
    first time, ``inf`` if it never was. ``rank`` (from 1), ``decile`` (1 to 10) and ``regret`` (points of accuracy
    behind the best) are the final winner's.
    """

    spent: np.ndarray
    until_held: np.ndarray
    rank: np.ndarray
    decile: np.ndarray
    regret: np.ndarray

    @property
    def in_top_tenth(self) -> np.ndarray:
        return self.decile == 1


@dataclass(frozen=True)
class Measures:
    """What a strategy does on average. Factors are the paper's seed-epochs over its own, on the same draws.

    Intervals are over replays, ``inf`` where more than half were never there. ``until_held`` is a median, the rest are
    means. ``decile_loss``: its winner's decile minus the paper's, draw by draw; 0 or less is no loss. ``never_held``:
    share of replays.
    """

    replays: int
    spent: Interval
    saving: Interval
    until_held: Interval
    until_held_saving: Interval
    never_held: float
    in_top_tenth: Interval
    decile: Interval
    decile_loss: Interval
    rank: Interval
    regret: Interval


def tenth_size(candidates: int) -> int:
    """Candidates of a tenth: ⌈m/10⌉. Decile k holds the k-th so many; the last may hold fewer."""
    return -(-candidates // 10)


def true_ranks(truth: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Ranks from 1 of ``rows`` among themselves by ``truth``; equal ones share the better rank."""
    return 1 + (truth[rows][None, :] > truth[rows][:, None]).sum(axis=1)


def _rank_of(truth: np.ndarray, draw: Draw) -> dict[int, int]:
    """The true rank of each candidate of a draw, among these."""
    return dict(zip(draw.candidates.tolist(), true_ranks(truth, draw.candidates).tolist(), strict=True))


def found(replays: Sequence[Replay], drawn: Sequence[Draw], truth: np.ndarray) -> Found:
    """What each replay found; ``truth`` (n,) in percent."""
    ranks, regrets, until = [], [], []
    for replay, draw in zip(replays, drawn, strict=True):
        rank_of = _rank_of(truth, draw)
        size = tenth_size(len(rank_of))
        until.append(next((step.spent for step in replay.steps if rank_of[step.incumbent] <= size), np.inf))
        ranks.append(rank_of[replay.winner])
        regrets.append(truth[draw.candidates].max() - truth[replay.winner])
    sizes = np.array([tenth_size(len(draw.candidates)) for draw in drawn])
    rank = np.array(ranks)
    return Found(
        spent=np.array([replay.spent for replay in replays], dtype=float),
        until_held=np.array(until, dtype=float),
        rank=rank,
        decile=1 + (rank - 1) // sizes,
        regret=np.array(regrets),
    )


def measure(own: Found, paper: Found) -> Measures:
    """``paper`` on the same draws; it may have more of them, of which the first count."""
    replays = len(own.spent)
    chosen = np.random.default_rng(_SEED).integers(replays, size=(RESAMPLES, replays))
    everyone = np.arange(replays)[None, :]

    def over_replays(value: Callable[[np.ndarray], np.ndarray]) -> Interval:
        """``value`` of sets of replays, (sets, R) → (sets,)."""
        low, high = _percentiles(value(chosen))
        return Interval(float(value(everyone)[0]), low, high)

    def mean(values: np.ndarray) -> Interval:
        return over_replays(lambda sets: values[sets].mean(axis=1))

    def ratio(top: np.ndarray, bottom: np.ndarray, middle: Callable) -> Interval:
        with np.errstate(invalid="ignore"):  # never over never: no factor
            return over_replays(lambda sets: middle(top[:replays][sets], axis=1) / middle(bottom[sets], axis=1))

    return Measures(
        replays=replays,
        spent=mean(own.spent),
        saving=ratio(paper.spent, own.spent, np.mean),
        until_held=over_replays(lambda sets: _median(own.until_held[sets])),
        until_held_saving=ratio(paper.until_held, own.until_held, lambda values, axis: _median(values)),
        never_held=float(np.isinf(own.until_held).mean()),
        in_top_tenth=mean(own.in_top_tenth.astype(float)),
        decile=mean(own.decile.astype(float)),
        decile_loss=mean((own.decile - paper.decile[:replays]).astype(float)),
        rank=mean(own.rank.astype(float)),
        regret=mean(own.regret),
    )


def _median(values: np.ndarray) -> np.ndarray:
    """The lower median of each row: with infinite values halfway between two is nowhere."""
    return np.sort(values, axis=1)[:, (values.shape[1] - 1) // 2]


def _percentiles(values: np.ndarray) -> tuple[float, float]:
    """Ends of the central 95 %, among the values themselves for the same reason."""
    return (np.nan, np.nan) if np.isnan(values).any() else central(values, method="nearest")


def held_share(replays: Sequence[Replay], drawn: Sequence[Draw], truth: np.ndarray, spent: np.ndarray) -> np.ndarray:
    """Share of replays whose incumbent is in the true top tenth once so many seed-epochs are spent; like ``spent``."""
    held = np.zeros(len(spent))
    for replay, draw in zip(replays, drawn, strict=True):
        ranks = _rank_of(truth, draw)
        size = tenth_size(len(ranks))
        at = np.searchsorted([step.spent for step in replay.steps], spent, side="right")
        inside = np.array([False, *(ranks[step.incumbent] <= size for step in replay.steps)])
        held += inside[at]
    return held / len(replays)
