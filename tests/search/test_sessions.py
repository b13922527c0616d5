"""``sessions.csv``: how long each session lasted, and not what lies between two."""

import dataclasses

import pytest

from chansearch.errors import UserError
from chansearch.search import sessions
from chansearch.search.rundir import RunDirectory
from chansearch.search.sessions import SessionLog
from chansearch.search.spent import SessionTime
from tests.search.test_runner import Clock

FIRST = SessionTime("2026-01-01T10:00:00+00:00", 2, 1, "cpu", "bfloat16", 150_000_000_000.0)
SECOND = SessionTime("2026-01-02T10:00:00+00:00", 8, 2, 'NVIDIA "X", 80 GB', "float16", 3e14)


@pytest.fixture
def run(tmp_path) -> RunDirectory:
    return RunDirectory.create(tmp_path / "run", {})


@pytest.fixture
def clock(monkeypatch) -> Clock:
    clock = Clock(1000.0)
    monkeypatch.setattr(sessions, "time", clock)
    return clock


def lasted(session: SessionTime, start: float, wall: float) -> SessionTime:
    return dataclasses.replace(session, start_seconds=start, wall_seconds=wall)


def begun(run: RunDirectory, session: SessionTime, began: float) -> SessionLog:
    log = SessionLog(run)
    log.begin(session, began)
    return log


def test_a_run_without_a_candidate_has_none(run):
    assert run.sessions() == []


def test_a_session_lasts_to_its_last_candidate(run, clock):
    log = begun(run, FIRST, 990.0)
    for clock.now in (1010.0, 1030.5):
        log.candidate_ended()
        assert run.sessions() == [lasted(FIRST, 10.0, clock.now - 990.0)]


def test_a_resume_adds_its_own_time_and_not_the_night_between(run, clock):
    first = begun(run, FIRST, 990.0)
    clock.now = 1002.0
    first.candidate_ended()
    clock.now = 90_003.0
    resumed = begun(run, SECOND, 90_000.0)
    clock.now = 90_007.25
    resumed.candidate_ended()
    assert run.sessions() == [lasted(FIRST, 10.0, 12.0), lasted(SECOND, 3.0, 7.25)]


def test_a_session_in_which_no_candidate_ended_leaves_nothing(run, clock):
    begun(run, FIRST, 990.0)
    assert run.sessions() == []


@pytest.mark.parametrize("row", ["2026,two,1,cpu,float32,1e9,1,5", "2026,2,1,cpu"])
def test_a_broken_row_is_named(run, row):
    header = "started,workers,threads,device,dtype,matrix_flops,start_seconds,wall_seconds"
    run.sessions_file.write_text(f"{header}\n{row}\n")
    with pytest.raises(UserError, match=r"sessions\.csv line 2"):
        run.sessions()
