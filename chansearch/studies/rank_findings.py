"""What the paper says of Figure 1, asked of the measured points. All are functions of the study's rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from chansearch.nets.spec import ACTIVATIONS
from chansearch.studies.folder import Finding
from chansearch.studies.published import RANK_READINGS, RELU_LIKE, SMOOTH, RankReading
from chansearch.studies.rank import Ranks
from chansearch.studies.rank_plan import LAYERS, TENTHS, RankPlan

LINEAR = ACTIVATIONS[0]
LAYER_NAMES = dict(
    zip(
        LAYERS,
        (
            "(a) 1×1 convolution",
            "(b) 3×3 convolution",
            "(c) bottleneck, 3×3 convolution",
            "(d) bottleneck, depthwise convolution",
        ),
        strict=True,
    )
)
ACTIVATION_NAMES = dict(
    zip(ACTIVATIONS, ("Linear", "ReLU6", "ReLU", "LeakyReLU", "ELU", "SoftPlus", "Hard-Swish", "SiLU"), strict=True)
)
_PLAIN = ("conv1x1", "conv3x3")
_FALL = 0.01  # between neighbouring ratios: what still counts as rising, above the noise of 1,000 networks


@dataclass(frozen=True)
class Point:
    """A row of ``data.csv``: means over the networks of one layer, activation and dimension ratio.

    ``drawn_ratio`` is the mean of d_in/d_out after rounding, ``rank_ratio`` that of rank/d_out with its standard
    deviation over the networks. The reading of the published figure is empty where there is none.
    """

    layer: str
    activation: str
    dimension_ratio: float
    networks: int
    drawn_ratio: float
    rank_ratio: float
    rank_ratio_std: float
    published_low: float | None
    published_high: float | None


def make_points(plan: RankPlan, found: Iterable[Ranks]) -> list[Point]:
    points = []
    for ranks in found:
        for activation, row in zip(plan.activations, ranks.ranks, strict=True):
            ratios = row / ranks.d_out
            reading = _reading(ranks.layer, ranks.tenths, activation)
            points.append(
                Point(
                    ranks.layer,
                    activation,
                    ranks.tenths / 10,
                    len(row),
                    float(np.mean(ranks.d_in / ranks.d_out)),
                    float(np.mean(ratios)),
                    float(np.std(ratios)),
                    reading and reading.low,
                    reading and reading.high,
                )
            )
    return points


def find(points: Sequence[Point]) -> list[Finding]:
    """Those that the layers and activations of ``points`` can tell of."""
    curves = Curves(points)
    asked: list[Callable[[Curves], list[Finding]]] = [_diagonal, _smooth, _rises, _gains, _expansion]
    return [finding for ask in asked for finding in ask(curves)]


class Curves:
    """Rank ratios by layer and activation, each an array over the dimension ratios ``TENTHS``."""

    def __init__(self, points: Sequence[Point]) -> None:
        self.layers = list(dict.fromkeys(point.layer for point in points))
        self.activations = list(dict.fromkeys(point.activation for point in points))
        self.nonlinear = [name for name in self.activations if name != LINEAR]
        self._rank = {(p.layer, p.activation, p.dimension_ratio): p.rank_ratio for p in points}
        self.drawn = {
            layer: np.array([p.drawn_ratio for p in points if (p.layer, p.activation) == (layer, self.activations[0])])
            for layer in self.layers
        }

    def of(self, layer: str, activation: str) -> np.ndarray:
        return np.array([self._rank[layer, activation, tenths / 10] for tenths in TENTHS])

    def mean(self, layer: str) -> np.ndarray:
        """Over the nonlinearities."""
        return np.mean([self.of(layer, name) for name in self.nonlinear], axis=0)


def distances(points: Iterable[Point]) -> Mapping[str, float]:
    """By layer with readings: the mean distance of its points from them, 0 within a reading's interval."""
    apart: dict[str, list[float]] = {}
    for point in points:
        if point.published_low is not None:
            outside = max(point.published_low - point.rank_ratio, point.rank_ratio - point.published_high, 0.0)
            apart.setdefault(point.layer, []).append(outside)
    return {layer: float(np.mean(values)) for layer, values in apart.items()}


def _reading(layer: str, tenths: int, activation: str) -> RankReading | None:
    here = (layer, tenths)
    return next((r for r in RANK_READINGS if (r.layer, r.tenths) == here and activation in r.activations), None)


def _diagonal(curves: Curves) -> list[Finding]:
    if LINEAR not in curves.activations:
        return []
    furthest = max(float(np.abs(curves.of(layer, LINEAR) - curves.drawn[layer]).max()) for layer in curves.layers)
    measured = f"at most {furthest:.3f} from it"
    return [
        Finding(
            "Without a nonlinearity the rank ratio is the dimension ratio", measured, "the diagonal", furthest < 1e-9
        )
    ]


def _smooth(curves: Curves) -> list[Finding]:
    """Each smooth nonlinearity against the highest ReLU-like one of every layer; those of one verdict together."""
    relus = [name for name in RELU_LIKE if name in curves.activations]
    if not relus:
        return []
    best = {layer: max(float(curves.of(layer, name).mean()) for name in relus) for layer in curves.layers}
    verdicts: dict[bool, list[str]] = {}
    for name in SMOOTH:
        if name in curves.activations:
            above = [float(curves.of(layer, name).mean()) - best[layer] for layer in curves.layers]
            verdicts.setdefault(min(above) >= 0 and max(above) > 0, []).append(name)
    return [
        Finding(
            f"{_listed(names)} {'lies' if len(names) == 1 else 'lie'} above the ReLU-like ones in every layer",
            f"at dimension ratio 0.1 {_first(curves, names)}, {_listed(relus)} {_first(curves, relus)}",
            "0.96 for SiLU and Hard-Swish, 0.85 for ReLU in (a)",
            holds,
        )
        for holds, names in verdicts.items()
    ]


def _first(curves: Curves, names: Sequence[str]) -> str:
    """The range of ``names`` at the least ratio, layer by layer."""
    texts = []
    for layer in curves.layers:
        values = [curves.of(layer, name)[0] for name in names]
        low, high = f"{min(values):.2f}", f"{max(values):.2f}"
        texts.append(f"{letter(layer)} {low if low == high else f'{low} to {high}'}")
    return ", ".join(texts)


def _rises(curves: Curves) -> list[Finding]:
    fall = max(
        float(np.max(-np.diff(curves.of(layer, name)), initial=0.0))
        for layer in curves.layers
        for name in curves.activations
    )
    measured = f"largest fall from one ratio to the next {fall:.3f}"
    return [Finding("The rank ratio rises with the dimension ratio, or stays", measured, "", fall <= _FALL)]


def _gains(curves: Curves) -> list[Finding]:
    """How far nonlinearities lie above Linear."""
    if LINEAR not in curves.activations or not curves.nonlinear:
        return []
    gains = {layer: float(np.mean(curves.mean(layer) - curves.of(layer, LINEAR))) for layer in curves.layers}
    text = ", ".join(f"{letter(layer)} {gain:.3f}" for layer, gain in gains.items())
    findings = [
        Finding(
            "Nonlinearities expand the rank",
            f"mean over them and the dimension ratios {text} above Linear",
            "",
            min(gains.values()) > 0,
        )
    ]
    plain = [gain for layer, gain in gains.items() if layer in _PLAIN]
    inside = [gain for layer, gain in gains.items() if layer not in _PLAIN]
    if plain and inside:
        claim = "They expand it more in plain convolutions than inside bottlenecks"
        measured = f"least of the plain {min(plain):.3f}, largest inside {max(inside):.3f}"
        findings.append(Finding(claim, measured, "", min(plain) > max(inside)))
    return findings


def _expansion(curves: Curves) -> list[Finding]:
    if not curves.nonlinear:
        return []
    ends = {layer: curves.mean(layer)[[0, -1]] for layer in curves.layers}
    text = ", ".join(f"{letter(layer)} {low:.2f} and {high:.2f}" for layer, (low, high) in ends.items())
    return [
        Finding(
            "Drastic expansion harms the rank",
            f"mean over the nonlinearities at dimension ratios 0.1 and 1.0 {text}",
            "0.3 to 0.4 in (c) and 0.2 to 0.25 in (d) at 0.1",
            all(bool(low < high) for low, high in ends.values()),
        )
    ]


def letter(layer: str) -> str:
    """The panel of Figure 1: (a) to (d)."""
    return LAYER_NAMES[layer].split()[0]


def _listed(names: Sequence[str]) -> str:
    words = [ACTIVATION_NAMES[name] for name in names]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
