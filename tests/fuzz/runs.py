"""Run directories with all that a search records, made without one."""

from __future__ import annotations

import dataclasses
import random
from pathlib import Path

from chansearch.config import compose
from chansearch.cost import price_spec
from chansearch.search.candidate import Candidate, CurvePoint, Draws, Origin, Outcome, Record, State
from chansearch.search.plan import make_plan
from chansearch.search.rundir import RunDirectory
from chansearch.search.spent import SessionTime, Spent
from chansearch.space import fit

CANDIDATES = 14
EPOCHS = 3
SEEDS = (0, 1)
OVERRIDES = (
    "constraint=demo",
    "data=digits",
    "fidelity=demo",
    f"search.candidates={CANDIDATES + 2}",
    f"train.epochs={EPOCHS}",
    "train.seeds=2",
)


def make_recorded_run(path: Path) -> RunDirectory:
    """A run that was cut off two candidates before its end; one candidate failed, one stopped early."""
    chance = random.Random(0)
    config = compose(OVERRIDES)
    problem = make_plan(config, 10).problem
    run = RunDirectory.create(path, dataclasses.asdict(config) | {"provenance": {"classes": 10, "chansearch": "1"}})
    for number in range(CANDIDATES):
        channels = sorted(chance.sample(range(8, 60), problem.skeleton.blocks))
        costs = price_spec(problem.skeleton.with_channels(channels), count_classifier=False)
        origin = Origin.UNGUIDED if number < 8 else Origin.SAMPLER
        candidate = Candidate(number, origin, fit(channels), tuple(channels), draws=Draws(2, 1), **costs)
        run.append_record(Record(candidate, _outcome(number, chance)))
        for epoch in range(1, EPOCHS + 1):
            run.append_curve(
                CurvePoint(number, seed, epoch, 0.1 / epoch, 2.0 / epoch, chance.uniform(40, 60)) for seed in SEEDS
            )
    run.write_sessions([SessionTime("2026-01-01 00:00:00", 2, 1, "cpu", "float32", 1e9, 1.5, 60.0)])
    (path / ".lock").touch()
    return run


def _outcome(number: int, chance: random.Random) -> Outcome:
    spent = Spent(seconds=chance.uniform(1, 9), images=1000, eval_seconds=0.5, wall_seconds=10.0)
    if number == 3:
        return Outcome(State.FAILED, SEEDS, reason="seed 0 diverged in epoch 1", spent=spent)
    accuracies = tuple(chance.uniform(40, 60) for _ in SEEDS)
    state = State.STOPPED_EARLY if number == 5 else State.FINISHED
    return Outcome(state, SEEDS, accuracies, accuracies, epochs=EPOCHS, spent=spent)
