"""Distribution of the error, and linearity with its bootstrap interval."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chansearch.report.distribution import by_origin, edf, line_r2_interval
from chansearch.search.candidate import Origin
from tests.report.synthetic import make_record, population


@given(st.lists(st.integers(0, 1000).map(lambda tenths: tenths / 10), min_size=1, max_size=40), st.randoms())
def test_edf_rises_to_one_whatever_the_order(accuracies, chance: random.Random):
    records = [make_record(number, [top1]) for number, top1 in enumerate(accuracies)]
    curve = edf("all", records)
    assert np.all(np.diff(curve.errors) > 0) and np.all(np.diff(curve.share) > 0)
    assert curve.share[0] > 0 and curve.share[-1] == pytest.approx(1)
    for error, share in zip(curve.errors, curve.share, strict=True):
        assert share == pytest.approx(np.mean([100 - top1 <= error for top1 in accuracies]))
    chance.shuffle(records)
    assert np.array_equal(edf("all", records).share, curve.share)


def test_origins_are_told_apart_and_absent_ones_left_out():
    records = population(10, unguided=4)
    groups = by_origin(records)
    assert {origin: len(own) for origin, own in groups.items()} == {Origin.UNGUIDED: 4, Origin.SAMPLER: 6}
    assert list(by_origin(records[:4])) == [Origin.UNGUIDED]


def test_linearity_of_lines_and_steps():
    lines = [make_record(n, channels=(10 + n, 20 + n, 30 + n)) for n in range(5)]
    assert line_r2_interval(lines).mean == pytest.approx(1)
    assert line_r2_interval([make_record(0, channels=(36, 36, 36, 36, 83))]).mean == pytest.approx(0.5)


def test_interval_holds_the_mean_is_repeatable_and_shrinks():
    few, many = line_r2_interval(population(10)), line_r2_interval(population(160))
    assert few == line_r2_interval(population(10))
    assert few.low < few.mean < few.high
    assert many.high - many.low < few.high - few.low


def test_interval_covers_the_true_mean_about_as_often_as_it_says():
    everyone = population(2000, seeds=1)
    truth = line_r2_interval(everyone).mean
    intervals = [line_r2_interval(everyone[start : start + 40]) for start in range(0, 2000, 40)]
    assert np.mean([interval.low <= truth <= interval.high for interval in intervals]) >= 0.82


def test_one_candidate_has_no_interval():
    interval = line_r2_interval(population(1))
    assert (interval.low, interval.high, interval.count) == (None, None, 1)
