"""The statistics of ``study proxies``: counted out by hand, and on worlds whose answer is known."""

import math

import numpy as np
import pytest
from scipy import stats

from chansearch.errors import UserError
from chansearch.report.correlation import resample_weights
from chansearch.search.candidate import Origin, State
from chansearch.studies.ranking import Ceiling, Trained, judge, prescreen_gains
from tests.report.synthetic import make_record, population

ONES = np.ones((1, 30))


def better_with_size(channels: tuple[int, ...]) -> float:
    return 50 + 0.1 * sum(channels)


def judged(scores, trained, target="test", draws=5):
    return judge("it", np.asarray(scores, dtype=float), trained, target, draws)


@pytest.fixture(scope="module")
def trained() -> Trained:
    return Trained.of(population(30, quality=better_with_size, noise=0.5), "here")


def test_the_truth_itself_is_a_perfect_score(trained):
    truth = trained.mean("test")
    found = judged(truth, trained)
    assert found.rho.value == found.tau.value == pytest.approx(1)
    assert found.rho_held.value == pytest.approx(1)
    assert found.top_share.value == 1
    assert found.gain.low > 0


def test_plain_coefficients_are_scipys(trained):
    scores = np.random.default_rng(4).normal(size=30) + trained.mean("test")
    found = judged(scores, trained)
    assert found.rho.value == pytest.approx(stats.spearmanr(scores, trained.mean("test"))[0])
    assert found.tau.value == pytest.approx(stats.kendalltau(scores, trained.mean("test"))[0])
    assert found.rho.low < found.rho.value < found.rho.high


def test_what_is_params_alone_is_nothing_with_params_held(trained):
    found = judged(np.log(trained.params), trained)
    assert found.tau.value > 0.3
    assert found.tau_held.value == found.rho_held.value == 0


def test_a_score_that_is_the_same_for_all_says_nothing(trained):
    found = judged(np.ones(30), trained)
    assert (found.rho.value, found.tau.value, found.tau_held.value, found.gain.value) == (0, 0, 0, 0)


def test_minus_infinity_is_a_rank(trained):
    scores = trained.mean("test").copy()
    scores[scores.argmin()] = -math.inf
    assert judged(scores, trained).tau.value == pytest.approx(1)


def test_the_share_of_the_top_tenth_is_counted():
    """The three best of thirty by truth are 29, 28 and 27; the score has 29 and 27 in its best ten."""
    records = [make_record(n, [60.0 + n], test_top1=[50.0 + n], seeds=[0]) for n in range(30)]
    scores = np.arange(30, dtype=float)
    scores[28], scores[5] = 5, 28
    assert judged(scores, Trained.of(records, "here")).top_share.value == pytest.approx(2 / 3)


def test_the_gain_of_a_perfect_score_is_that_of_the_best_over_a_few():
    """Every order's best by score is the best of all; without, it is the best of n/k random ones."""
    truth = np.arange(30, dtype=float)
    [gain] = prescreen_gains(truth, truth, truth, 5, ONES)
    # The largest of 6 of 0 … 29, drawn without replacement, is 6/7 · 31 − 1 on average.
    assert gain == pytest.approx(29 - (6 / 7 * 31 - 1), abs=1.2)
    [loss] = prescreen_gains(-truth, truth, truth, 5, ONES)
    assert loss < -3


def test_the_winner_is_chosen_without_the_truth():
    """Where val_top1 points the wrong way, a good score of what is trained cannot make up for it."""
    truth = np.arange(30, dtype=float)
    [gain] = prescreen_gains(truth, -truth, truth, 5, ONES)
    assert gain > 0  # the worst of the groups' best beats the worst of six
    weights = resample_weights(30)[:3]
    assert prescreen_gains(truth, truth, truth, 5, weights).shape == (3,)


def test_the_ceiling_is_the_root_of_the_reliability():
    rng = np.random.default_rng(1)
    quality = rng.normal(size=(400, 1))
    top1 = 60 + quality + rng.normal(size=(400, 3))  # three quarters of the mean's variance are the candidates'
    ceiling = Ceiling.of(top1)
    assert ceiling.reliability.low < 0.75 < ceiling.reliability.high
    assert ceiling.rho == pytest.approx(np.corrcoef(quality[:, 0], top1.mean(axis=1))[0, 1], abs=0.05)
    assert ceiling.tau == pytest.approx(stats.kendalltau(quality[:, 0], top1.mean(axis=1))[0], abs=0.05)
    assert Ceiling.of(top1[:, :1]) is None


def test_only_unguided_whole_trainings_with_the_same_seeds_are_judged():
    records = population(14)
    odd = [
        make_record(14, [60.0] * 3, test_top1=[60.0] * 3, origin=Origin.SAMPLER),
        make_record(15, [60.0] * 3, test_top1=[60.0] * 3, origin=Origin.PRESCREENED),
        make_record(16, [60.0] * 3, state=State.STOPPED_AT_RUNG),
        make_record(17, [60.0], test_top1=[60.0]),
    ]
    trained = Trained.of(records + odd, "here")
    assert [record.candidate.number for record in trained.records] == list(range(14))
    assert trained.left_out == 4
    with pytest.raises(UserError, match=r"run: here has 9 unguided candidates .* of 13; 10 or more are needed"):
        Trained.of(records[:9] + odd, "here")
    with pytest.raises(UserError, match="run: here has 0 unguided"):
        Trained.of([], "here")
