"""Made-up populations whose truth is known, as arrays and as run directories."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from chansearch.config import from_plain
from chansearch.replay.population import Population
from chansearch.search.candidate import Candidate, CurvePoint, Outcome, Record, State
from chansearch.search.plan import make_plan
from chansearch.search.propose import Proposer
from chansearch.search.rundir import RunDirectory
from chansearch.space import line_r2
from tests.report.synthetic import config


def candidates(count: int, seed: int = 0) -> list[Candidate]:
    """Unguided candidates of c1, as a search would draw them."""
    problem = make_plan(from_plain(config(), "test"), classes=100).problem
    proposer = Proposer(problem, "random", seed, startup=2)
    return [proposer.propose().candidate for _ in range(count)]


def curves(
    quality: np.ndarray, *, seeds: int = 3, epochs: int = 30, noise: float = 0.0, crossing: float = 0.0, seed: int = 0
) -> np.ndarray:
    """val_top1, percent, (n, seeds, epochs): saturating at ``quality`` plus a seed's normal ``noise``.

    ``crossing``: normal spread of how fast a candidate gets there, so that early epochs rank otherwise than late ones;
    0 keeps the order at every epoch.
    """
    rng = np.random.default_rng(seed)
    count = len(quality)
    speed = 5 * np.exp(-crossing * rng.standard_normal((count, 1, 1)))
    ends = quality[:, None, None] + noise * rng.standard_normal((count, seeds, 1))
    epoch = np.arange(1, epochs + 1)
    wobble = noise * rng.standard_normal((count, seeds, epochs)) * (1 - epoch / epochs)
    return ends * (1 - 0.6 * np.exp(-epoch / (speed * epochs / 30))) + wobble


def population(count: int = 40, *, seeds: int = 3, epochs: int = 30, seed: int = 0, **noise: float) -> Population:
    """Qualities evenly spread over three points, in random order; without noise candidates rank the same anywhere."""
    drawn = candidates(count, seed)
    quality = 60 + 3 * np.random.default_rng(seed).permutation(count) / count
    val = curves(quality, seeds=seeds, epochs=epochs, seed=seed, **noise)
    return Population(
        channels=np.array([candidate.channels for candidate in drawn]),
        params=np.array([candidate.params for candidate in drawn]),
        macs=np.array([candidate.macs for candidate in drawn]),
        val_top1=val,
        test_top1=val[:, :, -1] - 0.3,
        left_out=0,
    )


def points(number: int, seeds: Sequence[int], top1: np.ndarray) -> list[CurvePoint]:
    """``top1`` (seeds, epochs) as a search writes it, epoch by epoch."""
    return [
        CurvePoint(number, seed, epoch + 1, 0.1, float(4 - epoch / 10), float(top1[row, epoch]))
        for epoch in range(top1.shape[1])
        for row, seed in enumerate(seeds)
    ]


def write_run(
    path: Path, count: int = 12, *, seeds: int = 2, epochs: int = 9, noise: float = 0.2, **settings
) -> RunDirectory:
    """A finished run of c1 in which lines are better, with every epoch of every seed."""
    drawn = candidates(count)
    quality = np.array([60 + 3 * float(line_r2(np.array(candidate.channels))) for candidate in drawn])
    val = curves(quality, seeds=seeds, epochs=epochs, noise=noise)
    held = config(candidates=count, seeds=seeds)
    held["train"] = {"epochs": epochs, "seeds": seeds}
    run = RunDirectory.create(path, held | settings)
    for candidate, top1 in zip(drawn, val, strict=True):
        run.append_curve(points(candidate.number, range(seeds), top1))
        run.append_record(Record(candidate, finished(top1)))
    return run


def finished(top1: np.ndarray) -> Outcome:
    """The outcome of curves (seeds, epochs); test accuracies are 0.3 points lower."""
    ends = tuple(top1[:, -1].tolist())
    tests = tuple(end - 0.3 for end in ends)
    return Outcome(State.FINISHED, tuple(range(len(ends))), ends, tests, epochs=top1.shape[1])
