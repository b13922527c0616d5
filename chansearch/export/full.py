"""A full ReXNet from a searched shape: f resampled over its 16 blocks, a and b solved for a budget (paper sec. 4)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chansearch.cost import price, price_spec, solve
from chansearch.nets import NetworkSpec, preset
from chansearch.space import Member, Shape, round_channels

# a and b are kept in quarters of the divisor. ReXNet ×1.0 itself is a = 168.75, b = 16, and no other pair near it
# rounds to its channels: a solution in real numbers would miss it by a hair.
_GRID_STEPS = 4
_GRID_REACH = 16  # grid points on either side of the solution
_STARTS = np.geomspace(0.005, 1, 200)


@dataclass(frozen=True)
class FullNetwork:
    """The network found: its member (a, b, f over its blocks), its spec, its costs and the largest relative miss."""

    member: Member
    spec: NetworkSpec
    costs: dict[str, int]
    miss: float


def reference(classes: int = 1000, input_size: int = 224) -> NetworkSpec:
    """ReXNet ×1.0 for that many classes and that input: what a full network is built like, and its default budget."""
    import dataclasses

    return dataclasses.replace(preset("rexnet_100"), classes=classes, input_size=input_size)


def unrounded_start(member: Member) -> float:
    """ρ = b/(a+b): how wide the first block is beside the last."""
    return member.b / (member.a + member.b)


def full_network(
    shape: Shape,
    skeleton: NetworkSpec,
    *,
    params: float | None,
    macs: float | None,
    start: float,
    at_most: bool = False,
) -> FullNetwork:
    """The skeleton with channels of the searched ``shape`` whose costs, classifier included, come nearest the targets.

    With one target None the other is met and ``start`` = b/(a+b) is kept. Where a shape cannot meet both, the nearest
    network is given; its ``miss`` tells. ``at_most``: the targets are upper bounds, ``start`` is kept, and the network
    is the nearest to filling one of them that is within both. Raises ``ValueError`` with no target at all.
    """
    targets = {name: value for name, value in (("params", params), ("macs", macs)) if value is not None}
    if not targets:
        raise ValueError("full_network needs params or macs")
    curve = shape.resampled(skeleton.blocks)
    heights = curve.at_blocks()
    alone = [{name: target} for name, target in targets.items()]
    # Costs grow with the width: the narrowest network that fills one of the bounds fills no other.
    a, b = min((_solved(skeleton, heights, wanted, start) for wanted in (alone if at_most else [targets])), key=sum)
    pairs = _neighbours(a, b, skeleton.divisor / _GRID_STEPS)  # (n, 2)
    channels = round_channels(pairs[:, :1] * heights + pairs[:, 1:], skeleton.divisor)
    misses = _misses(skeleton, channels, targets, at_most)
    distance = np.hypot(pairs[:, 0] - a, pairs[:, 1] - b)
    best = np.lexsort((distance, misses))[0]
    spec = skeleton.with_channels(channels[best])
    member = Member(float(pairs[best, 0]), float(pairs[best, 1]), curve)
    return FullNetwork(member, spec, price_spec(spec), float(misses[best]))


def _solved(skeleton: NetworkSpec, heights: np.ndarray, targets: dict[str, float], start: float) -> tuple[float, float]:
    """(a, b) in real numbers: the solution, or where there is none the nearest over all starts."""
    wanted = {name: np.array([target]) for name, target in targets.items()}
    free = {} if len(targets) == 2 else {"start": np.array([start])}
    solution = solve(skeleton, heights[None], **wanted, **free, count_classifier=True)
    if solution.met[0]:
        return float(solution.a[0]), float(solution.b[0])
    tried = [
        solve(
            skeleton,
            np.repeat(heights[None], len(_STARTS), axis=0),
            **{name: np.full(len(_STARTS), target)},
            start=_STARTS,
            count_classifier=True,
        )
        for name, target in targets.items()
    ]
    a, b = (np.concatenate([getattr(found, name) for found in tried]) for name in ("a", "b"))
    channels = round_channels(a[:, None] * heights + b[:, None], skeleton.divisor)
    best = _misses(skeleton, channels, targets, at_most=False).argmin()
    return float(a[best]), float(b[best])


def _neighbours(a: float, b: float, step: float) -> np.ndarray:
    """Grid points around (a, b), a >= 0 and b > 0, float array (n, 2)."""
    around = np.arange(-_GRID_REACH, _GRID_REACH + 1)
    grid_a, grid_b = np.meshgrid(np.rint(a / step) + around, np.rint(b / step) + around)
    pairs = np.stack([grid_a.ravel(), grid_b.ravel()], axis=1) * step
    return pairs[(pairs[:, 0] >= 0) & (pairs[:, 1] > 0)]


def _misses(skeleton: NetworkSpec, channels: np.ndarray, targets: dict[str, float], at_most: bool) -> np.ndarray:
    """Largest relative distance to a target, or to what is at most as much, (n,)."""
    costs = price(skeleton, channels, count_classifier=True)
    relative = [getattr(costs, name) / target - 1 for name, target in targets.items()]
    return np.max(np.maximum(relative, 0) if at_most else np.abs(relative), axis=0)
