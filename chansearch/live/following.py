"""Following a run from its files: what the search itself shows, seen from another process."""

from __future__ import annotations

import datetime
import itertools
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from chansearch.live.state import RunState, last_activity, session_begun, state_of
from chansearch.live.under_way import under_way
from chansearch.search.asked import candidates_asked, contenders, epochs_asked, objectives, rank_on, seeds_asked
from chansearch.search.candidate import CurvePoint, Outcome, Record, State
from chansearch.search.contenders import FIRST_SEED
from chansearch.search.progress import Progress
from chansearch.search.rundir import RESUME, RunDirectory
from chansearch.search.spent import Spent

# Of the curves so far: some thousand epochs, more than what is under way can have between its own.
_CURVES_BYTES = 2**18


class Follower:
    """Tells a ``Progress`` what a run's files say, as the search tells its own. A look reads what has been added."""

    def __init__(self, run: RunDirectory, console: Console) -> None:
        """Raises ``UserError`` where the run cannot be read."""
        self._run = run
        self._records: dict[int, Record] = {}
        # Of each training under way, by candidate and first seed: the last epoch, by seed.
        self._points: dict[tuple[int, int], dict[int, CurvePoint]] = {}
        self._study_changed = 0
        self._new_records, self._new_curves = run.new_records(), run.new_curves(_CURVES_BYTES)
        self._config_changed, self._config = _changed(run.config_file), run.config()
        config, few = self._config, contenders(self._config)
        self.progress = Progress(
            candidates_asked(config) or 0,
            epochs_asked(config),
            f"{rank_on(config)} top-1",
            most_further=0 if few is None else few * (seeds_asked(config) - 1),
            objectives=objectives(config),
            console=console,
        )
        self._catch_up()
        self.look()

    @property
    def state(self) -> RunState:
        return state_of(self._run, self._config, list(self._records.values()))

    def look(self) -> None:
        """Take in what was written since the look before."""
        self._read_config()
        # Before the tables: a candidate that has ended by the time they are read is none of those under way.
        self._read_study()
        points, ended = self._new_curves.new(), self._new_records.new()
        for (number, epoch), group in itertools.groupby(points, key=lambda point: (point.candidate, point.epoch)):
            self._note_epoch(number, epoch, list(group))
        for record in ended:
            self._note_end(record)
        self.progress.title = f"run {self._run.path}: {self.state}"

    def _read_config(self) -> None:
        """A resume may ask for more candidates than were asked for before."""
        changed = _changed(self._run.config_file)
        if changed == self._config_changed:
            return
        self._config_changed, self._config = changed, self._run.config()
        self.progress.total = candidates_asked(self._config) or 0

    def _catch_up(self) -> None:
        """What there was before the first look."""
        self._records = {record.candidate.number: record for record in self._new_records.new()}
        began, first = session_begun(self._config)
        until = datetime.datetime.now().astimezone() if self._run.is_locked() else last_activity(self._run)
        lasted = max((until - began).total_seconds(), 0.0) if began else 0.0
        self.progress.restore([r for r in self._records.values() if r.candidate.number < first])
        self.progress.catch_up([r for r in self._records.values() if r.candidate.number >= first], lasted)

    def _read_study(self) -> None:
        changed = _changed(self._run.study_file)
        if changed == self._study_changed:
            return
        found = under_way(self._run.study_file)
        if found is None:  # tried again at the next look
            return
        self._study_changed = changed
        now = {candidate.number: candidate for candidate in found}
        for number, seed in list(self._points):
            if seed == FIRST_SEED and number not in now:
                del self._points[number, seed]
                self.progress.withdrawn(number)
        for number, candidate in now.items():
            held = self._records.get(number)
            # One that has failed is under way when it is tried again.
            if (number, FIRST_SEED) not in self._points and (held is None or held.outcome.state is State.FAILED):
                self._points[number, FIRST_SEED] = {}
                self.progress.proposed(candidate)

    def _note_epoch(self, number: int, epoch: int, new: Sequence[CurvePoint]) -> None:
        """All seeds of an epoch are written at once; who looks at that moment may see some of them first."""
        held = self._records.get(number)
        first = FIRST_SEED
        if held is not None and held.outcome.state.is_scored and new[0].seed not in held.outcome.seeds:
            first = new[0].seed  # a further training of a contender, which the study knows nothing of
            if (number, first) not in self._points:
                self._points[number, first] = {}
                self.progress.further(held.candidate, first)
        points = self._points.get((number, first))
        if points is None:  # of a training that has ended
            return
        if any(point.epoch != epoch for point in points.values()):
            points.clear()
        points |= {point.seed: point for point in new}
        self.progress.epoch(number, first, epoch, list(points.values()))

    def _note_end(self, record: Record) -> None:
        number = record.candidate.number
        before = self._records.get(number)
        self._records[number] = record
        if before is not None and before.outcome.state.is_scored:
            for seed in [seed for seed in record.outcome.seeds if seed not in before.outcome.seeds]:
                self._points.pop((number, seed), None)
                self.progress.further_ended(record, _further(before, record, seed))
            return
        if self._points.pop((number, FIRST_SEED), None) is None:  # begun and ended between two looks
            self.progress.proposed(record.candidate)
        self.progress.ended(record)


def _further(before: Record, after: Record, seed: int) -> Outcome:
    """What the training of one more seed gave, as far as the contender's rows tell."""
    is_scored = seed in after.outcome.scored_seeds
    return Outcome(
        State.FINISHED if is_scored else State.FAILED,
        (seed,),
        epochs=after.outcome.epochs,
        spent=Spent(after.outcome.spent.seconds - before.outcome.spent.seconds),
        reason=after.outcome.reason,
    )


def _changed(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def follow(run: RunDirectory, interval: float, console: Console) -> str:
    """Show the run until it ends, a look every ``interval`` seconds; gives what became of it, in words."""
    follower = Follower(run, console)
    if not console.is_terminal:
        console.print(follower.progress.picture())  # and then a line a candidate
    with follower.progress:
        while follower.state is RunState.RUNNING:
            time.sleep(interval)
            follower.look()
        follower.look()  # what was written between the last look and the end
    ended, total = follower.progress.ended_count, follower.progress.total
    if follower.state is RunState.CUT_OFF:
        return f"cut off after {ended} of {total} candidates; go on with `{RESUME} {run.path}`"
    return f"done: {ended} of {total} candidates; `chansearch report {run.path}`"
