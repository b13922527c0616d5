"""A search seen from its files: the same counts as its own, at every moment."""

import io
import os
import re
import sqlite3

import pytest
from rich.console import Console

from chansearch.cli import main
from chansearch.files import locked
from chansearch.live.following import Follower
from chansearch.live.state import RunState
from chansearch.live.under_way import under_way
from chansearch.search.candidate import CurvePoint, State
from chansearch.search.session import _Session
from tests.report.synthetic import config, curve_points, make_record, population, write_run
from tests.search.instant import Instant


def follower(run) -> Follower:
    return Follower(run, Console(file=io.StringIO(), width=120))


def text(one: Follower) -> str:
    one.progress.console.print(one.progress.picture())
    return one.progress.console.file.getvalue()


def followed_all_along(tmp_path, monkeypatch, *settings, **instant) -> list[tuple]:
    """Counts of the search's own table and of one that follows, before each epoch and each end."""
    seen = []
    following = []

    def before(director: _Session, what: str) -> None:
        if not following:
            following.append(follower(director._run))
        following[0].look()
        own, other = director._progress, following[0].progress
        seen.append(
            tuple(
                (one.ended_count, one.failed_count, one.under_way, one.total, one.best and one.best.candidate.number)
                for one in (own, other)
            )
        )

    search = Instant(before=before, **instant).install(monkeypatch)
    search.search(tmp_path, "name=run", *settings)
    return seen


def test_it_counts_as_the_search_does(tmp_path, monkeypatch):
    seen = followed_all_along(tmp_path, monkeypatch, "search.candidates=6", failing={2})
    assert len(seen) == 6 * 3
    for own, other in seen:
        assert own == other
    assert seen[-1][0][:3] == (5, 1, 1)


def test_the_front_of_several_objectives_too(tmp_path, monkeypatch):
    search = Instant().install(monkeypatch)
    run = search.search(tmp_path, "name=run", "search.candidates=6", "search.objectives=[accuracy,macs]")
    [own] = re.findall(r"front of \d+ from [^,\n]*", search.out.splitlines()[-1])
    assert own in " ".join(text(follower(run)).split())


def test_further_seeds_of_contenders_too(tmp_path, monkeypatch):
    seen = followed_all_along(
        tmp_path,
        monkeypatch,
        "search.candidates=4",
        "scheduler=contenders",
        "scheduler.contenders=2",
        "scheduler.grace_epochs=null",
        "train.seeds=2",
    )
    for own, other in seen:
        # A further training is seen from its first epoch on: the study does not know it.
        assert (own[0], own[1], own[3], own[4]) == (other[0], other[1], other[3], other[4])
        assert own[2] - other[2] in (0, 1, 2)
    assert any(other[0] == 4 and other[2] for _, other in seen)


def test_candidates_that_are_tried_again(tmp_path, monkeypatch):
    search = Instant(failing={1}).install(monkeypatch)
    run = search.search(tmp_path, "name=run", "search.candidates=3")
    one = follower(run)
    assert (one.progress.ended_count, one.progress.failed_count) == (3, 1)
    search.failing = set()
    search.go_on(run, retry_failed=True)
    one.look()
    assert (one.progress.ended_count, one.progress.failed_count, one.progress.under_way) == (3, 0, 0)


def test_a_resume_may_ask_for_more(tmp_path, monkeypatch):
    search = Instant().install(monkeypatch)
    run = search.search(tmp_path, "name=run", "search.candidates=3")
    one = follower(run)
    assert one.state is RunState.DONE
    search.go_on(run, "search.candidates=5")
    one.look()
    assert (one.progress.ended_count, one.progress.total) == (5, 5)


def test_a_look_reads_what_was_added(tmp_path):
    """Also where the last line is torn, and the mean is of the seeds that are there."""
    run = write_run(tmp_path / "run", population(3), config(candidates=6), epochs=2)
    one = follower(run)
    record = make_record(3, (70.0, 71.0, 72.0))
    run.append_record(record)
    with run.candidates_file.open("ab") as file:
        file.write(b"4,finis")
    one.look()
    assert (one.progress.ended_count, one.progress.best.candidate.number) == (4, 3)
    run.append_record(make_record(4, (80.0, 81.0, 82.0)))
    one.look()
    assert (one.progress.ended_count, one.progress.best.candidate.number) == (5, 4)


def test_of_many_curves_it_reads_the_end_alone(tmp_path):
    run = write_run(tmp_path / "run", [], config(candidates=6))
    points = [CurvePoint(0, seed, epoch, 0.1, 2.0, 50.0) for epoch in range(1, 3000) for seed in range(3)]
    run.append_curve(points)
    held = run.new_curves(1000)
    last = held.new()
    assert 0 < len(last) < 60 and last == points[-len(last) :]
    run.append_curve(points[:3])
    assert held.new() == points[:3]
    assert held.new() == []


def test_a_damaged_table_is_one_line_with_its_place(tmp_path, capsys):
    run = write_run(tmp_path / "run", population(3), epochs=2)
    run.curves_file.write_text(run.curves_file.read_text() + "0,0,one,0.1,2,50\n")
    line = len(run.curves_file.read_text().splitlines())
    assert main(["watch", str(run.path)]) == 2
    assert f"curves.csv line {line} cannot be read: epoch is 'one'" in capsys.readouterr().err


def test_a_run_that_nobody_holds_is_shown_and_left(tmp_path, capsys):
    run = write_run(tmp_path / "run", population(3), config(candidates=5))
    assert main(["watch", str(run.path)]) == 0
    out = capsys.readouterr().out
    assert "run: cut off" in out.replace(str(run.path), "run") and "3/5 candidates" in out
    assert f"go on with `chansearch resume {run.path}`" in out
    assert main(["watch", "--results", str(tmp_path), "--once"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 4


@pytest.mark.parametrize("interval", ["0", "nan", "-1", "1e9"])
def test_an_interval_has_its_range(interval, tmp_path, capsys):
    run = write_run(tmp_path / "run", population(3))
    assert main(["watch", str(run.path), "--interval", interval]) == 2
    assert "--interval: " in capsys.readouterr().err


class TestAHostileStudy:
    def watched(self, run, harm) -> str:
        harm(run.study_file)
        with locked(run.path, "search"):
            return text(follower(run))

    def test_what_is_none_has_no_candidates(self, tmp_path):
        run = write_run(tmp_path / "run", population(3), config(candidates=5))
        for harm in (
            lambda file: file.write_bytes(b""),
            lambda file: file.write_bytes(b"SQLite format 3\x00" + os.urandom(5000)),
            lambda file: (file.unlink(), os.mkfifo(file)),
            lambda file: (file.unlink(), file.mkdir()),
        ):
            assert "3/5 candidates" in self.watched(run, harm)
            assert not under_way(run.study_file)

    def test_work_without_end_ends(self, tmp_path):
        run = write_run(tmp_path / "run", population(3), config(candidates=5))

        def harm(file) -> None:
            with sqlite3.connect(file) as database:
                database.execute("CREATE TABLE trial_user_attributes (trial_id, key, value_json)")
                database.execute(
                    "CREATE VIEW trials AS WITH RECURSIVE n(trial_id) AS (SELECT 1 UNION ALL SELECT trial_id FROM n) "
                    "SELECT trial_id, 'RUNNING' AS state FROM n"
                )
            database.close()

        assert "3/5 candidates" in self.watched(run, harm)

    def test_attributes_of_no_candidate_are_left_out(self, tmp_path):
        run = write_run(tmp_path / "run", population(3), config(candidates=5))

        def harm(file) -> None:
            with sqlite3.connect(file) as database:
                database.execute("CREATE TABLE trials (trial_id, state)")
                database.execute("CREATE TABLE trial_user_attributes (trial_id, key, value_json)")
                for number, value in enumerate(["1", "[[[", "[" * 5000, b"\xff", None, '"\\u001b[31m"', "1e999"]):
                    database.execute("INSERT INTO trials VALUES (?, 'RUNNING')", (number,))
                    for key in ("candidate", "channels"):
                        database.execute("INSERT INTO trial_user_attributes VALUES (?, ?, ?)", (number, key, value))
            database.close()

        assert "\x1b[31m" not in self.watched(run, harm)
        assert under_way(run.study_file) == []


def test_hostile_curves_do_not_stop_it(tmp_path, monkeypatch):
    """Candidates and seeds that are none of the run's, epochs that go back."""
    harmed = []

    def before(director: _Session, what: str) -> None:
        if what == "epoch" and not harmed:
            harmed.append(True)
            points = [CurvePoint(number, seed, epoch, 0.1, 1.0, 50.0)
                      for number in (0, 1, 99) for epoch in (5, 1) for seed in (7, 0)]  # fmt: skip
            director._run.append_curve(points)
            assert "0/3 candidates" in text(follower(director._run))

    Instant(before=before).install(monkeypatch).search(tmp_path, "name=run", "search.candidates=3")
    assert harmed


def test_the_curves_of_what_has_ended_are_no_trainings(tmp_path):
    failed = make_record(1, (), state=State.FAILED, seeds=(0, 1, 2))
    run = write_run(tmp_path / "run", [make_record(0), failed, make_record(2, state=State.STOPPED_AT_RUNG)])
    run.append_curve(point for number in range(3) for point in curve_points(make_record(number), 3))
    assert follower(run).progress.under_way == 0
