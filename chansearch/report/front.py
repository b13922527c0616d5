"""The Pareto front of a run with several objectives, and how far the noise of the seeds lets it be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from chansearch.report.quantities import LATENCY, MACS, PARAMS, TEST_TOP1, VAL_TOP1, Quantity
from chansearch.search.candidate import Record
from chansearch.search.front import front, judged
from chansearch.search.objectives import Objectives
from chansearch.space import format_channels

REDRAWS = 1000
_QUANTITIES = {"params": PARAMS, "macs": MACS, "latency": LATENCY}

COLUMNS = (
    "candidate",
    "channels",
    "val_top1_mean",
    "val_top1_std",
    "test_top1_mean",
    "params",
    "macs",
    "latency_ms",
    "stays",
)


@dataclass(frozen=True)
class Member:
    """A candidate on the front. ``stays``: the share of redraws in which it is there; None where the noise of the seeds
    is not known."""

    record: Record
    stays: float | None

    @property
    def is_doubtful(self) -> bool:
        """Whether it is beaten in more than half of the redraws."""
        return self.stays is not None and self.stays < 0.5


@dataclass(frozen=True)
class Front:
    """The candidates that no other beats in every objective, the cheapest first, out of ``candidates``."""

    objectives: Objectives
    members: tuple[Member, ...]
    candidates: int
    standard_error: float | None

    @property
    def costs(self) -> tuple[Quantity, ...]:
        """Those that are objectives."""
        return tuple(_QUANTITIES[name] for name in self.objectives.costs)


def front_of(records: Sequence[Record], objectives: Objectives, standard_error: float | None) -> Front | None:
    """None for accuracy alone. ``standard_error``: of a candidate's mean accuracy, in points; None if it is unknown."""
    if not objectives.are_several:
        return None
    candidates, points = judged(records, objectives)
    places = {record: place for place, record in enumerate(candidates)}
    members = front(records, objectives)
    if standard_error is None:
        shares = [None] * len(members)
    else:
        shares = stay_shares(points, [places[record] for record in members], standard_error)
    pairs = zip(members, shares, strict=True)
    return Front(objectives, tuple(Member(*pair) for pair in pairs), len(candidates), standard_error)


def stay_shares(points: np.ndarray, members: Sequence[int], standard_error: float) -> list[float]:
    """Of each member, the share of ``REDRAWS`` in which nothing that costs no more is as accurate.

    ``points`` (n, k): minus the accuracy, then costs. A redraw adds to every accuracy the noise of its mean; costs are
    exact.
    """
    costs = points[:, 1:]
    noise = np.random.default_rng(0).standard_normal((REDRAWS, len(points)))
    accuracies = standard_error * noise - points[:, 0]
    shares = []
    for member in members:
        rivals = (costs <= costs[member]).all(axis=1)
        rivals[member] = False
        best = accuracies[:, rivals].max(axis=1, initial=-np.inf)
        shares.append(float((accuracies[:, member] > best).mean()))
    return shares


def front_rows(members: Sequence[Member]) -> list[dict]:
    """Rows of ``front.csv`` by ``COLUMNS``: percent and plain counts; an empty string where there is no value."""
    return [
        {
            "candidate": member.record.candidate.number,
            "channels": format_channels(member.record.candidate.channels),
            "val_top1_mean": VAL_TOP1.of(member.record),
            "val_top1_std": member.record.val_top1_std if len(member.record.outcome.val_top1) > 1 else "",
            "test_top1_mean": _or_empty(TEST_TOP1.of(member.record)),
            **{quantity.column: _or_empty(quantity.of(member.record)) for quantity in _QUANTITIES.values()},
            "stays": _or_empty(member.stays),
        }
        for member in members
    ]


def _or_empty(value: float | None) -> float | str:
    return "" if value is None else value
