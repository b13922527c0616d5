"""Commands in processes of their own that may be killed, with all that came from them: for tests and benchmarks."""

from __future__ import annotations

import atexit
import contextlib
import csv
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from chansearch.search.rundir import RunDirectory

# Two epochs on 200 digits: about a second a candidate.
TINY_DATA = ("data=digits", "data.train_images=200", "data.val_images=100", "data.test_images=100", "train.epochs=2")
TINY = ("constraint=demo", "fidelity=demo", *TINY_DATA, "train.seeds=2", "cluster.dashboard=false")
TINY_STUDY = (*TINY_DATA, "train.seeds=1", "train.batch_size=32", "cluster.dashboard=false")
PATIENCE = 240  # seconds; what is waited for takes a few where nothing else runs


class Process:
    """``chansearch …`` as a user's shell starts it: a process group of its own, output piped."""

    COMMAND = ("-m", "chansearch")
    ENVIRONMENT: Mapping[str, str] = MappingProxyType({})

    def __init__(self, *arguments: str, cwd: Path) -> None:
        self._mark = uuid.uuid4().hex.encode()
        self._popen = subprocess.Popen(
            [sys.executable, *self.COMMAND, *arguments],
            cwd=cwd,
            env=os.environ | self.ENVIRONMENT | {"CHANSEARCH_TEST": self._mark.decode()},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            # As in a terminal: what a shell runs in the background ignores Ctrl-C, and so would what that starts.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        self.out = self.err = ""
        atexit.register(self._kill)  # what a test that failed left behind

    @property
    def pid(self) -> int:
        return self._popen.pid

    def runs(self) -> bool:
        return self._popen.poll() is None

    def wait(self, patience: float = PATIENCE) -> int:
        """Its exit code; what it printed is in ``out`` and ``err``. ``patience``: seconds."""
        self.out, self.err = self._popen.communicate(timeout=patience)
        return self._popen.returncode

    def read_until(self, wanted: str) -> str:
        """The first line of its output that holds ``wanted``."""
        while line := self._read_line():
            if wanted in line:
                return line
        raise AssertionError(f"ended without a line with {wanted!r}: {self._popen.stderr.read()}")

    def _read_line(self) -> str:
        """A byte at a time: what a buffer has read beyond it would be lost to ``communicate``."""
        line = bytearray()
        while not line.endswith(b"\n") and (byte := self._popen.stdout.buffer.raw.read(1)):
            line += byte
        return line.decode()

    def until(self, reached: Callable[[], bool]) -> None:
        """Wait while it works."""
        deadline = time.monotonic() + PATIENCE
        while not reached():
            if self._popen.poll() is not None:
                raise AssertionError(f"ended with {self._popen.returncode}: {self._popen.stderr.read()}")
            assert time.monotonic() < deadline, "waited in vain"
            time.sleep(0.05)

    def press_ctrl_c(self) -> int:
        """As a terminal does it: to the whole group. Gives the exit code."""
        os.killpg(self._popen.pid, signal.SIGINT)
        return self.wait()

    def tree(self) -> set[int]:
        """Ids of this process and of all that came from it: the daemons of its Ray and their workers."""
        parents: dict[int, int] = {}
        marked = {self.pid} if self.runs() else set()
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    status = (entry / "stat").read_text().rsplit(")", 1)[1].split()
                    if status[0] != "Z":
                        parents[int(entry.name)] = int(status[1])
                        # A daemon whose parent has died still has its environment; a worker writes its title over it.
                        if self._mark in (entry / "environ").read_bytes():
                            marked.add(int(entry.name))
        tree = {pid for pid in marked if pid in parents}
        while grown := {pid for pid, parent in parents.items() if parent in tree} - tree:
            tree |= grown
        return tree

    def training(self) -> dict[str, int]:
        """Ids of the workers that train, by the name that the dashboard shows: number and channels."""
        found = {}
        for pid in self.tree():
            with contextlib.suppress(OSError):
                title = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].decode()
                if match := re.fullmatch(r"ray::(\d{4}_[\d-]+)", title):
                    found[match[1]] = pid
        return found

    def kill_tree(self) -> None:
        """SIGKILL to every process of the search, until none is left: a power cut, but for the kernel."""
        self._kill()
        self.wait()

    def _kill(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while doomed := self.tree():
            for pid in doomed:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            assert time.monotonic() < deadline, f"{doomed} do not die"
            time.sleep(0.05)


def wait_for(process: Process, reached: Callable[[], object]):
    """What ``reached`` gives once it is true, or when the process has ended without it."""
    deadline = time.monotonic() + PATIENCE
    while not (found := reached()) and process.runs() and time.monotonic() < deadline:
        time.sleep(0.02)
    return found


def rows(run: RunDirectory) -> list[dict[str, str]]:
    """Whole rows of ``candidates.csv``, read by the standard library alone."""
    if not run.candidates_file.is_file():
        return []
    lines = run.candidates_file.read_text(encoding="utf-8").split("\n")[:-1]
    return list(csv.DictReader(lines))


def whole_lines(file: Path) -> bytes:
    """The file without a torn last line."""
    data = file.read_bytes()
    return data[: data.rfind(b"\n") + 1]
