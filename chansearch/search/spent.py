"""Where the time of a run goes: what each candidate took, and what each session had to give."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Spent:
    """What training a candidate took, all seeds together; two trainings of one candidate add up.

    ``seconds`` are those of its worker in training and in measuring accuracy, up to the last epoch it reported.
    ``eval_seconds`` of them went into measuring; ``images`` is how many images were trained on, repetitions counted;
    ``wall_seconds`` is the driver's time from handing the candidate out to its end, retries included. These three are
    ``None`` where a run was written before they were recorded.
    """

    seconds: float = 0.0
    images: int | None = None
    eval_seconds: float | None = None
    wall_seconds: float | None = None

    @property
    def is_complete(self) -> bool:
        """Whether all four are known."""
        return None not in (self.images, self.eval_seconds, self.wall_seconds)

    @property
    def train_seconds(self) -> float | None:
        return None if self.eval_seconds is None else self.seconds - self.eval_seconds

    @property
    def lost_seconds(self) -> float | None:
        """Between hand-out and end, but in neither training nor measuring: starting, building, reporting, dying."""
        return None if self.wall_seconds is None else self.wall_seconds - self.seconds

    def __add__(self, other: Spent) -> Spent:
        pairs = [(getattr(self, name), getattr(other, name)) for name in self.__dataclass_fields__]
        return Spent(*(None if None in pair else sum(pair) for pair in pairs))


@dataclass(frozen=True)
class SessionTime:
    """A row of ``sessions.csv``: from one start or resume of a run to the last candidate that ended in it.

    ``workers`` train at a time, each with ``threads`` threads of ``device`` (cpu, or the GPU's name) in ``dtype``.
    ``matrix_flops`` is the matrix rate of one of them while all measure theirs, in FLOP a second.
    """

    started: str  # ISO 8601
    workers: int
    threads: int
    device: str
    dtype: str
    matrix_flops: float
    start_seconds: float = 0.0  # before the first hand-out: Ray's start, the estimate, the matrix rate
    wall_seconds: float = 0.0  # all of it, the start included, reading the data not

    @property
    def worker_seconds(self) -> float:
        return self.workers * self.wall_seconds
