"""Rounding, and configurations as text."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chansearch.errors import UserError
from chansearch.space import Member, Shape, format_channels, parse_channels, round_channels
from tests.space.golden import GOLDEN, TABLE_3
from tests.space.strategies import DIVISORS, channel_lists


@pytest.mark.parametrize(
    ("channels", "divisor", "expected"),
    [
        (38.5, 1, 38),  # ReXNet ×1.0: ties go to the even number
        (83.5, 1, 84),
        (27.25, 1, 27),
        (49.75, 1, 50),
        (38.5 + 1e-12, 1, 38),  # a tie that float arithmetic moved
        (38.5 - 1e-12, 1, 38),
        (38.5 + 1e-6, 1, 39),
        (12, 8, 16),  # 1.5 multiples → 2
        (20, 8, 16),  # 2.5 multiples → 2
        (19.9, 8, 16),
        (20.1, 8, 24),
        (24, 16, 32),
        (40, 16, 32),
        (0.0, 1, 1),  # at least one multiple
        (0.2, 1, 1),
        (3, 8, 8),
        (0, 16, 16),
    ],
)
def test_rounding(channels, divisor, expected):
    assert round_channels(np.array([channels]), divisor).tolist() == [expected]


@given(st.integers(0, 10**5), st.sampled_from([2, 3, 4, 8, 16, 60]), st.sampled_from(DIVISORS))
def test_rounding_is_half_to_even_in_exact_arithmetic(numerator, denominator, divisor):
    expected = max(round(Fraction(numerator, denominator * divisor)), 1) * divisor
    assert round_channels(np.array([numerator / denominator]), divisor).tolist() == [expected]


def test_rounding_keeps_the_shape_of_the_array():
    rounded = round_channels(np.full((2, 3, 4), 7.6))
    assert rounded.shape == (2, 3, 4)
    assert rounded.dtype == np.int64


def test_member_is_a_times_f_plus_b():
    row = GOLDEN["rexnet_channels"]
    assert Member(row["a"], row["b"], Shape.linear(16)).channels() == tuple(row["channels"])


def test_member_with_divisor():
    assert Member(24.0, 8.0, Shape.linear(4)).channels(8) == (8, 16, 24, 32)


@pytest.mark.parametrize("row", TABLE_3.values(), ids=TABLE_3)
def test_parses_the_text_of_table_3(row):
    assert parse_channels(row["text"]) == tuple(row["channels"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("34-34-45-55-66", (34, 34, 45, 55, 66)),
        ("34,34,45", (34, 34, 45)),
        (" 34 , 34-45 ", (34, 34, 45)),
        ("52x3", (52, 52, 52)),
        ("52×2-115", (52, 52, 115)),
    ],
)
def test_parses(text, expected):
    assert parse_channels(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "", "-", "64", "64x1", "a-b", "34--45", "34-", "-34-45", "34.5-45", "34-45x", "34-x2", "45-34", "34-34-33",
        "0-5", "0x3", "34 45", "34x0", "34x0-45-46", "1e3-2e3", "99999999-99999999", "34-45\n-",
    ],
)  # fmt: skip
def test_bad_texts_are_named(text):
    with pytest.raises(UserError, match=r"^channels: ") as error:
        parse_channels(text)
    assert repr(text) in str(error.value)
    assert "\n" not in str(error.value)


@given(channel_lists(1).filter(lambda channels: len(channels) > 1))
def test_text_round_trip(channels):
    assert parse_channels(format_channels(channels)) == tuple(channels)
    assert parse_channels(format_channels(np.array(channels))) == tuple(channels)
