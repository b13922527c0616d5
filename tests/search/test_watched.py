"""A real search, seen from outside while it runs: by `chansearch watch`, and by Prometheus."""

import contextlib
import re
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import pytest

from benchmarks.processes import PATIENCE, TINY, Process
from chansearch.search.metrics import Metrics
from chansearch.search.progress import Progress
from chansearch.search.rundir import RunDirectory

ASKED = 200  # it is stopped when everything was seen
_TOLD = r'^ray_chansearch_(\w+)\{.*run="watched".*\} (\S+)$'


class Search(Process):
    """Ray tells of its metrics every ten seconds otherwise, in which a small search is over."""

    ENVIRONMENT: Mapping[str, str] = MappingProxyType({"RAY_metrics_report_interval_ms": "1000"})


@dataclass(frozen=True)
class Seen:
    """A search that was stopped, and what was seen of it until then."""

    run: RunDirectory
    out: str  # from its first candidate on
    told: dict[str, float]  # what Prometheus would have got, by name
    watched: Process  # `chansearch watch`, which has ended by itself
    code: int


@pytest.fixture(scope="module")
def seen(tmp_path_factory) -> Seen:
    folder = tmp_path_factory.mktemp("watched")
    search = Search("search", *TINY, f"search.candidates={ASKED}", "name=watched", cwd=folder)
    url = search.read_until("metrics: ").split()[1]
    search.read_until("run: results/watched")
    watched = Process("watch", "--interval", "0.2", cwd=folder)
    first = watched.read_until("[")
    told = _told(search, url)
    search.press_ctrl_c()
    code = watched.wait()
    watched.out = first + watched.out
    return Seen(RunDirectory(folder / "results" / "watched"), search.out, told, watched, code)


def _told(search: Process, url: str) -> dict[str, float]:
    """The metrics at the address, from when they know how fast it goes and how good the best is."""
    deadline, told = time.monotonic() + PATIENCE, {}
    while search.runs() and not {"best_top1", "images_per_second"} <= told.keys() and time.monotonic() < deadline:
        time.sleep(0.2)
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=60) as answer:
            told = {name: float(value) for name, value in re.findall(_TOLD, answer.read().decode(), re.MULTILINE)}
    return told


@pytest.mark.slow
class TestASecondTerminal:
    def test_shows_a_line_a_candidate_as_the_search_has_it(self, seen):
        shown, searched = (
            [line.split(" | ")[0] for line in text.splitlines() if line.startswith("[")]
            for text in (seen.watched.out, seen.out)
        )
        assert shown and shown == searched[-len(shown) :]

    def test_ends_with_the_search_and_says_how_to_go_on(self, seen):
        assert (seen.code, seen.watched.err) == (0, "")
        ended = len(seen.run.records())
        assert seen.watched.out.splitlines()[-1] == (
            f"cut off after {ended} of {ASKED} candidates; go on with `chansearch resume results/watched`"
        )

    def test_says_the_same_of_the_best(self, seen):
        last, own = (re.findall(r"best [\d.]+ % by [\d-]+", text)[-1] for text in (seen.watched.out, seen.out))
        assert last == own


@pytest.mark.slow
class TestPrometheus:
    def test_is_told_where_the_search_stands(self, seen):
        assert seen.told["candidates_asked"] == ASKED
        assert 1 <= seen.told["candidates_done"] <= len(seen.run.records())
        assert seen.told["candidates_failed"] == 0
        assert seen.told["trainings_under_way"] >= 1

    def test_is_told_the_best_accuracy(self, seen):
        means = [record.val_top1_mean for record in seen.run.records()]
        assert any(seen.told["best_top1"] == pytest.approx(mean, abs=1e-3) for mean in means)

    def test_is_told_what_was_trained(self, seen):
        assert seen.told["epochs_total"] >= 2
        assert seen.told["images_total"] % (2 * 3 * 64) == 0  # seeds, whole batches in 200 images
        assert seen.told["images_per_second"] > 0


class TestWithoutRaysMetrics:
    def test_the_search_goes_on_and_says_so_once(self, monkeypatch):
        import ray.util.metrics

        def refuse(*_, **__):
            raise RuntimeError("no agent")

        monkeypatch.setattr(ray.util.metrics, "Gauge", refuse)
        said = []
        metrics = Metrics("run", said.append)
        metrics.show(Progress(2, 2, "val top-1"))
        metrics.epoch(100)
        assert said == ["metrics: Ray takes none (no agent); the search goes on without"]

    def test_a_name_in_any_script_is_a_tag(self):
        """Ray takes ASCII alone."""
        said = []
        metrics = Metrics("jörg\x1b", said.append)
        metrics.show(Progress(2, 2, "val top-1"))
        metrics.epoch(100)
        metrics.epoch(100)
        assert said == []
