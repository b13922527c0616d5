"""The findings of Figure 1: on measured points, and on made-up ones for which they must not hold."""

import dataclasses

import pytest

from chansearch.nets.spec import ACTIVATIONS
from chansearch.studies.figure_rank import draw_rank
from chansearch.studies.published import RELU_LIKE
from chansearch.studies.rank import point_ranks
from chansearch.studies.rank_findings import distances, find, make_points
from chansearch.studies.rank_plan import LAYERS, TENTHS, RankPlan

PLAN = RankPlan(networks=40)


@pytest.fixture(scope="module")
def points():
    return make_points(PLAN, (point_ranks(PLAN, *point) for point in PLAN.points))


def verdicts(points):
    return {finding.claim: finding.holds for finding in find(points)}


DIAGONAL = "Without a nonlinearity the rank ratio is the dimension ratio"
SMOOTH = "ELU, SoftPlus and SiLU lie above the ReLU-like ones in every layer"
HARD_SWISH = "Hard-Swish lies above the ReLU-like ones in every layer"
RISES = "The rank ratio rises with the dimension ratio, or stays"
EXPAND = "Nonlinearities expand the rank"
PLAINLY = "They expand it more in plain convolutions than inside bottlenecks"
HARMS = "Drastic expansion harms the rank"


def test_the_findings_of_the_paper_hold_but_for_hard_swish(points):
    held = [DIAGONAL, SMOOTH, RISES, EXPAND, PLAINLY, HARMS]
    assert verdicts(points) == dict.fromkeys(held, True) | {HARD_SWISH: False}


def test_the_points_tell_sizes_spread_and_readings(points):
    assert len(points) == len(LAYERS) * len(TENTHS) * len(ACTIVATIONS)
    by = {(point.layer, point.activation, point.dimension_ratio): point for point in points}
    silu = by["conv1x1", "silu", 0.1]
    assert (silu.published_low, silu.published_high, silu.networks) == (0.96, 0.96, 40)
    assert by["conv3x3", "silu", 0.1].published_low is None
    assert by["bottleneck_dw", "relu", 0.4].published_high == 0.66
    assert all(
        point.rank_ratio_std == 0 for point in points if (point.activation, point.dimension_ratio) == ("silu", 1.0)
    )


@pytest.mark.parametrize(
    "claim, change",
    [
        (DIAGONAL, lambda p: 0.01 * (p.activation == "identity")),
        (RISES, lambda p: -0.02 * (p.dimension_ratio == 0.7)),
        (EXPAND, lambda p: -0.5 * (p.layer == "bottleneck" and p.activation != "identity")),
        (PLAINLY, lambda p: -0.2 * (p.layer == "conv3x3" and p.activation != "identity")),
        (HARMS, lambda p: -0.9 * (p.layer == "conv1x1" and p.dimension_ratio == 1.0)),
    ],
)
def test_a_finding_does_not_hold_where_the_points_say_otherwise(points, claim, change):
    moved = [dataclasses.replace(point, rank_ratio=point.rank_ratio + change(point)) for point in points]
    assert verdicts(moved)[claim] is False


def test_each_smooth_nonlinearity_is_judged_by_itself_in_every_layer(points):
    moved = [
        dataclasses.replace(point, rank_ratio=point.rank_ratio - 0.3 * (point.activation == "elu"))
        if point.layer == "bottleneck"
        else point
        for point in points
    ]
    found = verdicts(moved)
    assert found["SoftPlus and SiLU lie above the ReLU-like ones in every layer"] is True
    assert found["ELU and Hard-Swish lie above the ReLU-like ones in every layer"] is False


@pytest.mark.parametrize("activations", [("relu",), ("identity",), ("silu",), ("identity", "silu")])
def test_points_that_cannot_tell_are_not_asked(points, activations):
    few = [point for point in points if point.activation in activations and point.layer == "bottleneck"]
    found = verdicts(few)
    assert (DIAGONAL in found) == ("identity" in activations)
    assert (HARMS in found) == (activations != ("identity",))
    assert (EXPAND in found) == (activations == ("identity", "silu"))
    assert PLAINLY not in found and SMOOTH not in found


def test_the_distance_from_a_reading_is_none_within_it(points):
    silu = next(p for p in points if (p.layer, p.activation, p.dimension_ratio) == ("bottleneck", "silu", 0.1))
    at = {ratio: dataclasses.replace(silu, rank_ratio=ratio) for ratio in (0.2, 0.35, 0.5)}
    assert distances([at[0.35]]) == {"bottleneck": 0}
    assert distances(at.values())["bottleneck"] == pytest.approx((0.1 + 0 + 0.1) / 3)


def test_a_panel_for_each_layer_and_a_curve_for_each_nonlinearity(points):
    few = [p for p in points if p.layer != "conv3x3" and p.activation in ("identity", *RELU_LIKE)]
    panels = [axes for axes in draw_rank(few).axes if axes.get_visible()]
    assert [axes.get_title()[:3] for axes in panels] == ["(a)", "(c)", "(d)"]
    drawn = {round(float(y), 9) for line in panels[0].lines for y in line.get_ydata()}
    assert {round(p.rank_ratio, 9) for p in few if p.layer == "conv1x1"} <= drawn
