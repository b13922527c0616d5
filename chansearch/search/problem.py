"""What a search draws from: a family of shapes, a skeleton, a budget, and one of the two ways of meeting it; and what
it is to be good at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from chansearch.cost import Band, Budget, Counts, Solution, Verdict, count, price_spec, solve
from chansearch.nets.spec import NetworkSpec
from chansearch.search.objectives import ACCURACY_ALONE, Objectives
from chansearch.space import Family, Member, Parameter, round_channels

# The least start of a configuration under one budget alone, as a share of its end: below the 0.09 of ReXNet ×1.0
# (16/185) and the 0.10 of c1's steepest possible shapes. Fixed here, for one budget leaves the start free.
_LEAST_START = 0.05


@dataclass(frozen=True)
class Priced:
    """A drawn member, its rounded channels, its costs (keyed as ``Counts``) and what the budget says of them."""

    member: Member
    channels: tuple[int, ...]
    costs: dict[str, int]
    verdict: Verdict
    miss: float  # largest relative distance to a band, 0 within


@dataclass(frozen=True)
class Problem:
    """The space of candidates: pure functions from a sampler's numbers to priced members.

    ``method`` is ``solve`` (the numbers are a shape and a place in the band; a and b follow) or ``reject`` (the
    numbers are a shape, a and b; most miss the band). The counter has the last word in both, after rounding.

    Where a cost is an objective, solving lands all over a wide band instead of at its upper end, and leaves what the
    narrow ones do not fix to the start: one cost follows from the other then.
    """

    skeleton: NetworkSpec
    budget: Budget
    family: Family
    divisor: int = 1
    method: str = "solve"
    objectives: Objectives = ACCURACY_ALONE

    def parameters(self) -> tuple[Parameter, ...]:
        """The numbers a sampler moves, in a fixed order: those of the shape, then those of a and b."""
        return self.family.parameters() + self._scale_parameters()

    def _scale_parameters(self) -> tuple[Parameter, ...]:
        if self.method == "reject":
            flat, steep = self._largest()
            return Parameter("a", 0.0, steep), Parameter("b", float(self.divisor), flat)
        landings = tuple(Parameter(f"land_{name}") for name in self._landed)
        return landings if len(landings) == 2 else (*landings, Parameter("start", _LEAST_START, 1.0))

    @cached_property
    def _landed(self) -> dict[str, Band]:
        """The bands that solving aims at; the counter looks at all of them."""
        bands = self.budget.bands
        if not self.objectives.are_several:
            return bands
        narrow = {name: band for name, band in bands.items() if band.is_narrow}
        if narrow:
            return narrow
        # Two wide ones: of two places chosen at will most pairs fit no shape.
        name = next((name for name in self.objectives.costs if name in bands), next(iter(bands)))
        return {name: bands[name]}

    def _target(self, band: Band, position: np.ndarray) -> float | np.ndarray:
        """The cost at a place of a band."""
        return band.across(position) if self.objectives.are_several and not band.is_narrow else band.at(position)

    def _largest(self) -> tuple[float, float]:
        """Upper ends for b and a: the widest constant configuration and the tallest last step that the bands allow."""
        depth = self.skeleton.blocks
        last_step = np.zeros((1, depth))
        last_step[0, -1] = 1
        found = []
        for name, band in self.budget.bands.items():
            flat = self._solved(np.zeros((1, depth)), name, band.high, start=1.0)
            steep = self._solved(last_step, name, band.high, start=_LEAST_START)
            found.append((flat.b[0], steep.a[0] + steep.b[0]))
        flat, steep = np.min(found, axis=0)
        return max(float(flat), self.divisor + 1.0), max(float(steep), self.divisor + 1.0)

    def _solved(self, heights: np.ndarray, name: str, target: float, start: float) -> Solution:
        count = len(heights)
        return solve(
            self.skeleton,
            heights,
            **{name: np.full(count, target)},
            start=np.full(count, start),
            count_classifier=self.budget.count_classifier,
        )

    def realise(self, draws: Sequence[Mapping[str, float]]) -> list[Priced]:
        """Each draw, a value for every parameter, as a priced member. Draws do not influence each other."""
        shapes = [self.family.decode(values) for values in draws]
        heights = np.stack([shape.at_blocks() for shape in shapes])  # (n, d)
        a, b = self._scale(draws, heights)
        channels = round_channels(a[:, None] * heights + b[:, None], self.divisor)
        costs = self.priced(channels)
        verdicts = self.budget.verdicts(costs)
        misses = np.abs(self.budget.misses(costs)).max(axis=1)
        return [
            Priced(
                Member(float(a[i]), float(b[i]), shape),
                tuple(channels[i].tolist()),
                costs.row(i),
                verdicts[i],
                float(misses[i]),
            )
            for i, shape in enumerate(shapes)
        ]

    def _scale(self, draws: Sequence[Mapping[str, float]], heights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """a and b of each draw, (n,)."""

        def column(name: str) -> np.ndarray:
            return np.array([values[name] for values in draws], dtype=float)

        if self.method == "reject":
            return column("a"), column("b")
        targets: dict[str, Any] = {n: self._target(band, column(f"land_{n}")) for n, band in self._landed.items()}
        start = column("start") if len(targets) == 1 else None
        solution = solve(self.skeleton, heights, **targets, start=start, count_classifier=self.budget.count_classifier)
        return solution.a, solution.b

    def priced(self, channels: np.ndarray) -> Counts:
        """Params and MACs of rounded channels (n, d) under this budget's convention."""
        return count(self.skeleton, channels, count_classifier=self.budget.count_classifier)

    def all_costs(self, channels: Sequence[int]) -> dict[str, int]:
        """Every cost of one configuration, keyed as ``Costs``: what memory it takes matters once it is a candidate."""
        return price_spec(self.skeleton.with_channels(channels), count_classifier=self.budget.count_classifier)
