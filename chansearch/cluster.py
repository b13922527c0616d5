"""Starting or joining Ray, quietly and locally unless asked otherwise: for the search's workers and the training's."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from chansearch.config import RayConfig
from chansearch.errors import UserError
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


@contextmanager
def ray_session(config: RayConfig, data_bytes: int = 0) -> Iterator[str | None]:
    """Ray for the length of a ``with``: started on this machine or joined at ``config.address``.

    Gives the address of its dashboard and how to get in, or None. ``data_bytes`` is what will lie in each node's object
    store. Raises ``UserError`` when the cluster cannot be reached.
    """
    for key, value in _DRIVER_ENV.items():
        os.environ.setdefault(key, value)
    import ray

    # Workers must start in this environment; the driver's own may differ.
    options = {
        "runtime_env": {"env_vars": WORKER_ENV},
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
            # All of Ray's ports listen on this address; work on one machine needs no other.
            "_node_ip_address": "127.0.0.1",
            # Ray would set a third of the memory aside for objects; the images are the only large one.
            "object_store_memory": 2 * data_bytes + _STORE_FLOOR,
        }
    else:
        options["address"] = config.address
    try:
        context = ray.init(**options)
    except (ConnectionError, ValueError, RuntimeError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        # Ray refuses a cluster whose idea of tokens differs from ours, and says so at length elsewhere.
        hint = "" if config.address == "local" else "; RAY_AUTH_MODE=token or =disabled must be the cluster's own"
        raise UserError(f"cluster.address: {config.address!r} cannot be used: {reason}{hint}") from None
    try:
        yield _dashboard(context.dashboard_url)
    finally:
        ray.shutdown()


@contextmanager
def stoppable() -> Iterator[None]:
    """SIGTERM ends the work as Ctrl-C does."""

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
    asks = " (asks for a token: `ray get-auth-token` prints it)" if os.environ.get("RAY_AUTH_MODE") == "token" else ""
    return f"http://{url}{asks}"
