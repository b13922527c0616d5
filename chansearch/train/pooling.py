"""The global average pool of a network's head, with a gradient in the order that CPUs want.

N images a batch, C channels, H × W pixels.
"""

import torch
from torch import nn
from torch.nn import functional

from chansearch.nets.network import ClassifierHead


class _Average(torch.autograd.Function):
    """x (N, C, H, W) -> (N, C)."""

    @staticmethod
    def forward(ctx, x: torch.Tensor) -> torch.Tensor:
        ctx.size = x.shape[2:]
        return functional.avg_pool2d(x, x.shape[2:]).flatten(1)

    @staticmethod
    def backward(ctx, grad: torch.Tensor) -> torch.Tensor:
        height, width = ctx.size
        spread = (grad / (height * width))[:, :, None, None].expand(-1, -1, height, width)
        return spread.contiguous(memory_format=torch.channels_last)


class ChannelsLastAverage(nn.Module):
    """The mean over the pixels. The gradient of ``x.mean((2, 3))`` lies channel by channel, and the BatchNorm and
    activation before the pool pay for it: a third of the whole step of c1's best network on a CPU."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return _Average.apply(x)


def replace_average_pool(model: nn.Module) -> None:
    """Replace, in place, the pool of every head inside ``model``; it has no parameters."""
    for module in model.modules():
        if isinstance(module, ClassifierHead):
            module.pool = ChannelsLastAverage()
