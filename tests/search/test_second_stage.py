"""A search with contenders on real workers: Ctrl-C in its first stage, kill -9 in its second, then a dead worker."""

import os
import re
import shutil
import signal

import pytest

from benchmarks.processes import TINY, Process, rows
from chansearch.cli import main
from chansearch.search.candidate import State, ranked
from chansearch.search.contenders import contenders
from chansearch.search.rundir import CANDIDATE_COLUMNS, RunDirectory
from chansearch.space import format_channels
from tests.search.live import Life, search

pytestmark = pytest.mark.harm
CANDIDATES, CONTENDERS, SEEDS = 4, 2, 3
EPOCHS = 100  # a second or two of training: less would be over before it could be interrupted
SETTINGS = (
    "scheduler=contenders",
    f"scheduler.contenders={CONTENDERS}",
    "scheduler.grace_epochs=null",
    f"search.candidates={CANDIDATES}",
    f"train.seeds={SEEDS}",
    "train.patience=null",
)


@pytest.fixture(scope="module")
def life(tmp_path_factory) -> Life:
    life = Life(tmp_path_factory.mktemp("life"), "life")
    run = life.run

    settings = (*SETTINGS, f"train.epochs={EPOCHS}", "search.retries=0", "name=life")
    first = Process("search", *TINY, *settings, cwd=life.folder)
    first.until(lambda: len(rows(run)) >= 1)
    life.note(first, first.press_ctrl_c())

    second = Process("resume", "results/life", cwd=life.folder)
    second.until(lambda: len(rows(run)) >= CANDIDATES + 1)
    second.kill_tree()
    life.note(second, -signal.SIGKILL)

    third = Process("resume", "results/life", cwd=life.folder)
    third.until(lambda: bool(third.training()))
    label, pid = min(third.training().items())
    os.kill(pid, signal.SIGKILL)
    life.victim = int(label[:4])
    life.note(third, third.wait())
    return life


def _trainings(table: bytes) -> list[tuple[str, str]]:
    """Candidate and seed of each row of curves.csv."""
    return [tuple(line.decode().split(",")[:2]) for line in table.splitlines()[1:]]


def _ended(table: bytes) -> set[tuple[str, str]]:
    """Candidate and seed of all trainings that candidates.csv has the end of."""
    rows = [line.decode().split(",") for line in table.splitlines()[1:]]
    return {(row[0], seed) for row in rows for seed in row[CANDIDATE_COLUMNS.index("seeds")].split()}


def test_the_cuts_came_where_they_should(life):
    """Or the tests below would say nothing."""
    first, second, third = (len(_ended(table)) for table in life.kept)
    assert 1 <= first < CANDIDATES < second < third == CANDIDATES + CONTENDERS * (SEEDS - 1)
    assert f"{third - second} further seeds of contenders to go" in life.out[2]
    assert life.codes == [130, -signal.SIGKILL, 0]


def test_nothing_that_had_ended_is_lost_or_trained_again(life):
    for session in (1, 2):
        assert life.kept[session].startswith(life.kept[session - 1])
        added = set(_trainings(life.curves[session])) - set(_trainings(life.curves[session - 1]))
        assert added
        began = _trainings(life.curves[session])[len(_trainings(life.curves[session - 1])) :]
        assert not set(began) & _ended(life.kept[session - 1]), f"session {session + 1}"


def test_the_best_on_the_first_seed_have_them_all_but_for_the_one_that_died(life):
    records = life.run.records()
    chosen = contenders(records, CONTENDERS)
    by_hand = sorted(records, key=lambda record: (-record.outcome.val_top1[0], record.candidate.number))
    assert [r.candidate.number for r in chosen] == [r.candidate.number for r in by_hand[:CONTENDERS]]
    assert life.victim in {record.candidate.number for record in chosen}
    for record in records:
        expected = 1 if record not in chosen else SEEDS - (record.candidate.number == life.victim)
        assert len(record.outcome.val_top1) == len(record.outcome.test_top1) == expected
        assert record.outcome.state is State.FINISHED


def test_the_one_that_died_is_said_and_not_tried_again(life):
    assert "failed: worker died" in life.out[2]
    (victim,) = [record for record in life.run.records() if record.candidate.number == life.victim]
    assert set(victim.outcome.seeds) == set(range(SEEDS))
    assert re.match(r"without seed [12]: worker died", victim.outcome.reason)
    again = Process("resume", "results/life", cwd=life.folder)
    assert again.wait() == 0
    assert f"complete: {CANDIDATES} of {CANDIDATES} candidates" in again.out


def test_curves_have_every_epoch_of_every_seed(life):
    """One that was cut off has its early epochs twice; the later ones count."""
    curves = life.run.curves()
    for record in life.run.records():
        for seed, top1 in zip(record.outcome.scored_seeds, record.outcome.val_top1, strict=True):
            points = [p for p in curves if (p.candidate, p.seed) == (record.candidate.number, seed)]
            assert [point.epoch for point in points[-EPOCHS:]] == list(range(1, EPOCHS + 1))
            assert points[-1].val_top1 == top1


@pytest.fixture(scope="module")
def halved(tmp_path_factory, cluster):
    """Rungs in the first stage."""
    settings = ("scheduler=contenders", "scheduler.grace_epochs=1", "scheduler.reduction=2", "scheduler.contenders=1")
    size = ("train.epochs=4", "search.candidates=8", "train.seeds=2", "name=halved")
    return search(tmp_path_factory.mktemp("halved"), cluster, *settings, *size, measured=True)


def test_rungs_stop_first_seeds_and_no_further_one(halved):
    records = halved.run.records()
    stopped = [record for record in records if record.outcome.state is State.STOPPED_AT_RUNG]
    assert stopped
    assert all(record.outcome.seeds == (0,) and record.outcome.epochs < 4 for record in stopped)
    best = ranked(records)[0]
    assert (best.outcome.seeds, best.outcome.epochs) == ((0, 1), 4)
    assert best is contenders(records, 1)[0]
    points = [p.epoch for p in halved.run.curves() if (p.candidate, p.seed) == (best.candidate.number, 1)]
    assert points == [1, 2, 3, 4]


def test_the_estimate_counts_the_seeds_that_are_asked_for(halved):
    assert "estimated time: at most " in halved.printed
    assert "8 candidates x 1 seed + 1 further seeds of contenders, x 4 epochs" in halved.printed


def test_export_takes_the_contender(halved, capsys):
    assert main(["export", "--run", str(halved.run.path), "--top", "1"]) == 0
    best = contenders(halved.run.records(), 1)[0]
    assert f"candidate: {best.candidate.number}\n" in capsys.readouterr().out


def test_confirm_trains_seeds_that_the_search_had_not(life, cluster, tmp_path, capsys):
    """Also those candidates again that have one seed."""
    run = RunDirectory(tmp_path / "confirmed")
    shutil.copytree(life.run.path, run.path)
    config = run.config_file.read_text()
    run.config_file.write_text(config.replace("address: local", cluster.replace("cluster.address=", "address: ")))
    assert main(["confirm", str(run.path), "--top", "3", "--seeds", "1"]) == 0
    out = capsys.readouterr().out
    for record in ranked(run.records())[:3]:
        assert f"{format_channels(record.candidate.channels)}  seeds ({SEEDS},):" in out
