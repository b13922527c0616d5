"""The second stage of ``scheduler=contenders``: further seeds for the candidates that were best on the first.

In the first stage every candidate trains seed 0 alone. When the last of them has ended, the best few train the seeds
that are left, each a training of its own, so that no worker waits for another's and a kill costs one of them at most.
Pure functions of records: a resume and the report find the same contenders that the search had.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass

from chansearch.search.candidate import Candidate, Outcome, Record, ranked

FIRST_SEED = 0


@dataclass(frozen=True)
class Further:
    """A training of the second stage: one more seed of a contender."""

    candidate: Candidate
    seed: int


def on_first_seed(record: Record) -> Record:
    """The record as it was before the second stage, but for the time and the retries of that."""
    outcome = record.outcome
    first = dataclasses.replace(
        outcome, seeds=outcome.seeds[:1], val_top1=outcome.val_top1[:1], test_top1=outcome.test_top1[:1]
    )
    return Record(record.candidate, first)


def contenders(records: Iterable[Record], count: int) -> list[Record]:
    """The ``count`` best on the first seed, best first, as they are now; fewer where fewer were trained to the end."""
    now = {record.candidate.number: record for record in records}
    best = ranked(map(on_first_seed, now.values()))[:count]
    return [now[record.candidate.number] for record in best]


def left(records: Iterable[Record], count: int, seeds: int) -> list[Further]:
    """What the second stage has yet to train so that the ``count`` contenders have ``seeds`` seeds each.

    The best contender first. A seed that has failed was tried, and is not tried again.
    """
    return [
        Further(record.candidate, seed)
        for record in contenders(records, count)
        for seed in range(seeds)
        if seed not in record.outcome.seeds
    ]


def joined(record: Record, further: Outcome) -> Record:
    """A contender's record after one more seed, the seeds in their own order. One that failed is a seed without an
    accuracy, and a reason: what there was before stays in force."""
    before = record.outcome
    trained = {
        seed: (val, test)
        for seed, val, test in zip(before.scored_seeds, before.val_top1, before.test_top1, strict=True)
    }
    failed, reason = before.seeds[len(trained) :], before.reason
    (seed,) = further.seeds
    if further.state.is_scored:
        trained[seed] = further.val_top1[0], further.test_top1[0]
    else:
        failed += (seed,)
        reason = "; ".join(filter(None, (reason, f"without seed {seed}: {further.reason}")))
    outcome = dataclasses.replace(
        before,
        seeds=(*sorted(trained), *failed),
        val_top1=tuple(trained[seed][0] for seed in sorted(trained)),
        test_top1=tuple(trained[seed][1] for seed in sorted(trained)),
        epochs=max(before.epochs, further.epochs),
        spent=before.spent + further.spent,
        retries=before.retries + further.retries,
        reason=reason,
    )
    return Record(record.candidate, outcome)
