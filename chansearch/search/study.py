"""The run's Optuna study, ``study.db``: every candidate proposed, with the sampler's numbers and what became of it.

It is what a resumed search takes its proposals from, and what optuna-dashboard opens. A candidate that is being
trained is a running trial; ``candidates.csv`` has the last word on those that have ended.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from chansearch.errors import UserError
from chansearch.search.candidate import Candidate, Draws, Origin, Record, State
from chansearch.search.problem import Problem
from chansearch.search.propose import Proposal, distributions
from chansearch.space import Member, Shape, format_channels

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial


class StudyFile:
    """``study.db`` of one run, opened for reading and writing."""

    def __init__(self, path: Path, problem: Problem) -> None:
        """Opens the study, or makes it; raises ``UserError`` when the file is no Optuna study."""
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._distributions = distributions(problem)
        storage = f"sqlite:///{path}"
        try:
            # The file has one study; a run directory that was renamed since is no new one.
            names = optuna.get_all_study_names(storage) or [path.resolve().parent.name]
            self._study = optuna.create_study(
                storage=storage, study_name=names[0], direction="maximize", load_if_exists=True
            )
        except Exception as error:  # SQLAlchemy and Alembic raise nearly any type on a damaged file
            raise UserError(f"run: {path} is no Optuna study: {_first_line(error)}") from None
        # Numbers of Optuna's trials by candidate.
        self._trials = {trial.user_attrs["candidate"]: trial.number for trial in self._read()}

    def _read(self) -> list[FrozenTrial]:
        return [trial for trial in self._study.get_trials(deepcopy=False) if "candidate" in trial.user_attrs]

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
        self._study.add_trial(trial)
        self._trials[proposal.candidate.number] = len(self._study.get_trials(deepcopy=False)) - 1

    def finish(self, records: Iterable[Record]) -> None:
        """Candidates have ended; those that were known to have ended already stay as they are.

        Raises ``UserError`` for one that the study does not know: it is not that run's.
        """
        from optuna.trial import TrialState

        for record in records:
            if record.candidate.number not in self._trials:
                raise UserError(f"run: study.db lacks candidate {record.candidate.number}, which candidates.csv has")
            number = self._trials[record.candidate.number]
            state = record.outcome.state
            if state.is_scored:
                self._study.tell(number, record.val_top1_mean, skip_if_finished=True)
            else:
                told = TrialState.PRUNED if state is State.STOPPED_AT_RUNG else TrialState.FAIL
                self._study.tell(number, state=told, skip_if_finished=True)


def _to_attributes(candidate: Candidate) -> dict:
    draws = candidate.draws
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
        "draws": [draws.drawn, draws.duplicate, draws.under_budget, draws.over_budget],
    }


def _to_proposal(trial: FrozenTrial) -> Proposal:
    held = trial.user_attrs
    try:
        candidate = Candidate(
            number=int(held["candidate"]),
            origin=Origin(held["origin"]),
            member=Member(float(held["a"]), float(held["b"]), Shape(tuple(held["knots"]), tuple(held["values"]))),
            channels=tuple(int(c) for c in held["channels"].split("-")),
            draws=Draws(*held["draws"]),
            **{name: int(held[name]) for name in ("params", "macs", "activations", "peak_activations")},
        )
    except (KeyError, ValueError, TypeError) as error:
        raise UserError(f"run: study.db trial {trial.number} is no candidate: {error}") from None
    return Proposal(candidate, dict(trial.params))


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
