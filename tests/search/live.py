"""Real searches at the smallest size that still trains, in this process or in one of their own that may be killed."""

from __future__ import annotations

import atexit
import contextlib
import csv
import io
import os
import re
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from chansearch.config import compose
from chansearch.search.rundir import RunDirectory
from chansearch.search.session import check, resume, start

# Two epochs on 200 digits: about a second a candidate.
TINY = (
    "constraint=demo",
    "data=digits",
    "fidelity=demo",
    "train.epochs=2",
    "train.seeds=2",
    "data.train_images=200",
    "data.val_images=100",
    "data.test_images=100",
    "cluster.dashboard=false",
)
_PATIENCE = 240  # seconds; what is waited for takes a few where nothing else runs


@dataclass(frozen=True)
class Search:
    """A search that has run in this process, and what it printed."""

    run: RunDirectory
    printed: str


def search(results: Path, *overrides: str) -> Search:
    """Search in this process."""
    plan = check(compose([*TINY, f"results={results}", *overrides]))
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        run = start(plan)
    return Search(run, printed.getvalue())


def go_on(run: RunDirectory) -> Search:
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        resume(run)
    return Search(run, printed.getvalue())


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
        )
        self.out = self.err = ""
        atexit.register(self._kill)  # what a test that failed left behind

    @property
    def pid(self) -> int:
        return self._popen.pid

    def wait(self, patience: float = _PATIENCE) -> int:
        """Its exit code; what it printed is in ``out`` and ``err``. ``patience``: seconds."""
        self.out, self.err = self._popen.communicate(timeout=patience)
        return self._popen.returncode

    def read_until(self, wanted: str) -> str:
        """The first line of its output that holds ``wanted``."""
        for line in self._popen.stdout:
            if wanted in line:
                return line
        raise AssertionError(f"ended without a line with {wanted!r}: {self._popen.stderr.read()}")

    def until(self, reached: Callable[[], bool]) -> None:
        """Wait while it works."""
        deadline = time.monotonic() + _PATIENCE
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
        marked = {self._popen.pid} if self._popen.poll() is None else set()
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
        deadline = time.monotonic() + _PATIENCE
        while doomed := self.tree():
            for pid in doomed:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            assert time.monotonic() < deadline, f"{doomed} do not die"
            time.sleep(0.05)


class RayCluster(Process):
    """A Ray that searches of this process join one after another; starting one for each takes longer than they do."""

    COMMAND = ("-m", "ray.scripts.scripts")
    # Where this account has a token for its clusters, `ray start` would ask for it; a driver that names an address
    # sends it only when its own environment says so.
    ENVIRONMENT: Mapping[str, str] = MappingProxyType({"RAY_AUTH_MODE": "disabled"})

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        where = ("--node-ip-address=127.0.0.1", f"--port={self.address.split(':')[1]}", "--include-dashboard=false")
        super().__init__("start", "--head", "--block", *where, "--num-cpus=2", cwd=folder)
        self.read_until("Ray runtime started")


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


class Life:
    """A search that is interrupted, in chapters: what each left behind."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.run = RunDirectory(folder / "results" / name)
        self.kept: list[bytes] = []  # candidates.csv after each chapter
        self.curves: list[bytes] = []
        self.codes: list[int] = []
        self.out: list[str] = []
        self.err: list[str] = []
        self.left_over: set[int] = set()  # processes after a Ctrl-C
        self.victim = -1  # the candidate whose worker was killed

    def note(self, process: Process, code: int) -> None:
        self.kept.append(whole_lines(self.run.candidates_file))
        self.curves.append(whole_lines(self.run.curves_file))
        self.codes.append(code)
        self.out.append(process.out)
        self.err.append(process.err)
