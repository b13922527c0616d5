"""Budgets as bands on params and MACs."""

from __future__ import annotations

import enum
import math
import re
from dataclasses import dataclass

import numpy as np

from chansearch.cost.count import Counts
from chansearch.errors import UserError

_NARROW = 1.5  # upper end over lower end of the widest band that counts as a target
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "B": 10**9}


def parse_count(key: str, value: object) -> float:
    """``"0.2M"``, ``"30e6"`` or 200000 → a positive number; K, M, G and B (10⁹) are understood.

    Raises ``UserError`` naming ``key`` for anything else.
    """
    match = re.fullmatch(r"\s*([0-9.]+(?:[eE][+-]?[0-9]+)?)\s*([KkMmGgBb]?)\s*", str(value))
    try:
        if match is None or isinstance(value, bool):
            raise ValueError
        number = float(match[1]) * _UNITS[match[2].upper()]
    except ValueError:
        raise UserError(f"{key}: {value!r} is not a count; write it as 200000, 0.2M or 2e5") from None
    if not (math.isfinite(number) and number > 0):
        raise UserError(f"{key}: {value!r} is not allowed; a positive count is needed")
    return number


@dataclass(frozen=True)
class Band:
    """low <= count <= high. ``low`` is 0 where only an upper bound was asked for."""

    low: float
    high: float

    @staticmethod
    def around(target: float, tolerance: float) -> Band:
        return Band(target * (1 - tolerance), target * (1 + tolerance))

    @staticmethod
    def at_most(limit: float) -> Band:
        return Band(0.0, limit)

    @property
    def landing(self) -> Band:
        """Where ``solve`` aims: the band itself, or the upper tenth under a bare upper bound.

        The paper's candidates end up near the budget, not merely under it (Table 3).
        """
        return self if self.low > 0 else Band(0.9 * self.high, self.high)

    def at(self, position: float | np.ndarray) -> float | np.ndarray:
        """The count at a relative position in [0, 1] of the landing band."""
        band = self.landing
        return band.low + position * (band.high - band.low)

    @property
    def is_narrow(self) -> bool:
        """Whether there is next to nothing to choose between its ends: a target with its tolerance."""
        return self.high <= _NARROW * self.low

    def across(self, position: float | np.ndarray) -> float | np.ndarray:
        """The count at a relative position in [0, 1] of the whole band, by equal factors: accuracy grows with the
        logarithm of a cost rather than with the cost. A bare upper bound reaches down to a tenth of it."""
        low = self.low if self.low > 0 else self.high / 10
        return low * (self.high / low) ** position

    def miss(self, counts: np.ndarray) -> np.ndarray:
        """Relative distance of counts (n,) to the band, 0 inside, negative below, positive above."""
        counts = np.asarray(counts, dtype=float)
        below = np.minimum(counts - self.low, 0) / max(self.low, 1)
        return below + np.maximum(counts - self.high, 0) / self.high


class Verdict(enum.StrEnum):
    """What the counter says of a candidate."""

    WITHIN = "within"
    UNDER = "under budget"
    OVER = "over budget"


@dataclass(frozen=True)
class Budget:
    """Bands on params and/or MACs, with the classifier layer counted or not.

    Raises ``UserError`` when neither is bounded.
    """

    params: Band | None = None
    macs: Band | None = None
    count_classifier: bool = False

    def __post_init__(self) -> None:
        if self.params is None and self.macs is None:
            raise UserError("constraint.budget: neither params nor macs is bounded; set one, e.g. macs: {target: 30M}")

    @property
    def bands(self) -> dict[str, Band]:
        """The bounded quantities, by their name in ``Counts``."""
        return {name: band for name in ("params", "macs") if (band := getattr(self, name)) is not None}

    def misses(self, counts: Counts) -> np.ndarray:
        """Relative distances to the bands, (n, bands): zero inside, negative below, positive above."""
        return np.stack([band.miss(getattr(counts, name)) for name, band in self.bands.items()], axis=1)

    def verdicts(self, counts: Counts) -> list[Verdict]:
        """One verdict a candidate; over one band and under the other counts as over."""
        misses = self.misses(counts)
        over, under = np.any(misses > 0, axis=1), np.any(misses < 0, axis=1)
        return [Verdict.OVER if o else Verdict.UNDER if u else Verdict.WITHIN for o, u in zip(over, under, strict=True)]

    def describe(self) -> str:
        """``params 0.18M to 0.22M and MACs 27M to 33M, classifier not counted``."""
        parts = [
            f"{'MACs' if name == 'macs' else name} {format_count(band.low)} to {format_count(band.high)}"
            if band.low > 0
            else f"{'MACs' if name == 'macs' else name} at most {format_count(band.high)}"
            for name, band in self.bands.items()
        ]
        return " and ".join(parts) + f", classifier {'' if self.count_classifier else 'not '}counted"


def format_count(count: float) -> str:
    """A count for people: 0.2M, 28.6M, 3.1B; four significant digits."""
    for unit, size in (("B", 10**9), ("M", 10**6), ("K", 10**3)):
        # A parameter budget reads best in millions from a tenth of one on, as the paper writes it.
        if count >= (size if unit != "M" else size / 10):
            return f"{count / size:.4g}{unit}"
    return f"{count:.4g}"
