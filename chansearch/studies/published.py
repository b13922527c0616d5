"""What the paper prints of its studies (arXiv 2007.00992, CVPR 2021). Its FLOPs are multiply-adds."""

from __future__ import annotations

from dataclasses import dataclass


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
