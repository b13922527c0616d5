"""One session of a search: from a configuration, or a run that was cut off, to a run directory."""

from __future__ import annotations

import dataclasses
import math
import shutil
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from chansearch.cluster import check_recorded
from chansearch.config import SearchConfig, from_plain, with_settings
from chansearch.errors import Interrupted
from chansearch.files import Existing, check_disk, time_stamp, unused, why_not_written
from chansearch.printable import printable
from chansearch.probe import Probes
from chansearch.search.candidate import CurvePoint, Outcome, Record, State, last_trainings
from chansearch.search.changes import Change, changes, check_changes, describe_changes
from chansearch.search.contenders import FIRST_SEED, Further, joined, left
from chansearch.search.latency import LatencyBound
from chansearch.search.outlook import (
    announce_objectives,
    announce_prescreen,
    connected_for,
    measured_limit,
    print_estimate,
    rehearse,
)
from chansearch.search.plan import Plan, make_plan
from chansearch.search.prescreen import Prescreen
from chansearch.search.probe import session_time
from chansearch.search.propose import Proposal, Proposer, SpaceExhausted, check_reachable
from chansearch.search.restore import find_study, make_study, restore
from chansearch.search.rundir import RESUME, RunDirectory
from chansearch.search.sessions import SessionLog
from chansearch.search.spent import SessionTime
from chansearch.search.study import StudyFile
from chansearch.space import format_channels


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

    The run directory is there before Ray starts, so that of two searches under one name the second is refused before
    it takes its seconds, and is gone again where no search came of it. Raises ``UserError`` before any worker starts,
    and ``Interrupted`` on Ctrl-C.
    """
    config = plan.config
    if dry_run:
        with _bounded(plan) as bound:
            announce_objectives(plan)
            rehearse(plan, bound)
        return None
    if config.name is not None:
        RunDirectory(Path(config.results) / config.name).refuse_existing()
    check_disk(Path(config.results))
    with _bounded(plan) as bound, ExitStack() as undo:
        dataset = _load(plan)
        announce_objectives(plan)
        announce_prescreen(plan)
        began = time.monotonic()
        run = _create(plan, dataset)
        undo.callback(shutil.rmtree, run.path, ignore_errors=True)
        with run.locked():
            director = _Session(plan, run, dataset, bound=bound)
            with connected_for(plan, dataset) as cluster:
                with Probes(cluster, config.train) as probes:
                    limit = print_estimate(plan, cluster, probes, len(dataset.train.images), len(dataset.val.images))
                    session = session_time(probes)
                print(f"run: {run.path}", flush=True)
                undo.pop_all()  # it is a run from now on, whatever happens
                director.run(cluster, session, began, limit)
    return run


def _create(plan: Plan, dataset) -> RunDirectory:
    """The run directory of a new search; one without a name of its own gets a name that nobody has."""
    from chansearch.provenance import provenance

    config = plan.config
    facts = provenance(data_fingerprint=dataset.fingerprint, classes=len(dataset.classes))
    held = dataclasses.asdict(config) | {"provenance": facts}
    if config.name is not None:
        return RunDirectory.create(Path(config.results) / config.name, held)
    while True:
        try:
            return RunDirectory.create(unused(Path(config.results) / _default_name(config)), held)
        except Existing:
            continue  # another search was quicker


def resume(
    run: RunDirectory, settings: Sequence[str] = (), *, force: bool = False, retry_failed: bool = False
) -> RunDirectory:
    """Go on with a run that was cut off: what has ended is kept, what was in flight starts again.

    ``settings`` (``search.candidates=300``) and edits of ``config.yaml`` change what may change, with ``force`` also
    what the accuracies mean; ``config.yaml`` then says from which candidate on. ``retry_failed``: candidates that
    failed are trained again.

    Raises ``UserError`` where the run cannot be read, its data has changed or a change is refused, all before any
    worker starts, and ``Interrupted`` on Ctrl-C.
    """
    source = str(run.config_file)
    typed = [setting.partition("=")[0] for setting in settings]
    check_recorded(from_plain(run.config(), source).cluster, source, typed)
    if not settings and _is_complete(run, retry_failed):
        return run
    with run.locked(), ExitStack() as stack:
        held = with_settings(run.config(), settings)
        config = from_plain(held, source)
        plan = check(config)
        check_disk(run.path)
        records = run.records()  # read under the lock: the search that held it may have gone on until now
        with recorded(run):
            study = find_study(run, plan, records)
        changed = _changes(run, study, plan, len(records), force=force)
        if _is_complete(run, retry_failed, config):
            return run
        dataset = load_same(plan, held)
        began = time.monotonic()
        bound = stack.enter_context(_bounded(plan, run))
        with recorded(run):  # what is lost is made anew only now that nothing is refused any more
            study = study or make_study(run, plan)
            restore(study, plan, records, bound)
        if retry_failed:
            records = [record for record in records if record.outcome.state is not State.FAILED]
        director = _Session(plan, run, dataset, records, bound, study)
        cluster = stack.enter_context(connected_for(plan, dataset))
        with Probes(cluster, config.train) as probes:
            limit = measured_limit(plan, probes, dataset)
            session = session_time(probes)
        print(f"run: {run.path}: {len(records)} candidates kept, {director.to_go()}", flush=True)
        if changed:
            print(f"run: {describe_changes(changed, len(records), director.waiting)}", flush=True)
        _note(run, study, held, config, changed, records)
        try:
            director.run(cluster, session, began, limit)
        except Interrupted as stopped:
            raise Interrupted(f"{stopped.command}{' --retry-failed' if retry_failed else ''}") from None
    return run


def _is_complete(run: RunDirectory, retry_failed: bool, config: SearchConfig | None = None) -> bool:
    """Whether nothing is left to do, and then says so; ``config``: the run's own, or as it is to be from now on."""
    config = config or from_plain(run.config(), str(run.config_file))
    records = run.records()
    failed = sum(record.outcome.state is State.FAILED for record in records)
    if len(records) < config.search.candidates or _further_left(config, records) or (failed and retry_failed):
        return False
    again = f", {failed} of them failed: `{RESUME} {run.path} --retry-failed` trains those again" if failed else ""
    print(f"run: {run.path} is complete: {len(records)} of {config.search.candidates} candidates{again}")
    return True


def _changes(run: RunDirectory, study: StudyFile | None, plan: Plan, ended: int, *, force: bool) -> list[Change]:
    """What has changed since the run was last searched; raises ``UserError`` for what may not.

    Where the study does not say, of a run of an earlier version or made anew, ``config.yaml`` counts as it is.
    """
    before = None if study is None else study.config()
    earlier = from_plain(run.config() if before is None else before, str(run.study_file))
    changed = changes(earlier, plan.config)
    if changed:
        check_changes(changed, make_plan(earlier, plan.skeleton.classes).problem, plan.problem, ended, force=force)
    return changed


def _note(
    run: RunDirectory,
    study: StudyFile,
    held: dict,
    config: SearchConfig,
    changed: Sequence[Change],
    records: Sequence[Record],
) -> None:
    """Write into ``config.yaml`` that the run was gone on with, by which versions, and what has changed from where."""
    from chansearch.provenance import resumed

    ended = {record.candidate.number for record in records}
    first = next(number for number in range(len(ended) + 1) if number not in ended)
    facts: dict[str, object] = {"first_candidate": first}
    if changed:
        facts["changed"] = {change.key: [change.before, change.after] for change in changed}
    with recorded(run):
        run.write_config(resumed(held, **facts))
        study.keep_config(dataclasses.asdict(config))


@contextmanager
def recorded(run: RunDirectory) -> Iterator[None]:
    """Around what writes the record; raises ``UserError``, which says how to go on, where the disk does not take it."""
    try:
        yield
    except OSError as error:
        raise why_not_written(error, run.path, RESUME) from error


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
        study: StudyFile | None = None,
    ) -> None:
        """``study``: the run's, where it is open already."""
        from chansearch.search.metrics import Metrics
        from chansearch.search.progress import Progress
        from chansearch.search.tensorboard import CurveWriter
        from chansearch.train.schedule import batches

        config = plan.config
        self._plan, self._run, self._dataset, self._records = plan, run, dataset, list(records)
        self._seeds = (FIRST_SEED,) if config.scheduler.name == "contenders" else tuple(range(config.train.seeds))
        self._further: list[Further] | None = None  # of the second stage; None before it
        self._exhausted = False
        with recorded(run):
            self._study = study or StudyFile(run.study_file, plan.problem)
            if self._study.config() is None:
                self._study.keep_config(dataclasses.asdict(config))
            self._study.finish(records)
            if bound is not None:
                bound.keep_in(run)
        known = self._study.proposals()
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
        self._log = SessionLog(run)
        self._unwritten: set[str] = set()
        self._images_an_epoch = math.prod(batches(len(dataset.train.images), config.train.batch_size))
        self._progress = Progress(
            config.search.candidates,
            config.train.epochs,
            f"{config.data.rank_on} top-1",
            most_further=config.scheduler.contenders * (config.train.seeds - len(self._seeds)),
            objectives=plan.problem.objectives,
        )
        self._progress.restore(records)
        self._metrics = Metrics(run.name, lambda text: self._progress.console.print(printable(text), markup=False))

    @property
    def waiting(self) -> int:
        """Candidates that were proposed in an earlier session and have not ended."""
        return len(self._pending)

    def to_go(self) -> str:
        """What is left to do, in words."""
        candidates = self._plan.config.search.candidates - len(self._records)
        if candidates > 0:
            return f"{candidates} to go"
        return f"{len(_further_left(self._plan.config, self._records))} further seeds of contenders to go"

    def run(self, cluster, session: SessionTime, began: float, limit: float | None) -> None:
        """``began``: when the session did, on ``time.monotonic``'s clock. ``limit``: seconds of a trial."""
        from chansearch.search.runner import ResumableASHA, make_scheduler, run_jobs
        from chansearch.search.tensorboard import quiet_threads

        config = self._plan.config
        self._log.begin(session, began)
        self._metrics.show(self._progress)
        scheduler = make_scheduler(config.scheduler, config.train.epochs)
        if isinstance(scheduler, ResumableASHA):
            self._remind(scheduler)
        try:
            with quiet_threads(), self._progress:
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
            raise Interrupted(f"{RESUME} {self._run.path}") from None
        finally:
            self._beside("TensorBoard", self._curves.close)

    def _beside(self, what: str, write: Callable[[], None]) -> None:
        """Write what is not the record: where that fails, the search goes on, and says so once."""
        try:
            write()
        except OSError as error:
            if what not in self._unwritten:
                self._progress.console.print(
                    f"{what}: cannot be written ({error.strerror or error}); the search goes on without", markup=False
                )
            self._unwritten.add(what)

    def _remind(self, scheduler) -> None:
        """Rungs judge by all candidates of the run, those of earlier sessions too."""
        trainings = last_trainings(self._run.curves())
        for record in self._records:
            number, means = record.candidate.number, {}
            by_seed = [epochs for seed, epochs in trainings.get(number, {}).items() if seed in self._seeds]
            for epoch in sorted({epoch for epochs in by_seed for epoch in epochs}):
                means[epoch] = statistics.fmean(epochs[epoch].val_top1 for epochs in by_seed if epoch in epochs)
            scheduler.remember(str(number), means)

    def next_job(self):
        from chansearch.search.runner import Job

        if not self._wants_candidates():
            return self._next_further()
        if self._pending:
            proposal = self._pending.pop(0)
        else:
            try:
                with recorded(self._run):  # latencies.csv
                    proposal = self._proposer.propose()
            except SpaceExhausted:
                limit = self._plan.limit
                slower = " a higher constraint.latency_ms," if limit is not None and limit.is_bound else ""
                self._progress.console.print(
                    f"space: no candidate is left after {len(self._records) + len(self._in_flight)}; "
                    f"a wider budget,{slower} another family or a smaller divisor has more",
                    markup=False,
                )
                self._exhausted = True
                return self._next_further()
        if not self._study.is_running(proposal.candidate.number):  # new, or failed and tried again
            with recorded(self._run):
                self._study.add(proposal)
        candidate = proposal.candidate
        self._in_flight[candidate.number] = proposal
        self._progress.proposed(candidate)
        self._metrics.show(self._progress)
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
        self._metrics.show(self._progress)
        return Job(candidate.number, candidate.channels, (further.seed,), further=True)

    def on_epoch(self, job, epoch: int, points: Sequence[CurvePoint]) -> None:
        with recorded(self._run):
            self._run.append_curve(points)
        self._beside("TensorBoard", lambda: self._curves.epoch(job.label, epoch, points, summary=not job.further))
        self._progress.epoch(job.number, job.seeds[0], epoch, points)
        self._metrics.epoch(self._images_an_epoch * len(points))

    def on_end(self, job, outcome: Outcome) -> None:
        if job.further:
            self._on_further_end(job, outcome)
            return
        record = Record(self._in_flight.pop(job.number).candidate, outcome)
        with recorded(self._run):
            self._run.append_record(record)  # the record first: what it holds is never trained again
        self._beside("sessions.csv", self._log.candidate_ended)
        with recorded(self._run):
            self._study.finish([record])
        self._records.append(record)
        self._proposer.tell(record)
        self._beside("TensorBoard", lambda: self._curves.end(job.label, record))
        self._progress.ended(record)
        self._metrics.show(self._progress)

    def _on_further_end(self, job, outcome: Outcome) -> None:
        """A contender's row is written anew. The study keeps what the first seed gave: the sampler is done."""
        place = next(i for i, record in enumerate(self._records) if record.candidate.number == job.number)
        record = joined(self._records[place], outcome)
        with recorded(self._run):
            self._run.append_record(record)
        self._records[place] = record
        self._beside("sessions.csv", self._log.candidate_ended)
        self._beside("TensorBoard", lambda: self._curves.end(job.label, record))
        self._progress.further_ended(record, outcome)
        self._metrics.show(self._progress)


@contextmanager
def _bounded(plan: Plan, run: RunDirectory | None = None) -> Iterator[LatencyBound | None]:
    """The bound on the latency, its reference measured while nothing else runs; None where there is no bound.

    ``run`` is one that is resumed: what it has measured holds. Raises ``UserError`` where hardly any configuration
    could be fast enough.
    """
    if plan.limit is None:
        yield None
        return
    first = [proposal.candidate.channels for proposal in plan.first]
    known = run.latencies() if run is not None else ()
    with LatencyBound(plan.limit, plan.skeleton, first[0], known) as bound:
        reference = bound.measure_reference()
        print(
            f"latency: {format_channels(reference.channels)} takes {reference.latency_ms:.3g} ms "
            f"({plan.limit.setting.describe()}); {plan.limit.describe()}",
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
