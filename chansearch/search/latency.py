"""A bound on the latency of a search's candidates: measured once a configuration, and kept beside the run."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from chansearch.cost.engines import Setting, why_not
from chansearch.cost.latency import Spread
from chansearch.cost.meter import Meter, MeterError
from chansearch.errors import UserError
from chansearch.nets.spec import NetworkSpec
from chansearch.search.candidate import MeasuredLatency
from chansearch.space import format_channels

if TYPE_CHECKING:
    from chansearch.search.rundir import RunDirectory


@dataclass(frozen=True)
class LatencyLimit:
    """``constraint.latency_ms`` and ``constraint.latency``: one batch takes at most so long, measured like this."""

    at_most_ms: float  # infinite where the latency is measured for its own sake
    setting: Setting

    @property
    def is_bound(self) -> bool:
        return math.isfinite(self.at_most_ms)

    def describe(self) -> str:
        return f"at most {self.at_most_ms:g} ms are asked for" if self.is_bound else "every candidate is measured"

    def check(self) -> None:
        """Raises ``UserError`` where the engine cannot run on this machine."""
        reason = why_not(self.setting.engine, self.setting.device)
        if reason is not None:
            raise UserError(f"constraint.latency: {self.setting.engine} on {self.setting.device}: {reason}")


class LatencyBound:
    """Which configurations are fast enough. Lives in a ``with``, for as long as its process may be needed.

    A configuration's latency is the reference's on the quiet machine times the median ratio of the two, measured in
    turn (``chansearch.cost.meter``). None is measured twice: ``known`` is what ``latencies.csv`` holds, the reference
    first, and what is measured is written there.
    """

    def __init__(
        self,
        limit: LatencyLimit,
        skeleton: NetworkSpec,
        reference: Sequence[int],
        known: Iterable[MeasuredLatency] = (),
    ) -> None:
        """``reference``: channels; those of ``known`` have the last word."""
        self.limit, self._skeleton = limit, skeleton
        self._known = {measured.channels: measured for measured in known}
        self._reference = next(iter(self._known), tuple(reference))
        self._meter = Meter(skeleton.with_channels(self._reference), limit.setting)
        self._run: RunDirectory | None = None

    def __enter__(self) -> LatencyBound:
        return self

    def __exit__(self, *exception) -> None:
        self._meter.close()

    def keep_in(self, run: RunDirectory) -> None:
        """Write what is known and not in the run yet, and from now on all that is measured."""
        held = {measured.channels for measured in run.latencies()}
        run.append_latencies(measured for measured in self._known.values() if measured.channels not in held)
        self._run = run

    def latency_ms(self, channels: tuple[int, ...]) -> float:
        """Measured unless it is known; raises ``UserError`` where the engine cannot run the network."""
        if channels not in self._known:
            if channels != self._reference:
                self.measure_reference()
            self._note(self._measured(channels))
        return self._known[channels].latency_ms

    def measure_reference(self) -> MeasuredLatency:
        """While the machine is quiet, before any worker starts; nothing where it is known."""
        self.latency_ms(self._reference)
        return self._known[self._reference]

    def admits(self, channels: tuple[int, ...]) -> bool:
        return self.latency_ms(channels) <= self.limit.at_most_ms

    @property
    def too_slow(self) -> frozenset[tuple[int, ...]]:
        """Configurations that were measured and are over the bound."""
        at_most = self.limit.at_most_ms
        return frozenset(channels for channels, its in self._known.items() if its.latency_ms > at_most)

    def check_reachable(self, first: Sequence[tuple[int, ...]]) -> None:
        """Raises ``UserError`` naming the fastest of the ``first`` configurations drawn when none is fast enough."""
        if any(self.admits(channels) for channels in first):
            return
        fastest = min(first, key=self.latency_ms)
        raise UserError(
            f"constraint.latency_ms: {self.limit.at_most_ms:g} is met by none of the first {len(first)} configurations "
            f"within the budget; the fastest takes {self.latency_ms(fastest):.3g} ms ({format_channels(fastest)}), "
            f"{self.limit.setting.describe()}"
        )

    def _measured(self, channels: tuple[int, ...]) -> MeasuredLatency:
        try:
            if channels == self._reference:
                quiet = Spread.of(self._meter.quiet_seconds())
                spread = (1.0, quiet.p10_ms / quiet.median_ms, quiet.p90_ms / quiet.median_ms)
                return _rounded(channels, quiet.median_ms, spread, quiet.count)
            ratios = self._meter.ratios(self._skeleton.with_channels(channels))
        except MeterError as error:
            raise UserError(f"constraint.latency: {format_channels(channels)} cannot be measured: {error}") from None
        p10, median, p90 = np.percentile(ratios, (10, 50, 90)).tolist()
        latency_ms = self._known[self._reference].latency_ms * median
        return _rounded(channels, latency_ms, (median, p10, p90), len(ratios))

    def _note(self, measured: MeasuredLatency) -> None:
        self._known[measured.channels] = measured
        if self._run is not None:
            self._run.append_latencies([measured])


def _rounded(
    channels: tuple[int, ...], latency_ms: float, spread: tuple[float, float, float], rounds: int
) -> MeasuredLatency:
    """To a tenth of a microsecond: far below what can be measured, and what is written is what was judged by."""
    return MeasuredLatency(channels, round(latency_ms, 4), *(round(ratio, 4) for ratio in spread), rounds=rounds)
