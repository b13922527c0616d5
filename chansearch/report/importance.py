"""Which of a, b and f's numbers set the best tenth apart: Optuna's PED-ANOVA, beside what chance would give.

Optuna's other evaluators need scikit-learn; this one needs nothing further and is its default.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from chansearch.report.quantities import Quantity
from chansearch.report.shapes import SHAPE
from chansearch.search.candidate import Record

# PED-ANOVA compares the best tenth with all others, and asks for five in it.
LEAST_CANDIDATES = 50
SHUFFLES = 40
CHANCE = 0.95  # share of the shuffles that stay below ``Importance.by_chance``


@dataclass(frozen=True)
class Importance:
    """``value`` is the Pearson divergence of the best tenth from all; ``by_chance`` what shuffled accuracies reach."""

    quantity: Quantity
    value: float
    by_chance: float


def importances(compared: Sequence[Record], ranking: Quantity) -> tuple[Importance, ...]:
    """The most important first; none where there are fewer than ``LEAST_CANDIDATES``, or all are of one shape."""
    columns = {quantity: [quantity.of(record) for record in compared] for quantity in SHAPE}
    columns = {quantity: values for quantity, values in columns.items() if len(set(values)) > 1}
    if len(compared) < LEAST_CANDIDATES or not columns:
        return ()
    top1 = np.array([ranking.of(record) for record in compared])
    rng = np.random.default_rng(0)
    found, *shuffled = _ped_anova(columns, [top1, *(rng.permutation(top1) for _ in range(SHUFFLES))])
    chance = {column: float(np.quantile([one[column] for one in shuffled], CHANCE)) for column in found}
    rows = [Importance(quantity, found[quantity.column], chance[quantity.column]) for quantity in columns]
    return tuple(sorted(rows, key=lambda row: -row.value))


def _ped_anova(columns: dict[Quantity, list[float]], targets: Sequence[np.ndarray]) -> list[dict[str, float]]:
    """What matters for a high value of each target, by column; a study is made once, for that takes longest."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    ranges = {
        quantity.column: optuna.distributions.FloatDistribution(min(values), max(values))
        for quantity, values in columns.items()
    }
    study = optuna.create_study()
    study.add_trials(
        [
            optuna.trial.create_trial(params=dict(zip(ranges, row, strict=True)), distributions=ranges, value=0.0)
            for row in zip(*columns.values(), strict=True)
        ]
    )
    evaluator = optuna.importance.PedAnovaImportanceEvaluator
    with warnings.catch_warnings():  # that it takes low targets as good, which is why they are negated
        warnings.simplefilter("ignore")
        return [
            optuna.importance.get_param_importances(
                study, evaluator=evaluator(), target=lambda trial, target=target: -target[trial.number], normalize=False
            )
            for target in targets
        ]
