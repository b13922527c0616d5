"""Processes like a search's workers, as many as it will have, that measure how fast they are."""

from __future__ import annotations

import datetime
import statistics
from collections.abc import Callable

from chansearch.nets import NetworkSpec
from chansearch.search.cluster import Cluster
from chansearch.search.spent import SessionTime
from chansearch.search.worker import measure, measure_rate
from chansearch.train.config import TrainConfig
from chansearch.train.results import StepTime


class Probes:
    """Lives in a ``with``; each process has the resources of a trial until its end."""

    def __init__(self, cluster: Cluster, recipe: TrainConfig) -> None:
        import ray

        self._workers, self._recipe = cluster.workers, recipe
        self._threads = max(1, int(cluster.cpus_per_trial))
        # Actors and not tasks: those that share a GPU would get a new process for each task, and not start together.
        actor = ray.remote(_Probe).options(
            num_cpus=cluster.cpus_per_trial, num_gpus=cluster.gpus_per_trial, memory=cluster.memory_per_trial
        )
        self._probes = [actor.remote() for _ in range(cluster.workers)]

    def __enter__(self) -> Probes:
        return self

    def __exit__(self, *exception) -> None:
        import ray

        for probe in self._probes:
            ray.kill(probe)

    def step_times(self, skeleton: NetworkSpec, channels: tuple[int, ...]) -> list[StepTime]:
        """Of training and measuring the network with these channels."""
        return self._at_once(measure, skeleton, channels, self._recipe, self._threads)

    def session_time(self) -> SessionTime:
        """A session that begins, with the matrix rate of its workers: the median over them."""
        self._at_once(measure_rate, self._recipe, self._threads)  # until all are up: processes start one by one
        rates = self._at_once(measure_rate, self._recipe, self._threads)
        return SessionTime(
            started=datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
            workers=self._workers,
            threads=self._threads,
            device=rates[0].device,
            dtype=rates[0].dtype,
            matrix_flops=round(statistics.median(rate.flops for rate in rates)),
        )

    def _at_once(self, work: Callable, *arguments) -> list:
        import ray

        return ray.get([probe.run.remote(work, *arguments) for probe in self._probes])


class _Probe:
    """The actor."""

    def run(self, work: Callable, *arguments):
        return work(*arguments)
