"""The nuclear norm of the final feature over a population: shown where a run has recorded it, nowhere else."""

import csv
import dataclasses
import re

import numpy as np
import pytest
from scipy.stats import kendalltau, spearmanr

from chansearch.report import analyse, terminal, write_report
from chansearch.report.figure_accuracy import draw_nuclear_norm
from chansearch.report.quantities import NUCLEAR_NORM
from chansearch.search.candidate import Record, State
from tests.report.synthetic import config, linear_is_better, make_record, population, write_run


def with_norms(records, slope: float) -> list[Record]:
    """Seeds whose nuclear norm follows their accuracy, 7,900 on average, with noise of its own."""
    rng = np.random.default_rng(0)
    outcomes = []
    for record in records:
        norms = tuple(7900 + slope * (top1 - 62) + 10 * rng.standard_normal() for top1 in record.outcome.val_top1)
        ranks = tuple(int(norm / 10) for norm in norms)
        outcomes.append(dataclasses.replace(record.outcome, nuclear_norm=norms, feature_rank=ranks))
    return [Record(record.candidate, outcome) for record, outcome in zip(records, outcomes, strict=True)]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """40 candidates that have norms, and one that failed and has none."""
    records = with_norms(population(40, quality=linear_is_better, unguided=20), slope=60)
    records.append(make_record(40, [], state=State.FAILED, reason="diverged"))
    return write_run(tmp_path_factory.mktemp("norms") / "run", records, config("d18_30m", candidates=41))


@pytest.fixture(scope="module")
def report(run):
    return write_report([run])


def test_the_correlation_is_scipys_over_the_ranked(run):
    analysis = analyse(run)
    norms = [NUCLEAR_NORM.of(record) for record in analysis.ranked]
    top1 = [record.val_top1_mean for record in analysis.ranked]
    found = analysis.nuclear_norm_correlation
    assert found.count == 40
    assert found.spearman.value == pytest.approx(spearmanr(norms, top1).statistic)
    assert found.kendall.value == pytest.approx(kendalltau(norms, top1).statistic)
    assert 0 < found.spearman.low < found.spearman.value < found.spearman.high < 1


def test_it_is_a_sentence_with_the_published_reading(run, report):
    found = analyse(run).nuclear_norm_correlation
    sentence = re.search(r"Nuclear norm of the final feature against.*?sign compares\.", " ".join(report.text.split()))[
        0
    ]
    assert f"40 candidates: {found.text()}" in sentence
    assert "intervals: positive. In the paper: 61 to 63.5 % against 7,750 to 8,080" in sentence
    page = " ".join(run.page_file.read_text(encoding="utf-8").replace("&#x27;", "'").split())
    assert sentence in page


@pytest.mark.parametrize(("slope", "sign"), [(-60, "negative"), (0, "of no sign that can be told")])
def test_other_signs_are_called_so(tmp_path, slope, sign):
    run = write_run(tmp_path / "run", with_norms(population(40, quality=linear_is_better), slope))
    assert f"bootstrap intervals: {sign}." in " ".join(terminal.summary(analyse(run)).split())


def test_tables_have_its_columns(run, report):
    with run.deciles_file.open(newline="", encoding="utf-8") as file:
        top = next(csv.DictReader(file))
    members = analyse(run).tenths[0].records
    assert float(top["nuclear_norm_mean"]) == pytest.approx(np.mean([NUCLEAR_NORM.of(record) for record in members]))
    assert float(top["feature_rank_std"]) > 0
    assert re.search(r"R² of line +nuclear norm +feature rank", report.text)
    page = run.page_file.read_text(encoding="utf-8")
    assert page.count("nuclear norm of the final feature</") == 2  # the tenths, and all candidates


def test_the_figure_holds_every_ranked_candidate(run, report):
    assert (run.figures / "nuclear_norm.svg").is_file() and (run.figures / "nuclear_norm.png").is_file()
    analysis = analyse(run)
    panel = draw_nuclear_norm(analysis).axes[0]
    drawn = sorted((x, y) for line in panel.get_lines() for x, y in zip(*line.get_data(), strict=True))
    expected = sorted((NUCLEAR_NORM.of(record), record.val_top1_mean) for record in analysis.ranked)
    assert np.allclose(drawn, expected)
    assert analysis.nuclear_norm_correlation.text() in panel.get_title()
    assert "7,750 to 8,080" in panel.get_title()


def test_nothing_of_it_where_it_is_not_recorded(tmp_path):
    run = write_run(tmp_path / "run", population(3))
    report = write_report([run])
    assert analyse(run).nuclear_norm_correlation is None
    assert not (run.figures / "nuclear_norm.png").exists()
    for text in (report.text, run.page_file.read_text(encoding="utf-8"), run.deciles_file.read_text(encoding="utf-8")):
        assert "nuclear" not in text.lower() and "feature_rank" not in text


def test_two_candidates_are_drawn_without_a_correlation(tmp_path):
    analysis = analyse(write_run(tmp_path / "run", with_norms(population(2), slope=60)))
    assert analysis.nuclear_norm_correlation is None
    assert draw_nuclear_norm(analysis).axes[0].get_title() == ""
    assert "Nuclear norm of" not in terminal.summary(analysis)
