"""One session of a search: from a configuration, or a run that was cut off, to a run directory."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from chansearch.cluster import check_recorded, connected
from chansearch.config import UNGUIDED_SAMPLERS, SearchConfig, compose, from_plain
from chansearch.errors import Interrupted, UserError
from chansearch.files import check_disk, time_stamp
from chansearch.probe import Probes
from chansearch.search.candidate import Candidate, CurvePoint, Outcome, Record
from chansearch.search.contenders import FIRST_SEED, Further, joined, left
from chansearch.search.estimate import AUTO, Work, describe, describe_limit, trial_limit
from chansearch.search.latency import LatencyBound
from chansearch.search.plan import Plan, make_plan
from chansearch.search.prescreen import Prescreen
from chansearch.search.probe import session_time
from chansearch.search.propose import Proposal, Proposer, SpaceExhausted, check_reachable
from chansearch.search.rundir import RunDirectory
from chansearch.search.sessions import SessionLog
from chansearch.search.spent import SessionTime
from chansearch.space import format_channels, line_r2

# Configurations measured before a search under a bound on the latency starts, until one of them is fast enough.
_TRIES = 16


def check(config: SearchConfig) -> Plan:
    """Everything that can be wrong before any data is read or any worker starts; raises ``UserError``."""
    make_plan(config, classes=2)  # the cheap checks first: counting a folder's classes imports torch
    from chansearch.train.estimate import class_count

    plan = make_plan(config, class_count(config.data))
    check_reachable(plan.problem, config.search.seed)
    if plan.limit is not None:
        plan.limit.check()
    from chansearch.train.data import check as check_data

    check_data(config.data, plan.skeleton.input_size, plan.skeleton.in_channels)
    return plan


def start(plan: Plan, *, dry_run: bool = False) -> RunDirectory | None:
    """Search as a checked plan says and give the run directory; None after a dry run, which trains and writes nothing.

    Raises ``UserError`` before any worker starts, and ``Interrupted`` on Ctrl-C.
    """
    from chansearch.provenance import provenance

    config = plan.config
    path = Path(config.results) / (config.name or _default_name(config))
    if dry_run:
        with _bounded(plan) as bound:
            _rehearse(plan, bound)
        return None
    RunDirectory(path).refuse_existing()
    check_disk(Path(config.results))
    with _bounded(plan) as bound:
        dataset = _load(plan)
        _announce_prescreen(plan)
        began = time.monotonic()
        with connected_for(plan, dataset) as cluster:
            with Probes(cluster, config.train) as probes:
                limit = _print_estimate(plan, cluster, probes, len(dataset.train.images), len(dataset.val.images))
                session = session_time(probes)
            facts = provenance(data_fingerprint=dataset.fingerprint, classes=len(dataset.classes))
            run = RunDirectory.create(path, dataclasses.asdict(config) | {"provenance": facts})
            print(f"run: {run.path}", flush=True)
            with run.locked():
                _Session(plan, run, dataset, bound=bound).run(cluster, session, began, limit)
    return run


def resume(run: RunDirectory) -> RunDirectory:
    """Go on with a run that was cut off: what has ended is kept, what was in flight starts again.

    Raises ``UserError`` where the run cannot be read or its data has changed, ``Interrupted`` on Ctrl-C.
    """
    from chansearch.provenance import record_resume

    held = run.config()
    config = from_plain(held, str(run.config_file))
    check_recorded(config.cluster, str(run.config_file))
    records = run.records()
    candidates_left = config.search.candidates - len(records)
    further = _further_left(config, records)
    if candidates_left <= 0 and not further:
        print(f"run: {run.path} is complete: {len(records)} of {config.search.candidates} candidates")
        return run
    with run.locked():
        plan = check(config)
        check_disk(run.path)
        dataset = load_same(plan, held)
        began = time.monotonic()
        with _bounded(plan, run) as bound, connected_for(plan, dataset) as cluster:
            to_go = f"{candidates_left} to go"
            if candidates_left <= 0:
                to_go = f"{len(further)} further seeds of contenders to go"
            print(f"run: {run.path}: {len(records)} candidates kept, {to_go}", flush=True)
            record_resume(run.path)
            director = _Session(plan, run, dataset, records, bound)
            with Probes(cluster, config.train) as probes:
                limit = measured_limit(plan, probes, dataset)
                session = session_time(probes)
            director.run(cluster, session, began, limit)
    return run


def _further_left(config: SearchConfig, records: Sequence[Record]) -> list[Further]:
    """What the second stage has to train once all candidates have ended as ``records`` say; nothing but for
    ``scheduler=contenders``."""
    if config.scheduler.name != "contenders":
        return []
    return left(records, config.scheduler.contenders, config.train.seeds)


class _Session:
    """The search's director: proposes, records, learns, shows. Everything happens in the driver's one thread."""

    def __init__(
        self,
        plan: Plan,
        run: RunDirectory,
        dataset,
        records: Sequence[Record] = (),
        bound: LatencyBound | None = None,
    ) -> None:
        from chansearch.search.progress import Progress
        from chansearch.search.study import StudyFile
        from chansearch.search.tensorboard import CurveWriter

        config = plan.config
        self._plan, self._run, self._dataset, self._records = plan, run, dataset, list(records)
        self._seeds = (FIRST_SEED,) if config.scheduler.name == "contenders" else tuple(range(config.train.seeds))
        self._further: list[Further] | None = None  # of the second stage; None before it
        self._exhausted = False
        self._study = StudyFile(run.study_file, plan.problem)
        self._study.finish(records)
        known = self._study.proposals()
        if bound is not None:
            bound.keep_in(run)
        sampler = config.sampler
        prescreen = Prescreen.of(sampler, plan.skeleton)
        self._proposer = Proposer(
            plan.problem, sampler.name, config.search.seed, sampler.startup, known, bound, prescreen
        )
        for record in records:
            self._proposer.tell(record)
        ended = {record.candidate.number for record in records}
        self._pending = [proposal for proposal in known if proposal.candidate.number not in ended]
        self._in_flight: dict[int, Proposal] = {}
        self._curves = CurveWriter(run.tensorboard)
        self._progress = Progress(
            config.search.candidates,
            config.train.epochs,
            f"{config.data.rank_on} top-1",
            most_further=config.scheduler.contenders * (config.train.seeds - len(self._seeds)),
        )
        self._progress.restore(records)

    def run(self, cluster, session: SessionTime, began: float, limit: float | None) -> None:
        """``began``: when the session did, on ``time.monotonic``'s clock. ``limit``: seconds of a trial."""
        from chansearch.search.runner import ResumableASHA, make_scheduler, run_jobs

        config = self._plan.config
        self._log = SessionLog(self._run, session, began)
        scheduler = make_scheduler(config.scheduler, config.train.epochs)
        if isinstance(scheduler, ResumableASHA):
            self._remind(scheduler)
        try:
            with self._progress:
                run_jobs(
                    self,
                    cluster,
                    self._dataset,
                    self._plan.skeleton,
                    config.train,
                    scheduler=scheduler,
                    retries=config.search.retries,
                    timeout=limit,
                    record_rank=config.search.record_rank,
                )
        except KeyboardInterrupt:
            raise Interrupted(f"chansearch resume {self._run.path}") from None
        finally:
            self._curves.close()

    def _remind(self, scheduler) -> None:
        """Rungs judge by all candidates of the run, those of earlier sessions too."""
        means: dict[int, dict[int, list[float]]] = {}
        ended = {record.candidate.number for record in self._records}
        latest = {
            (p.candidate, p.seed, p.epoch): p.val_top1
            for p in self._run.curves()
            if p.candidate in ended and p.seed in self._seeds
        }
        for (number, _, epoch), top1 in latest.items():
            means.setdefault(number, {}).setdefault(epoch, []).append(top1)
        for number, by_epoch in means.items():
            scheduler.remember(str(number), {epoch: sum(tops) / len(tops) for epoch, tops in by_epoch.items()})

    def next_job(self):
        from chansearch.search.runner import Job

        if self._pending:
            proposal = self._pending.pop(0)
        elif self._wants_candidates():
            try:
                proposal = self._proposer.propose()
            except SpaceExhausted:
                self._progress.console.print(
                    f"space: no candidate is left after {len(self._records) + len(self._in_flight)}; "
                    f"a wider budget,{' a higher constraint.latency_ms,' if self._plan.limit else ''} another family "
                    "or a smaller divisor has more",
                    markup=False,
                )
                self._exhausted = True
                return self._next_further()
            self._study.add(proposal)
        else:
            return self._next_further()
        candidate = proposal.candidate
        self._in_flight[candidate.number] = proposal
        self._progress.proposed(candidate)
        return Job(candidate.number, candidate.channels, self._seeds)

    def _wants_candidates(self) -> bool:
        begun = len(self._records) + len(self._in_flight)
        return begun < self._plan.config.search.candidates and not self._exhausted

    def _next_further(self):
        """The next training of the second stage, which begins when the last candidate has ended."""
        from chansearch.search.runner import Job

        if self._in_flight:
            return None
        if self._further is None:
            self._further = _further_left(self._plan.config, self._records)
            self._progress.second_stage(len(self._further))
        if not self._further:
            return None
        further = self._further.pop(0)
        candidate = further.candidate
        self._progress.further(candidate, further.seed)
        return Job(candidate.number, candidate.channels, (further.seed,), further=True)

    def on_epoch(self, job, epoch: int, points: Sequence[CurvePoint]) -> None:
        self._run.append_curve(points)
        self._curves.epoch(job.label, epoch, points, summary=not job.further)
        self._progress.epoch(job.number, epoch, points)

    def on_end(self, job, outcome: Outcome) -> None:
        if job.further:
            self._on_further_end(job, outcome)
            return
        record = Record(self._in_flight.pop(job.number).candidate, outcome)
        self._run.append_record(record)  # the record first: what it holds is never trained again
        self._log.candidate_ended()
        self._records.append(record)
        self._study.finish([record])
        self._proposer.tell(record)
        self._curves.end(job.label, record)
        self._progress.ended(record)

    def _on_further_end(self, job, outcome: Outcome) -> None:
        """A contender's row is written anew. The study keeps what the first seed gave: the sampler is done."""
        place = next(i for i, record in enumerate(self._records) if record.candidate.number == job.number)
        record = joined(self._records[place], outcome)
        self._run.append_record(record)
        self._log.candidate_ended()
        self._records[place] = record
        self._curves.end(job.label, record)
        self._progress.further_ended(record, outcome)


@contextmanager
def connected_for(plan: Plan, dataset=None) -> Iterator:
    """The cluster of a plan; ``dataset`` is what will be trained on, None for a rehearsal without images."""
    from chansearch.train.estimate import trial_bytes

    widest = max(proposal.candidate.activations for proposal in _first_proposals(plan, 10))
    needed = trial_bytes(widest, plan.config.train.batch_size)
    with connected(plan.config.cluster, needed, 0 if dataset is None else dataset.nbytes) as cluster:
        yield cluster


@contextmanager
def _bounded(plan: Plan, run: RunDirectory | None = None) -> Iterator[LatencyBound | None]:
    """The bound on the latency, its reference measured while nothing else runs; None where there is no bound.

    ``run`` is one that is resumed: what it has measured holds. Raises ``UserError`` where hardly any configuration
    could be fast enough.
    """
    if plan.limit is None:
        yield None
        return
    first = [proposal.candidate.channels for proposal in _first_proposals(plan, _TRIES)]
    known = run.latencies() if run is not None else ()
    with LatencyBound(plan.limit, plan.skeleton, first[0], known) as bound:
        reference = bound.measure_reference()
        print(
            f"latency: {format_channels(reference.channels)} takes {reference.latency_ms:.3g} ms "
            f"({plan.limit.setting.describe()}); at most {plan.limit.at_most_ms:g} ms are asked for",
            flush=True,
        )
        bound.check_reachable(first)
        yield bound


def _load(plan: Plan):
    from chansearch.train.data import load

    return load(plan.config.data, plan.skeleton.input_size, plan.skeleton.in_channels)


def load_same(plan: Plan, held: dict):
    """The data of a run; raises ``UserError`` when its images are not those the run began with."""
    from chansearch.train.data import check_fingerprint

    dataset = _load(plan)
    check_fingerprint(dataset, held)
    return dataset


def _default_name(config: SearchConfig) -> str:
    return f"{config.constraint.name}-{config.data.name}-{config.fidelity}-{time_stamp()}"


def _rehearse(plan: Plan, bound: LatencyBound | None) -> None:
    """The first ten candidates and the estimate, from random images of the right size."""
    from chansearch.train.estimate import expected_images

    config = plan.config
    _announce_prescreen(plan)
    proposals = _first_proposals(plan, 10, bound, Prescreen.of(config.sampler, plan.skeleton))
    print(f"the first {len(proposals)} candidates ({config.sampler.name} starts from unguided ones):")
    for proposal in proposals:
        candidate = proposal.candidate
        latency = "" if candidate.latency_ms is None else f"{candidate.latency_ms:.3g} ms  "
        print(
            f"  {candidate.number}: {format_channels(candidate.channels)}  params {candidate.params:,}  "
            f"MACs {candidate.macs:,}  {latency}R² of its line {float(line_r2(candidate.channels)):.3f}"
        )
    with connected_for(plan) as cluster, Probes(cluster, config.train) as probes:
        _print_estimate(plan, cluster, probes, *expected_images(config.data))


def _first_proposals(
    plan: Plan, count: int, bound: LatencyBound | None = None, prescreen: Prescreen | None = None
) -> list[Proposal]:
    """Fewer where the space has fewer. Raises ``UserError`` for none: rejecting may miss a band that solving meets.

    Without ``bound`` whatever their latency, without ``prescreen`` whatever their score: what a training takes, those
    that are dropped tell as well.
    """
    name, seed = plan.config.sampler.name, plan.config.search.seed
    unguided = name if name in UNGUIDED_SAMPLERS else "random"
    proposer = Proposer(plan.problem, unguided, seed, startup=count, bound=bound, prescreen=prescreen)
    proposals = []
    for _ in range(count):
        try:
            proposals.append(proposer.propose())
        except SpaceExhausted:
            break
    if not proposals:
        raise UserError(
            f"search.method: {plan.problem.method!r} met {plan.problem.budget.describe()} in no draw; "
            "allowed: solve, or a wider tolerance"
        )
    return proposals


def _announce_prescreen(plan: Plan) -> None:
    """What it will take, before it takes it."""
    config = plan.config
    prescreen = Prescreen.of(config.sampler, plan.skeleton)
    if prescreen is None:
        return
    screened = config.search.candidates
    if config.sampler.name not in UNGUIDED_SAMPLERS:
        screened = min(config.sampler.startup, screened)
    print(prescreen.describe(_typical(plan), screened), flush=True)


def _first_by_macs(plan: Plan) -> list[Candidate]:
    """The first ten candidates, lightest first."""
    return sorted((p.candidate for p in _first_proposals(plan, 10)), key=lambda candidate: candidate.macs)


def _typical(plan: Plan) -> tuple[int, ...]:
    """Channels of the candidate in the middle, by MACs, of the first ten."""
    first = _first_by_macs(plan)
    return first[len(first) // 2].channels


def measured_limit(plan: Plan, probes: Probes, dataset, *, confirming: int | None = None) -> float | None:
    """Seconds after which a trial on these workers is taken to hang, None for never. ``confirming``: seeds of a trial
    where they are not the search's."""
    from chansearch.train.estimate import slowest

    asked = plan.config.search.trial_timeout
    if asked != AUTO:
        return asked
    step = slowest(probes.step_times(plan.skeleton.with_channels(_typical(plan))))
    work = _work(plan, len(dataset.train.images), len(dataset.val.images))
    if confirming is not None:
        work = dataclasses.replace(work, seeds=confirming, contenders=None)
    return trial_limit(asked, work, step, _heaviest(plan))


def _heaviest(plan: Plan) -> float:
    """Its MACs over those of the typical candidate."""
    first = _first_by_macs(plan)
    return first[-1].macs / first[len(first) // 2].macs


def _work(plan: Plan, train_images: int, val_images: int) -> Work:
    config = plan.config
    contenders = config.scheduler.contenders if config.scheduler.name == "contenders" else None
    return Work(train_images, val_images, config.train.epochs, config.train.seeds, config.search.candidates, contenders)


def _print_estimate(plan: Plan, cluster, probes: Probes, train_images: int, val_images: int) -> float | None:
    """A few steps, on as many workers at once as the search will use. Gives the time limit of a trial, in seconds."""
    from chansearch.train.estimate import expected_images, slowest

    config = plan.config
    step = slowest(probes.step_times(plan.skeleton.with_channels(_typical(plan))))
    work = _work(plan, train_images, val_images)
    laptop = compose(["fidelity=laptop"])
    subset = dataclasses.replace(config.data, train_images=laptop.data.train_images, val_images=laptop.data.val_images)
    images = expected_images(subset)
    less = Work(*images, laptop.train.epochs, laptop.train.seeds, config.search.candidates, work.contenders)
    print(describe(config, work, step, cluster.workers, less), flush=True)
    limit = trial_limit(config.search.trial_timeout, work, step, _heaviest(plan))
    print(describe_limit(config.search.trial_timeout, limit), flush=True)
    return limit
