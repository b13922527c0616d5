"""Training: the plain PyTorch recipe beside ours, step by step, on the best published models of c1 to c4.

    python -m benchmarks training [--images DIR] [--rounds 3] [--constraints c1,c2,c3,c4]

Every side trains the same network, batch 128, SGD, crop and mirror, forward, backward and step, on two CPU cores. The
sides take turns, each in processes of its own, started anew for every round with the environment that belongs to it.
"""

from __future__ import annotations

import argparse
import functools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.models import CONSTRAINTS, best
from benchmarks.table import Spread, markdown, number, publish

BATCH = 128
_FEWEST_STEPS = 2


@dataclass(frozen=True)
class Side:
    """One way to train: what it is, how many processes and threads, and what is switched on."""

    title: str
    processes: int = 2
    threads: int = 1
    precision: str = "fp32"
    kernels: str = "torch"
    pool: bool = True  # the head's gradient in the order that CPUs want
    environment: tuple[str, ...] = ()  # prefixes of the variables of WORKER_ENV that are set
    plain: bool = False
    constraints: tuple[str, ...] = ("c1",)

    def env(self) -> dict[str, str]:
        from chansearch.train.environment import WORKER_ENV

        chosen = {key: value for key, value in WORKER_ENV.items() if key.startswith(self.environment)}
        threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(self.threads))
        inherited = {key: value for key, value in os.environ.items() if key not in WORKER_ENV}
        return inherited | threads | chosen


_ALLOCATOR = ("MALLOC",)
SIDES = {
    "plain": Side(
        "plain recipe: ImageFolder, DataLoader with 2 workers, fp32, NCHW",
        processes=1,
        threads=2,
        plain=True,
        constraints=CONSTRAINTS,
    ),
    "tensors": Side("images as tensors, augmented in batches, channels_last; two processes of one thread", pool=False),
    "allocator": Side("+ glibc keeps freed memory", pool=False, environment=_ALLOCATOR),
    "pool": Side("+ the pool's gradient in channels_last", environment=_ALLOCATOR),
    "bf16": Side("+ bf16, input gradient of stride-2 depthwise", precision="auto", environment=_ALLOCATOR),
    "native": Side("+ kernels of our own", precision="auto", kernels="native", environment=_ALLOCATOR),
    "ours": Side(
        "ours: + pages of 2 MB",
        precision="auto",
        kernels="native",
        environment=("MALLOC", "GLIBC"),
        constraints=CONSTRAINTS,
    ),
    "ours fp32": Side("ours in fp32", kernels="native", environment=("MALLOC", "GLIBC"), constraints=("c1", "c4")),
}


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks training", description=__doc__.splitlines()[0])
    parser.add_argument("--images", help="class folders of images, 32×32 or larger; default: random JPEGs")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=6.0, help="of one measurement")
    parser.add_argument("--constraints", default=",".join(CONSTRAINTS))
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child:
        _child(SIDES[options.child], options.constraints, options.images, options.seconds)
        return
    with tempfile.TemporaryDirectory() as scratch:
        images = options.images or _random_jpegs(Path(scratch))
        chosen = options.constraints.split(",")
        # Images/s of all processes together, a round each.
        results = {(name, side): [] for name in chosen for side in SIDES if name in SIDES[side].constraints}
        for _ in range(options.rounds):
            for (name, side), rates in results.items():
                rates.append(_round(side, name, images, options.seconds))
                print(f"{name} {side}: {rates[-1]:.0f} images/s", file=sys.stderr, flush=True)
    publish(
        "training",
        "Training: images a second",
        f"Batch {BATCH}, the best published model of each constraint, forward, backward and step; all processes "
        f"together, median of {options.rounds} rounds (least to most). The sides took turns.",
        _table(results),
    )


def _table(results: dict[tuple[str, str], list[float]]) -> str:
    rows = []
    for (name, side), rates in results.items():
        plain = Spread.of(results[name, "plain"]).median
        spread = Spread.of(rates)
        rows.append((name, SIDES[side].title, spread, f"{number(spread.median / plain)}×"))
    return markdown(("model", "side", "images/s", "of plain"), rows)


def _round(side: str, constraint: str, images: str, seconds: float) -> float:
    """All processes of a side warm up, then train at the same time."""
    command = [sys.executable, "-m", "benchmarks", "training", "--child", side]
    command += ["--constraints", constraint, "--images", images, "--seconds", str(seconds)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    children = [subprocess.Popen(command, env=SIDES[side].env(), **pipes) for _ in range(SIDES[side].processes)]
    for child in children:
        if child.stdout.readline() != "ready\n":
            raise SystemExit(f"{side} on {constraint} failed to start")
    for child in children:
        child.stdin.write("go\n")
        child.stdin.flush()
    return sum(float(child.communicate()[0]) for child in children)


def _child(side: Side, constraint: str, images: str, seconds: float) -> None:
    import torch

    torch.set_num_threads(side.threads)
    steps = _plain_steps(constraint, images) if side.plain else _our_steps(side, constraint)
    for _ in range(3):  # allocate, choose kernels
        next(steps)
    print("ready", flush=True)
    sys.stdin.readline()
    start, done = time.perf_counter(), 0
    while done < _FEWEST_STEPS or time.perf_counter() - start < seconds:
        next(steps)
        done += 1
    print(done * BATCH / (time.perf_counter() - start))


def _plain_steps(constraint: str, images: str) -> Iterator[None]:
    """What a tutorial on CIFAR-sized images does."""
    import torch
    from torchvision import transforms
    from torchvision.datasets import ImageFolder

    from chansearch.nets import build

    recipe = [
        transforms.RandomCrop(32, padding=4),
        transforms.RandomHorizontalFlip(),
        transforms.ToTensor(),
        transforms.Normalize((0.5,) * 3, (0.25,) * 3),
    ]
    folder = ImageFolder(images, transforms.Compose(recipe))
    loader = torch.utils.data.DataLoader(folder, BATCH, shuffle=True, num_workers=2, drop_last=True)
    model = build(best(constraint))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, nesterov=True, weight_decay=5e-4)
    while True:
        for batch, labels in loader:
            loss = torch.nn.functional.cross_entropy(model(batch), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            yield


def _our_steps(side: Side, constraint: str) -> Iterator[None]:
    """The engine's own steps, with what a side leaves out taken out of it."""
    from chansearch.nets import build
    from chansearch.train import seedrun
    from chansearch.train.augment import draw
    from chansearch.train.config import TrainConfig
    from chansearch.train.engine import noise
    from chansearch.train.workbench import Workbench

    if not side.pool:
        seedrun.replace_average_pool = lambda model: None
    config = TrainConfig(precision=side.precision, kernels=side.kernels, batch_size=BATCH, device="cpu")
    bench = Workbench(noise(8 * BATCH, 32, 3, 10), config)
    run = seedrun.SeedRun(functools.partial(build, best(constraint)), bench, seed=0)
    draws = draw(8 * BATCH, bench.augmentation, seed=0, epoch=1, device=bench.device)
    while True:
        for step in range(8):
            run.train_step(draws, step, rate=0.01)
            yield


def _random_jpegs(folder: Path) -> str:
    """Two classes of noise: decoding takes as long as it does for photographs of this size, or somewhat longer."""
    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(0)
    for label in ("a", "b"):
        (folder / label).mkdir()
        for index in range(1000):
            pixels = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / label / f"{index}.jpg", quality=90)
    return str(folder)
