"""Rank correlations and reliability, against SciPy, NumPy's least squares and sums written out."""

import numpy as np
import pytest
from scipy import stats

from chansearch.report.correlation import (
    Interval,
    intraclass,
    kendall,
    partial_kendall,
    partial_spearman,
    pearson,
    resample_weights,
    spearman,
)

ORACLES = [
    (pearson, stats.pearsonr),
    (spearman, stats.spearmanr),
    (kendall, stats.kendalltau),
]


@pytest.mark.parametrize(("own", "oracle"), ORACLES, ids=["pearson", "spearman", "kendall"])
@pytest.mark.parametrize("ties", [False, True])
def test_coefficients_equal_scipys_on_the_table_and_on_every_resample(own, oracle, ties):
    rng = np.random.default_rng(3)
    x = rng.normal(size=25)
    y = x + rng.normal(size=25)
    if ties:
        x, y = x.round(0), y.round(0)
    weights = resample_weights(25)[:60]
    values = own(x, y, weights)
    for row, value in zip(weights.astype(int), values, strict=True):
        chosen = np.repeat(np.arange(25), row)
        assert value == pytest.approx(oracle(x[chosen], y[chosen])[0], abs=1e-12)


@pytest.mark.parametrize("own", [own for own, _ in ORACLES])
def test_no_spread_correlates_with_nothing(own):
    assert own(np.ones(5), np.arange(5.0), np.ones((2, 5))).tolist() == [0, 0]


def test_resamples_are_bootstrap_resamples():
    weights = resample_weights(30)
    assert (weights[0] == 1).all()
    assert (weights.sum(axis=1) == 30).all()
    assert weights[1:].var() == pytest.approx(1 - 1 / 30, rel=0.05)


def icc_by_hand(scores: np.ndarray) -> tuple[float, float]:
    """McGraw and Wong's table, written out with loops."""
    n, k = scores.shape
    grand = scores.mean()
    rows = k * sum((row.mean() - grand) ** 2 for row in scores) / (n - 1)
    rest = sum((scores[i, j] - scores[i].mean() - scores[:, j].mean() + grand) ** 2 for i in range(n) for j in range(k))
    error = rest / ((n - 1) * (k - 1))
    return (rows - error) / (rows + (k - 1) * error), (rows - error) / rows


def test_intraclass_correlation_by_hand_and_on_resamples():
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(20, 1)) + 0.7 * rng.normal(size=(20, 3)) + [0.0, 5.0, -2.0]
    weights = resample_weights(20)[:20]
    one, every = intraclass(scores, weights)
    for row, *values in zip(weights.astype(int), one, every, strict=True):
        assert values == pytest.approx(icc_by_hand(scores[np.repeat(np.arange(20), row)]))


def left_by_hand(x: np.ndarray, held: list[np.ndarray]) -> np.ndarray:
    """Ranks minus NumPy's best fit of the others' ranks."""
    ranks, *others = (stats.rankdata(values) for values in (x, *held))
    design = np.column_stack([np.ones(len(x)), *others])
    return ranks - design @ np.linalg.lstsq(design, ranks, rcond=None)[0]


@pytest.mark.parametrize("ties", [False, True])
def test_partial_correlations_are_those_of_what_a_fit_leaves(ties):
    rng = np.random.default_rng(5)
    size, depth = rng.normal(size=(2, 30))
    x, y = 2 * size + rng.normal(size=30), size - depth + rng.normal(size=30)
    held = [size, depth]
    if ties:
        x, y, *held = (values.round(0) for values in (x, y, *held))
    weights = resample_weights(30)[:20]
    rho, tau = (partial(x, y, held, weights) for partial in (partial_spearman, partial_kendall))
    for row, own_rho, own_tau in zip(weights.astype(int), rho, tau, strict=True):
        chosen = np.repeat(np.arange(30), row)
        left = [left_by_hand(values[chosen], [z[chosen] for z in held]) for values in (x, y)]
        assert own_rho == pytest.approx(stats.pearsonr(*left)[0], abs=1e-6)
        assert own_tau == pytest.approx(stats.kendalltau(*(values.round(6) for values in left))[0], abs=1e-6)


def test_one_held_quantity_gives_the_textbook_formula():
    x, y, z = np.random.default_rng(2).normal(size=(3, 40))
    xy, xz, yz = (stats.spearmanr(*pair)[0] for pair in ((x, y), (x, z), (y, z)))
    expected = (xy - xz * yz) / np.sqrt((1 - xz**2) * (1 - yz**2))
    assert partial_spearman(x, y, [z], np.ones((1, 40)))[0] == pytest.approx(expected)


@pytest.mark.parametrize("partial", [partial_spearman, partial_kendall])
def test_what_is_held_correlates_with_nothing(partial):
    x, y = np.random.default_rng(2).normal(size=(2, 40))
    constant = np.ones(40)
    assert not partial(np.exp(x), y, [x, constant], resample_weights(40)[:5]).any()


def test_an_interval_is_of_the_resamples_and_its_value_of_the_table():
    interval = Interval.of(np.array([7.0, *range(101)]))
    assert (interval.value, interval.low, interval.high) == pytest.approx((7, 2.5, 97.5))
    assert interval.columns("rho") == {"rho": "7", "rho_low": "2.5", "rho_high": "97.5"}
