"""Each detector learns sixteen pictures by heart, by the command that a user types."""

import csv
import json

import pytest

from benchmarks.detection import overfit_settings
from chansearch.cli import main
from chansearch.transfer.detection.config import HEADS
from tests.transfer.detection.scenes import make_scenes

ENOUGH = 80.0
EPOCHS = 30
pytestmark = pytest.mark.harm


@pytest.mark.parametrize("head", HEADS)
def test_sixteen_pictures_are_learned(head, tmp_path, capsys):
    make_scenes(tmp_path / "scenes")
    assert main(["transfer", head, *overfit_settings(tmp_path, head, EPOCHS)]) == 0
    run = tmp_path / "results" / head
    with (run / "epochs.csv").open(newline="") as file:
        last = list(csv.DictReader(file))[-1]
    kinds = ("box", "mask") if head == "maskrcnn" else ("box",)
    for kind in kinds:
        assert float(last[f"val_{kind}_ap50"]) >= ENOUGH
    capsys.readouterr()
    command = ["transfer", "eval", str(run), "data=custom", f"data.root={tmp_path / 'scenes'}", "data.workers=0"]
    assert main([*command, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert all(facts[f"{kind}_ap50"] >= ENOUGH for kind in kinds)
    # What it finds in a picture is what is there.
    truth = json.loads((tmp_path / "scenes" / "val.json").read_text())
    names = {category["id"]: category["name"] for category in truth["categories"]}
    there = sorted(names[entry["category_id"]] for entry in truth["annotations"] if entry["image_id"] == 0)
    picture = str(tmp_path / "scenes" / "val" / "000.png")
    assert main(["transfer", "predict", str(run), picture, "-o", str(tmp_path), "--json"]) == 0
    [entry] = json.loads(capsys.readouterr().out)
    assert set(there) <= {found["category"] for found in entry["objects"]}
