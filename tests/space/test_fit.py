"""From channels back to a, b and f: always exact, with the fewest segments."""

import itertools
import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import linregress

from chansearch.space import Member, Shape, best_line, fit, line_r2
from tests.space.golden import CONFIGURATIONS, GOLDEN, TABLE_1
from tests.space.strategies import DIVISORS, channel_lists


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_published_configurations_round_trip(name):
    channels = CONFIGURATIONS[name]
    member = fit(channels)
    assert member.channels() == tuple(channels)
    assert member.shape.depth == len(channels)


@pytest.mark.parametrize("name", [n for n, channels in CONFIGURATIONS.items() if all(c % 8 == 0 for c in channels)])
def test_published_configurations_round_trip_in_eights(name):
    assert fit(CONFIGURATIONS[name], 8).channels(8) == tuple(CONFIGURATIONS[name])


@pytest.mark.parametrize("name", ["c2 best", "c3 best", "ReXNet x1.0"])
def test_published_lines_are_one_segment(name):
    assert fit(CONFIGURATIONS[name]).shape == Shape.linear(len(CONFIGURATIONS[name]))


def test_rexnet_is_its_published_line():
    row = GOLDEN["rexnet_channels"]
    assert fit(row["channels"]) == Member(a=row["a"], b=row["b"], shape=Shape.linear(16))


@pytest.mark.parametrize(("name", "flat", "segments"), [("c1 best", 2, 2), ("c4 best", 3, 3)])
def test_flat_then_linear_configurations(name, flat, segments):
    """Flat up to a block, then one line to the end; c4's line takes off between blocks 3 and 4."""
    shape = fit(CONFIGURATIONS[name]).shape
    assert (shape.knots[1], shape.values[1], shape.segments) == (flat, 0.0, segments)
    assert shape.knots[-1] - shape.knots[-2] >= len(CONFIGURATIONS[name]) - flat - 1


@pytest.mark.parametrize("name", TABLE_1)
def test_conventional_configurations_need_many_segments(name):
    """Each stage of repeats is a piece of its own; the hypothesis of the paper is that one line does better."""
    stages = [repeats for _, repeats in TABLE_1[name]["stages"]]
    assert fit(CONFIGURATIONS[name]).shape.segments >= sum(repeats > 2 for repeats in stages)


@pytest.mark.parametrize("divisor", DIVISORS)
@given(data=st.data())
def test_any_configuration_round_trips(divisor, data):
    channels = data.draw(channel_lists(divisor))
    member = fit(channels, divisor)
    assert member.channels(divisor) == tuple(channels)
    assert member.a >= 0
    assert member.b > 0


@given(channel_lists(1, most_blocks=12, most_rise=4000))
def test_steep_configurations_round_trip(channels):
    assert fit(channels).channels() == tuple(channels)


@pytest.mark.parametrize("divisor", [1, 8])
@settings(max_examples=40)
@given(data=st.data())
def test_no_member_has_fewer_segments(divisor, data):
    channels = data.draw(channel_lists(divisor, most_blocks=4, most_rise=9))
    assert fit(channels, divisor).shape.segments == _fewest_segments(channels, divisor), channels


def _fewest_segments(channels: list[int], divisor: int) -> int:
    """By trying every subset of knots and every height within 3/8 of the divisor, in exact arithmetic."""
    blocks = range(len(channels))
    for inner in range(len(channels) - 1):
        for knots in itertools.combinations(blocks[1:-1], inner):
            knots = (0, *knots, len(channels) - 1)
            for offsets in itertools.product(range(-3, 4), repeat=len(knots)):
                values = [channels[k] + Fraction(o * divisor, 8) for k, o in zip(knots, offsets, strict=True)]
                if sorted(values) == values and all(_line(knots, values, i, divisor) == channels[i] for i in blocks):
                    return inner + 1
    raise AssertionError("a knot at every block always fits")


def _line(knots: tuple[int, ...], values: list[Fraction], block: int, divisor: int) -> int:
    """The rounded height at ``block``, counted from 0."""
    j = max(j for j in range(len(knots) - 1) if knots[j] <= block)
    along = Fraction(block - knots[j], knots[j + 1] - knots[j])
    height = values[j] + (values[j + 1] - values[j]) * along
    return max(round(height / divisor), 1) * divisor


@pytest.mark.parametrize("divisor", DIVISORS)
@given(data=st.data())
def test_a_rounded_line_is_recognised(divisor, data):
    """Whatever line with ends within 3/8 of the divisor made the channels: the fit is a line again."""
    eighths = st.integers(-3, 3)
    blocks, start = data.draw(st.integers(2, 24)), data.draw(st.integers(1, 40))
    end = start + data.draw(st.integers(1, 300))
    b = (start + data.draw(eighths) / 8) * divisor
    a = (end + data.draw(eighths) / 8) * divisor - b
    channels = Member(a, b, Shape.linear(blocks)).channels(divisor)
    assert fit(channels, divisor).shape == Shape.linear(blocks), channels


@pytest.mark.parametrize("channels", [(64, 64), (7, 7, 7, 7)])
def test_constant_channels_have_no_rise(channels):
    assert fit(channels) == Member(a=0.0, b=float(channels[0]), shape=Shape.linear(len(channels)))


@pytest.mark.parametrize(
    ("channels", "divisor"),
    [([], 1), ([8], 1), ([8, 7], 1), ([0, 4], 1), ([-8, 8], 1), ([8, 12], 8), ([[8, 16], [8, 16]], 1)],
)
def test_refuses_other_channels(channels, divisor):
    with pytest.raises(ValueError, match="channels must"):
        fit(channels, divisor)


@given(st.lists(st.integers(1, 4000), min_size=2, max_size=30).filter(lambda channels: len(set(channels)) > 1))
def test_best_line_and_its_r2_are_those_of_a_regression(channels):
    slope, intercept = best_line(channels)
    depths = [block / (len(channels) - 1) for block in range(len(channels))]
    expected = linregress(depths, channels)
    assert math.isclose(slope, expected.slope, rel_tol=1e-6, abs_tol=1e-6)
    assert math.isclose(intercept, expected.intercept, rel_tol=1e-6, abs_tol=1e-6)
    assert math.isclose(float(line_r2(channels)), expected.rvalue**2, rel_tol=1e-6, abs_tol=1e-9)


def test_best_line_of_rexnet_is_the_published_one():
    """c_i = 11.25·(i−1) + 16 over 16 blocks, but for rounding."""
    slope, intercept = best_line(GOLDEN["rexnet_channels"]["channels"])
    assert slope == pytest.approx(168.75, abs=0.5) and intercept == pytest.approx(16, abs=0.5)
