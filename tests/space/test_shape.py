"""Shapes: one for each curve, what is refused, and reading one at another depth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chansearch.space import Shape, line_r2
from tests.space.golden import CONFIGURATIONS
from tests.space.strategies import drawn_shapes, heights


@pytest.mark.parametrize(
    ("knots", "values"),
    [
        ((1,), (0.0,)),
        ((1, 5), (0.0,)),
        ((2, 5), (0.0, 1.0)),
        ((1, 3, 3), (0.0, 0.5, 1.0)),
        ((1, 4, 3), (0.0, 0.5, 1.0)),
        ((1, 5), (0.1, 1.0)),
        ((1, 5), (0.0, 0.9)),
        ((1, 3, 5), (0.0, 1.2, 1.0)),
        ((1, 3, 5), (0.0, -0.1, 1.0)),
        ((1, 3, 5), (0.0, float("nan"), 1.0)),
    ],
)
def test_refuses_what_is_no_shape(knots, values):
    with pytest.raises(ValueError, match=r"knots|values"):
        Shape(knots, values)


def test_reads_between_knots():
    shape = Shape((1, 3, 6), (0.0, 0.2, 1.0))
    assert shape.depth == 6
    assert shape.segments == 2
    assert shape.at_blocks() == pytest.approx([0, 0.1, 0.2, 0.2 + 0.8 / 3, 0.2 + 1.6 / 3, 1])


@given(heights(), st.floats(0.01, 1000), st.floats(0, 1000))
def test_heights_up_to_scale_and_offset_are_one_shape(curve, a, b):
    """c = a·f+b leaves f alone: a and b are unique."""
    shape, scaled = Shape.through(curve), Shape.through(a * curve + b)
    assert scaled.at_blocks() == pytest.approx(curve, abs=1e-9)
    assert shape.at_blocks() == pytest.approx(curve, abs=1e-12)


@given(heights())
def test_through_its_own_heights_is_the_same_shape(curve):
    shape = Shape.through(curve)
    again = Shape.through(shape.at_blocks())
    assert again.knots == shape.knots
    assert again.values == pytest.approx(shape.values, abs=1e-12)


@given(drawn_shapes())
def test_a_drawn_shape_is_the_shape_of_its_heights(drawn):
    _, _, shape = drawn
    again = Shape.through(shape.at_blocks())
    # Bends at the edge of what counts as one line may go either way, so the curve is compared, not the knots.
    assert again.at_blocks() == pytest.approx(shape.at_blocks(), abs=1e-8)
    assert again.segments <= shape.segments


@given(heights())
def test_knots_are_where_the_slope_changes(curve):
    bends = [i + 1 for i in range(1, len(curve) - 1) if abs(curve[i + 1] - 2 * curve[i] + curve[i - 1]) > 1e-7]
    assert list(Shape.through(curve).knots) == [1, *bends, len(curve)]


@pytest.mark.parametrize("blocks", [2, 5, 16])
def test_constant_heights_get_the_linear_shape(blocks):
    assert Shape.through(np.full(blocks, 64.0)) == Shape.linear(blocks)


def test_through_leaves_its_argument_alone():
    curve = np.array([3.0, 4.0, 9.0])
    Shape.through(curve)
    assert curve.tolist() == [3.0, 4.0, 9.0]


@given(heights())
def test_resampled_to_its_own_depth_is_itself(curve):
    shape = Shape.through(curve)
    again = shape.resampled(shape.depth)
    assert again.knots == shape.knots
    assert again.values == pytest.approx(shape.values, abs=1e-9)


@given(st.integers(2, 40), st.integers(2, 40))
def test_resampled_linear_stays_linear(depth, other):
    assert Shape.linear(depth).resampled(other) == Shape.linear(other)


@given(heights(), st.integers(2, 40))
def test_resampled_keeps_ends_and_order(curve, depth):
    resampled = Shape.through(curve).resampled(depth)
    blocks = resampled.at_blocks()
    assert resampled.depth == depth == len(blocks)
    assert (blocks[0], blocks[-1]) == (0, 1)
    assert np.all(np.diff(blocks) >= 0), blocks


@given(heights(), st.integers(1, 6))
def test_resampled_to_finer_steps_keeps_the_old_points(curve, factor):
    fine = Shape.through(curve).resampled((len(curve) - 1) * factor + 1)
    assert fine.at_blocks()[::factor] == pytest.approx(curve, abs=1e-8)


@pytest.mark.parametrize("name", ["c2 best", "c3 best"])
def test_linear_configurations_are_almost_perfect_lines(name):
    assert line_r2(np.array(CONFIGURATIONS[name])) > 0.999


@given(st.lists(st.integers(1, 500), min_size=2, max_size=20), st.integers(1, 3))
def test_line_r2_is_the_squared_correlation(channels, rows):
    channels = np.array([sorted(channels)] * rows)
    r2 = line_r2(channels)
    assert r2.shape == (rows,)
    if channels[0, 0] == channels[0, -1]:
        assert r2.tolist() == [1.0] * rows
    else:
        expected = np.corrcoef(np.arange(channels.shape[1]), channels[0])[0, 1] ** 2
        assert r2 == pytest.approx([expected] * rows, abs=1e-9)
