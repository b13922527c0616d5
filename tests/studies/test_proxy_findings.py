"""The findings of ``study proxies`` on made-up judgements: where each claim holds, does not, and is open."""

import pytest

from chansearch.report.correlation import Interval
from chansearch.studies.proxy_findings import findings
from chansearch.studies.ranking import Judgement

NOTHING = Interval(0.0, -0.1, 0.1)
CHANCE = Interval(0.33, 0.0, 0.7)


def made(score: str, tau=NOTHING, tau_held=NOTHING, top_share=CHANCE, gain=NOTHING) -> Judgement:
    return Judgement(score, "test", tau, tau, tau_held, tau_held, top_share, gain)


def verdicts(*judgements: Judgement) -> dict[str, bool | None]:
    """By the first words of the claim."""
    return {" ".join(finding.claim.split()[:4]): finding.holds for finding in findings(judgements, 8)}


@pytest.mark.parametrize(
    ("tau", "holds"),
    [
        (Interval(0.1, -0.1, 0.2), True),
        (Interval(0.2, -0.1, 0.5), None),
        (Interval(0.6, 0.4, 0.8), False),
        (Interval(-0.4, -0.6, -0.3), False),
    ],
)
def test_params_rank_little_where_the_whole_interval_is_small(tau, holds):
    assert verdicts(made("params", tau))["Params alone rank little"] is holds


@pytest.mark.parametrize(
    ("tau", "holds"),
    [(Interval(0.3, 0.1, 0.5), True), (Interval(0.1, -0.1, 0.3), None), (Interval(-0.3, -0.5, -0.1), False)],
)
def test_the_papers_own_idea_holds_only_above_nothing(tau, holds):
    assert verdicts(made("nuclear_norm", tau))["The nuclear norm of"] is holds


def test_a_constant_is_called_one():
    [finding, *_] = findings([made("rank_ratio", Interval(0.0, 0.0, 0.0))], 8)
    assert (finding.measured, finding.holds) == ("the same for every candidate", False)


def test_a_correlation_is_sizes_where_it_goes_with_size_held():
    strong = Interval(0.5, 0.3, 0.7)
    claim = "Most of a proxy's"
    assert verdicts(made("zen", strong, NOTHING), made("macs", strong))[claim] is True
    assert verdicts(made("zen", strong, Interval(0.4, 0.2, 0.6)))[claim] is False
    assert verdicts(made("zen"), made("macs", strong))[claim] is None


def test_the_best_must_beat_chance_by_more_than_its_interval():
    found = verdicts(made("zen", top_share=Interval(0.9, 0.5, 1.0), gain=Interval(0.4, 0.1, 0.6)))
    assert found["A proxy finds the"] is True and found["Of 8 draws training"] is True
    found = verdicts(made("zen", top_share=Interval(0.9, 0.3, 1.0), gain=Interval(0.4, -0.1, 0.6)))
    assert found["A proxy finds the"] is None and found["Of 8 draws training"] is None


def test_only_the_images_that_ranked_nothing_count():
    strong = Interval(0.5, 0.3, 0.7)
    ranking = Judgement("params", "val", *[strong] * 6)
    assert verdicts(ranking, made("params", Interval(0.1, 0.0, 0.2)))["Params alone rank little"] is True
