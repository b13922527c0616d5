"""Rungs, and the rule of the real scheduler as the oracle."""

import numpy as np
import pytest

from chansearch.config import SchedulerConfig
from chansearch.replay.rungs import AsynchronousRule, asynchronous_rungs, synchronous_rungs


@pytest.mark.parametrize(
    ("epochs", "grace", "reduction", "asynchronous", "synchronous"),
    [
        (30, 3, 3, (3, 9, 27), (3, 10, 30)),
        (30, 1, 3, (1, 3, 9, 27), (1, 3, 10, 30)),
        (27, 3, 3, (3, 9), (3, 9, 27)),
        (30, 3, 2, (3, 6, 12, 24), (3, 7, 15, 30)),
        (8, 3, 3, (3,), (8,)),
        (3, 3, 3, (), (3,)),
    ],
)
def test_where_they_are(epochs, grace, reduction, asynchronous, synchronous):
    assert asynchronous_rungs(epochs, grace, reduction) == asynchronous
    assert synchronous_rungs(epochs, grace, reduction) == synchronous


class _Trial:
    def __init__(self, number: int) -> None:
        self.trial_id = str(number)
        self.config = {"further": False}


@pytest.mark.parametrize(("epochs", "grace", "reduction"), [(30, 3, 3), (27, 3, 3), (30, 1, 2), (10, 4, 4), (5, 5, 3)])
@pytest.mark.parametrize("seed", range(3))
def test_decides_as_the_searchs_scheduler(epochs, grace, reduction, seed):
    """Candidate after candidate, every epoch reported, as one worker would; rounded so that ties occur."""
    from chansearch.search.runner import METRIC, make_scheduler

    scheduler = make_scheduler(SchedulerConfig("asha", grace, reduction), epochs)
    scheduler.set_search_properties(METRIC, "max")
    rungs = asynchronous_rungs(epochs, grace, reduction)
    rule = AsynchronousRule(rungs, reduction)
    top1 = np.random.default_rng(seed).uniform(40, 60, size=(60, epochs)).round(0)
    for number, curve in enumerate(top1):
        trial = _Trial(number)
        scheduler.on_trial_add(None, trial)
        theirs = epochs
        for epoch, mean in enumerate(curve, start=1):
            if scheduler.on_trial_result(None, trial, {"epoch": epoch, METRIC: mean}) == "STOP":
                theirs = epoch
                break
        ours = next((rung for rung in rungs if not rule.goes_on(rung, curve[rung - 1])), epochs)
        assert ours == theirs, number
