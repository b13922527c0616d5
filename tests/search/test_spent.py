"""What a training took: sums of two, and what an earlier version did not record."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chansearch.search.spent import SessionTime, Spent

seconds = st.integers(0, 10**6).map(lambda n: n / 8)  # sums of these are exact
whole = st.builds(Spent, seconds, st.integers(0, 10**9), seconds, seconds)


def test_training_is_what_was_not_measuring_and_lost_what_was_neither():
    spent = Spent(seconds=100.0, images=4000, eval_seconds=20.0, wall_seconds=103.0)
    assert (spent.train_seconds, spent.lost_seconds) == (80.0, 3.0)


@given(whole, whole)
def test_two_trainings_add_up(first, second):
    both = first + second
    for name in ("seconds", "images", "eval_seconds", "wall_seconds", "train_seconds", "lost_seconds"):
        assert getattr(both, name) == getattr(first, name) + getattr(second, name), name
    assert both.is_complete


def test_what_one_of_two_does_not_know_the_sum_does_not():
    both = Spent(seconds=100.0) + Spent(10.0, 400, 2.0, 12.0)
    assert both == Spent(seconds=110.0)
    assert (both.train_seconds, both.lost_seconds, both.is_complete) == (None, None, False)


@pytest.mark.parametrize(("workers", "wall"), [(1, 60.0), (4, 2.5)])
def test_workers_all_have_the_time_of_their_session(workers, wall):
    session = SessionTime("2026-01-01T00:00:00+00:00", workers, 1, "cpu", "float32", 1e9, wall / 4, wall)
    assert session.worker_seconds == workers * wall
