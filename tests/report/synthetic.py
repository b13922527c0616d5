"""Run directories of made-up trainings, through the door every search uses."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import yaml

from chansearch.config import shipped
from chansearch.cost import price
from chansearch.nets.spec import NetworkSpec
from chansearch.search.candidate import Candidate, CurvePoint, Draws, Origin, Outcome, Record, State
from chansearch.search.rundir import RunDirectory
from chansearch.search.spent import Spent
from chansearch.space import Member, Shape, line_r2

RECORDED = Spent(seconds=100.0, images=3 * 30 * 50_000, eval_seconds=4.0, wall_seconds=101.5)
STRIDES = {5: [2, 4], 9: [4, 8], 13: [5, 9]}


def _budget(constraint: str) -> dict:
    """As ``config.yaml`` holds it; c1's for a constraint that is not shipped."""
    file = shipped("conf") / "constraint" / f"{constraint}.yaml"
    held = yaml.safe_load((file if file.exists() else file.with_name("c1.yaml")).read_text())["budget"]
    return {key: band | {"at_most": None} if isinstance(band, dict) else band for key, band in held.items()}


def config(constraint: str = "c1", blocks: int = 5, seeds: int = 3, candidates: int = 200, **data) -> dict:
    return {
        "name": f"{constraint}-cifar100",
        "constraint": {
            "name": constraint,
            "skeleton": {"blocks": blocks, "stride_blocks": STRIDES.get(blocks, []), "expansion": 6},
            "budget": _budget(constraint),
        },
        "space": {"family": "piecewise", "divisor": 1},
        "data": {"name": "cifar100", "rank_on": "val"} | data,
        "train": {"epochs": 30, "seeds": seeds},
        "fidelity": "paper",
        "sampler": {"name": "tpe", "startup": 20},
        "scheduler": {"name": "none"},
        "search": {"candidates": candidates, "seed": 0, "method": "solve"},
        "provenance": {"chansearch": "0.1.0", "torch": "2.14.1", "python": "3.11.7", "command": "chansearch search"},
    }


def draw_channels(rng: np.random.Generator, blocks: int, width: float = 60) -> tuple[tuple[int, ...], Member]:
    """A hinge or two at random places, about ``width`` wide on average."""
    knots = sorted({1, blocks, *rng.integers(1, blocks + 1, size=rng.integers(0, 3)).tolist()})
    rises = rng.random(len(knots) - 1) * rng.integers(0, 2, size=len(knots) - 1)
    rises[-1] += 1e-3
    values = np.concatenate([[0.0], rises.cumsum()]) / rises.sum()
    values[-1] = 1.0
    shape = Shape(tuple(knots), tuple(values.tolist()))
    b = width * rng.uniform(0.3, 0.8)
    member = Member(a=width * rng.uniform(0.6, 2.0), b=b, shape=shape)
    return member.channels(), member


def make_record(
    number: int,
    top1: Sequence[float] = (60.0, 61.0, 62.0),
    *,
    channels: tuple[int, ...] = (34, 34, 45, 55, 66),
    member: Member | None = None,
    state: State = State.FINISHED,
    origin: Origin = Origin.UNGUIDED,
    test_top1: Sequence[float] = (),
    reason: str = "",
    seeds: Sequence[int] | None = None,
    draws: Draws | None = None,
    spent: Spent = RECORDED,
) -> Record:
    skeleton = NetworkSpec(
        channels=channels,
        strides=tuple(2 if block in STRIDES.get(len(channels), []) else 1 for block in range(1, len(channels) + 1)),
        expansions=(1,) + (6,) * (len(channels) - 1),
    )
    costs = price(skeleton, np.array([channels]), count_classifier=False).row(0)
    candidate = Candidate(
        number=number,
        origin=origin,
        member=member or Member(a=0.0, b=float(channels[0]), shape=Shape.linear(len(channels))),
        channels=channels,
        draws=draws or Draws(drawn=1),
        **costs,
    )
    outcome = Outcome(
        state=state,
        seeds=tuple(range(len(top1))) if seeds is None else tuple(seeds),
        val_top1=tuple(top1),
        test_top1=tuple(test_top1),
        epochs=30,
        spent=spent,
        reason=reason,
    )
    return Record(candidate, outcome)


def population(
    count: int,
    *,
    quality: Callable[[tuple[int, ...]], float] = lambda channels: 62.0,
    noise: float = 0.5,
    seeds: int = 3,
    blocks: int = 5,
    seed: int = 0,
    unguided: int | None = None,
) -> list[Record]:
    """``count`` finished candidates whose top-1 is ``quality(channels)`` and normal noise a seed."""
    rng = np.random.default_rng(seed)
    records = []
    for number in range(count):
        channels, member = draw_channels(rng, blocks)
        top1 = quality(channels) + noise * rng.standard_normal(seeds)
        guided = unguided is not None and number >= unguided
        records.append(
            make_record(
                number,
                top1.tolist(),
                channels=channels,
                member=member,
                test_top1=(top1 - 0.3).tolist(),
                origin=Origin.SAMPLER if guided else Origin.UNGUIDED,
            )
        )
    return records


def linear_is_better(channels: tuple[int, ...]) -> float:
    """Top-1 of a world where the paper is right."""
    return 60.0 + 3.0 * float(line_r2(np.array(channels)))


def curve_points(record: Record, epochs: int = 30) -> list[CurvePoint]:
    """A saturating curve to the record's own accuracies."""
    return [
        CurvePoint(record.candidate.number, seed, epoch, 0.1, 3.0, top1 * (1 - math.exp(-epoch / (epochs / 5))))
        for epoch in range(1, epochs + 1)
        for seed, top1 in zip(record.outcome.seeds, record.outcome.val_top1, strict=False)
    ]


def write_run(path: Path, records: Sequence[Record], settings: dict | None = None, epochs: int = 0) -> RunDirectory:
    run = RunDirectory.create(path, settings or config(candidates=len(records)))
    run.append_curve([point for record in records for point in curve_points(record, epochs) if epochs])
    for record in records:
        run.append_record(record)
    return run
