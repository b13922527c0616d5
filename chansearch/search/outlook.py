"""What a search will take, measured before it starts: memory, time, and when a trial is taken to hang."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager

from chansearch.cluster import connected
from chansearch.config import UNGUIDED_SAMPLERS, compose
from chansearch.cost.budget import format_count
from chansearch.probe import Probes
from chansearch.search.candidate import Candidate
from chansearch.search.estimate import AUTO, Work, describe, describe_limit, trial_limit
from chansearch.search.latency import LatencyBound
from chansearch.search.plan import Plan, first_proposals
from chansearch.search.prescreen import Prescreen
from chansearch.space import format_channels, line_r2
from chansearch.train.results import StepTime

# Candidates that the estimate and the memory a trial takes are made of.
_TYPICAL_OF = 10


@contextmanager
def connected_for(plan: Plan, dataset=None) -> Iterator:
    """The cluster of a plan; ``dataset`` is what will be trained on, None for a rehearsal without images."""
    from chansearch.train.estimate import trial_bytes

    widest = max(proposal.candidate.activations for proposal in plan.first[:_TYPICAL_OF])
    needed = trial_bytes(widest, plan.config.train.batch_size)
    with connected(plan.config.cluster, needed, 0 if dataset is None else dataset.nbytes) as cluster:
        yield cluster


def announce_objectives(plan: Plan) -> None:
    """What several objectives have to trade, and that it is next to nothing where it is."""
    objectives = plan.problem.objectives
    if not objectives.are_several:
        return
    print(f"objectives: {' and '.join(objectives.names)}: a front of candidates instead of one best", flush=True)
    for name, band in plan.problem.budget.bands.items():
        if name in objectives.costs and band.is_narrow:
            print(
                f"objectives: the budget leaves {name} between {format_count(band.low)} and {format_count(band.high)}, "
                f"little to trade; constraint.budget.{name}.target=null constraint.budget.{name}.at_most="
                f"{format_count(band.high)} leaves more",
                flush=True,
            )


def announce_prescreen(plan: Plan) -> None:
    """What it will take, before it takes it."""
    config = plan.config
    prescreen = Prescreen.of(config.sampler, plan.skeleton)
    if prescreen is None:
        return
    screened = config.search.candidates
    if config.sampler.name not in UNGUIDED_SAMPLERS:
        screened = min(config.sampler.startup, screened)
    print(prescreen.describe(_typical(plan), screened), flush=True)


def rehearse(plan: Plan, bound: LatencyBound | None) -> None:
    """The first ten candidates and the estimate, from random images of the right size."""
    from chansearch.train.estimate import expected_images

    config = plan.config
    announce_prescreen(plan)
    proposals = first_proposals(plan, 10, bound, Prescreen.of(config.sampler, plan.skeleton))
    print(f"the first {len(proposals)} candidates ({config.sampler.name} starts from unguided ones):")
    for proposal in proposals:
        candidate = proposal.candidate
        latency = "" if candidate.latency_ms is None else f"{candidate.latency_ms:.3g} ms  "
        print(
            f"  {candidate.number}: {format_channels(candidate.channels)}  params {candidate.params:,}  "
            f"MACs {candidate.macs:,}  {latency}R² of its line {float(line_r2(candidate.channels)):.3f}"
        )
    with connected_for(plan) as cluster, Probes(cluster, config.train) as probes:
        print_estimate(plan, cluster, probes, *expected_images(config.data))


def print_estimate(plan: Plan, cluster, probes: Probes, train_images: int, val_images: int) -> float | None:
    """A few steps, on as many workers at once as the search will use. Gives the time limit of a trial, in seconds."""
    from chansearch.train.estimate import expected_images

    config = plan.config
    step = _step(plan, probes)
    work = _work(plan, train_images, val_images)
    laptop = compose(["fidelity=laptop"])
    subset = dataclasses.replace(config.data, train_images=laptop.data.train_images, val_images=laptop.data.val_images)
    images = expected_images(subset)
    less = Work(*images, laptop.train.epochs, laptop.train.seeds, config.search.candidates, work.contenders)
    print(describe(config, work, step, cluster.workers, less), flush=True)
    limit = trial_limit(config.search.trial_timeout, work, step, _heaviest(plan))
    print(describe_limit(config.search.trial_timeout, limit), flush=True)
    return limit


def measured_limit(plan: Plan, probes: Probes, dataset, *, confirming: int | None = None) -> float | None:
    """Seconds after which a trial on these workers is taken to hang, None for never. ``confirming``: seeds of a trial
    where they are not the search's."""
    asked = plan.config.search.trial_timeout
    if asked != AUTO:
        return asked
    step = _step(plan, probes)
    work = _work(plan, len(dataset.train.images), len(dataset.val.images))
    if confirming is not None:
        work = dataclasses.replace(work, seeds=confirming, contenders=None)
    return trial_limit(asked, work, step, _heaviest(plan))


def _step(plan: Plan, probes: Probes) -> StepTime:
    """Of the typical candidate on the slowest worker."""
    from chansearch.train.estimate import slowest

    return slowest(probes.step_times(plan.skeleton.with_channels(_typical(plan))))


def _work(plan: Plan, train_images: int, val_images: int) -> Work:
    config = plan.config
    contenders = config.scheduler.contenders if config.scheduler.name == "contenders" else None
    return Work(train_images, val_images, config.train.epochs, config.train.seeds, config.search.candidates, contenders)


def _heaviest(plan: Plan) -> float:
    """Its MACs over those of the typical candidate."""
    first = _first_by_macs(plan)
    return first[-1].macs / first[len(first) // 2].macs


def _typical(plan: Plan) -> tuple[int, ...]:
    """Channels of the candidate in the middle, by MACs, of the first."""
    first = _first_by_macs(plan)
    return first[len(first) // 2].channels


def _first_by_macs(plan: Plan) -> list[Candidate]:
    """The first candidates, lightest first."""
    return sorted((p.candidate for p in plan.first[:_TYPICAL_OF]), key=lambda candidate: candidate.macs)
