"""Is the Ray that the driver works with still there? Left to itself, a driver waits for a dead one."""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Mapping

# How the main thread is reached: an interrupt of its own, for a shell has those that it starts in the background, with
# `nohup` and `&`, ignore Ctrl-C's. Not SIGUSR1: that one Ray Tune takes for itself while it runs, to end as if done.
_SIGNAL = signal.SIGUSR2
_EVERY = 0.5  # seconds between two looks
# Seconds within which the head of a joined cluster may start again, and for which anyone may be silent. After 60 Ray
# ends the driver without a word.
_AWAY = 45.0
_AGAIN = 15.0  # seconds until the driver is interrupted once more: Python drops what a destructor raises


class Pulse:
    """Lives in a ``with`` while Ray runs. A daemon that is gone interrupts the driver's main thread, as Ctrl-C does,
    and is ``lost`` from then on."""

    def __init__(self, daemons: Mapping[str, tuple[str, int]], patience: Mapping[str, float]) -> None:
        """``daemons``: names and addresses on which they listen; ``patience``: seconds for which each may refuse."""
        self.lost = ""
        self._daemons, self._patience = dict(daemons), patience
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="chansearch-pulse", daemon=True)

    @staticmethod
    def of_ray(*, is_local: bool) -> Pulse:
        """Of the Ray that this process is connected to, by its public interface."""
        import ray

        here = ray.get_runtime_context()
        host, _, port = here.gcs_address.rpartition(":")
        head, node = "its head (GCS)", "this machine's raylet"
        daemons = {head: (host.strip("[]"), int(port))}
        for held in ray.nodes():
            if held["NodeID"] == here.get_node_id():
                daemons[node] = (held["NodeManagerAddress"], held["NodeManagerPort"])
        return Pulse(daemons, {node: 0.0, head: 0.0 if is_local else _AWAY})

    def __enter__(self) -> Pulse:
        self._before = signal.signal(_SIGNAL, _interrupt)
        self._thread.start()
        return self

    def __exit__(self, *exception) -> None:
        self._over.set()
        self._thread.join()
        signal.signal(_SIGNAL, self._before)

    def check(self) -> None:
        """For whoever hears that a worker died: raises ``KeyboardInterrupt`` where all did, as the watch soon will."""
        for name, address in self._daemons.items():
            if not self._patience[name] and _listens(address) is False:
                self.lost = self.lost or name
        if self.lost:
            raise KeyboardInterrupt

    def _watch(self) -> None:
        heard = dict.fromkeys(self._daemons, time.monotonic())
        while not self._over.wait(_AGAIN if self.lost else _EVERY):
            for name, address in self._daemons.items():
                if listens := _listens(address):
                    heard[name] = time.monotonic()
                elif time.monotonic() - heard[name] >= (self._patience[name] if listens is False else _AWAY):
                    self.lost = self.lost or name
            if self.lost:
                signal.pthread_kill(threading.main_thread().ident, _SIGNAL)


def _interrupt(*_) -> None:
    raise KeyboardInterrupt


def _listens(address: tuple[str, int]) -> bool | None:
    """Whether a process holds the port; a busy one need not answer. None for silence: a machine that is gone or lost in
    work, a driver without a free file."""
    try:
        with socket.create_connection(address, timeout=5):
            return True
    except ConnectionRefusedError:
        return False
    except OSError:
        return None
