"""``chansearch eval``: on a network that was trained, against timm's transforms and counting by hand."""

import json

import pytest
import torch
import yaml
from PIL import Image
from timm.data import create_transform

from chansearch.cli import main
from chansearch.nets.checkpoint import load_checkpoint, save_checkpoint
from chansearch.nets.network import Network
from tests.transfer.tiny import CLASSES, make_trainer


@pytest.fixture(scope="module")
def trained(world):
    """A training's folder; its images were not prepared as by default."""
    make_trainer(world, "trained", "data.crop_pct=0.5", "data.interpolation=bilinear").run()
    return world / "trained"


def by_hand(trained, world, crop_pct: float, interpolation: str) -> float:
    """Top-1 in percent."""
    held = load_checkpoint(trained / "model.pt")
    network = Network(held.spec)
    network.load_state_dict(held.weights)
    network.eval()
    transform = create_transform(16, crop_pct=crop_pct, interpolation=interpolation)
    right = total = 0
    for label, name in enumerate(CLASSES):
        for file in sorted((world / "images" / "val" / name).iterdir()):
            with torch.no_grad(), Image.open(file) as image:
                right += int(network(transform(image.convert("RGB"))[None]).argmax()) == label
            total += 1
    assert total == 27
    return 100 * right / total


def evaluate(capsys, *arguments) -> dict:
    assert main(["eval", *map(str, arguments), "train.precision=fp32", "data.workers=0", "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("where", ["folder", "model.pt"])
def test_as_the_training_saw_its_images(trained, world, capsys, where):
    model = trained if where == "folder" else trained / where
    facts = evaluate(capsys, model, f"data.root={world / 'images'}")
    assert facts["top1"] == pytest.approx(by_hand(trained, world, 0.5, "bilinear"))
    assert (facts["crop_pct"], facts["interpolation"], facts["images"]) == (0.5, "bilinear", 27)


def test_as_it_is_told(trained, world, capsys):
    root = f"data.root={world / 'images'}"
    facts = evaluate(capsys, trained, root, "data.crop_pct=1.0", "data.interpolation=bicubic")
    assert facts["top1"] == pytest.approx(by_hand(trained, world, 1.0, "bicubic"))


@pytest.mark.parametrize("classes", [3, 1000])
def test_weights_from_a_file(trained, world, tmp_path, capsys, classes):
    """An exported YAML says 1000 classes unless it was told otherwise; the weights may be for fewer."""
    network = yaml.safe_load((world / "tiny.yaml").read_text())
    network["network"]["classes"] = classes
    (tmp_path / "network.yaml").write_text(yaml.safe_dump(network))
    torch.save(dict(load_checkpoint(trained / "model.pt").weights), tmp_path / "weights.pth")
    facts = evaluate(
        capsys,
        tmp_path / "network.yaml",
        "data=folder",
        f"data.root={world / 'images'}",
        "--weights",
        tmp_path / "weights.pth",
    )
    assert facts["top1"] == pytest.approx(by_hand(trained, world, 0.875, "bicubic"))


def test_the_line_for_people(trained, world, capsys):
    assert main(["eval", str(trained), f"data.root={world / 'images'}", "data.workers=0"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("top-1 ")
    assert "27 images" in out


def test_refusals(trained, world, tmp_path, capsys):
    root = f"data.root={world / 'images'}"
    held = load_checkpoint(trained / "model.pt")
    renamed = type(held)(held.spec, held.weights, ("ant", "bee", "dog"))
    save_checkpoint(tmp_path / "renamed.pt", renamed)
    spoiled = {name: value.clone() for name, value in held.weights.items()}
    spoiled["head.fc.weight"][0, 0] = torch.nan
    save_checkpoint(tmp_path / "spoiled.pt", type(held)(held.spec, spoiled, held.classes))
    cases = {
        (str(tmp_path / "spoiled.pt"), "data=folder", root): "weights that are not finite numbers",
        (str(world / "tiny.yaml"), "data=folder", root): "has no weights",
        ("rexnet_100", "data=folder", root): "has no weights",
        (str(tmp_path / "renamed.pt"), "data=folder", root): "renamed.pt knows 'dog'",
        ("rexnet_100", root, "--weights", str(tmp_path / "renamed.pt")): "renamed.pt: ",
        (str(trained),): "data.root: null",
        (str(tmp_path / "none.pt"), "data=folder", root): "no such file",
    }
    for arguments, words in cases.items():
        assert main(["eval", *arguments]) == 2
        captured = capsys.readouterr()
        assert words in captured.err
        assert captured.err.count("\n") == 1
