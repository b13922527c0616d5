"""What a search shows while it runs: a live table on a terminal, plain lines when piped."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from chansearch.durations import format_seconds
from chansearch.printable import printable
from chansearch.search.candidate import Candidate, CurvePoint, Draws, Outcome, Record, State, ranked
from chansearch.search.contenders import FIRST_SEED
from chansearch.search.front import front
from chansearch.search.objectives import ACCURACY_ALONE, Objectives, format_cost
from chansearch.space import format_channels


@dataclass
class _Running:
    channels: str
    epoch: int = 0
    mean: float | None = None


def _console() -> Console:
    """A live table needs a terminal; Rich would take a pipe for one where FORCE_COLOR is set, as it is in notebooks."""
    return Console(highlight=False, soft_wrap=True, force_jupyter=False, force_terminal=sys.stdout.isatty())


@dataclass
class Progress:
    """Counts what has happened and shows it. ``total`` candidates are asked for, ``epochs`` each, and after them as
    many as ``most_further`` trainings of one more seed of a contender."""

    total: int
    epochs: int
    accuracy: str  # the name of what ranks: val top-1, or test top-1 with data.rank_on=test
    most_further: int = 0
    objectives: Objectives = ACCURACY_ALONE
    console: Console = field(default_factory=_console)
    title: str = ""  # a line above the table

    def __post_init__(self) -> None:
        self._running: dict[tuple[int, int], _Running] = {}  # by candidate and first seed
        self._draws = Draws()
        self._drawn: set[int] = set()
        self._earlier = 0
        self._ended: set[int] = set()
        self._failed: set[int] = set()
        self._first_best: Record | None = None
        self._front: list[Record] = []
        self._contenders: dict[int, Record] = {}  # by number: those that a further seed has changed
        self._epochs_done = 0
        self._further_done = 0
        self._further_total = self.most_further
        self._second_stage = False
        self._start = time.monotonic()
        self._live: Live | None = None

    def __enter__(self) -> Progress:
        if self.console.is_terminal:
            self._live = Live(console=self.console, get_renderable=self.picture, refresh_per_second=2)
            self._live.__enter__()
        return self

    def __exit__(self, *exception) -> None:
        if self._live is not None:
            self._live.__exit__(*exception)

    def restore(self, records: Sequence[Record]) -> None:
        """Candidates that ended in an earlier session of the run."""
        self._earlier += len(records)
        for record in records:
            self._note_draws(record.candidate)
            self._note(record)
            if self.most_further:
                self._further_done += len(record.outcome.seeds) - 1

    def catch_up(self, records: Sequence[Record], seconds: float) -> None:
        """The session began so many seconds ago, and these candidates have ended in it since."""
        self._start -= seconds
        self.restore(records)
        self._earlier -= len(records)
        self._epochs_done += sum(record.outcome.epochs for record in records)

    def proposed(self, candidate: Candidate) -> None:
        self._note_draws(candidate)
        self._running[candidate.number, FIRST_SEED] = _Running(format_channels(candidate.channels))

    def second_stage(self, left: int) -> None:
        """All candidates have ended; so many trainings of contenders are left."""
        self._second_stage = True
        self._further_total = self._further_done + left

    def further(self, candidate: Candidate, seed: int) -> None:
        self._running[candidate.number, seed] = _Running(format_channels(candidate.channels))

    def withdrawn(self, number: int) -> None:
        """A candidate is not being trained any more, and may yet end or be trained again."""
        self._running.pop((number, FIRST_SEED), None)

    def epoch(self, number: int, first_seed: int, epoch: int, points: Sequence[CurvePoint]) -> None:
        running = self._running[number, first_seed]
        running.epoch = epoch
        running.mean = statistics.fmean(point.val_top1 for point in points)
        self._epochs_done += 1

    def ended(self, record: Record) -> None:
        self._running.pop((record.candidate.number, FIRST_SEED), None)
        self._note(record)
        if self._live is None:
            self.console.print(printable(self._line(record)), markup=False)

    def further_ended(self, record: Record, further: Outcome) -> None:
        """One more seed of a contender has ended; ``record`` is the contender's from now on."""
        number = record.candidate.number
        self._running.pop((number, further.seeds[0]), None)
        self._contenders[number] = record
        self._further_done += 1
        if self._live is None or not further.state.is_scored:
            self.console.print(printable(self._further_line(record, further)), markup=False)

    def _note_draws(self, candidate: Candidate) -> None:
        if candidate.number not in self._drawn:
            self._drawn.add(candidate.number)
            self._draws += candidate.draws

    def _note(self, record: Record) -> None:
        """Counts and the best so far: to go through all records again would take longer with each."""
        number = record.candidate.number
        self._ended.add(number)
        (self._failed.add if record.outcome.state is State.FAILED else self._failed.discard)(number)
        if len(record.outcome.seeds) > 1 and self.most_further:
            self._contenders[number] = record
        rivals = [record] if self._first_best is None else [self._first_best, record]
        self._first_best = next(iter(ranked(rivals)), None)
        if self.objectives.are_several:
            self._front = front([*self._front, record], self.objectives)

    @property
    def ended_count(self) -> int:
        """Candidates that have ended, earlier sessions' too."""
        return len(self._ended)

    @property
    def failed_count(self) -> int:
        return len(self._failed)

    @property
    def under_way(self) -> int:
        """Trainings that were begun and have not ended."""
        return len(self._running)

    @property
    def best(self) -> Record | None:
        """Of all candidates; a contender with all that its further seeds gave."""
        first = self._first_best
        known = dict(self._contenders)
        if first is not None:
            known.setdefault(first.candidate.number, first)
        return next(iter(ranked(known.values())), None)

    def _line(self, record: Record) -> str:
        outcome = record.outcome
        what = f"{outcome.state.value}: {outcome.reason}" if outcome.state is State.FAILED else self._accuracy(record)
        latency = record.candidate.latency_ms
        return (
            f"[{self.ended_count}/{self.total}] candidate {record.candidate.number} "
            f"{format_channels(record.candidate.channels)}  {what}  "
            f"params {record.candidate.params:,}  MACs {record.candidate.macs:,}  "
            f"{'' if latency is None else f'{latency:.3g} ms  '}"
            f"{outcome.epochs} epochs in {format_seconds(outcome.spent.seconds)} | {self._summary()}"
        )

    def _further_line(self, record: Record, further: Outcome) -> str:
        what = f"{self._accuracy(record)} over {len(record.outcome.val_top1)} seeds"
        if not further.state.is_scored:
            what = f"failed: {further.reason}; what it had stands: {self._accuracy(record)}"
        return (
            f"[{self._further_done}/{self._further_total} further seeds] contender {record.candidate.number} "
            f"{format_channels(record.candidate.channels)}  seed {further.seeds[0]}  {what}  "
            f"{further.epochs} epochs in {format_seconds(further.spent.seconds)} | {self._summary()}"
        )

    def _accuracy(self, record: Record) -> str:
        rung = " (stopped at rung)" if record.outcome.state is State.STOPPED_AT_RUNG else ""
        std = f"±{record.val_top1_std:.2f}" if len(record.outcome.val_top1) > 1 else ""
        return f"{self.accuracy} {record.val_top1_mean:.2f}{std} %{rung}"

    def _summary(self) -> str:
        draws = self._draws
        pruned = draws.drawn - draws.kept
        reasons = [f"{draws.over_latency} too slow"] if draws.over_latency else []
        reasons += [f"{draws.by_proxy} by the prescreen"] if draws.by_proxy else []
        why = f" ({', '.join(reasons)})" if reasons else ""
        parts = [f"drawn {draws.drawn} = kept {draws.kept} + pruned {pruned}{why}", f"failed {self.failed_count}"]
        if (best := self.best) is not None:
            parts.append(f"best {best.val_top1_mean:.2f} % by {format_channels(best.candidate.channels)}")
        if self._front:
            ends = [self._front[0], self._front[-1]] if len(self._front) > 1 else self._front
            parts.append(f"front of {len(self._front)} from {' to '.join(map(self._trade, ends))}")
        if (left := self._seconds_left()) is not None:
            parts.append(f"left {format_seconds(left)}")
        return ", ".join(parts)

    def _trade(self, record: Record) -> str:
        """What a candidate has of the objectives: ``61.20 % at 12.3M macs``."""
        costs = [format_cost(name, record.candidate) for name in self.objectives.costs]
        return f"{record.val_top1_mean:.2f} % at {', '.join(costs)}"

    def _seconds_left(self) -> float | None:
        """From the epochs trained since this session began; those that early stopping spares are not foreseen."""
        if not self._epochs_done:
            return None
        under_way = sum(running.epoch for running in self._running.values())
        further = (self._further_total - self._further_done) * self.epochs
        elapsed = time.monotonic() - self._start
        # No rung spares the second stage an epoch: it goes by the epochs that were really trained.
        pace = elapsed / self._epochs_done
        if self._second_stage:
            return pace * max(further - under_way, 0)
        asked = (self.total - self._earlier) * self.epochs
        done = self.epochs * (self.ended_count - self._earlier) + under_way
        return elapsed * max(asked - done, 0) / done + pace * further if done else None

    def picture(self) -> Group:
        """Everything at this moment: counts, what is under way, the best so far."""
        table = Table(box=None, padding=(0, 2, 0, 0))
        for heading in ("candidate", "channels", "epoch", self.accuracy):
            table.add_column(heading, justify="left", no_wrap=heading != "channels")
        for (number, seed), running in sorted(self._running.items()):
            mean = "" if running.mean is None else f"{running.mean:.2f} %"
            name = str(number) if seed == FIRST_SEED else f"{number} (seed {seed})"
            table.add_row(name, running.channels, f"{running.epoch}/{self.epochs}", mean)
        elapsed = format_seconds(time.monotonic() - self._start)
        further = f", {self._further_done}/{self._further_total} further seeds of contenders"
        done = f"{self.ended_count}/{self.total} candidates{further if self.most_further else ''}, {elapsed} elapsed"
        title = [Text(printable(self.title))] if self.title else []
        return Group(*title, Text(done, style="bold"), table, Text(self._summary()))
