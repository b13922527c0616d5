"""What a worker does between two trainings: the gap from one to the next, and what a training needs for its first step.

Real Ray workers, two kinds of training: one that sleeps, and the real one with an epoch of one step. Gaps are by the
clock, steps in CPU time, which is the clock's where a worker has a core of its own.
"""

from __future__ import annotations

import argparse
import itertools
import os
import time
from collections import defaultdict
from dataclasses import dataclass

from benchmarks.table import Spread, markdown, number, publish

_BATCH = 32


@dataclass(frozen=True)
class Visit:
    """A training in a worker: its process, and when it began and ended, in seconds since the epoch."""

    pid: int
    begun: float
    ended: float

    @property
    def seconds(self) -> float:
        return self.ended - self.begun


def sleeping(config: dict, *, dataset, skeleton, recipe, record_rank) -> None:
    begun = time.time()
    time.sleep(config["seeds"][0])
    _report(begun, time.time())


def one_step(config: dict, *, dataset, skeleton, recipe, record_rank) -> None:
    """Import, build, upload, and an epoch that is one step."""
    begun, cpu = time.time(), time.process_time()
    from chansearch.search.worker import reports

    next(reports(config, dataset, skeleton, recipe))
    _report(begun, begun + time.process_time() - cpu)


def _report(begun: float, ended: float) -> None:
    """Clock and process travel to the director in the fields of an epoch."""
    from ray import tune

    from chansearch.search.worker import ENDED

    report = {"epoch": 1, "mean_val_top1": 0.0, "train_loss": [begun], "val_top1": [ended], "lr": os.getpid()}
    tune.report(report)
    tune.report(report | {ENDED: "finished"})


class _Director:
    """So many trainings of drawn candidates; keeps what the workers say of them."""

    def __init__(self, proposals, seed: int) -> None:
        self._waiting, self._seed = list(proposals), seed
        self.visits: list[Visit] = []

    def next_job(self):
        from chansearch.search.runner import Job

        if not self._waiting:
            return None
        candidate = self._waiting.pop(0).candidate
        return Job(candidate.number, candidate.channels, (self._seed,))

    def on_epoch(self, job, epoch, points) -> None:
        [point] = points
        self.visits.append(Visit(int(point.lr), point.train_loss, point.val_top1))

    def on_end(self, job, outcome) -> None: ...


def _visits(training, trials: int, workers: int, seed: int, constraint: str) -> dict[int, list[Visit]]:
    """By process, in order of time."""
    from chansearch.config import compose
    from chansearch.search import plan as plans
    from chansearch.search import runner, session

    runner.train_candidate = training
    overrides = [f"constraint={constraint}", "data=digits", "constraint.skeleton.in_channels=1", "data.augment=none"]
    overrides += [f"data.train_images={_BATCH}", "data.val_images=100", "data.test_images=100", "train.epochs=1"]
    overrides += [f"train.batch_size={_BATCH}", "train.warmup_epochs=0", "train.device=cpu"]
    overrides += ["cluster.dashboard=false", f"cluster.workers={workers}", "sampler=random"]
    plan = session.check(compose(overrides))
    dataset = session._load(plan)
    director = _Director(plans.first_proposals(plan, trials), seed)
    with session.connected_for(plan, dataset) as cluster:
        runner.run_jobs(director, cluster, dataset, plan.skeleton, plan.config.train, retries=0)
    by_process = defaultdict(list)
    for visit in sorted(director.visits, key=lambda visit: visit.begun):
        by_process[visit.pid].append(visit)
    return dict(by_process)


def _gaps(by_process: dict[int, list[Visit]]) -> list[float]:
    return [
        after.begun - before.ended for visits in by_process.values() for before, after in itertools.pairwise(visits)
    ]


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks startup", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=10, help="that a sleeping training takes")
    parser.add_argument("--trials", type=int, default=12, help="trainings of each kind")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args(arguments)
    asleep = _visits(sleeping, options.trials, options.workers, options.seconds, "c1")
    gaps = Spread.of(_gaps(asleep))
    busy = options.seconds / (options.seconds + gaps.median)
    print(f"gaps between sleeping trainings: {gaps} s", flush=True)
    rows = []
    for constraint in ("c1", "c4"):
        real = _visits(one_step, options.trials, options.workers, 0, constraint)
        first = [visits[0].seconds for visits in real.values()]
        later = [visit.seconds for visits in real.values() for visit in visits[1:]]
        rows.append([constraint, Spread.of(first), Spread.of(later)])
    publish(
        "startup",
        "Between two trainings",
        f"{options.trials} trainings of {options.seconds} s on {options.workers} workers: from the end of one to the "
        f"start of the next in the same process {gaps} s, median, smallest and largest of {gaps.count}. A worker is "
        f"busy {number(100 * busy)} % of its time.",
        f"Import, network, data and the first step of {_BATCH} images with its measuring pass, one seed, in seconds of "
        "CPU time: in a process's first training and in its later ones.",
        markdown(["constraint", "first training", "later trainings"], rows),
    )
