"""Optuna's tree-structured Parzen estimator, asked only for what can be trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import optuna
from optuna.distributions import BaseDistribution

Draws = Sequence[Mapping[str, float]]


class SelectiveTPE(optuna.samplers.TPESampler):
    """TPE that takes the best of the draws that are admissible, where Optuna's takes the best and lets it be refused.

    A model that has found a good spot draws there again and again: what it holds for best is then a candidate of the
    run already, and a whole model was fitted for nothing. TPE weighs some dozen draws from one model anyway; those that
    miss the budget or were proposed before lose here, before the choice. Where none is left the choice is Optuna's own.
    """

    def __init__(
        self,
        admissible: Callable[[Draws], np.ndarray],
        distributions: Mapping[str, BaseDistribution],
        seed: int,
    ) -> None:
        """``admissible`` gives a bool for each of some draws, every one a value for each of ``distributions``."""
        super().__init__(seed=seed, n_startup_trials=1, multivariate=True, constant_liar=True)
        self._admissible = admissible
        self._distributions = distributions

    def _compute_acquisition_func(self, samples: dict[str, np.ndarray], *models) -> np.ndarray:
        """Optuna's hook for the worth of each draw, private to it: without it this would be plain TPE again."""
        worth = super()._compute_acquisition_func(samples, *models)
        # Before anything was told, numbers are drawn one by one, and one number is no candidate.
        if samples.keys() != self._distributions.keys():
            return worth
        columns = {
            name: [self._distributions[name].to_external_repr(value) for value in values.tolist()]
            for name, values in samples.items()
        }
        draws = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        return np.where(self._admissible(draws), worth, -np.inf)
