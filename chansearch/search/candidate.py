"""A candidate, what became of it, and how many draws it took."""

from __future__ import annotations

import collections
import enum
import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from chansearch.search.spent import Spent
from chansearch.space import Member, format_channels


class Origin(enum.StrEnum):
    """Who drew a candidate: statistics of a population hold only for unguided draws."""

    UNGUIDED = "unguided"
    PRESCREENED = "prescreened"  # the best by a proxy of some unguided draws
    SAMPLER = "sampler"


class State(enum.StrEnum):
    """How a candidate's training ended."""

    FINISHED = "finished"
    STOPPED_EARLY = "stopped early"
    STOPPED_AT_RUNG = "stopped at rung"
    FAILED = "failed"

    @property
    def is_scored(self) -> bool:
        """Whether its accuracy is that of a whole training and may be ranked."""
        return self in (State.FINISHED, State.STOPPED_EARLY)


@dataclass(frozen=True)
class Draws:
    """Draws since the candidate before: the one kept and those pruned before any training, by reason."""

    drawn: int = 0
    duplicate: int = 0
    under_budget: int = 0
    over_budget: int = 0
    over_latency: int = 0
    by_proxy: int = 0

    @property
    def kept(self) -> int:
        pruned = self.duplicate + self.under_budget + self.over_budget + self.over_latency + self.by_proxy
        return self.drawn - pruned

    def __add__(self, other: Draws) -> Draws:
        return Draws(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))


@dataclass(frozen=True)
class Candidate:
    """One configuration that met the budget. ``number`` counts from 0; costs are for one image.

    ``latency_ms`` is that of one batch as ``constraint.latency`` says; None where no latency was asked for.
    """

    number: int
    origin: Origin
    member: Member
    channels: tuple[int, ...]
    params: int
    macs: int
    activations: int
    peak_activations: int
    draws: Draws
    latency_ms: float | None = None


@dataclass(frozen=True)
class MeasuredLatency:
    """A row of ``latencies.csv``: the reference's, which comes first, or that of a network timed in turn with it.

    ``ratio`` is the network's time over the reference's, median, 10th and 90th percentile of ``rounds`` rounds.
    """

    channels: tuple[int, ...]
    latency_ms: float
    ratio: float
    ratio_p10: float
    ratio_p90: float
    rounds: int


@dataclass(frozen=True)
class Outcome:
    """What training gave: top-1 of the last epoch in percent, one entry a seed, and what it took.

    ``val_top1`` ranks; with ``data.rank_on=test`` it was measured on the test part. ``test_top1`` is empty where the
    training did not reach its end. ``nuclear_norm`` and ``feature_rank``, of the final feature of the images that rank,
    are there where ``search.record_rank`` asked for them. Seeds that were tried and gave no accuracy stand last in
    ``seeds``.
    """

    state: State
    seeds: tuple[int, ...]
    val_top1: tuple[float, ...] = ()
    test_top1: tuple[float, ...] = ()
    nuclear_norm: tuple[float, ...] = ()
    feature_rank: tuple[int, ...] = ()
    epochs: int = 0
    spent: Spent = field(default_factory=Spent)
    retries: int = 0
    reason: str = ""

    @property
    def scored_seeds(self) -> tuple[int, ...]:
        """The seeds that ``val_top1`` has an entry for."""
        return self.seeds[: len(self.val_top1)]


@dataclass(frozen=True)
class Record:
    """A row of ``candidates.csv``."""

    candidate: Candidate
    outcome: Outcome

    @property
    def is_ranked(self) -> bool:
        """Whether its training came to its end with a finite accuracy."""
        return self.outcome.state.is_scored and bool(self.outcome.val_top1) and math.isfinite(self.val_top1_mean)

    @property
    def val_top1_mean(self) -> float:
        return statistics.fmean(self.outcome.val_top1)

    @property
    def val_top1_std(self) -> float:
        """As ``deviation`` has it, over the seeds."""
        return deviation(self.outcome.val_top1)


def record_facts(record: Record) -> dict:
    """A candidate's number, channels, accuracy on the images that rank, and costs, in plain types."""
    candidate = record.candidate
    return {
        "candidate": candidate.number,
        "channels": format_channels(candidate.channels),
        "top1_mean": record.val_top1_mean,
        "top1_std": record.val_top1_std,
        "seeds": len(record.outcome.val_top1),
        "params": candidate.params,
        "macs": candidate.macs,
        "latency_ms": candidate.latency_ms,
    }


def deviation(values: Sequence[float]) -> float:
    """Sample standard deviation; 0 for a single value, NaN where one is not finite."""
    if not all(map(math.isfinite, values)):
        return math.nan  # of which the standard library makes an AttributeError
    return statistics.stdev(values) if len(values) > 1 else 0.0


def ranked(records: Iterable[Record]) -> list[Record]:
    """The candidates that may be ranked, best first: by mean ``val_top1`` over the seeds, ties by smaller number.

    Those with more seeds come first, whatever the others have (``scheduler=contenders``; elsewhere all have the same):
    the best of many single seeds is partly the luckiest, and would beat means that are not.
    """
    scored = [record for record in records if record.is_ranked]
    return sorted(
        scored, key=lambda record: (-len(record.outcome.val_top1), -record.val_top1_mean, record.candidate.number)
    )


def why_none_ranked(records: Sequence[Record]) -> str:
    """How candidates, of which none can be ranked, have ended, and the commonest reason of those that failed:
    ``none of 12 candidates was trained to its end: 11 failed (most often: …), 1 stopped at rung``."""
    if not records:
        return "no candidate has ended yet"
    counts = collections.Counter(record.outcome.state for record in records)
    reasons = collections.Counter(r.outcome.reason for r in records if r.outcome.state is State.FAILED)
    parts = []
    for state in State:
        if not counts[state]:
            continue
        # Only a run that something else has written has one that came to its end without an accuracy.
        without = " without a finite accuracy" if state.is_scored else ""
        most = f" (most often: {reasons.most_common(1)[0][0]})" if state is State.FAILED else ""
        parts.append(f"{counts[state]} {state}{without}{most}")
    return f"none of {len(records)} candidates was trained to its end: {', '.join(parts)}"


@dataclass(frozen=True)
class CurvePoint:
    """A row of ``curves.csv``: one epoch of one seed of one candidate. ``epoch`` counts from 1."""

    candidate: int
    seed: int
    epoch: int
    lr: float
    train_loss: float
    val_top1: float


def last_trainings(points: Iterable[CurvePoint]) -> dict[int, dict[int, dict[int, CurvePoint]]]:
    """Candidate → seed → epoch → point, from points in the order they were written.

    A candidate that was started again writes its epochs again: the later row counts, and what the first start had
    written beyond it is dropped, for it belongs to another training.
    """
    kept: dict[int, dict[int, dict[int, CurvePoint]]] = {}
    for point in points:
        epochs = kept.setdefault(point.candidate, {}).setdefault(point.seed, {})
        for later in [epoch for epoch in epochs if epoch >= point.epoch]:
            del epochs[later]
        epochs[point.epoch] = point
    return kept
