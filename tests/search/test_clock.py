"""A clock that is set back, in a session and between two: nothing lasts less than nothing or changes its order."""

import json
import os
import subprocess
import sys
import textwrap

import pytest

from chansearch.search.rundir import RunDirectory

# In a process of its own, whose clock goes back by a day in mid-search and by another before the resume.
_PROCESS = """
    import datetime, json, sys, time
    from pathlib import Path

    back = [0.0]
    _time = time.time
    time.time = lambda: _time() - back[0]

    class Set(datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            return super().now(tz) - datetime.timedelta(seconds=back[0])

    datetime.datetime = Set

    import pytest
    from chansearch.search.spent import SessionTime
    from tests.search import instant
    from tests.search.test_resume import check_whole

    results = Path(sys.argv[1])
    settings = ("search.candidates=6", "sampler=random", "name=run")

    def set_back(director, what):
        back[0] = 86400.0

    with pytest.MonkeyPatch.context() as patch:
        run = instant.Instant(ends=3, before=set_back).install(patch).search(results, *settings)
        back[0] = 2 * 86400.0
        instant.Instant().install(patch).go_on(run)
    check_whole(run)
    import optuna

    trials = optuna.load_study(study_name=None, storage=f"sqlite:///{run.study_file}").get_trials()
    print(json.dumps({
        "sessions": [[s.start_seconds, s.wall_seconds] for s in run.sessions()],
        "started": [run.config()["provenance"]["started"], run.config()["provenance"]["resumed"][0]["started"]],
        "trials": [trial.user_attrs["candidate"] for trial in trials],
    }))
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory) -> dict:
    folder = tmp_path_factory.mktemp("clock")
    answer = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(_PROCESS), str(folder)], capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout.splitlines()[-1]) | {"run": RunDirectory(folder / "run")}


def test_the_clock_went_back(told):
    begun, resumed = told["started"]
    assert resumed < begun


def test_no_session_lasts_less_than_nothing(told):
    assert len(told["sessions"]) == 2
    assert all(0 <= start <= wall < 3600 for start, wall in told["sessions"])


def test_candidates_and_trials_keep_their_order(told):
    assert told["trials"] == list(range(6))


def test_tensorboard_has_its_steps_in_order(told):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folders = sorted(told["run"].tensorboard.iterdir())
    assert len(folders) == 6
    for folder in folders:
        scalars = EventAccumulator(str(folder)).Reload().Scalars("val_top1/mean")
        assert [scalar.step for scalar in scalars] == [1, 2]


def test_the_latest_run_is_the_one_begun_last(tmp_path):
    first = RunDirectory.create(tmp_path / "first", {})
    os.utime(first.config_file, (4e9, 4e9))  # when the clock was ahead
    RunDirectory.create(tmp_path / "second", {})
    assert RunDirectory.latest(tmp_path).name == "second"
    first.write_config({})
    assert RunDirectory.latest(tmp_path).name == "first"
