"""Searches and resumes with everything but Ray and training: a training is over at once, its accuracy follows from its
channels. What is written, kept, refused and gone on with is the real thing."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.processes import TINY
from chansearch.config import compose
from chansearch.search import runner, session
from chansearch.search.candidate import CurvePoint, Outcome, State
from chansearch.search.rundir import RunDirectory
from chansearch.search.spent import Spent
from tests.search.live import leave_out_measuring

EPOCHS, SEEDS = 2, (0, 1)


def top1(channels: tuple[int, ...]) -> float:
    return float(sum((i + 1) * c for i, c in enumerate(channels)) % 97)


@dataclass
class Instant:
    """In place of Ray. ``ends``: Ctrl-C after so many; ``failing``: candidates that fail; ``before`` is called with the
    director and a word, ``epoch`` or ``end``, before that is told."""

    workers: int = 2
    ends: int | None = None
    failing: set[int] = field(default_factory=set)
    before: Callable[[object, str], None] = lambda director, what: None
    begun: list[int] = field(default_factory=list)
    out: str = ""

    def install(self, patch) -> Instant:
        """``patch``: pytest's monkeypatch."""
        patch.setattr(session, "connected_for", lambda plan, dataset=None: contextlib.nullcontext())
        leave_out_measuring(patch)
        patch.setattr(runner, "run_jobs", self._run_jobs)
        return self

    def _run_jobs(self, director, *_, **__) -> None:
        under_way: list = []
        ended = 0
        while True:
            while len(under_way) < self.workers and (job := director.next_job()) is not None:
                self.begun.append(job.number)
                under_way.append(job)
            if not under_way:
                return
            if ended == self.ends:
                raise KeyboardInterrupt
            self._train(director, under_way.pop(0))
            ended += 1

    def _train(self, director, job) -> None:
        score = top1(job.channels)
        scores = (score,) * len(job.seeds)
        for epoch in range(1, EPOCHS + 1):
            self.before(director, "epoch")
            director.on_epoch(job, epoch, [CurvePoint(job.number, seed, epoch, 0.1, 2.0, score) for seed in job.seeds])
        outcome = Outcome(State.FINISHED, job.seeds, scores, scores, epochs=EPOCHS)
        if job.number in self.failing:
            outcome = Outcome(State.FAILED, job.seeds, spent=Spent(1.0), reason="worker died: gone")
        self.before(director, "end")
        director.on_end(job, outcome)

    def search(self, results: Path, *settings: str) -> RunDirectory:
        """Search to its end, or to the Ctrl-C; ``settings`` have a ``name``."""
        config = compose([*TINY, f"results={results}", *settings])
        with self._told():
            session.start(session.check(config))
        return RunDirectory(results / config.name)

    def go_on(self, run: RunDirectory, *settings: str, **options: bool) -> None:
        with self._told():
            session.resume(run, settings, **options)

    @contextlib.contextmanager
    def _told(self):
        said = io.StringIO()
        try:
            with contextlib.redirect_stdout(said), contextlib.suppress(session.Interrupted):
                yield
        finally:
            self.out = said.getvalue()
