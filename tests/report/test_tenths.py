"""Tenths as in Table 3: edges, ties, and who is never ranked."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chansearch.report import Tenth, tenth_ranks, tenths
from chansearch.search.candidate import State, ranked
from tests.report.synthetic import make_record, population


def numbers(rows):
    return {row.tenth: [record.candidate.number for record in row.records] for row in rows}


def test_two_hundred_candidates_give_the_papers_ranks():
    ranks = tenth_ranks(200)
    assert ranks == {Tenth.TOP: range(20), Tenth.MIDDLE: range(100, 120), Tenth.BOTTOM: range(180, 200)}


@given(st.integers(0, 500))
def test_tenths_are_disjoint_equal_and_at_the_ends(count):
    groups = tenth_ranks(count)
    together = [rank for ranks in groups.values() for rank in ranks]
    assert len(set(together)) == len(together)
    assert {len(ranks) for ranks in groups.values()} <= {max(1, count // 10)}
    assert len(groups) == min(count, 3)
    if count >= 2:
        assert groups[Tenth.TOP].start == 0 and groups[Tenth.BOTTOM].stop == count
    assert list(groups) == [tenth for tenth in Tenth if tenth in groups]


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (0, {}),
        (1, {Tenth.TOP: [0]}),
        (2, {Tenth.TOP: [0], Tenth.BOTTOM: [1]}),
        (3, {Tenth.TOP: [0], Tenth.MIDDLE: [1], Tenth.BOTTOM: [2]}),
        (9, {Tenth.TOP: [0], Tenth.MIDDLE: [4], Tenth.BOTTOM: [8]}),
    ],
)
def test_fewer_than_ten_candidates_make_groups_of_one(count, expected):
    records = [make_record(number, [70.0 - number]) for number in range(count)]
    assert numbers(tenths(ranked(records))) == expected


def test_ties_go_to_the_earlier_candidate():
    records = [make_record(number, [60.0, 62.0]) for number in range(30)]
    assert [record.candidate.number for record in ranked(records[::-1])] == list(range(30))


@given(st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(chance: random.Random):
    records = population(25, noise=0.0, quality=lambda channels: round(sum(channels) / 100), seeds=1)
    shuffled = records[:]
    chance.shuffle(shuffled)
    assert numbers(tenths(ranked(shuffled))) == numbers(tenths(ranked(records)))


def test_only_whole_trainings_are_ranked():
    records = [
        make_record(0, [50.0]),
        make_record(1, [51.0], state=State.STOPPED_EARLY),
        make_record(2, [90.0], state=State.STOPPED_AT_RUNG),
        make_record(3, [95.0], state=State.FAILED, reason="diverged"),
        make_record(4, [], state=State.FINISHED),
        make_record(5, [float("nan")], state=State.FINISHED),
    ]
    assert [record.candidate.number for record in ranked(records)] == [1, 0]


def test_spreads_are_over_the_candidates_of_the_tenth():
    records = [make_record(number, [60.0 + number], test_top1=[50.0] if number % 2 else []) for number in range(20)]
    top = tenths(ranked(records))[0]
    assert top.spreads["val_top1"].mean == 78.5
    assert top.spreads["val_top1"].std == pytest.approx(2**-0.5)
    assert (top.spreads["test_top1"].mean, top.spreads["test_top1"].count) == (50.0, 1)
    assert (top.best.candidate.number, top.worst.candidate.number) == (19, 18)
