"""The matrix product against the formula it was read off, which other tests hold to the built modules."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chansearch.cost import count, price
from chansearch.nets import preset
from tests.nets.specs import draw_spec, search_spec


def assert_counts_are_priced(skeleton, channels, **options) -> None:
    counts, costs = count(skeleton, channels, **options), price(skeleton, channels, **options)
    for name in ("params", "macs"):
        assert getattr(counts, name).tolist() == getattr(costs, name).tolist(), (name, skeleton)


@given(st.integers(0, 10**6), st.integers(1, 2000), st.booleans(), st.integers(1, 50))
def test_counts_are_exact_for_any_network_and_any_order_of_channels(seed, widest, classifier, rows):
    skeleton = draw_spec(seed)
    channels = np.random.default_rng(seed).integers(1, widest + 1, (rows, skeleton.blocks))
    assert_counts_are_priced(skeleton, channels, count_classifier=classifier)


@pytest.mark.parametrize("rows", [0, 1, 4095, 4096, 4097, 9000])
def test_counts_are_exact_where_a_chunk_ends(rows):
    skeleton = search_spec("c4")
    assert_counts_are_priced(skeleton, np.random.default_rng(rows).integers(1, 400, (rows, 13)))


@pytest.mark.parametrize("width", [10**6, 3 * 10**6])
def test_counts_are_exact_where_float64_would_not_be(width):
    """The last digits of totals beyond 2⁵³ get lost in float64."""
    channels = width - np.arange(1, 11).reshape(2, 5)
    assert_counts_are_priced(search_spec("c1"), channels)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.int64, np.float64])
def test_any_type_of_number_will_do(dtype):
    skeleton = dataclasses.replace(draw_spec(0), se_reduction=None)
    assert_counts_are_priced(skeleton, np.full((3, skeleton.blocks), 250).astype(dtype))


def test_channels_laid_out_otherwise_cost_the_same():
    channels = np.random.default_rng(0).integers(1, 400, (13, 100))
    assert_counts_are_priced(search_spec("c4"), channels.T)
    assert_counts_are_priced(search_spec("c4"), channels.T[::-3])


def test_squeezed_widths_are_rounded_as_they_are_built():
    skeleton = preset("rexnet_100")
    assert_counts_are_priced(skeleton, np.random.default_rng(0).integers(1, 400, (20, skeleton.blocks)))


@pytest.mark.parametrize("channels", [[4, 8, 12], [[4, 8, 12]], [[[4, 8, 12, 16, 20]]]])
def test_channels_of_another_skeleton_are_refused(channels):
    with pytest.raises(ValueError, match=r"channels must have shape \(n, 5\)"):
        count(search_spec("c1"), np.array(channels))
