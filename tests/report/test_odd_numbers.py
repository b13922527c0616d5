"""Populations whose numbers say little or nothing: constant, tied, not finite, none."""

import csv
import dataclasses
import math
import random
import re

import pytest

from chansearch.cli import main
from chansearch.report import analyse
from chansearch.report.findings import ties
from chansearch.report.terminal import summary
from chansearch.report.write import write_report
from chansearch.search.candidate import Record, State
from tests.report.synthetic import curve_points, make_record, population, write_run

NOT_FINITE = re.compile(r"\b(nan|inf)\b", re.IGNORECASE)


def constant(count: int, top1: float = 10.0) -> list[Record]:
    """Candidates of different channels and one accuracy, as on images that nobody can learn."""
    return [
        dataclasses.replace(
            record,
            outcome=dataclasses.replace(record.outcome, val_top1=(top1,) * 3, test_top1=(top1,) * 3),
        )
        for record in population(count)
    ]


def changed(records, number: int, **changes) -> list[Record]:
    return [
        Record(r.candidate, dataclasses.replace(r.outcome, **changes)) if r.candidate.number == number else r
        for r in records
    ]


def text_of(analysis) -> str:
    return " ".join(summary(analysis).split())


@pytest.mark.parametrize("count", [1, 2, 3, 9, 10, 11])
@pytest.mark.parametrize("make", [population, constant])
def test_any_number_of_candidates_has_its_tenths(tmp_path, make, count):
    analysis = analyse(write_run(tmp_path / "run", make(count)))
    assert [len(row.records) for row in analysis.tenths] == [1] * min(count, 3)
    assert not NOT_FINITE.search(text_of(analysis))
    assert ("each group is a single one, not a tenth" in text_of(analysis)) == (count < 10)


@pytest.mark.parametrize("top1", [0.0, 10.0, 100.0])
@pytest.mark.filterwarnings("error")
def test_a_constant_accuracy_is_said_to_tell_nothing(tmp_path, top1):
    records = changed(constant(11, top1), 0, nuclear_norm=(5.0,) * 3, feature_rank=(4,) * 3)
    run = write_run(tmp_path / "run", records)
    said = " ".join(write_report([run]).text.split())
    assert "All 11 ranked candidates have the same accuracy: nothing tells them apart" in said
    assert "top − bottom 0.00 points" in said
    assert [record.candidate.number for record in analyse(run).ranked] == list(range(11))
    assert not NOT_FINITE.search(_shown(run))


def _shown(run) -> str:
    """What the report's page and table show, without its figures, style and script."""
    page = re.sub(
        r"data:image[^\"]*|<style>.*?</style>|<script>.*?</script>", "", run.page_file.read_text(), flags=re.S
    )
    return page + run.deciles_file.read_text()


@pytest.mark.filterwarnings("error")
def test_what_is_no_number_is_shown_as_missing(tmp_path):
    """No training of ours writes it, but a run may come from anywhere; the standard library's deviation has an
    AttributeError for it."""
    records = population(14)
    for number, changes in enumerate(
        [
            {"val_top1": (math.nan,) * 3},
            {"val_top1": (math.nan, 60.0, 61.0), "state": State.STOPPED_EARLY},
            {"val_top1": (math.nan,) * 3, "state": State.FAILED},
            {"test_top1": (math.nan, 60.0, 61.0)},
            {"nuclear_norm": (math.nan,) * 3, "feature_rank": (4,) * 3},
        ]
    ):
        records = changed(records, number, **changes)
    records = changed(records, 9, nuclear_norm=(5.0,) * 3, feature_rank=(4,) * 3)
    run = write_run(tmp_path / "run", records)
    write_report([run])
    assert not NOT_FINITE.search(_shown(run))
    assert [record.candidate.number for record in analyse(run).unranked] == [0, 1, 2]


@pytest.mark.parametrize("top1", [math.inf, -math.inf, 100.1, -0.1])
@pytest.mark.parametrize("column", ["val_top1", "test_top1"])
def test_an_accuracy_that_none_can_be_is_refused_where_it_stands(tmp_path, capsys, column, top1):
    run = write_run(tmp_path / "run", changed(population(12), 3, **{column: (60.0, top1, 61.0)}))
    _refused(capsys, run, f"candidates.csv line 5 cannot be read: {column} is '{top1:.4f}'; a number from 0 to 100")


@pytest.mark.parametrize("top1", [math.inf, -math.inf, 100.1, -0.1])
def test_so_is_one_of_a_curve(tmp_path, capsys, top1):
    records = population(12)
    run = write_run(tmp_path / "run", records)
    points = curve_points(records[0], epochs=1)
    run.append_curve([*points[:2], dataclasses.replace(points[2], val_top1=top1)])
    _refused(capsys, run, f"curves.csv line 4 cannot be read: val_top1 is '{top1:.4f}'; a number from 0 to 100")


def _refused(capsys, run, words: str) -> None:
    assert main(["report", str(run.path)]) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1
    assert not run.page_file.exists()


def test_a_tie_at_the_edge_of_a_tenth_goes_by_number_and_is_said(tmp_path):
    """Of twenty, two are a tenth: the second place is shared by three."""
    records = population(20, noise=0.0, quality=lambda channels: 50.0)
    for number in range(20):
        records = changed(records, number, val_top1=(90.0 - number,) * 3)
    for number in (4, 11, 7):
        records = changed(records, number, val_top1=(89.5,) * 3)
    analysis = analyse(write_run(tmp_path / "run", records))
    assert [record.candidate.number for record in analysis.tenths[0].records] == [0, 4]
    assert ties(analysis) == [
        "The edge of a group lies among candidates of one accuracy: 89.50 % (3 candidates); the smaller number ranks "
        "first."
    ]
    assert ties(analysis)[0] in text_of(analysis)


def test_no_tie_is_said_where_the_edges_are_clear(tmp_path):
    assert not ties(analyse(write_run(tmp_path / "run", population(20))))


def test_the_order_of_the_rows_changes_nothing(tmp_path):
    """Ties, bootstraps and noise go by the candidates' numbers."""
    run = write_run(tmp_path / "run", [*constant(9), *population(12)[9:]], epochs=2)
    before = (summary(analyse(run)), analyse(run).curves)
    header, *rows = run.candidates_file.read_text().splitlines(keepends=True)
    random.Random(0).shuffle(rows)
    run.candidates_file.write_text(header + "".join(rows))
    assert (summary(analyse(run)), analyse(run).curves) == before


def test_where_all_failed_every_command_says_why(tmp_path, capsys):
    records = [
        make_record(number, [], state=State.FAILED, reason=f"seed 0 diverged in epoch {1 + (number == 4)}")
        for number in range(5)
    ]
    run = write_run(tmp_path / "run", [*records, make_record(5, [60.0], state=State.STOPPED_AT_RUNG)])
    said = (
        "none of 6 candidates was trained to its end: 1 stopped at rung, 5 failed (most often: seed 0 diverged in "
        "epoch 1)"
    )
    assert f"There are no tenths to show: {said}." in text_of(analyse(run))
    for command in (["export", "--run", str(run.path)], ["confirm", str(run.path)]):
        assert main(command) == 2
        error = capsys.readouterr().err
        assert said in error
        assert error.count("\n") == 1


def test_a_run_of_an_earlier_version_is_reported(tmp_path):
    """Without the columns that came later."""
    run = write_run(tmp_path / "run", population(11))
    later = {"latency_ms", "nuclear_norm", "feature_rank", "images", "eval_seconds", "wall_seconds", "over_latency"}
    with run.candidates_file.open(newline="") as file:
        rows = [{key: row[key] for key in row if key not in later | {"by_proxy"}} for row in csv.DictReader(file)]
    with run.candidates_file.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    analysis = analyse(run)
    assert len(analysis.ranked) == 11
    assert not NOT_FINITE.search(text_of(analysis))
