"""A detector's training, in this process: what it writes, and that it goes on as if never cut off."""

import csv
import json

import numpy as np
import pytest
import torch
from PIL import Image

from chansearch.cli import main
from chansearch.nets.checkpoint import load_checkpoint, read_tensors
from chansearch.transfer.detection.task import load_detector
from tests.transfer.detection.scenes import CATEGORIES, make_scenes
from tests.transfer.detection.tiny import config, make_network, make_trainer, settings
from tests.transfer.tiny import make_dataset, run_until

HEADS = ("ssdlite", "fasterrcnn", "maskrcnn")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    root = tmp_path_factory.mktemp("world")
    make_scenes(root / "scenes", train=16, val=4, side=120)
    make_network(root / "tiny.yaml")
    return root


@pytest.fixture(scope="module", params=HEADS)
def unbroken(request, world):
    make_trainer(world, request.param, request.param).run()
    return world, request.param


def rows(root, name: str) -> list[dict[str, str]]:
    with (root / name / "epochs.csv").open(newline="") as file:
        return [{key: value for key, value in row.items() if "second" not in key} for row in csv.DictReader(file)]


def test_every_epoch_has_a_row(unbroken):
    world, head = unbroken
    found = rows(world, head)
    assert [int(row["epoch"]) for row in found] == [1, 2]
    kinds = ("box", "mask") if head == "maskrcnn" else ("box",)
    for row in found:
        for kind in kinds:
            assert 0 <= float(row[f"val_{kind}_ap"]) <= float(row[f"val_{kind}_ap50"]) <= 100
        assert np.isfinite(float(row["train_loss"]))
    assert ("val_mask_ap" in found[0]) == (head == "maskrcnn")
    assert "box AP" in (world / head / "log.txt").read_text()


def test_cut_off_and_resumed_it_is_the_same_bit_for_bit(unbroken):
    world, head = unbroken
    name, often = f"{head}-cut", "train.checkpoint_minutes=1e-9"
    run_until(make_trainer(world, name, head, often), 3)
    assert read_tensors(world / name / "checkpoints" / "last.pt")["progress"]["step"] == 1
    make_trainer(world, name, head, often).run()
    assert rows(world, name) == rows(world, head)
    ours, theirs = (read_tensors(world / run / "checkpoints" / "last.pt")["network"] for run in (name, head))
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)


def test_the_model_is_the_detector(unbroken):
    world, head = unbroken
    loaded = load_detector(str(world / head))
    assert (loaded.categories, loaded.spec.head, loaded.channels) == (CATEGORIES, head, 3)
    weights = read_tensors(world / head / "checkpoints" / "last.pt")["network"]
    assert all(torch.equal(value, weights[key]) for key, value in loaded.network.state_dict().items())
    assert load_checkpoint(world / head / "model.pt").detector["head"] == head


def test_eval_measures_what_the_training_did(unbroken, capsys):
    world, head = unbroken
    command = ["transfer", "eval", str(world / head), "data=custom", f"data.root={world / 'scenes'}"]
    assert main([*command, "--json", "data.workers=0", "recipe.micro_batch=4"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["box_ap"] == pytest.approx(float(rows(world, head)[-1]["val_box_ap"]), abs=1e-6)
    assert ("mask_ap" in facts) == (head == "maskrcnn")
    assert main([*command, "data.workers=0"]) == 0
    assert "box: AP " in capsys.readouterr().out


def test_a_prediction_is_drawn(unbroken, tmp_path, capsys):
    world, head = unbroken
    picture = world / "scenes" / "val" / "000.png"
    command = ["transfer", "predict", str(world / head), str(picture), "-o", str(tmp_path / "out"), "--score", "0"]
    assert main([*command, "--json"]) == 0
    [entry] = json.loads(capsys.readouterr().out)
    assert entry["drawn"] == str(tmp_path / "out" / "000-found.png")
    drawn, before = (np.asarray(Image.open(path).convert("RGB")) for path in (entry["drawn"], picture))
    assert drawn.shape == before.shape
    assert (drawn != before).any() == bool(entry["objects"])
    for found in entry["objects"]:
        assert found["category"] in CATEGORIES
        assert 0 <= found["score"] <= 1


def test_the_same_seed_draws_the_same_heads(world):
    first, same, other = (
        make_trainer(world, f"seed-{place}", "ssdlite", f"recipe.seed={seed}") for place, seed in enumerate((0, 0, 1))
    )
    name = "head.classification_head.module_list.0.1.weight"
    weights = [trainer._network.state_dict()[name] for trainer in (first, same, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_bfloat16_and_an_average_of_the_weights(world):
    more = ("train.precision=bf16", "recipe.ema_decay=0.9", "recipe.augment=ssdlite")
    make_trainer(world, "bf16", "ssdlite", *more).run()
    assert all(np.isfinite(float(row["train_loss"])) and "ema_val_box_ap" in row for row in rows(world, "bf16"))


@pytest.mark.parametrize("augment", ["none", "hflip", "ssdlite"])
def test_boxes_and_masks_move_with_their_image(world, augment):
    from chansearch.transfer.detection.coco import find_training
    from chansearch.transfer.detection.images import ObjectImages, make_transform

    found = config(world, "maskrcnn", f"recipe.augment={augment}", "recipe.flip=1.0")
    part = find_training(found.data, masks=True)
    images = ObjectImages(part, 3, make_transform(found.recipe))
    for index in range(len(part)):
        image, target = images[index]
        assert image.dtype == torch.uint8
        assert len(target["boxes"]) == len(target["labels"]) == len(target["masks"])
        for box, mask in zip(target["boxes"], target["masks"], strict=True):
            assert mask.shape == image.shape[1:]
            rows_, columns = mask.nonzero(as_tuple=True)
            if len(rows_):  # the ellipse's box is the object's, where it was not cut
                around = torch.stack([columns.min(), rows_.min(), columns.max() + 1, rows_.max() + 1])
                slack = 2.0 if augment != "ssdlite" else float(max(image.shape))
                assert (around - box).abs().max() <= slack


REFUSALS = {
    "detector.head=yolo": "detector.head: 'yolo'",
    "detector.min_size=16": "detector.min_size: 16",
    "detector.max_size=128": "detector.max_size: 128; allowed: detector.min_size, which is 96",
    "detector.samples=1": "detector.samples: 1",
    "detector.score_threshold=1": "detector.score_threshold",
    "recipe.augment=flip": "recipe.augment: 'flip' is unknown (did you mean hflip?)",
    "recipe.schedule=multistep": "recipe.milestones: []; allowed: epochs between 0 and recipe.epochs, which is 2",
    "recipe.milestones=[1]": "recipe.milestones: [1]; allowed with recipe.schedule=multistep only",
    "data.std=[0,1,1]": "data.std",
    "data.mean=[0.5]": "data.mean: [0.5]; allowed: three numbers",
    "data.train_annotations=nowhere.json": "data.train_annotations: ",
    "data.val_images=nowhere": "data.val_images: ",
    "data.root=null": "data.root: null",
    "data.root=nowhere": "data.root: ",
    "model=rexnet_10": "network: 'rexnet_10' is unknown",
    "network.classes=3": "network.classes: 3",
    "network.stem_stride=1": "model: has features of strides 1, 2, 4, 8, 16; 16, 32 are needed",
    "task=fasterrcnn": "task: it is ssdlite, the word behind transfer",
    "recipe.batch_size=50": "recipe.batch_size: 50; allowed: at most 16",
}


@pytest.mark.parametrize("setting", REFUSALS)
def test_what_is_refused_before_a_worker_starts(world, setting, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["transfer", "ssdlite", *settings(world), setting]) == 2
    said = capsys.readouterr().err
    assert REFUSALS[setting] in said
    assert said.count("\n") == 1
    assert not any(tmp_path.iterdir())


def test_a_dry_run_says_what_it_would_do(world, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["transfer", "maskrcnn", *settings(world), "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "detector: maskrcnn on tiny, fresh weights, 96x96: " in said
    assert "MACs (the paper's FLOPs), and up to " in said
    assert "16 to train on" in said
    assert "time: about " in said
    assert not any(tmp_path.iterdir())


def test_a_detector_is_no_classifier(unbroken, capsys, tmp_path):
    world, head = unbroken
    make_dataset(tmp_path, 2, 2)
    assert main(["eval", str(world / head), "data=folder", f"data.root={tmp_path}"]) == 2
    assert "is a detector; `chansearch transfer predict`" in capsys.readouterr().err
    assert main(["build", str(world / head)]) == 2


def test_other_categories_are_refused(unbroken, tmp_path, capsys):
    world, head = unbroken
    for name in ("val", "val.json"):
        (tmp_path / name).symlink_to(world / "scenes" / name)
    data = json.loads((tmp_path / "val.json").read_text())
    (tmp_path / "val.json").unlink()
    data["categories"][0]["name"] = "tree"
    (tmp_path / "val.json").write_text(json.dumps(data))
    assert main(["transfer", "eval", str(world / head), "data=custom", f"data.root={tmp_path}"]) == 2
    assert "its 2 categories are not the 2 of" in capsys.readouterr().err


def test_predict_says_what_it_cannot_read(world, tmp_path, capsys):
    make_trainer(world, "seed-0", "ssdlite")
    (tmp_path / "picture.png").write_bytes(b"no image")
    for model, picture, words in (
        (world / "nowhere", tmp_path / "picture.png", "is no detector"),
        (world / "tiny.yaml", tmp_path / "picture.png", "is no detector"),
        (world, tmp_path / "missing.png", "no such file"),
    ):
        assert main(["transfer", "predict", str(model), str(picture)]) == 2
        assert words in capsys.readouterr().err
