"""What every strategy promises, and what each of them spends."""

import dataclasses
import math

import numpy as np
import pytest

from chansearch.config import from_plain
from chansearch.errors import UserError
from chansearch.replay.ledger import Ledger, Pool
from chansearch.replay.measures import true_ranks
from chansearch.replay.names import QUICK, STRATEGY_NAMES, parse_strategies
from chansearch.replay.orders import proposed
from chansearch.replay.play import draws, play
from chansearch.replay.strategies import Schedule, make_strategies
from chansearch.search.plan import make_plan
from tests.replay.worlds import population
from tests.report.synthetic import config

GUIDED = ("tpe", "cmaes", "gp", "tpe-contenders")
# Those that may leave the best candidate out, whatever it scores.
BLIND = tuple(name for name in STRATEGY_NAMES if name.startswith("prescreen"))


def strategy(name: str, startup: int = 7, **schedule: int):
    problem = make_plan(from_plain(config(), "test"), classes=100).problem
    return make_strategies((name,), Schedule(**schedule), lambda: (problem, startup))[name]


def replay(name: str, people, candidates: int | None = None, seed: int = 0, startup: int = 7, **schedule: int):
    [draw] = draws(people, 1, seed, candidates or people.candidates)
    return play(people, strategy(name, startup, **schedule), draw), draw


@pytest.mark.parametrize("name", STRATEGY_NAMES)
class TestEveryStrategy:
    """gp's are short: it takes its time."""

    def people(self, name: str, **noise: float):
        return population(10 if name == "gp" else 24, **noise)

    def test_finds_the_best_where_there_is_no_noise(self, name):
        people = self.people(name)
        found, draw = replay(name, people)
        truth = people.test_top1.mean(axis=1)
        if name in BLIND:
            kept = {step.incumbent for step in found.steps}
            assert truth[found.winner] == max(truth[list(kept)])
        else:
            assert true_ranks(truth, draw.candidates)[draw.candidates.tolist().index(found.winner)] == 1

    def test_is_a_function_of_its_draw(self, name):
        people = self.people(name, noise=0.4, crossing=0.2)
        assert replay(name, people, 10)[0] == replay(name, people, 10)[0]

    def test_test_accuracies_change_nothing(self, name):
        people = self.people(name, noise=0.4, crossing=0.2)
        other = dataclasses.replace(people, test_top1=people.test_top1[::-1].copy())
        unknown = dataclasses.replace(people, test_top1=np.full_like(people.test_top1, np.nan))
        runs = [replay(name, world, 11)[0] for world in (people, other, unknown)]
        assert runs[0] == runs[1] == runs[2]

    def test_stays_within_its_draw(self, name):
        people = self.people(name, noise=0.4)
        found, draw = replay(name, people, 10)
        assert {step.incumbent for step in found.steps} <= set(draw.candidates.tolist())
        assert found.spent <= 10 * people.seeds * people.epochs
        spent = [step.spent for step in found.steps]
        assert spent == sorted(spent)
        assert spent[-1] <= found.spent

    def test_runs_on_a_single_seed(self, name):
        found, _ = replay(name, population(10, seeds=1, epochs=4))
        assert 0 < found.spent <= 40


@pytest.mark.parametrize(
    ("name", "candidates", "schedule", "spent"),
    [
        ("paper", 96, {}, 96 * 3 * 30),
        ("prescreen-macs", 96, {}, 48 * 3 * 30),
        ("prescreen-line", 25, {}, 13 * 3 * 30),
        # 96 to 3 epochs, 32 to 10, 11 to 30, three seeds each: 3.9 times less than the paper's.
        ("halving", 96, {}, 3 * (96 * 3 + 32 * 7 + 11 * 20)),
        ("halving", 96, {"grace": 1}, 3 * (96 * 1 + 32 * 2 + 11 * 7 + 4 * 20)),
        ("halving", 96, {"grace": 30}, 96 * 3 * 30),
        ("halving", 20, {"reduction": 2}, 3 * (20 * 3 + 10 * 4 + 5 * 8 + 3 * 15)),
        ("one-seed", 96, {}, 96 * 30 + 3 * 2 * 30),
        ("one-seed", 96, {"contenders": 96}, 96 * 3 * 30),
        ("halving-contenders", 96, {}, 96 * 3 + 32 * 7 + 11 * 20 + 3 * 2 * 30),
        ("halving-contenders", 96, {"contenders": 40}, 96 * 3 + 32 * 7 + 11 * 20 + 11 * 2 * 30),
        # One seed to 3; the second joins at 10, the third at 30.
        ("racing", 96, {}, 96 * 3 + 32 * (2 * 10 - 3) + 11 * (3 * 30 - 2 * 10)),
        ("asha", 96, {"grace": 30}, 96 * 3 * 30),
        ("contenders", 96, {"grace": 30}, 96 * 30 + 3 * 2 * 30),
        ("tpe", 20, {}, 20 * 3 * 30),
    ],
)
def test_costs_worked_out_by_hand(name, candidates, schedule, spent):
    people = population(96, noise=0.3, crossing=0.2)
    assert replay(name, people, candidates, **schedule)[0].spent == spent


def test_asynchronous_rungs_spend_as_the_rule_says():
    """Worst first, everyone beats all before: nobody is stopped. Best first: all but the first stop at the first rung,
    until equal ones come."""
    people = population(12)
    order = np.argsort(people.test_top1.mean(axis=1))
    for rows, epochs in ((order, 12 * 30), (order[::-1], 30 + 11 * 3)):
        [draw] = draws(people, 1, 0, 12)
        sorted_draw = dataclasses.replace(draw, candidates=rows)
        assert play(people, strategy("asha"), sorted_draw).spent == 3 * epochs


def test_contenders_are_the_best_of_one_seed():
    """A candidate whose first seed is lucky becomes a contender, and its other seeds tell."""
    val = np.full((12, 3, 4), 50.0)
    val[4, 0], val[4, 1:] = 60.0, 40.0
    val[7] = 55.0
    people = dataclasses.replace(population(12, epochs=4), val_top1=val, test_top1=val[:, :, -1])
    [draw] = draws(people, 1, 0, 12)
    draw = dataclasses.replace(draw, seeds=np.arange(3))
    found = play(people, strategy("one-seed", contenders=2), draw)
    assert found.winner == 7
    assert [step.incumbent for step in found.steps[-2:]] == [4, 7]


def test_a_screen_keeps_the_half_with_the_larger_score():
    people = population(21)
    for name, score in (("prescreen-macs", people.macs), ("prescreen-params", people.params)):
        [draw] = draws(people, 1, 3, 21)
        kept = set(np.argsort(-score)[:11].tolist())
        best = max(kept, key=lambda row: people.val_top1[row, :, -1].mean())
        found = play(people, strategy(name), draw)
        assert found.spent == 11 * 3 * 30
        assert found.winner == best


def test_guided_orders_take_every_candidate_once():
    people = population(15, epochs=2, seeds=1)
    for name in ("tpe", "cmaes"):
        taken = []

        class Watched(Ledger):
            def train(self, candidate, seeds, epochs, taken=taken):
                taken.append(candidate)
                return super().train(candidate, seeds, epochs)

        pool = Pool(people.channels, people.params, people.macs, seeds=1, epochs=2)
        strategy(name, startup=4).play(pool, Watched(people.val_top1), 0)
        assert sorted(taken) == list(range(15))


def test_a_guided_order_learns():
    """Where accuracy is a function of the channels, TPE takes the best tenth well before chance would."""
    count, startup = 60, 5
    people = population(count, seeds=1, epochs=1)
    steepness = people.channels[:, -1] / people.channels[:, 0]
    problem = make_plan(from_plain(config(), "test"), classes=100).problem
    places = []
    for draw in draws(people, 6, 0, count):
        pool = Pool(*(array[draw.candidates] for array in (people.channels, people.params, people.macs)), 1, 1)
        score = steepness[draw.candidates].argsort().argsort()
        order, taken = proposed("tpe", problem, startup)(pool, draw.seed), []
        while (candidate := order.next()) is not None:
            taken.append(candidate)
            order.tell(candidate, float(score[candidate]), 1, finished=True)
        places += [taken.index(candidate) for candidate in np.argsort(-score)[: count // 10]]
    assert np.mean(places) < 0.75 * (count - 1) / 2  # by chance they stand in the middle on average


class TestNames:
    def test_every_name_makes_a_strategy(self):
        assert len(make_strategies(tuple(STRATEGY_NAMES), Schedule(), lambda: (None, 6))) == len(STRATEGY_NAMES)

    def test_the_quick_ones_need_no_sampler(self):
        assert set(STRATEGY_NAMES) - set(QUICK) == set(GUIDED)

        def refuse():
            raise AssertionError("a quick strategy asked for the problem")

        make_strategies(QUICK, Schedule(), refuse)

    @pytest.mark.parametrize(
        ("text", "names"),
        [("asha", ("asha",)), ("asha, paper,asha", ("asha", "paper")), ("all", tuple(STRATEGY_NAMES))],
    )
    def test_parsing(self, text, names):
        assert parse_strategies(text) == names

    @pytest.mark.parametrize("text", ["", "ahsa", "asha,", "all,paper"])
    def test_an_unknown_one_lists_them(self, text):
        with pytest.raises(UserError, match=r"--strategy: .* is unknown.*; allowed: all, paper, tpe"):
            parse_strategies(text)


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        ({"grace": 0}, "--grace: 0; allowed: 1 to the recorded epochs, which are 30"),
        ({"grace": 31}, "--grace: 31"),
        ({"reduction": 1}, "--reduction: 1; allowed: 2 or more"),
        ({"contenders": 0}, "--contenders: 0; allowed: 1 or more"),
    ],
)
def test_a_schedule_out_of_range(schedule, words):
    with pytest.raises(UserError, match=words):
        Schedule(**schedule).check(epochs=30)


def test_draws_do_not_depend_on_how_many_there_are():
    people = population(20)
    few, many = draws(people, 3, 1, 12), draws(people, 9, 1, 12)
    for one, other in zip(few, many, strict=False):
        assert one.candidates.tolist() == other.candidates.tolist()
        assert one.seeds.tolist() == other.seeds.tolist()
        assert one.seed == other.seed
    assert len({tuple(draw.candidates.tolist()) for draw in many}) == 9
    assert all(len(set(draw.candidates.tolist())) == 12 for draw in many)
    assert not math.isclose(draws(people, 1, 2, 12)[0].seed, few[0].seed)
