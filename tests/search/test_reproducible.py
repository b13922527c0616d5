"""The same seed and versions give the same search again: candidates, and accuracies to the last bit."""

import csv

import pytest

from tests.search.live import search

# Times, and what is worked out of them.
_TIMES = {"seconds", "eval_seconds", "wall_seconds"}


@pytest.mark.slow
def test_two_searches_are_one(cluster, tmp_path):
    tables = []
    asked = (cluster, "cluster.workers=1", "search.candidates=2", "sampler.startup=2")
    for name in ("first", "second"):
        run = search(tmp_path, f"name={name}", *asked).run
        with run.candidates_file.open(newline="") as file:
            rows = [{key: row[key] for key in row if key not in _TIMES} for row in csv.DictReader(file)]
        tables.append((rows, run.curves_file.read_text()))
    assert len(tables[0][0]) == 2
    assert len(tables[0][1].splitlines()) == 1 + 2 * 2 * 2  # candidates, seeds, epochs
    assert tables[0] == tables[1]
