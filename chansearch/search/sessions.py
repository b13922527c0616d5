"""Keeping ``sessions.csv`` while a search runs."""

from __future__ import annotations

import dataclasses
import time

from chansearch.search.rundir import RunDirectory
from chansearch.search.spent import SessionTime


class SessionLog:
    """The sessions of a run, the present one last."""

    def __init__(self, run: RunDirectory) -> None:
        self._run = run
        self._earlier = run.sessions()

    def begin(self, session: SessionTime, began: float) -> None:
        """The start is over. ``began``: when the session did, on ``time.monotonic``'s clock, which nobody sets back."""
        self._began = began
        self._session = dataclasses.replace(session, start_seconds=self._elapsed())

    def candidate_ended(self) -> None:
        """Write how long the session has lasted: after each candidate, for one that is killed says no last word."""
        lasted = dataclasses.replace(self._session, wall_seconds=self._elapsed())
        self._run.write_sessions([*self._earlier, lasted])

    def _elapsed(self) -> float:
        return round(time.monotonic() - self._began, 3)
