"""A network with the kernels in place of its modules is the same network."""

import copy
import dataclasses

import pytest
import torch
from torch import nn

from chansearch.nets import NetworkSpec, build
from chansearch.nets.presets import rexnet
from chansearch.train.native.modules import FusedBatchNormAct, NativeDepthwise, use_native
from chansearch.train.pooling import replace_average_pool

CANDIDATE = NetworkSpec(
    channels=(12, 17, 20), strides=(1, 2, 1), expansions=(1, 6, 6), head_channels=70, input_size=16, classes=5
)
SPECS = {
    "candidate": CANDIDATE,
    "hardswish": dataclasses.replace(CANDIDATE, activation="hardswish"),  # has no kernel: BatchNorm's alone is used
    "rexnet": dataclasses.replace(rexnet(1.0), input_size=64, classes=5, dropout=0.0),  # SE, SiLU
}


def _pair(name: str) -> tuple[nn.Module, nn.Module, torch.Tensor]:
    torch.manual_seed(0)
    spec = SPECS[name]
    stock = build(spec).to(memory_format=torch.channels_last)
    native = copy.deepcopy(stock)
    use_native(native)
    replace_average_pool(native)
    images = torch.randn(8, 3, spec.input_size, spec.input_size).contiguous(memory_format=torch.channels_last)
    return stock, native, images


@pytest.mark.parametrize("name", SPECS)
def test_outputs_gradients_and_statistics_are_those_of_the_network(name):
    stock, native, images = _pair(name)
    weight = torch.randn(8, 5)
    results = []
    for model in (stock.double(), native):
        logits = model(images.to(next(model.parameters()).dtype))
        (logits * weight).sum().backward()
        gradients = {key: parameter.grad for key, parameter in model.named_parameters()}
        results.append((logits, gradients, dict(model.named_buffers())))
    (logits, gradients, buffers), (ours, our_gradients, our_buffers) = results
    torch.testing.assert_close(ours.double(), logits, rtol=1e-4, atol=1e-4)
    assert our_gradients.keys() == gradients.keys() and our_buffers.keys() == buffers.keys()
    largest = max(gradient.abs().max() for gradient in gradients.values())
    for key, gradient in gradients.items():
        # A unit on the kink of ReLU6 falls to either side in float32, so a gradient is as sharp as its whole network.
        torch.testing.assert_close(our_gradients[key].double(), gradient, rtol=5e-3, atol=2e-4 * largest.item())
    for key, buffer in buffers.items():
        torch.testing.assert_close(our_buffers[key].double(), buffer.double(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", SPECS)
def test_measuring_gives_the_networks_outputs(name):
    stock, native, images = _pair(name)
    with torch.no_grad():
        for model in (stock, native):
            model.train()(images)  # statistics of their own, not the initial ones
            model.eval()
        torch.testing.assert_close(native(images), stock(images), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", SPECS)
def test_names_of_weights_stay(name):
    stock, native, _ = _pair(name)
    assert native.state_dict().keys() == stock.state_dict().keys()
    native.load_state_dict(stock.state_dict())


def test_everything_that_has_a_kernel_uses_it():
    _, native, _ = _pair("candidate")
    modules = list(native.modules())
    assert not [module for module in modules if isinstance(module, (nn.BatchNorm2d, nn.ReLU6))]
    assert sum(isinstance(module, NativeDepthwise) for module in modules) == 3
    # stem, head, and a block's expansion (not in the first), depthwise and projection
    assert sum(isinstance(module, FusedBatchNormAct) for module in modules) == 2 + 2 + 3 + 3


def test_under_autocast_features_are_bfloat16_and_gradients_reach_every_weight():
    _, native, images = _pair("candidate")
    with torch.autocast("cpu", torch.bfloat16):
        logits = native(images)
    logits.float().square().sum().backward()
    for key, parameter in native.named_parameters():
        assert parameter.grad is not None and parameter.grad.dtype == torch.float32, key
        assert parameter.grad.isfinite().all(), key
