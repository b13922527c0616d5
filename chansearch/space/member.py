"""A member of the space: a, b and a shape, and the whole channel numbers they stand for."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from chansearch.errors import UserError
from chansearch.space.shape import Shape

# Blocks of a configuration: beyond this it is a slip of the pen, and work that grows with their square has no end.
MOST_BLOCKS = 200


def round_channels(channels: np.ndarray, divisor: int = 1) -> np.ndarray:
    """Nearest multiples of ``divisor``, at least one of them; int64 array of the shape given.

    Ties go to the even multiple, as Python's ``round`` in the official code: only so does 11.25·(i−1)+16 give
    ReXNet ×1.0 (38.5 → 38, 83.5 → 84). The first rounding, to a billionth, lets a tie survive float arithmetic.
    """
    multiples = np.rint(np.round(np.asarray(channels, dtype=float) / divisor, 9))
    return (np.maximum(multiples, 1) * divisor).astype(np.int64)


@dataclass(frozen=True)
class Member:
    """c_i = a·f(i)+b with a ≥ 0, in channels before rounding."""

    a: float
    b: float
    shape: Shape

    def channels(self, divisor: int = 1) -> tuple[int, ...]:
        """Rounded block output channels c_1 … c_d."""
        return tuple(round_channels(self.a * self.shape.at_blocks() + self.b, divisor).tolist())


def parse_channels(text: str) -> tuple[int, ...]:
    """``"34-34-45-55-66"`` → (34, 34, 45, 55, 66).

    Also takes commas, and Table 3's ``52x9`` (or ``52×9``) for nine blocks of 52. Raises ``UserError`` when the text
    is no list of two to ``MOST_BLOCKS`` positive, non-decreasing whole numbers.
    """
    channels: list[int] = []
    for part in re.split(r"[-,]", text.strip()):
        match = re.fullmatch(r"\s*(\d{1,7})(?:[x×]([1-9]\d{0,2}))?\s*", part)
        if not match:
            raise UserError(f"channels: {text!r} is not a list such as 34-34-45-55-66 or 52x9-115-263")
        channels += [int(match[1])] * int(match[2] or 1)
        if len(channels) > MOST_BLOCKS:
            raise UserError(f"channels: {text!r} has too many blocks; allowed: at most {MOST_BLOCKS}")
    if len(channels) < 2 or min(channels) < 1:
        raise UserError(f"channels: {text!r} must name two or more blocks of at least one channel each")
    if any(c > n for c, n in itertools.pairwise(channels)):
        raise UserError(f"channels: {text!r} must not decrease (the space is c_1 <= c_2 <= … <= c_d)")
    return tuple(channels)


def format_channels(channels: Iterable[int]) -> str:
    """(34, 34, 45) → ``"34-34-45"``, the way the paper writes a configuration."""
    return "-".join(str(int(c)) for c in channels)
