"""Curves of candidates that were started again."""

from chansearch.report.curves import Curve, mean_curves
from chansearch.search.candidate import CurvePoint


def points(candidate, *epochs_and_top1, seed=0):
    return [CurvePoint(candidate, seed, epoch, 0.1, 1.0, top1) for epoch, top1 in epochs_and_top1]


def test_mean_over_seeds():
    written = points(4, (1, 10.0), (2, 30.0)) + points(4, (1, 20.0), (2, 40.0), seed=1) + points(1, (1, 5.0))
    assert mean_curves(written) == (Curve(1, (1,), (5.0,)), Curve(4, (1, 2), (15.0, 35.0)))


def test_the_later_training_counts_and_the_earlier_ones_rest_is_dropped():
    written = points(0, (1, 10.0), (2, 20.0), (3, 30.0)) + points(0, (1, 11.0), (2, 21.0))
    assert mean_curves(written) == (Curve(0, (1, 2), (11.0, 21.0)),)


def test_an_epoch_that_one_seed_lacks_is_left_out():
    written = points(0, (1, 10.0), (2, 20.0)) + points(0, (1, 12.0), seed=1)
    assert mean_curves(written) == (Curve(0, (1,), (11.0,)),)


def test_no_points_no_curves():
    assert mean_curves([]) == ()
