"""Training the best candidates of a run again, on seeds that had no part in choosing them."""

from __future__ import annotations

from collections.abc import Sequence

from chansearch.cluster import check_recorded
from chansearch.config import from_plain
from chansearch.errors import UserError
from chansearch.probe import Probes
from chansearch.search.candidate import CurvePoint, Outcome, Record, State, ranked, why_none_ranked
from chansearch.search.plan import Plan
from chansearch.search.rundir import RunDirectory
from chansearch.space import format_channels


def confirm(run: RunDirectory, top: int, seeds: int) -> list[tuple[Record, Outcome]]:
    """The ``top`` best candidates, each with the outcome of ``seeds`` fresh seeds; those that failed are left out.

    Fresh seeds follow those of the run, also where it has trained few candidates with all of them. Nothing else may
    search or confirm the run meanwhile. Raises ``UserError`` where fewer than two candidates are finished, the data
    has changed, or the run cannot be written, where the results are to go after hours.
    """
    from chansearch.search.outlook import connected_for, measured_limit
    from chansearch.search.session import check, load_same

    held = run.config()
    config = from_plain(held, str(run.config_file))
    check_recorded(config.cluster, str(run.config_file))
    records = run.records()
    contenders = ranked(records)[:top]
    if len(contenders) < 2:
        why = "1 finished candidate" if contenders else f"no candidate to confirm: {why_none_ranked(records)}"
        raise UserError(f"run: {run.path} has {why}; two are needed to compare")
    with run.locked():
        plan = check(config)
        dataset = load_same(plan, held)
        first = config.train.seeds
        session = _Confirmation(plan, dataset, contenders, tuple(range(first, first + seeds)))
        with connected_for(plan, dataset) as cluster:
            with Probes(cluster, config.train) as probes:
                limit = measured_limit(plan, probes, dataset, confirming=seeds)
            session.run(cluster, limit)
    return session.results


class _Confirmation:
    """The director of a confirmation: a fixed list of jobs."""

    def __init__(self, plan: Plan, dataset, contenders: Sequence[Record], seeds: tuple[int, ...]) -> None:
        self._plan, self._dataset, self._seeds = plan, dataset, seeds
        self._waiting = list(contenders)
        self._total = len(contenders)
        self._under_way: dict[int, Record] = {}
        self.results: list[tuple[Record, Outcome]] = []

    def run(self, cluster, limit: float | None) -> None:
        """``limit``: seconds of a trial."""
        from chansearch.search.runner import run_jobs

        config, skeleton = self._plan.config, self._plan.skeleton
        retries = config.search.retries
        run_jobs(self, cluster, self._dataset, skeleton, config.train, retries=retries, timeout=limit)

    def next_job(self):
        from chansearch.search.runner import Job

        if not self._waiting:
            return None
        record = self._waiting.pop(0)
        self._under_way[record.candidate.number] = record
        return Job(record.candidate.number, record.candidate.channels, self._seeds)

    def on_epoch(self, job, epoch: int, points: Sequence[CurvePoint]) -> None:
        """Only how it ends matters here."""

    def on_end(self, job, outcome: Outcome) -> None:
        record = self._under_way.pop(job.number)
        done = self._total - len(self._waiting) - len(self._under_way)
        if outcome.state is State.FAILED:
            said = f"failed: {outcome.reason}"
        else:
            self.results.append((record, outcome))
            said = " ".join(f"{top1:.2f}" for top1 in outcome.val_top1)
        print(f"[{done}/{self._total}] {format_channels(job.channels)}  seeds {self._seeds}: {said}", flush=True)
