"""Everything the report says of one run, worked out once: CSV, figures, page and terminal read it from here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from chansearch.config import shipped
from chansearch.files import read_mapping, section
from chansearch.printable import printable
from chansearch.report import facts
from chansearch.report.correlation import RankCorrelation
from chansearch.report.cost import Cost, cost_of
from chansearch.report.curves import Curve, mean_curves
from chansearch.report.distribution import Edf, Interval, by_origin, edf, line_r2_interval
from chansearch.report.front import Front, front_of
from chansearch.report.noise import NoiseGap, OutOfSample, SeedScores, noise_gap, out_of_sample
from chansearch.report.published import FIGURE_4, TABLE_3, PublishedConstraint
from chansearch.report.quantities import FEATURES, LATENCY, MACS, NUCLEAR_NORM, PARAMS, Quantity, ranking_quantity
from chansearch.report.tenths import Tenth, TenthRow, tenths
from chansearch.search import asked
from chansearch.search.candidate import Draws, Origin, Record, State, ranked
from chansearch.search.contenders import FIRST_SEED, contenders, on_first_seed
from chansearch.search.rundir import RunDirectory

_LEAST_CORRELATED = 3


@dataclass(frozen=True)
class Analysis:
    """One run. ``ranked`` best first; the rest of ``records`` was not trained to its end and is listed only.

    ``tenths`` is empty while nothing can be ranked; ``tenths_by_origin`` has entries only where both origins occur.
    ``linearity`` has an interval a tenth.

    ``compared`` are the ranked ones, best first, on seeds that all of them have: tenths, distribution and figures are
    of these. They are ``ranked`` itself unless seeds were spent on ``contenders``, of which there are none then.
    """

    run: RunDirectory
    config: dict
    records: tuple[Record, ...]
    ranked: tuple[Record, ...]
    compared: tuple[Record, ...]
    contenders: tuple[Record, ...]
    tenths: tuple[TenthRow, ...]
    tenths_by_origin: dict[Origin, tuple[TenthRow, ...]]
    noise: NoiseGap | None
    held_out: OutOfSample | None
    left_out: int
    linearity: dict[Tenth, Interval]
    curves: tuple[Curve, ...]
    cost: Cost | None
    front: Front | None  # None for accuracy alone

    @property
    def name(self) -> str:
        """The run's name as it may be shown anywhere."""
        return printable(self.run.path.resolve().name)

    @property
    def ranking(self) -> Quantity:
        """The accuracy that ranks, under the name of the images it was measured on."""
        return ranking_quantity(asked.rank_on(self.config))

    @property
    def compared_heading(self) -> str:
        """That accuracy's heading, with the seeds it is of where those are not all."""
        heading = self.ranking.heading
        return heading if asked.contenders(self.config) is None else f"{heading}, first seed alone"

    @property
    def states(self) -> dict[State, int]:
        """Candidates that have ended, by state; every state is there, those with none as 0."""
        counts = Counter(record.outcome.state for record in self.records)
        return {state: counts[state] for state in State}

    @cached_property
    def unranked(self) -> tuple[Record, ...]:
        """Candidates that have ended but have no accuracy of a whole training, by number."""
        ranked = {record.candidate.number for record in self.ranked}
        return tuple(record for record in self.records if record.candidate.number not in ranked)

    @property
    def seeds_left(self) -> int:
        """Further seeds of contenders that have not ended; none where every candidate gets all of them."""
        return asked.further_left(self.config, self.records)

    @property
    def is_complete(self) -> bool:
        """Whether all that the run asks for has ended, so that its ranks stay as they are."""
        wanted = asked.candidates_asked(self.config)
        return wanted is not None and len(self.records) >= wanted and not self.seeds_left

    @property
    def costs(self) -> tuple[Quantity, ...]:
        """What a candidate costs: the latency where the run has a bound on it."""
        has_latency = any(record.candidate.latency_ms is not None for record in self.records)
        return (PARAMS, MACS, LATENCY) if has_latency else (PARAMS, MACS)

    @cached_property
    def features(self) -> tuple[Quantity, ...]:
        """What is known of the final feature: nothing unless the run has recorded it."""
        return FEATURES if any(NUCLEAR_NORM.of(record) is not None for record in self.compared) else ()

    @cached_property
    def nuclear_norm_correlation(self) -> RankCorrelation | None:
        """Of the nuclear norm with the accuracy that ranks, over ``compared``; None for fewer than three that have
        one, whose order says nothing."""
        there = [record for record in self.compared if NUCLEAR_NORM.of(record) is not None]
        if len(there) < _LEAST_CORRELATED:
            return None
        norms, top1 = ([of(record) for record in there] for of in (NUCLEAR_NORM.of, self.ranking.of))
        return RankCorrelation.of(np.array(norms), np.array(top1))

    @property
    def draws(self) -> Draws:
        """All draws that led to the candidates that have ended."""
        return sum((record.candidate.draws for record in self.records), Draws())

    @cached_property
    def published(self) -> PublishedConstraint | None:
        """The paper's own result where the run's constraint is one of Table 3 or of Figure 4, as it is shipped."""
        name = facts.text(self.config, "constraint.name")
        found = (TABLE_3 | FIGURE_4).get(name)
        return found if found is not None and _is_shipped(self.config, name) else None

    @cached_property
    def tenth_of(self) -> dict[int, Tenth]:
        """The tenth of each candidate that is in one, by candidate number."""
        return {record.candidate.number: row.tenth for row in self.tenths for record in row.records}

    @property
    def edfs(self) -> tuple[Edf, ...]:
        """Of all ranked candidates and, where both occur, of unguided draws and the sampler's."""
        if not self.compared:
            return ()
        origins = by_origin(self.compared)
        if len(origins) == 1:
            return (edf(f"{next(iter(origins))} draws", self.compared),)
        return edf("all", self.compared), *(edf(f"{origin} draws", records) for origin, records in origins.items())

    def observed_gap(self, lower: Tenth) -> float | None:
        """Points of top-1 from the top tenth down to another; ``None`` where one of them is missing."""
        means = {row.tenth: row.spreads[self.ranking.column].mean for row in self.tenths}
        return means[Tenth.TOP] - means[lower] if lower in means and Tenth.TOP in means else None


def _is_shipped(config: Mapping, name: str) -> bool:
    """Whether a run's constraint is what its name stands for: a budget or a depth may have been set beside it."""
    shipped_one = read_mapping(shipped("conf") / "constraint" / f"{name}.yaml", f"constraint {name}:")
    held = section(config, "constraint")
    skeleton, budget = section(held, "skeleton"), section(held, "budget")
    asked_of = {key: _given(value) for key, value in budget.items() if value is not None}
    return asked_of == shipped_one["budget"] and all(
        skeleton.get(key) == value for key, value in shipped_one["skeleton"].items()
    )


def _given(band: object) -> object:
    return {key: value for key, value in band.items() if value is not None} if isinstance(band, dict) else band


def analyse(run: RunDirectory) -> Analysis:
    """Read a run, finished or not; raises ``UserError`` where a file of it cannot be read."""
    records = tuple(run.records())
    config, curves = run.config(), run.curves()
    compared = best_first = tuple(ranked(records))
    if (count := asked.contenders(config)) is not None:
        compared = tuple(ranked(map(on_first_seed, records)))
        curves = [point for point in curves if point.seed == FIRST_SEED]
    scores = SeedScores.of(compared)
    rows, noise = tenths(compared), noise_gap(scores)
    origins = by_origin(compared)
    return Analysis(
        run=run,
        config=config,
        records=records,
        ranked=best_first,
        compared=compared,
        contenders=tuple(contenders(records, count)) if count is not None else (),
        tenths=rows,
        tenths_by_origin={origin: tenths(own) for origin, own in origins.items()} if len(origins) > 1 else {},
        noise=noise,
        held_out=out_of_sample(scores),
        left_out=scores.left_out,
        linearity={row.tenth: line_r2_interval(row.records) for row in rows},
        curves=mean_curves(curves),
        cost=cost_of(records, run.sessions()),
        front=front_of(records, asked.objectives(config), None if noise is None else noise.standard_error),
    )
