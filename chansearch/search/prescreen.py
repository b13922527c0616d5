"""Choosing by a proxy, before any training, which of some draws becomes a candidate (``sampler.prescreen``)."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from chansearch.config import SamplerConfig
from chansearch.durations import format_seconds
from chansearch.nets.spec import NetworkSpec


@dataclass(frozen=True)
class Prescreen:
    """Of each ``draws`` draws the one with the highest score by ``proxy`` is trained.

    The networks look at noise, not at images: a candidate stays a function of the problem, the seed and its number,
    whatever the data, and a dry run shows those that a search would train.
    """

    proxy: str
    draws: int
    skeleton: NetworkSpec

    @staticmethod
    def of(config: SamplerConfig, skeleton: NetworkSpec) -> Prescreen | None:
        """None where none is asked for."""
        if config.prescreen is None:
            return None
        return Prescreen(config.prescreen, config.prescreen_draws, skeleton)

    def best(self, channels: Sequence[tuple[int, ...]]) -> int:
        """The place of the highest score, the first of equal ones."""
        scores = [self._score(own) for own in channels]
        return scores.index(max(scores))

    def describe(self, channels: tuple[int, ...], candidates: int) -> str:
        """What it is and what it takes, measured on one configuration, in a line."""
        self._score(channels)  # the first one imports and warms up
        start = time.perf_counter()
        self._score(channels)
        seconds = time.perf_counter() - start
        return (
            f"prescreen: the best of {self.draws} draws by {self.proxy}, {seconds:.2g} s a draw measured: "
            f"{format_seconds(seconds * self.draws * candidates)} in all, for which workers wait"
        )

    @cached_property
    def _probe(self):
        from chansearch.proxies.probe import Probe

        return Probe.noise(self.skeleton)

    def _score(self, channels: tuple[int, ...]) -> float:
        from chansearch.proxies.score import score

        found = score(self.proxy, self.skeleton.with_channels(channels), self._probe)
        return -math.inf if math.isnan(found) else found
