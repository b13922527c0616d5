"""Whether B's best is better than A's: the verdict, what it rests on, and what is refused."""

import json
import shlex

import numpy as np
import pytest

from chansearch.cli import main
from chansearch.errors import UserError
from chansearch.report.better import Basis, Verdict, compare
from chansearch.report.better_text import comparison_facts, comparison_text
from chansearch.report.noise import SeedScores, best_held_out
from chansearch.report.significance import judge, read_confirm, write_confirm
from chansearch.search.candidate import State, ranked
from tests.report.synthetic import config, make_record, population, write_run

OTHER = (30, 40, 50, 60, 70)


def settings(**provenance) -> dict:
    plain = config()
    return plain | {"provenance": plain["provenance"] | {"data_fingerprint": "abc"} | provenance}


def of(path, *top1, **changed):
    """A run of candidates with these accuracies a seed."""
    records = [make_record(number, values) for number, values in enumerate(top1)]
    return write_run(path, records, settings() | changed)


def confirm(run, *fresh: float):
    """Fresh seeds of its best, and of another that had more luck with them."""
    best, other = ranked(run.records())[:2]
    entries = [(best, fresh), (other, tuple(value + 5 for value in fresh))]
    write_confirm(
        run,
        judge((one.candidate.number, one.candidate.channels, top1, one.val_top1_mean) for one, top1 in entries),
    )


class TestFreshSeeds:
    @pytest.fixture
    def runs(self, tmp_path):
        a = of(tmp_path / "a", (60.0, 61.0), (55.0, 56.0))
        b = of(tmp_path / "b", (70.0, 71.0), (55.0, 56.0))
        confirm(a, 60.0, 60.2, 60.1)
        return a, b

    def test_decide_and_not_those_that_chose(self, runs):
        """The search's accuracies say that B is 10 points better; the fresh seeds do not."""
        confirm(runs[1], 60.1, 60.3, 60.0)
        found = compare(*runs)
        assert (found.a.basis, found.b.basis) == (Basis.FRESH, Basis.FRESH)
        assert found.b.top1 == (60.1, 60.3, 60.0)
        assert found.verdict is Verdict.NOT_SHOWN
        assert found.difference.points == pytest.approx(0.1 / 3)

    @pytest.mark.parametrize(("fresh", "verdict"), [((62.0, 62.2, 62.1), "better"), ((58.0, 58.2, 58.1), "worse")])
    def test_a_clear_verdict_needs_no_more(self, fresh, verdict, runs):
        confirm(runs[1], *fresh)
        found = compare(*runs)
        assert (found.verdict, found.seeds, found.commands) == (verdict, None, ())
        assert f"B's best is {verdict} than A's: " in comparison_text(found)
        swapped = compare(*reversed(runs))
        assert {found.verdict, swapped.verdict} == {"better", "worse"}
        assert swapped.difference.points == pytest.approx(-found.difference.points)

    def test_more_of_them_are_asked_for_by_the_size_of_the_difference(self, runs):
        confirm(runs[1], 60.0, 60.9, 60.3)
        found = compare(*runs)
        assert found.seeds > 3
        assert found.commands == tuple(f"chansearch confirm {run.path} --top 2 --seeds {found.seeds}" for run in runs)

    def test_of_another_candidate_count_for_nothing(self, runs):
        """As where the run has found a better one since."""
        confirm(runs[1], 60.0, 60.0, 60.0)
        runs[1].append_record(make_record(2, (80.0, 81.0), channels=OTHER))
        found = compare(*runs)
        assert found.b.basis is Basis.CORRECTED
        assert found.b.best.candidate.number == 2

    def test_one_of_them_says_nothing_of_noise(self, runs):
        confirm(runs[1], 90.0)
        found = compare(*runs)
        assert (found.verdict, found.difference.low, found.seeds) == (Verdict.NOT_SHOWN, None, 4)

    def test_are_read_as_they_were_written(self, runs):
        [first, second] = read_confirm(runs[0])
        assert {first.candidate, second.candidate} == {0, 1}
        assert {first.fresh_top1, second.fresh_top1} == {(60.0, 60.2, 60.1), (65.0, 65.2, 65.1)}


class TestTheSearchsOwnSeeds:
    def test_are_corrected(self, tmp_path):
        """By hand: without seed 0 candidate 1 is best, which has 50 there; without seed 1 candidate 0, which has 52."""
        a = of(tmp_path / "a", (70.0, 52.0), (50.0, 66.0))
        found = compare(a, of(tmp_path / "b", (60.0, 60.5)))
        assert found.a.top1 == (50.0, 52.0)
        assert found.a.basis is Basis.CORRECTED
        assert found.b.top1 == (60.0, 60.5)  # of one candidate nothing was chosen
        assert found.commands and "--seeds 3" in found.commands[0]

    def test_the_correction_takes_the_luck_away(self):
        """100 equal candidates: the best seems better than it is; held out it is as the others are."""
        seen, corrected = [], []
        for seed in range(40):
            top1 = 60 + np.random.default_rng(seed).standard_normal((100, 3))
            seen.append(top1.mean(axis=1).max())
            corrected += best_held_out(SeedScores((0, 1, 2), top1, 0))
        assert np.mean(seen) > 61.2
        assert np.mean(corrected) == pytest.approx(60, abs=0.3)

    def test_of_contenders_the_seed_that_chose_them_scores_nothing(self, tmp_path):
        few = settings() | {"scheduler": {"name": "contenders", "contenders": 2}}
        records = [make_record(0, (70.0, 60.0, 61.0)), make_record(1, (69.0, 58.0, 57.0)), make_record(2, (50.0,))]
        found = compare(write_run(tmp_path / "a", records, few), of(tmp_path / "b", (60.0, 60.5)))
        assert found.a.top1 == (60.0, 61.0)

    def test_one_seed_cannot_be_corrected(self, tmp_path):
        found = compare(of(tmp_path / "a", (60.0, 61.0)), of(tmp_path / "b", (90.0,), (50.0,)))
        assert (found.b.basis, found.b.top1, found.difference) == (Basis.NONE, (), None)
        assert found.verdict is Verdict.NOT_SHOWN
        assert "B had one seed a candidate" in " ".join(comparison_text(found).split())
        assert len(found.commands) == 2


class TestWhatIsComparable:
    @pytest.mark.parametrize(
        ("changed", "named"),
        [
            ({"data": {"name": "cifar10", "rank_on": "val"}}, "data.name: cifar100 and cifar10"),
            ({"data": {"name": "cifar100", "rank_on": "test"}}, "data.rank_on: val and test"),
            ({"provenance": {"data_fingerprint": "def"}}, "provenance.data_fingerprint: abc and def"),
        ],
    )
    def test_other_images_are_refused(self, changed, named, tmp_path, capsys):
        a, b = of(tmp_path / "a", (60.0, 61.0)), of(tmp_path / "b", (60.0, 61.0), **changed)
        assert main(["compare", str(a.path), str(b.path)]) == 2
        [line] = capsys.readouterr().err.splitlines()
        assert named in line

    def test_a_run_is_not_compared_with_itself(self, tmp_path):
        run = of(tmp_path / "a", (60.0, 61.0))
        with pytest.raises(UserError, match="are one run; name two"):
            compare(run, run)

    def test_a_run_without_a_best_is_named(self, tmp_path):
        failed = write_run(tmp_path / "b", [make_record(0, (), state=State.FAILED, seeds=(0,), reason="diverged")])
        with pytest.raises(UserError, match=r"b has no best candidate: none of 1 candidates .*1 failed"):
            compare(of(tmp_path / "a", (60.0, 61.0)), failed)

    def test_another_training_is_said_first(self, tmp_path):
        text = comparison_text(
            compare(
                of(tmp_path / "a", (60.0, 61.0)),
                of(tmp_path / "b", (60.0, 61.0), train={"epochs": 60, "seeds": 3, "device": "cpu"}),
            )
        )
        assert "not trained alike, A → B: train.epochs 30 → 60." in " ".join(text.split())
        assert text.index("not trained alike") < text.index("best candidate")

    def test_images_without_a_fingerprint_are_said(self, tmp_path):
        found = compare(of(tmp_path / "a", (60.0, 61.0)), of(tmp_path / "b", (60.0, 61.0), provenance={}))
        assert "is not recorded" in found.caveats[0]

    def test_a_change_on_the_way_is_said(self, tmp_path):
        changed = settings(resumed=[{"first_candidate": 7, "changed": {"train.lr": [0.1, 0.2]}}])
        found = compare(of(tmp_path / "a", (60.0, 61.0)), of(tmp_path / "b", (60.0, 61.0), **changed))
        assert found.caveats == ("B was changed on the way: train.lr 0.1 → 0.2 from candidate 7 on.",)


def test_costs_stand_beside(tmp_path):
    a = of(tmp_path / "a", (60.0, 61.0))
    b = write_run(tmp_path / "b", [make_record(0, (60.0, 61.0), channels=OTHER)], settings())
    text = comparison_text(compare(a, b))
    for label in ("params [M]", "MACs [M]"):
        [line] = [line for line in text.splitlines() if line.startswith(label)]
        assert line.endswith("%")
    assert "latency" not in text


def test_json_says_the_same(tmp_path, capsys):
    a, b = of(tmp_path / "a", (60.0, 61.0), (50.0, 51.0)), of(tmp_path / "b c", (90.0,), (50.0,))
    assert main(["compare", str(a.path), str(b.path), "--json"]) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert err == "" and found == comparison_facts(compare(a, b))
    assert found["verdict"] == "not shown to be better"
    assert (found["points"], found["b"]["top1"], found["b"]["top1_mean"]) == (None, [], None)
    assert shlex.split(found["commands"][1])[2] == str(b.path)


def test_a_damaged_confirmation_is_one_line(tmp_path, capsys):
    a, b = write_run(tmp_path / "a", population(5)), write_run(tmp_path / "b", population(5))
    confirm(a, 60.0, 61.0)
    a.confirm_file.write_text(a.confirm_file.read_text().replace("60.0000", "sixty"))
    assert main(["compare", str(a.path), str(b.path)]) == 2
    assert "confirm.csv line 3 cannot be read: fresh_val_top1 is 'sixty'" in capsys.readouterr().err
