"""The final feature and its singular values, against NumPy and matrices whose spectrum is known."""

import math

import numpy as np
import pytest
import timm
import torch
from torch import nn

from chansearch.nets import NetworkSpec
from chansearch.nets.features import Spectrum, final_features
from chansearch.nets.network import Network

SPEC = NetworkSpec(channels=(4, 6), strides=(1, 2), expansions=(1, 6), head_channels=20, classes=5, input_size=8)


def images(count: int, size: int = 8) -> torch.Tensor:
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("spec", [SPEC, NetworkSpec(**{**vars(SPEC), "extra_channels": 12, "dropout": 0.5})])
def test_the_feature_is_what_the_classifier_takes(spec):
    torch.manual_seed(0)
    network, batch = Network(spec), images(10)
    features = final_features(network, [batch[:7], batch[7:]])
    assert features.shape == (10, spec.feature_channels)
    with torch.no_grad():
        torch.testing.assert_close(network.head.fc(features), network.eval()(batch))


def test_a_network_of_timm_gives_its_own_pre_logits():
    torch.manual_seed(0)
    network = timm.create_model("rexnet_100", num_classes=7).eval()
    batch = images(4, 32)
    with torch.no_grad():
        expected = network.forward_head(network.forward_features(batch), pre_logits=True)
    torch.testing.assert_close(final_features(network, [batch]), expected)


def test_the_hook_is_gone_afterwards_even_after_a_failure():
    network = Network(SPEC)
    with pytest.raises(RuntimeError):
        final_features(network, [torch.zeros(1, 4, 8, 8)])
    assert not network.head.fc._forward_pre_hooks


def test_a_network_without_a_classifier_is_refused():
    with pytest.raises(ValueError, match="no linear classifier"):
        final_features(nn.Sequential(nn.Conv2d(3, 4, 1)), [images(2)])


def test_spectrum_against_numpy():
    features = torch.randn(30, 12, generator=torch.Generator().manual_seed(1))
    spectrum = Spectrum.of(features)
    values = np.linalg.svd(features.double().numpy(), compute_uv=False)
    assert spectrum.values.numpy() == pytest.approx(values, rel=1e-12)
    assert spectrum.nuclear_norm == pytest.approx(np.linalg.norm(features.double().numpy(), "nuc"))
    assert spectrum.rank == np.linalg.matrix_rank(features.numpy()) == 12
    shares = values / values.sum()
    assert spectrum.effective_rank == pytest.approx(math.exp(-(shares * np.log(shares)).sum()))


@pytest.mark.parametrize("rank", [1, 3, 8])
def test_rank_counts_what_is_above_the_rounding_of_float32(rank):
    generator = torch.Generator().manual_seed(rank)
    product = torch.randn(40, rank, generator=generator) @ torch.randn(rank, 8, generator=generator)
    noise = 1e-8 * torch.randn(40, 8, generator=generator)
    assert Spectrum.of(product + noise).rank == rank


def test_equal_singular_values_have_the_greatest_effective_rank():
    assert Spectrum.of(torch.eye(6)).effective_rank == pytest.approx(6)
    assert Spectrum.of(torch.ones(5, 3)).effective_rank == pytest.approx(1)
    zero = Spectrum.of(torch.zeros(5, 3))
    assert (zero.effective_rank, zero.rank, zero.nuclear_norm) == (0, 0, 0)
