"""Settings for all tests: one torch thread, hypothesis without deadlines and, on CI, without chance; and one Ray."""

import os
from pathlib import Path

import pytest
import torch
from hypothesis import settings

# Small networks lose more to threads than they gain, and a busy machine's timings would make deadlines flaky.
torch.set_num_threads(1)

settings.register_profile("dev", deadline=None, database=None)
settings.register_profile("ci", deadline=None, database=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "dev")

# Those that search and train under Ray and stop, or are stopped, at a time of their own.
_WITH_RAY = ("studies/test_trained.py", "search/", "transfer/test_launch.py")


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Which tests pytest-xdist keeps in one process: a file's, for their fixtures are the file's, and all that are cut
    off under Ray, for two of them at a time would take each other's cores and stop where they were not to."""
    for item in items:
        path = item.path.relative_to(Path(__file__).parent).as_posix()
        item.add_marker(pytest.mark.xdist_group("ray" if path.startswith(_WITH_RAY) else path))


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    """The setting that joins a Ray which is there for the whole session."""
    from tests.search.live import RayCluster

    started = RayCluster(tmp_path_factory.mktemp("cluster"))
    yield f"cluster.address={started.address}"
    started.kill_tree()
