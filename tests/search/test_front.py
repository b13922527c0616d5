"""The Pareto front, against its definition."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from chansearch.search.front import front, non_dominated
from chansearch.search.objectives import Objectives
from tests.report.synthetic import make_record
from tests.search.problems import failed, first, problem

# Few different values: ties and equal points are what can go wrong.
POINTS = st.integers(1, 4).flatmap(
    lambda k: arrays(
        float,
        st.tuples(st.integers(0, 25), st.just(k)),
        elements=st.sampled_from([0.0, 1.0, 2.0, 2.5, math.inf]),
    )
)


def dominates(one, other) -> bool:
    pairs = list(zip(one, other, strict=True))
    return all(a <= b for a, b in pairs) and any(a < b for a, b in pairs)


@given(POINTS)
def test_is_what_no_point_dominates(points):
    rows = points.tolist()
    by_definition = [not any(dominates(other, one) for other in rows) for one in rows]
    assert non_dominated(points).tolist() == by_definition


@given(POINTS, st.randoms())
def test_does_not_depend_on_the_order(points, random):
    order = list(range(len(points)))
    random.shuffle(order)
    assert non_dominated(points[order]).tolist() == non_dominated(points)[order].tolist()


ACCURACY_AND_MACS = Objectives(("macs",))
SMALL, LARGE = (10, 10, 20, 20, 30), (34, 34, 45, 55, 66)


def test_the_cheapest_comes_first():
    records = [make_record(0, [70.0], channels=LARGE), make_record(1, [60.0], channels=SMALL)]
    assert [record.candidate.number for record in front(records, ACCURACY_AND_MACS)] == [1, 0]


def test_equals_are_both_on_it_and_what_costs_the_same_for_less_is_not():
    records = [make_record(number, [top1], channels=SMALL) for number, top1 in ((0, 60.0), (1, 61.0), (2, 61.0))]
    assert [record.candidate.number for record in front(records, ACCURACY_AND_MACS)] == [1, 2]


def test_only_those_that_may_be_ranked():
    [proposal] = first(problem("constraint=c1"), "random", 0, 1)
    diverged = make_record(1, [float("nan")])
    assert front([failed(proposal), diverged], ACCURACY_AND_MACS) == []


def test_a_candidate_without_its_latency_is_on_no_front_of_latencies():
    assert front([make_record(0)], Objectives(("latency",))) == []


def test_of_accuracy_alone_it_is_the_best():
    records = [make_record(number, [top1]) for number, top1 in enumerate((60.0, 62.0, 61.0))]
    assert [record.candidate.number for record in front(records, Objectives())] == [1]


@pytest.mark.parametrize("count", [500])
def test_grows_with_what_is_on_it(count):
    """A line of trade-offs: all of them; turned round: the best end alone."""
    line = np.stack([np.arange(count), np.arange(count)[::-1]], axis=1).astype(float)
    assert non_dominated(line).all()
    assert non_dominated(np.stack([line[:, 0], line[:, 0]], axis=1)).tolist() == [True] + [False] * (count - 1)
