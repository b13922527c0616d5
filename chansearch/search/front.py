"""The Pareto front: the candidates that no other beats.

n points of k values, each to be low. One dominates another where it is nowhere higher and somewhere lower. Equal points
do not dominate each other: where one is on the front, so are all.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from chansearch.search.candidate import Record
from chansearch.search.objectives import Objectives


def non_dominated(points: np.ndarray) -> np.ndarray:
    """Which of the points (n, k) no other dominates, bool (n,)."""
    kept = np.zeros(len(points), dtype=bool)
    front = np.empty((0, points.shape[1]))
    # In this order what dominates a point comes before it, and is kept or dominated by one that is.
    for place in np.lexsort(points.T[::-1]):
        point = points[place]
        if not ((front <= point).all(axis=1) & (front < point).any(axis=1)).any():
            kept[place] = True
            front = np.vstack([front, point])
    return kept


def judged(records: Iterable[Record], objectives: Objectives) -> tuple[list[Record], np.ndarray]:
    """The candidates that have a value for every objective, and these values, each to be low, float array (n, k)."""
    values = {record: found for record in records if (found := objectives.values(record)) is not None}
    signs = [-1.0 if direction == "maximize" else 1.0 for direction in objectives.directions]
    return list(values), np.array(list(values.values())).reshape(-1, len(signs)) * signs


def front(records: Iterable[Record], objectives: Objectives) -> list[Record]:
    """The non-dominated of the candidates that may be ranked, by the first cost, the cheapest first; ties by number.

    With accuracy alone it has the best, and all that are as good.
    """
    candidates, points = judged(records, objectives)
    members = [candidates[place] for place in np.flatnonzero(non_dominated(points))]
    return sorted(members, key=lambda record: (objectives.values(record)[1:], record.candidate.number))
