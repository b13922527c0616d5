"""``study nonlinearity``: one network with each of the eight activations behind its expansions, same seeds.

The paper's ablation has five of them in ReXNet ×1.0 on ImageNet. Only the activation behind the first 1×1 convolution
of each block changes; a block without expansion has none.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from chansearch.errors import UserError
from chansearch.nets import NetworkSpec
from chansearch.nets.files import resolve_network
from chansearch.nets.model import change_spec, find_checkpoint
from chansearch.nets.spec import ACTIVATIONS
from chansearch.studies.comparison import Difference, Scores, Spread, values_of
from chansearch.studies.config import NONLINEARITY, NonlinearityConfig
from chansearch.studies.folder import Finding, Study
from chansearch.studies.published import ACTIVATION_NAMES, NONLINEARITY_TOP1, RELU_LIKE, SMOOTH
from chansearch.studies.summary import describe_failures, describe_reading, summary_rows
from chansearch.studies.trained import Plan, TrainedStudy
from chansearch.studies.trainings import Training

# The best published network of c1 (Table 3) in that constraint's skeleton, which is reconstructed.
C1_BEST = NetworkSpec(channels=(34, 34, 45, 55, 66), strides=(1, 2, 1, 2, 1), expansions=(1, 6, 6, 6, 6))

_BASE = "relu6"  # what differences are taken from: MobileNetV2's, and the first row of the paper's ablation
_MOST_PIXELS = 32  # unless network.input_size says otherwise: CIFAR's side
_OURS = ("activation", "classes")  # fields that are the study's own to set


def nonlinearity_networks(config: NonlinearityConfig, classes: int) -> dict[str, NetworkSpec]:
    """The network with each activation, by the activation's name; raises ``UserError`` where it has no expansion."""
    for key in _OURS:
        if key in config.network:
            raise UserError(f"network.{key}: is set by the study itself; leave it out")
    spec = _model(config.model)
    changes = {"input_size": min(spec.input_size, _MOST_PIXELS), **config.network, "classes": classes}
    spec = change_spec(spec, changes)
    if max(spec.expansions) == 1:
        raise UserError(f"model: {config.model!r} has no expansion convolution, behind which the activation would be")
    return {activation: dataclasses.replace(spec, activation=activation) for activation in ACTIVATIONS}


def _model(source: str | None) -> NetworkSpec:
    if source is None:
        return C1_BEST
    checkpoint = find_checkpoint(source)
    if checkpoint is None:
        return resolve_network(source)
    from chansearch.nets.checkpoint import load_checkpoint

    return load_checkpoint(checkpoint).spec


def _conclude(plan: Plan, trainings: Sequence[Training]) -> Study:
    from chansearch.studies.figure_nonlinearity import draw_nonlinearity  # SciPy comes with it

    scores = Scores.of(trainings, tuple(plan.networks), "test_top1")
    name = plan.config.model or "the best published network of c1"
    rows = summary_rows(plan, trainings, {key: {"top1": top1} for key, top1 in NONLINEARITY_TOP1.items()})
    side = plan.image_shape[0]
    return Study(
        title=f"The nonlinearity behind the expansions of {name}",
        columns=tuple(rows[0]),
        rows=rows,
        figure=draw_nonlinearity(scores, trainings, _BASE, f"{name} at {side}×{side}, {plan.describe_data()}"),
        findings=[_smooth_finding(scores), _best_finding(scores, trainings), *_base_findings(scores)],
        note=f"{name} on {plan.describe_data()}, with its own strides at {side}×{side} pixels; published for "
        f"ReXNet ×1.0 on ImageNet. {describe_reading(plan, trainings)}{describe_failures(trainings)}",
    )


def _smooth_finding(scores: Scores) -> Finding:
    weights = {name: 1 / len(SMOOTH) for name in SMOOTH} | {name: -1 / len(RELU_LIKE) for name in RELU_LIKE}
    printed = {
        group: [NONLINEARITY_TOP1[name] for name in group if name in NONLINEARITY_TOP1] for group in (SMOOTH, RELU_LIKE)
    }
    smooth, relu_like = (sum(values) / len(values) for values in printed.values())
    return _difference_finding(
        "Smooth nonlinearities (ELU, SoftPlus, Hard-Swish, SiLU) above ReLU-like ones (ReLU6, ReLU, LeakyReLU), means",
        scores.contrast(weights),
        f"{smooth - relu_like:+.2f} points, without ReLU and Hard-Swish",
    )


def _best_finding(scores: Scores, trainings: Sequence[Training]) -> Finding:
    """SiLU against the best of the others."""
    means = {
        name: spread.mean
        for name in scores.networks
        if name != "silu" and (spread := Spread.of(values_of(trainings, name, "test_top1"))) is not None
    }
    rival = max(means, key=means.__getitem__, default=None)
    printed = max((name for name in NONLINEARITY_TOP1 if name != "silu"), key=NONLINEARITY_TOP1.__getitem__)
    return _difference_finding(
        f"SiLU above all others{'' if rival is None else f', here {ACTIVATION_NAMES[rival]} the best of them'}",
        None if rival is None else scores.above("silu", rival),
        f"{NONLINEARITY_TOP1['silu'] - NONLINEARITY_TOP1[printed]:+.1f} points over the best of them",
    )


def _base_findings(scores: Scores) -> list[Finding]:
    """Every other nonlinearity of the ablation against ReLU6."""
    base = NONLINEARITY_TOP1[_BASE]
    return [
        _difference_finding(
            f"{ACTIVATION_NAMES[name]} above {ACTIVATION_NAMES[_BASE]}",
            scores.above(name, _BASE),
            f"{top1 - base:+.1f} points",
        )
        for name, top1 in NONLINEARITY_TOP1.items()
        if name != _BASE
    ]


def _difference_finding(claim: str, difference: Difference | None, published: str) -> Finding:
    if difference is None:
        return Finding(claim, "not trained", published)
    return Finding(claim, difference.describe(2, " points"), published, difference.holds)


NONLINEARITY_STUDY = TrainedStudy("nonlinearity", NONLINEARITY, nonlinearity_networks, _conclude)
