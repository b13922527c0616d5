"""``study factors``: Table 2, four networks of two inverted bottlenecks, each one factor further than the one before.

DR, the dimension ratio, is input channels / output channels (paper sec. 2). That of a block's first 1×1 convolution is
1 / expansion; that of an inverted bottleneck takes the input of its first 1×1 convolution and the output after the
shortcut.
"""

from __future__ import annotations

from collections.abc import Sequence

from chansearch.nets import NetworkSpec
from chansearch.studies.comparison import Scores, Spread, values_of
from chansearch.studies.config import STUDY, StudyConfig
from chansearch.studies.folder import Finding, Study
from chansearch.studies.published import TABLE_2
from chansearch.studies.summary import describe_failures, describe_reading, summary_rows
from chansearch.studies.trained import Plan, TrainedStudy
from chansearch.studies.trainings import Training

# The paper prints DRs, MACs and ReLU6 or SiLU, but no channels, strides, stem or head. Taken here, in all four: stem
# stride 2 and block strides 1 and 2, with which MobileNetV2 begins; its head of 1280; ReXNet's padded shortcut, in the
# first block; both blocks expanded. That leaves stem and block channels, solved with ``chansearch.cost`` for Table 2's
# MACs and for DRs that round to its own: 103.6, 97.7 and 105.3M with a classifier of 100 classes, 0.13M less without.
# Params cannot be held as well: 1.29, 1.33, 0.84 and 0.84M.
_STEPS = (  # name, expansion, stem and block channels, activation behind the expansion
    ("baseline", 20, 17, (77, 350), "relu6"),
    ("+ DR of the 1×1 conv 1/6", 6, 26, (119, 541), "relu6"),
    ("+ DR of the bottlenecks 0.8", 6, 115, (144, 180), "relu6"),
    ("+ SiLU", 6, 115, (144, 180), "silu"),
)
_CLAIMS = (
    "DR of the 1×1 conv 1/20 → 1/6",
    "DR of the bottlenecks 0.22 → 0.8",
    "ReLU6 → SiLU behind the first 1×1 conv of each block",
)
_MEASURES = (  # field of ``Training`` and of ``PublishedFactor``, name, digits, unit
    ("test_top1", "top1", "top-1", 2, " points"),
    ("nuclear_norm", "nuclear_norm", "the nuclear norm", 1, ""),
)


def factor_networks(classes: int) -> dict[str, NetworkSpec]:
    """The four networks by name, for images of 32×32 pixels."""
    return {
        name: NetworkSpec(
            channels=channels,
            strides=(1, 2),
            expansions=(expansion,) * 2,
            stem_channels=stem,
            stem_stride=2,
            classes=classes,
            activation=activation,
        )
        for name, expansion, stem, channels, activation in _STEPS
    }


def _networks(config: StudyConfig, classes: int) -> dict[str, NetworkSpec]:
    return factor_networks(classes)


def _conclude(plan: Plan, trainings: Sequence[Training]) -> Study:
    from chansearch.studies.figure_factors import draw_factors  # SciPy comes with it

    names = tuple(plan.networks)
    published = {
        name: {"macs_m": row.macs_m, "top1": row.top1, "nuclear_norm": row.nuclear_norm}
        for name, row in zip(names, TABLE_2, strict=True)
    }
    rows = summary_rows(plan, trainings, published)
    return Study(
        title="Factor analysis (Table 2)",
        columns=tuple(rows[0]),
        rows=rows,
        figure=draw_factors(names, trainings, plan.describe_data()),
        findings=[
            finding
            for measure in _MEASURES
            for finding in (*_step_findings(names, trainings, measure), _order_finding(names, trainings, measure))
        ],
        note=f"Measured on {plan.describe_data()}; published on CIFAR-100, mean of three trainings. "
        f"{describe_reading(plan, trainings)} The nuclear norm is that of the final feature (pooled, 1280 wide, "
        "float32, not centred) of the images that rank; it grows with their number, so only its order can be compared "
        f"with the published one.{describe_failures(trainings)}",
    )


def _step_findings(names: Sequence[str], trainings: Sequence[Training], measure: tuple) -> list[Finding]:
    """Does each factor raise the measure?"""
    field, published, label, digits, unit = measure
    scores = Scores.of(trainings, names, field)
    findings = []
    for step, claim in enumerate(_CLAIMS):
        difference = scores.above(names[step + 1], names[step])
        printed = getattr(TABLE_2[step + 1], published) - getattr(TABLE_2[step], published)
        findings.append(
            Finding(
                claim=f"{claim} raises {label}",
                measured="not trained" if difference is None else difference.describe(digits, unit),
                published=f"{printed:+.1f}{unit}",
                holds=None if difference is None else difference.holds,
            )
        )
    return findings


def _order_finding(names: Sequence[str], trainings: Sequence[Training], measure: tuple) -> Finding:
    """Holds where every step is above the noise, does not where one is below it the other way."""
    field, published, label, digits, _ = measure
    verdicts = [finding.holds for finding in _step_findings(names, trainings, measure)]
    spreads = [Spread.of(values_of(trainings, name, field)) for name in names]
    return Finding(
        claim=f"The four rank in the order of Table 2 by {label}",
        measured=", ".join("none" if spread is None else spread.describe(digits) for spread in spreads),
        published=", ".join(f"{getattr(row, published):.1f}" for row in TABLE_2),
        holds=False if False in verdicts else (True if all(verdicts) else None),
    )


FACTORS = TrainedStudy("factors", STUDY, _networks, _conclude)
