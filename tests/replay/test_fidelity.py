"""What early epochs and seeds say, against SciPy and against variances that are known."""

import dataclasses

import numpy as np
import pytest
from scipy import stats

from chansearch.replay.fidelity import agreements, reliability
from tests.replay.worlds import population


def test_reliability_finds_the_share_that_was_put_in():
    """Candidates vary by 0.75 points, seeds by 0.75: half of one seed's variance, three quarters of a mean of three."""
    people = population(60)
    rng = np.random.default_rng(1)
    ends = 60 + 0.75 * rng.normal(size=(60, 1)) + 0.75 * rng.normal(size=(60, 3))
    found = reliability(dataclasses.replace(people, val_top1=ends[:, :, None], test_top1=ends - 0.3))
    assert found.one_seed.low < 0.5 < found.one_seed.high
    assert found.all_seeds.low < 0.75 < found.all_seeds.high
    assert found.between_seeds.value == pytest.approx(found.one_seed.value, abs=0.05)
    assert found.val_test.value == pytest.approx(1)


def test_a_single_seed_has_no_noise_to_know():
    people = population(12, seeds=1, epochs=3)
    found = reliability(people)
    assert (found.between_seeds, found.one_seed, found.all_seeds) == (None, None, None)
    assert {agreement.what for agreement in agreements(people)} == {"one seed"}


class TestAgreements:
    def test_without_noise_every_epoch_ranks_as_the_last(self):
        for agreement in agreements(population(12, epochs=4)):
            assert agreement.spearman.value == pytest.approx(1)
            assert agreement.kendall.value == pytest.approx(1)

    def test_compare_what_they_say(self):
        people = population(15, seeds=2, epochs=3, noise=0.8, crossing=0.4)
        found = {(agreement.epoch, agreement.what): agreement.spearman.value for agreement in agreements(people)}
        then, last = people.val_top1[:, :, 1], people.val_top1[:, :, -1]

        def rho(x, y) -> float:
            return stats.spearmanr(x, y)[0]

        assert len(found) == 9
        assert found[2, "all seeds"] == pytest.approx(rho(then.mean(axis=1), last.mean(axis=1)))
        own = [rho(then[:, seed], last[:, seed]) for seed in (0, 1)]
        other = [rho(then[:, seed], last[:, 1 - seed]) for seed in (0, 1)]
        assert found[2, "one seed"] == pytest.approx(np.mean(own))
        assert found[2, "one seed, other seeds"] == pytest.approx(np.mean(other))

    def test_the_last_epoch_agrees_with_itself_and_not_with_other_seeds(self):
        people = population(30, epochs=5, noise=0.8)
        last = {a.what: a for a in agreements(people) if a.epoch == 5}
        assert last["all seeds"].spearman.low == pytest.approx(1)
        assert last["one seed"].spearman.low == pytest.approx(1)
        assert last["one seed, other seeds"].spearman.high < 1
