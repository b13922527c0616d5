"""The report of a run that gave one seed to every candidate and the others to the best few."""

import dataclasses
import re
import statistics

import pytest

from chansearch.report import analyse, write_report
from chansearch.search.candidate import Outcome, Record, State
from chansearch.search.contenders import contenders, joined, on_first_seed
from chansearch.search.rundir import RunDirectory
from tests.report.synthetic import config, curve_points, make_record, population, write_run

CANDIDATES = 60
CONTENDERS = 3
SETTINGS = {"name": "contenders", "grace_epochs": 3, "reduction": 3, "contenders": CONTENDERS}


def further(record: Record, seed: int) -> Outcome:
    """What training that seed alone gives, of a record that has them all."""
    whole = record.outcome
    return dataclasses.replace(
        whole,
        seeds=(seed,),
        val_top1=(whole.val_top1[seed],),
        test_top1=(whole.test_top1[seed],),
    )


def write_contenders_run(path, records, trainings: int | None = None) -> RunDirectory:
    """``records`` as the search would have found them; ``trainings`` of the second stage, all of them for None."""
    first = [on_first_seed(record) for record in records]
    run = write_run(path, first, config(candidates=len(records)) | {"scheduler": SETTINGS}, epochs=3)
    whole = {record.candidate.number: record for record in records}
    chosen = [record.candidate.number for record in contenders(first, CONTENDERS)]
    held = {record.candidate.number: record for record in first}
    for number, seed in [(number, seed) for number in chosen for seed in (1, 2)][:trainings]:
        outcome = further(whole[number], seed)
        run.append_curve(curve_points(Record(whole[number].candidate, outcome), epochs=3))
        held[number] = joined(held[number], outcome)
        run.append_record(held[number])
    return run


@pytest.fixture(scope="module")
def records() -> list[Record]:
    """Equal candidates: all that tells them apart is the noise of a seed."""
    stopped = make_record(CANDIDATES, [70.0], state=State.STOPPED_AT_RUNG)
    return [*population(CANDIDATES), stopped]


@pytest.fixture(scope="module")
def run(records, tmp_path_factory) -> RunDirectory:
    return write_contenders_run(tmp_path_factory.mktemp("contenders") / "c1-cifar100", records)


@pytest.fixture(scope="module")
def text(run) -> str:
    return " ".join(write_report([run]).text.split())


def by_first_seed(records: list[Record]) -> list[Record]:
    """Those trained to their end, best first, by an own reckoning."""
    return sorted((r for r in records if r.outcome.state is State.FINISHED), key=lambda r: -r.outcome.val_top1[0])


def test_contenders_rank_first_by_the_mean_over_their_seeds(run, records):
    chosen = sorted(by_first_seed(records)[:CONTENDERS], key=lambda record: -record.val_top1_mean)
    rest = by_first_seed(records)[CONTENDERS:]
    expected = [record.candidate.number for record in [*chosen, *rest]]
    assert [record.candidate.number for record in analyse(run).ranked] == expected
    assert [len(record.outcome.val_top1) for record in analyse(run).ranked] == [3] * 3 + [1] * (CANDIDATES - 3)


def test_tenths_are_of_the_first_seed(run, records):
    analysis = analyse(run)
    best = [record.outcome.val_top1[0] for record in by_first_seed(records)]
    top, _, bottom = analysis.tenths
    assert top.spreads["val_top1"].mean == pytest.approx(statistics.fmean(best[:6]))
    assert bottom.spreads["val_top1"].mean == pytest.approx(statistics.fmean(best[-6:]))
    assert analysis.edfs[0].candidates == CANDIDATES
    assert analysis.edfs[0].errors[0] == pytest.approx(100 - best[0])


def test_no_noise_is_made_up_for_them(run, text):
    analysis = analyse(run)
    assert (analysis.noise, analysis.held_out) == (None, None)
    assert "By noise alone" not in text
    assert "Out of sample" not in text


def test_terminal_and_page_say_where_the_seeds_went(run, text):
    said = "Seeds were spent on contenders: the best 3 on the first seed were given the others, and rank first."
    assert said in text
    assert said in run.page_file.read_text(encoding="utf-8")
    assert "cannot be estimated from seeds" in text
    assert "train.seeds=2 or more would" not in text
    assert "1 seed a candidate, 3 for the best 3" in run.page_file.read_text(encoding="utf-8")


def test_what_choosing_by_one_seed_is_worth_is_said(records, text):
    """Of equal candidates the chosen ones fall by the whole of their luck."""
    chosen = by_first_seed(records)[:CONTENDERS]
    before = statistics.fmean(record.outcome.val_top1[0] for record in chosen)
    after = statistics.fmean(top1 for record in chosen for top1 in record.outcome.val_top1[1:])
    assert f"had {before:.2f} % on the seed that chose them and {after:.2f} % on the others" in text
    assert float(re.search(r"a fall of (-?[\d.]+) points", text)[1]) == pytest.approx(before - after, abs=0.006)
    assert before - after > 0.5


def test_the_best_is_a_contender_with_its_deviation(run, text):
    best = analyse(run).ranked[0]
    assert f"best #{best.candidate.number} " in text
    assert f"{best.val_top1_mean:.2f} ± {best.val_top1_std:.2f} %" in text


def test_the_table_of_candidates_has_their_seeds(run):
    page = run.page_file.read_text(encoding="utf-8")
    table = page[page.index("<noscript>") : page.index("</noscript>")]
    cells = [re.findall(r"<td[^>]*>([^<]*)</td>", row) for row in table.split("<tr")[2:]]
    seeds = {row[0]: row[6] for row in cells if row and row[0].startswith("#")}
    assert len(seeds) == CANDIDATES + 1
    assert sorted(seeds.values()) == ["1"] * (CANDIDATES - 2) + ["3"] * 3


def test_curves_are_of_the_seed_that_all_have(run, records):
    curves = {curve.candidate: curve for curve in analyse(run).curves}
    whole = {record.candidate.number: record for record in records}
    for number, curve in curves.items():
        first = [point.val_top1 for point in curve_points(whole[number], epochs=3) if point.seed == 0]
        assert curve.top1 == pytest.approx(first, abs=1e-4)


@pytest.mark.parametrize(("trainings", "seeds_left"), [(0, 6), (1, 5), (5, 1)])
def test_a_second_stage_cut_off_is_said(records, tmp_path, trainings, seeds_left):
    cut = write_contenders_run(tmp_path / "cut", records, trainings)
    text = write_report([cut]).text
    assert f"The search is not complete: {seeds_left} further seeds of contenders have not ended." in text


def test_a_seed_that_failed_is_said(records, tmp_path):
    run = write_contenders_run(tmp_path / "failed", records, trainings=1)
    first = analyse(run).contenders[0]
    run.append_record(joined(first, Outcome(State.FAILED, (2,), reason="seed 2 diverged in epoch 3")))
    text = " ".join(write_report([run]).text.split())
    assert f"Contender #{first.candidate.number} is without seed 2: seed 2 diverged in epoch 3." in text
    assert "4 further seeds of contenders have not ended" in text


def test_runs_of_both_kinds_are_compared(run, tmp_path):
    both = write_report([run, write_run(tmp_path / "whole", population(20))])
    assert "Seeds were spent on contenders" in both.text
    assert "By noise alone 20 equal candidates" in both.text


def test_nothing_but_stopped_candidates(tmp_path):
    stopped = [make_record(n, [50.0], state=State.STOPPED_AT_RUNG) for n in range(3)]
    run = write_run(tmp_path / "run", stopped, config(candidates=3) | {"scheduler": SETTINGS}, epochs=2)
    text = " ".join(write_report([run]).text.split())
    assert "There are no tenths to show: none of 3 candidates was trained to its end: 3 stopped at rung." in text
