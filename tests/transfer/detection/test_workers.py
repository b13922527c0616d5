"""Two worker processes, and a training that is cut off: by the command that a user types."""

import csv
from pathlib import Path

import pytest

from benchmarks.trainings import Training
from chansearch.cli import main
from tests.transfer.detection.scenes import make_scenes
from tests.transfer.detection.tiny import make_network, settings

pytestmark = pytest.mark.harm


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("world")
    make_scenes(root / "scenes", train=16, val=5, side=120)
    make_network(root / "tiny.yaml")
    return root


def rows(run: Path) -> list[dict[str, float]]:
    with (run / "epochs.csv").open(newline="") as file:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]


def test_two_workers_are_one_that_accumulates(world):
    """The same micro-batches, with the same draws: the same losses but for rounding, and one precision of all images,
    five, which two workers do not share evenly."""
    for workers in (1, 2):
        more = (f"cluster.workers={workers}", f"name=workers-{workers}", f"results={world / 'results'}")
        assert main(["transfer", "ssdlite", *settings(world, *more)]) == 0
    one, two = (rows(world / "results" / f"workers-{workers}") for workers in (1, 2))
    for first, second in zip(one, two, strict=True):
        assert second["train_loss"] == pytest.approx(first["train_loss"], rel=1e-3)
        assert second["val_box_ap"] == pytest.approx(first["val_box_ap"], abs=2.0)


def test_ctrl_c_says_how_to_go_on(world):
    """And going on ends as one that was not cut off; see test_task.py for how equal that is."""
    training = Training(world, "cut")
    process = training.begin(*settings(world, "recipe.epochs=40"), command=("transfer", "ssdlite"))
    process.until(lambda: (training.path / "epochs.csv").is_file())
    training.note(process, process.press_ctrl_c())
    assert training.code == 130
    assert training.err == "stopped; go on with `chansearch train --resume results/cut`\n"
    assert len(rows(training.path)) < 40
    assert training.end(training.go_on()).code == 0
    assert len(rows(training.path)) == 40
