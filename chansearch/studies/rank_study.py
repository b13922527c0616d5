"""The rank study from what was asked to what is written."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from chansearch.studies.figure_rank import draw_rank
from chansearch.studies.folder import Study
from chansearch.studies.rank_findings import Point, distances, find, letter, make_points
from chansearch.studies.rank_plan import RankPlan
from chansearch.studies.rank_workers import all_ranks


def study_rank(plan: RankPlan, workers: int | None, say: Callable[[str], None]) -> Study:
    """``workers`` Ray workers, None: as many as CPUs; ``say`` gets the progress."""
    points = make_points(plan, all_ranks(plan, workers, say))
    return Study(
        title="The rank of layers (the paper's Figure 1)",
        columns=[field.name for field in dataclasses.fields(Point)],
        rows=[dataclasses.asdict(point) for point in points],
        figure=draw_rank(points),
        findings=find(points),
        note=_note(plan, points),
    )


def _note(plan: RankPlan, points: list[Point]) -> str:
    pixels = plan.map_size**2
    columns = "d_out + 1" if pixels == 1 else f"the least multiple of {pixels} above d_out"
    norm = {
        "fresh": "BatchNorm in evaluation mode before any training",
        "batch": "BatchNorm with the feature's own statistics",
    }[plan.batch_norm]
    text = (
        f"Networks a point: {plan.networks}, seed {plan.seed}; d_out uniform in {plan.d_out[0]} to {plan.d_out[1]}, "
        f"d_in = ratio · d_out rounded, N = {columns}; weights and inputs from N(0, 1), the same for all "
        f"nonlinearities; {norm}; maps of {plan.map_size}×{plan.map_size}; expansion {plan.expansion}; rank in float64 "
        "with the tolerance of torch.linalg.matrix_rank, max(d_out, N) · 2.2e-16 times the largest singular value."
    )
    if "hardswish" in plan.activations:
        text += (
            " Hard-Swish is quadratic where |x| < 3: of features that stay there it makes no more than rank "
            "d_in (d_in + 3)/2."
        )
    apart = distances(points)
    if apart:
        listed = ", ".join(f"{letter(layer)} {value:.3f}" for layer, value in apart.items())
        text += f" Mean distance of the rank ratios from the readings of the published figure: {listed}."
    return text
