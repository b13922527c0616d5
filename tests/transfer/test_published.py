"""The fine-grained sets, as torchvision unpacks them: small ones in the same folders and files."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from PIL import Image
from torchvision import datasets

from chansearch.cli import main
from chansearch.config import compose
from chansearch.errors import UserError
from chansearch.transfer.config import TRAINING
from chansearch.transfer.images import find_training, find_validation


def image(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8)).save(path)
    return path.name


def food101(root: Path) -> dict:
    base = root / "food-101"
    for split, numbers in (("train", (1, 2)), ("test", (3,))):
        names = {f"{food}": [f"{food}/{number}" for number in numbers] for food in ("apple_pie", "waffles")}
        (base / "meta").mkdir(parents=True, exist_ok=True)
        (base / "meta" / f"{split}.json").write_text(json.dumps(names))
        for name in itertools.chain(*names.values()):
            image(base / "images" / f"{name}.jpg")
    return {"classes": ("apple_pie", "waffles"), "train": [0, 0, 1, 1], "test": [0, 1]}


def stanford_cars(root: Path) -> dict:
    base = root / "stanford_cars"
    (base / "devkit").mkdir(parents=True)
    kind = np.dtype([("fname", object), ("class", object)])

    def annotate(file: str, folder: str, labels: list[int]) -> None:
        rows = [(image(base / folder / f"{place:05}.jpg"), label) for place, label in enumerate(labels)]
        scipy.io.savemat(base / file, {"annotations": np.array(rows, dtype=kind)})

    annotate("devkit/cars_train_annos.mat", "cars_train", [2, 1, 2])
    annotate("cars_test_annos_withlabels.mat", "cars_test", [1, 2])
    names = np.array(["AM General Hummer SUV 2000", "Acura RL Sedan 2012"], dtype=object)
    scipy.io.savemat(base / "devkit" / "cars_meta.mat", {"class_names": names})
    return {"classes": tuple(names), "train": [1, 0, 1], "test": [0, 1]}


def fgvc_aircraft(root: Path) -> dict:
    base = root / "fgvc-aircraft-2013b" / "data"
    (base / "images").mkdir(parents=True)
    (base / "variants.txt").write_text("707-320\nDC-8\n")
    for split, rows in (("trainval", ["1 DC-8", "2 707-320"]), ("test", ["3 DC-8"])):
        (base / f"images_variant_{split}.txt").write_text("\n".join(rows) + "\n")
        for row in rows:
            image(base / "images" / f"{row.split()[0]}.jpg")
    return {"classes": ("707-320", "DC-8"), "train": [1, 0], "test": [1]}


def flowers102(root: Path) -> dict:
    base = root / "flowers-102"
    for number in range(1, 5):
        image(base / "jpg" / f"image_{number:05}.jpg")
    scipy.io.savemat(base / "imagelabels.mat", {"labels": np.array([[2, 1, 102, 2]])})
    scipy.io.savemat(base / "setid.mat", {"trnid": [[3, 1]], "valid": [[2, 2]], "tstid": [[4, 1]]})
    return {"classes": 102, "train": [101, 1, 0, 0], "test": [1, 1]}


SETS = {"food101": food101, "stanford_cars": stanford_cars, "fgvc_aircraft": fgvc_aircraft, "flowers102": flowers102}


@pytest.fixture
def unchecked(monkeypatch):
    """torchvision knows the checksums of Flowers-102's lists."""
    files = {name: (file, None) for name, (file, _) in datasets.Flowers102._file_dict.items()}
    monkeypatch.setattr(datasets.Flowers102, "_file_dict", files)


def data(name: str, root: Path, *more: str):
    return compose([f"data={name}", "data.classes=null", f"data.root={root}", *more], None, TRAINING).data


@pytest.mark.parametrize("name", SETS)
def test_images_labels_and_classes(name, tmp_path, unchecked):
    expected = SETS[name](tmp_path)
    train, test = find_training(data(name, tmp_path)), find_validation(data(name, tmp_path))
    assert train.labels.tolist() == expected["train"]
    assert test.labels.tolist() == expected["test"]
    assert train.classes == test.classes
    if name == "flowers102":  # its names are torchvision's, not a file's
        assert len(train.classes) == expected["classes"]
    else:
        assert train.classes == expected["classes"]
    for part in (train, test):
        assert all(part.path(index).is_file() for index in range(len(part)))


@pytest.mark.parametrize("name", SETS)
def test_a_set_that_is_not_there(name, tmp_path):
    with pytest.raises(UserError, match=rf"data\.root: .* has no {name} as torchvision reads it") as refused:
        find_training(data(name, tmp_path))
    assert "data.download=true" in str(refused.value)


def test_a_list_that_is_damaged(tmp_path):
    food101(tmp_path)
    (tmp_path / "food-101" / "meta" / "train.json").write_text("{")
    with pytest.raises(UserError, match="has no food101 as torchvision reads it, split train"):
        find_training(data("food101", tmp_path))


def test_a_set_with_too_few_classes_is_not_the_published_one(tmp_path):
    food101(tmp_path)
    with pytest.raises(UserError, match="has 2 classes, data=food101 has 101"):
        find_training(compose(["data=food101", f"data.root={tmp_path}"], None, TRAINING).data)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (["data.published=food100", "data.root=."], "data.published: 'food100' is unknown (did you mean food101?)"),
        (["data=folder", "data.download=true", "data.root=."], "data.download: true; allowed with a set"),
        (["data=folder", "data.root=.", "model=rexnet_100"], "fine-tuning starts from trained weights"),
    ],
)
def test_what_is_refused(settings, words, capsys):
    assert main(["transfer", "finegrained", "model=rexnet_100", *settings]) == 2
    assert words in capsys.readouterr().err
