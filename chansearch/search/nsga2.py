"""Optuna's NSGA-II, whose parents are chosen among all that was trained."""

from __future__ import annotations

import optuna
from optuna.samplers.nsgaii import SBXCrossover
from optuna.trial import FrozenTrial, TrialState


class LosslessNSGA2(optuna.samplers.NSGAIISampler):
    """NSGA-II that forgets no result: a new generation begins with every so many candidates that have ended, and its
    parents are the best of all so far.

    Optuna's chooses them among the generation before and its parents. That loses each candidate whose training ends
    after the next generation has begun: with many workers most of them, and the slow, expensive ones first. And it
    counts those alone that were asked for when there was something to choose from: after a resume, none. A draw that
    was refused is no completed trial, and is in no generation of either.

    Numbers are crossed as in NSGA-II's paper (simulated binary crossover), where Optuna swaps them whole.
    """

    def __init__(self, population: int, seed: int) -> None:
        super().__init__(population_size=population, crossover=SBXCrossover(), seed=seed)

    def get_trial_generation(self, study: optuna.Study, trial: FrozenTrial) -> int:
        """The generation of a trial that is asked for now."""
        return len(_finished(study)) // self.population_size

    def select_parent(self, study: optuna.Study, generation: int) -> list[FrozenTrial]:
        """By rank and crowding, a choice that is private to Optuna's; asked for once a generation."""
        return self._elite_population_selection_strategy(study, _finished(study))


def _finished(study: optuna.Study) -> list[FrozenTrial]:
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
