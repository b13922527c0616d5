"""A run directory as a table to ask: what did these channels score after that epoch with that seed?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from chansearch.errors import UserError
from chansearch.replay.distance import distances
from chansearch.search.candidate import CurvePoint, Record, last_trainings
from chansearch.search.rundir import RunDirectory
from chansearch.space import format_channels, parse_channels


@dataclass(frozen=True)
class Entry:
    """One epoch of one seed: top-1 in percent. ``test_top1`` is read once, after a training's last epoch; else None."""

    channels: tuple[int, ...]
    candidate: int
    seed: int
    epoch: int
    val_top1: float
    test_top1: float | None
    train_loss: float


@dataclass(frozen=True)
class Table:
    """Every candidate of ``run`` that has ended, ``records`` by channels, and every epoch written of it.

    ``trainings``: candidate number → seed → epoch → point; see ``last_trainings``.
    """

    run: RunDirectory
    records: Mapping[tuple[int, ...], Record]
    trainings: Mapping[int, Mapping[int, Mapping[int, CurvePoint]]]

    @staticmethod
    def of(run: RunDirectory) -> Table:
        """Read a run, finished or not; raises ``UserError`` where a file of it cannot be read."""
        return Table(run, {r.candidate.channels: r for r in run.records()}, last_trainings(run.curves()))

    def query(self, channels: Sequence[int] | str, epoch: int, seed: int) -> Entry:
        """What was recorded; ``channels`` may be written ``"34-34-45-55-66"``, ``epoch`` counts from 1.

        Raises ``UserError``, a ``ValueError``, naming what is recorded where that is not.
        """
        record = self._record(parse_channels(channels) if isinstance(channels, str) else tuple(map(int, channels)))
        name = format_channels(record.candidate.channels)
        seeds = self.trainings.get(record.candidate.number, {})
        if seed not in seeds:
            recorded = ", ".join(map(str, sorted(seeds))) or "none"
            raise UserError(f"seed: {seed} was not recorded for {name}; recorded: {recorded}")
        epochs = seeds[seed]
        if epoch not in epochs:
            raise UserError(
                f"epoch: {epoch} was not recorded for {name}, seed {seed}; recorded: {min(epochs)} to {max(epochs)}"
            )
        point = epochs[epoch]
        test_top1 = _test_top1(record, seed) if epoch == max(epochs) else None
        return Entry(
            record.candidate.channels,
            record.candidate.number,
            seed,
            epoch,
            point.val_top1,
            test_top1,
            point.train_loss,
        )

    def _record(self, channels: tuple[int, ...]) -> Record:
        if channels in self.records:
            return self.records[channels]
        name = format_channels(channels)
        if not self.records:
            raise UserError(f"channels: {name} was not recorded; no candidate of {self.run.path} has ended yet")
        alike = [known for known in self.records if len(known) == len(channels) and min(channels) > 0]
        if not alike:
            blocks = len(next(iter(self.records)))
            raise UserError(f"channels: {name} was not recorded; the run's candidates have {blocks} blocks")
        nearest = alike[int(distances(np.array(alike), np.array(channels)).argmin())]
        raise UserError(
            f"channels: {name} was not recorded; {len(self.records)} candidates were, "
            f"the nearest of them {format_channels(nearest)}"
        )


def _test_top1(record: Record, seed: int) -> float | None:
    """Of the end of the training; ``None`` where it did not reach it."""
    return dict(zip(record.outcome.seeds, record.outcome.test_top1, strict=False)).get(seed)
