"""What the page's scripts draw from: every candidate, every number finite or null, and commands that a shell takes."""

import json
import math
import shlex

import pytest

from chansearch.cli import _make_parser
from chansearch.report import analyse
from chansearch.report.page_data import combined_data, run_data
from chansearch.report.shapes import SHAPE
from chansearch.search.candidate import Origin, State
from chansearch.space import format_channels
from tests.report.synthetic import config, make_record, population, write_run


@pytest.fixture(scope="module")
def records():
    records = population(20, unguided=12)
    records.append(make_record(20, [30.0, 31.0, 32.0], state=State.STOPPED_AT_RUNG))
    records.append(make_record(21, [], state=State.FAILED, reason="diverged"))
    records.append(make_record(22, [math.nan, 60.0, 61.0], origin=Origin.SAMPLER))
    return records


def data_of(path, records, **settings) -> dict:
    """As the browser gets it: JSON knows no NaN and no tuples."""
    analysis = analyse(write_run(path, records, config(candidates=len(records)) | settings, epochs=2))
    return json.loads(json.dumps(run_data(analysis), allow_nan=False))


@pytest.fixture(scope="module")
def data(tmp_path_factory, records):
    return data_of(tmp_path_factory.mktemp("data") / "run", records)


def test_every_candidate_is_there_best_first(data, records):
    rows = data["candidates"]
    assert sorted(row["number"] for row in rows) == [record.candidate.number for record in records]
    assert [row["rank"] for row in rows] == [*range(1, 21), None, None, None]
    tops = [row["top1"] for row in rows[:20]]
    assert tops == sorted(tops, reverse=True)
    assert all(row["top1"] is None for row in rows[20:])


def test_rows_have_what_the_table_and_the_charts_ask_for(data):
    asked = {*data["columns"], *data["costs"], *data["shape"], data["ranking"]["key"]}
    assert asked <= set(data["headings"]) and asked <= set(data["digits"])
    for row in data["candidates"]:
        assert asked <= set(row)


def test_values_are_those_of_the_record_in_the_units_shown(data, records):
    row = next(row for row in data["candidates"] if row["number"] == 3)
    record = records[3]
    assert row["macs"] == pytest.approx(record.candidate.macs / 1e6, abs=1e-4)
    assert row["val_top1"] == pytest.approx(record.val_top1_mean, abs=1e-4)
    assert row["channels"] == format_channels(record.candidate.channels)
    assert [row[quantity.column] for quantity in SHAPE] == pytest.approx([q.of(record) for q in SHAPE], abs=1e-3)


def test_what_is_not_finite_is_null(data):
    row = next(row for row in data["candidates"] if row["number"] == 22)
    assert row["val_top1"] is row["std"] is row["rank"] is row["top1"] is None


def test_tenths_have_the_band_of_their_accuracies(data):
    for tenth in data["tenths"]:
        own = [row["top1"] for row in data["candidates"] if row["tenth"] == tenth["tenth"]]
        assert (tenth["low"], tenth["high"]) == (min(own), max(own))
        assert len(tenth["mean"]) == len(tenth["std"]) == 5


def test_curves_are_of_all_that_have_epochs(data):
    assert {curve["number"] for curve in data["curves"]} == {*range(21), 22}
    assert all(len(curve["epochs"]) == len(curve["top1"]) == 2 for curve in data["curves"])


def test_commands_are_quoted_and_name_the_candidate(tmp_path, records):
    path = tmp_path / "it's a $(run)"
    rows = data_of(path, records)["candidates"]
    for row in rows[:20]:
        given = parsed(row["command"])
        assert (given.run_directory, given.top) == (str(path), row["rank"])
        assert row["command"].endswith(f" > rexnet_{row['number']}.yaml")
    assert [parsed(row["command"]).channels for row in rows[20:]] == [row["channels"] for row in rows[20:]]


def parsed(command: str):
    words = shlex.split(command)
    assert words[0] == "chansearch" and words[-2] == ">"
    return _make_parser().parse_args(words[1:-2])


@pytest.mark.parametrize(("name", "asked"), [("run", 50), ("run\x1b[31m", 23)])
def test_a_rank_that_may_change_and_a_name_that_a_terminal_would_obey_are_not_in_commands(
    tmp_path, records, name, asked
):
    rows = data_of(tmp_path / name, records, search={"candidates": asked})["candidates"]
    assert all(f"--channels {row['channels']} " in row["command"] for row in rows)


def test_a_run_that_has_hardly_begun(tmp_path):
    data = data_of(tmp_path / "run", [])
    assert data["candidates"] == data["tenths"] == data["curves"] == data["importance"]["rows"] == []


def test_runs_over_each_other(tmp_path):
    runs = [
        write_run(tmp_path / "a", population(6)),
        write_run(tmp_path / "b", population(4, blocks=9), config(blocks=9)),
        write_run(tmp_path / "none", []),
    ]
    data = json.loads(json.dumps(combined_data([analyse(run) for run in runs]), allow_nan=False))
    assert data["relative_depth"] and data["costs"] == ["macs", "params"]
    first, second, none = data["runs"]
    assert first["name"] == "1: a" and first["numbers"] == list(range(6))
    assert first["best"] == [max(first["top1"][: place + 1]) for place in range(6)]
    assert len(second["mean"]) == 9 and none["numbers"] == none["mean"] == []
    assert len({(run["colour"], run["symbol"]) for run in data["runs"]}) == 3
