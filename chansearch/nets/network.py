"""The one builder: from a spec to a torch module.

N images a batch, C channels, H and W pixels. Names of modules are timm's ReXNet's (``stem``, ``features.3.conv_dw.bn``,
``head.fc``), so that its published weights fit.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from chansearch.nets.spec import NetworkSpec

_ACTIVATIONS = {
    "identity": nn.Identity,
    "relu6": lambda: nn.ReLU6(inplace=True),
    "relu": lambda: nn.ReLU(inplace=True),
    "leaky_relu": lambda: nn.LeakyReLU(inplace=True),
    "elu": lambda: nn.ELU(inplace=True),
    "softplus": nn.Softplus,
    "hardswish": lambda: nn.Hardswish(inplace=True),
    "silu": lambda: nn.SiLU(inplace=True),
}


def make_activation(name: str) -> nn.Module:
    """A module for one of ``ACTIVATIONS``; most work in place."""
    return _ACTIVATIONS[name]()


class ConvBnAct(nn.Module):
    """Convolution without bias, BatchNorm, activation."""

    def __init__(
        self, c_in: int, c_out: int, kernel: int, activation: str = "identity", stride: int = 1, groups: int = 1
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(c_out)
        self.act = make_activation(activation)

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.bn(self.conv(x)))


class SqueezeExcite(nn.Module):
    """Channel gates from the pooled feature, with BatchNorm inside as in the official ReXNet code."""

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, squeezed, 1)
        self.bn = nn.BatchNorm2d(squeezed)
        self.fc2 = nn.Conv2d(squeezed, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        gate = self.fc2(F.relu(self.bn(self.fc1(x.mean((2, 3), keepdim=True)))))  # (N, C, 1, 1)
        return x * gate.sigmoid()


class DropPath(nn.Module):
    """Stochastic depth: in training drops the whole branch of an image with the given probability."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        keep = 1 - self.probability
        mask = x.new_empty(x.shape[0], 1, 1, 1).bernoulli_(keep)
        return x * (mask / keep)


class InvertedBottleneck(nn.Module):
    """1×1 expansion, 3×3 depthwise, optional SE, 1×1 projection, shortcut (paper sec. 3 and 4)."""

    def __init__(self, spec: NetworkSpec, block: int) -> None:
        """``block`` counts from 1."""
        super().__init__()
        c_in = spec.stem_channels if block == 1 else spec.channels[block - 2]
        c_out = spec.channels[block - 1]
        hidden = c_in * spec.expansions[block - 1]
        self.shortcut_channels = c_in if spec.has_shortcut(block) else None
        self.conv_exp = ConvBnAct(c_in, hidden, 1, spec.activation) if spec.expansions[block - 1] > 1 else None
        self.conv_dw = ConvBnAct(hidden, hidden, 3, stride=spec.strides[block - 1], groups=hidden)
        self.se = SqueezeExcite(hidden, spec.se_width(hidden)) if spec.has_se(block) else None
        self.act_dw = make_activation(spec.depthwise_activation)
        self.conv_pwl = ConvBnAct(hidden, c_out, 1, spec.projection_activation)
        probability = spec.drop_probability(block)
        self.drop_path = DropPath(probability) if probability else None

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x
        if self.conv_exp is not None:
            x = self.conv_exp(x)
        x = self.conv_dw(x)
        if self.se is not None:
            x = self.se(x)
        x = self.conv_pwl(self.act_dw(x))
        if self.shortcut_channels is None:
            return x
        if self.drop_path is not None:
            x = self.drop_path(x)
        padding = x.shape[1] - self.shortcut_channels
        return x + (F.pad(shortcut, (0, 0, 0, 0, 0, padding)) if padding else shortcut)


class GlobalAveragePool(nn.Module):
    """Mean over the pixels."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3))


class LinearBnAct(nn.Module):
    """Linear layer with bias, BatchNorm, activation: the last layer before ReXNet-lite's classifier."""

    def __init__(self, c_in: int, c_out: int, activation: str) -> None:
        super().__init__()
        self.fc = nn.Linear(c_in, c_out)
        self.bn = nn.BatchNorm1d(c_out)
        self.act = make_activation(activation)

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.bn(self.fc(x)))


class ClassifierHead(nn.Module):
    """Global average pool, the extra layer if there is one, dropout, linear layer."""

    def __init__(self, spec: NetworkSpec) -> None:
        super().__init__()
        self.pool = GlobalAveragePool()
        extra = spec.extra_channels
        self.extra = LinearBnAct(spec.head_channels, extra, spec.head_activation) if extra is not None else None
        self.drop = nn.Dropout(spec.dropout)
        self.fc = nn.Linear(spec.feature_channels, spec.classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(x)
        if self.extra is not None:
            x = self.extra(x)
        return self.fc(self.drop(x))


class Network(nn.Module):
    """The network of a spec: images (N, in_channels, H, W) → logits (N, classes)."""

    def __init__(self, spec: NetworkSpec) -> None:
        super().__init__()
        self.spec = spec
        self.stem = ConvBnAct(spec.in_channels, spec.stem_channels, 3, spec.stem_activation, stride=spec.stem_stride)
        blocks = [InvertedBottleneck(spec, block) for block in range(1, spec.blocks + 1)]
        head = ConvBnAct(spec.channels[-1], spec.head_channels, 1, spec.head_activation)
        self.features = nn.Sequential(*blocks, head)
        self.head = ClassifierHead(spec)
        self.apply(initialise)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(self.stem(x)))


@torch.no_grad()
def initialise(module: nn.Module) -> None:
    """Fan-out initialisation of MobileNets: normal with variance 2/fan_out, where a depthwise kernel's fan-out is 9."""
    if isinstance(module, nn.Conv2d):
        fan_out = module.kernel_size[0] * module.kernel_size[1] * module.out_channels // module.groups
        module.weight.normal_(0, math.sqrt(2 / fan_out))
        if module.bias is not None:
            module.bias.zero_()
    elif isinstance(module, nn.Linear):
        bound = 1 / math.sqrt(module.out_features)
        module.weight.uniform_(-bound, bound)
        module.bias.zero_()


def is_finite(network: nn.Module) -> bool:
    """Whether all weights and running averages are finite numbers; asks the device once."""
    return bool(torch.stack([held.isfinite().all() for held in network.state_dict().values()]).all())
