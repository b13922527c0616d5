"""Run directories made by hand: what an export reads, without a training."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from chansearch.config import compose
from chansearch.cost import price_spec
from chansearch.search.candidate import Candidate, Draws, Origin, Outcome, Record, State
from chansearch.search.plan import make_plan
from chansearch.search.rundir import RunDirectory
from chansearch.space import fit


def make_run(
    path: Path,
    constraint: str,
    ranked: Sequence[tuple[Sequence[int], float | None]],
    *overrides: str,
    classes: int = 10,
) -> RunDirectory:
    """A run of these channels with these accuracies, None for a candidate that failed, in this order."""
    config = compose([f"constraint={constraint}", f"search.candidates={max(1, len(ranked))}", *overrides])
    skeleton = make_plan(config, classes).skeleton
    run = RunDirectory.create(path, dataclasses.asdict(config) | {"provenance": {"classes": classes}})
    for number, (channels, top1) in enumerate(ranked):
        costs = price_spec(skeleton.with_channels(channels), count_classifier=False)
        candidate = Candidate(number, Origin.UNGUIDED, fit(channels), tuple(channels), draws=Draws(1), **costs)
        if top1 is None:
            outcome = Outcome(State.FAILED, (0, 1), reason="seed 0 diverged in epoch 1")
        else:
            accuracies = (top1 - 0.5, top1 + 0.5)
            outcome = Outcome(State.FINISHED, (0, 1), accuracies, accuracies, epochs=30)
        run.append_record(Record(candidate, outcome))
    return run
