"""Each proxy against its definition, written out another way."""

import copy
import dataclasses
import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from chansearch.nets.network import Network
from chansearch.nets.spec import ACTIVATION_PLACES, NetworkSpec
from chansearch.proxies.activations import naswot, near, zen
from chansearch.proxies.features import nuclear_norm, rank_ratio
from chansearch.proxies.gradients import grad_norm, synflow, zico
from chansearch.proxies.names import PROXY_NAMES, parse_proxies
from chansearch.proxies.probe import Probe
from chansearch.proxies.score import score

SPEC = NetworkSpec(
    channels=(4, 6, 8), strides=(1, 2, 1), expansions=(1, 2, 2), stem_channels=4, head_channels=16, input_size=8
)
PROBE = Probe.noise(SPEC, batch_size=6, batches=3)


def network(**changes) -> Network:
    torch.manual_seed(3)
    return Network(dataclasses.replace(SPEC, **changes))


def probe_of(images: torch.Tensor) -> Probe:
    return Probe(((images, torch.zeros(len(images), dtype=torch.int64)),))


def effective_rank(matrix: np.ndarray) -> float:
    singular = np.linalg.svd(matrix, compute_uv=False)
    shares = singular[singular > 0] / singular.sum()
    return math.exp(-(shares * np.log(shares)).sum())


def test_gradient_norm_is_that_of_a_training_step():
    stepped = network()
    functional.cross_entropy(stepped(PROBE.images), PROBE.labels).backward()
    expected = sum(float(parameter.grad.norm()) for parameter in stepped.parameters())
    assert grad_norm(network(), PROBE) == pytest.approx(expected, rel=1e-5)


def test_zico_is_the_log_of_inverse_variation_layer_by_layer():
    stepped, kept = network(), {}
    for images, labels in PROBE.batches:
        stepped.zero_grad()
        functional.cross_entropy(stepped(images), labels).backward()
        for name, parameter in stepped.named_parameters():
            if parameter.ndim > 1:
                kept.setdefault(name, []).append(parameter.grad.double().numpy().copy())
    expected = 0.0
    for gradients in map(np.array, kept.values()):
        mean, std = np.abs(gradients).mean(axis=0), gradients.std(axis=0)
        expected += np.log((mean[std > 0] / std[std > 0]).sum())
    assert len(kept) == 3 * 3 + 2  # two convolutions in the first block, three in the others, stem, head, classifier
    assert zico(network(), PROBE) == pytest.approx(expected, rel=1e-4)


def test_synflow_of_a_chain_is_its_output_once_for_each_layer():
    """A linear chain is of degree one in each layer's weights, so each layer's Σ θ·∂R/∂θ is R (Euler)."""
    linear = network(**dict.fromkeys(ACTIVATION_PLACES, "identity"), shortcut="none")
    positive = copy.deepcopy(linear).double().eval()
    for parameter in positive.parameters():
        parameter.data.abs_()
    out = float(positive(torch.ones(1, 3, 8, 8, dtype=torch.float64)).sum().detach())
    weighted = sum(parameter.ndim > 1 for parameter in positive.parameters())
    assert synflow(linear, PROBE) == pytest.approx(math.log(weighted * out), rel=1e-9)


def test_synflow_sees_no_cap_and_no_images():
    """ReLU6 would leave it without a gradient."""
    assert score("synflow", SPEC, PROBE, 1) == score("synflow", dataclasses.replace(SPEC, activation="silu"), PROBE, 1)
    other = Probe.noise(SPEC, batch_size=2, batches=1)
    assert score("synflow", SPEC, PROBE, 1) == score("synflow", SPEC, other, 1)


def test_naswot_by_hand():
    """Codes 1100 and 1001: alike in two of four places, so K = ((4, 2), (2, 4)) and its determinant 12."""
    images = torch.tensor([[1.0, 2.0, -1.0, -3.0], [2.0, -1.0, -1.0, 5.0]]).reshape(2, 1, 2, 2)
    switches = nn.Sequential(nn.Flatten(), nn.ReLU())
    assert naswot(switches, probe_of(images)) == pytest.approx(math.log(12))
    twice = nn.Sequential(nn.Flatten(), nn.ReLU6(inplace=True), nn.SiLU())
    # ReLU6 leaves zeros, which are not above 0: the same codes again.
    assert naswot(twice, probe_of(images.clone())) == pytest.approx(math.log(48))


def test_naswot_of_two_equal_images_is_the_least_there_is():
    images = torch.ones(2, 1, 2, 2)
    assert naswot(nn.Sequential(nn.Flatten(), nn.ReLU()), probe_of(images)) == -math.inf


def test_near_by_hand():
    """Three orthogonal rows of equal length have effective rank 3, before and after a ReLU that changes nothing."""
    linear = nn.Linear(3, 3, bias=False)
    linear.weight.data = torch.eye(3)
    assert near(nn.Sequential(linear, nn.ReLU()), probe_of(torch.eye(3))) == pytest.approx(6)


def test_near_sums_the_ranks_of_all_layers():
    module, kept = network(), []
    wanted = (nn.Conv2d, nn.BatchNorm2d, nn.Linear, nn.ReLU6)
    hooks = [
        m.register_forward_hook(lambda _, __, out: kept.append(out.detach().clone().double()))
        for m in module.modules()
        if isinstance(m, wanted)
    ]
    module(PROBE.images)
    for hook in hooks:
        hook.remove()
    expected = 0.0
    for out in kept:
        rows = out.permute(0, 2, 3, 1).flatten(0, 2).numpy() if out.ndim > 2 else out.numpy()
        count = min(rows.shape)
        expected += effective_rank(rows[[i * len(rows) // count for i in range(count)]])
    assert near(network(), PROBE) == pytest.approx(expected, rel=1e-5)


def test_zen_puts_back_what_batchnorm_takes_out():
    """The running variance of a BatchNorm with momentum 1 is that of its last batch, over n − 1."""
    module = network(shortcut="none")
    found = zen(module, PROBE)  # it has drawn the weights, and the noise after them, from a generator of this seed
    random = torch.Generator().manual_seed(torch.initial_seed())
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            assert torch.equal(layer.weight, torch.randn(layer.weight.shape, generator=random))
    x, step = (torch.randn(PROBE.images.shape, generator=random) for _ in range(2))
    norms = [m for m in module.modules() if isinstance(m, nn.BatchNorm2d)]
    pixels = {}
    for norm in norms:
        norm.momentum = 1.0
        norm.register_forward_pre_hook(lambda m, inputs: pixels.update({m: inputs[0].numel() / inputs[0].shape[1]}))
    with torch.no_grad():
        still = module.features(module.stem(x))
        sigmas = [float(n.running_var.mean() * (pixels[n] - 1) / pixels[n]) ** 0.5 for n in norms]
        moved = module.features(module.stem(x + 0.01 * step))
    distance = ((moved - still) ** 2).sum(dim=(1, 2, 3)).sqrt().mean()
    assert found == pytest.approx(float(distance.log()) + sum(map(math.log, sigmas)), rel=1e-4)


def test_the_final_feature_is_normalised_as_in_training():
    one_batch = Probe(PROBE.batches[:1])
    module, kept = network(), []
    module.head.fc.register_forward_pre_hook(lambda _, inputs: kept.append(inputs[0].detach()))
    module(PROBE.images)
    trained = np.linalg.svd(kept[0].double().numpy(), compute_uv=False).sum()
    # Running variances are over n − 1: a few per cent at the 96 pixels that the last BatchNorm sees.
    assert nuclear_norm(network(), one_batch) == pytest.approx(trained, rel=0.05)


def test_rank_ratio_counts_what_is_independent():
    features = torch.tensor([[1.0, 0, 0], [0, 1, 0], [1, 1, 0], [2, 0, 0]])
    assert rank_ratio(nn.Sequential(nn.Linear(3, 2)), probe_of(features)) == pytest.approx(2 / 3)


@pytest.mark.parametrize("name", PROXY_NAMES)
def test_a_score_is_a_function_of_spec_images_and_seeds(name):
    first = score(name, SPEC, PROBE, seeds=2)
    state = torch.get_rng_state()
    threads = torch.get_num_threads()
    torch.rand(7)
    torch.set_num_threads(2)
    try:
        assert score(name, SPEC, PROBE, seeds=2) == first
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert math.isfinite(first)
    torch.set_rng_state(state)
    score(name, SPEC, PROBE, seeds=1)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("name", ["nuclear_norm", "grad_norm", "synflow", "naswot", "zen", "zico", "near"])
def test_initialisations_are_averaged(name):
    one, two = (score(name, SPEC, PROBE, seeds=seeds) for seeds in (1, 2))
    assert one != two


def test_a_wider_network_scores_higher():
    """Every proxy that grows with size does on a network four times as wide."""
    wide = dataclasses.replace(SPEC, channels=(16, 24, 32), stem_channels=16)
    for name in ("params", "macs", "synflow", "naswot", "zen", "zico", "near"):
        assert score(name, wide, PROBE, 1) > score(name, SPEC, PROBE, 1), name


def test_images_of_a_data_set_are_drawn_once_each():
    images = np.arange(20, dtype=np.uint8)[:, None, None, None] * np.ones((1, 3, 2, 2), dtype=np.uint8)
    probe = Probe.of(images, np.arange(20), lambda batch: batch.float() / 20, batch_size=8, batches=3)
    labels = torch.cat([labels for _, labels in probe.batches])
    assert [len(labels) for _, labels in probe.batches] == [6, 6, 6]
    assert len(set(labels.tolist())) == 18
    for batch, named in probe.batches:
        assert torch.allclose(batch[:, 0, 0, 0], named / 20)


def test_an_unknown_proxy_is_named_with_its_neighbours():
    assert parse_proxies("--proxy", "zen, zico,zen") == ("zen", "zico")
    assert parse_proxies("--proxy", "all") == tuple(PROXY_NAMES)
    with pytest.raises(ValueError, match=r"--proxy: 'zenn' is unknown \(did you mean zen\?\); allowed: all, params"):
        parse_proxies("--proxy", "zenn")
