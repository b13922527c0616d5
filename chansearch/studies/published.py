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
