"""The kernels against torch in double precision, over widths and sizes that meet every way through them."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from chansearch.train.native.operations import ACTIVATIONS, BatchNormAct, Depthwise3x3, moments, scale_shift_act

FUNCTIONS = {
    "identity": lambda z: z,
    "relu": functional.relu,
    "relu6": functional.relu6,
    "silu": functional.silu,
}
# float32's sums of some thousand terms; bfloat16 keeps eight bits of each value, some of which lie on the kinks of
# an activation and fall to the other side.
TOLERANCES = {torch.float32: 2e-5, torch.bfloat16: 2e-2}
# Of a variance, which is a difference of sums: over 3,000 drawn features the largest error was 1.2e-5 of values in
# float32, 4.5e-5 of those in bfloat16.
VARIANCE_TOLERANCES = {torch.float32: 3e-5, torch.bfloat16: 1e-4}

# Below 4, below 8 and below 16 channels other vectors are used; 17 to 40 end in overlapping blocks.
widths = st.integers(1, 40)
sizes = st.integers(1, 9)
dtypes = st.sampled_from(list(TOLERANCES))


def _features(shape, dtype, seed: int) -> torch.Tensor:
    values = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    return values.to(dtype).contiguous(memory_format=torch.channels_last)


def _assert_close(ours: torch.Tensor, exact: torch.Tensor, tolerance: float) -> None:
    """Relative to the size of the whole tensor: sums that cancel have no relative accuracy of their own."""
    scale = exact.abs().max().item() + 1e-3
    assert (ours.double() - exact).abs().max().item() <= tolerance * scale


@settings(deadline=None, max_examples=150)
@given(widths, st.integers(1, 5), sizes, sizes, st.sampled_from(ACTIVATIONS), dtypes, st.integers(0, 99))
def test_batch_norm_with_activation_equals_torch(channels, count, height, width, activation, dtype, seed):
    rows = count * height * width
    if rows < 8:  # the variance of a few values decides the gradient, and rounding decides the variance
        count, rows = 8 * count, 8 * rows
    x = _features((count, channels, height, width), dtype, seed) + 3  # away from zero: variances must not cancel
    x.requires_grad_()
    weight = (1 + 0.1 * torch.randn(channels)).requires_grad_()
    bias = (0.5 * torch.randn(channels)).requires_grad_()
    y, mean, variance = BatchNormAct.apply(x, weight, bias, 1e-5, ACTIVATIONS.index(activation))
    grad = _features(y.shape, dtype, seed + 1)
    y.backward(grad)

    exact = [tensor.detach().double().requires_grad_() for tensor in (x, weight, bias)]
    running = [torch.zeros(channels).double(), torch.ones(channels).double()]
    normal = functional.batch_norm(exact[0], *running, exact[1], exact[2], training=True, momentum=1.0, eps=1e-5)
    expected = FUNCTIONS[activation](normal)
    expected.backward(grad.double())

    assert y.dtype == dtype and y.is_contiguous(memory_format=torch.channels_last)
    tolerance = TOLERANCES[dtype]
    _assert_close(mean, running[0], 1e-6)
    _assert_close(variance, running[1] * (rows - 1) / rows, VARIANCE_TOLERANCES[dtype])
    _assert_close(y.detach(), expected.detach(), tolerance)
    for ours, theirs in zip((x, weight, bias), exact, strict=True):
        _assert_close(ours.grad, theirs.grad, tolerance)


@settings(deadline=None, max_examples=150)
@given(widths, st.integers(1, 3), sizes, sizes, st.sampled_from([1, 2]), dtypes, st.integers(0, 99))
def test_depthwise_equals_torch(channels, count, height, width, stride, dtype, seed):
    x = _features((count, channels, height, width), dtype, seed).requires_grad_()
    weight = torch.randn(channels, 1, 3, 3).requires_grad_()
    y = Depthwise3x3.apply(x, weight, stride)
    grad = _features(y.shape, dtype, seed + 1)
    y.backward(grad)
    exact = [tensor.detach().double().requires_grad_() for tensor in (x, weight)]
    expected = functional.conv2d(*exact, stride=stride, padding=1, groups=channels)
    expected.backward(grad.double())
    assert y.dtype == dtype and y.is_contiguous(memory_format=torch.channels_last)
    tolerance = 2e-6 if dtype == torch.float32 else 5e-3  # one rounding to eight bits
    _assert_close(y.detach(), expected.detach(), tolerance)
    _assert_close(x.grad, exact[0].grad, tolerance)
    _assert_close(weight.grad, exact[1].grad, 1e-5)


def test_moments_of_many_rows_keep_their_digits():
    """A mean of 100 deviations over 300,000 values: squares summed in float32 would leave no digit of the variance."""
    x = torch.randn(75_000, 3, 2, 2, generator=torch.Generator().manual_seed(0)).add(100)
    x = x.contiguous(memory_format=torch.channels_last)
    mean, variance = moments(x)
    torch.testing.assert_close(mean.double(), x.double().mean((0, 2, 3)), rtol=1e-6, atol=0)
    torch.testing.assert_close(variance.double(), x.double().var((0, 2, 3), unbiased=False), rtol=1e-5, atol=0)


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("activation", range(len(ACTIVATIONS)))
def test_what_is_not_finite_stays_so(dtype, value, activation):
    """Else a diverged training would look like a bad one."""
    x = _features((2, 16, 4, 4), dtype, 0)
    x[1, 3, 2, 2] = value
    y, *_ = BatchNormAct.apply(x, torch.ones(16), torch.zeros(16), 1e-5, activation)
    assert y[:, 3].isnan().all()
    assert y[:, [c for c in range(16) if c != 3]].isfinite().all()
    assert Depthwise3x3.apply(x, torch.ones(16, 1, 3, 3), 1)[1, 3, 1:4, 1:4].isfinite().sum() == 0


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_extreme_values_give_what_torch_gives(activation):
    z = torch.tensor([-1e30, -200.0, -88.0, -6.0, -0.0, 0.0, 6.0, 88.0, 200.0, 1e30]).reshape(1, 10, 1, 1)
    ours = scale_shift_act(z, torch.ones(10), torch.zeros(10), ACTIVATIONS.index(activation))
    torch.testing.assert_close(ours, FUNCTIONS[activation](z), rtol=1e-6, atol=1e-30)


def test_rounding_to_bfloat16_is_to_the_nearest_with_ties_to_even():
    """Through a depthwise convolution whose only tap is 1, in lanes of 16 and of 8, which round in different code."""
    values = torch.randn(4, 24, 5, 5, generator=torch.Generator().manual_seed(1))
    for channels in (24, 8):
        scaled = values[:, :channels].bfloat16().contiguous(memory_format=torch.channels_last)
        factor = torch.linspace(0.5, 2, channels)
        ours = scale_shift_act(scaled, factor, torch.zeros(channels), 0)
        expected = (scaled.float() * factor[:, None, None]).bfloat16()
        assert torch.equal(ours, expected)
