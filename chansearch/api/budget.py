"""``Budget``: what a network may cost, and what one costs."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chansearch.config import BandConfig, BudgetConfig, ConstraintConfig, as_setting, compose
from chansearch.cost import Verdict, count, price_spec
from chansearch.errors import UserError
from chansearch.space import format_channels, parse_channels

if TYPE_CHECKING:
    from chansearch.nets import NetworkSpec

_CLASSES = 10  # of a network that is for no data yet; shipped constraints do not count the classifier


class Budget:
    """Bands on the params and MACs of a network of which all but the block channels is fixed: its ``skeleton``."""

    def __init__(
        self,
        params: str | float | None = None,
        macs: str | float | None = None,
        *,
        flops: str | float | None = None,
        tolerance: float = 0.1,
        skeleton: str | Mapping[str, Any] = "c1",
    ) -> None:
        """``params``, ``macs``: counts, each ± the relative ``tolerance``; ``"30M±5%"`` has its own, and ``"<=30M"`` is
        an upper bound. ``flops`` is the paper's word for ``macs``.

        ``skeleton``: that of a shipped constraint, by name, or what differs from c1's, in the words of
        ``constraint.skeleton``: ``{"blocks": 9, "stride_blocks": [4, 8]}``. Raises ``UserError``.
        """
        bands = BudgetConfig(_band(params, tolerance), _band(macs, tolerance), _band(flops, tolerance))
        self._take(ConstraintConfig(skeleton=_skeleton(skeleton), budget=bands), _CLASSES)

    @classmethod
    def of(cls, constraint: str | ConstraintConfig, classes: int = _CLASSES) -> Budget:
        """Bands and skeleton of a constraint, by the name of a shipped one: ``Budget.of("c2")``. ``classes`` of the
        images have a price where the constraint counts the classifier."""
        budget = cls.__new__(cls)
        budget._take(_composed(constraint) if isinstance(constraint, str) else copy.deepcopy(constraint), classes)
        return budget

    def _take(self, constraint: ConstraintConfig, classes: int) -> None:
        from chansearch.search.plan import make_budget, make_skeleton

        self._constraint = constraint
        self.bands = make_budget(constraint.budget)
        constraint.budget.macs, constraint.budget.flops = constraint.budget.macs or constraint.budget.flops, None
        self.skeleton: NetworkSpec = make_skeleton(constraint.skeleton, classes)

    @property
    def constraint(self) -> ConstraintConfig:
        """As a search's configuration has it."""
        return copy.deepcopy(self._constraint)

    def price(self, channels: str | Sequence[int]) -> dict[str, int]:
        """``params``, ``macs``, ``activations`` and ``peak_activations`` of the network with these block channels
        (``"34-34-45-55-66"`` or numbers), for one image."""
        spec = self.skeleton.with_channels(read_channels(channels, self.skeleton.blocks))
        return price_spec(spec, count_classifier=self.bands.count_classifier)

    def verdict(self, channels: str | Sequence[int]) -> Verdict:
        """Within, under or over budget."""
        given = np.array([read_channels(channels, self.skeleton.blocks)])
        return self.bands.verdicts(count(self.skeleton, given, count_classifier=self.bands.count_classifier))[0]

    def admits(self, channels: str | Sequence[int]) -> bool:
        """Whether a search under this budget would train these channels."""
        return self.verdict(channels) is Verdict.WITHIN

    def __repr__(self) -> str:
        return f"<Budget: {self.bands.describe()}, {self.skeleton.blocks} blocks>"


def read_channels(given: str | Sequence[int], blocks: int) -> tuple[int, ...]:
    """Channels in either form; raises ``UserError`` where there are not as many as ``blocks``."""
    channels = parse_channels(given if isinstance(given, str) else "-".join(map(str, given)))
    if len(channels) != blocks:
        raise UserError(f"channels: {format_channels(channels)} has {len(channels)} blocks; allowed: {blocks}")
    return channels


def _band(given: str | float | None, tolerance: float) -> BandConfig | None:
    if given is None:
        return None
    text = str(given).strip()
    if bound := re.fullmatch(r"(?:<=|≤)\s*(.+)", text):
        return BandConfig(at_most=bound[1])
    if around := re.fullmatch(r"(.+?)\s*(?:±|\+-)\s*([\d.]{1,9})\s*%", text):
        return BandConfig(target=around[1], tolerance=_percent(around[2]))
    return BandConfig(target=given, tolerance=tolerance)


def _percent(text: str) -> float:
    try:
        return float(text) / 100
    except ValueError:
        raise UserError(f"budget: {text!r} is no percentage") from None


def _skeleton(given: str | Mapping[str, Any]) -> Any:
    if isinstance(given, str):
        return _composed(given).skeleton
    return _composed("c1", *(as_setting(f"constraint.skeleton.{key}", value) for key, value in given.items())).skeleton


def _composed(constraint: str, *settings: str) -> ConstraintConfig:
    return compose([as_setting("constraint", constraint), *settings]).constraint
