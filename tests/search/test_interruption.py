"""One search with a hard life: Ctrl-C, then kill -9 of all its processes, then brought to its end."""

import optuna
import pytest

from chansearch.search.propose import Proposer
from chansearch.search.rundir import RunDirectory
from tests.search.live import TINY, Process, rows, whole_lines
from tests.search.problems import problem, take

CANDIDATES = 9
EPOCHS = 3
pytestmark = pytest.mark.slow


class Life:
    """What each chapter left behind."""

    def __init__(self, folder) -> None:
        self.run = RunDirectory(folder / "results" / "hard-life")
        self.folder = folder
        self.kept: list[bytes] = []  # candidates.csv after each chapter
        self.codes: list[int] = []
        self.said: list[str] = []
        self.left_over: set[int] = set()

    def note(self, code: int, said: str) -> None:
        self.kept.append(whole_lines(self.run.candidates_file))
        self.codes.append(code)
        self.said.append(said)


@pytest.fixture(scope="module")
def life(tmp_path_factory) -> Life:
    life = Life(tmp_path_factory.mktemp("life"))
    run = life.run

    first = Process(
        "search", *TINY, f"search.candidates={CANDIDATES}", f"train.epochs={EPOCHS}", "name=hard-life", cwd=life.folder
    )
    first.until(lambda: len(rows(run)) >= 1)
    life.note(first.press_ctrl_c(), first.err)
    life.left_over = first.tree()

    second = Process("resume", str(run.path), cwd=life.folder)
    second.until(lambda: len(rows(run)) >= 4)
    second.kill_tree()
    life.note(second._popen.returncode, second.err)

    third = Process("resume", str(run.path), cwd=life.folder)
    life.note(third.wait(), third.out)
    return life


def test_ctrl_c_exits_130_and_says_how_to_go_on(life):
    assert life.codes[0] == 130
    assert f"chansearch resume {life.run.path.relative_to(life.folder)}" in life.said[0]
    assert "Traceback" not in life.said[0]
    assert len(life.said[0].splitlines()) == 1, life.said[0]


def test_ctrl_c_leaves_no_process_behind(life):
    assert life.left_over == set()


def test_the_kill_came_in_mid_search(life):
    """Or the tests below would say nothing."""
    assert 4 <= len(life.kept[1].splitlines()) - 1 < CANDIDATES


def test_nothing_finished_is_lost(life):
    first, second, third = life.kept
    assert second.startswith(first)
    assert third.startswith(second)


def test_the_total_is_what_was_asked(life):
    assert life.codes[2] == 0
    records = life.run.records()
    assert [record.candidate.number for record in records] == list(range(CANDIDATES))
    assert all(record.outcome.state.is_scored for record in records)
    assert f"{CANDIDATES}/{CANDIDATES}" in life.said[2]


def test_nothing_finished_is_trained_twice(life):
    """A candidate that was in flight has its early epochs twice, one that had ended has not."""
    before_the_kill = {int(line.split(b",")[0]) for line in life.kept[1].splitlines()[1:]}
    after_ctrl_c = {int(line.split(b",")[0]) for line in life.kept[0].splitlines()[1:]}
    curves = life.run.curves()
    for number in before_the_kill | after_ctrl_c:
        epochs = [point.epoch for point in curves if point.candidate == number and point.seed == 0]
        expected = list(range(1, EPOCHS + 1))
        assert epochs[-EPOCHS:] == expected
        if number in after_ctrl_c:
            assert epochs == expected, f"candidate {number} ended in the first session"


def test_the_candidates_are_those_of_an_unbroken_search(life):
    unbroken = take(Proposer(problem("constraint=demo"), "random", 0, startup=20), CANDIDATES)
    assert [record.candidate for record in life.run.records()] == [proposal.candidate for proposal in unbroken]


def test_the_study_is_whole(life):
    study = optuna.load_study(study_name=None, storage=f"sqlite:///{life.run.study_file}")
    trials = study.get_trials()
    assert [trial.user_attrs["candidate"] for trial in trials] == list(range(CANDIDATES))
    values = {record.candidate.number: record.val_top1_mean for record in life.run.records()}
    assert {trial.user_attrs["candidate"]: trial.value for trial in trials} == pytest.approx(values, abs=1e-3)


def test_a_complete_run_says_so(life):
    again = Process("resume", str(life.run.path), cwd=life.folder)
    assert again.wait() == 0
    assert f"complete: {CANDIDATES} of {CANDIDATES} candidates" in again.out
    assert whole_lines(life.run.candidates_file) == life.kept[2]
