"""Budgets: what is within a band, and counts as people write them."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chansearch.cost import Band, Budget, Costs, Verdict, parse_count, price
from chansearch.cost.budget import format_count
from chansearch.errors import UserError
from tests.nets.specs import search_spec
from tests.space.golden import GOLDEN, TABLE_3


def costs_of(params, macs) -> Costs:
    params, macs = np.array(params), np.array(macs)
    return Costs(params=params, macs=macs, activations=np.zeros_like(params), peak_activations=np.zeros_like(params))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0.2M", 2e5),
        ("30e6", 3e7),
        (200000, 2e5),
        (2.5e5, 2.5e5),
        ("3B", 3e9),
        ("3G", 3e9),
        ("1.5k", 1500),
        ("350m", 3.5e8),
        (" 12 K ", 12000),
        ("1e-1M", 1e5),
        ("2E+3", 2000),
        (".5M", 5e5),
        (10**16 + 0.0, 1e16),
    ],
)
def test_parses_counts(value, expected):
    assert parse_count("constraint.budget.params", value) == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize(
    "value",
    ["", "M", "many", "-5", -5, 0, "0M", 0.0, "1.2.3", ".", "1e999", "nan", "inf", float("nan"), float("inf"),
     "200,000", "30 e6", "3MM", "3T", "0x10", True, False, None, [30], {"target": 3}, "30M\n40M"],
    ids=repr,
)  # fmt: skip
def test_bad_counts_name_their_key(value):
    with pytest.raises(UserError, match=r"^constraint\.budget\.macs: ") as error:
        parse_count("constraint.budget.macs", value)
    assert repr(value) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("count", "text"),
    [(200000, "0.2M"), (28606208, "28.61M"), (3.1e9, "3.1B"), (1500, "1.5K"), (99000, "99K"), (100000, "0.1M"),
     (12, "12"), (1e6, "1M")],
)  # fmt: skip
def test_counts_for_people(count, text):
    assert format_count(count) == text


@given(st.floats(1, 1e12))
def test_a_printed_count_can_be_read_back(count):
    assert parse_count("params", format_count(count)) == pytest.approx(count, rel=1e-3)


def test_band_around_a_target():
    band = Band.around(200, 0.1)
    assert (band.low, band.high) == pytest.approx((180, 220))
    assert band.landing == band
    assert band.at(np.array([0, 0.5, 1])) == pytest.approx([180, 200, 220])


def test_band_at_most_lands_in_its_upper_tenth():
    band = Band.at_most(200)
    assert (band.low, band.high) == (0, 200)
    assert (band.landing.low, band.landing.high) == pytest.approx((180, 200))
    assert band.at(0.5) == pytest.approx(190)
    assert band.miss([0, 1, 200]).tolist() == [0, 0, 0]


def test_miss_is_relative_and_signed():
    misses = Band(100, 200).miss([50, 99, 100, 150, 200, 220])
    assert misses == pytest.approx([-0.5, -0.01, 0, 0, 0, 0.1])


@given(st.floats(1, 1e9), st.floats(0, 0.5), st.floats(0, 1))
def test_every_landing_is_inside(target, tolerance, position):
    for band in (Band.around(target, tolerance), Band.at_most(target)):
        at = band.at(position)
        assert band.low * (1 - 1e-12) <= at <= band.high * (1 + 1e-12)


def test_a_budget_bounds_something():
    with pytest.raises(UserError, match=r"^constraint\.budget: "):
        Budget()


@pytest.mark.parametrize(
    ("params", "macs", "verdict"),
    [
        (200, 30, Verdict.WITHIN),
        (180, 27, Verdict.WITHIN),  # the ends belong to the band
        (220, 33, Verdict.WITHIN),
        (179, 30, Verdict.UNDER),
        (200, 26, Verdict.UNDER),
        (221, 30, Verdict.OVER),
        (200, 34, Verdict.OVER),
        (179, 34, Verdict.OVER),  # over one and under the other counts as over
        (221, 26, Verdict.OVER),
    ],
)
def test_verdicts(params, macs, verdict):
    budget = Budget(params=Band(180, 220), macs=Band(27, 33))
    assert budget.verdicts(costs_of([params], [macs])) == [verdict]


@pytest.mark.parametrize(
    ("params", "macs", "verdict"),
    [(0, 30, Verdict.WITHIN), (220, 30, Verdict.WITHIN), (221, 30, Verdict.OVER), (1, 26, Verdict.UNDER)],
)
def test_at_most_is_never_missed_from_below(params, macs, verdict):
    budget = Budget(params=Band.at_most(220), macs=Band(27, 33))
    assert budget.verdicts(costs_of([params], [macs])) == [verdict]


def test_an_unbounded_quantity_is_free():
    assert Budget(macs=Band(27, 33)).verdicts(costs_of([10**12, 1], [30, 34])) == [Verdict.WITHIN, Verdict.OVER]
    assert Budget(params=Band(27, 33)).verdicts(costs_of([30, 34], [10**12, 1])) == [Verdict.WITHIN, Verdict.OVER]


def test_misses_have_one_column_a_band_in_a_fixed_order():
    budget = Budget(params=Band(100, 200), macs=Band(10, 20))
    assert list(budget.bands) == ["params", "macs"]
    misses = budget.misses(costs_of([50, 150, 220], [15, 25, 20]))
    assert misses == pytest.approx(np.array([[-0.5, 0], [0, 0.25], [0.1, 0]]))


def test_no_candidates_get_no_verdicts():
    assert Budget(params=Band(1, 2)).verdicts(costs_of([], [])) == []


@pytest.mark.parametrize("row", TABLE_3.values(), ids=TABLE_3)
def test_table_3_is_within_a_tenth_of_its_constraint(row):
    constraint = GOLDEN["constraints"][row["constraint"]]
    budget = Budget(
        params=Band.around(constraint["target_params"], 0.1), macs=Band.around(constraint["working_macs"], 0.1)
    )
    costs = price(search_spec(row["constraint"]), np.array([row["channels"]]), count_classifier=budget.count_classifier)
    assert budget.verdicts(costs) == [Verdict.WITHIN], budget.misses(costs)


@pytest.mark.parametrize(
    ("budget", "text"),
    [
        (
            Budget(Band.around(2e5, 0.1), Band.around(3e7, 0.1)),
            "params 0.18M to 0.22M and MACs 27M to 33M, classifier not counted",
        ),
        (Budget(params=Band.at_most(1e6), count_classifier=True), "params at most 1M, classifier counted"),
        (Budget(macs=Band(28.5e6, 3.1e9)), "MACs 28.5M to 3.1B, classifier not counted"),
    ],
)
def test_describe(budget, text):
    assert budget.describe() == text


def test_budgets_are_values():
    budget = Budget(params=Band(1, 2))
    assert budget == Budget(params=Band(1, 2))
    assert dataclasses.replace(budget, count_classifier=True) != budget
