"""Real searches at the smallest size that still trains, in this process or in one of their own that may be killed."""

from __future__ import annotations

import contextlib
import io
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType, SimpleNamespace

import pytest

from benchmarks.processes import TINY, Process, whole_lines
from chansearch.config import compose
from chansearch.search import session
from chansearch.search.estimate import AUTO
from chansearch.search.plan import Plan
from chansearch.search.rundir import RunDirectory
from chansearch.search.session import check, resume, start
from chansearch.search.spent import SessionTime

# What a director without a training asks of the images.
IMAGES = SimpleNamespace(train=SimpleNamespace(images=range(200)))
SESSION = SessionTime("2026-01-01T10:00:00+00:00", 2, 1, "cpu", "float32", 1e11)


@dataclass(frozen=True)
class Search:
    """A search that has run in this process, and what it printed."""

    run: RunDirectory
    printed: str


def search(results: Path, *overrides: str, measured: bool = False) -> Search:
    """Search in this process. ``measured``: with the estimate at the start."""
    plan = check(compose([*TINY, f"results={results}", *overrides]))
    with _quickly(measured), contextlib.redirect_stdout(io.StringIO()) as printed:
        run = start(plan)
    return Search(run, printed.getvalue())


def go_on(run: RunDirectory) -> Search:
    with _quickly(measured=False), contextlib.redirect_stdout(io.StringIO()) as printed:
        resume(run)
    return Search(run, printed.getvalue())


@contextlib.contextmanager
def _quickly(measured: bool) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        if not measured:
            leave_out_measuring(patch)
        yield


def leave_out_measuring(patch: pytest.MonkeyPatch) -> None:
    """Searches without the processes that measure how fast the machine is: their start takes longer than all else."""

    def limit(plan: Plan, *_) -> float | None:
        asked = plan.config.search.trial_timeout
        return None if asked == AUTO else asked

    patch.setattr(session, "Probes", lambda cluster, recipe: contextlib.nullcontext())
    patch.setattr(session, "session_time", lambda probes: SESSION)
    patch.setattr(session, "print_estimate", limit)
    patch.setattr(session, "measured_limit", limit)


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
