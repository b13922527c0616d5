"""What a run cost against what it must cost: the arithmetic of its trainings at the device's matrix rate."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from chansearch.report.quantities import IMAGES_PER_SECOND, LOST_SECONDS, Quantity
from chansearch.search.candidate import Record
from chansearch.search.spent import SessionTime

_FLOPS_PER_MAC = 2
_PASSES = 3  # of a training step: forward, and backward, which takes two products where forward takes one


def train_flops(macs: int, images: int) -> float:
    """FLOP of training on so many images, repetitions counted; ``macs`` are of one image, forward."""
    return float(_FLOPS_PER_MAC * _PASSES * macs * images)


@dataclass(frozen=True)
class Percentiles:
    """Of one quantity over candidates, linearly interpolated."""

    p10: float
    median: float
    p90: float

    @staticmethod
    def of(quantity: Quantity, records: Iterable[Record]) -> Percentiles | None:
        """``None`` where no candidate has a value."""
        values = [value for value in map(quantity.of, records) if value is not None]
        return Percentiles(*map(float, np.percentile(values, [10, 50, 90]))) if values else None


@dataclass(frozen=True)
class Part:
    """A use of the workers' time."""

    label: str
    seconds: float


@dataclass(frozen=True)
class Cost:
    """Of all candidates that have ended. Seconds are worker seconds: two workers have two of them a second.

    ``worker_seconds``, those of all sessions, are spent in training, in measuring, or lost; ``start_seconds`` of them
    lie before the first hand-out of a session, ``held_seconds`` between the hand-out of a candidate and its end. The
    time between sessions is in none of these.
    """

    flops: float  # of all trainings, a multiply-add counted as two
    matrix_flops: float  # FLOP a second of a worker; of several sessions the mean, weighted by their worker seconds
    train_seconds: float
    eval_seconds: float
    start_seconds: float
    held_seconds: float
    worker_seconds: float
    images_per_second: Percentiles | None  # of training, of a worker; none where no epoch was finished
    lost_a_candidate: Percentiles  # seconds between hand-out and end in neither training nor measuring
    sessions: tuple[SessionTime, ...]

    @property
    def floor_seconds(self) -> float:
        """What the trainings take at the matrix rate."""
        return self.flops / self.matrix_flops

    @property
    def rate_share(self) -> float | None:
        """Of the matrix rate, reached while training; ``None`` where no epoch was finished."""
        return self.floor_seconds / self.train_seconds if self.train_seconds else None

    @property
    def lost_seconds(self) -> float:
        return self.worker_seconds - self.train_seconds - self.eval_seconds

    @property
    def busy_share(self) -> float:
        """Of the workers' time, spent in training and measuring."""
        return (self.train_seconds + self.eval_seconds) / self.worker_seconds

    @property
    def parts(self) -> tuple[Part, ...]:
        """Where the workers' time went; the parts add up to ``worker_seconds``."""
        return (
            Part("training", self.train_seconds),
            Part("measuring accuracy", self.eval_seconds),
            Part("lost within candidates", self.held_seconds - self.train_seconds - self.eval_seconds),
            Part("lost between candidates", self.worker_seconds - self.start_seconds - self.held_seconds),
            Part("lost in starting", self.start_seconds),
        )


def cost_of(records: Sequence[Record], sessions: Sequence[SessionTime]) -> Cost | None:
    """The cost of a run; ``None`` where no candidate has ended or an earlier version did not record it."""
    spent = [record.outcome.spent for record in records]
    worker_seconds = sum(session.worker_seconds for session in sessions)
    if not spent or not worker_seconds or not all(one.is_complete for one in spent):
        return None
    return Cost(
        flops=sum(train_flops(record.candidate.macs, record.outcome.spent.images) for record in records),
        matrix_flops=sum(session.matrix_flops * session.worker_seconds for session in sessions) / worker_seconds,
        train_seconds=sum(one.train_seconds for one in spent),
        eval_seconds=sum(one.eval_seconds for one in spent),
        start_seconds=sum(session.workers * session.start_seconds for session in sessions),
        held_seconds=sum(one.wall_seconds for one in spent),
        worker_seconds=worker_seconds,
        images_per_second=Percentiles.of(IMAGES_PER_SECOND, records),
        lost_a_candidate=Percentiles.of(LOST_SECONDS, records),
        sessions=tuple(sessions),
    )
