"""Differences between networks beside the noise of their seeds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_rel

from chansearch.studies.comparison import Difference, Scores, Spread, values_of
from chansearch.studies.trainings import Training

_TOP1 = st.floats(0, 100).map(lambda value: round(value, 2))


def _scores(values) -> Scores:
    values = np.array(values, dtype=float)
    return Scores(tuple("abcdefgh"[: len(values)]), tuple(range(values.shape[1])), values)


class TestContrast:
    @given(st.lists(st.tuples(_TOP1, _TOP1), min_size=2, max_size=8))
    def test_of_two_networks_is_the_paired_t_interval(self, pairs):
        values = np.array(pairs).T
        found = _scores(values).above("b", "a")
        assert found.mean == pytest.approx(values[1].mean() - values[0].mean())
        if np.ptp(values[1] - values[0]) > 1e-6:
            interval = ttest_rel(values[1], values[0]).confidence_interval(0.95)
            assert (found.mean - found.half, found.mean + found.half) == pytest.approx(tuple(interval), abs=1e-6)

    def test_sees_through_what_a_seed_gives_to_all_alike(self):
        luck = np.array([-5.0, 0.0, 5.0])
        found = _scores([50 + luck, 51 + luck + [0.1, -0.1, 0.0]]).above("b", "a")
        assert found.holds is True
        assert found.half < 1

    def test_of_groups_is_narrower_than_of_two(self):
        scores = _scores(np.random.default_rng(0).normal(size=(4, 3)))
        groups = scores.contrast({"a": 0.5, "b": 0.5, "c": -0.5, "d": -0.5})
        assert groups.mean == pytest.approx(scores.values[:2].mean() - scores.values[2:].mean())
        assert groups.half == pytest.approx(scores.above("a", "c").half / np.sqrt(2))

    def test_knows_no_noise_of_one_seed(self):
        found = _scores([[50.0], [60.0]]).above("b", "a")
        assert (found.mean, found.half, found.holds) == (10.0, None, None)
        assert "noise unknown" in found.describe(1)

    def test_is_none_where_a_network_has_no_scores(self):
        assert _scores([[50.0, 51.0]]).above("b", "a") is None


@pytest.mark.parametrize(
    ("difference", "holds", "text"),
    [
        (Difference(1.2, 0.4), True, "+1.20 ± 0.40 points"),
        (Difference(-1.2, 0.4), False, "-1.20 ± 0.40 points"),
        (Difference(0.3, 0.4), None, "+0.30 ± 0.40 points, within the noise of the seeds"),
    ],
)
def test_a_difference_says_what_it_is_worth(difference, holds, text):
    assert difference.holds is holds
    assert difference.describe(2, " points") == text


def test_scores_leave_failed_networks_and_unshared_seeds_out():
    trainings = [
        Training("a", 0, "finished", 3, 40.0, 41.0),
        Training("a", 1, "finished", 3, 42.0, 43.0),
        Training("b", 1, "stopped early", 2, 44.0, 45.0),
        Training("b", 0, "failed", reason="diverged"),
        Training("c", 0, "failed", reason="diverged"),
    ]
    scores = Scores.of(trainings, ("a", "b", "c"), "test_top1")
    assert (scores.networks, scores.seeds, scores.values.tolist()) == (("a", "b"), (1,), [[43.0], [45.0]])
    assert values_of(trainings, "a", "val_top1") == [40.0, 42.0]
    assert Spread.of(values_of(trainings, "c", "val_top1")) is None
    assert Spread.of([1.0, 3.0]).describe(1) == "2.0 ± 1.4"
    assert Spread.of([1.0]).describe(1) == "1.0"
