"""Families: whatever numbers a sampler gives, a valid shape of the family's kind comes out."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chansearch.errors import UserError
from chansearch.space import FAMILIES, Member, Parameter, Shape, fit, line_r2, make_family
from tests.space.golden import CONFIGURATIONS
from tests.space.strategies import drawn_shapes

each_family = pytest.mark.parametrize("name", FAMILIES)


@each_family
@given(data=st.data())
def test_every_draw_is_a_valid_shape(name, data):
    family, values, shape = data.draw(drawn_shapes(name))
    blocks = shape.at_blocks()
    assert shape.depth == family.depth == len(blocks)
    assert (blocks[0], blocks[-1]) == (0.0, 1.0)
    assert np.all(np.diff(blocks) >= 0), (values, blocks)
    assert (shape.knots[0], shape.knots[-1]) == (1, family.depth)
    assert all(1 < k < family.depth for k in shape.knots[1:-1])
    assert family.decode(values) == shape


@each_family
@given(data=st.data())
def test_every_draw_can_be_fitted(name, data):
    _, _, shape = data.draw(drawn_shapes(name))
    channels = Member(data.draw(st.floats(0, 300)), data.draw(st.floats(0.5, 100)), shape).channels()
    assert fit(channels).channels() == channels


@each_family
@pytest.mark.parametrize("depth", [2, 3, 5, 16])
def test_parameters_have_fixed_names_and_ranges(name, depth):
    parameters = make_family(name, depth).parameters()
    assert parameters == make_family(name, depth).parameters()
    assert len({p.name for p in parameters}) == len(parameters)
    assert all(p.low <= p.high for p in parameters)


@given(drawn_shapes("piecewise"))
def test_piecewise_keeps_to_its_segments(drawn):
    family, values, shape = drawn
    asked = values.get("segments", min(family.max_segments, family.depth - 1))
    assert min(family.min_segments, family.depth - 1) <= asked <= family.max_segments
    assert shape.segments <= asked


@given(drawn_shapes("linear"))
def test_linear_is_a_line(drawn):
    family, values, shape = drawn
    assert values == {}
    assert shape == Shape.linear(family.depth)
    assert line_r2(shape.at_blocks()) == pytest.approx(1, abs=1e-12)


@given(drawn_shapes("hinge"))
def test_hinge_is_flat_then_linear(drawn):
    family, values, shape = drawn
    hinge, blocks = values["hinge"], shape.at_blocks()
    assert np.all(blocks[:hinge] == 0), blocks
    assert np.diff(blocks[hinge - 1 :]) == pytest.approx(1 / (family.depth - hinge))
    assert shape.segments == (1 if hinge == 1 else 2)


@given(drawn_shapes("stagewise"))
def test_stagewise_repeats_values(drawn):
    family, values, shape = drawn
    stages = values.get("stages", min(family.max_stages, family.depth))
    # What ``Shape.through`` takes for one line may leave a flat stage a billionth of a rise.
    jumps = int((np.diff(shape.at_blocks()) > 1e-8).sum())
    assert jumps <= stages - 1
    # As many blocks as there are beyond the stages repeat the block before them.
    assert family.depth - 1 - jumps >= family.depth - stages


@given(drawn_shapes("free"))
def test_free_may_bend_at_every_block(drawn):
    family, _, shape = drawn
    assert shape.segments <= family.depth - 1


def test_any_subset_of_blocks_can_be_the_knots():
    family = make_family("piecewise", 7, min_segments=3, max_segments=3, flat=0.0)
    grid = np.linspace(0, 0.999, 23)
    seen = {
        family.decode({"knot_1": u, "knot_2": v, "rise_1": 0.1, "rise_2": 0.5, "rise_3": 0.9}).knots
        for u in grid
        for v in grid
    }
    assert seen == {(1, k, n, 7) for k in range(2, 7) for n in range(k + 1, 7)}


@pytest.mark.parametrize("flat", [0.0, 0.2, 0.5])
def test_flat_is_the_share_of_flat_pieces(flat):
    rng = np.random.default_rng(0)
    family = make_family("free", 9, flat=flat)
    names = [p.name for p in family.parameters()]
    draws = [family.decode(dict(zip(names, rng.random(len(names)), strict=True))).at_blocks() for _ in range(1500)]
    share = (np.diff(draws) == 0).mean()
    assert share == pytest.approx(flat, abs=0.02)


@pytest.mark.parametrize(
    ("name", "family", "values"),
    [
        ("c2 best", "linear", {}),
        ("c3 best", "linear", {}),
        ("ReXNet x1.0", "linear", {}),
        ("c1 best", "hinge", {"hinge": 2}),
        ("c1 worst", "hinge", {"hinge": 4}),
    ],
)
def test_published_configurations_are_members(name, family, values):
    channels = CONFIGURATIONS[name]
    found = fit(channels)
    shape = make_family(family, len(channels)).decode(values)
    assert Member(found.a, found.b, shape).channels() == tuple(channels)
    assert found.shape == shape


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_published_configurations_are_free_members(name):
    """Turned into the free family's numbers and back: nothing published lies outside the space."""
    member = fit(CONFIGURATIONS[name])
    rises = np.diff(member.shape.at_blocks())
    values = {f"rise_{j}": _number_of(rise) for j, rise in enumerate(rises, start=1)}
    shape = make_family("free", member.shape.depth).decode(values)
    assert Member(member.a, member.b, shape).channels() == tuple(CONFIGURATIONS[name])


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_published_configurations_are_piecewise_members(name):
    """Within the segments that the fit found, at those knots."""
    member = fit(CONFIGURATIONS[name])
    segments, depth = member.shape.segments, member.shape.depth
    places = depth - segments
    values = {f"rise_{j}": _number_of(rise) for j, rise in enumerate(np.diff(member.shape.values), start=1)}
    values |= {f"knot_{j}": (k - 1 - j + 0.5) / places for j, k in enumerate(member.shape.knots[1:-1], start=1)}
    shape = make_family("piecewise", depth, min_segments=segments, max_segments=segments).decode(values)
    assert shape.knots == member.shape.knots
    assert Member(member.a, member.b, shape).channels() == tuple(CONFIGURATIONS[name])


def _number_of(rise: float) -> float:
    """The sampler's number that gives a piece this rise (up to a common scale), by bisection on a shape of two rises.

    However numbers become rises, a larger number must give a larger rise, and the smallest none.
    """
    family, unit = make_family("free", 3), 0.6
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        first = family.decode({"rise_1": middle, "rise_2": unit}).at_blocks()[1]
        low, high = (middle, high) if first <= rise * (1 - first) else (low, middle)
    return low


@pytest.mark.parametrize(
    ("parameter", "u", "expected"),
    [
        (Parameter("x"), 0.25, 0.25),
        (Parameter("x", 2, 4), 0.5, 3.0),
        (Parameter("x", 1, 5, integer=True), 0.0, 1),
        (Parameter("x", 1, 5, integer=True), 0.2, 2),
        (Parameter("x", 1, 5, integer=True), math.nextafter(1, 0), 5),
        (Parameter("x", 3, 3, integer=True), math.nextafter(1, 0), 3),
    ],
)
def test_parameter_from_unit(parameter, u, expected):
    assert parameter.from_unit(u) == expected
    assert isinstance(parameter.from_unit(u), int) == parameter.integer


def test_whole_numbers_are_equally_likely():
    parameter = Parameter("x", 2, 6, integer=True)
    counts = np.bincount([parameter.from_unit(u) for u in (np.arange(1000) + 0.5) / 1000], minlength=7)
    assert counts.tolist() == [0, 0, 200, 200, 200, 200, 200]


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"family": "cubic"}, "space.family"),
        ({"depth": 1}, "constraint.skeleton.blocks"),
        ({"depth": 0}, "constraint.skeleton.blocks"),
        ({"min_segments": 0}, "space.min_segments"),
        ({"min_segments": 4, "max_segments": 3}, "space.max_segments"),
        ({"min_stages": 1}, "space.min_stages"),
        ({"min_stages": 5, "max_stages": 4}, "space.max_stages"),
        ({"flat": 1.0}, "space.flat"),
        ({"flat": -0.1}, "space.flat"),
        ({"flat": math.nan}, "space.flat"),
        ({"flat": math.inf}, "space.flat"),
    ],
)
def test_settings_out_of_range_are_named(settings, key):
    with pytest.raises(UserError) as error:
        make_family(**({"family": "piecewise", "depth": 5} | settings))
    assert key in str(error.value)
    assert "\n" not in str(error.value)


def test_an_unknown_family_lists_the_known_ones():
    with pytest.raises(UserError, match="piecewise, linear, hinge, stagewise, free"):
        make_family("cubic", 5)
