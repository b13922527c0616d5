"""Starting or joining Ray, quietly and locally unless asked otherwise, and how many trainings it has room for."""

from __future__ import annotations

import logging
import os
import re
import signal
import socket
from collections.abc import Collection, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass

from chansearch.config import ClusterConfig, RayConfig
from chansearch.deaths import why_died
from chansearch.errors import Interrupted, UserError
from chansearch.pulse import Pulse
from chansearch.ranges import at_least
from chansearch.train.environment import WORKER_ENV

_DRIVER_ENV = {
    "RAY_USAGE_STATS_ENABLED": "0",  # no telemetry unless the user switches it on
    # Tune's own CSV, JSON and TensorBoard files would repeat the run directory's.
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    # Its snapshots hold all trials so far, so each is dearer than the one before; none is read back. Seconds.
    "TUNE_GLOBAL_CHECKPOINT_S": str(10**9),
    # Tune would answer Ctrl-C by saving a state nobody reads; the run directory is saved already.
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    # The report of a failed training carries a reason and no accuracy.
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
_STORE_FLOOR = 512 * 2**20  # bytes of object store beside the images
_AUTH_MODE = "RAY_AUTH_MODE"
_GPU_SHARE = 0.25  # of a GPU a trial: networks this small leave most of one idle


@dataclass(frozen=True)
class RaySession:
    """A running Ray: the address of its dashboard and how to get in, or None, that of its metrics, or None, and whether
    it still runs."""

    dashboard: str | None
    metrics: str | None
    pulse: Pulse


@contextmanager
def ray_session(config: RayConfig, data_bytes: int = 0) -> Iterator[RaySession]:
    """Ray for the length of a ``with``: started on this machine or joined at ``config.address``. SIGTERM ends the work
    as Ctrl-C does, and so does the death of Ray itself.

    ``data_bytes`` is what will lie in each node's object store. Raises ``UserError`` when Ray does not start, when the
    cluster cannot be reached, and for what ended because Ray had died or a process of it could not work.
    """
    for key, value in _DRIVER_ENV.items():
        os.environ.setdefault(key, value)
    import ray

    # Workers must start in this environment; the driver's own may differ.
    options = {
        "runtime_env": {"env_vars": WORKER_ENV | (_loopback_env() if config.address == "local" else {})},
        "log_to_driver": False,
        "logging_level": logging.ERROR,
        "configure_logging": True,
    }
    if config.address == "local":
        options |= {
            "address": "local",
            "include_dashboard": config.dashboard,
            "dashboard_host": config.dashboard_host,
            "dashboard_port": config.dashboard_port,
            # Ray would set a third of the memory aside for objects; the images are the only large one.
            "object_store_memory": 2 * data_bytes + _STORE_FLOOR,
        }
    else:
        options["address"] = config.address
    with _no_token_afterwards():
        try:
            with _on_the_loopback() if config.address == "local" else nullcontext():
                context = ray.init(**options)
        except Exception as error:  # Ray raises nearly any type, a bare Exception for one
            raise UserError(_why_not_started(config, error)) from None
        pulse = None
        try:
            # SIGTERM now, for Ray puts its own answer to it in place when it starts.
            with _stoppable(), Pulse.of_ray(is_local=config.address == "local") as pulse:
                yield RaySession(_dashboard(context.dashboard_url), _metrics(ray), pulse)
        except (KeyboardInterrupt, Exception) as ended:
            raise _explained(config, ended, pulse) from None
        finally:
            ray.shutdown()


def _why_not_started(config: RayConfig, error: Exception) -> str:
    """In one line."""
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
    if config.address != "local":
        # Ray refuses a cluster whose idea of tokens differs from ours, and says so at length elsewhere.
        hint = f"{_AUTH_MODE}=token or =disabled must be the cluster's own"
        return f"cluster.address: {config.address!r} cannot be used: {reason}; {hint}"
    hint = "its logs are under RAY_TMPDIR (default: /tmp)/ray; it needs room in /dev/shm and in RAY_TMPDIR, whose path"
    return f"Ray cannot start on this machine: {reason} ({hint} must be short); run the command again"


def _explained(config: RayConfig, ended: BaseException, pulse: Pulse | None) -> BaseException:
    """What to raise for ``ended``, which may be no more than what the death of Ray looked like from where it came."""
    if isinstance(ended, (UserError, OSError)):  # these explain themselves
        return ended
    if pulse is not None:
        with suppress(KeyboardInterrupt):
            pulse.check()
        if pulse.lost:
            how = f"go on with `{ended.command}`" if isinstance(ended, Interrupted) else "run the command again"
            return UserError(f"Ray has died: {pulse.lost} is gone; what had ended is kept; {how}")
    import ray

    # What work raised in a worker is a bug or its own to tell; what the worker itself suffered is the machine's.
    if isinstance(ended, ray.exceptions.RayError) and not isinstance(ended, ray.exceptions.RayTaskError):
        hint = "run the command again"
        if config.address != "local" and os.environ.get(_AUTH_MODE) == "token":
            hint = f"if {config.address} asks for no token, set {_AUTH_MODE}=disabled"
        return UserError(f"cluster: {why_died(ended).rstrip('.')}; what had ended is kept; {hint}")
    return ended


@contextmanager
def _no_token_afterwards() -> Iterator[None]:
    """A Ray that this process starts has it ask for tokens from then on; a cluster without them that it joins next
    could not speak to it, and would take each of its workers for dead."""
    before = os.environ.get(_AUTH_MODE)
    try:
        yield
    finally:
        if before is None and os.environ.pop(_AUTH_MODE, None) is not None:
            from ray._raylet import AuthenticationTokenLoader, Config

            # Ray keeps what it has read of the environment, and the token that it then found.
            Config.initialize("")
            AuthenticationTokenLoader.instance().reset_cache()


@contextmanager
def _on_the_loopback() -> Iterator[None]:
    """A Ray that starts within it listens on 127.0.0.1, which is enough for one machine.

    ``_node_ip_address="127.0.0.1"`` does not do it: on Linux Ray replaces it by the machine's own address, and then
    listens on every network. On systems where it makes no clusters Ray keeps to the loopback; so it is told to be on
    one, by its variable for the processes that it starts, and by the constant that it has read already for itself.
    """
    from ray._private import ray_constants

    variable, held = ray_constants.ENABLE_RAY_CLUSTERS_ENV_VAR, ray_constants.ENABLE_RAY_CLUSTER
    set_before = os.environ.get(variable)
    os.environ[variable], ray_constants.ENABLE_RAY_CLUSTER = "0", False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = held
        if set_before is None:
            del os.environ[variable]
        else:
            os.environ[variable] = set_before


def _loopback_env() -> dict[str, str]:
    """Workers of one machine speak to each other through its loopback, wherever its name leads."""
    loopback = next((name for _, name in socket.if_nameindex() if name.startswith("lo")), None)
    return {} if loopback is None else {"GLOO_SOCKET_IFNAME": loopback, "NCCL_SOCKET_IFNAME": loopback}


@dataclass(frozen=True)
class Cluster:
    """A running Ray: what a trial gets, and how many trials fit at a time when it starts."""

    cpus_per_trial: float
    gpus_per_trial: float
    memory_per_trial: int  # bytes, on the host
    workers: int
    most: int | None  # trials at a time; None: as many as fit on a cluster that may grow
    pulse: Pulse


@contextmanager
def connected(config: ClusterConfig, trial_bytes: int, data_bytes: int) -> Iterator[Cluster]:
    """Ray for the length of a ``with``: started on this machine or joined at ``config.address``.

    ``trial_bytes`` is what a worker needs when it trains on a CPU; as many run at a time as fit. ``data_bytes`` is the
    size of the images, which lie in each node's object store. Prints where the dashboard is, if there is one.

    Raises ``UserError`` when the cluster cannot be reached or has less than one trial needs.
    """
    with ray_session(config, data_bytes) as session:
        import ray

        cluster = _measured(config, trial_bytes, ray, session.pulse)
        if session.dashboard:
            print(f"Ray dashboard: {session.dashboard}", flush=True)
        if session.metrics:
            print(f"metrics: {session.metrics}", flush=True)
        yield cluster


def _measured(config: ClusterConfig, trial_bytes: int, ray, pulse: Pulse) -> Cluster:
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
        cpus_per_trial=config.cpus_per_trial,
        gpus_per_trial=share,
        memory_per_trial=memory,
        workers=min(int(fits), config.workers or int(fits)),
        most=config.workers or (int(fits) if config.address == "local" else None),
        pulse=pulse,
    )


def validate_cluster(config: ClusterConfig) -> None:
    """Raise ``UserError`` for the first value out of its range; looks at no cluster."""
    if config.workers is not None:
        at_least("cluster.workers", config.workers, 1)
    if not config.cpus_per_trial > 0:
        raise UserError(f"cluster.cpus_per_trial: {config.cpus_per_trial}; allowed: above 0")
    gpus = config.gpus_per_trial
    if gpus is not None and not (0 <= gpus < 1 or gpus == int(gpus)):
        raise UserError(f"cluster.gpus_per_trial: {gpus}; allowed: null, a fraction below 1, or a whole number")
    port = config.dashboard_port
    if port is not None and not 1024 <= port <= 65535:
        raise UserError(f"cluster.dashboard_port: {port}; allowed: null or 1024 to 65535")


def check_recorded(config: RayConfig, source: str, typed: Collection[str] = ()) -> None:
    """Raise ``UserError`` where a run's ``config.yaml``, the ``source``, asks for what only its reader may ask for.

    A run may come from anywhere. Ray runs what the cluster that it joins sends, and whoever reaches its dashboard can
    start programs: another machine has to be named by the user, and the dashboard stays on this one. ``typed``: keys
    for which the user has given a value of their own.
    """
    host = re.sub(r"^\w+://|:\d+$", "", config.address)
    is_ours = host in ("local", "auto") or _is_loopback(host) or config.address == os.environ.get("RAY_ADDRESS")
    if not is_ours and "cluster.address" not in typed:
        raise UserError(
            f"{source}: cluster.address: {config.address!r} is another machine, named by the run and not by you; "
            f"if you trust it, set RAY_ADDRESS={config.address} (`chansearch resume` also takes cluster.address=…)"
        )
    opens = config.dashboard and config.address == "local" and not _is_loopback(config.dashboard_host)
    if opens and "cluster.dashboard_host" not in typed:
        raise UserError(
            f"{source}: cluster.dashboard_host: {config.dashboard_host!r} would open Ray's dashboard to the network, "
            "asked for by the run and not by you; set it to 127.0.0.1 there, and reach it through ssh -L"
        )


def _is_loopback(host: str) -> bool:
    import ipaddress

    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:  # a name: whose it is, only the network knows
        return False


@contextmanager
def _stoppable() -> Iterator[None]:
    """SIGTERM raises what Ctrl-C does."""

    def stop(*_) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _dashboard(url: str | None) -> str | None:
    if not url:
        return None
    # Newer Rays protect a cluster they start with a token and set this variable; the page asks for it once.
    asks = " (asks for a token: `ray get-auth-token` prints it)" if os.environ.get(_AUTH_MODE) == "token" else ""
    return f"http://{url}{asks}"


def _metrics(ray) -> str | None:
    """Where this node shows its metrics, to Prometheus or to anyone on this machine."""
    here = ray.get_runtime_context().get_node_id()
    ports = [node.get("MetricsExportPort") for node in ray.nodes() if node["NodeID"] == here]
    return f"http://127.0.0.1:{ports[0]}/metrics" if ports and (ports[0] or -1) > 0 else None
