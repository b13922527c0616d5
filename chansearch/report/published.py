"""What the paper prints in Table 3 (arXiv 2007.00992, CVPR 2021): the tenths and the best and worst models.

Accuracies are of CIFAR-100, 30 epochs, mean of three trainings; ± is over the candidates of a tenth. The paper's FLOPs
are multiply-adds. Params of all three tenths are printed as one number, without a deviation.
"""

from __future__ import annotations

from dataclasses import dataclass

from chansearch.report.tenths import Tenth

SOURCE = "arXiv 2007.00992, Table 3"


@dataclass(frozen=True)
class PublishedTenth:
    """Top-1 in percent, params and MACs in millions."""

    top1: float
    top1_std: float
    params_m: float
    macs_m: float
    macs_m_std: float


@dataclass(frozen=True)
class PublishedModel:
    channels: str
    top1: float


@dataclass(frozen=True)
class PublishedConstraint:
    tenths: dict[Tenth, PublishedTenth]
    best: PublishedModel
    worst: PublishedModel


def _constraint(params_m: float, top1: tuple, macs_m: tuple, best: tuple, worst: tuple) -> PublishedConstraint:
    """``top1`` and ``macs_m``: a pair (mean, deviation) for top, middle and bottom."""
    rows = zip(Tenth, top1, macs_m, strict=True)
    return PublishedConstraint(
        tenths={tenth: PublishedTenth(*accuracy, params_m, *macs) for tenth, accuracy, macs in rows},
        best=PublishedModel(*best),
        worst=PublishedModel(*worst),
    )


TABLE_3 = {
    "c1": _constraint(
        0.2,
        top1=((63.1, 0.1), (62.2, 0.0), (61.4, 0.2)),
        macs_m=((30, 1), (30, 1), (30, 1)),
        best=("34-34-45-55-66", 63.4),
        worst=("36-36-36-36-83", 61.1),
    ),
    "c2": _constraint(
        0.5,
        top1=((68.8, 0.1), (68.0, 0.1), (67.4, 0.3)),
        macs_m=((101, 5), (100, 6), (97, 8)),
        best=("24-33-42-50-59-68-77-85-94", 68.9),
        worst=("39-39-39-39-39-39-39-87-158", 67.6),
    ),
    "c3": _constraint(
        1.0,
        top1=((71.0, 0.1), (70.3, 0.0), (69.9, 0.2)),
        macs_m=((210, 15), (198, 18), (200, 15)),
        best=("30-45-59-74-88-103-117-132-146", 71.1),
        worst=("47-47-70-70-70-70-70-70-364", 69.6),
    ),
    "c4": _constraint(
        3.0,
        top1=((73.0, 0.1), (72.1, 0.1), (71.7, 0.1)),
        macs_m=((351, 5), (351, 5), (351, 6)),
        best=("34-34-34-40-64-88-112-136-160-184-208-232-256", 73.2),
        worst=("52-52-52-52-52-52-52-52-52-115-263-263-412", 71.6),
    ),
}
