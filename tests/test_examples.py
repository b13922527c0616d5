"""The examples run as they are, on a few small images."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from PIL import Image

from chansearch.nets.files import load_spec

ROOT = Path(__file__).resolve().parents[1]
COLOURS = {"blue": (40, 40, 200), "green": (40, 200, 40), "red": (200, 40, 40)}


def make_images(root: Path, each: int) -> None:
    """A colour a class, with noise: two epochs are enough to tell them apart, or nearly."""
    rng = np.random.default_rng(0)
    for name, colour in COLOURS.items():
        (root / name).mkdir(parents=True)
        for number in range(each):
            pixels = np.clip(colour + rng.normal(0, 30, (32, 32, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(root / name / f"{number}.png")


def run(*arguments: object, cwd: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, str(ROOT / "examples" / "end_to_end.py"), *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True)


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("chansearch.transfer") is None, reason="needs chansearch train")
def test_end_to_end(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    make_images(tmp_path / "images" / "train", 50)
    make_images(tmp_path / "images" / "test", 20)
    answer = run("--images", "images", "--out", "out", "--small", cwd=tmp_path)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    out = tmp_path / "out"
    spec = load_spec(out / "rexnet_custom.yaml")
    assert (spec.blocks, spec.classes, spec.input_size) == (16, 3, 64)
    assert (out / "search" / "report.html").exists()
    assert (out / "training" / "model.pt").exists()
    session = onnxruntime.InferenceSession(out / "net.onnx")
    assert session.get_inputs()[0].shape[1:] == [3, 64, 64]
    last = answer.stdout.splitlines()[-1]
    assert last.startswith("out/net.onnx: ")
    assert "of 60 test images right" in last


@pytest.mark.parametrize(
    ("arguments", "named"), [([], "--images"), (["--images", "nowhere", "--out", "out"], "nowhere/train is no folder")]
)
def test_end_to_end_refuses_what_it_cannot_use(arguments, named, tmp_path):
    answer = run(*arguments, cwd=tmp_path)
    assert answer.returncode == 2
    assert named in answer.stderr
    assert list(tmp_path.iterdir()) == []
