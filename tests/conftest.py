"""Settings for all tests: one torch thread, hypothesis without deadlines and, on CI, without chance; and one Ray."""

import os

import pytest
import torch
from hypothesis import settings

# Small networks lose more to threads than they gain, and a busy machine's timings would make deadlines flaky.
torch.set_num_threads(1)

settings.register_profile("dev", deadline=None, database=None)
settings.register_profile("ci", deadline=None, database=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "dev")

# Ray gives its workers niceness 15, and the tests in the other process would leave them next to nothing.
os.environ.setdefault("RAY_worker_niceness", "0")

# Those that search and train under Ray and stop, or are stopped, at a time of their own.
_WITH_RAY = ("studies/test_trained.py", "search/", "transfer/test_launch.py", "api/test_search.py")


@pytest.hookimpl(optionalhook=True)  # pytest-xdist's
def pytest_xdist_make_scheduler(config, log):
    """Keeps in one process the tests of a file, for their fixtures are the file's, and all that are cut off under Ray,
    for two of them at a time would take each other's cores and stop where they were not to.

    Marks would do the same with --dist loadgroup, but pytest-xdist 3.8 writes them where pytest 9.2 no longer looks.
    """
    from xdist.scheduler import LoadScopeScheduling

    class KeptTogether(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            path = nodeid.split("::")[0].removeprefix("tests/")
            return "ray" if path.startswith(_WITH_RAY) else path

    return KeptTogether(config, log)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    """The setting that joins a Ray which is there for the whole session."""
    from tests.search.live import RayCluster

    started = RayCluster(tmp_path_factory.mktemp("cluster"))
    yield f"cluster.address={started.address}"
    started.kill_tree()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests first: beside them the other worker has quick ones to do, and at the end none waits."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)
