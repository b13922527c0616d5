"""The watch over trials, on a clock and trials that are ours."""

from types import SimpleNamespace

import pytest

from chansearch.search import watch
from chansearch.search.watch import Watch


class Clock:
    """Stands in for the module ``time``."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


class Trial:
    def __init__(self, name: str, actor: str | None) -> None:
        self.trial_id, self.finished = name, False
        self.temporary_state = SimpleNamespace(ray_actor=actor)

    def is_finished(self) -> bool:
        return self.finished

    def given(self, actor: str | None) -> None:
        self.temporary_state.ray_actor = actor


class Watched:
    """A watch of 100 seconds over two trials, looked at every two, and the workers that it killed."""

    def __init__(self, monkeypatch, timeout: float | None = 100.0) -> None:
        self.clock, self.killed = Clock(), []
        monkeypatch.setattr(watch, "time", self.clock)
        monkeypatch.setattr("ray.kill", self.killed.append)
        self.watch = Watch(timeout, "1 CPU")
        self.first, self.second = Trial("first", "a"), Trial("second", "b")

    def after(self, seconds: int) -> None:
        for _ in range(seconds // 2):
            self.clock.now += 2
            self.watch.look([self.first, self.second])


@pytest.fixture
def watched(monkeypatch) -> Watched:
    return Watched(monkeypatch)


def test_a_worker_is_killed_when_it_has_had_its_trial_too_long(watched):
    watched.after(40)
    watched.second.given("c")
    watched.after(60)
    assert watched.killed == []
    watched.after(6)
    assert watched.killed == ["a"]
    assert watched.watch.timed_out(watched.first) == "timed out: not at its end after 100 s (search.trial_timeout)"
    assert watched.watch.timed_out(watched.second) is None


def test_a_trial_that_has_another_worker_begins_anew(watched):
    watched.after(106)
    watched.first.given(None)
    watched.second.given("c")
    watched.after(10)
    watched.first.given("d")
    watched.after(80)
    assert watched.killed == ["a", "b"]
    assert watched.watch.timed_out(watched.first) is None


def test_a_trial_has_its_time_from_when_it_has_a_worker(watched):
    watched.first.given(None)
    watched.after(90)
    watched.first.given("a")
    watched.after(96)
    assert "a" not in watched.killed


def test_one_that_has_ended_is_left_alone(watched):
    watched.first.finished = True
    watched.after(106)
    assert watched.killed == ["b"]


def test_one_that_does_not_die_is_killed_again(watched):
    watched.after(210)
    assert watched.killed == ["a", "b", "a", "b"]


def test_the_time_in_which_the_driver_stood_still_does_not_count(watched):
    """Ctrl-Z, a laptop asleep: the reports of that time are still to be heard."""
    watched.after(10)
    watched.clock.now += 5000
    watched.after(70)
    assert watched.killed == []
    watched.after(30)
    assert watched.killed == ["a", "b"]


def test_null_is_never(monkeypatch):
    watched = Watched(monkeypatch, timeout=None)
    watched.after(100_000)
    assert watched.killed == []


class TestWaiting:
    def test_is_said_after_a_minute_and_once(self, watched, capsys):
        watched.first.given(None)
        watched.second.finished = True
        watched.after(56)
        assert capsys.readouterr().out == ""
        watched.after(200)
        assert capsys.readouterr().out == (
            "waiting for a worker: no node has room for a training, which takes 1 CPU; goes on when one has\n"
        )

    def test_is_said_again_when_it_comes_again(self, watched, capsys):
        for actor in (None, "c", None):
            watched.first.given(actor)
            watched.second.given(actor)
            watched.after(70)
        assert capsys.readouterr().out.count("waiting for a worker") == 2

    @pytest.mark.parametrize("finished", [True, False])
    def test_is_not_said_while_another_trains_or_when_all_is_done(self, finished, watched, capsys):
        watched.first.given(None)
        watched.first.finished = watched.second.finished = finished
        watched.after(96)
        assert capsys.readouterr().out == ""
