"""Whether the best of several retrained candidates is really better."""

import csv

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import stats

from chansearch.report.significance import (
    CONFIRM_COLUMNS,
    Retrained,
    confirm_rows,
    holm,
    judge,
    needed_seeds,
    summarise,
    welch,
    write_confirm,
)
from tests.report.synthetic import config, write_run

A, B, C = (34, 34, 45), (36, 36, 83), (20, 40, 60)
accuracies = st.lists(st.floats(0, 100), min_size=2, max_size=6)


@given(accuracies, accuracies)
@example([0.0, 0.0], [0.0, 8.9e-105])
def test_welch_is_scipys(first, second):
    found = welch(first, second)
    if min(np.ptp(first), np.ptp(second)) < 1e-3:  # scipy warns of lost precision and gives nan
        return
    expected = stats.ttest_ind(first, second, equal_var=False, alternative="greater")
    interval = stats.ttest_ind(first, second, equal_var=False).confidence_interval(0.95)
    assert found.p == pytest.approx(expected.pvalue, abs=1e-9)
    assert (found.low, found.high) == (pytest.approx(interval.low, rel=1e-6), pytest.approx(interval.high, rel=1e-6))


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, None]) == [pytest.approx(0.03), pytest.approx(0.06), pytest.approx(0.06), None]


@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_adjusts_upwards_and_keeps_the_order(values):
    adjusted = holm(values)
    assert all(before <= after <= 1 for before, after in zip(values, adjusted, strict=True))
    order = np.argsort(values, kind="stable")
    assert all(np.diff(np.array(adjusted)[order]) >= 0)


def test_a_clear_winner():
    judged = judge(
        [(3, B, (62.5, 62.6, 62.4), 63.0), (8, A, (63.1, 63.2, 63.0), 63.4), (9, C, (62.2, 62.1, 62.4), 63.1)]
    )
    assert [contender.retrained.candidate for contender in judged.contenders] == [8, 3, 9]
    assert judged.best_is_better is True and judged.more_seeds is None
    assert judged.verdict.startswith("34-34-45 beats 36-36-83 by 0.60 points (95% interval ")
    assert judged.contenders[0].regression_to_mean == pytest.approx(0.3)
    assert judged.contenders[0].behind is None
    second, third = judged.contenders[1:]
    raw = sorted([second.behind.p, third.behind.p])
    assert sorted([second.p_holm, third.p_holm]) == [pytest.approx(2 * raw[0]), pytest.approx(max(2 * raw[0], raw[1]))]
    assert second.behind.p < 0.001


def test_contenders_that_cannot_be_told_apart():
    judged = judge([Retrained(0, A, (62.8, 63.0, 63.2), 65.0), Retrained(1, B, (62.6, 62.9, 63.1), 64.5)])
    assert judged.best_is_better is False
    assert "cannot be told apart" in judged.verdict and f"about {judged.more_seeds} more seeds" in judged.verdict
    assert 5 < judged.more_seeds < 100


def test_needed_seeds_give_the_power_they_promise():
    needed = needed_seeds(0.5, 2 * 0.4**2)
    rng = np.random.default_rng(0)
    samples = rng.normal([[[0.5]], [[0.0]]], 0.4, size=(2, 4000, needed))
    clear = stats.ttest_ind(samples[0], samples[1], axis=1, equal_var=False).pvalue < 0.05
    assert 0.78 < clear.mean() < 0.88


@pytest.mark.parametrize("contenders", [2, 10])
def test_equal_candidates_are_rarely_called_different(contenders):
    rng = np.random.default_rng(contenders)
    wrong = 0
    for _ in range(600):
        drawn = rng.normal(62, 0.3, size=(contenders, 3))
        wrong += judge([(n, A, tuple(row), 63.0) for n, row in enumerate(drawn)]).best_is_better
    assert wrong / 600 < 0.07


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ([(0, A, (63.0,), 64.0), (1, B, (62.0,), 64.0)], "One seed cannot tell"),
        ([(0, A, (63.0, 63.0), 64.0), (1, B, (62.0, 62.0), 64.0)], "no spread at all"),
        ([(0, A, (63.0, 62.0), 64.0)], "nothing to compare"),
        ([(0, A, (63.0, 62.0), 64.0), (1, B, (), 64.0)], "nothing to compare"),
        ([], "nothing can be said"),
    ],
)
def test_where_nothing_can_tell_it_says_so(entries, words):
    judged = judge(entries)
    assert judged.best_is_better is None and judged.more_seeds is None
    assert words in judged.verdict and words in summarise(judged)


def test_equal_means_ask_for_no_number_of_seeds():
    judged = judge([(1, A, (62.0, 63.0), 64.0), (0, B, (62.0, 63.0), 64.0)])
    assert [contender.retrained.candidate for contender in judged.contenders] == [0, 1]
    assert judged.best_is_better is False and judged.more_seeds is None
    assert "no number of seeds" in judged.verdict


def test_confirm_csv_and_summary(tmp_path):
    run = write_run(tmp_path / "run", [], config())
    judged = judge([(3, B, (62.5, 62.6), 63.0), (8, A, (63.1, 63.2), 63.4)])
    write_confirm(run, judged)
    with run.confirm_file.open(newline="", encoding="utf-8") as file:
        read = list(csv.DictReader(file))
    assert tuple(read[0]) == CONFIRM_COLUMNS
    assert read == [{column: str(value) for column, value in row.items()} for row in confirm_rows(judged)]
    assert read[0]["channels"] == "34-34-45" and read[0]["p_holm"] == ""
    text = summarise(judged)
    assert "#8 34-34-45" in text and judged.verdict in text and "regression to the mean" in text
