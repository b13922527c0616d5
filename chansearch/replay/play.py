"""Playing strategies on draws of a population, the same draws for each of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chansearch.replay.ledger import Ledger, Pool, Step
from chansearch.replay.population import Population
from chansearch.replay.strategies import Strategy


@dataclass(frozen=True)
class Draw:
    """What differs from replay to replay: which candidates there are, in which order, and which seed is the first.

    ``candidates``: rows of the population, int (m,). ``seeds``: a permutation of its seeds, the same for every
    candidate, for a seed decides the order of the images for all of them alike. ``seed`` is the strategy's own.
    """

    candidates: np.ndarray
    seeds: np.ndarray
    seed: int


@dataclass(frozen=True)
class Replay:
    """One strategy on one draw. ``steps``: its incumbents, as rows of the population, and what had been spent then."""

    steps: tuple[Step, ...]
    spent: int

    @property
    def winner(self) -> int:
        return self.steps[-1].incumbent


def draws(population: Population, replays: int, seed: int, candidates: int) -> list[Draw]:
    """Draw number r depends on the population, ``seed``, ``candidates`` and r alone."""
    made = []
    for number in range(replays):
        rng = np.random.default_rng([seed, number])
        order = rng.permutation(population.candidates)[:candidates]
        made.append(Draw(order, rng.permutation(population.seeds), int(rng.integers(2**31))))
    return made


def play(population: Population, strategy: Strategy, draw: Draw) -> Replay:
    """Let the strategy search the drawn candidates. Test accuracies stay here: it gets no way to them."""
    rows = draw.candidates
    pool = Pool(
        channels=population.channels[rows],
        params=population.params[rows],
        macs=population.macs[rows],
        seeds=population.seeds,
        epochs=population.epochs,
    )
    ledger = Ledger(population.val_top1[np.ix_(rows, draw.seeds)])
    strategy.play(pool, ledger, draw.seed)
    return Replay(tuple(Step(step.spent, int(rows[step.incumbent])) for step in ledger.steps), ledger.spent)
