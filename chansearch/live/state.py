"""What becomes of a run: it goes on, was cut off, or is done."""

from __future__ import annotations

import datetime
import enum
from collections.abc import Mapping, Sequence

from chansearch.files import section
from chansearch.search.asked import candidates_asked, further_left
from chansearch.search.candidate import Record
from chansearch.search.rundir import RunDirectory


class RunState(enum.StrEnum):
    """``RUNNING``: a process holds the run, to search or to confirm. ``CUT_OFF``: nobody does, and there is more to
    train."""

    RUNNING = "running"
    CUT_OFF = "cut off"
    DONE = "done"


def state_of(run: RunDirectory, config: Mapping, records: Sequence[Record]) -> RunState:
    """The state of a run that holds ``records``."""
    if run.is_locked():
        return RunState.RUNNING
    asked = candidates_asked(config)
    is_short = asked is not None and len(records) < asked
    if is_short or further_left(config, records):
        return RunState.CUT_OFF
    return RunState.DONE


def begun(config: Mapping) -> datetime.datetime | None:
    """When the run was started, by its own ``config.yaml``."""
    return _time(section(config, "provenance").get("started"))


def session_begun(config: Mapping) -> tuple[datetime.datetime | None, int]:
    """When the run was started or last gone on with, and the first candidate that had not ended by then."""
    known = section(config, "provenance")
    resumed = known.get("resumed")
    if not isinstance(resumed, list) or not resumed or not isinstance(resumed[-1], Mapping):
        return begun(config), 0
    first = resumed[-1].get("first_candidate")
    return _time(resumed[-1].get("started")), first if isinstance(first, int) else 0


def last_activity(run: RunDirectory) -> datetime.datetime:
    """When an epoch or a candidate last ended, or the run was begun."""
    files = (run.config_file, run.candidates_file, run.curves_file)
    latest = max(file.stat().st_mtime for file in files if file.is_file())
    return datetime.datetime.fromtimestamp(latest).astimezone()


def _time(text: object) -> datetime.datetime | None:
    try:
        return datetime.datetime.fromisoformat(str(text)).astimezone()
    except (ValueError, OverflowError):
        return None
