"""A report in Python says what the page and the table say."""

import csv
import html

import pytest

from chansearch import Report
from chansearch.errors import UserError
from chansearch.nets.files import load_spec
from chansearch.report import terminal
from chansearch.search.candidate import State
from tests.report.synthetic import make_record, population, write_run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    failed = make_record(20, (), state=State.FAILED, seeds=(0, 1, 2), reason="<b>seed 0 diverged</b>")
    return write_run(tmp_path_factory.mktemp("report") / "run", [*population(20), failed], epochs=3)


@pytest.fixture(scope="module")
def report(run) -> Report:
    return Report(run.path)


def test_records_are_all_candidates_best_first(report, run):
    rows = report.to_records()
    assert [row["rank"] for row in rows] == [*range(1, 21), None]
    accuracies = [row["val_top1"] for row in rows[:-1]]
    assert accuracies == sorted(accuracies, reverse=True)
    assert {row["candidate"] for row in rows} == {record.candidate.number for record in run.records()}
    assert [row["tenth"] for row in rows[:3]] == ["top", "top", None]
    assert len({tuple(row) for row in rows}) == 1  # the same columns everywhere
    last = rows[-1]
    assert (last["state"], last["val_top1"], last["reason"]) == ("failed", None, "<b>seed 0 diverged</b>")


def test_tenths_are_the_table_s(report, run):
    report.write()
    written = list(csv.DictReader(run.deciles_file.open(encoding="utf-8")))
    assert [row["tenth"] for row in report.tenths] == ["top", "middle", "bottom"]
    assert [{key: "" if v is None else str(v) for key, v in row.items()} for row in report.tenths] == written


def test_says_what_the_terminal_says(report):
    said = terminal.summary(report.analysis)
    assert str(report) == said
    assert report._repr_html_() == f"<pre>{html.escape(said)}</pre>"
    assert report.sentences[0] == "21 of 21 candidates have ended: 20 finished, 1 failed; 20 can be ranked."
    assert any(sentence.startswith("By noise alone") for sentence in report.sentences)


def test_shows_nothing_as_html_that_came_from_a_run(tmp_path):
    shown = Report(write_run(tmp_path / "<script>", population(3)))._repr_html_()
    assert "&lt;script&gt;" in shown
    assert "<script>" not in shown


@pytest.mark.parametrize("name", ["channels", "accuracy", "edf", "linearity", "curves"])
def test_draws_every_figure(report, name, tmp_path):
    report.figure(name).savefig(tmp_path / "figure.png", dpi=40)
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")


def test_writes_the_page(report, run):
    assert report.write() == run.page_file
    assert run.page_file.is_file()


def test_the_best_can_be_exported(report, tmp_path):
    best, second = report.best(), report.best(2)
    assert best.val_top1 > second.val_top1
    assert (best.rank, second.rank) == (1, 2)
    file = second.export(tmp_path / "second.yaml", params="12.5M", macs=300e6, at_most=True, input_size=64, classes=10)
    assert (load_spec(file).classes, load_spec(file).input_size, load_spec(file).blocks) == (10, 64, 16)
    assert f"candidate: {second.record.candidate.number}" in file.read_text(encoding="utf-8")
    source = best.export(tmp_path / "net.py")
    assert "class Network" in source.read_text(encoding="utf-8")


def test_the_network_that_was_searched_can_be_exported(tmp_path):
    from tests.export.runs import make_run

    report = Report(make_run(tmp_path / "run", "c1", [((34, 34, 45, 55, 66), 60.0)]))
    spec = load_spec(report.best().export(tmp_path / "small.yaml", form="searched"))
    assert spec.channels == report.best().channels == (34, 34, 45, 55, 66)


def test_the_latest_run_is_found(run, report):
    assert Report.latest(run.path.parent).path == report.path


@pytest.mark.parametrize(
    ("ask", "named"),
    [
        (lambda report, tmp: Report(tmp), "is no run directory"),
        (lambda report, tmp: Report.latest(tmp), "no run under"),
        (lambda report, tmp: report.best(0), "rank: 0; allowed: 1 to 20"),
        (lambda report, tmp: report.best(21), "rank: 21; allowed: 1 to 20"),
        (lambda report, tmp: report.figure("acuracy"), "did you mean accuracy"),
        (lambda report, tmp: report.figure("nuclear_norm"), "'nuclear_norm' is unknown"),
        (lambda report, tmp: report.best().export(tmp / "net.bin"), "ends in none of .yaml"),
        (lambda report, tmp: report.best().export(tmp / "net.yaml", params="lots"), "'lots' is not a count"),
        (lambda report, tmp: report.best().export(tmp / "net.yaml", macs="1K", at_most=True), "cannot be met"),
        (lambda report, tmp: report.best().export(tmp / "net", format="zip"), "'zip' is unknown"),
        (lambda report, tmp: Report(write_run(tmp / "empty", [])).best(), "no best candidate: no candidate has ended"),
    ],
)
def test_a_mistake_is_one_line(ask, named, report, tmp_path):
    with pytest.raises(UserError) as caught:
        ask(report, tmp_path)
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)
