"""Modules that stand in for a network's own while it trains, with the same parameters and buffers."""

from __future__ import annotations

import torch
from torch import nn

from chansearch.nets.network import ConvBnAct, InvertedBottleneck
from chansearch.train.depthwise import is_plain_depthwise
from chansearch.train.native.operations import (
    ACTIVATIONS,
    BatchNormAct,
    Depthwise3x3,
    scale_shift_act,
)

_ACTIVATIONS = {nn.Identity: "identity", nn.ReLU: "relu", nn.ReLU6: "relu6", nn.SiLU: "silu"}


class FusedBatchNormAct(nn.Module):
    """``nn.BatchNorm2d`` and the activation behind it; when measuring, without a gradient."""

    def __init__(self, bn: nn.BatchNorm2d, activation: str) -> None:
        super().__init__()
        self.weight, self.bias = bn.weight, bn.bias
        for name in ("running_mean", "running_var", "num_batches_tracked"):
            self.register_buffer(name, getattr(bn, name))
        self.eps, self.momentum = bn.eps, bn.momentum
        self._activation = ACTIVATIONS.index(activation)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training:
            scale = self.weight * (self.running_var + self.eps).rsqrt()
            shift = self.bias - self.running_mean * scale
            return scale_shift_act(x.contiguous(memory_format=torch.channels_last), scale, shift, self._activation)
        y, mean, variance = BatchNormAct.apply(x, self.weight, self.bias, self.eps, self._activation)
        count = x.numel() // x.shape[1]
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * (count / max(count - 1, 1)), self.momentum)  # unbiased, as torch keeps it
            self.num_batches_tracked += 1
        return y


class NativeDepthwise(nn.Module):
    """A depthwise 3×3 ``nn.Conv2d``."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.weight = conv.weight
        self._stride = conv.stride[0]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if torch.is_autocast_enabled("cpu"):  # autocast does not look inside custom functions
            x = x.to(torch.get_autocast_dtype("cpu"))
        return Depthwise3x3.apply(x, self.weight, self._stride)


def use_native(model: nn.Module) -> None:
    """Replace, in place, what has a kernel; names and values of parameters and buffers stay."""
    for module in model.modules():
        # Without SE between them, the activation behind the depthwise convolution follows its BatchNorm directly.
        if isinstance(module, InvertedBottleneck) and module.se is None:
            module.conv_dw.act, module.act_dw = module.act_dw, module.conv_dw.act
    for module in list(model.modules()):
        if isinstance(module, ConvBnAct):
            activation = _ACTIVATIONS.get(type(module.act))
            module.bn = FusedBatchNormAct(module.bn, activation or "identity")
            if activation:
                module.act = nn.Identity()
            if _has_kernel(module.conv):
                module.conv = NativeDepthwise(module.conv)


def _has_kernel(conv: nn.Conv2d) -> bool:
    return is_plain_depthwise(conv) and conv.kernel_size == (3, 3) and conv.stride in ((1, 1), (2, 2))
