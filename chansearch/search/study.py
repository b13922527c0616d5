"""The run's Optuna study, ``study.db``: every candidate proposed, with the sampler's numbers and what became of it.

It is what a resumed search takes its proposals from, and what optuna-dashboard opens. A candidate that is being
trained is a running trial; ``candidates.csv`` has the last word on those that have ended.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from chansearch.errors import UserError
from chansearch.search.candidate import Candidate, Draws, Origin, Record, State
from chansearch.search.mind import distributions
from chansearch.search.problem import Problem
from chansearch.search.propose import Proposal
from chansearch.space import Member, Shape, format_channels, parse_channels

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial


class StudyFile:
    """``study.db`` of one run, opened for reading and writing."""

    def __init__(self, path: Path, problem: Problem) -> None:
        """Opens the study, or makes it; raises ``UserError`` when the file is no Optuna study."""
        import sqlite3

        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._distributions = distributions(problem)
        try:
            # Written through the storage itself: a study reads what it does not need before it adds or tells a trial.
            # Opened by its path: in an address of a database a run's name with ?, # or % would be that of another file.
            self._storage = optuna.storages.RDBStorage(
                "sqlite:///study.db", engine_kwargs={"creator": lambda: sqlite3.connect(path, check_same_thread=False)}
            )
            # The file has one study; a run directory that was renamed since is no new one.
            names = optuna.get_all_study_names(self._storage) or [path.resolve().parent.name]
            optuna.create_study(storage=self._storage, study_name=names[0], direction="maximize", load_if_exists=True)
            self._study = self._storage.get_study_id_from_name(names[0])
            held = self._read()
        except Exception as error:  # SQLAlchemy and Alembic raise nearly any type on a damaged file
            raise UserError(f"run: {path} is no Optuna study: {_first_line(error)}") from None
        for trial in held:
            _to_proposal(trial)  # of a file from anywhere: refused now rather than in mid-search
        self._known = {trial.user_attrs["candidate"] for trial in held}
        # Ids of the trials that have not ended, by candidate.
        self._running = {
            trial.user_attrs["candidate"]: self._storage.get_trial_id_from_study_id_trial_number(
                self._study, trial.number
            )
            for trial in held
            if not trial.state.is_finished()
        }

    def _read(self) -> list[FrozenTrial]:
        held = self._storage.get_all_trials(self._study, deepcopy=False)
        return [trial for trial in held if "candidate" in trial.user_attrs]

    def proposals(self) -> list[Proposal]:
        """All candidates ever proposed, by number."""
        found = [_to_proposal(trial) for trial in self._read()]
        return sorted(found, key=lambda proposal: proposal.candidate.number)

    def add(self, proposal: Proposal) -> None:
        """A candidate was proposed; on disk when this returns."""
        from optuna.trial import TrialState, create_trial

        trial = create_trial(
            state=TrialState.RUNNING,
            params=proposal.values,
            distributions=self._distributions,
            user_attrs=_to_attributes(proposal.candidate),
        )
        trial.datetime_start = datetime.datetime.now()
        number = proposal.candidate.number
        self._running[number] = self._storage.create_new_trial(self._study, template_trial=trial)
        self._known.add(number)

    def finish(self, records: Iterable[Record]) -> None:
        """Candidates have ended; those that were known to have ended already stay as they are.

        Raises ``UserError`` for one that the study does not know: it is not that run's.
        """
        from optuna.trial import TrialState

        for record in records:
            number, state = record.candidate.number, record.outcome.state
            if number not in self._known:
                raise UserError(f"run: study.db lacks candidate {number}, which candidates.csv has")
            trial = self._running.pop(number, None)
            if trial is None:
                continue
            told, values = TrialState.FAIL, None
            if record.is_ranked:
                told, values = TrialState.COMPLETE, [record.val_top1_mean]
            elif state is State.STOPPED_AT_RUNG:
                told = TrialState.PRUNED
            # Raised where someone has ended the trial in optuna-dashboard: the record is candidates.csv.
            with contextlib.suppress(RuntimeError):
                self._storage.set_trial_state_values(trial, told, values)


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
    held = trial.user_attrs
    try:
        candidate = Candidate(
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
        raise UserError(f"run: study.db trial {trial.number} is no candidate: {reason}") from None
    return Proposal(candidate, dict(trial.params))


def _whole(value: object) -> int:
    if type(value) is not int:
        raise ValueError(value)
    return value


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
