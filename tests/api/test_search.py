"""A search in Python is the one of the command line: checked when it is made, run, cut off and gone on with."""

import contextlib
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from benchmarks.processes import TINY
from chansearch import Budget, Report, Search, Space
from chansearch.config import compose
from chansearch.errors import UserError
from chansearch.search import outlook
from chansearch.search.rundir import RunDirectory
from tests.search.live import leave_out_measuring


@pytest.fixture
def quick(cluster, tmp_path, monkeypatch) -> dict:
    """Settings of a search that takes seconds, in a folder of its own."""
    leave_out_measuring(monkeypatch)
    monkeypatch.chdir(tmp_path)
    return {"cluster__address": cluster.removeprefix("cluster.address="), "name": "run"}


def test_settings_are_those_of_the_command():
    named = Search(*TINY, space="hinge", candidates=7, seed=3, train__epochs=4, scheduler="asha", results="a b")
    typed = ["space=hinge", "search.candidates=7", "search.seed=3", "train.epochs=4", "scheduler=asha"]
    assert named.config == compose([*TINY, *typed, "results='a b'"])


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("cluster__dashboard", True),
        ("cluster__workers", None),
        ("train__weight_decay", 1e-3),
        ("constraint__skeleton__stride_blocks", (2, 3)),
        *(("data__cache", text) for text in ("a,b", "it's", 'say "no"', "ends in \\", "jörg", "a=b", "two words")),
    ],
)
def test_values_arrive_as_they_were_given(key, value):
    found = Search(*TINY, **{key: value}).config
    for name in key.split("__"):
        found = getattr(found, name)
    assert found == (list(value) if isinstance(value, tuple) else value)


@pytest.mark.parametrize(
    "budget",
    [
        Budget("10K", "0.4M", skeleton="demo"),
        Budget(flops="0.4M±5%", skeleton="demo"),
        Budget(params="<=10K", skeleton={"input_size": 16, "in_channels": 1, "stem_channels": 8, "head_channels": 64}),
    ],
)
def test_objects_mean_what_they_mean_alone(budget):
    space = Space("stagewise", max_stages=3)
    search = Search(*TINY, budget=budget, space=space, sampler="random")
    assert (search.budget.bands, search.budget.skeleton.channels) == (budget.bands, budget.skeleton.channels)
    assert search.budget.constraint == budget.constraint
    assert search.config.space == space.config
    assert search.candidates(4) == space.sample(4, budget)


def test_its_budget_prices_as_it_does():
    search = Search(
        "constraint=c1", "data=cifar100", constraint__budget__count_classifier=True, constraint__budget__params=None
    )
    for candidate in search.candidates(3):
        costs = search.budget.price(candidate.channels)
        assert (costs["params"], costs["macs"]) == (candidate.params, candidate.macs)


@pytest.mark.slow
def test_runs_to_a_report(quick, capsys):
    report = Search(*TINY, candidates=2, **quick).run()
    assert isinstance(report, Report)
    assert report.path == Path("results/run")
    assert [row["state"] for row in report.to_records()] == ["finished"] * 2
    printed = capsys.readouterr().out
    assert "[2/2] candidate" in printed
    more = Search.resume("results/run", "search.candidates=3", quiet=True)
    assert len(more.to_records()) == 3
    assert capsys.readouterr().out == ""


def test_a_dry_run_prints_and_writes_nothing(quick, capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(outlook, "Probes", lambda *_: contextlib.nullcontext())
    monkeypatch.setattr(outlook, "print_estimate", lambda *_: None)
    assert Search(*TINY, **quick).dry_run() is None
    assert "the first 10 candidates" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_an_interrupt_says_how_to_go_on(quick):
    run = RunDirectory(Path("results/run"))

    def stop() -> None:
        while not (run.candidates_file.is_file() and run.records()):
            time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGINT)

    stopper = threading.Thread(target=stop, daemon=True)
    search = Search(*TINY, candidates=50, **quick)
    stopper.start()
    with pytest.raises(KeyboardInterrupt, match=r"go on with `chansearch resume results/run`.*Search\.resume"):
        search.run(quiet=True)
    ended = len(run.records())
    assert 1 <= ended < 50
    assert len(Search.resume("results/run", f"search.candidates={ended + 1}", quiet=True).to_records()) == ended + 1


def test_a_name_that_is_taken_is_refused(quick):
    Path("results/run").mkdir(parents=True)
    with pytest.raises(UserError, match="results/run"):
        Search(*TINY, **quick).run()


def test_another_thread_is_refused(quick, tmp_path):
    search, caught = Search(*TINY, **quick), []

    def run() -> None:
        try:
            search.run()
        except UserError as error:
            caught.append(str(error))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert caught
    assert caught[0].startswith("search: runs in the main thread only")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: Search(constraint="c9"), "constraint: 'c9' is unknown"),
        (lambda: Search(*TINY, space="pieces"), "space: 'pieces' is unknown (did you mean piecewise?)"),
        (lambda: Search(*TINY, train__epoch=3), "train.epoch: unknown key (did you mean train.epochs?)"),
        (lambda: Search(*TINY, candidates=0), "search.candidates: 0"),
        (lambda: Search(*TINY, candidates="many"), "search.candidates"),
        (lambda: Search(constraint="c1", data="folder", data__root="nowhere"), "'nowhere' does not exist"),
        (lambda: Search(*TINY, space=Space(blocks=9)), "9 in the space, 5 in the budget's skeleton"),
        (lambda: Search(*TINY).candidates(0), "n: 0"),
        (lambda: Search.resume("nowhere"), "'nowhere' is no run directory"),
    ],
)
def test_a_mistake_is_one_line_before_anything_is_written(make, named, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as caught:
        make()
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
