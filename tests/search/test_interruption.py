"""A search with a hard life: Ctrl-C, then kill -9 of all its processes, then a dead worker, and its end."""

import os
import signal

import optuna
import pytest

from benchmarks.processes import TINY, Process, rows, whole_lines
from chansearch.report.cost import cost_of
from chansearch.search.propose import Proposer
from tests.search.live import Life
from tests.search.problems import problem, take

CANDIDATES = 8
EPOCHS = 60  # a second or two of training: less would be over before it could be interrupted
pytestmark = pytest.mark.harm


def _kill_a_worker(process: Process) -> str:
    """The label of the candidate it had just begun to train: one that was not there at the look before."""
    looks = [process.training()]

    def begun() -> bool:
        looks.append(process.training())
        return bool(looks[-1].keys() - looks[-2].keys())

    process.until(begun)
    label = min(looks[-1].keys() - looks[-2].keys())
    os.kill(looks[-1][label], signal.SIGKILL)
    return label


@pytest.fixture(scope="module")
def life(tmp_path_factory) -> Life:
    life = Life(tmp_path_factory.mktemp("life"), "hard-life")
    run = life.run

    settings = (f"search.candidates={CANDIDATES}", f"train.epochs={EPOCHS}", "train.patience=null", "name=hard-life")
    first = Process("search", *TINY, *settings, cwd=life.folder)
    first.until(lambda: len(rows(run)) >= 1)
    life.note(first, first.press_ctrl_c())
    life.left_over = first.tree()

    second = Process("resume", "results/hard-life", cwd=life.folder)
    # A second row of its own: when that is there, sessions.csv has been written after the first.
    enough = max(4, len(_numbers(life.kept[0])) + 2)
    second.until(lambda: len(rows(run)) >= enough)
    second.kill_tree()
    life.note(second, -signal.SIGKILL)

    third = Process("resume", "results/hard-life", cwd=life.folder)
    life.victim = int(_kill_a_worker(third)[:4])
    life.note(third, third.wait())
    return life


def _numbers(table: bytes) -> list[int]:
    """First column of either table."""
    return [int(line.split(b",")[0]) for line in table.splitlines()[1:]]


def test_ctrl_c_exits_130_and_says_how_to_go_on(life):
    assert life.codes[0] == 130
    assert life.err[0] == "stopped; go on with `chansearch resume results/hard-life`\n"


def test_ctrl_c_leaves_no_process_behind(life):
    assert life.left_over == set()


def test_the_kill_came_in_mid_search(life):
    """Or the tests below would say nothing."""
    assert 4 <= len(_numbers(life.kept[1])) < CANDIDATES


def test_nothing_finished_is_lost(life):
    first, second, third = life.kept
    assert second.startswith(first)
    assert third.startswith(second)


def test_the_total_is_what_was_asked(life):
    assert life.codes[2] == 0
    records = life.run.records()
    assert [record.candidate.number for record in records] == list(range(CANDIDATES))
    assert all(record.outcome.state.is_scored for record in records)
    assert f"[{CANDIDATES}/{CANDIDATES}]" in life.out[2]


def test_nothing_finished_is_trained_twice(life):
    """No session adds an epoch to a candidate that had ended before it."""
    for session in (1, 2):
        added = _numbers(life.curves[session])[len(_numbers(life.curves[session - 1])) :]
        assert added
        assert not set(added) & set(_numbers(life.kept[session - 1])), f"session {session + 1}"


def test_every_candidate_has_its_whole_curve(life):
    """One that was in flight when the search was cut off has its early epochs twice; the later ones count."""
    curves = life.run.curves()
    for record in life.run.records():
        for seed, top1 in zip(record.outcome.seeds, record.outcome.val_top1, strict=True):
            points = [p for p in curves if (p.candidate, p.seed) == (record.candidate.number, seed)]
            assert [point.epoch for point in points[-EPOCHS:]] == list(range(1, EPOCHS + 1))
            assert points[-1].val_top1 == top1


def test_a_candidate_whose_worker_died_is_trained_again(life):
    """Only it: retries are counted where they happen."""
    retries = {record.candidate.number: record.outcome.retries for record in life.run.records()}
    assert retries == {number: int(number == life.victim) for number in range(CANDIDATES)}


def test_the_candidates_are_those_of_an_unbroken_search(life):
    unbroken = take(Proposer(problem("constraint=demo"), "random", 0, startup=20), CANDIDATES)
    assert [record.candidate for record in life.run.records()] == [proposal.candidate for proposal in unbroken]


def test_every_session_has_its_time(life):
    """The killed one too, and what its processes had under way is lost."""
    sessions = life.run.sessions()
    assert len(sessions) == 3
    assert [session.started for session in sessions] == sorted({session.started for session in sessions})
    cost = cost_of(life.run.records(), sessions)
    assert all(part.seconds > 0 for part in cost.parts), cost.parts
    assert 0 < cost.busy_share < 1


def test_the_study_is_whole(life):
    study = optuna.load_study(study_name=None, storage=f"sqlite:///{life.run.study_file}")
    trials = study.get_trials()
    assert [trial.user_attrs["candidate"] for trial in trials] == list(range(CANDIDATES))
    values = {record.candidate.number: record.val_top1_mean for record in life.run.records()}
    assert {trial.user_attrs["candidate"]: trial.value for trial in trials} == pytest.approx(values, abs=1e-3)


def test_a_complete_run_says_so(life):
    again = Process("resume", "results/hard-life", cwd=life.folder)
    assert again.wait() == 0
    assert f"complete: {CANDIDATES} of {CANDIDATES} candidates" in again.out
    assert whole_lines(life.run.candidates_file) == life.kept[2]
