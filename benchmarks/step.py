"""Where a training step of ours goes, and what share of the machine's own limit it is.

    python -m benchmarks step [--constraints c1,c2,c3,c4]

One process of one thread with the workers' environment: run it beside nothing else. Shares are self times of torch's
profiler over some steps; the step itself is timed without the profiler.
"""

from __future__ import annotations

import argparse
import collections
import functools
import statistics
import subprocess
import sys
import time

from benchmarks.models import CONSTRAINTS, best
from benchmarks.table import markdown, number, publish
from benchmarks.training import BATCH, SIDES

# Names of operations, by what they are for. The first that fits counts.
_PARTS = {
    "1×1 and stem convolutions": ("aten::mkldnn_convolution", "aten::convolution_backward"),
    "BatchNorm + activation": ("BatchNormAct",),
    "depthwise convolutions": ("Depthwise3x3",),
    "optimizer": ("Optimizer", "aten::add_", "aten::mul_"),
}
_AUGMENT = "augmentation and normalisation"
_STEPS = 6


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks step", description=__doc__.splitlines()[0])
    parser.add_argument("--constraints", default=",".join(CONSTRAINTS))
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child:
        print("\t".join(_measure(options.constraints)))
        return
    rows = []
    for constraint in options.constraints.split(","):
        command = [sys.executable, "-m", "benchmarks", "step", "--child", "--constraints", constraint]
        answer = subprocess.run(command, env=SIDES["ours"].env(), check=True, stdout=subprocess.PIPE, text=True)
        rows.append((constraint, *answer.stdout.strip().splitlines()[-1].split("\t")))
    columns = ("model", "images/s", "GFLOP/s", "of the matrix rate", *_PARTS, _AUGMENT, "rest")
    publish(
        "step",
        "A training step: where it goes",
        f"One process of one thread, batch {BATCH}. GFLOP/s: MACs × 2 × 3 passes × images/s; the matrix rate is that "
        "of a bfloat16 matrix product in the same process. Augmentation is timed on its own and is part of the rest in "
        "the profile.",
        markdown(columns, rows),
    )


def _measure(constraint: str) -> list[str]:
    import torch

    from chansearch.cost import price_spec
    from chansearch.nets import build
    from chansearch.report.cost import train_flops
    from chansearch.train.augment import augment, draw
    from chansearch.train.config import TrainConfig
    from chansearch.train.engine import noise
    from chansearch.train.rate import measure_matrix_rate
    from chansearch.train.seedrun import SeedRun
    from chansearch.train.workbench import Workbench

    torch.set_num_threads(1)
    config = TrainConfig(batch_size=BATCH, device="cpu")
    bench = Workbench(noise(8 * BATCH, 32, 3, 10), config)
    run = SeedRun(functools.partial(build, best(constraint)), bench, seed=0)
    draws = draw(8 * BATCH, bench.augmentation, seed=0, epoch=1, device=bench.device)

    def seconds(work) -> float:
        times = []
        for step in range(_STEPS + 2):
            start = time.perf_counter()
            work(step % 8)
            times.append(time.perf_counter() - start)
        return statistics.median(times[2:])

    def prepare(step: int) -> None:
        batch = slice(step * BATCH, (step + 1) * BATCH)
        images = bench.train.images[draws.order[batch]]
        bench.normalise(augment(images, draws.rows[batch], draws.columns[batch], draws.mirrored[batch], 4))

    rate = measure_matrix_rate(bench.device, bench.dtype)
    step = seconds(lambda number: run.train_step(draws, number, rate=0.01))
    prepared = seconds(prepare)
    with torch.profiler.profile() as profile:
        for number_ in range(_STEPS):
            run.train_step(draws, number_, rate=0.01)
    flops = train_flops(price_spec(best(constraint))["macs"], BATCH) / step
    *parts, rest = (f"{share:.0%}" for share in _shares(profile))
    whole = (number(BATCH / step), number(flops / 1e9), f"{flops / rate:.0%}")
    return [*whole, *parts, f"{prepared / step:.1%}", rest]


def _shares(profile) -> list[float]:
    """Of the parts, then of the rest."""
    spent = collections.Counter()
    for event in profile.key_averages():
        part = next((part for part, names in _PARTS.items() if event.key.startswith(names)), "rest")
        spent[part] += event.self_cpu_time_total
    return [spent[part] / spent.total() for part in (*_PARTS, "rest")]
