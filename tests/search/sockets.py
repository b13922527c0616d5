"""Which sockets the processes of a tree have open, as the kernel tells: /proc/net/tcp and tcp6."""

from __future__ import annotations

import contextlib
import ipaddress
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import Process

_ESTABLISHED, _SYN_SENT, _LISTEN = "01", "02", "0A"


@dataclass(frozen=True)
class Socket:
    """``address``: where it listens, or whom it is connected to; ``owner``: the process, by what it calls itself."""

    address: str
    port: int
    owner: str
    listens: bool

    @property
    def is_loopback(self) -> bool:
        address = ipaddress.ip_address(self.address)
        return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def sockets_of(pids: Iterable[int]) -> set[Socket]:
    """TCP sockets that listen or are connected, of any of the processes, IPv4 and IPv6."""
    owners: dict[str, str] = {}
    for pid in pids:
        with contextlib.suppress(OSError):
            name = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")[:200]
            for descriptor in Path(f"/proc/{pid}/fd").iterdir():
                with contextlib.suppress(OSError):
                    target = str(descriptor.readlink())
                    if target.startswith("socket:["):
                        owners[target[8:-1]] = name
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            state, inode = fields[3], fields[9]
            if inode in owners and state in (_LISTEN, _ESTABLISHED, _SYN_SENT):
                address, port = fields[1 if state == _LISTEN else 2].split(":")
                found.add(Socket(_address(address), int(port, 16), owners[inode], state == _LISTEN))
    return found


def _address(text: str) -> str:
    """The kernel prints words of four bytes in the machine's own order."""
    raw = bytes.fromhex(text)
    ordered = b"".join(raw[i : i + 4][::-1] for i in range(0, len(raw), 4))
    return str(ipaddress.ip_address(ordered))


class Watch:
    """All sockets that a process and what comes from it have open at any of the looks at them."""

    def __init__(self, process: Process, seconds: float = 1.0) -> None:
        self.seen: set[Socket] = set()
        self._process, self._seconds, self._stop = process, seconds, threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        while not self._stop.wait(self._seconds):
            self.seen |= sockets_of(self._process.tree())

    def end(self) -> set[Socket]:
        self._stop.set()
        self._thread.join()
        return self.seen
