"""A space in Python draws what a search draws."""

import itertools

import pytest

from chansearch import Budget, Space
from chansearch.config import compose
from chansearch.errors import UserError
from chansearch.search import propose
from chansearch.search.plan import first_proposals, make_plan
from chansearch.space import FAMILIES

C1 = Budget.of("c1")


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_draws_shapes_and_candidates(family):
    space = Space(family, blocks=5)
    shapes = space.shapes(70)  # more than a batch
    assert len(shapes) == 70
    assert all(shape.depth == 5 for shape in shapes)
    for candidate in space.sample(4, C1):
        assert C1.admits(candidate.channels)
        assert C1.price(candidate.channels)["macs"] == candidate.macs


def test_samples_are_the_first_candidates_of_a_search():
    settings = ["space=stagewise", "space.max_stages=3", "space.divisor=2", "sampler=random", "search.seed=5"]
    searched = first_proposals(make_plan(compose(["constraint=c1", *settings]), classes=10), 8)
    sampled = Space("stagewise", max_stages=3, divisor=2).sample(8, C1, seed=5)
    assert sampled == [proposal.candidate for proposal in searched]


def test_shapes_are_those_of_the_first_draws():
    """The candidates' shapes are among them, in their order: a draw may miss the budget, but none comes in between."""
    space = Space(max_segments=3)
    drawn = iter(space.shapes(64, seed=2))
    for candidate in space.sample(6, C1, seed=2):
        assert candidate.member.shape in drawn  # goes on where the one before was found


def test_another_seed_draws_others():
    space = Space()
    assert space.shapes(5, seed=1) == space.shapes(5, seed=1) != space.shapes(5, seed=2)


def test_a_space_that_runs_out_gives_what_there_is(monkeypatch):
    monkeypatch.setattr(propose, "_EXHAUSTED_AFTER", 1000)
    found = Space("linear", divisor=8).sample(500, C1)
    assert 0 < len({candidate.channels for candidate in found}) == len(found) < 500


def test_fit_finds_the_member():
    member = Space().fit("34-34-45-55-66")
    assert member.channels() == (34, 34, 45, 55, 66)
    assert (member.b, member.a, member.shape.knots) == (34, 32, (1, 2, 5))


def test_the_divisor_holds_for_draws_and_fits():
    space = Space(divisor=8)
    channels = list(itertools.chain.from_iterable(c.channels for c in space.sample(5, C1)))
    assert all(number % 8 == 0 for number in channels)
    with pytest.raises(ValueError, match="multiples of the divisor 8"):
        space.fit("34-34-45-55-66")


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: Space("wavy"), "'wavy' is unknown; allowed: piecewise"),
        (lambda: Space(blocks=1), "blocks: 1; allowed: 2"),
        (lambda: Space(divisor=0), "divisor: 0"),
        (lambda: Space(min_segments=4, max_segments=3), "min_segments: 4"),
        (lambda: Space(flat=1), "space.flat: 1"),
        (lambda: Space().shapes(0), "n: 0"),
        (lambda: Space().sample(0, C1), "n: 0"),
        (lambda: Space().sample(1, C1, seed=-1), "search.seed: -1"),
        (lambda: Space().sample(1, C1, method="guess"), "search.method: 'guess'"),
        (lambda: Space(blocks=9).sample(1, C1), "9 in the space, 5 in the budget's skeleton"),
        (lambda: Space().sample(1, Budget("1K", "1G")), "no configuration meets"),
        (lambda: Space().fit("34-34"), "2 blocks; allowed: 5"),
    ],
)
def test_a_mistake_is_one_line(make, named):
    with pytest.raises(UserError) as caught:
        make()
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)
