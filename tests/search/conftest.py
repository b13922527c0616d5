"""Runs that many tests read: made once a session."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.processes import TINY, Process
from chansearch.search.rundir import RunDirectory


@dataclass(frozen=True)
class Finished:
    """A search run to its end from the command line, with Ray's dashboard."""

    run: RunDirectory
    folder: Path  # where it was started
    code: int
    out: str
    err: str
    dashboard: bytes  # what its address answered


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Finished:
    import urllib.request

    folder = tmp_path_factory.mktemp("finished")
    process = Process(
        "search",
        *TINY,
        "cluster.dashboard=true",
        "search.candidates=5",
        "sampler.startup=3",
        "search.record_rank=true",
        "name=finished",
        cwd=folder,
    )
    url = process.read_until("Ray dashboard: ").split()[2]
    with urllib.request.urlopen(url, timeout=60) as answer:
        dashboard = answer.read()
    code = process.wait()
    return Finished(RunDirectory(folder / "results" / "finished"), folder, code, process.out, process.err, dashboard)
