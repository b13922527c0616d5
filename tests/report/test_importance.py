"""Importance: what makes the accuracy is found, what does not is no more than chance, and few candidates give none."""

from chansearch.report.importance import LEAST_CANDIDATES, importances
from chansearch.report.quantities import VAL_TOP1
from chansearch.report.shapes import SHAPE
from tests.report.synthetic import make_record, population


def test_what_makes_the_accuracy_comes_first():
    """A world in which the last channels, a + b, make all of it, and b a third of them at most."""
    rows = importances(population(150, quality=lambda channels: channels[-1] / 10, noise=0.1), VAL_TOP1)
    assert rows[0].quantity.column == "a"
    assert rows[0].value > 3 * rows[0].by_chance
    assert [row.value for row in rows] == sorted((row.value for row in rows), reverse=True)
    assert {row.quantity for row in rows} == set(SHAPE)


def test_equal_candidates_are_told_apart_by_chance_alone():
    rows = importances(population(150), VAL_TOP1)
    assert sum(row.value > row.by_chance for row in rows) <= 2  # 0.3 of six are expected


def test_too_few_candidates_and_candidates_of_one_shape_have_none():
    assert importances(population(LEAST_CANDIDATES - 1), VAL_TOP1) == ()
    assert importances([make_record(n, [60.0 + n % 7]) for n in range(LEAST_CANDIDATES)], VAL_TOP1) == ()


def test_f_is_read_at_the_quarters_of_the_depth():
    at = {quantity.column: quantity.of(make_record(0)) for quantity in SHAPE}
    assert (at["f_25"], at["f_50"], at["f_75"], at["segments"]) == (0.25, 0.5, 0.75, 1)
