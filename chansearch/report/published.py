"""What the paper prints (arXiv 2007.00992, CVPR 2021). Its FLOPs are multiply-adds.

Table 3: the tenths and the best and worst models. Accuracies are of CIFAR-100, 30 epochs, mean of three trainings; ± is
over the candidates of a tenth. Params of all three tenths are printed as one number, without a deviation.

Figure 4: the top tenths at fixed depth, on the same images.

Tables 5 and A: ReXNets of all widths and EfficientNets on ImageNet, drawn in its Figure 3.
"""

from __future__ import annotations

from dataclasses import dataclass

from chansearch.report.tenths import Tenth

_PAPER = "arXiv 2007.00992"


@dataclass(frozen=True)
class PublishedTenth:
    """Top-1 in percent, params and MACs in millions; None where the paper prints none."""

    top1: float
    top1_std: float
    params_m: float | None
    macs_m: float
    macs_m_std: float | None

    @property
    def top1_text(self) -> str:
        return f"{self.top1:.1f} ± {self.top1_std:.1f}"

    @property
    def params_text(self) -> str:
        return "" if self.params_m is None else f"{self.params_m:.1f}"

    @property
    def macs_text(self) -> str:
        return f"{self.macs_m:g}" if self.macs_m_std is None else f"{self.macs_m:g} ± {self.macs_m_std:g}"


@dataclass(frozen=True)
class PublishedModel:
    channels: str
    top1: float


@dataclass(frozen=True)
class PublishedConstraint:
    """The paper's results under a constraint; best and worst model only in Table 3."""

    source: str
    tenths: dict[Tenth, PublishedTenth]
    best: PublishedModel | None = None
    worst: PublishedModel | None = None


def _constraint(params_m: float, top1: tuple, macs_m: tuple, best: tuple, worst: tuple) -> PublishedConstraint:
    """``top1`` and ``macs_m``: a pair (mean, deviation) for top, middle and bottom."""
    rows = zip(Tenth, top1, macs_m, strict=True)
    return PublishedConstraint(
        f"{_PAPER}, Table 3",
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

# Of each budget only the top tenth and its accuracy; MACs are the budgets.
FIGURE_4 = {
    f"d{depth}_{macs_m}m": PublishedConstraint(
        f"{_PAPER}, Figure 4", {Tenth.TOP: PublishedTenth(top1, top1_std, None, macs_m, None)}
    )
    for depth, macs_m, top1, top1_std in (
        (18, 30, 63.8, 0.2),
        (18, 50, 66.3, 0.2),
        (18, 70, 67.5, 0.1),
        (30, 100, 68.8, 0.1),
        (30, 150, 69.8, 0.1),
        (30, 200, 71.0, 0.1),
    )
}

# Accuracy against the nuclear norm of the final feature, read off the figure of the rank section (sec. 2).
NUCLEAR_NORM_READING = (
    "61 to 63.5 % against 7,750 to 8,080 over about 200 searched models of 18 layers, positively correlated"
)

# What its latencies were measured on: one image on the processor, 64 on the graphics card.
PUBLISHED_CPU, PUBLISHED_GPU = "Xeon E5-2630 v4", "V100"
REXNET, EFFICIENTNET = "ReXNet", "EfficientNet"


@dataclass(frozen=True)
class PublishedNetwork:
    """``model`` is what ``chansearch latency`` calls it. Top-1 on ImageNet in percent, MACs in billions, params in
    millions, milliseconds a batch."""

    family: str
    label: str
    model: str
    input_size: int
    top1: float
    macs_b: float
    params_m: float
    cpu_ms: float
    gpu_ms: float


TABLE_5 = (
    PublishedNetwork(REXNET, "×0.9", "rexnet_090", 224, 77.2, 0.35, 4.1, 46, 20),
    PublishedNetwork(REXNET, "×1.0", "rexnet_100", 224, 77.9, 0.40, 4.8, 47, 21),
    PublishedNetwork(REXNET, "×1.1", "rexnet_110", 224, 78.6, 0.48, 5.6, 51, 24),
    PublishedNetwork(REXNET, "×1.2", "rexnet_120", 224, 79.0, 0.57, 6.6, 53, 26),
    PublishedNetwork(REXNET, "×1.3", "rexnet_130", 224, 79.5, 0.66, 7.6, 55, 28),
    PublishedNetwork(REXNET, "×1.4", "rexnet_140", 224, 79.8, 0.76, 8.6, 57, 30),
    PublishedNetwork(REXNET, "×1.5", "rexnet_150", 224, 80.3, 0.86, 9.7, 59, 31),
    PublishedNetwork(REXNET, "×2.0", "rexnet_200", 224, 81.6, 1.5, 16, 69, 40),
    PublishedNetwork(REXNET, "×2.2", "rexnet_220", 224, 81.7, 1.8, 19, 73, 46),
    PublishedNetwork(REXNET, "×3.0", "rexnet_300", 224, 82.8, 3.4, 34, 96, 61),
    PublishedNetwork(EFFICIENTNET, "B0", "efficientnet_b0", 224, 77.3, 0.39, 5.3, 47, 23),
    PublishedNetwork(EFFICIENTNET, "B1", "efficientnet_b1", 240, 79.2, 0.70, 7.8, 70, 37),
    PublishedNetwork(EFFICIENTNET, "B2", "efficientnet_b2", 260, 80.3, 1.0, 9.2, 77, 48),
    PublishedNetwork(EFFICIENTNET, "B3", "efficientnet_b3", 300, 81.7, 1.8, 12, 100, 78),
)
# The rows of Table 5 itself; wider ReXNets are in Table A.
TABLE_5_MODELS = tuple(row for row in TABLE_5 if row.label not in ("×2.2", "×3.0"))


def published_network(model: str, input_size: int) -> PublishedNetwork | None:
    """The published row of a network at its published input size; None where there is none."""
    return next((row for row in TABLE_5 if (row.model, row.input_size) == (model, input_size)), None)
