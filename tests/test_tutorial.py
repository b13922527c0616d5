"""The tutorial keeps its promise: its commands, as they stand there, lead from photos to a file within the bounds."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from PIL import Image

from chansearch.cli import main
from chansearch.cost import price_spec
from chansearch.nets.files import load_spec
from tests.search.live import leave_out_measuring

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
COMMANDS = [
    line for block in re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL) for line in block.replace("\\\n", "").splitlines()
]
COLOURS = {"blue": (40, 40, 200), "green": (40, 200, 40), "red": (200, 40, 40)}

# What makes a command small, behind what it says itself. One worker: two would first have to find each other.
_SMALL = ["train.kernels=torch"]
SMALL = {
    "search": [*_SMALL, "search.candidates=2", "train.epochs=1", "train.seeds=1", "data.train_images=60"]
    + ["data.val_images=null"],
    "train": [*_SMALL, "recipe.epochs=2", "recipe.batch_size=16", "data.images_per_class=16"]
    + ["data.val_images_per_class=2", "cluster.workers=1", "cluster.dashboard=false"],
}


def make_photos(root: Path) -> list[Path]:
    """A colour a class, with noise, not all of one size."""
    rng = np.random.default_rng(0)
    for name, colour in COLOURS.items():
        (root / name).mkdir(parents=True)
        for number in range(30):
            pixels = np.clip(colour + rng.normal(0, 30, (40, 40 + number % 3, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(root / name / f"{number}.jpg")
    return sorted(root.glob("*/*.jpg"))


@pytest.mark.slow
def test_from_photos_to_a_file_within_the_bounds(cluster, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    leave_out_measuring(monkeypatch)
    photos = make_photos(tmp_path / "images")
    ran, printed = [], ""
    for line in COMMANDS:
        program, *words = shlex.split(line)
        if program != "chansearch" or words[0] == "latency":
            continue
        if words[0] == "search":
            assert main([*words, *SMALL["search"], cluster]) == 0, capsys.readouterr()
        else:  # in a process of its own: one that trains on a cluster was brought down when it left it
            small = [*SMALL["train"], cluster] if words[0] == "train" else []
            done = subprocess.run([sys.executable, "-m", "chansearch", *words, *small], capture_output=True, text=True)
            assert done.returncode == 0, (line, done.stdout, done.stderr)
            printed += done.stdout
        ran.append(words[0])
    assert ran == ["search", "report", "export", "train", "eval", "export"]

    costs = price_spec(load_spec("net.yaml"))
    assert 12e6 < costs["params"] <= 12.5e6
    assert costs["macs"] <= 300e6
    assert Path("net.onnx").stat().st_size <= 50e6
    # A tenth of each class, which is what the training was measured on, and no image that it has seen.
    assert re.search(r"^top-1 .* of 9 images \(.*/images\), 3 classes, 64x64", printed, re.MULTILINE)

    [line] = [line for line in COMMANDS if line.startswith("python ")]
    _, script, file, pattern = shlex.split(line)
    asked = sorted(tmp_path.glob(pattern))
    assert asked == photos
    command = [sys.executable, ROOT / script, file, *(photo.relative_to(tmp_path) for photo in asked)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert [re.fullmatch(r"(\S+): (blue|green|red) \(\d+ %\)", said)[1] for said in answer] == [
        str(photo.relative_to(tmp_path)) for photo in photos
    ]
    names = onnxruntime.InferenceSession(file).get_modelmeta().custom_metadata_map["class_names"]
    assert names == '["blue", "green", "red"]'


def test_classify_needs_neither_chansearch_nor_torch():
    imported = re.findall(r"^(?:import|from) (\w+)", (ROOT / "examples" / "classify.py").read_text(), re.MULTILINE)
    assert set(imported) <= set(sys.stdlib_module_names) | {"numpy", "onnxruntime", "PIL"}
