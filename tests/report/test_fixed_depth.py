"""Figure 4: top tenths of fixed depth at several budgets, and what is said of them."""

import numpy as np
import pytest

from chansearch.report import analyse, terminal
from chansearch.report.figure_compare import draw_compare
from chansearch.report.page import combined_page, run_page
from chansearch.space import best_line, line_r2
from tests.report.synthetic import config, make_record, write_run

BUDGETS = {"d18_30m": 30.0, "d18_50m": 50.0, "d18_70m": 70.0}
LINE, STAIRS = (10, 20, 30, 40, 50), (20, 20, 20, 20, 80)


def analysis_of(folder, name: str, top1: float, widen: int, best=LINE, worst=STAIRS, **settings):
    """Twenty candidates, the better half laid out as ``best``; wider ones cost more."""
    records = [
        make_record(
            number,
            [top1 - 0.1 * number + seed for seed in (-0.2, 0.0, 0.2)],
            channels=tuple(c * widen + number for c in (best if number < 10 else worst)),
        )
        for number in range(20)
    ]
    return analyse(write_run(folder / name, records, config(name, candidates=20) | settings))


@pytest.fixture(scope="module")
def budgets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("budgets")
    return [analysis_of(folder, name, 60.0 + 2 * place, 1 + place) for place, name in enumerate(BUDGETS)]


def said(analyses) -> str:
    return " ".join(terminal.comparison(analyses).split())


def test_lines_at_every_budget_that_rise_with_it(budgets):
    text = said(budgets)
    assert "run 1 1.000 [1.000, 1.000], run 2 1.000" in text
    assert "whole interval) in every run." in text
    assert "59.95 ± 0.07 (paper, CIFAR-100: 63.8 ± 0.2)" in text
    assert text.index("63.8") < text.index("66.3") < text.index("67.5")
    assert text.endswith("It rises at every step.")


def test_stairs_are_named_and_a_fall_too(budgets, tmp_path):
    stairs = analysis_of(tmp_path, "d18_50m", 58.0, 2, best=STAIRS, worst=LINE)
    text = said([budgets[0], stairs])
    assert "in run 1, not in run 2." in text
    assert text.endswith("It does not rise at every step.")
    assert "whole interval) in none." in said([stairs])


@pytest.mark.parametrize("settings", [{"fidelity": "laptop"}, {"data": {"name": "cifar10"}}])
def test_runs_of_other_training_or_images_are_not_put_in_order(budgets, tmp_path, settings):
    other = analysis_of(tmp_path, "d18_50m", 58.0, 2, **settings)
    assert "by MACs" not in said([budgets[0], other])


def test_two_runs_of_one_budget_are_not_put_in_order(budgets, tmp_path):
    assert "by MACs" not in said([budgets[0], analysis_of(tmp_path, "d18_30m", 58.0, 2)])


def test_nothing_is_said_of_runs_that_have_nothing(tmp_path):
    assert said([analyse(write_run(tmp_path / name, [])) for name in ("one", "two")]) == ""


def test_the_figure_has_each_top_tenth_its_line_and_the_published_accuracy(budgets):
    left, right = draw_compare(budgets).axes
    for place, analysis in enumerate(budgets):
        line, means = left.get_lines()[2 * place : 2 * place + 2]
        mean = np.mean([record.candidate.channels for record in analysis.tenths[0].records], axis=0)
        slope, intercept = best_line(mean)
        assert list(means.get_ydata()) == pytest.approx(list(mean))
        assert list(line.get_ydata()[[0, -1]]) == pytest.approx([intercept, intercept + slope])
        assert f"R² {float(line_r2(mean)):.3f}" in means.get_label()
    ticks = [label.get_text() for label in right.get_xticklabels()]
    assert [tick.split(" top ")[1] for tick in ticks] == ["63.8 ± 0.2", "66.3 ± 0.2", "67.5 ± 0.1"]


def test_the_published_tenth_stands_in_the_tables(budgets):
    summary, page = terminal.summary(budgets[0]), run_page(budgets[0], {})
    assert "top, paper" in summary and "arXiv 2007.00992, Figure 4" in summary
    assert "top in the paper" in page and "Published for this constraint" not in page
    assert "It rises at every step." in combined_page(budgets, {})


@pytest.mark.parametrize(
    ("section", "setting"),
    [
        ("budget", {"macs": {"target": "60M", "tolerance": 0.1, "at_most": None}, "count_classifier": False}),
        (
            "budget",
            {"macs": {"target": "30M", "tolerance": 0.1}, "params": {"at_most": "1M"}, "count_classifier": False},
        ),
        ("skeleton", {"blocks": 9, "stride_blocks": [4, 8]}),
    ],
    ids=["another target", "a further bound", "another depth"],
)
def test_what_was_set_beside_the_constraint_is_not_the_papers(section, setting, tmp_path):
    held = config("d18_30m")["constraint"]
    changed = analysis_of(tmp_path, "d18_30m", 60.0, 1, constraint=held | {section: setting})
    assert changed.published is None
    assert "top, paper" not in terminal.summary(changed)
    assert analysis_of(tmp_path, "d18_50m", 60.0, 1).published is not None
