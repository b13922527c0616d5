"""``chansearch latency``: files, options, and one line for a mistake."""

import csv
import json
import os
import re

import pytest

from chansearch.cli import main
from chansearch.cli.measuring import _settings
from chansearch.cost import engines
from chansearch.nets.checkpoint import Checkpoint, save_checkpoint
from chansearch.nets.files import spec_to_dict
from chansearch.nets.network import Network
from tests.cost.test_latency import SMALL, WIDE

QUICK = ("--rounds", "2", "--threads", "1")


@pytest.fixture
def here(tmp_path, monkeypatch):
    import yaml

    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.yaml").write_text(yaml.safe_dump({"network": spec_to_dict(SMALL)}))
    return tmp_path


def refused(arguments: list[str], capsys) -> str:
    assert main(["latency", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    [line] = captured.err.splitlines()
    return line


@pytest.mark.slow
def test_times_files_and_writes_what_it_measured(here, capsys):
    (here / "trained").mkdir()
    save_checkpoint(here / "trained" / "model.pt", Checkpoint(WIDE, Network(WIDE).state_dict()))
    assert main(["latency", "small.yaml", "trained", "--engine", "eager,onnx", *QUICK]) == 0
    captured = capsys.readouterr()
    [folder] = (here / "results").iterdir()
    assert re.fullmatch(r"latency-\d{8}-\d{6}", folder.name)
    assert [file.name for file in folder.iterdir()] == ["latency.csv"]
    assert str(folder.relative_to(here) / "latency.csv") in captured.out
    with (folder / "latency.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["model"], row["engine"]) for row in rows] == [
        (model, engine) for model in ("small.yaml", "trained") for engine in ("eager", "onnx")
    ]
    for row in rows:
        assert (row["device"], row["input_size"], row["batch"], row["threads"]) == ("cpu", "16", "1", "1")
        assert row["rounds"] == "2"
        assert 0 < float(row["p10_ms"]) <= float(row["median_ms"]) <= float(row["p90_ms"])
    assert int(rows[2]["macs"]) > 5 * int(rows[0]["macs"])
    assert captured.out.startswith("1 thread")
    assert "round 2/2" in captured.err


def test_answers_in_json_at_another_resolution_and_batch(here, capsys):
    arguments = ["small.yaml", "--engine", "eager", "--input-size", "32", "--batch", "4", "--output", "out", "--json"]
    assert main(["latency", *arguments, "--rounds", "1"]) == 0
    [row] = json.loads(capsys.readouterr().out)
    assert (row["input_size"], row["batch"], row["rounds"]) == (32, 4, 1)
    assert row["threads"] == len(os.sched_getaffinity(0))
    assert (here / "out" / "latency.csv").is_file()


def test_an_engine_that_is_not_there_is_a_row_with_its_reason(here, capsys, monkeypatch):
    monkeypatch.setattr(engines, "_why_not_compiled", lambda: "there is no compiler")
    assert main(["latency", "small.yaml", "--engine", "compiled,eager", "--output", "out", *QUICK]) == 0
    out = capsys.readouterr().out
    assert "skipped: compiled on cpu, small.yaml: there is no compiler" in out
    text = (here / "out" / "latency.csv").read_text()
    assert text.splitlines()[1].endswith("there is no compiler")
    assert main(["latency", "small.yaml", "--engine", "compiled", "--output", "none", *QUICK]) == 2
    assert "there is no compiler" in capsys.readouterr().err
    assert not (here / "none").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "latency: no MODEL"),
        (["small.yaml", "--engine", "tflite"], "--engine: 'tflite' is unknown; allowed: eager, compiled, onnx"),
        (["small.yaml", "--device", "tpu"], "--device: 'tpu' is unknown (did you mean cpu?); allowed: cpu, cuda"),
        (["small.yaml", "--rounds", "0"], "--rounds: 0; allowed: 1 or more"),
        (["small.yaml", "--threads", "0"], "--threads: 0; allowed: 1 or more"),
        (["small.yaml", "--batch", "-1"], "--batch: -1; allowed: 1 or more"),
        (["nowhere.yaml"], "nowhere.yaml: no such file"),
        (["eficientnet_b0"], "did you mean efficientnet_b0"),
        (["rexnet_1000"], "did you mean rexnet_100"),
        (["small.yaml", "--output", "small.yaml"], "--output: 'small.yaml' cannot be written"),
        (["small.yaml", "--table5", "--input-size", "64"], "--input-size"),
    ],
)
def test_a_mistake_is_one_line_before_anything_is_measured(here, capsys, arguments, words):
    assert words in refused(arguments, capsys)
    assert [file.name for file in here.iterdir()] == ["small.yaml"]


def test_a_gpu_that_is_not_there_is_one_line(here, capsys, monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert "--device: cuda; torch sees no GPU here" in refused(["small.yaml", "--device", "cuda"], capsys)


def test_a_gpu_that_is_there_is_measured_too_with_a_batch_of_its_own(monkeypatch):
    import argparse

    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    asked = argparse.Namespace(device=None, batch=None, threads=2)
    settings = _settings(asked, ["eager", "onnx"])
    assert [(s.engine, s.device, s.batch) for s in settings] == [
        ("eager", "cpu", 1),
        ("onnx", "cpu", 1),
        ("eager", "cuda", 64),
        ("onnx", "cuda", 64),
    ]
    asked = argparse.Namespace(device="cuda", batch=8, threads=2)
    assert [(s.device, s.batch, s.threads) for s in _settings(asked, ["eager"])] == [("cuda", 8, 2)]


def test_earlier_measurements_are_not_replaced(here, capsys):
    (here / "out").mkdir()
    (here / "out" / "latency.csv").write_text("mine")
    assert "holds a latency.csv already" in refused(["small.yaml", "--output", "out"], capsys)
    assert (here / "out" / "latency.csv").read_text() == "mine"
