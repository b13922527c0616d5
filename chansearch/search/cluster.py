"""What the search finds in a Ray it has started or joined: how many trials fit, and what each gets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from chansearch.cluster import ray_session
from chansearch.config import ClusterConfig
from chansearch.errors import UserError

_GPU_SHARE = 0.25  # of a GPU a trial: networks this small leave most of one idle


@dataclass(frozen=True)
class Cluster:
    """A running Ray: where its dashboard is, what a trial gets, and how many trials fit at a time."""

    dashboard: str | None  # its address, and how to get in
    cpus_per_trial: float
    gpus_per_trial: float
    memory_per_trial: int  # bytes, on the host
    workers: int
    is_local: bool


@contextmanager
def connected(config: ClusterConfig, trial_bytes: int, data_bytes: int) -> Iterator[Cluster]:
    """Ray for the length of a ``with``: started on this machine or joined at ``config.address``.

    ``trial_bytes`` is what a worker needs when it trains on a CPU; as many run at a time as fit. ``data_bytes`` is the
    size of the images, which lie in each node's object store.

    Raises ``UserError`` when the cluster cannot be reached or has less than one trial needs.
    """
    with ray_session(config, data_bytes) as dashboard:
        import ray

        yield _measured(config, dashboard, trial_bytes, ray)


def _measured(config: ClusterConfig, dashboard: str | None, trial_bytes: int, ray) -> Cluster:
    resources = ray.cluster_resources()
    cpus, gpus = resources.get("CPU", 0.0), resources.get("GPU", 0.0)
    share = config.gpus_per_trial if config.gpus_per_trial is not None else (_GPU_SHARE if gpus else 0.0)
    if share > gpus:
        raise UserError(f"cluster.gpus_per_trial: {share:g}; allowed here: at most {gpus:g}, the cluster's GPUs")
    if config.cpus_per_trial > cpus:
        raise UserError(
            f"cluster.cpus_per_trial: {config.cpus_per_trial:g}; allowed here: at most {cpus:g}, the cluster's CPUs"
        )
    # Asking Ray for more memory than any node has would wait for ever; then one trial a node is tried all the same.
    largest = max(int(node["Resources"].get("memory", 0)) for node in ray.nodes() if node["Alive"])
    memory = 0 if share else min(trial_bytes, largest)
    fits = min(
        cpus // config.cpus_per_trial,
        gpus // share if share else float("inf"),
        resources.get("memory", 0) // memory if memory else float("inf"),
    )
    return Cluster(
        dashboard=dashboard,
        cpus_per_trial=config.cpus_per_trial,
        gpus_per_trial=share,
        memory_per_trial=memory,
        workers=min(int(fits), config.workers or int(fits)),
        is_local=config.address == "local",
    )
