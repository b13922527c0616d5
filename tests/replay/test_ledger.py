"""What is charged, and who leads."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chansearch.replay.ledger import Ledger, Step

M, S, E = 5, 3, 6
PAID = st.tuples(st.integers(0, M - 1), st.integers(1, S), st.integers(1, E))


def accuracies(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(10, 60, size=(M, S, E))


@given(st.lists(PAID, max_size=40))
def test_an_epoch_is_charged_once(trainings):
    ledger, seen = Ledger(accuracies()), set()
    for candidate, seeds, epochs in trainings:
        ledger.train(candidate, seeds, epochs)
        seen |= {(candidate, seed, epoch) for seed in range(seeds) for epoch in range(epochs)}
    assert ledger.spent == len(seen)


@given(st.lists(PAID, min_size=1, max_size=40))
def test_the_incumbent_is_the_best_of_the_furthest(trainings):
    top1 = accuracies(1)
    ledger, trained = Ledger(top1), np.zeros((M, S), dtype=int)
    for candidate, seeds, epochs in trainings:
        trained[candidate, :seeds] = np.maximum(trained[candidate, :seeds], epochs)
        ledger.train(candidate, seeds, epochs)
        furthest = trained.sum(axis=1)
        means = [
            np.mean([top1[c, s, trained[c, s] - 1] for s in range(S) if trained[c, s]])
            if furthest[c] == furthest.max()
            else -1
            for c in range(M)
        ]
        assert ledger.steps[-1].incumbent == int(np.argmax(means))


def test_gives_the_mean_of_what_was_paid():
    top1 = accuracies()
    assert Ledger(top1).train(2, 2, 4) == pytest.approx((top1[2, 0, 3] + top1[2, 1, 3]) / 2)


def test_steps_are_changes_of_the_incumbent():
    top1 = np.broadcast_to(np.array([10.0, 30.0, 20.0])[:, None, None], (3, 2, 4))
    ledger = Ledger(top1)
    for candidate in range(3):
        ledger.train(candidate, 2, 4)
    assert ledger.steps == (Step(8, 0), Step(16, 1))
    assert ledger.spent == 24


def test_ties_stay_with_the_earlier_one():
    ledger = Ledger(np.full((3, 1, 2), 50.0))
    for candidate in (2, 0, 1):
        ledger.train(candidate, 1, 2)
    assert ledger.steps == (Step(2, 2),)
