"""Do two workers train what one does that accumulates twice as often?

    python -m benchmarks workers --images DIR [--images-per-class 60] [--epochs 2]

DIR holds train/ and val/ (or test/) with class folders. rexnet_100 at 64 pixels, batches of 128 as two micro-batches of
64, with all augmentation and dropout, in float32 and bfloat16.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from benchmarks.table import markdown, publish


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks workers", description=__doc__.splitlines()[0])
    parser.add_argument("--images", required=True, help="a folder with train/ and val/ or test/")
    parser.add_argument("--images-per-class", type=int, default=60)
    parser.add_argument("--epochs", type=int, default=2)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        rows = [_compare(options, Path(folder), precision) for precision in ("fp32", "bf16")]
    publish(
        "workers",
        "Two workers beside one that accumulates twice as often",
        f"rexnet_100 at 64 pixels, fresh weights, recipe `short` with RandAugment and random erasing, "
        f"{options.images_per_class} training images of each class in `{Path(options.images).name}`, batch 128 = "
        f"2 x 64, {options.epochs} epochs, gloo, one thread a worker. Largest differences between the two trainings; "
        "the running averages' is relative to the largest of its kind.",
        markdown(("arithmetic", "steps", "train loss", "val top-1", "weights", "running averages"), rows),
    )


def _compare(options: argparse.Namespace, root: Path, precision: str) -> tuple[object, ...]:
    from benchmarks.trainings import Training

    settings = (
        "model=rexnet_100",
        "data=folder",
        f"data.root={Path(options.images).resolve()}",
        f"data.images_per_class={options.images_per_class}",
        "data.val_images_per_class=50",
        "recipe=short",
        "recipe.batch_size=128",
        "recipe.micro_batch=64",
        "recipe.lr=0.1",
        "recipe.auto_augment=rand-m9-mstd0.5",
        "recipe.random_erasing=0.2",
        f"recipe.epochs={options.epochs}",
        f"train.precision={precision}",
    )
    one, two = (Training(root, f"{precision}-{workers}") for workers in (1, 2))
    for workers, training in ((1, one), (2, two)):
        training.end(training.begin(*settings, f"cluster.workers={workers}"))
        if training.code:
            raise SystemExit(f"{training.name}: {training.err}")
    steps = next(line for line in one.out.splitlines() if line.startswith("batch:")).split("; ")[1].split()[0]
    rows = list(zip(one.rows(), two.rows(), strict=True))
    apart = {key: max(abs(float(a[key]) - float(b[key])) for a, b in rows) for key in ("train_loss", "val_top1")}
    ours, theirs = one.network(), two.network()
    averages = {key for key in ours if "running_" in key}
    weights = max((ours[key] - theirs[key]).abs().max().item() for key in ours.keys() - averages)
    drift = max(((ours[key] - theirs[key]).abs().max() / ours[key].abs().max()).item() for key in averages)
    total = int(steps) * options.epochs
    return precision, total, *(f"{value:.2g}" for value in (*apart.values(), weights, drift))
