"""The gap that noise alone makes, against simulation, and the gap on a seed that did not rank."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chansearch.report.noise import SeedScores, expected_mean, noise_gap, out_of_sample, seed_std
from chansearch.report.tenths import Tenth, tenth_ranks
from chansearch.search.candidate import ranked
from tests.report.synthetic import linear_is_better, make_record, population


def gap_in_errors(count: int, lower: Tenth) -> float:
    ranks = tenth_ranks(count)
    return expected_mean(count, ranks[Tenth.TOP]) - expected_mean(count, ranks[lower])


def scores_of(top1: np.ndarray) -> SeedScores:
    return SeedScores(tuple(range(top1.shape[1])), top1, left_out=0)


def test_gaps_of_two_hundred_equal_candidates_match_simulation():
    sorted_draws = -np.sort(-np.random.default_rng(0).standard_normal((20_000, 200)), axis=1)
    means = {t: sorted_draws[:, r.start : r.stop].mean(axis=1) for t, r in tenth_ranks(200).items()}
    for lower, published in ((Tenth.BOTTOM, 3.48), (Tenth.MIDDLE, 1.87)):
        simulated = means[Tenth.TOP] - means[lower]
        error = simulated.std() / np.sqrt(len(simulated))
        assert gap_in_errors(200, lower) == pytest.approx(simulated.mean(), abs=5 * error)
        assert gap_in_errors(200, lower) == pytest.approx(published, abs=0.006)


def test_a_large_population_reaches_the_normal_tails():
    # Twice the mean of the upper tenth of a normal distribution, 2·φ(z)/0.1.
    assert gap_in_errors(50_000, Tenth.BOTTOM) == pytest.approx(3.51, abs=0.005)


@given(st.integers(1, 30))
def test_expectations_of_order_statistics(count):
    means = [expected_mean(count, range(place, place + 1)) for place in range(count)]
    assert means == sorted(means, reverse=True)
    assert sum(means) == pytest.approx(0, abs=1e-9)
    assert np.array(means) == pytest.approx(-np.array(means[::-1]), abs=1e-9)
    assert expected_mean(count, range(count)) == pytest.approx(0, abs=1e-9)


def test_two_order_statistics_by_hand():
    assert expected_mean(2, range(1)) == pytest.approx(1 / np.sqrt(np.pi))


def test_seed_deviation_ignores_what_a_seed_gives_to_all():
    rng = np.random.default_rng(1)
    top1 = rng.normal(60, 2, size=(400, 1)) + rng.normal(0, 0.4, size=(400, 3))
    assert seed_std(top1) == pytest.approx(0.4, rel=0.08)
    assert seed_std(top1 + np.array([0.0, 5.0, -3.0])) == pytest.approx(seed_std(top1))


def test_equal_candidates_show_the_noise_gap_and_nothing_out_of_sample():
    ratios, held_out = [], []
    for seed in range(30):
        scores = scores_of(np.random.default_rng(seed).normal(62, 0.5, size=(200, 3)))
        means = -np.sort(-scores.top1.mean(axis=1))
        ratios.append((means[:20].mean() - means[180:].mean()) / noise_gap(scores).top_bottom)
        held_out.append(out_of_sample(scores).top_bottom)
    assert np.mean(ratios) == pytest.approx(1, abs=0.05)
    assert np.mean(held_out) == pytest.approx(0, abs=0.06)


def test_a_true_effect_survives_out_of_sample():
    best_first = ranked(population(200, quality=linear_is_better))
    found = out_of_sample(SeedScores.of(best_first))
    assert found.top_bottom > 1.0
    assert min(found.gaps) > 0.5
    assert found.means[Tenth.TOP] > found.means[Tenth.MIDDLE] > found.means[Tenth.BOTTOM]
    assert np.mean(found.gaps) == pytest.approx(found.top_bottom)


def test_out_of_sample_by_hand():
    # Each seed alone ranks the two candidates the other way round, so each left-out seed contradicts its ranking.
    found = out_of_sample(scores_of(np.array([[61.0, 60.0], [60.0, 61.0]])))
    assert (found.gaps, found.top_bottom, found.top_middle) == ((-1.0, -1.0), -1.0, None)


def test_ties_out_of_sample_go_to_the_earlier_candidate():
    records = [make_record(number, [60.0, 60.0, 60.0 - number]) for number in (2, 0, 1)]
    assert SeedScores.of(ranked(records)).top1[:, 2].tolist() == [60.0, 59.0, 58.0]
    assert out_of_sample(SeedScores.of(ranked(records))).gaps[2] == 2.0


@pytest.mark.parametrize("records", [[], population(1), population(20, seeds=1)], ids=["none", "one", "one seed"])
def test_the_noise_is_unknown_without_two_seeds_and_two_candidates(records):
    scores = SeedScores.of(ranked(records))
    assert noise_gap(scores) is None
    assert out_of_sample(scores) is None


def test_candidates_with_other_seeds_are_counted_and_left_out():
    records = population(12)
    odd = records[3]
    records[3] = dataclasses.replace(odd, outcome=dataclasses.replace(odd.outcome, seeds=(7, 8, 9)))
    scores = SeedScores.of(ranked(records))
    assert (scores.top1.shape, scores.left_out, scores.seeds) == ((11, 3), 1, (0, 1, 2))
