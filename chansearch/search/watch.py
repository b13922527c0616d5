"""Watching over trials: none trains for ever, and where none can train the user is told."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_LOOK_EVERY = 1.0  # seconds; a look goes through all trials of the search
# Seconds. A driver that was stopped (Ctrl-Z, a machine that slept) finds the reports of that time waiting: it does not
# count against trials.
_STANDSTILL = 10.0
_TELL_AFTER = 60.0  # seconds; a process that starts and imports torch takes a few


@dataclass
class _Hold:
    """A trial's hold on a worker, since a time of the watch's clock."""

    trial: Any
    actor: Any
    since: float


class Watch:
    """Looks at Tune's trials from the driver, for a worker that hangs may not run a line of Python any more."""

    def __init__(self, timeout: float | None, needs: str) -> None:
        """``timeout``: seconds from the moment a trial has a worker; None for no end. ``needs``: what a trial takes,
        for the user."""
        self._timeout, self._needs = timeout, needs
        self._holds: dict[str, _Hold] = {}
        self._killed: dict[str, Any] = {}  # the worker that was taken from a trial, until it has another
        self._now = 0.0
        self._looked = time.monotonic()
        self._waiting_since: float | None = None
        self._told = False

    def look(self, trials: Sequence) -> None:
        """Kill the worker of every trial that has had it too long. Called between any two events; looks once a
        second."""
        passed = time.monotonic() - self._looked
        if passed < _LOOK_EVERY:
            return
        self._looked += passed
        self._now += min(passed, _STANDSTILL)
        under_way = [trial for trial in trials if not trial.is_finished()]
        self._follow(under_way)
        for hold in self._holds.values():
            if self._timeout is not None and self._now - hold.since > self._timeout:
                self._kill(hold)
        self._tell(bool(under_way))

    def timed_out(self, trial) -> str | None:
        """The reason, where the trial's last worker was killed here."""
        if trial.trial_id not in self._killed:
            return None
        return f"timed out: not at its end after {self._timeout:g} s (search.trial_timeout)"

    def _follow(self, under_way: Sequence) -> None:
        """A trial has its worker from when Tune gives it one, which is before it says that it has started."""
        holds = {}
        for trial in under_way:
            name, actor = trial.trial_id, trial.temporary_state.ray_actor
            if actor is None:
                continue
            held = self._holds.get(name)
            if held is None or held.actor is not actor:
                held = _Hold(trial, actor, self._now)
            if self._killed.get(name) is not actor:
                self._killed.pop(name, None)
            holds[name] = held
        self._holds = holds

    def _kill(self, hold: _Hold) -> None:
        import ray

        self._killed[hold.trial.trial_id] = hold.actor
        # Tune hears of the death as of any other: it starts the trial again or gives it up.
        ray.kill(hold.actor)
        hold.since = self._now  # and again, should this not have ended it

    def _tell(self, is_under_way: bool) -> None:
        if self._holds or not is_under_way:
            self._waiting_since, self._told = None, False
        elif self._waiting_since is None:
            self._waiting_since = self._now
        elif not self._told and self._now - self._waiting_since > _TELL_AFTER:
            self._told = True
            needs = f"no node has room for a training, which takes {self._needs}"
            print(f"waiting for a worker: {needs}; goes on when one has", flush=True)
