"""The run's Optuna study, ``study.db``: every candidate proposed, with the sampler's numbers and what became of it.

It is what a resumed search takes its proposals from, and what optuna-dashboard opens. A candidate that is being
trained is a running trial; ``candidates.csv`` has the last word on those that have ended. A candidate that is trained
again after it had failed has a second trial. The study also keeps the configuration that the run was last searched
under, where a change to ``config.yaml`` is noticed.

What SQLite says of a disk, a lock or a damaged file is raised in this package's terms: ``OSError`` with the file's
name where it cannot be written, else ``UserError``.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import errno
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from chansearch.errors import UserError
from chansearch.search.candidate import Candidate, Draws, Origin, Record, State
from chansearch.search.mind import distributions
from chansearch.search.objectives import Objectives
from chansearch.search.problem import Problem
from chansearch.search.propose import Proposal
from chansearch.space import Member, Shape, format_channels, parse_channels

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial


# Seconds that a write waits for another program, optuna-dashboard for one, to be done with the file.
_PATIENCE = 30
_CONFIG = "config"  # an attribute of the study

_AS_ERRNO = {
    sqlite3.SQLITE_FULL: errno.ENOSPC,
    sqlite3.SQLITE_READONLY: errno.EROFS,
    sqlite3.SQLITE_CANTOPEN: errno.EACCES,
    sqlite3.SQLITE_IOERR: errno.EIO,
}
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


class NoStudy(UserError):
    """The file is no Optuna study, or a damaged one."""


class StudyFile:
    """``study.db`` of one run, opened for reading and writing."""

    def __init__(self, path: Path, problem: Problem) -> None:
        """Opens the study, or makes it; raises ``NoStudy`` when the file is no Optuna study."""
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.path = path
        self._distributions, self._objectives = distributions(problem), problem.objectives
        with self._in_our_terms(opening=True):
            # Written through the storage itself: a study reads what it does not need before it adds or tells a trial.
            # Opened by its path: in an address of a database a run's name with ?, # or % would be that of another file.
            self._storage = optuna.storages.RDBStorage("sqlite:///study.db", engine_kwargs={"creator": self._connect})
            # The file has one study; a run directory that was renamed since is no new one.
            names = optuna.get_all_study_names(self._storage) or [path.resolve().parent.name]
            study = optuna.create_study(
                storage=self._storage,
                study_name=names[0],
                directions=self._objectives.directions,
                load_if_exists=True,
            )
            self._study = self._storage.get_study_id_from_name(names[0])
            held = self._read()
        if len(study.directions) != len(self._objectives.names):
            raise UserError(
                f"run: {path} is of {len(study.directions)} objectives, search.objectives of "
                f"{len(self._objectives.names)}; they cannot change in a run"
            )
        with self._in_our_terms():
            _name_metrics(study, self._objectives)
        for trial in held:
            _to_proposal(trial)  # of a file from anywhere: refused now rather than in mid-search
        # Ids of the trials that have not ended, by candidate.
        self._running = {
            trial.user_attrs["candidate"]: self._storage.get_trial_id_from_study_id_trial_number(
                self._study, trial.number
            )
            for trial in held
            if not trial.state.is_finished()
        }

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, timeout=_PATIENCE, check_same_thread=False)

    @contextlib.contextmanager
    def _in_our_terms(self, *, opening: bool = False) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # SQLAlchemy and Alembic raise nearly any type on a damaged file
            code = _sqlite_code(error)
            if code in _BUSY:
                raise UserError(
                    f"run: {self.path} is locked by another program (optuna-dashboard, perhaps); stop it and go on"
                ) from None
            if code in _AS_ERRNO:
                number = _AS_ERRNO[code]
                raise OSError(number, os.strerror(number), str(self.path)) from None
            if opening or isinstance(error, _database_errors()):
                raise NoStudy(f"run: {self.path} is no Optuna study: {_first_line(error)}") from None
            raise

    def _read(self) -> list[FrozenTrial]:
        held = self._storage.get_all_trials(self._study, deepcopy=False)
        return [trial for trial in held if "candidate" in trial.user_attrs]

    def proposals(self) -> list[Proposal]:
        """All candidates ever proposed, by number."""
        with self._in_our_terms():
            held = self._read()
        found = {proposal.candidate.number: proposal for proposal in map(_to_proposal, held)}
        return [found[number] for number in sorted(found)]

    def is_running(self, number: int) -> bool:
        """Whether the candidate has a trial that has not ended."""
        return number in self._running

    def config(self) -> dict | None:
        """What ``keep_config`` was told last; None in a run of an earlier version."""
        with self._in_our_terms():
            held = self._storage.get_study_user_attrs(self._study).get(_CONFIG)
        return held if isinstance(held, dict) else None

    def keep_config(self, config: dict) -> None:
        """The configuration, in plain types, that the run is searched under from now on."""
        with self._in_our_terms():
            self._storage.set_study_user_attr(self._study, _CONFIG, config)

    def add(self, proposal: Proposal) -> None:
        """A candidate was proposed, or is trained again; on disk when this returns."""
        from optuna.trial import TrialState, create_trial

        trial = create_trial(
            state=TrialState.RUNNING,
            params=proposal.values,
            distributions=self._distributions if proposal.values else {},
            user_attrs=_to_attributes(proposal.candidate),
        )
        trial.datetime_start = datetime.datetime.now()
        with self._in_our_terms():
            created = self._storage.create_new_trial(self._study, template_trial=trial)
        self._running[proposal.candidate.number] = created

    def finish(self, records: Iterable[Record]) -> None:
        """Candidates have ended; those that were known to have ended already stay as they are."""
        from optuna.trial import TrialState

        for record in records:
            trial = self._running.get(record.candidate.number)
            if trial is None:
                continue
            told = TrialState.FAIL
            if (values := self._objectives.values(record)) is not None:
                told = TrialState.COMPLETE
            elif record.outcome.state is State.STOPPED_AT_RUNG:
                told = TrialState.PRUNED
            # Raised where someone has ended the trial in optuna-dashboard: the record is candidates.csv.
            with self._in_our_terms(), contextlib.suppress(_ended_already()):
                self._storage.set_trial_state_values(trial, told, values)
            del self._running[record.candidate.number]


def _name_metrics(study: optuna.Study, objectives: Objectives) -> None:
    """For the axes of optuna-dashboard."""
    import warnings

    import optuna

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        if study.metric_names != (names := list(objectives.names)):
            study.set_metric_names(names)


def _ended_already() -> type[Exception]:
    from optuna.exceptions import UpdateFinishedTrialError

    return UpdateFinishedTrialError


def _database_errors() -> tuple[type[Exception], ...]:
    from optuna.exceptions import StorageInternalError
    from sqlalchemy.exc import SQLAlchemyError

    return StorageInternalError, SQLAlchemyError


def _sqlite_code(error: BaseException | None) -> int | None:
    """SQLite's primary code of what lies behind an error of Optuna's or SQLAlchemy's."""
    while error is not None:
        own = getattr(error, "orig", error)
        if isinstance(own, sqlite3.Error):
            code = getattr(own, "sqlite_errorcode", None)
            return None if code is None else code & 0xFF
        error = error.__cause__
    return None


def _to_attributes(candidate: Candidate) -> dict:
    return {
        "candidate": candidate.number,
        "origin": candidate.origin.value,
        "channels": format_channels(candidate.channels),
        "a": candidate.member.a,
        "b": candidate.member.b,
        "knots": list(candidate.member.shape.knots),
        "values": list(candidate.member.shape.values),
        "params": candidate.params,
        "macs": candidate.macs,
        "activations": candidate.activations,
        "peak_activations": candidate.peak_activations,
        "draws": list(dataclasses.astuple(candidate.draws)),
        "latency_ms": candidate.latency_ms,
    }


def _to_proposal(trial: FrozenTrial) -> Proposal:
    try:
        candidate = candidate_of(trial.user_attrs)
    except ValueError as error:
        raise UserError(f"run: study.db trial {trial.number} is no candidate: {error}") from None
    return Proposal(candidate, dict(trial.params))


def candidate_of(held: Mapping) -> Candidate:
    """The candidate that a trial's attributes describe; raises ``ValueError``, which says why, where they do not."""
    try:
        return Candidate(
            number=_whole(held["candidate"]),
            origin=Origin(held["origin"]),
            member=Member(float(held["a"]), float(held["b"]), Shape(tuple(held["knots"]), tuple(held["values"]))),
            channels=parse_channels(str(held["channels"])),
            draws=Draws(*map(_whole, held["draws"])),  # without the last ones in studies of earlier versions
            latency_ms=held.get("latency_ms"),
            **{name: _whole(held[name]) for name in ("params", "macs", "activations", "peak_activations")},
        )
    except (KeyError, ValueError, TypeError, OverflowError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else "its attributes are none of a candidate's"
        raise ValueError(reason) from None


def _whole(value: object) -> int:
    if type(value) is not int:
        raise ValueError(value)
    return value


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
