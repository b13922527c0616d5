"""``chansearch study rank``: what it leaves, and how it refuses."""

import csv
import dataclasses
import signal
import subprocess
import sys

import pytest
import yaml

from chansearch.cli import main
from chansearch.studies.rank import point_ranks
from chansearch.studies.rank_findings import make_points
from chansearch.studies.rank_plan import RankPlan

ASKED = ["study", "rank", "--networks", "6", "--layers", "conv1x1,bottleneck_dw", "--activations", "identity,relu,silu"]


def test_the_folder_holds_what_one_process_gives(tmp_path, capsys):
    """Neither the workers nor the order in which they end change a number."""
    folder = tmp_path / "study"
    assert main([*ASKED, "--seed", "3", "--workers", "2", "--output", str(folder)]) == 0
    plan = RankPlan(("conv1x1", "bottleneck_dw"), ("identity", "relu", "silu"), networks=6, seed=3)
    expected = make_points(plan, (point_ranks(plan, *point) for point in plan.points))
    with (folder / "data.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert rows == [
        {key: "" if value is None else str(value) for key, value in dataclasses.asdict(point).items()}
        for point in expected
    ]
    assert yaml.safe_load((folder / "config.yaml").read_text())["rank"]["d_out"] == [10, 50]
    assert (folder / "figure.png").stat().st_size and (folder / "figure.svg").stat().st_size
    printed = capsys.readouterr()
    assert "Without a nonlinearity the rank ratio is the dimension ratio: holds" in " ".join(printed.out.split())
    assert "20 of 20 points" in printed.err


@pytest.mark.parametrize(
    "words, named",
    [
        (["--networks", "0"], "--networks: 0; allowed: 1 or more"),
        (["--workers", "0"], "--workers: 0; allowed: 1 or more"),
        (["--seed", "-1"], "--seed: -1; allowed: 0 or more"),
        (["--expansion", "0"], "--expansion: 0; allowed: 1 or more"),
        (["--map", "0"], "--map: 0; allowed: 1 or more"),
        (["--layers", "conv1x1,conv5x5"], "--layers: 'conv5x5' is unknown (did you mean conv3x3?)"),
        (["--activations", "gelu"], "--activations: 'gelu'"),
        (["--batch-norm", "frozen"], "--batch-norm: 'frozen'"),
        (["--d-out", "50-10"], "--d-out: 50-10; allowed: LOW-HIGH"),
        (["--d-out", "0"], "--d-out: 0-0; allowed: LOW-HIGH"),
        (["--d-out", "10-"], "--d-out: '10-'; allowed: LOW-HIGH, such as 10-50"),
        (["--output", "/dev/null/study"], "--output"),
    ],
)
def test_a_mistake_is_one_line_before_ray_starts(words, named, capsys, monkeypatch):
    monkeypatch.setattr("ray.init", lambda **_: pytest.fail("Ray was started"))
    assert main(["study", "rank", *words]) == 2
    error = capsys.readouterr().err
    assert named in error and error.count("\n") == 1


def test_what_stands_there_already_is_not_written_over(tmp_path, capsys):
    assert main([*ASKED, "--output", str(tmp_path)]) == 2
    assert "exists already" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_stopped_study_leaves_nothing(tmp_path):
    """SIGTERM goes the way of Ctrl-C."""
    command = [sys.executable, "-m", "chansearch", "study", "rank", "--networks", "500", "--output", "study"]
    study = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    assert study.stderr.readline() == "starting Ray\n"
    assert study.stderr.readline() == "1 of 40 points\n"
    study.send_signal(signal.SIGTERM)
    _, error = study.communicate(timeout=60)
    assert study.returncode == 130
    assert "Traceback" not in error
    assert not (tmp_path / "study").exists()
