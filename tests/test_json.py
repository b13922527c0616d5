"""``--json``: one document on standard output, whatever else a command has to say."""

import json

import pytest

from chansearch.cli import main
from chansearch.cli.printing import nothing_but_json, print_json
from chansearch.report import canvas
from chansearch.search.candidate import Outcome, State, ranked
from tests.report.synthetic import make_record, population, write_run


def strict(text: str):
    """As a reader that knows JSON and nothing more."""
    return json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def test_what_is_no_number_is_null(capsys):
    print_json({"a": [float("nan"), float("inf"), 1.5], 3: (True, None, "ö\x1b\udcff")})
    assert strict(capsys.readouterr().out) == {"a": [None, None, 1.5], "3": [True, None, "ö\x1b\udcff"]}


def test_what_is_said_besides_goes_to_standard_error(capsys):
    with nothing_but_json(True):
        print("working")
    with nothing_but_json(False):
        print("done")
    assert capsys.readouterr() == ("done\n", "working\n")


@pytest.fixture
def undrawn(monkeypatch):
    """A report's figures take longer than all else of it."""
    monkeypatch.setattr(canvas, "render", lambda figure: canvas.Rendered(b"", "<svg/>"))


def test_report(undrawn, tmp_path, capsys):
    run = write_run(tmp_path / "run", population(20))
    assert main(["report", str(run.path), "--json"]) == 0
    out, err = capsys.readouterr()
    found = strict(out)
    assert err == "" and found["page"] == str(run.page_file) in found["files"]
    [facts] = found["runs"]
    best = ranked(run.records())[0]
    assert (facts["ended"], facts["best"]["candidate"]) == (20, best.candidate.number)
    assert facts["tenths"]["top"]["val_top1"] - facts["tenths"]["bottom"]["val_top1"] == facts["top_bottom"]
    assert facts["top_bottom_by_noise"] > 0 and facts["top_bottom_out_of_sample"] is not None


def test_report_of_a_training_that_diverged(undrawn, tmp_path, capsys):
    run = write_run(tmp_path / "run", [make_record(0, (float("nan"), 50.0)), make_record(1, (float("nan"),))])
    assert main(["report", str(run.path), "--json"]) == 0
    [facts] = strict(capsys.readouterr().out)["runs"]
    assert (facts["best"], facts["tenths"], facts["top_bottom"]) == (None, {}, None)


def test_confirm(tmp_path, capsys, monkeypatch):
    """Its trainings are another test's: they print as they go."""
    run = write_run(tmp_path / "run", population(3))

    def confirm(run, top, seeds):
        print("[1/2] trained")
        fresh = ((60.0, 61.0), (62.0, 63.0))
        return [
            (one, Outcome(State.FINISHED, (3, 4), top1))
            for one, top1 in zip(ranked(run.records())[:2], fresh, strict=True)
        ]

    monkeypatch.setattr("chansearch.search.confirm.confirm", confirm)
    assert main(["confirm", str(run.path), "--top", "2", "--seeds", "2", "--json"]) == 0
    out, err = capsys.readouterr()
    assert err == "[1/2] trained\n"
    found = strict(out)
    assert sorted(one["fresh_top1"] for one in found["contenders"])[0] == [60.0, 61.0]
    assert found["verdict"]
