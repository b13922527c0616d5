"""A budget in Python is the constraint that the command line would have."""

import numpy as np
import pytest

from chansearch import Budget
from chansearch.config import compose
from chansearch.cost import Band, Verdict, price_spec
from chansearch.errors import UserError
from chansearch.search.plan import make_plan
from tests.space.golden import TABLE_3


def test_a_shipped_constraint_is_the_one_of_the_command_line():
    for name in ("c1", "c3", "demo"):
        problem = make_plan(compose([f"constraint={name}"]), classes=10).problem
        budget = Budget.of(name)
        assert (budget.bands, budget.skeleton) == (problem.budget, problem.skeleton)


@pytest.mark.parametrize(
    ("given", "band"),
    [
        ("30M", Band.around(30e6, 0.1)),
        (30_000_000, Band.around(30e6, 0.1)),
        ("30M±5%", Band.around(30e6, 0.05)),
        ("30M +- 2.5 %", Band.around(30e6, 0.025)),
        ("<=30M", Band.at_most(30e6)),
        ("≤ 30M", Band.at_most(30e6)),
    ],
)
@pytest.mark.parametrize("word", ["macs", "flops"])
def test_a_count_is_a_band(given, band, word):
    bands = Budget(**{word: given}).bands.bands
    assert bands.keys() == {"macs"}
    assert (bands["macs"].low, bands["macs"].high) == pytest.approx((band.low, band.high))


def test_the_tolerance_is_of_both():
    budget = Budget("0.2M", "30M", tolerance=0.2)
    assert (budget.bands.params, budget.bands.macs) == (Band.around(0.2e6, 0.2), Band.around(30e6, 0.2))


def test_prices_what_the_counter_prices():
    budget = Budget.of("c1")
    expected = price_spec(budget.skeleton.with_channels((34, 34, 45, 55, 66)), count_classifier=False)
    assert budget.price("34-34-45-55-66") == budget.price([34, 34, 45, 55, 66]) == expected
    assert budget.price(np.array([34, 34, 45, 55, 66])) == expected


def test_admits_what_is_within():
    budget = Budget.of("c1")
    verdicts = {budget.verdict(channels) for channels in ("34-34-45-55-66", "8-8-8-8-8", "99-99-99-99-99")}
    assert verdicts == {Verdict.WITHIN, Verdict.UNDER, Verdict.OVER}
    assert budget.admits("34-34-45-55-66")
    assert not budget.admits("8-8-8-8-8")


@pytest.mark.parametrize("name", [name for name in TABLE_3 if name.startswith("c1 ")])
def test_admits_what_the_paper_found(name):
    assert Budget.of("c1").admits(TABLE_3[name]["channels"])


def test_a_skeleton_in_the_words_of_the_configuration():
    budget = Budget(macs="50M", skeleton={"blocks": 9, "stride_blocks": [4, 8], "input_size": 64})
    assert (budget.skeleton.blocks, budget.skeleton.input_size) == (9, 64)
    assert [i for i, stride in enumerate(budget.skeleton.strides, start=1) if stride == 2] == [4, 8]


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: Budget(), "neither params nor macs"),
        (lambda: Budget(macs="lots"), "macs.target: 'lots' is not a count"),
        (lambda: Budget(macs="<=lots"), "macs.at_most: 'lots'"),
        (lambda: Budget(macs="30M±1.2.3%"), "1.2.3"),
        (lambda: Budget(macs="30M", tolerance=2), "tolerance: 2"),
        (lambda: Budget(macs="30M", flops="30M"), "macs and flops"),
        (lambda: Budget.of("c9"), "'c9' is unknown"),
        (lambda: Budget(macs="30M", skeleton={"block": 5}), "did you mean constraint.skeleton.blocks"),
        (lambda: Budget.of("c1").price("34-34"), "2 blocks; allowed: 5"),
        (lambda: Budget.of("c1").price([34.5, 34, 45, 55, 66]), "34.5"),
        (lambda: Budget.of("c1").admits("66-55-45-34-34"), "must not decrease"),
    ],
)
def test_a_mistake_is_one_line(make, named):
    with pytest.raises(UserError) as caught:
        make()
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)
