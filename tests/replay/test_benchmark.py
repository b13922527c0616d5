"""``python -m benchmarks replay``: the tables, and what it says without a population."""

import pytest

import benchmarks.replay
import benchmarks.table
from chansearch.replay.names import QUICK
from tests.replay.worlds import write_run


def test_publishes_the_tables(tmp_path, monkeypatch, capsys):
    run = write_run(tmp_path / "population", 12, seeds=2, epochs=4)
    before = sorted(run.path.rglob("*"))
    monkeypatch.setattr(benchmarks.replay, "POPULATION", run.path)
    monkeypatch.setattr(benchmarks.replay, "STRATEGY_NAMES", QUICK)
    monkeypatch.setattr(benchmarks.table, "RESULTS", tmp_path / "results")
    benchmarks.replay.main(["--replays", "4"])
    text = (tmp_path / "results" / "replay.md").read_text()
    assert text == capsys.readouterr().out.removesuffix("\n")
    assert "12 candidates x 2 seeds x 4 epochs" in text
    for name in QUICK:
        assert text.count(f"\n| {name} | ") == 3
    assert sorted(run.path.rglob("*")) == before


def test_says_in_one_line_that_there_is_no_population(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(benchmarks.replay, "POPULATION", tmp_path)
    with pytest.raises(SystemExit) as left:
        benchmarks.replay.main([])
    captured = capsys.readouterr()
    assert (left.value.code, captured.out, captured.err.count("\n")) == (2, "", 1)
    assert "is no run directory" in captured.err
