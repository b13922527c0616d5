"""From channels back to the member of the space that stands for them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from chansearch.space.member import Member, round_channels
from chansearch.space.shape import Shape

# A knot may sit off the whole number it rounds to, in steps of an eighth of the divisor: the unrounded line of
# ReXNet ×1.0 ends on 184.75, a quarter below its 185. The half itself is left out, for it rounds by parity.
_OFFSETS = np.array([0, 1, -1, 2, -2, 3, -3]) / 8


def fit(channels: Sequence[int], divisor: int = 1) -> Member:
    """The member with the fewest segments whose rounded channels are ``channels``.

    Knots sit on blocks, their heights within 3/8 of the divisor of the channels there; among members with as many
    segments the one nearest to the channels at its knots is taken. There always is one: a knot at every block.

    ``channels``: at least two positive whole numbers that do not decrease, multiples of ``divisor``.
    Raises ``ValueError`` for anything else.
    """
    target = np.asarray(channels, dtype=np.int64)
    depth = len(target)
    if target.ndim != 1 or depth < 2 or target[0] < 1 or np.any(np.diff(target) < 0):
        raise ValueError(f"channels must be two or more positive numbers that do not decrease, got {list(channels)}")
    if np.any(target % divisor):
        raise ValueError(f"channels must be multiples of the divisor {divisor}, got {list(channels)}")
    if target[0] == target[-1]:
        return Member(a=0.0, b=float(target[0]), shape=Shape.linear(depth))

    heights = target[:, None] + _OFFSETS * divisor  # (d, offsets)
    # Fewest segments first, then the smallest sum of offsets: one number orders both, as the offsets of a whole
    # configuration add up to less than 1000.
    penalty = 1000.0 + np.abs(_OFFSETS)
    cost = np.full(heights.shape, np.inf)
    cost[0] = np.abs(_OFFSETS)
    origin: dict[tuple[int, int], tuple[int, int]] = {}
    for end in range(1, depth):
        for start in range(end):
            fits = _segment_fits(heights[start], heights[end], target[start : end + 1], divisor)  # (starts, ends)
            through = np.where(fits, cost[start][:, None], np.inf) + penalty
            best = through.argmin(axis=0)
            for offset in range(len(_OFFSETS)):
                if through[best[offset], offset] < cost[end, offset]:
                    cost[end, offset] = through[best[offset], offset]
                    origin[end, offset] = (start, int(best[offset]))

    at = (depth - 1, int(cost[-1].argmin()))
    path = [at]
    while at[0] > 0:
        at = origin[at]
        path.append(at)
    knots = [k for k, _ in reversed(path)]
    values = np.array([heights[p] for p in reversed(path)])
    a, b = float(values[-1] - values[0]), float(values[0])
    shape = Shape.through(np.interp(np.arange(depth), knots, values))
    return Member(a=a, b=b, shape=shape)


def _segment_fits(starts: np.ndarray, ends: np.ndarray, target: np.ndarray, divisor: int) -> np.ndarray:
    """Which lines from a start to an end height round to ``target`` (length+1,); bool array (starts, ends)."""
    along = np.linspace(0, 1, len(target))
    lines = starts[:, None, None] + (ends[None, :, None] - starts[:, None, None]) * along
    rising = ends[None, :] >= starts[:, None]
    return rising & np.all(round_channels(lines, divisor) == target, axis=-1)


def best_line(channels: Sequence[float]) -> tuple[float, float]:
    """Slope and intercept of the least-squares line through (relative depth, c_i), d ≥ 2 blocks.

    Relative depth is (i−1)/(d−1), so that the intercept is the line's first block and the slope what it rises in all.
    """
    slope, intercept = np.polyfit(np.linspace(0, 1, len(channels)), np.asarray(channels, dtype=float), 1)
    return float(slope), float(intercept)


def line_r2(channels: np.ndarray) -> np.ndarray:
    """How linear a configuration is: R² of the best line through (i, c_i), per row of a (…, d) array.

    1 for a constant configuration, which its line meets exactly.
    """
    channels = np.asarray(channels, dtype=float)
    index = np.arange(channels.shape[-1]) - (channels.shape[-1] - 1) / 2
    centred = channels - channels.mean(axis=-1, keepdims=True)
    total = (centred**2).sum(axis=-1)
    explained = (centred @ index) ** 2 / (index**2).sum()
    return np.where(total > 0, explained / np.where(total > 0, total, 1), 1.0)
