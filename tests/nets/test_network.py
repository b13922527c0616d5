"""The built module: shapes, shortcuts, activations, stochastic depth and gradients."""

import dataclasses
import itertools

import pytest
import torch
from torch.nn import functional as F

from chansearch.nets import ACTIVATIONS, NetworkSpec, build
from chansearch.nets.spec import ACTIVATION_PLACES
from tests.nets.specs import draw_spec

SPEC = NetworkSpec(
    channels=(8, 12, 12, 10, 10),
    strides=(1, 1, 2, 1, 1),
    expansions=(1, 6, 6, 6, 6),
    stem_channels=8,
    head_channels=32,
    input_size=9,
)


@pytest.mark.parametrize("seed", range(40))
def test_forward_of_drawn_specs(seed):
    spec = draw_spec(seed)
    network = build(spec).eval()
    images = torch.randn(3, spec.in_channels, spec.input_size, spec.input_size)
    with torch.no_grad():
        logits = network(images)
    assert logits.shape == (3, spec.classes)
    assert torch.isfinite(logits).all()


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (7, 7), (33, 47), (32, 32), (64, 1)])
def test_forward_of_any_size(size):
    """The spec's input size is for the counter; the module takes what comes."""
    network = build(dataclasses.replace(SPEC, se_reduction=4, stem_stride=2)).eval()
    with torch.no_grad():
        assert network(torch.randn(2, 3, *size)).shape == (2, 10)


@pytest.mark.parametrize("seed", range(12))
def test_training_reaches_every_weight(seed):
    spec = dataclasses.replace(
        draw_spec(seed), drop_path=0.0, dropout=0.0, input_size=16, head_channels=40, extra_channels=None, classes=10
    )
    torch.manual_seed(seed)
    network = build(spec).train()
    F.cross_entropy(network(torch.randn(8, spec.in_channels, 16, 16)), torch.arange(8)).backward()
    without = [name for name, p in network.named_parameters() if p.grad is None or not torch.isfinite(p.grad).all()]
    assert without == []


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_in_place_activations_leave_gradients_right(activation):
    """Against finite differences: an activation in place must not spoil what another step keeps for its gradient."""
    spec = dataclasses.replace(
        SPEC,
        channels=(4, 6),
        strides=(1, 1),
        expansions=(1, 2),
        stem_channels=4,
        head_channels=6,
        classes=3,
        se_reduction=2,
        **dict.fromkeys(ACTIVATION_PLACES, activation),
    )
    torch.manual_seed(0)
    network = build(spec).double().eval()
    assert torch.autograd.gradcheck(network, torch.randn(1, 3, 4, 4, dtype=torch.float64, requires_grad=True))


@pytest.mark.parametrize("place", ACTIVATION_PLACES)
def test_every_activation_is_another_network(place):
    images = 8 * torch.randn(2, 3, 9, 9, generator=torch.Generator().manual_seed(0))
    outputs = {}
    for activation in ACTIVATIONS:
        torch.manual_seed(0)
        network = build(dataclasses.replace(SPEC, **{place: activation})).eval()
        with torch.no_grad():
            outputs[activation] = network(images)
    for one, other in itertools.combinations(ACTIVATIONS, 2):
        assert not torch.allclose(outputs[one], outputs[other], rtol=1e-4), (one, other)


def test_activations_follow_the_rule_of_the_layer_study():
    """SiLU behind the expansion, ReLU6 behind the depthwise convolution, none behind the projection."""
    block = build(dataclasses.replace(SPEC, activation="silu", depthwise_activation="relu6")).features[1]
    assert isinstance(block.conv_exp.act, torch.nn.SiLU)
    assert isinstance(block.act_dw, torch.nn.ReLU6)
    assert isinstance(block.conv_dw.act, torch.nn.Identity)
    assert isinstance(block.conv_pwl.act, torch.nn.Identity)


# Blocks of SPEC: 8→8, 8→12, 12→12 with stride 2, 12→10, 10→10.
@pytest.mark.parametrize(
    ("shortcut", "added"),
    [
        ("padded", [True, True, False, False, True]),
        ("identity", [True, False, False, False, True]),
        ("none", [False] * 5),
    ],
)
@pytest.mark.parametrize("se_reduction", [None, 4])
def test_a_silent_branch_leaves_the_padded_input(shortcut, added, se_reduction):
    network = build(dataclasses.replace(SPEC, shortcut=shortcut, se_reduction=se_reduction)).eval()
    x = torch.randn(2, 8, 9, 9)
    for block, is_added in zip(network.features[:5], added, strict=True):
        torch.nn.init.zeros_(block.conv_pwl.bn.weight)
        torch.nn.init.zeros_(block.conv_pwl.bn.bias)
        with torch.no_grad():
            y = block(x)
        c_in, c_out = x.shape[1], y.shape[1]
        if is_added:
            assert torch.equal(y[:, :c_in], x)
            assert torch.equal(y[:, c_in:], torch.zeros_like(y[:, c_in:]))
        else:
            assert torch.equal(y, torch.zeros_like(y))
        x = torch.randn(2, c_out, y.shape[2], y.shape[3])


def test_the_shortcut_is_added_to_the_branch():
    with_shortcut, without = build(SPEC).eval(), build(dataclasses.replace(SPEC, shortcut="none")).eval()
    without.load_state_dict(with_shortcut.state_dict())
    x = torch.randn(2, 8, 9, 9)
    with torch.no_grad():
        difference = with_shortcut.features[1](x) - without.features[1](x)
    assert torch.allclose(difference, F.pad(x, (0, 0, 0, 0, 0, 4)), atol=1e-5)


def test_a_block_leaves_its_input_alone():
    network = build(dataclasses.replace(SPEC, se_reduction=4)).eval()
    x = torch.randn(2, 8, 9, 9)
    kept = x.clone()
    with torch.no_grad():
        network.features[0](x)
        network.features[1](x)
    assert torch.equal(x, kept)


def test_drop_path_is_off_in_eval():
    plain, dropping = build(SPEC).eval(), build(dataclasses.replace(SPEC, drop_path=0.9, dropout=0.9)).eval()
    dropping.load_state_dict(plain.state_dict())
    images = torch.randn(4, 3, 9, 9)
    with torch.no_grad():
        assert torch.equal(plain(images), dropping(images))


def test_drop_path_drops_whole_images_and_scales_the_rest():
    torch.manual_seed(0)
    block = build(dataclasses.replace(SPEC, drop_path=0.5)).eval().features[4]
    x = torch.randn(400, 10, 3, 3)
    with torch.no_grad():
        branch = block(x) - x
        block.drop_path.train()
        dropped = block(x) - x
    off = (dropped == 0).flatten(1).all(dim=1)
    assert 0.4 < off.float().mean() < 0.6
    assert torch.allclose(dropped[~off], 2 * branch[~off], atol=1e-5)


def test_drop_path_grows_linearly_with_the_block():
    spec = dataclasses.replace(SPEC, channels=(8,) * 5, strides=(1, 1, 2, 1, 1), drop_path=0.4)
    drops = [block.drop_path and block.drop_path.probability for block in build(spec).features[:5]]
    # Never the first block, nor one without a shortcut, which would be all of the network.
    assert drops == [None, pytest.approx(0.1), None, pytest.approx(0.3), pytest.approx(0.4)]


def test_one_block_with_drop_path_builds():
    spec = NetworkSpec((8,), (1,), (1,), stem_channels=8, head_channels=8, drop_path=0.5)
    assert build(spec).features[0].drop_path is None


def test_weights_come_from_the_global_generator():
    torch.manual_seed(3)
    one = build(SPEC).state_dict()
    torch.manual_seed(3)
    again = build(SPEC).state_dict()
    other = build(SPEC).state_dict()
    assert all(torch.equal(one[key], again[key]) for key in one)
    assert not torch.equal(one["stem.conv.weight"], other["stem.conv.weight"])


@pytest.mark.parametrize(
    ("name", "variance"),
    [
        ("stem.conv.weight", 2 / (9 * 64)),
        ("features.1.conv_exp.conv.weight", 2 / 384),
        ("features.1.conv_dw.conv.weight", 2 / 9),
        ("features.1.conv_pwl.conv.weight", 2 / 96),
    ],
)
def test_initial_variance_is_two_over_fan_out(name, variance):
    torch.manual_seed(0)
    weights = build(NetworkSpec((64, 96), (1, 1), (1, 6), stem_channels=64)).state_dict()[name]
    assert weights.var().item() == pytest.approx(variance, rel=0.15)
    assert weights.mean().item() == pytest.approx(0, abs=4 * (variance / weights.numel()) ** 0.5)


@pytest.mark.filterwarnings("ignore:Converting a tensor to a Python boolean")
@pytest.mark.parametrize("seed", range(6))
def test_a_trace_gives_the_same_logits(seed):
    """Exporters trace: no step may depend on the batch."""
    spec = draw_spec(seed)
    network = build(spec).eval()
    images = torch.randn(1, spec.in_channels, spec.input_size, spec.input_size)
    with torch.no_grad():
        traced = torch.jit.trace(network, images)
        more = torch.randn(3, spec.in_channels, spec.input_size, spec.input_size)
        assert torch.allclose(traced(more), network(more), atol=1e-5)
