"""``python -m benchmarks faults`` tries many; here the driver is killed once, and Ray under it, in mid-search."""

import os
import signal

import pytest

from benchmarks.faults import CANDIDATES, EPOCHS, SETTINGS, Fault, flaws, live
from benchmarks.processes import TINY, Process, rows
from chansearch.search.candidate import Record
from chansearch.search.rundir import RunDirectory
from tests.search.live import Search, search

pytestmark = pytest.mark.harm


@pytest.fixture(scope="module")
def unbroken(cluster, tmp_path_factory) -> Search:
    return search(tmp_path_factory.mktemp("unbroken"), cluster, *SETTINGS)


@pytest.fixture(scope="module")
def records(unbroken) -> list[Record]:
    return unbroken.run.records()


def test_a_search_that_nobody_killed_has_no_flaw(unbroken, records):
    assert flaws(unbroken.run, records) == []


@pytest.mark.parametrize("victim", ["driver", "raylet"])
def test_a_search_survives(victim, records, tmp_path):
    """What was whole stays, what was lost is trained again, nothing is counted twice: see ``flaws``."""
    life = live(tmp_path / "killed", 0, [Fault(victim, after=CANDIDATES * EPOCHS // 3, seconds=0.0)], records)
    assert life.moments == ["training"]
    assert life.flaws == []


def test_a_search_that_is_told_to_stop_is_not_done(records, tmp_path):
    """By SIGUSR1, which Ray Tune ends at without a word, as batch systems send it before they kill."""
    run = RunDirectory(tmp_path / "results" / "run")
    process = Process("search", *TINY, *SETTINGS, cwd=tmp_path)
    process.until(lambda: len(rows(run)) >= 1)
    os.kill(process.pid, signal.SIGUSR1)
    assert process.wait() == 130
    assert process.err == "stopped; go on with `chansearch resume results/run`\n"
    assert 1 <= len(rows(run)) < CANDIDATES
    assert Process("resume", "results/run", cwd=tmp_path).wait() == 0
    assert flaws(run, records) == []


def test_a_broken_run_has_flaws(unbroken, records):
    """The checks see what they are there to see. Last, for it breaks the run."""
    run = unbroken.run
    lines = run.candidates_file.read_text().splitlines(keepends=True)
    run.candidates_file.write_text("".join([*lines, lines[-1]]))  # counted twice
    assert any("rows" in flaw for flaw in flaws(run, records))
    run.candidates_file.write_text("".join(lines[:-1]))  # lost
    assert any("study.db has candidates" in flaw for flaw in flaws(run, records))
    run.candidates_file.write_text("".join(lines))
    curves = run.curves_file.read_text().splitlines(keepends=True)
    run.curves_file.write_text("".join(curves[:-1]))
    assert any("curve" in flaw for flaw in flaws(run, records))
