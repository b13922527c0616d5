"""Proposing candidates: an unguided stream, and Optuna's samplers on top of it."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from chansearch.config import UNGUIDED_SAMPLERS
from chansearch.cost import Verdict
from chansearch.errors import UserError
from chansearch.search.candidate import Candidate, Draws, Origin, Record
from chansearch.search.latency import LatencyBound
from chansearch.search.mind import Mind
from chansearch.search.prescreen import Prescreen
from chansearch.search.problem import Priced, Problem
from chansearch.space import Family, format_channels

# Draws looked at together: solving for a budget costs about the same for one shape and for sixty-four.
_BATCH = 64
# Unguided draws in a row without a new candidate after which the space counts as exhausted.
_EXHAUSTED_AFTER = 100_000
# Draws in a row that are too slow after which the space counts as exhausted: each new one costs a second of measuring.
_TOO_SLOW_AFTER = 200
# Guided draws in a row that were pruned after which one unguided candidate is taken instead: a sampler whose model
# says the same thing every time would never leave the spot.
_GIVE_UP_AFTER = 50


@dataclass(frozen=True)
class Proposal:
    """A candidate and the sampler's numbers it was made of."""

    candidate: Candidate
    values: dict[str, float]


class SpaceExhausted(Exception):
    """No candidate is left that was not proposed before."""


class _Draws:
    """Counts draws up to the next candidate that is kept."""

    def __init__(self, bound: LatencyBound | None) -> None:
        self._bound = bound
        self._counts = dict.fromkeys(Draws.__dataclass_fields__, 0)

    def keep(self, priced: Priced, seen: set[tuple[int, ...]]) -> Draws | None:
        """Count one draw; the counts so far if it is kept, and then ``seen`` holds its channels.

        What the counter keeps and is new has its latency measured, where there is a bound on that.
        """
        self._counts["drawn"] += 1
        if priced.verdict is not Verdict.WITHIN:
            self._counts["under_budget" if priced.verdict is Verdict.UNDER else "over_budget"] += 1
            return None
        if priced.channels in seen:
            self._counts["duplicate"] += 1
            return None
        if self._bound is not None and not self._bound.admits(priced.channels):
            self._counts["over_latency"] += 1
            return None
        seen.add(priced.channels)
        counted = Draws(**self._counts)
        self._counts = dict.fromkeys(self._counts, 0)
        return counted

    @property
    def are_in_vain(self) -> bool:
        """Whether so many came to nothing that more would too."""
        return self._counts["drawn"] >= _EXHAUSTED_AFTER or self._counts["over_latency"] >= _TOO_SLOW_AFTER


def unguided_values(problem: Problem | Family, sampler: str, seed: int) -> Iterator[list[dict[str, float]]]:
    """Batches of draws for ever, of shapes alone where a family is given. Draw number k depends on the parameters,
    ``seed`` and k alone, and uniform draw k of a problem has the shape of its family's draw k.

    ``qmc``: a scrambled Sobol' sequence; anything else: uniform numbers from a generator of their own for each k.
    """
    parameters = problem.parameters()

    def decoded(units: np.ndarray) -> list[dict[str, float]]:
        return [{p.name: p.from_unit(u) for p, u in zip(parameters, row, strict=True)} for row in units.tolist()]

    if sampler == "qmc":
        from scipy.stats import qmc

        sequence = qmc.Sobol(len(parameters), scramble=True, rng=seed)
        while True:
            yield decoded(sequence.random(_BATCH))
    first = 0
    while True:
        units = [np.random.default_rng([seed, k]).random(len(parameters)) for k in range(first, first + _BATCH)]
        yield decoded(np.stack(units))
        first += _BATCH


def unguided(
    problem: Problem, sampler: str, seed: int, seen: set[tuple[int, ...]], bound: LatencyBound | None = None
) -> Iterator[tuple[Priced, dict[str, float], Draws]]:
    """Draws that meet the budget and the bound, and whose channels are not in ``seen``, which grows by them.

    Raises ``SpaceExhausted`` when a long run of draws brings nothing new.
    """
    count = _Draws(bound)
    for batch in unguided_values(problem, sampler, seed):
        for values, priced in zip(batch, problem.realise(batch), strict=True):
            draws = count.keep(priced, seen)
            if draws is not None:
                yield priced, values, draws
            elif count.are_in_vain:
                raise SpaceExhausted


def check_reachable(problem: Problem, seed: int, draws: int = 4096) -> None:
    """Raise ``UserError`` naming the nearest configuration found when none of many draws meets the budget."""
    solving = dataclasses.replace(problem, method="solve")
    nearest: Priced | None = None
    for number, batch in enumerate(unguided_values(solving, "random", seed)):
        for priced in solving.realise(batch):
            if priced.verdict is Verdict.WITHIN:
                return
            if nearest is None or priced.miss < nearest.miss:
                nearest = priced
        if (number + 1) * _BATCH >= draws:
            break
    raise UserError(
        f"constraint.budget: no configuration meets {problem.budget.describe()}; the nearest found of {draws} has "
        f"params {nearest.costs['params']:,} and MACs {nearest.costs['macs']:,} ({format_channels(nearest.channels)})"
    )


class Proposer:
    """Candidates one after another: unguided ones first, then, for a guided sampler, Optuna's.

    Owned by the search's driver. ``known`` are proposals of an earlier session of the same run, in order; results are
    told with ``tell``. Unguided candidate number n is a function of the problem, the seed and n alone: neither the
    number of workers nor the order of results nor a resume changes it. With a ``prescreen`` it is the best of the n-th
    group of unguided draws, each of which would have become a candidate without one; the others of the group do not
    come again. A guided sampler's own proposals are not prescreened: its model has chosen them already.
    """

    def __init__(
        self,
        problem: Problem,
        sampler: str,
        seed: int,
        startup: int,
        known: Sequence[Proposal] = (),
        bound: LatencyBound | None = None,
        prescreen: Prescreen | None = None,
    ) -> None:
        self._problem, self._bound, self._prescreen = problem, bound, prescreen
        self._guided = sampler not in UNGUIDED_SAMPLERS
        self._startup = startup
        self._seen: set[tuple[int, ...]] = set()
        self._stream = unguided(problem, sampler, seed, self._seen, bound)
        self._count = _Draws(bound)
        self._next = 0
        self._taken: set[int] = set()
        self._mind = Mind(problem, sampler, seed + len(known), startup, self._admissible) if self._guided else None
        for proposal in known:
            if proposal.candidate.origin is not Origin.SAMPLER:
                self._next_group()  # which of it was taken is known
            self._seen.add(proposal.candidate.channels)
            self._adopt(proposal)

    def _adopt(self, proposal: Proposal) -> None:
        self._take(proposal.candidate.number)
        # Without its numbers, which a study made anew lacks, the sampler cannot know of it.
        if self._mind is not None and proposal.values:
            self._mind.place(proposal.candidate.number, proposal.values)

    def _take(self, number: int) -> None:
        """What was lost with a study leaves gaps in the numbers, and they are filled."""
        self._taken.add(number)
        while self._next in self._taken:
            self._next += 1

    def propose(self) -> Proposal:
        """The next candidate; raises ``SpaceExhausted`` when there is none."""
        if self._mind is None or self._next < self._startup:
            return self._unguided()
        for _ in range(_GIVE_UP_AFTER):
            values = self._mind.ask()
            priced = self._problem.realise([values])[0]
            draws = self._count.keep(priced, self._seen)
            if draws is not None:
                proposal = self._proposal(priced, values, draws, Origin.SAMPLER)
                self._mind.accept(proposal.candidate.number)
                self._take(proposal.candidate.number)
                return proposal
            duplicate = priced.verdict is Verdict.WITHIN and priced.channels in self._seen
            self._mind.refuse(priced.channels, duplicate=duplicate)
        return self._unguided()

    def _admissible(self, draws: Sequence[Mapping[str, float]]) -> np.ndarray:
        """Which draws would be kept, as far as is known without measuring, bool (n,)."""
        too_slow = self._bound.too_slow if self._bound is not None else frozenset()
        return np.array(
            [
                p.verdict is Verdict.WITHIN and p.channels not in self._seen and p.channels not in too_slow
                for p in self._problem.realise(draws)
            ]
        )

    def _unguided(self) -> Proposal:
        group = self._next_group()
        if not group:
            raise SpaceExhausted
        taken, origin = 0, Origin.UNGUIDED
        if self._prescreen is not None:
            taken, origin = self._prescreen.best([priced.channels for priced, _, _ in group]), Origin.PRESCREENED
        priced, values, _ = group[taken]
        draws = sum((draws for _, _, draws in group), Draws(by_proxy=len(group) - 1))
        proposal = self._proposal(priced, values, draws, origin)
        self._adopt(proposal)
        return proposal

    def _next_group(self) -> list[tuple[Priced, dict[str, float], Draws]]:
        """The unguided draws that compete for one candidate: one, or a prescreen's; fewer where the space runs out."""
        group: list[tuple[Priced, dict[str, float], Draws]] = []
        with contextlib.suppress(SpaceExhausted):
            for found in itertools.islice(self._stream, 1 if self._prescreen is None else self._prescreen.draws):
                group.append(found)
        return group

    def _proposal(self, priced: Priced, values: Mapping[str, float], draws: Draws, origin: Origin) -> Proposal:
        candidate = Candidate(
            number=self._next,
            origin=origin,
            member=priced.member,
            channels=priced.channels,
            draws=draws,
            latency_ms=self._bound.latency_ms(priced.channels) if self._bound is not None else None,
            **self._problem.all_costs(priced.channels),
        )
        return Proposal(candidate, dict(values))

    def tell(self, record: Record) -> None:
        """A candidate has ended; a guided sampler learns from it."""
        if self._mind is not None:
            self._mind.tell(record)
