"""Processes like those that will train, as many as there will be, that measure how fast they are."""

from __future__ import annotations

import functools
from collections.abc import Callable

from chansearch.cluster import Cluster
from chansearch.nets import NetworkSpec, build
from chansearch.train.config import TrainConfig
from chansearch.train.results import StepTime

_RETRIES = 2


class Probes:
    """Lives in a ``with``; each process has the resources of a trial until its end."""

    def __init__(self, cluster: Cluster, recipe: TrainConfig) -> None:
        import ray

        self.recipe, self.workers = recipe, cluster.workers
        self.threads = max(1, int(cluster.cpus_per_trial))
        # Actors and not tasks: those that share a GPU would get a new process for each task, and not start together.
        actor = ray.remote(_Probe).options(
            num_cpus=cluster.cpus_per_trial,
            num_gpus=cluster.gpus_per_trial,
            memory=cluster.memory_per_trial,
            # A process that dies measures again in another one.
            max_restarts=_RETRIES,
            max_task_retries=_RETRIES,
        )
        self._probes = [actor.remote() for _ in range(cluster.workers)]

    def __enter__(self) -> Probes:
        return self

    def __exit__(self, *exception) -> None:
        import ray

        for probe in self._probes:
            ray.kill(probe)

    def step_times(self, spec: NetworkSpec) -> list[StepTime]:
        """Of training and measuring the network, on all at the same time."""
        return self.at_once(_measure, spec, self.recipe, self.threads)

    def at_once(self, work: Callable, *arguments) -> list:
        """What ``work`` gives in each process."""
        import ray

        return ray.get([probe.run.remote(work, *arguments) for probe in self._probes])


class _Probe:
    """The actor."""

    def run(self, work: Callable, *arguments):
        return work(*arguments)


def _measure(spec: NetworkSpec, recipe: TrainConfig, threads: int) -> StepTime:
    """Images a second of training and of measuring in this worker."""
    import torch

    from chansearch.train.engine import measure_step

    torch.set_num_threads(threads)
    return measure_step(
        functools.partial(build, spec), recipe, spec.input_size, spec.in_channels, spec.classes, steps=3
    )
