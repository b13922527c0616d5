"""What the driver does between trials, and whether it grows with their number: searches whose training takes no time.

Everything but the training is real: session, proposals, Ray, run directory, study, TensorBoard, progress. Each search
runs in a process of its own. Times are the driver's CPU time, so that other work on the machine disturbs them little.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from benchmarks.table import Spread, markdown, number, publish

TENTHS = 10
# Where a driver's time goes, by the object that spends it.
PARTS = {
    "proposing": ("_proposer", ("propose", "tell")),
    "study.db": ("_study", ("add", "finish")),
    "CSV": ("_run", ("append_curve", "append_record")),
    "TensorBoard": ("_curves", ("epoch", "end")),
    "display": ("_progress", ("proposed", "epoch", "ended")),
}


def instant(config: dict, *, dataset, skeleton, recipe, record_rank) -> None:
    """In place of ``train_candidate``: the same reports at once, with accuracies that follow from the channels."""
    from ray import tune

    from chansearch.search.worker import ENDED

    top1 = 50.0 + config["channels"][-1] % 40
    seeds = config["seeds"]
    for epoch in range(1, recipe.epochs + 1):
        report = {
            "epoch": epoch,
            "mean_val_top1": top1,
            "val_top1": [top1] * len(seeds),
            "train_loss": [1.0] * len(seeds),
            "lr": 0.1,
            "seconds": 0.0,
            "images": 1,
        }
        tune.report(report)
    tune.report(report | {ENDED: "finished", "test_top1": [top1] * len(seeds)})


class _Bystander:
    """A director that has jobs and wants to know nothing: what is left is Ray's own share."""

    def __init__(self, candidates: int, seeds: int) -> None:
        self._left, self._seeds = list(range(candidates))[::-1], tuple(range(seeds))

    def next_job(self):
        from chansearch.search.runner import Job

        return Job(self._left.pop(), (34, 34, 45, 55, 66), self._seeds) if self._left else None

    def on_epoch(self, job, epoch, points) -> None: ...

    def on_end(self, job, outcome) -> None: ...


class _Watch:
    """CPU seconds of the driver by part; its CPU seconds and memory when each tenth of the trials had ended."""

    def __init__(self, candidates: int) -> None:
        self.parts: Counter[str] = Counter()
        self.marks: list[float] = []
        self.memory: list[int] = []
        self._every, self._ended = max(candidates // TENTHS, 1), 0

    def time(self, owner: object, names: Sequence[str], part: str) -> None:
        for name in names:
            object.__setattr__(owner, name, self._timed(getattr(owner, name), part))

    def _timed(self, method, part: str):
        def timed(*arguments):
            start = time.process_time()
            try:
                return method(*arguments)
            finally:
                self.parts[part] += time.process_time() - start

        return timed

    def count(self, director) -> None:
        """Have the director's ends counted."""
        hear = director.on_end

        def on_end(*arguments) -> None:
            hear(*arguments)
            self._ended += 1
            if self._ended % self._every == 0:
                self.marks.append(time.process_time())
                self.memory.append(_memory())

        director.on_end = on_end


def _case(sampler: str, candidates: int, epochs: int) -> dict:
    """One search in this process; ``sampler`` ``none`` is the bystander."""
    from chansearch.config import compose
    from chansearch.search import runner, session
    from chansearch.search.spent import SessionTime

    runner.train_candidate = instant
    overrides = ["constraint=c1", "data=digits", "constraint.skeleton.in_channels=1", "cluster.dashboard=false"]
    overrides += ["data.augment=none", f"search.candidates={candidates}", f"train.epochs={epochs}", "train.device=cpu"]
    overrides += [f"sampler={'random' if sampler == 'none' else sampler}"]
    plan = session.check(compose(overrides))
    dataset = session._load(plan)
    watch = _Watch(candidates)
    with tempfile.TemporaryDirectory() as folder, session.connected_for(plan, dataset) as cluster:
        run = session.RunDirectory.create(Path(folder) / "run", {})
        if sampler == "none":
            director = _Bystander(candidates, plan.config.train.seeds)
        else:
            director = session._Session(plan, run, dataset)
            for part, (owner, names) in PARTS.items():
                watch.time(getattr(director, owner), names, part)
        watch.count(director)
        begun, writes = time.process_time(), _writes()
        wall = time.monotonic()
        if sampler == "none":
            runner.run_jobs(director, cluster, dataset, plan.skeleton, plan.config.train, retries=2)
        else:
            with Path(os.devnull).open("w") as nowhere:
                director._progress.console.file = nowhere
                director.run(cluster, SessionTime("", cluster.workers, 1, "cpu", "float32", 1.0), wall, None)
        total = time.process_time() - begun
        files = [file for file in run.path.rglob("*") if file.is_file()]
        return {
            "wall": time.monotonic() - wall,
            "total": total,
            "parts": watch.parts,
            "marks": [mark - begun for mark in watch.marks],
            "memory": watch.memory,
            "writes": _writes() - writes,
            "bytes": sum(file.stat().st_size for file in files),
            "files": len(files),
            "resume": 0.0 if sampler == "none" else _resume_seconds(plan, run),
        }


def _resume_seconds(plan, run) -> float:
    """CPU seconds from a finished run directory to a session that could go on."""
    from chansearch.search import session

    start = time.process_time()
    session._Session(plan, run, None, run.records())
    return time.process_time() - start


def _memory() -> int:
    """kB of this process alone: Ray's object store, which it maps, is everyone's."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("RssAnon")))


def _writes() -> int:
    """Write calls of this process so far, sockets included."""
    lines = Path("/proc/self/io").read_text(encoding="utf-8").splitlines()
    return int(dict(line.split(": ") for line in lines)["syscw"])


def _run_case(sampler: str, candidates: int, epochs: int) -> dict:
    command = [sys.executable, "-m", "benchmarks", "scaling", "--case", sampler, str(candidates), str(epochs)]
    answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(answer.stdout.splitlines()[-1])


def _row(sampler: str, candidates: int, found: dict) -> list[str]:
    marks = [0.0, *found["marks"]]
    slices = [(after - before) / (candidates / TENTHS) for before, after in itertools.pairwise(marks)]
    ours = {part: found["parts"].get(part, 0.0) for part in PARTS}
    rest = found["total"] - sum(ours.values())
    return [
        {"none": "Ray alone"}.get(sampler, sampler),
        f"{candidates:,}",
        number(1e3 * found["total"] / candidates),
        f"{number(1e3 * slices[1])} → {number(1e3 * slices[-1])}",
        *(number(1e3 * value / candidates) for value in (rest, *ours.values())),
        number(found["writes"] / candidates),
        number(found["bytes"] / candidates / 1024),
        number(found["files"] / candidates),
        number((found["memory"][-1] - found["memory"][0]) / (candidates * (1 - 1 / TENTHS))),
        number(found["resume"]),
    ]


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks scaling", description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, nargs="+", default=[10, 100, 1000], help="searches of so many trials")
    parser.add_argument("--samplers", nargs="+", default=["none", "random", "tpe"], help="none: Ray alone")
    parser.add_argument("--case", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.case:
        sampler, candidates, epochs = options.case
        print(json.dumps(_case(sampler, int(candidates), int(epochs))))
        return
    rows = []
    for sampler, candidates in itertools.product(options.samplers, options.trials):
        rows.append(_row(sampler, candidates, _run_case(sampler, candidates, epochs=1)))
        print(" | ".join(rows[-1]), file=sys.stderr, flush=True)
    publish("scaling", "The driver", *_report(rows, [_epoch_milliseconds() for _ in range(3)]))


def _epoch_milliseconds(candidates: int = 100, further: int = 20) -> float:
    """What a further epoch costs the driver, from a search of one epoch and one of more."""
    once, often = (_lasting(_run_case("random", candidates, epochs)) for epochs in (1, 1 + further))
    return 1e3 * (often - once) / (candidates * further)


def _lasting(found: dict) -> float:
    """CPU seconds without the parts that come once a trial."""
    return found["total"] - found["parts"]["proposing"] - found["parts"]["study.db"]


def _report(rows: list[list[str]], epoch_milliseconds: list[float]) -> list[str]:
    columns = ["search", "trials", "ms a trial", "second tenth → last", "Ray", *PARTS]
    columns += ["writes", "kB", "files", "kB kept", "resume s"]
    epoch = Spread.of(epoch_milliseconds)
    return [
        "Searches on c1 whose training takes no time, one epoch of three seeds each. Milliseconds are the driver's CPU "
        "time a trial: in all, in the second and in the last tenth of the trials, and by part. Writes (calls, sockets "
        "included), kB and files are those of a trial in the run directory; kB kept is what the driver's memory "
        "grows by a trial, after the first tenth; resume is the CPU time from the run directory to a session that can "
        "go on.",
        markdown(columns, rows),
        f"A further epoch of a trial costs the driver {epoch} ms: median, smallest and largest of {epoch.count}.",
    ]
