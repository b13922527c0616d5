"""What a search shows while it runs: a live table on a terminal, plain lines when piped."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from chansearch.search.candidate import Candidate, CurvePoint, Draws, Record, State, ranked
from chansearch.search.estimate import format_seconds
from chansearch.space import format_channels


@dataclass
class _Running:
    channels: str
    epoch: int = 0
    mean: float | None = None


@dataclass
class Progress:
    """Counts what has happened and shows it. ``total`` candidates are asked for, ``epochs`` each."""

    total: int
    epochs: int
    accuracy: str  # the name of what ranks: val top-1, or test top-1 with data.rank_on=test
    console: Console = field(default_factory=lambda: Console(highlight=False, soft_wrap=True))

    def __post_init__(self) -> None:
        self._running: dict[int, _Running] = {}
        self._draws = Draws()
        self._ended = self._failed = self._earlier = 0
        self._best: Record | None = None
        self._epochs_done = 0
        self._start = time.monotonic()
        self._live: Live | None = None

    def __enter__(self) -> Progress:
        if self.console.is_terminal:
            self._live = Live(console=self.console, get_renderable=self._table, refresh_per_second=2)
            self._live.__enter__()
        return self

    def __exit__(self, *exception) -> None:
        if self._live is not None:
            self._live.__exit__(*exception)

    def restore(self, records: Sequence[Record]) -> None:
        """Candidates that ended in an earlier session of the run."""
        self._earlier += len(records)
        for record in records:
            self._draws += record.candidate.draws
            self._note(record)

    def proposed(self, candidate: Candidate) -> None:
        self._draws += candidate.draws
        self._running[candidate.number] = _Running(format_channels(candidate.channels))

    def epoch(self, number: int, epoch: int, points: Sequence[CurvePoint]) -> None:
        running = self._running[number]
        running.epoch = epoch
        running.mean = statistics.fmean(point.val_top1 for point in points)
        self._epochs_done += 1

    def ended(self, record: Record) -> None:
        self._running.pop(record.candidate.number, None)
        self._note(record)
        if self._live is None:
            self.console.print(self._line(record), markup=False)

    def _note(self, record: Record) -> None:
        """Counts and the best so far: to go through all records again would take longer with each."""
        self._ended += 1
        self._failed += record.outcome.state is State.FAILED
        rivals = [record] if self._best is None else [self._best, record]
        self._best = next(iter(ranked(rivals)), None)

    def _line(self, record: Record) -> str:
        outcome = record.outcome
        what = f"{outcome.state.value}: {outcome.reason}" if outcome.state is State.FAILED else self._accuracy(record)
        return (
            f"[{self._ended}/{self.total}] candidate {record.candidate.number} "
            f"{format_channels(record.candidate.channels)}  {what}  "
            f"params {record.candidate.params:,}  MACs {record.candidate.macs:,}  "
            f"{outcome.epochs} epochs in {format_seconds(outcome.seconds)} | {self._summary()}"
        )

    def _accuracy(self, record: Record) -> str:
        rung = " (stopped at rung)" if record.outcome.state is State.STOPPED_AT_RUNG else ""
        return f"{self.accuracy} {record.val_top1_mean:.2f}±{record.val_top1_std:.2f} %{rung}"

    def _summary(self) -> str:
        draws = self._draws
        pruned = draws.drawn - draws.kept
        parts = [f"drawn {draws.drawn} = kept {draws.kept} + pruned {pruned}", f"failed {self._failed}"]
        if (best := self._best) is not None:
            parts.append(f"best {best.val_top1_mean:.2f} % by {format_channels(best.candidate.channels)}")
        if (left := self._seconds_left()) is not None:
            parts.append(f"left {format_seconds(left)}")
        return ", ".join(parts)

    def _seconds_left(self) -> float | None:
        """From the epochs trained since this session began; those that early stopping spares are not foreseen."""
        if not self._epochs_done:
            return None
        asked = (self.total - self._earlier) * self.epochs
        ended = self.epochs * (self._ended - self._earlier)
        under_way = sum(running.epoch for running in self._running.values())
        done = ended + under_way
        elapsed = time.monotonic() - self._start
        return elapsed * max(asked - done, 0) / done if done else None

    def _table(self) -> Group:
        table = Table(box=None, padding=(0, 2, 0, 0))
        for heading in ("candidate", "channels", "epoch", self.accuracy):
            table.add_column(heading, justify="left", no_wrap=heading != "channels")
        for number, running in sorted(self._running.items()):
            mean = "" if running.mean is None else f"{running.mean:.2f} %"
            table.add_row(str(number), running.channels, f"{running.epoch}/{self.epochs}", mean)
        elapsed = format_seconds(time.monotonic() - self._start)
        done = f"{self._ended}/{self.total} candidates, {elapsed} elapsed"
        return Group(Text(done, style="bold"), table, Text(self._summary()))
