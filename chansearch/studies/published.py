"""What the paper prints or draws for its studies (arXiv 2007.00992, CVPR 2021), and one number of others."""

from __future__ import annotations

from dataclasses import dataclass

from chansearch.nets.spec import ACTIVATIONS

# As Figure 1 writes and orders the nonlinearities, and as the rank section sorts them.
ACTIVATION_NAMES = dict(
    zip(ACTIVATIONS, ("Linear", "ReLU6", "ReLU", "LeakyReLU", "ELU", "SoftPlus", "Hard-Swish", "SiLU"), strict=True)
)
RELU_LIKE = ("relu6", "relu", "leaky_relu")
SMOOTH = ("elu", "softplus", "hardswish", "silu")


@dataclass(frozen=True)
class RankReading:
    """Figure 1, read off by eye: the rank ratio of ``activations`` lies between ``low`` and ``high``.

    ``layer`` as in ``studies.rank_plan``, ``tenths``: ten times the dimension ratio.
    """

    layer: str
    tenths: int
    activations: tuple[str, ...]
    low: float
    high: float


# Panel (b), conv3x3, could only be read as "like (a), a little higher"; `identity` is the diagonal everywhere.
RANK_READINGS = (
    RankReading("conv1x1", 1, ("relu6", "relu"), 0.85, 0.85),
    RankReading("conv1x1", 1, ("hardswish", "silu"), 0.96, 0.96),
    RankReading("conv1x1", 10, ("relu",), 0.96, 0.96),
    RankReading("conv1x1", 10, SMOOTH, 1.0, 1.0),
    RankReading("bottleneck", 1, ACTIVATIONS[1:], 0.3, 0.4),
    RankReading("bottleneck", 4, ("relu",), 0.84, 0.84),
    RankReading("bottleneck", 4, ("silu",), 0.91, 0.91),
    RankReading("bottleneck_dw", 1, ACTIVATIONS[1:], 0.2, 0.25),
    RankReading("bottleneck_dw", 4, ACTIVATIONS[1:], 0.6, 0.66),
    RankReading("bottleneck_dw", 8, ACTIVATIONS[1:], 0.9, 0.9),
)


@dataclass(frozen=True)
class PublishedFactor:
    """MACs in millions; top-1 on CIFAR-100 in percent and the nuclear norm of the final feature, means of three
    trainings, printed without a deviation."""

    macs_m: float
    top1: float
    nuclear_norm: float


# Table 2, in its order: each network is one factor further than the one before.
TABLE_2 = (
    PublishedFactor(103, 48.0, 5997.5),
    PublishedFactor(99, 52.1, 6655.9),
    PublishedFactor(105, 53.8, 6703.2),
    PublishedFactor(105, 54.6, 6895.9),
)

# The ablation of the nonlinearity in ReXNet ×1.0: top-1 on ImageNet in percent.
NONLINEARITY_TOP1 = {"relu6": 77.3, "leaky_relu": 77.4, "softplus": 77.6, "elu": 77.6, "silu": 77.9}

# Of others, not of the paper: Kendall's τ of the number of parameters with trained accuracy, inside one budget.
PARAMS_TAU = 0.116


@dataclass(frozen=True)
class Convention:
    """A network of Table 1. ``stages``: (block output channels, repeats). Top-1 on ImageNet in percent, params in
    millions, MACs in billions."""

    name: str
    stages: tuple[tuple[int, int], ...]
    top1: float
    params_m: float
    macs_b: float

    @property
    def channels(self) -> tuple[int, ...]:
        """Of every block."""
        return tuple(width for width, repeats in self.stages for _ in range(repeats))


_NAS_STAGES = ((16, 1), (32, 2), (40, 4), (80, 4), (96, 4), (192, 4), (320, 1))
TABLE_1 = (
    Convention("MobileNetV2", ((16, 1), (24, 2), (32, 3), (64, 4), (96, 3), (160, 3), (320, 1)), 72.0, 3.4, 0.30),
    Convention("FBNet-C", ((16, 1), (24, 4), (32, 4), (64, 4), (112, 4), (184, 4), (352, 1)), 74.9, 5.5, 0.38),
    Convention("ProxylessNAS-R", _NAS_STAGES, 74.6, 4.1, 0.32),
    Convention("MnasNet-A1", ((16, 1), (24, 2), (40, 3), (80, 4), (112, 2), (160, 3), (320, 1)), 75.2, 3.9, 0.31),
    Convention("MixNet-M", ((24, 1), (32, 2), (40, 4), (80, 4), (120, 4), (200, 4)), 77.0, 5.0, 0.36),
    Convention("EfficientNet-B0", ((16, 1), (24, 2), (40, 2), (80, 3), (112, 3), (192, 4), (320, 1)), 77.3, 4.8, 0.39),
    Convention("AtomNAS-C", ((16, 1), (24, 4), (40, 4), (80, 4), (96, 4), (192, 4), (320, 1)), 77.6, 5.9, 0.36),
    Convention("FairNAS-A", _NAS_STAGES, 77.5, 5.9, 0.39),
    Convention("FairDARTS-C", _NAS_STAGES, 77.2, 5.3, 0.39),
    Convention("SE-DARTS+", _NAS_STAGES, 77.5, 6.1, 0.59),
)

# Cumulative singular values (sec. 2): at a tenth of the largest so many percent are below, read off the figure.
SPECTRUM_AT = 0.1
SPECTRUM_BELOW = {"rexnet_090": 83, "mobilenetv2_100": 98}
