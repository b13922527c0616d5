"""The trainings of a study, a row a network, and what failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from chansearch.cost import price_spec
from chansearch.space import format_channels
from chansearch.studies.comparison import Spread, values_of
from chansearch.studies.trainings import Training

if TYPE_CHECKING:
    from chansearch.studies.trained import Plan

_MEASURES = ("val_top1", "test_top1", "nuclear_norm", "feature_rank", "effective_rank")


def summary_rows(
    plan: Plan, trainings: Sequence[Training], published: Mapping[str, Mapping[str, float]]
) -> list[dict[str, object]]:
    """For ``data.csv``, a row a network: its costs with the classifier, mean and sample deviation of what was measured
    over its scored trainings, and what is ``published`` of it; an empty cell for what there is not."""
    columns = dict.fromkeys(key for numbers in published.values() for key in numbers)
    rows = []
    for name, spec in plan.networks.items():
        own = [one for one in trainings if one.network == name]
        costs = price_spec(spec)
        row: dict[str, object] = {
            "network": name,
            "stem_channels": spec.stem_channels,
            "channels": format_channels(spec.channels),
            "activation": spec.activation,
            "params": costs["params"],
            "macs": costs["macs"],
            "trainings": len(own),
            "failed": sum(not one.is_scored for one in own),
        }
        for measure in _MEASURES:
            spread = Spread.of(values_of(own, name, measure))
            row[f"{measure}_mean"] = "" if spread is None else spread.mean
            row[f"{measure}_std"] = "" if spread is None or spread.std is None else spread.std
        rows.append(row | {f"published_{key}": published.get(name, {}).get(key, "") for key in columns})
    return rows


def describe_reading(plan: Plan, trainings: Sequence[Training]) -> str:
    """How the numbers of the findings are to be read, with the accuracies that they do not use."""
    spreads = {name: Spread.of(values_of(trainings, name, "val_top1")) for name in plan.networks}
    ranking = ", ".join(f"{name} {'none' if one is None else one.describe(2)}" for name, one in spreads.items())
    return (
        "Top-1 is the test part's, read once at the end; ± behind a difference is its 95 % interval from the noise of "
        "the seeds, pooled over all networks, behind a mean the seeds' standard deviation. "
        f"On the images that rank ({plan.config.data.rank_on}), top-1 is {ranking} %."
    )


def describe_failures(trainings: Sequence[Training]) -> str:
    """A sentence with every failed training, or nothing."""
    failed = [one for one in trainings if not one.is_scored]
    if not failed:
        return ""
    return " Failed: " + "; ".join(f"{one.network}, seed {one.seed} ({one.reason})" for one in failed) + "."
