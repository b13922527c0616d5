"""Solving a and b for a budget: what is called met is met."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chansearch.cost import price, solve
from chansearch.nets import NetworkSpec, preset
from tests.nets.specs import draw_spec, search_spec
from tests.space.golden import GOLDEN, TABLE_3
from tests.space.strategies import heights

SKELETONS = {name: search_spec(name) for name in GOLDEN["constraints"]} | {"rexnet_100": preset("rexnet_100")}
each_skeleton = pytest.mark.parametrize("name", SKELETONS)


def curves(skeleton: NetworkSpec):
    return heights(least_blocks=skeleton.blocks, most_blocks=skeleton.blocks)


def relaxed(skeleton: NetworkSpec, a, b, curve, *, count_classifier=False):
    """Unrounded costs of one configuration: (params, MACs)."""
    costs = price(skeleton, np.atleast_2d(a * np.asarray(curve) + b), count_classifier=count_classifier)
    return float(costs.params[0]), float(costs.macs[0])


@each_skeleton
@settings(max_examples=40)
@given(data=st.data(), a=st.floats(1, 500), b=st.floats(1, 200), count_classifier=st.booleans())
def test_finds_the_member_that_set_the_budget(name, data, a, b, count_classifier):
    skeleton = SKELETONS[name]
    curve = data.draw(curves(skeleton))
    params, macs = relaxed(skeleton, a, b, curve, count_classifier=count_classifier)
    solution = solve(
        skeleton,
        curve[None],
        params=np.array([params]),
        macs=np.array([macs]),
        count_classifier=count_classifier,
    )
    assert solution.met.tolist() == [True]
    assert (solution.a[0], solution.b[0]) == (pytest.approx(a, rel=1e-5), pytest.approx(b, rel=1e-5))


@each_skeleton
@settings(max_examples=40)
@given(data=st.data(), more_params=st.floats(0.3, 3), more_macs=st.floats(0.3, 3))
def test_met_is_met(name, data, more_params, more_macs):
    skeleton = SKELETONS[name]
    curve = data.draw(curves(skeleton))
    params, macs = relaxed(skeleton, 64, 32, curve)
    _check_met(skeleton, curve, params * more_params, macs * more_macs)


@settings(max_examples=200)
@given(data=st.data(), seed=st.integers(0, 10**6), more_params=st.floats(0.5, 2), more_macs=st.floats(0.5, 2))
def test_met_is_met_on_any_skeleton(data, seed, more_params, more_macs):
    skeleton = dataclasses.replace(draw_spec(seed), input_size=24)
    curve = data.draw(curves(skeleton))
    params, macs = relaxed(skeleton, 64, 32, curve)
    _check_met(skeleton, curve, params * more_params, macs * more_macs)


def _check_met(skeleton: NetworkSpec, curve, params: float, macs: float) -> None:
    solution = solve(skeleton, curve[None], params=np.array([params]), macs=np.array([macs]))
    a, b = solution.a[0], solution.b[0]
    assert a >= 0
    assert b > 0
    if solution.met[0]:
        assert relaxed(skeleton, a, b, curve) == (pytest.approx(params, rel=1e-6), pytest.approx(macs, rel=1e-6))


@each_skeleton
@pytest.mark.parametrize("bounded", ["params", "macs"])
@settings(max_examples=40)
@given(data=st.data(), start=st.floats(0.001, 1), more=st.floats(0.3, 5))
def test_one_budget_and_a_start(name, bounded, data, start, more):
    skeleton = SKELETONS[name]
    curve = data.draw(curves(skeleton))
    column = ("params", "macs").index(bounded)
    target = relaxed(skeleton, 64, 32, curve)[column] * more
    solution = solve(skeleton, curve[None], **{bounded: np.array([target])}, start=np.array([start]))
    a, b, met = solution.a[0], solution.b[0], solution.met[0]
    assert met == (target > relaxed(skeleton, 0, 0, curve)[column])
    assert a >= 0
    assert b > 0
    assert b / (a + b) == pytest.approx(start)
    if met:
        assert relaxed(skeleton, a, b, curve)[column] == pytest.approx(target, rel=1e-6)


@each_skeleton
def test_targets_out_of_reach(name):
    """Too many or too few MACs for the params, and less than the stem and head cost; a and b are the nearest end."""
    skeleton = SKELETONS[name]
    curve = np.linspace(0, 1, skeleton.blocks)
    params, macs = relaxed(skeleton, 64, 32, curve)
    least_params, least_macs = relaxed(skeleton, 0, 0, curve)
    solution = solve(
        skeleton,
        np.tile(curve, (5, 1)),
        params=np.array([params, params, least_params / 2, params, least_params / 2]),
        macs=np.array([macs * 100, macs / 100, macs, least_macs / 2, relaxed(skeleton, 0.5, 0.5, curve)[1]]),
    )
    assert solution.met.tolist() == [False] * 5
    assert solution.a[0] == pytest.approx(0, abs=1e-6)  # all start: as many MACs as these params can have
    assert solution.b[1] == pytest.approx(solution.a[1] / 999, rel=1e-6)  # no start
    assert np.all(solution.a >= 0)
    assert np.all(solution.b > 0)
    for bounded, target in (("params", least_params / 2), ("macs", least_macs)):
        alone = solve(skeleton, curve[None], **{bounded: np.array([target])}, start=np.array([0.5]))
        assert alone.met.tolist() == [False]


@each_skeleton
@settings(max_examples=40)
@given(data=st.data(), more=st.floats(0.2, 5))
def test_macs_rise_with_the_start_at_fixed_params(name, data, more):
    """What the bisection rests on, on the skeletons of the paper."""
    skeleton = SKELETONS[name]
    curve = data.draw(curves(skeleton))
    least = relaxed(skeleton, 0, 0, curve)[0]
    params = least + (relaxed(skeleton, 64, 32, curve)[0] - least) * more
    start = np.linspace(0.001, 1, 60)
    solution = solve(skeleton, np.tile(curve, (60, 1)), params=np.full(60, params), start=start)
    channels = solution.a[:, None] * curve + solution.b[:, None]
    macs = price(skeleton, channels, count_classifier=False).macs
    assert np.all(np.diff(macs) > 0), macs


def test_macs_need_not_rise_where_nothing_is_downsampled():
    """The assumption has a limit: without stride 2 behind block 1, early channels cost no more MACs than late ones."""
    skeleton = NetworkSpec((1,) * 4, (1,) * 4, (6, 6, 6, 3), se_reduction=4, head_channels=256, input_size=16)
    curve = np.array([0.0, 0.2, 0.5, 1.0])
    start = np.linspace(0.001, 1, 60)
    solution = solve(skeleton, np.tile(curve, (60, 1)), params=np.full(60, 3e5), start=start)
    macs = price(skeleton, solution.a[:, None] * curve + solution.b[:, None], count_classifier=False).macs
    assert np.any(np.diff(macs) < 0), macs
    _check_met(skeleton, curve, 3e5, float(macs[30]))


@pytest.mark.parametrize("row", TABLE_3.values(), ids=TABLE_3)
def test_every_shape_of_table_3_meets_its_own_costs(row):
    skeleton = search_spec(row["constraint"])
    channels = np.array(row["channels"], dtype=float)
    a, b = channels[-1] - channels[0], channels[0]
    curve = (channels - b) / a
    params, macs = relaxed(skeleton, a, b, curve)
    solution = solve(skeleton, curve[None], params=np.array([params]), macs=np.array([macs]))
    assert solution.met.tolist() == [True]
    assert (solution.a[0], solution.b[0]) == (pytest.approx(a, rel=1e-6), pytest.approx(b, rel=1e-6))


def test_many_shapes_are_solved_as_each_alone():
    skeleton = SKELETONS["c2"]
    rng = np.random.default_rng(0)
    rises = rng.random((20, skeleton.blocks - 1)) ** 4
    many = np.concatenate([np.zeros((20, 1)), np.cumsum(rises, axis=1) / rises.sum(axis=1, keepdims=True)], axis=1)
    params, macs = rng.uniform(4e5, 6e5, 20), rng.uniform(6e7, 1.4e8, 20)
    together = solve(skeleton, many, params=params, macs=macs)
    assert 0 < together.met.sum() < 20, "the draw should hold shapes that can and shapes that cannot"
    for i in range(20):
        alone = solve(skeleton, many[i : i + 1], params=params[i : i + 1], macs=macs[i : i + 1])
        assert (alone.a[0], alone.b[0], alone.met[0]) == (together.a[i], together.b[i], together.met[i])


def test_one_target_serves_all_shapes():
    skeleton = SKELETONS["c1"]
    many = np.array([[0, 0.25, 0.5, 0.75, 1], [0, 0, 0, 0.5, 1]])
    scalar = solve(skeleton, many, params=2e5, macs=3e7)
    array = solve(skeleton, many, params=np.full(2, 2e5), macs=np.full(2, 3e7))
    assert scalar.a.tolist() == array.a.tolist()


@pytest.mark.parametrize(
    "targets",
    [
        {},
        {"params": 1e6},
        {"macs": 1e8},
        {"start": np.array([0.5])},
        {"params": 1e6, "macs": 1e8, "start": np.array([0.5])},
    ],
    ids=lambda targets: "+".join(targets) or "nothing",
)
def test_needs_two_of_three(targets):
    with pytest.raises(ValueError, match="two of params, macs and start"):
        solve(SKELETONS["c1"], np.array([[0, 0.25, 0.5, 0.75, 1]]), **targets)
