"""How well the latency of a search's candidates is measured beside its workers.

    python -m benchmarks meter [--constraints c1,c3] [--candidates 5]

Candidates are measured while the machine is quiet, twice, and then beside as many training processes as there are
cores: run it beside nothing else.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from benchmarks.models import best, problem
from benchmarks.table import markdown, publish

_WARM = 10.0  # seconds until the processes beside are at their work


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks meter", description=__doc__.splitlines()[0])
    parser.add_argument("--constraints", default="c1,c3")
    parser.add_argument("--candidates", type=int, default=5)
    parser.add_argument("--train", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.train:
        _train(options.train)
    rows = [_row(constraint, options.candidates) for constraint in options.constraints.split(",")]
    publish(
        "meter",
        "Latency beside the workers",
        f"{options.candidates} candidates each, eager, one image, one thread; beside: one training process a core. "
        "Errors are those of a second measurement against the first, which was quiet: mean, and largest. Without the "
        "ratio: wall-clock time of the reference alone.",
        markdown(["constraint", "ratio, quiet again", "ratio, beside", "without the ratio, beside"], rows),
    )


def _row(constraint: str, count: int) -> list[str]:
    from chansearch.cost.engines import Setting
    from chansearch.cost.meter import Meter
    from chansearch.search.propose import Proposer

    searched = problem(f"constraint={constraint}", classes=10)
    proposer = Proposer(searched, "random", 0, startup=count + 1)
    reference, *others = (
        searched.skeleton.with_channels(proposer.propose().candidate.channels) for _ in range(count + 1)
    )
    meter = Meter(reference, Setting())
    try:
        alone = statistics.median(meter.quiet_seconds())
        quiet, again = ([statistics.median(meter.ratios(one)) for one in others] for _ in range(2))
        with _busy(constraint):
            beside = [statistics.median(meter.ratios(one)) for one in others]
            slowed = [statistics.median(meter.quiet_seconds()) for _ in range(3)]
    finally:
        meter.close()
    return [constraint, _errors(again, quiet), _errors(beside, quiet), _errors(slowed, [alone] * len(slowed))]


def _errors(values: Sequence[float], truth: Sequence[float]) -> str:
    errors = [abs(value / true - 1) for value, true in zip(values, truth, strict=True)]
    return f"{statistics.fmean(errors):.1%}, {max(errors):.1%}"


@contextmanager
def _busy(constraint: str) -> Iterator[None]:
    command = [sys.executable, "-m", "benchmarks", "meter", "--train", constraint]
    processes = [subprocess.Popen(command) for _ in os.sched_getaffinity(0)]
    time.sleep(_WARM)
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def _train(constraint: str) -> None:
    """Train the best published model of a constraint on noise, for ever."""
    import torch

    from chansearch.nets import build

    torch.set_num_threads(1)
    network = build(best(constraint))
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
    images, labels = torch.rand(128, 3, 32, 32), torch.randint(0, 10, (128,))
    while True:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(network(images), labels).backward()
        optimizer.step()
