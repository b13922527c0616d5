import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from chansearch.train.depthwise import Stride2Depthwise, is_replaceable, replace_strided_depthwise

from .conftest import tiny_model


def _gradients(module, x):
    x = x.clone().requires_grad_()
    y = module(x)
    weight = torch.linspace(-1, 1, y.numel()).view_as(y)
    (y * weight).sum().backward()
    return y, x.grad, module.weight.grad


@settings(deadline=None)
@given(st.sampled_from([1, 3, 5, 7]), st.integers(1, 6), st.integers(5, 12), st.integers(5, 12))
def test_output_and_gradients_equal_those_of_torch(kernel, channels, height, width):
    torch.manual_seed(0)
    conv = nn.Conv2d(channels, channels, kernel, stride=2, padding=kernel // 2, groups=channels, bias=False)
    x = torch.randn(2, channels, height, width)
    expected = _gradients(conv, x)
    conv.weight.grad = None
    for ours, theirs in zip(_gradients(Stride2Depthwise(conv), x), expected, strict=True):
        torch.testing.assert_close(ours, theirs, atol=2e-6, rtol=2e-6)


def test_in_bfloat16_it_rounds_like_torch():
    torch.manual_seed(0)
    conv = nn.Conv2d(8, 8, 3, stride=2, padding=1, groups=8, bias=False)
    x = torch.randn(4, 8, 16, 16)
    with torch.autocast("cpu", torch.bfloat16):
        expected = _gradients(conv, x)
        conv.weight.grad = None
        results = _gradients(Stride2Depthwise(conv), x)
    assert results[0].dtype == torch.bfloat16
    for ours, theirs in zip(results, expected, strict=True):
        assert ours.dtype == theirs.dtype
        assert (ours - theirs).abs().max() <= 0.02 * theirs.abs().max()  # bfloat16 has 8 bits: steps of 0.4 to 0.8 %


def test_on_a_single_pixel_in_bfloat16_the_gradient_is_written():
    """torch's own is what the memory held before: not a number, for one."""
    x = torch.randn(8, 64, 1, 1).to(memory_format=torch.channels_last)
    for _ in range(20):
        junk = [torch.full((64, 64), torch.nan) for _ in range(50)]
        del junk
        conv = nn.Conv2d(64, 64, 3, stride=2, padding=1, groups=64, bias=False)
        with torch.autocast("cpu", torch.bfloat16):
            _, _, gradient = _gradients(Stride2Depthwise(conv), x)
        assert gradient.isfinite().all()
        assert gradient[:, 0, 1, 1].abs().min() > 0
        assert gradient.count_nonzero() == 64  # the kernel's middle alone has seen the pixel


@pytest.mark.parametrize(
    "change",
    [
        {"stride": 1},
        {"bias": True},
        {"groups": 1},
        {"dilation": 2},
        {"padding": 0},
        {"padding_mode": "reflect"},
        {"stride": (2, 1)},
        {"kernel_size": (3, 5), "padding": (1, 2)},
        {"kernel_size": 4, "padding": 2},
        {"out_channels": 16},
    ],
)
def test_other_convolutions_are_left_alone(change):
    plain = {
        "in_channels": 8, "out_channels": 8, "kernel_size": 3, "stride": 2, "padding": 1, "groups": 8, "bias": False
    }  # fmt: skip
    assert is_replaceable(nn.Conv2d(**plain))
    assert not is_replaceable(nn.Conv2d(**(plain | change)))


def test_replacing_keeps_parameters_names_and_outputs():
    model = tiny_model().eval()
    replaced = copy.deepcopy(model)
    replace_strided_depthwise(replaced)
    assert sum(isinstance(module, Stride2Depthwise) for module in replaced.modules()) == 1
    assert list(replaced.state_dict()) == list(model.state_dict())
    x = torch.randn(2, 1, 8, 8)
    torch.testing.assert_close(replaced(x), model(x))
