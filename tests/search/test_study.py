"""``study.db``: proposals survive in it, and Optuna's own tools open it."""

import dataclasses

import optuna
import pytest
from optuna.trial import TrialState

from chansearch.errors import UserError
from chansearch.search.candidate import Outcome, Record, State
from chansearch.search.study import StudyFile
from tests.search.problems import failed, first, problem, scored, stopped

PROBLEMS = [
    ("constraint=c1",),
    ("constraint=demo", "space=free"),
    ("constraint=c2", "space=stagewise", "search.method=reject"),
    ("constraint=d18_30m", "space=linear"),
]


@pytest.fixture
def file(tmp_path):
    (tmp_path / "run").mkdir()
    return tmp_path / "run" / "study.db"


def load(file) -> optuna.Study:
    return optuna.load_study(study_name=None, storage=f"sqlite:///{file}")


@pytest.mark.parametrize("overrides", PROBLEMS)
def test_proposals_are_read_back_as_they_were_added(overrides, file):
    drawn_from = problem(*overrides)
    proposals = first(drawn_from, "random", 0, 6)
    study = StudyFile(file, drawn_from)
    for proposal in proposals:
        study.add(proposal)
    assert StudyFile(file, drawn_from).proposals() == study.proposals() == proposals


def test_states_are_those_of_the_candidates(file):
    drawn_from = problem("constraint=c1")
    proposals = first(drawn_from, "random", 0, 5)
    study = StudyFile(file, drawn_from)
    for proposal in proposals:
        study.add(proposal)
    early = dataclasses.replace(scored(proposals[3], 44.0).outcome, state=State.STOPPED_EARLY)
    records = [scored(proposals[0], 55.5), failed(proposals[1]), stopped(proposals[2], 10.0)]
    study.finish([*records, Record(proposals[3].candidate, early)])
    trials = load(file).get_trials()
    assert [trial.user_attrs["candidate"] for trial in trials] == [0, 1, 2, 3, 4]
    assert [trial.state for trial in trials] == [
        TrialState.COMPLETE,
        TrialState.FAIL,
        TrialState.PRUNED,
        TrialState.COMPLETE,
        TrialState.RUNNING,
    ]
    assert (trials[0].value, trials[3].value) == (55.5, 44.0)
    assert load(file).best_trial.number == 0


def test_a_candidate_may_be_finished_again_after_a_resume(file):
    """``candidates.csv`` has the last word: what it holds is told at each start and changes nothing the second time."""
    drawn_from = problem("constraint=c1")
    [proposal] = first(drawn_from, "random", 0, 1)
    study = StudyFile(file, drawn_from)
    study.add(proposal)
    study.finish([scored(proposal, 60.0)])
    again = StudyFile(file, drawn_from)
    again.finish([scored(proposal, 60.0)])
    assert [(trial.state, trial.value) for trial in load(file).get_trials()] == [(TrialState.COMPLETE, 60.0)]


def test_a_candidate_that_was_recorded_but_not_told_is_told_at_the_next_start(file):
    """The search was killed between the two."""
    drawn_from = problem("constraint=c1")
    proposals = first(drawn_from, "random", 0, 2)
    study = StudyFile(file, drawn_from)
    for proposal in proposals:
        study.add(proposal)
    StudyFile(file, drawn_from).finish([scored(proposals[1], 60.0)])
    assert [trial.state for trial in load(file).get_trials()] == [TrialState.RUNNING, TrialState.COMPLETE]


def test_a_renamed_run_keeps_its_study(file):
    drawn_from = problem("constraint=c1")
    proposals = first(drawn_from, "random", 0, 2)
    study = StudyFile(file, drawn_from)
    for proposal in proposals:
        study.add(proposal)
    moved = file.parent.rename(file.parent.with_name("a better name")) / "study.db"
    assert StudyFile(moved, drawn_from).proposals() == proposals
    assert len(optuna.get_all_study_names(f"sqlite:///{moved}")) == 1


def test_the_run_one_stands_in_has_a_name(file, monkeypatch):
    from pathlib import Path

    monkeypatch.chdir(file.parent)
    StudyFile(Path("study.db"), problem("constraint=c1"))
    assert optuna.get_all_study_names(f"sqlite:///{file}") == ["run"]


@pytest.mark.parametrize("junk", [b"no database", b"SQLite format 3\x00" + b"\x00" * 4000, bytes(range(256)) * 40])
def test_junk_is_named(file, junk):
    file.write_bytes(junk)
    with pytest.raises(UserError, match=r"study\.db is no Optuna study") as caught:
        StudyFile(file, problem("constraint=c1"))
    assert "\n" not in str(caught.value)


def test_another_database_is_named(file):
    import sqlite3

    connection = sqlite3.connect(file)
    connection.execute("create table studies (a integer)")
    connection.commit()
    connection.close()
    with pytest.raises(UserError, match=r"study\.db"):
        StudyFile(file, problem("constraint=c1"))


def test_a_trial_that_is_no_candidate_is_named(file):
    drawn_from = problem("constraint=c1")
    StudyFile(file, drawn_from)
    load(file).add_trial(optuna.trial.create_trial(state=TrialState.RUNNING, user_attrs={"candidate": 0, "a": "x"}))
    with pytest.raises(UserError, match=r"study\.db trial 0"):
        StudyFile(file, drawn_from).proposals()


def test_trials_of_others_are_left_alone(file):
    """Someone may have tried something in optuna-dashboard."""
    drawn_from = problem("constraint=c1")
    proposals = first(drawn_from, "random", 0, 2)
    study = StudyFile(file, drawn_from)
    study.add(proposals[0])
    load(file).enqueue_trial({})
    study.add(proposals[1])
    study.finish([scored(proposals[1], 33.0)])
    again = StudyFile(file, drawn_from)
    assert again.proposals() == proposals
    values = {trial.user_attrs.get("candidate"): trial.value for trial in load(file).get_trials()}
    assert values == {0: None, None: None, 1: 33.0}


def test_a_trial_that_someone_else_has_ended_stays_as_it_is(file):
    drawn_from = problem("constraint=c1")
    [proposal] = first(drawn_from, "random", 0, 1)
    study = StudyFile(file, drawn_from)
    study.add(proposal)
    load(file).tell(0, state=TrialState.FAIL)
    study.finish([scored(proposal, 33.0)])
    assert load(file).get_trials()[0].state is TrialState.FAIL


def test_an_outcome_without_accuracy_is_no_value(file):
    drawn_from = problem("constraint=c1")
    [proposal] = first(drawn_from, "random", 0, 1)
    study = StudyFile(file, drawn_from)
    study.add(proposal)
    study.finish([Record(proposal.candidate, Outcome(State.FAILED, (0,), reason="worker died"))])
    assert load(file).get_trials()[0].values is None
