"""Does a network learn new classes better for what it has learned of others? Fine-tuned beside trained from scratch.

    python -m benchmarks gain --images DIR [--seeds 3] [--each 100] [--epochs 8]

DIR holds train/<class>/… and test/<class>/…, as CIFAR-10 in class folders has them. The first half of the classes
teaches the backbone; the other half is learned from ``--each`` images a class, once from the backbone's weights and
once from fresh ones, for as many epochs, at two learning rates each, and measured on test images of these classes.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

from benchmarks.table import RESULTS, markdown, publish
from chansearch.errors import UserError
from chansearch.files import csv_text, write_aside
from chansearch.nets.files import spec_to_dict
from chansearch.nets.presets import preset

_RATES = (0.1, 0.4)  # at 512 images a step
_BACKBONE_EPOCHS, _BACKBONE_IMAGES = 8, 1000
_MEASURED = 200  # test images a class


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks gain", description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--each", type=int, default=100)
    parser.add_argument("--epochs", type=int, default=8)
    options = parser.parse_args(arguments)
    classes = sorted(folder.name for folder in (options.images / "train").iterdir() if folder.is_dir())
    if len(classes) < 4:
        raise UserError(f"--images: '{options.images}/train' has {len(classes)} classes; four are needed")
    known, new = classes[: len(classes) // 2], classes[len(classes) // 2 :]
    with tempfile.TemporaryDirectory(prefix="chansearch-gain-") as folder:
        root = Path(folder)
        _link(options.images, root / "known", known)
        _link(options.images, root / "new", new)
        (root / "network.yaml").write_text(yaml.safe_dump({"network": spec_to_dict(_network())}))
        backbone = _train(
            root, "backbone", "known", "train", _BACKBONE_IMAGES, _BACKBONE_EPOCHS, 0, "model=network.yaml", 0.4
        )
        rows = []
        for seed in range(options.seeds):
            for rate in _RATES:
                for start, command, model in (
                    ("the backbone", "finegrained", "model=results/backbone"),
                    ("fresh weights", "train", "model=network.yaml"),
                ):
                    name = f"{command}-{rate}-{seed}"
                    top1 = _train(root, name, "new", command, options.each, options.epochs, seed, model, rate)
                    rows.append({"seed": seed, "start": start, "lr": rate, "top1": top1})
                    print(rows[-1], file=sys.stderr, flush=True)
    write_aside(RESULTS / "gain.csv", csv_text(rows[0], rows))
    _publish(rows, options, backbone, known, new)


def _network():
    """ReXNet half as wide, for small images: strides of 2 at three places."""
    whole = preset("rexnet_100")
    channels = tuple(max(8, width // 2) for width in whole.channels)
    strides = tuple(1 if place == 1 else stride for place, stride in enumerate(whole.strides))
    return dataclasses.replace(
        whole, channels=channels, strides=strides, stem_channels=16, stem_stride=1, head_channels=640, input_size=32
    )


def _link(images: Path, root: Path, classes: list[str]) -> None:
    for part, name in (("train", "train"), ("test", "val")):
        (root / name).mkdir(parents=True)
        for kind in classes:
            (root / name / kind).symlink_to((images / part / kind).resolve())


def _train(
    root: Path, name: str, data: str, command: str, each: int, epochs: int, seed: int, model: str, rate: float
) -> float:
    """Top-1 in percent after the last epoch."""
    words = ["transfer", command] if command == "finegrained" else [command]
    settings = [
        model,
        "data=folder",
        f"data.root={data}",
        f"data.images_per_class={each}",
        f"data.val_images_per_class={_MEASURED}",
        f"data.subset_seed={seed}",
        "recipe=short",
        f"recipe.epochs={epochs}",
        f"recipe.lr={rate}",
        f"recipe.seed={seed}",
        "network.input_size=32",
        "data.workers=1",
        "cluster.dashboard=false",
        f"name={name}",
    ]
    subprocess.run(
        [sys.executable, "-m", "chansearch", *words, *settings], check=True, cwd=root, stdout=subprocess.DEVNULL
    )
    with (root / "results" / name / "epochs.csv").open(newline="") as file:
        return float(list(csv.DictReader(file))[-1]["val_top1"])


def _publish(rows: list[dict], options: argparse.Namespace, backbone: float, known: list[str], new: list[str]) -> None:
    def of(start: str, rate: float) -> list[float]:
        return [row["top1"] for row in rows if row["start"] == start and row["lr"] == rate]

    lines = []
    for start in ("the backbone", "fresh weights"):
        for rate in _RATES:
            found = of(start, rate)
            lines.append([start, rate, f"{statistics.fmean(found):.2f}", f"{min(found):.2f} to {max(found):.2f}"])
    best = {
        start: max((of(start, rate) for rate in _RATES), key=statistics.fmean)
        for start in ("the backbone", "fresh weights")
    }
    gains = [ours - theirs for ours, theirs in zip(best["the backbone"], best["fresh weights"], strict=True)]
    spread = statistics.stdev(gains) if len(gains) > 1 else float("nan")
    publish(
        "gain",
        "Fine-tuning beside training from scratch",
        f"Backbone: {', '.join(known)}; {_BACKBONE_IMAGES} images a class, {_BACKBONE_EPOCHS} epochs, top-1 "
        f"{backbone:.2f} on {_MEASURED} test images a class. Then {', '.join(new)}: {options.each} images a class, "
        f"{options.epochs} epochs, top-1 on {_MEASURED} test images a class, {options.seeds} seeds. A seed draws the "
        "images, their order and the fresh weights; the network is ReXNet half as wide, at 32 pixels.",
        markdown(["start", "lr (at 512 images)", "top-1, mean", "least to most"], lines),
        f"Each at its better learning rate, the gain is {statistics.fmean(gains):+.2f} points, standard deviation over "
        f"{len(gains)} seeds {spread:.2f}, least {min(gains):+.2f}, most {max(gains):+.2f}.",
    )
