"""Trainings on Ray workers, one network and one seed each, and their record: a line of ``trainings.csv`` an end."""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from chansearch.cluster import Cluster, why_died
from chansearch.durations import format_seconds
from chansearch.nets import NetworkSpec, build
from chansearch.tables import append_rows, parsed, read_rows
from chansearch.train.config import TrainConfig
from chansearch.train.results import reason_of

_FILE = "trainings.csv"
_RETRIES = 2  # of a training whose worker died

FINISHED, STOPPED_EARLY, FAILED = "finished", "stopped early", "failed"


@dataclass(frozen=True)
class Training:
    """How one training ended. Top-1 in percent; nuclear norm, rank and effective rank are those of the final feature of
    the images that rank (``Dataset.val``). A failed one has a reason, and None for what it did not come to."""

    network: str
    seed: int
    state: str  # finished, stopped early or failed
    epochs: int = 0
    val_top1: float | None = None
    test_top1: float | None = None
    nuclear_norm: float | None = None
    feature_rank: int | None = None
    effective_rank: float | None = None
    seconds: float = 0.0
    reason: str = ""

    @property
    def is_scored(self) -> bool:
        return self.state != FAILED

    def describe(self) -> str:
        """One line, for a terminal."""
        if not self.is_scored:
            return f"{self.network}, seed {self.seed}: failed: {self.reason}"
        return (
            f"{self.network}, seed {self.seed}: val top-1 {self.val_top1:.2f} %, test top-1 {self.test_top1:.2f} %, "
            f"nuclear norm {self.nuclear_norm:.1f}, {self.epochs} epochs in {format_seconds(self.seconds)}"
        )


_COLUMNS = tuple(field.name for field in dataclasses.fields(Training))


def record(folder: Path, training: Training) -> None:
    """Add one that has ended; on disk when this returns."""
    row = dataclasses.asdict(training) | {"reason": " ".join(training.reason.split())}
    append_rows(folder / _FILE, _COLUMNS, [row])


def recorded(folder: Path) -> list[Training]:
    """All that have ended, in that order; raises ``UserError`` naming the line of one that cannot be read."""
    file = folder / _FILE
    return [parsed(file, line, row, _from_row) for line, row in read_rows(file)] if file.is_file() else []


def _from_row(row: dict[str, str]) -> Training:
    if row["state"] not in (FINISHED, STOPPED_EARLY, FAILED):
        raise ValueError(f"state {row['state']!r} is unknown")

    def number(name: str, kind: type) -> float | int | None:
        return kind(row[name]) if row[name] else None

    return Training(
        network=row["network"],
        seed=int(row["seed"]),
        state=row["state"],
        epochs=int(row["epochs"]),
        val_top1=number("val_top1", float),
        test_top1=number("test_top1", float),
        nuclear_norm=number("nuclear_norm", float),
        feature_rank=number("feature_rank", int),
        effective_rank=number("effective_rank", float),
        seconds=float(row["seconds"]),
        reason=row["reason"],
    )


def train_all(
    asked: Sequence[tuple[str, NetworkSpec, int]], dataset, recipe: TrainConfig, cluster: Cluster
) -> Iterator[Training]:
    """Train every (name, network, seed), as many at a time as the cluster has workers; yields each as it ends.

    One whose worker died starts again, twice.
    """
    import ray

    held = ray.put(dataset)
    work = ray.remote(_train)
    share = {
        "num_cpus": cluster.cpus_per_trial,
        "num_gpus": cluster.gpus_per_trial,
        "memory": cluster.memory_per_trial,
        "max_retries": _RETRIES,
    }
    threads = max(1, int(cluster.cpus_per_trial))
    waiting, under_way = list(asked), {}
    while waiting or under_way:
        while waiting and len(under_way) < cluster.workers:
            name, spec, seed = waiting.pop(0)
            # The name is what the dashboard shows.
            reference = work.options(**share, name=f"{name}, seed {seed}").remote(
                name, spec, seed, held, recipe, threads
            )
            under_way[reference] = name, seed
        [ended], _ = ray.wait(list(under_way), num_returns=1)
        name, seed = under_way.pop(ended)
        try:
            training = ray.get(ended)
        except ray.exceptions.RayError as error:
            cluster.pulse.check()  # with Ray all workers die, which is no failure of the training
            training = Training(name, seed, FAILED, reason=why_died(error))
        yield training


def _train(name: str, spec: NetworkSpec, seed: int, dataset, recipe: TrainConfig, threads: int) -> Training:
    """What a worker runs. A failure that is the training's own is told, not raised: it would come again."""
    import torch

    from chansearch.train.engine import GroupTrainer
    from chansearch.train.environment import release_memory

    release_memory()
    torch.set_num_threads(threads)
    start, epochs, val_top1 = time.perf_counter(), 0, None

    def ended(state: str, **facts) -> Training:
        return Training(name, seed, state, epochs, val_top1, seconds=time.perf_counter() - start, **facts)

    try:
        trainer = GroupTrainer(functools.partial(build, spec), dataset, recipe, (seed,))
        for result in trainer:
            epochs, val_top1 = result.epoch, result.mean_val_top1
        [test_top1], [spectrum] = trainer.test_top1(), trainer.feature_spectra()
        return ended(
            STOPPED_EARLY if trainer.stopped_early else FINISHED,
            test_top1=test_top1,
            nuclear_norm=spectrum.nuclear_norm,
            feature_rank=spectrum.rank,
            effective_rank=spectrum.effective_rank,
        )
    except Exception as error:
        return ended(FAILED, reason=reason_of(error))


class Progress:
    """Counts the trainings that end, ``done`` of them before this session, and tells the time left."""

    def __init__(self, done: int, total: int) -> None:
        self._before = self._done = done
        self._total = total
        self._start = time.monotonic()

    def line(self, training: Training) -> str:
        """What to show of one that has ended: the time left is told from the pace so far."""
        self._done += 1
        pace = (time.monotonic() - self._start) / (self._done - self._before)
        left = format_seconds((self._total - self._done) * pace)
        return f"[{self._done}/{self._total}] {training.describe()} | left {left}"
