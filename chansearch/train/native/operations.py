"""The kernels as differentiable functions of tensors.

N images a batch, C channels, H × W pixels. Features are channels_last, float32 or bfloat16; parameters and statistics
are float32 (C,).
"""

from __future__ import annotations

import torch

from chansearch.train.native.library import load

ACTIVATIONS = ("identity", "relu", "relu6", "silu")  # in the order of kernels.cpp


def _dense(x: torch.Tensor) -> torch.Tensor:
    return x.contiguous(memory_format=torch.channels_last)


def _is_bf16(x: torch.Tensor) -> int:
    return int(x.dtype == torch.bfloat16)


def _rows(x: torch.Tensor) -> tuple[int, int]:
    """Pixels of all images, and channels."""
    return x.numel() // x.shape[1], x.shape[1]


def moments(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and biased variance (C,) of x (N, C, H, W)."""
    mean = torch.empty(x.shape[1])
    variance = torch.empty_like(mean)
    load().bn_moments(_is_bf16(x), *_rows(x), x.data_ptr(), mean.data_ptr(), variance.data_ptr())
    return mean, variance


def scale_shift_act(x: torch.Tensor, scale: torch.Tensor, shift: torch.Tensor, activation: int) -> torch.Tensor:
    """act(x * scale + shift), x (N, C, H, W), scale and shift (C,)."""
    y = torch.empty_like(x)
    pointers = (x.data_ptr(), scale.data_ptr(), shift.data_ptr(), y.data_ptr())
    load().bn_apply(_is_bf16(x), activation, *_rows(x), *pointers)
    return y


class BatchNormAct(torch.autograd.Function):
    """act(BatchNorm(x)) with the batch's own statistics; also gives them: mean (C,) and biased variance (C,).

    The backward pass works the activation's slope out again from x, so that the output need not be kept.
    """

    @staticmethod
    def forward(ctx, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, eps: float, activation: int):
        x = _dense(x)
        mean, variance = moments(x)
        inverse = (variance + eps).rsqrt()
        scale = weight * inverse
        shift = bias - mean * scale
        ctx.save_for_backward(x, scale, shift, mean, inverse)
        ctx.activation = activation
        ctx.mark_non_differentiable(mean, variance)
        return scale_shift_act(x, scale, shift, activation), mean, variance

    @staticmethod
    def backward(ctx, grad: torch.Tensor, *_):
        x, scale, shift, mean, inverse = ctx.saved_tensors
        grad = _dense(grad)
        rows, channels = _rows(x)
        kind = (_is_bf16(x), ctx.activation, rows, channels)
        tensors = (grad.data_ptr(), x.data_ptr(), scale.data_ptr(), shift.data_ptr())
        sum_g, sum_gx = torch.empty_like(mean), torch.empty_like(mean)
        load().bn_backward_sums(*kind, *tensors, mean.data_ptr(), sum_g.data_ptr(), sum_gx.data_ptr())
        # scale * (g - sum_g / rows - (x - mean) * inverse² * sum_gx / rows), as g * scale + offset + x * slope.
        slope = scale * inverse.square() * sum_gx / -rows
        offset = scale * sum_g / -rows - mean * slope
        x_grad = torch.empty_like(x)
        load().bn_backward_apply(*kind, *tensors, offset.data_ptr(), slope.data_ptr(), x_grad.data_ptr())
        return x_grad, sum_gx * inverse, sum_g, None, None


def _taps(weight: torch.Tensor) -> torch.Tensor:
    """(C, 1, 3, 3) -> float32 (9, C)."""
    return weight.detach().reshape(len(weight), 9).t().contiguous()


class Depthwise3x3(torch.autograd.Function):
    """x (N, C, H, W), weight (C, 1, 3, 3) -> (N, C, h, w); stride 1 or 2, padding 1."""

    @staticmethod
    def forward(ctx, x: torch.Tensor, weight: torch.Tensor, stride: int) -> torch.Tensor:
        x = _dense(x)
        ctx.save_for_backward(x, weight)
        ctx.stride = stride
        return _convolve(x, _taps(weight), stride)

    @staticmethod
    def backward(ctx, grad: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, None]:
        x, weight = ctx.saved_tensors
        grad = _dense(grad)
        count, channels, height, width = x.shape
        shape = (count, height, width, channels)
        taps = _taps(weight)
        if ctx.stride == 1:
            x_grad = _convolve(grad, taps.flip(0), 1)
        else:
            x_grad = torch.empty_like(x)
            pointers = (grad.data_ptr(), taps.data_ptr(), x_grad.data_ptr())
            load().depthwise_input_gradient(_is_bf16(x), *shape, *pointers)
        taps_grad = torch.empty_like(taps)
        pointers = (grad.data_ptr(), x.data_ptr(), taps_grad.data_ptr())
        load().depthwise_weight_gradient(_is_bf16(x), ctx.stride, *shape, *pointers)
        return x_grad, taps_grad.t().reshape(weight.shape), None


def _convolve(x: torch.Tensor, taps: torch.Tensor, stride: int) -> torch.Tensor:
    count, channels, height, width = x.shape
    size = (count, channels, -(-height // stride), -(-width // stride))
    y = torch.empty(size, dtype=x.dtype, memory_format=torch.channels_last)
    pointers = (x.data_ptr(), taps.data_ptr(), y.data_ptr())
    load().depthwise_forward(_is_bf16(x), stride, count, height, width, channels, *pointers)
    return y
