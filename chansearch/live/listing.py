"""Which runs there are, and what became of each."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path

from chansearch.errors import UserError, one_line
from chansearch.live.state import RunState, begun, last_activity, state_of
from chansearch.search.asked import candidates_asked, rank_on, setting
from chansearch.search.candidate import Record, State, ranked, record_facts
from chansearch.search.rundir import RunDirectory


@dataclass(frozen=True)
class Listed:
    """A run in a list. One that cannot be read has a ``problem`` and nothing else."""

    run: RunDirectory
    problem: str | None = None
    constraint: str = ""
    data: str = ""
    accuracy: str = ""  # the name of what ranks
    state: RunState | None = None
    ended: int = 0
    failed: int = 0
    asked: int | None = None
    best: Record | None = None
    begun: datetime.datetime | None = None
    last_activity: datetime.datetime | None = None

    def facts(self) -> dict:
        """In plain types, for a script."""
        if self.problem is not None:
            return {"name": self.run.name, "path": str(self.run.path), "problem": self.problem}
        return {
            "name": self.run.name,
            "path": str(self.run.path),
            "constraint": self.constraint,
            "data": self.data,
            "state": self.state.value,
            "ended": self.ended,
            "failed": self.failed,
            "asked": self.asked,
            "accuracy": self.accuracy,
            "best": None if self.best is None else record_facts(self.best),
            "begun": _iso(self.begun),
            "last_activity": _iso(self.last_activity),
        }


def list_runs(results: Path | str) -> list[Listed]:
    """All runs under ``results``, the one last started or gone on with first."""
    return [_look_at(run) for run in RunDirectory.all_under(results)]


def _look_at(run: RunDirectory) -> Listed:
    try:
        return _read(run)
    except (UserError, OSError) as error:
        return Listed(run, problem=one_line(error))


def _read(run: RunDirectory) -> Listed:
    config, records = run.config(), run.records()
    state = state_of(run, config, records)
    if state is RunState.CUT_OFF:  # or the last candidate has ended since the table was read
        records = run.records()
        state = state_of(run, config, records)
    return Listed(
        run,
        constraint=_word(config, "constraint.name"),
        data=_word(config, "data.name"),
        accuracy=f"{rank_on(config)} top-1",
        state=state,
        ended=len(records),
        failed=sum(record.outcome.state is State.FAILED for record in records),
        asked=candidates_asked(config),
        best=next(iter(ranked(records)), None),
        begun=begun(config),
        last_activity=last_activity(run),
    )


def _word(config: dict, key: str) -> str:
    found = setting(config, key)
    return found if isinstance(found, str) else ""


def _iso(time: datetime.datetime | None) -> str | None:
    return None if time is None else time.isoformat(timespec="seconds")
