"""A search on a cluster whose nodes leave and join while it trains."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks.processes import TINY, Process, rows
from chansearch.search.candidate import State
from chansearch.search.rundir import RunDirectory

pytestmark = pytest.mark.harm

CANDIDATES = 6
EPOCHS = 60  # a second or two of training


class Nodes:
    """A cluster on this machine: a head that trains nothing, and nodes of one CPU each."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        self._cluster = Cluster(
            initialize_head=True,
            head_node_args={"num_cpus": 0, "include_dashboard": False, "object_store_memory": 2**27},
        )
        self.address = self._cluster.address
        self.of_two = [self.add(), self.add()]

    def add(self):
        return self._cluster.add_node(num_cpus=1, object_store_memory=2**27)

    def kill(self, node) -> None:
        self._cluster.remove_node(node, allow_graceful=False)

    def shut_down(self) -> None:
        self._cluster.shutdown()


@pytest.fixture(scope="module")
def nodes():
    with pytest.MonkeyPatch.context() as patch:
        # As tests/search/live.py's RayCluster: a driver that names an address sends no token.
        patch.setenv("RAY_AUTH_MODE", "disabled")
        made = Nodes()
        yield made
        made.shut_down()


def under_way(run: RunDirectory) -> set[int]:
    """Candidates with an epoch and no end."""
    if not run.candidates_file.is_file():
        return {point.candidate for point in run.curves()} if run.curves_file.is_file() else set()
    return {point.candidate for point in run.curves()} - {record.candidate.number for record in run.records()}


def at_a_time(numbers: Sequence[int]) -> int:
    """The most candidates that lie between the first and last epoch of one another."""
    spans = [(numbers.index(n), len(numbers) - numbers[::-1].index(n)) for n in set(numbers)]
    return max(sum(first <= at < end for first, end in spans) for at in range(len(numbers)))


def search(nodes: Nodes, folder: Path, name: str, candidates: int, *overrides: str) -> Process:
    settings = (f"search.candidates={candidates}", "train.patience=null", f"name={name}", *overrides)
    return Process("search", *TINY, f"cluster.address={nodes.address}", *settings, cwd=folder)


def test_no_more_train_at_a_time_than_was_asked_for(nodes, tmp_path):
    """On a cluster that has room for more."""
    assert search(nodes, tmp_path, "one", 3, "cluster.workers=1").wait() == 0
    run = RunDirectory(tmp_path / "results" / "one")
    assert len(run.records()) == 3
    assert at_a_time([point.candidate for point in run.curves()]) == 1


class TestLeavingAndJoining:
    """A search that loses one of two nodes, then the other, and is given two new ones."""

    @pytest.fixture(scope="class")
    def moved(self, nodes, tmp_path_factory):
        """The run, who was under way at each loss, and how many epochs there were when the last node was gone."""
        folder = tmp_path_factory.mktemp("nodes")
        run = RunDirectory(folder / "results" / "moved")
        process = search(nodes, folder, "moved", CANDIDATES, f"train.epochs={EPOCHS}")
        process.until(lambda: len(under_way(run)) == 2)
        lost = [under_way(run)]
        nodes.kill(nodes.of_two.pop())
        ended = len(rows(run))
        process.until(lambda: len(rows(run)) > ended and bool(under_way(run)))
        lost.append(under_way(run))
        nodes.kill(nodes.of_two.pop())
        before = len(run.curves())
        nodes.add()
        nodes.add()
        assert process.wait() == 0, process.err
        return run, lost, before

    def test_each_candidate_is_trained_to_its_end_and_counted_once(self, moved):
        records = moved[0].records()
        assert [record.candidate.number for record in records] == list(range(CANDIDATES))
        assert {record.outcome.state for record in records} == {State.FINISHED}

    def test_those_on_a_node_that_left_start_again(self, moved):
        run, lost, _ = moved
        again = {record.candidate.number for record in run.records() if record.outcome.retries}
        assert again
        assert again <= lost[0] | lost[1]
        assert sum(record.outcome.retries for record in run.records()) <= 2

    def test_nodes_that_join_are_used(self, moved):
        """Both: with one it would be one candidate at a time."""
        run, _, before = moved
        assert at_a_time([point.candidate for point in run.curves()[before:]]) == 2
