"""A clock that is set back, in a session and between two: nothing lasts less than nothing or changes its order."""

import datetime
import os
import time
from types import SimpleNamespace

import optuna
import pytest

from chansearch import files, provenance
from chansearch.search import study
from chansearch.search.rundir import RunDirectory
from tests.search.instant import Instant
from tests.search.test_resume import check_whole

_DAY = 86400.0


class Clock:
    """The time of day, for all who ask Python; ``back``: seconds."""

    def __init__(self, patch) -> None:
        self.back = 0.0
        clock, real = self, time.time

        class Day(datetime.datetime):
            @classmethod
            def now(cls, tz=None):
                return datetime.datetime.now(tz) - datetime.timedelta(seconds=clock.back)

        patch.setattr(time, "time", lambda: real() - clock.back)
        for module in (files, provenance, study):
            patch.setattr(module, "datetime", SimpleNamespace(datetime=Day))
        patch.setattr(optuna.storages._rdb.storage, "datetime", Day)


@pytest.fixture(scope="module")
def told(tmp_path_factory) -> RunDirectory:
    """Set back by a day in mid-search, and by another before the resume."""
    with pytest.MonkeyPatch.context() as patch:
        clock = Clock(patch)

        def set_back(director, what) -> None:
            clock.back = _DAY

        settings = ("search.candidates=6", "sampler=random", "name=run")
        player = Instant(ends=3, before=set_back).install(patch)
        run = player.search(tmp_path_factory.mktemp("clock"), *settings)
        clock.back = 2 * _DAY
        Instant().install(patch).go_on(run)
    return run


def test_the_clock_went_back(told):
    facts = told.config()["provenance"]
    assert facts["resumed"][0]["started"] < facts["started"]


def test_no_session_lasts_less_than_nothing(told):
    sessions = told.sessions()
    assert len(sessions) == 2
    assert all(0 <= session.start_seconds <= session.wall_seconds < _DAY / 2 for session in sessions)


def test_candidates_and_trials_are_those_of_any_other_search(told):
    check_whole(told)
    trials = optuna.load_study(study_name=None, storage=f"sqlite:///{told.study_file}").get_trials()
    assert [trial.user_attrs["candidate"] for trial in trials] == list(range(6))
    assert trials[-1].datetime_start < trials[0].datetime_start


def test_tensorboard_has_its_steps_in_order(told):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folders = sorted(told.tensorboard.iterdir())
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
