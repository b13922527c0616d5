"""Does speed cost accuracy? The same recipe and seeds in float32 on torch's kernels and on the fast engine.

    python -m benchmarks accuracy --images DIR [--constraint c1] [--train-images 10000] [--epochs 8] [--seeds 3]

DIR holds class folders; accuracies are of images held out of training (``val_top1``).
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import statistics
import subprocess
import sys

from benchmarks.models import CONSTRAINTS, best
from benchmarks.table import markdown, publish
from benchmarks.training import BATCH, SIDES

_ENGINES = {
    "float32, torch's kernels": {"precision": "fp32", "kernels": "torch"},
    "fast engine": {"precision": "auto", "kernels": "auto"},
}


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks accuracy", description=__doc__.splitlines()[0])
    parser.add_argument("--images", required=True, help="class folders of images")
    parser.add_argument("--constraint", default="c1", choices=CONSTRAINTS)
    parser.add_argument("--train-images", type=int, default=10_000)
    parser.add_argument("--val-images", type=int, default=4_000)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--pixels", type=int, default=32, help="side of the images; 16 is four times as fast")
    parser.add_argument("--child", nargs=2, metavar=("ENGINE", "SEED"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child:
        engine, seed = options.child
        print(_train(options, _ENGINES[engine], int(seed)))
        return
    waiting = [(engine, seed) for seed in range(options.seeds) for engine in _ENGINES]
    accuracies: dict[str, list[float]] = {engine: [] for engine in _ENGINES}
    while waiting:  # two at a time, a core each
        started = [(engine, _start(arguments, engine, seed)) for engine, seed in waiting[:2]]
        waiting = waiting[2:]
        for engine, child in started:
            accuracies[engine].append(float(child.communicate()[0].strip().splitlines()[-1]))
            print(engine, accuracies[engine], file=sys.stderr, flush=True)
    publish(
        "accuracy",
        "Accuracy: the fast engine against float32",
        f"{options.constraint}'s best model, {options.train_images:,} training images of {options.pixels} pixels, "
        f"{options.epochs} epochs, batch {BATCH}, seeds 0 to {options.seeds - 1}; val top-1 on {options.val_images:,} "
        "images, percent. Difference to float32 with Welch's 95 % interval.",
        markdown(("engine", "seeds", "mean ± deviation", "difference"), _rows(accuracies)),
    )


def _rows(accuracies: dict[str, list[float]]) -> list[tuple[str, ...]]:
    from chansearch.report.significance import welch

    first = next(iter(accuracies.values()))
    rows = []
    for engine, values in accuracies.items():
        spread = statistics.stdev(values) if len(values) > 1 else float("nan")
        difference = "" if values is first else _interval(welch(values, first))
        each = " ".join(f"{value:.2f}" for value in values)
        rows.append((engine, each, f"{statistics.fmean(values):.2f} ± {spread:.2f}", difference))
    return rows


def _interval(difference) -> str:
    reach = "" if difference.low is None else f" ({difference.low:+.2f} to {difference.high:+.2f})"
    return f"{difference.points:+.2f}{reach}"


def _start(arguments: list[str], engine: str, seed: int) -> subprocess.Popen:
    command = [sys.executable, "-m", "benchmarks", "accuracy", *arguments, "--child", engine, str(seed)]
    return subprocess.Popen(command, env=SIDES["ours"].env(), stdout=subprocess.PIPE, text=True)


def _train(options: argparse.Namespace, engine: dict[str, str], seed: int) -> float:
    import torch

    from chansearch.nets import build
    from chansearch.train.config import DataConfig, TrainConfig
    from chansearch.train.data import load
    from chansearch.train.engine import GroupTrainer

    torch.set_num_threads(1)
    data = DataConfig(
        name="folder", root=options.images, train_images=options.train_images, val_images=options.val_images
    )
    network = dataclasses.replace(best(options.constraint), input_size=options.pixels)
    dataset = load(data, network.input_size, network.in_channels)
    recipe = TrainConfig(epochs=options.epochs, patience=None, batch_size=BATCH, device="cpu", **engine)
    *_, last = GroupTrainer(functools.partial(build, network), dataset, recipe, [seed])
    return last.mean_val_top1
