"""Ranks of random layers in batches: against the plain loop of torch's modules and torch.linalg.matrix_rank."""

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.rank import plain_feature, plain_ranks
from chansearch.studies.rank import Draw, feature_ranks, layer_features, point_ranks
from chansearch.studies.rank_plan import LAYERS, RankPlan, Size

PLAN = RankPlan(networks=8)


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("tenths", [1, 2, 10])
def test_batches_give_the_ranks_of_the_plain_loop(layer, tenths):
    np.testing.assert_array_equal(point_ranks(PLAN, layer, tenths).ranks, plain_ranks(PLAN, layer, tenths))


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize(
    "change", [{}, {"batch_norm": "batch"}, {"map_size": 3}, {"expansion": 2, "d_out": (4, 9), "map_size": 2}]
)
def test_features_are_those_of_modules(layer, change):
    plan = dataclasses.replace(PLAN, **change)
    network = Draw(plan, layer, 4, 0).network()
    for name, feature in zip(plan.activations, layer_features(plan, layer, [network]), strict=True):
        assert feature.dtype == torch.float64
        assert feature.shape == (1, network.size.d_out, network.size.columns)
        torch.testing.assert_close(feature[0], plain_feature(plan, layer, name, network), rtol=1e-9, atol=1e-9)


@given(
    rows=st.integers(1, 12),
    more=st.integers(0, 5),
    rank=st.integers(0, 12),
    scale=st.sampled_from([1e-150, 1.0, 1e120]),
    least=st.sampled_from([1.0, 1e-4, 1e-6, 1e-9, 1e-13, 1e-16]),
    seed=st.integers(0, 99),
)
def test_ranks_are_matrix_ranks(rows, more, rank, scale, least, seed):
    """Of matrices with known singular values, down to those that rounding hides."""
    generator = torch.Generator().manual_seed(seed)
    left = torch.linalg.qr(torch.randn(3, rows, rows, generator=generator, dtype=torch.float64)).Q
    right = torch.linalg.qr(torch.randn(3, rows + more, rows + more, generator=generator, dtype=torch.float64)).Q
    values = torch.logspace(0, float(np.log10(least)), rows, dtype=torch.float64)
    values[min(rank, rows) :] = 0
    features = scale * (left * values) @ right[:, :rows]
    assert feature_ranks(features).tolist() == [int(torch.linalg.matrix_rank(feature)) for feature in features]


def test_a_network_depends_on_seed_layer_ratio_and_number_alone():
    more = dataclasses.replace(PLAN, networks=40, activations=("silu", "relu"))
    few, many = point_ranks(PLAN, "bottleneck_dw", 1), point_ranks(more, "bottleneck_dw", 1)
    np.testing.assert_array_equal(few.d_out, many.d_out[:8])
    for name in more.activations:
        ours, theirs = few.ranks[PLAN.activations.index(name)], many.ranks[more.activations.index(name)]
        np.testing.assert_array_equal(ours, theirs[:8])


def test_networks_differ_by_each_of_these():
    draws = [
        Draw(dataclasses.replace(PLAN, seed=seed), layer, tenths, number).network().inputs[0, 0]
        for seed in (0, 1)
        for layer in LAYERS
        for tenths in (1, 2)
        for number in (0, 1)
    ]
    assert len(set(draws)) == len(draws)


@given(d_out=st.integers(1, 300), tenths=st.integers(1, 10), side=st.integers(1, 7))
def test_sizes_are_ordered_as_in_the_paper(d_out, tenths, side):
    size = Size.of(d_out, tenths, side)
    assert size.columns > d_out >= size.d_in >= 1
    assert size.columns % side**2 == 0
    assert size.columns - d_out <= side**2
    assert abs(size.d_in - tenths * d_out / 10) <= 0.5 or size.d_in == 1


def test_sizes_are_drawn_over_the_whole_range():
    ranks = point_ranks(RankPlan(networks=400, activations=("identity",), d_out=(5, 9)), "conv1x1", 5)
    assert set(ranks.d_out) == {5, 6, 7, 8, 9}


def test_float32_turns_the_order_of_nonlinearities_round():
    """Smooth ones make small singular values that only float64 resolves, so the study has to use it."""
    plan = RankPlan(networks=60, activations=("relu", "softplus"), batch_norm="batch")
    means = {torch.float64: [0, 0], torch.float32: [0, 0]}
    for number in range(plan.networks):
        network = Draw(plan, "conv1x1", 1, number).network()
        for place, feature in enumerate(layer_features(plan, "conv1x1", [network])):
            for dtype in means:
                means[dtype][place] += int(torch.linalg.matrix_rank(feature[0].to(dtype))) / network.size.d_out
    assert means[torch.float64][1] > means[torch.float64][0]
    assert means[torch.float32][1] < means[torch.float32][0]


def test_a_true_map_takes_a_3x3_convolution_off_the_diagonal():
    """Each pixel sees nine times as many numbers: rank min(d_out, 9 d_in) without a nonlinearity."""
    plan = RankPlan(networks=10, activations=("identity",), map_size=5)
    ranks = point_ranks(plan, "conv3x3", 1)
    np.testing.assert_array_equal(ranks.ranks[0], np.minimum(ranks.d_out, 9 * ranks.d_in))
    pointwise = point_ranks(plan, "conv1x1", 1)
    np.testing.assert_array_equal(pointwise.ranks[0], pointwise.d_in)
