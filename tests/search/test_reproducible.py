"""The same seed and versions give the same candidates and, bit for bit, the same accuracies."""

import csv

import pytest

from benchmarks.processes import TINY, rows
from chansearch.config import compose
from chansearch.nets import NetworkSpec
from chansearch.search.candidate import Outcome, Record, State
from chansearch.search.plan import make_plan
from chansearch.search.propose import Proposer
from chansearch.search.worker import reports
from chansearch.train.data import load
from tests.search.live import Search, search

TIMES = {"seconds", "eval_seconds", "wall_seconds"}
STAGES = ("scheduler=contenders", "scheduler.contenders=2", "scheduler.grace_epochs=null")


def table(found: Search) -> list[dict[str, str]]:
    """``candidates.csv`` by number and seeds, without times."""
    timeless = ({key: value for key, value in row.items() if key not in TIMES} for row in rows(found.run))
    return sorted(timeless, key=lambda row: (int(row["candidate"]), len(row["seeds"])))


def curves(found: Search) -> list[tuple]:
    with found.run.curves_file.open(newline="") as file:
        return sorted(tuple(row.values()) for row in csv.DictReader(file))


@pytest.mark.slow
def test_two_searches_with_two_workers_each_are_equal_to_the_bit(tmp_path, cluster):
    """Which worker trains a candidate, after which other, and who ends first are chance; nothing recorded is."""
    first, second = (search(tmp_path, cluster, *STAGES, "search.candidates=5", f"name={name}") for name in "ab")
    assert table(first) == table(second)
    assert curves(first) == curves(second)
    assert len(curves(first)) == 2 * (5 + 2)


@pytest.mark.parametrize("sampler", ["tpe", "cmaes"])
def test_a_guided_search_on_one_worker_is_equal_to_the_bit(sampler):
    """What one worker computes, in this process: each candidate is told before the next is asked for."""
    config = compose([*TINY, f"sampler={sampler}", "sampler.startup=2", "train.seeds=1"])
    plan = make_plan(config, classes=10)
    dataset = load(config.data, plan.skeleton.input_size, plan.skeleton.in_channels)

    def run() -> list[tuple]:
        proposer = Proposer(plan.problem, sampler, config.search.seed, config.sampler.startup)
        return [_trained(proposer, plan.skeleton, dataset, config.train) for _ in range(5)]

    assert run() == run()


def _trained(proposer: Proposer, skeleton: NetworkSpec, dataset, recipe) -> tuple:
    candidate = proposer.propose().candidate
    *_, end = reports({"channels": candidate.channels, "seeds": (0,)}, dataset, skeleton, recipe)
    top1 = tuple(end["val_top1"])
    proposer.tell(Record(candidate, Outcome(State(end["ended"]), (0,), top1, tuple(end["test_top1"]), epochs=2)))
    return candidate.channels, top1, tuple(end["train_loss"]), tuple(end["test_top1"])
