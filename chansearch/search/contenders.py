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

# What an outcome has of each scored seed; the last two where they were asked for.
_OF_A_SEED = ("val_top1", "test_top1", "nuclear_norm", "feature_rank")


@dataclass(frozen=True)
class Further:
    """A training of the second stage: one more seed of a contender."""

    candidate: Candidate
    seed: int


def on_first_seed(record: Record) -> Record:
    """The record as it was before the second stage, but for the time and the retries of that."""
    outcome = record.outcome
    first = dataclasses.replace(outcome, **{name: getattr(outcome, name)[:1] for name in ("seeds", *_OF_A_SEED)})
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
    trained = _by_seed(before)
    failed, reason = before.seeds[len(trained) :], before.reason
    (seed,) = further.seeds
    if further.state.is_scored:
        trained |= _by_seed(further)
    else:
        failed += (seed,)
        reason = "; ".join(filter(None, (reason, f"without seed {seed}: {further.reason}")))
    outcome = dataclasses.replace(
        before,
        seeds=(*sorted(trained), *failed),
        **{
            name: tuple(trained[seed][name] for seed in sorted(trained) if name in trained[seed]) for name in _OF_A_SEED
        },
        epochs=max(before.epochs, further.epochs),
        spent=before.spent + further.spent,
        retries=before.retries + further.retries,
        reason=reason,
    )
    return Record(record.candidate, outcome)


def _by_seed(outcome: Outcome) -> dict[int, dict[str, float]]:
    """Scored seed → what there is of it."""
    there = {name: values for name in _OF_A_SEED if (values := getattr(outcome, name))}
    return {
        seed: {name: values[place] for name, values in there.items()} for place, seed in enumerate(outcome.scored_seeds)
    }
