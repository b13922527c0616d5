"""The part of a table that can be replayed: candidates with every seed and every epoch, as arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chansearch.errors import UserError
from chansearch.replay.table import Table
from chansearch.search.candidate import Record, State

LEAST = 10  # candidates: fewer have no tenth


@dataclass(frozen=True)
class Population:
    """n candidates by number, s seeds, e epochs; top-1 in percent.

    ``left_out`` candidates of the run lack a seed or an epoch: stopped early or at a rung, failed, or trained with
    one seed only.
    """

    channels: np.ndarray  # int (n, d)
    params: np.ndarray  # int (n,)
    macs: np.ndarray  # int (n,)
    val_top1: np.ndarray  # (n, s, e)
    test_top1: np.ndarray  # (n, s), after the last epoch
    left_out: int

    @property
    def candidates(self) -> int:
        return self.val_top1.shape[0]

    @property
    def seeds(self) -> int:
        return self.val_top1.shape[1]

    @property
    def epochs(self) -> int:
        return self.val_top1.shape[2]

    @staticmethod
    def of(table: Table) -> Population:
        """Raises ``UserError`` where fewer than ``LEAST`` candidates are whole."""
        seeds, epochs = _recorded(table)
        kept = [record for record in table.records.values() if _is_whole(table, record, seeds, epochs)]
        if len(kept) < LEAST:
            raise UserError(
                f"run: {table.run.path} has {len(kept)} candidates with all {len(seeds)} seeds and all {epochs} "
                f"epochs, of {len(table.records)}; a replay needs {LEAST} or more"
            )
        kept.sort(key=lambda record: record.candidate.number)
        return Population(
            channels=np.array([record.candidate.channels for record in kept]),
            params=np.array([record.candidate.params for record in kept]),
            macs=np.array([record.candidate.macs for record in kept]),
            val_top1=np.array([_curves(table, record, seeds, epochs) for record in kept]),
            test_top1=np.array([_tests(record, seeds) for record in kept]),
            left_out=len(table.records) - len(kept),
        )


def _recorded(table: Table) -> tuple[tuple[int, ...], int]:
    """All seeds that occur, and the last epoch of any."""
    trainings = [table.trainings.get(record.candidate.number, {}) for record in table.records.values()]
    seeds = sorted({seed for by_seed in trainings for seed in by_seed})
    return tuple(seeds), max((max(points) for by_seed in trainings for points in by_seed.values()), default=0)


def _is_whole(table: Table, record: Record, seeds: tuple[int, ...], epochs: int) -> bool:
    by_seed = table.trainings.get(record.candidate.number, {})
    every_epoch = all(len(by_seed.get(seed, {})) == epochs for seed in seeds)  # different ones, of 1 to epochs
    tested = len(record.outcome.test_top1) == len(record.outcome.seeds) == len(seeds)
    return record.outcome.state is State.FINISHED and tested and every_epoch and epochs > 0


def _curves(table: Table, record: Record, seeds: tuple[int, ...], epochs: int) -> list[list[float]]:
    by_seed = table.trainings[record.candidate.number]
    return [[by_seed[seed][epoch].val_top1 for epoch in range(1, epochs + 1)] for seed in seeds]


def _tests(record: Record, seeds: tuple[int, ...]) -> list[float]:
    by_seed = dict(zip(record.outcome.seeds, record.outcome.test_top1, strict=True))
    return [by_seed[seed] for seed in seeds]
