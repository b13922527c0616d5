"""Costs and findings of replays made by hand."""

import numpy as np
import pytest

from chansearch.replay.ledger import Step
from chansearch.replay.measures import found, held_share, measure, tenth_size, true_ranks
from chansearch.replay.play import Draw, Replay

# Twenty candidates, the truth falls with the number: 0 and 1 are the top tenth.
TRUTH = np.linspace(70, 51, 20)
ALL = Draw(np.arange(20), np.arange(3), 0)


def replay(*steps: tuple[int, int], spent: int) -> Replay:
    return Replay(tuple(Step(*step) for step in steps), spent)


def test_what_a_replay_found():
    replays = [
        replay((10, 5), (30, 1), (50, 4), spent=60),  # held one for a while, and ended with the fifth
        replay((10, 19), spent=40),  # never
        replay((10, 0), spent=20),
    ]
    own = found(replays, [ALL] * 3, TRUTH)
    assert own.spent.tolist() == [60, 40, 20]
    assert own.until_held.tolist() == [30, np.inf, 10]
    assert own.rank.tolist() == [5, 20, 1]
    assert own.decile.tolist() == [3, 10, 1]
    assert own.regret == pytest.approx([4.0, 19.0, 0.0])
    assert own.in_top_tenth.tolist() == [False, False, True]


def test_ranks_are_among_the_candidates_of_the_draw():
    draw = Draw(np.array([19, 7, 3, 12, 5, 6, 8, 9, 10, 11]), np.arange(3), 0)
    own = found([replay((10, 7), (20, 3), spent=30)], [draw], TRUTH)
    assert (own.until_held[0], own.rank[0], own.regret[0]) == (20, 1, 0)


def test_equal_ones_share_the_better_rank():
    assert true_ranks(np.array([5.0, 7.0, 7.0, 1.0]), np.arange(4)).tolist() == [3, 1, 1, 4]


@pytest.mark.parametrize(("candidates", "size"), [(10, 1), (11, 2), (64, 7), (96, 10), (200, 20)])
def test_a_tenth_is_rounded_up(candidates, size):
    assert tenth_size(candidates) == size


def test_the_top_tenth_is_the_first_decile():
    for count in (10, 15, 64, 96):
        truth, draw = -np.arange(count, dtype=float), Draw(np.arange(count), np.arange(1), 0)
        own = found([replay((1, winner), spent=1) for winner in range(count)], [draw] * count, truth)
        assert own.in_top_tenth.sum() == tenth_size(count)
        assert np.isfinite(own.until_held).tolist() == own.in_top_tenth.tolist()
        assert own.decile.max() <= 10


class TestMeasures:
    def paper(self):
        return found([replay((90, 1), spent=900), replay((90, 3), (180, 0), spent=900)] * 10, [ALL] * 20, TRUTH)

    def test_against_itself_nothing_is_saved_or_lost(self):
        own = measure(self.paper(), self.paper())
        for interval, value in ((own.saving, 1), (own.until_held_saving, 1), (own.decile_loss, 0)):
            assert (interval.value, interval.low, interval.high) == pytest.approx((value, value, value), abs=1)
        assert (own.saving.low, own.saving.high, own.decile_loss.high) == (1, 1, 0)
        assert own.replays == 20

    def test_savings_losses_and_never(self):
        quick = found([replay((9, 3), spent=100), replay((9, 0), spent=200)] * 10, [ALL] * 20, TRUTH)
        own = measure(quick, self.paper())
        assert own.spent.value == 150
        assert own.saving.value == 6
        assert own.never_held == 0.5
        assert own.until_held.value == 9
        assert own.until_held_saving.value == 10  # lower medians: 90 against 9
        assert own.decile_loss.value == pytest.approx(0.5)
        assert own.decile_loss.low < 0.5 < own.decile_loss.high
        assert own.in_top_tenth.value == 0.5
        assert own.regret.value == pytest.approx(1.5)

    def test_never_more_often_than_not_is_infinite(self):
        never = found([replay((9, 9), spent=100)] * 3 + [replay((9, 0), spent=100)], [ALL] * 4, TRUTH)
        own = measure(never, self.paper())
        assert own.until_held.value == np.inf
        assert own.until_held_saving.value == 0
        assert own.never_held == 0.75

    def test_never_on_both_sides_is_no_factor(self):
        never = found([replay((9, 9), spent=100)] * 4, [ALL] * 4, TRUTH)
        assert np.isnan(measure(never, never).until_held_saving.value)

    def test_fewer_replays_are_compared_with_the_first_of_the_papers(self):
        few = found([replay((9, 1), spent=90)] * 2, [ALL] * 2, TRUTH)
        uneven = found([replay((9, 1), spent=180)] * 2 + [replay((9, 1), spent=9000)] * 8, [ALL] * 10, TRUTH)
        own = measure(few, uneven)
        assert (own.replays, own.saving.value) == (2, 2)

    def test_intervals_cover_the_mean_as_often_as_they_say(self):
        """Normal regrets with a known mean: 95 % of the intervals hold it, within what 200 tries can tell."""
        rng, held = np.random.default_rng(0), 0
        for _ in range(200):
            drawn = [ALL] * 60
            spent = rng.normal(1000, 200, 60)
            own = measure(found([replay((1, 0), spent=value) for value in spent], drawn, TRUTH), self.sixty())
            held += own.spent.low <= 1000 <= own.spent.high
        assert 180 <= held <= 199

    def sixty(self):
        return found([replay((90, 1), spent=900)] * 60, [ALL] * 60, TRUTH)


def test_the_share_that_hold_one():
    replays = [replay((10, 5), (30, 1), (50, 4), spent=60), replay((20, 0), spent=40)]
    spent = np.array([5, 10, 20, 29, 30, 49, 50, 500])
    assert held_share(replays, [ALL] * 2, TRUTH, spent).tolist() == [0, 0, 0.5, 0.5, 1, 1, 0.5, 0.5]
