"""Who is taken for whom: of known answers, and of a network on real files."""

import csv

import numpy as np
import pytest
from PIL import Image

from chansearch.cli import main
from chansearch.nets.checkpoint import Checkpoint, save_checkpoint
from chansearch.nets.network import Network
from chansearch.transfer.confusion import write_confusion
from tests.transfer.tiny import CLASSES, SPEC

# 10 ants, of which 3 are taken for bees; 5 bees, all right; 8 cats, one without an answer and 4 taken for ants.
COUNTS = np.array([[7, 3, 0, 0], [0, 5, 0, 0], [4, 0, 3, 1]])


def table(path) -> list[dict]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_worst_class_is_first(tmp_path):
    paths = write_confusion(tmp_path / "new" / "folder", COUNTS, CLASSES, "a network")
    assert [path.name for path in paths] == ["classes.csv", "confusion.csv", "confusion.png"]
    rows = table(paths[0])
    assert [tuple(row.values()) for row in rows] == [
        ("cat", "8", "3", "37.50", "ant", "4"),
        ("ant", "10", "7", "70.00", "bee", "3"),
        ("bee", "5", "5", "100.00", "", "0"),
    ]
    matrix = table(paths[1])
    assert [[int(row[name]) for name in (*CLASSES, "(none)")] for row in matrix] == COUNTS.tolist()


def test_the_drawing_shows_the_shares(tmp_path):
    """A cell a class pair: the right ones of bee are all of its images, the brightest colour."""
    *_, path = write_confusion(tmp_path, COUNTS, CLASSES, "a_{network}$")
    image = np.asarray(Image.open(path).convert("RGB"))
    assert image.shape[0] > 500
    brightest, darkest = (np.array(colour) for colour in ((253, 231, 36), (68, 1, 84)))  # viridis
    assert (np.abs(image - brightest.astype(int)).sum(-1) < 8).sum() > 5000
    assert (np.abs(image - darkest.astype(int)).sum(-1) < 8).sum() > 5000


def test_of_a_network(world, tmp_path, capsys):
    network = Network(SPEC)
    save_checkpoint(tmp_path / "model.pt", Checkpoint(SPEC, network.state_dict(), CLASSES))
    command = ["eval", str(tmp_path / "model.pt"), "data=folder", f"data.root={world / 'images'}", "data.workers=0"]
    assert main([*command, "--confusion", str(tmp_path / "out")]) == 0
    top1 = float(capsys.readouterr().out.split()[1])
    rows = table(tmp_path / "out" / "classes.csv")
    assert [int(row["images"]) for row in rows] == [9, 9, 9]
    assert 100 * sum(int(row["right"]) for row in rows) / 27 == pytest.approx(top1, abs=0.005)


def test_a_folder_that_cannot_be_made(world, tmp_path, capsys):
    save_checkpoint(tmp_path / "model.pt", Checkpoint(SPEC, Network(SPEC).state_dict(), CLASSES))
    (tmp_path / "file").touch()
    command = ["eval", str(tmp_path / "model.pt"), "data=folder", f"data.root={world / 'images'}", "data.workers=0"]
    assert main([*command, "--confusion", str(tmp_path / "file" / "out")]) == 2
    assert "--confusion: " in capsys.readouterr().err
