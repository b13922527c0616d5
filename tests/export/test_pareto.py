"""``export --pareto``: a folder whose networks differ in cost as the candidates of the front do."""

import csv

import pytest

import chansearch
from chansearch.cli import main
from chansearch.cost import price_spec
from chansearch.export import reference
from chansearch.nets.files import load_spec
from tests.export.runs import make_run

CHANNELS = [((8, 10, 14, 18, 22), 40.0), ((16, 20, 28, 36, 44), 50.0), ((30, 32, 40, 50, 60), 60.0)]
BEATEN = ((18, 22, 30, 38, 46), 45.0)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "c1-front"
    return make_run(path, "c1", [*CHANNELS[::-1], BEATEN], "search.objectives=[accuracy,macs]")


def export(run, folder, *options) -> list[dict]:
    assert main(["export", "--run", str(run.path), "--pareto", "-o", str(folder), *options]) == 0
    with (folder / "front.csv").open() as file:
        return list(csv.DictReader(file))


def refused(capsys, run, *options) -> str:
    assert main(["export", "--run", str(run.path), "--pareto", *options]) == 2
    return capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "name", "most"),
    [([], "macs", None), (["--macs", "800M"], "macs", 800e6), (["--params", "3M"], "params", 3e6)],
)
def test_costs_are_in_proportion(run, tmp_path, options, name, most):
    """Beside the classifier, which is the same for all: the dearest costs what was asked for."""
    rows = export(run, tmp_path / "front", *options)
    assert [int(row["candidate"]) for row in rows] == [2, 1, 0]
    whole = reference()
    classifier = price_spec(whole)[name] - price_spec(whole, count_classifier=False)[name]
    assert float(rows[-1][name]) == pytest.approx(most or price_spec(whole)[name], rel=0.02)
    for row in rows:
        searched = int(row[f"searched_{name}"]) / int(rows[-1][f"searched_{name}"])
        full = (int(row[name]) - classifier) / (int(rows[-1][name]) - classifier)
        assert full == pytest.approx(searched, rel=0.03)


def test_the_listing_names_what_the_files_hold(run, tmp_path):
    rows = export(run, tmp_path / "front")
    assert sorted(file.name for file in (tmp_path / "front").iterdir()) == sorted(
        ["front.csv", *(row["file"] for row in rows)]
    )
    for row in rows:
        costs = price_spec(load_spec(tmp_path / "front" / row["file"]))
        assert (costs["params"], costs["macs"]) == (int(row["params"]), int(row["macs"]))
        assert f"candidate_{row['candidate']}_" in row["file"]
    assert sum(p.numel() for p in chansearch.build(tmp_path / "front" / rows[0]["file"]).parameters()) == int(
        rows[0]["params"]
    )


def test_as_searched_they_are_the_candidates_themselves(run, tmp_path):
    rows = export(run, tmp_path / "front", "--as", "searched", "--format", "python")
    for row, (channels, _) in zip(rows, CHANNELS, strict=True):
        assert row["file"].endswith(".py")
        assert str(channels[-1]) in (tmp_path / "front" / row["file"]).read_text()
        classifier = 1280 * 10 + 10
        assert int(row["params"]) - classifier == int(row["searched_params"])


def test_a_format_of_folders_is_a_folder_each(run, tmp_path):
    pytest.importorskip("safetensors")
    rows = export(run, tmp_path / "front", "--as", "searched", "--format", "timm")
    for row in rows:
        assert (tmp_path / "front" / row["file"] / "config.json").is_file()
        assert (tmp_path / "front" / row["file"] / "model.safetensors").is_file()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], ["--pareto", "-o FOLDER"]),
        (["-o", "DIR", "--top", "2"], ["--top", "single"]),
        (["-o", "DIR", "rexnet_100"], ["NETWORK"]),
        (["-o", "DIR", "--channels", "1-2-3"], ["--channels"]),
        (["-o", "DIR", "--format", "timm", "--weights", "w.pt"], ["--weights"]),
        (["-o", "DIR", "--macs", "30M"], ["candidate 2", "cannot be met", "--as searched"]),
        (["-o", "DIR", "--macs", "many"], ["--macs", "many"]),
        (["-o", "FULL"], ["exists already"]),
    ],
)
def test_what_cannot_be_is_one_line_and_writes_nothing(run, tmp_path, capsys, options, words):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    places = {"DIR": tmp_path / "front", "FULL": tmp_path / "full"}
    message = refused(capsys, run, *(str(places.get(option, option)) for option in options))
    assert message.count("\n") == 1
    for word in words:
        assert word in message
    assert not (tmp_path / "front").exists()
    assert [file.name for file in (tmp_path / "full").iterdir()] == ["mine"]


def test_a_run_of_accuracy_alone_has_no_front(tmp_path, capsys):
    alone = make_run(tmp_path / "alone", "c1", CHANNELS)
    assert "search.objectives=[accuracy,macs]" in refused(capsys, alone, "-o", str(tmp_path / "front"))


def test_a_run_of_which_nothing_has_ended(tmp_path, capsys):
    empty = make_run(tmp_path / "empty", "c1", [], "search.objectives=[accuracy,macs]")
    assert "no candidate has ended yet" in refused(capsys, empty, "-o", str(tmp_path / "front"))
