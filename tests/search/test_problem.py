"""The space of candidates as pure functions: numbers in, priced members out."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chansearch.cost import Verdict
from chansearch.errors import UserError
from chansearch.search.propose import check_reachable, unguided_values
from chansearch.space import parse_channels
from tests.search.problems import counted_by_hand, problem

PROBLEMS = [
    ("constraint=c1",),
    ("constraint=c2", "space=free", "search.method=reject"),
    ("constraint=c4", "space=hinge", "space.divisor=8"),
    ("constraint=d30_100m", "space=stagewise"),
    ("constraint=d18_30m", "search.method=reject"),
]
each_problem = pytest.mark.parametrize("overrides", PROBLEMS)


@each_problem
def test_draws_do_not_influence_each_other(overrides):
    drawn_from = problem(*overrides)
    batch = next(unguided_values(drawn_from, "random", 0))[:16]
    together = drawn_from.realise(batch)
    assert together == [drawn_from.realise([values])[0] for values in batch]
    assert together[::-1] == drawn_from.realise(batch[::-1])


@each_problem
@given(data=st.data())
@settings(max_examples=30)
def test_any_numbers_in_range_make_a_priced_member(overrides, data):
    drawn_from = problem(*overrides)
    values = {
        p.name: data.draw(st.integers(int(p.low), int(p.high)) if p.integer else st.floats(p.low, p.high))
        for p in drawn_from.parameters()
    }
    priced = drawn_from.realise([values])[0]
    assert list(priced.channels) == sorted(priced.channels)
    assert min(priced.channels) >= drawn_from.divisor
    assert priced.member.channels(drawn_from.divisor) == priced.channels
    costs = counted_by_hand(drawn_from.skeleton, priced.channels)
    assert {name: priced.costs[name] for name in costs} == costs
    inside = all(band.low <= costs[name] <= band.high for name, band in drawn_from.budget.bands.items())
    assert (priced.verdict is Verdict.WITHIN) == inside == (priced.miss == 0)


@pytest.mark.parametrize("overrides", [("constraint=c1",), ("constraint=c2", "space=free"), ("constraint=d30_200m",)])
def test_solving_lands_where_it_was_asked_to(overrides):
    """Within what rounding moves: half a channel a block."""
    drawn_from = problem(*overrides)
    for position in (0.0, 0.5, 1.0):
        draws = next(unguided_values(drawn_from, "random", 0))
        names = [p.name for p in drawn_from.parameters() if p.name.startswith("land_")]
        priced = drawn_from.realise([values | dict.fromkeys(names, position) for values in draws])
        for quantity, band in drawn_from.budget.bands.items():
            found = np.array([one.costs[quantity] for one in priced]) / band.at(position)
            assert abs(np.median(found) - 1) < 0.02, (quantity, position)


def test_one_budget_leaves_the_start_free():
    drawn_from = problem("constraint=d18_30m", "space=linear")
    assert [p.name for p in drawn_from.parameters()] == ["land_macs", "start"]
    priced = drawn_from.realise([{"land_macs": 0.5, "start": start} for start in (0.1, 0.5, 1.0)])
    ratios = [one.channels[0] / one.channels[-1] for one in priced]
    assert ratios == pytest.approx([0.1, 0.5, 1.0], abs=0.02)
    assert all(one.verdict is Verdict.WITHIN for one in priced)


def test_both_ways_draw_from_the_same_shapes():
    solve, reject = (problem("constraint=c2", f"search.method={method}") for method in ("solve", "reject"))
    assert solve.family == reject.family
    names = [{p.name for p in one.parameters()} for one in (solve, reject)]
    assert names[0] - names[1] == {"land_params", "land_macs"}
    assert names[1] - names[0] == {"a", "b"}


def test_the_classifier_counts_where_it_was_asked_to():
    without, within = (problem("constraint=c1", f"constraint.budget.count_classifier={c}") for c in ("false", "true"))
    values = next(unguided_values(without, "random", 0))[0]
    for one in (without, within):
        priced = one.realise([values])[0]
        extra = 1280 * 10 + 10 if one is within else 0
        assert priced.costs["params"] == counted_by_hand(one.skeleton, priced.channels)["params"] + extra


class TestReachability:
    @pytest.mark.parametrize(
        "overrides",
        [
            ("constraint=c1", "constraint.budget.macs.target=300M"),
            ("constraint=c1", "constraint.budget.macs.target=1M"),
            ("constraint=c1", "constraint.budget.params.target=1K"),
            ("constraint=c2", "space=linear", "constraint.budget.params.tolerance=1e-9"),
            ("constraint=c1", "space.divisor=64"),
            ("constraint=d18_30m", "constraint.budget.macs={target: null, at_most: 1K}"),
        ],
    )
    def test_an_impossible_budget_names_the_nearest_configuration(self, overrides):
        drawn_from = problem(*overrides)
        with pytest.raises(UserError) as caught:
            check_reachable(drawn_from, seed=0)
        message = str(caught.value)
        assert message.startswith("constraint.budget: no configuration meets ")
        assert drawn_from.budget.describe() in message
        found = re.search(r"params ([\d,]+) and MACs ([\d,]+) \(([\d-]+)\)$", message)
        channels = parse_channels(found[3])
        costs = counted_by_hand(drawn_from.skeleton, channels)
        assert [costs["params"], costs["macs"]] == [int(found[n].replace(",", "")) for n in (1, 2)]
        assert drawn_from.budget.verdicts(drawn_from.priced(np.array([channels]))) != [Verdict.WITHIN]

    def test_the_nearest_can_be_reached(self):
        """With its own costs as the target, the search has a candidate."""
        with pytest.raises(UserError) as caught:
            check_reachable(problem("constraint=c1", "constraint.budget.macs.target=300M"), seed=0)
        params, macs = re.search(r"params ([\d,]+) and MACs ([\d,]+)", str(caught.value)).groups()
        check_reachable(
            problem(
                "constraint=c1",
                f"constraint.budget.params.target={params.replace(',', '')}",
                f"constraint.budget.macs.target={macs.replace(',', '')}",
            ),
            seed=0,
        )

    @pytest.mark.parametrize("method", ["solve", "reject"])
    def test_does_not_depend_on_the_method(self, method):
        check_reachable(problem("constraint=c4", f"search.method={method}"), seed=0)
