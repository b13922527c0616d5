"""What a strategy has paid for, what it has seen for it, and what it would hand out if it were stopped now."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Pool:
    """What is known of a replay's m candidates before any is trained; they stand in the replay's random order."""

    channels: np.ndarray  # int (m, d)
    params: np.ndarray  # int (m,)
    macs: np.ndarray  # int (m,)
    seeds: int
    epochs: int

    def __len__(self) -> int:
        return len(self.channels)


@dataclass(frozen=True)
class Step:
    """From ``spent`` seed-epochs on, ``incumbent`` (a number of the pool) is what the strategy would hand out."""

    spent: int
    incumbent: int


class Ledger:
    """Gives out validation accuracies against seed-epochs: one epoch of one seed of one candidate costs 1, once.

    The incumbent, by one rule for all strategies: of the candidates with the most seed-epochs the one with the best
    mean over its seeds, each after its last epoch; the earlier one where two are equal.
    """

    def __init__(self, val_top1: np.ndarray) -> None:
        """``val_top1``: percent, (m, seeds, epochs)."""
        self._val_top1 = val_top1
        self._trained = np.zeros(val_top1.shape[:2], dtype=int)  # epochs, (m, seeds)
        self._best: tuple[int, float] = (0, -np.inf)  # seed-epochs and mean of the incumbent
        self._steps: list[Step] = []
        self._spent = 0

    @property
    def spent(self) -> int:
        return self._spent

    @property
    def steps(self) -> tuple[Step, ...]:
        """The incumbents one after another; the first appears when the first training has been paid."""
        return tuple(self._steps)

    def train(self, candidate: int, seeds: int, epochs: int) -> float:
        """Train the first ``seeds`` seeds of a candidate up to ``epochs``; their mean val_top1 after that epoch.

        Only epochs that were not trained before are charged.
        """
        trained = self._trained[candidate]
        before = trained.sum()
        trained[:seeds] = np.maximum(trained[:seeds], epochs)
        self._spent += int(trained.sum() - before)
        self._note(candidate)
        return float(self._val_top1[candidate, :seeds, epochs - 1].mean())

    def _note(self, candidate: int) -> None:
        trained = self._trained[candidate]
        begun = np.flatnonzero(trained)
        standing = (int(trained.sum()), float(self._val_top1[candidate, begun, trained[begun] - 1].mean()))
        # A candidate's seed-epochs only grow, so whoever led stays ahead of all that were behind it.
        if standing > self._best:
            self._best = standing
            if not self._steps or self._steps[-1].incumbent != candidate:
                self._steps.append(Step(self._spent, candidate))
