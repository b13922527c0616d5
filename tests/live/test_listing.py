"""``chansearch runs``: every run in a row, whatever it holds."""

import json
import os
import shutil

import pytest

from chansearch.cli import main
from chansearch.files import locked
from tests.fuzz.runs import make_recorded_run
from tests.report.synthetic import config, make_record, population, write_run
from tests.search.instant import Instant


@pytest.fixture
def results(tmp_path):
    folder = tmp_path / "results"
    write_run(folder / "c1", population(12), config() | {"search": {"candidates": 12}})
    make_recorded_run(folder / "cut")
    (folder / "training").mkdir()
    (folder / "training" / "config.yaml").write_text("model: rexnet_100\n")
    (folder / "report-a+b").mkdir()
    (folder / ".new").mkdir()
    return folder


def rows(results, capsys) -> list[dict]:
    assert main(["runs", "--results", str(results), "--json"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return json.loads(out)


def test_newest_first_and_no_other_folders(results, capsys):
    assert [row["name"] for row in rows(results, capsys)] == ["cut", "c1"]


def test_what_each_row_says(results, capsys):
    cut, done = rows(results, capsys)
    assert (done["state"], done["ended"], done["asked"], done["failed"]) == ("done", 12, 12, 0)
    assert (done["constraint"], done["data"], done["accuracy"]) == ("c1", "cifar100", "val top-1")
    best = max(population(12), key=lambda record: record.val_top1_mean)
    assert done["best"]["candidate"] == best.candidate.number
    assert done["best"]["top1_mean"] == pytest.approx(best.val_top1_mean, abs=1e-4)
    assert (cut["state"], cut["ended"], cut["asked"], cut["failed"]) == ("cut off", 14, 16, 1)


def test_a_run_is_running_while_a_process_holds_it(results, capsys):
    with locked(results / "cut", "search"):
        assert [row["state"] for row in rows(results, capsys)] == ["running", "done"]


def test_a_run_of_contenders_is_done_when_they_have_their_seeds(tmp_path, capsys):
    settings = config(candidates=2, seeds=2) | {"scheduler": {"name": "contenders", "contenders": 1}}
    run = write_run(tmp_path / "run", [make_record(0, (60.0,)), make_record(1, (50.0,))], settings)
    assert [row["state"] for row in rows(tmp_path, capsys)] == ["cut off"]
    run.append_record(make_record(0, (60.0, 61.0)))
    assert [row["state"] for row in rows(tmp_path, capsys)] == ["done"]


def test_times_of_a_search(tmp_path, capsys, monkeypatch):
    Instant().install(monkeypatch).search(tmp_path, "name=run", "search.candidates=3")
    [row] = rows(tmp_path, capsys)
    assert row["begun"][:4] == row["last_activity"][:4]
    assert main(["runs", "--results", str(tmp_path)]) == 0
    assert " s ago" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("config.yaml", b"- a list\n"),
        ("config.yaml", b"a: &a [*a, *a]\n"),
        ("candidates.csv", b"candidate\nx\n"),
        ("candidates.csv", b"candidate,state,seeds\n1,finished,0\n"),
        ("candidates.csv", b"\xff\xfe\x00\n\x00\n"),
    ],
)
def test_a_damaged_run_is_a_row_that_says_so(file, content, results, capsys):
    (results / "cut" / file).write_bytes(content)
    by_name = {row["name"]: row for row in rows(results, capsys)}
    assert set(by_name["cut"]) == {"name", "path", "problem"} and file in by_name["cut"]["problem"]
    assert by_name["c1"]["state"] == "done"
    assert main(["runs", "--results", str(results)]) == 0
    assert "damaged" in capsys.readouterr().out


@pytest.mark.parametrize("settings", [{"other": 1}, {"search": [1], "data": "x", "scheduler": 3, "provenance": [{}]}])
def test_odd_settings_are_not_known(settings, tmp_path, capsys):
    write_run(tmp_path / "run", population(3), settings)
    [row] = rows(tmp_path, capsys)
    assert (row["asked"], row["constraint"], row["data"], row["begun"]) == (None, "", "", None)


def test_times_that_are_none(tmp_path, capsys):
    for name, started in (("a", "soon"), ("b", "9999-12-31T23:59:59-23:59"), ("c", 5)):
        write_run(tmp_path / name, population(3), config() | {"provenance": {"started": started}})
    assert len(rows(tmp_path, capsys)) == 3
    assert main(["runs", "--results", str(tmp_path)]) == 0


def test_pipes_and_links_are_no_tables(results, capsys):
    for name in ("fifo", "loop"):
        shutil.copytree(results / "cut", results / name)
        (results / name / "candidates.csv").unlink()
    os.mkfifo(results / "fifo" / "candidates.csv")
    (results / "loop" / "candidates.csv").symlink_to("candidates.csv")
    assert {row["name"] for row in rows(results, capsys)} == {"cut", "c1"}


def test_a_name_does_not_colour_the_terminal(tmp_path, capsys):
    write_run(tmp_path / "a\x1b[31mred", population(3))
    assert main(["runs", "--results", str(tmp_path)]) == 0
    assert "\x1b" not in capsys.readouterr().out


def test_no_runs_are_an_empty_list(tmp_path, capsys):
    assert rows(tmp_path / "nowhere", capsys) == []
    assert main(["runs", "--results", str(tmp_path / "nowhere")]) == 0
    assert "no run under" in capsys.readouterr().out
