"""The report on disk: of one run and several, of runs that have hardly begun, and of damaged ones."""

import csv
import dataclasses

import numpy as np
import pytest

from chansearch.errors import UserError
from chansearch.report import Written, analyse, canvas, terminal, write_report
from chansearch.report.deciles import decile_columns, decile_rows
from chansearch.report.figure_curves import draw_curves
from chansearch.report.write import COMBINED_FIGURES, RUN_FIGURES, combined_folder
from chansearch.search.candidate import Draws, State
from chansearch.search.rundir import RunDirectory
from tests.report.synthetic import config, curve_points, linear_is_better, make_record, population, write_run


def ink(path) -> float:
    """Share of pixels that are coloured: neither white nor grey, so axes and labels do not count."""
    from matplotlib.image import imread

    pixels = imread(path)[..., :3]
    return float(np.mean(np.ptp(pixels, axis=-1) > 0.15))


@pytest.fixture(scope="module")
def large(tmp_path_factory) -> RunDirectory:
    """200 candidates of a world where lines are better, of both origins, some not ranked, with curves."""
    path = tmp_path_factory.mktemp("large") / "c1-cifar100"
    records = population(200, quality=linear_is_better, unguided=60)
    records.append(make_record(200, [90.0, 91.0, 92.0], state=State.STOPPED_AT_RUNG))
    records.append(make_record(201, [], state=State.FAILED, reason="worker out of memory", seeds=(0, 1, 2)))
    return write_run(path, records, config(candidates=202), epochs=3)


@pytest.fixture(scope="module")
def report(large) -> Written:
    return write_report([large])


def test_files_of_one_run(large, report):
    expected = [large.deciles_file, large.page_file]
    expected += [large.figures / f"{name}.{kind}" for name in RUN_FIGURES for kind in ("png", "svg")]
    assert set(report.files) == set(expected)
    assert report.page == large.page_file
    assert all(file.stat().st_size > 0 for file in report.files)
    assert not list(large.path.rglob("*.part"))
    assert str(large.page_file) in report.text


@pytest.mark.parametrize("name", RUN_FIGURES)
def test_figures_show_something(large, report, name):
    assert ink(large.figures / f"{name}.png") > 0.001
    assert (large.figures / f"{name}.svg").read_text(encoding="utf-8").startswith("<?xml")


def test_the_same_run_gives_the_same_files(tmp_path):
    run = write_run(tmp_path / "run", population(12), epochs=2)
    before = {file: file.read_bytes() for file in write_report([run]).files}
    assert {file: file.read_bytes() for file in write_report([run]).files} == before


def test_deciles_read_back_are_the_table(large, report):
    with large.deciles_file.open(newline="", encoding="utf-8") as file:
        read = list(csv.DictReader(file))
    rows = decile_rows(analyse(large))
    assert tuple(read[0]) == decile_columns(analyse(large))
    assert [row["origin"] for row in rows] == ["all"] * 3 + ["unguided"] * 3 + ["sampler"] * 3
    for found, row in zip(read, rows, strict=True):
        assert {key: type(row[key])(value) for key, value in found.items()} == row
    top = rows[0]
    assert top["candidates"] == 20
    assert top["val_top1_mean"] == pytest.approx(np.mean([r.val_top1_mean for r in analyse(large).ranked[:20]]))
    assert top["line_r2_low"] <= top["line_r2_mean"] <= top["line_r2_high"]


def test_the_summary_says_what_matters(large, report):
    text = report.text
    best = analyse(large).ranked[0].candidate.number
    for words in (
        "202 of 202 candidates have ended: 200 finished, 1 stopped at rung, 1 failed; 200 can be ranked",
        "202 drawn = 202 kept + 0 duplicates",
        f"best   #{best} ",
        "By noise alone 200 equal candidates",
        "Out of sample",
        "Linearity",
        "top, paper",
        "63.1 ± 0.1",
        "test_top1 is read once",
    ):
        assert words in text
    assert "\x1b" not in text
    assert all(len(line) <= 120 for line in text.splitlines() if not line.startswith("  /"))


def test_analysis_of_equal_and_of_different_candidates(tmp_path):
    equal = analyse(write_run(tmp_path / "equal", population(200)))
    assert equal.observed_gap("bottom") == pytest.approx(equal.noise.top_bottom, rel=0.2)
    assert equal.held_out.top_bottom == pytest.approx(0, abs=0.35)
    different = analyse(write_run(tmp_path / "different", population(200, quality=linear_is_better)))
    assert different.observed_gap("bottom") > 1.5 * different.noise.top_bottom
    assert different.held_out.top_bottom > 1.0
    assert different.linearity["top"].low > different.linearity["bottom"].high


@pytest.mark.parametrize("count", [0, 1, 2, 8])
def test_small_and_beginning_runs(tmp_path, count):
    run = write_run(tmp_path / "run", population(count), config(candidates=50), epochs=2)
    report = write_report([run])
    assert f"{count} of 50 candidates have ended" in report.text
    assert "not complete" in report.text
    assert ("Nothing is finished yet" in report.text) == (count == 0)
    assert ("not a tenth" in report.text) == (count > 0)
    with run.deciles_file.open(newline="", encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == min(count, 3)
    assert "Nothing is finished" not in run.page_file.read_text(encoding="utf-8") or count == 0


def test_only_failed_and_stopped_candidates(tmp_path):
    records = [make_record(0, state=State.STOPPED_AT_RUNG), make_record(1, [], state=State.FAILED, reason="diverged")]
    run = write_run(tmp_path / "run", records)
    text = write_report([run]).text
    said = "none of 2 candidates was trained to its end: 1 stopped at rung, 1 failed (most often: diverged)"
    assert "0 can be ranked" in text and said in " ".join(text.split())
    assert "diverged" in run.page_file.read_text(encoding="utf-8")


def test_one_seed_says_that_the_noise_is_unknown(tmp_path):
    run = write_run(tmp_path / "run", population(20, seeds=1), config(seeds=1))
    text = terminal.summary(analyse(run))
    assert "noise is unknown with one seed" in text and "By noise alone" not in text


def test_a_running_run_with_torn_lines(tmp_path):
    run = write_run(tmp_path / "run", population(12), config(candidates=30))
    run.append_curve(curve_points(make_record(40), epochs=1))  # in training: epochs, but no row yet
    for file in (run.candidates_file, run.curves_file):
        with file.open("a", encoding="utf-8") as table:
            table.write("13,finished,ungui")
    analysis = analyse(run)
    assert "12 of 30 candidates have ended" in terminal.summary(analysis)
    assert [curve.candidate for curve in analysis.curves] == [40]
    assert draw_curves(analysis).axes[0].lines


def test_draws_add_up(tmp_path):
    records = [make_record(n, [60.0 + n], draws=Draws(6, duplicate=1, under_budget=2, over_budget=2)) for n in range(3)]
    text = terminal.summary(analyse(write_run(tmp_path / "run", records)))
    assert "18 drawn = 3 kept + 3 duplicates + 6 under budget + 6 over budget" in text


def test_several_runs_of_different_depth(tmp_path):
    runs = [
        write_run(tmp_path / name, population(12, blocks=blocks), config(name, blocks=blocks))
        for name, blocks in (("c1", 5), ("c4", 13))
    ]
    runs.append(write_run(tmp_path / "empty", []))
    report = write_report([*runs, runs[0]])
    folder = tmp_path / "report-c1+c4+empty"
    assert report.page == folder / "report.html"
    for name in COMBINED_FIGURES:
        assert ink(folder / "figures" / f"{name}.png") > 0.001
    assert all(run.page_file.is_file() and run.deciles_file.is_file() for run in runs)
    page = report.page.read_text(encoding="utf-8")
    assert all(run.name in page and f"run {run.name}" in report.text for run in runs)
    assert report.text.count("run c1\n") == 1


def test_runs_of_one_depth_and_many_panels(tmp_path):
    runs = [analyse(write_run(tmp_path / f"run{n}", population(4, seed=n))) for n in range(5)]
    for draw in COMBINED_FIGURES.values():
        (tmp_path / "figure.png").write_bytes(canvas.render(draw(runs)).png)
        assert ink(tmp_path / "figure.png") > 0.001


def test_the_combined_folder_has_a_sane_and_repeatable_name(tmp_path):
    runs = [RunDirectory(tmp_path / ("x" * 80 + str(number))) for number in range(5)]
    name = combined_folder(runs).name
    assert len(name.encode()) < 150 and combined_folder(runs).parent == tmp_path
    assert combined_folder(runs).name == name != combined_folder(runs[::-1]).name
    apart = [RunDirectory(tmp_path / "a" / "run"), RunDirectory(tmp_path / "b" / "run")]
    assert combined_folder(apart) != combined_folder([apart[0], RunDirectory(tmp_path / "c" / "run")])


def test_a_config_with_nothing_in_it_reads_unknown(tmp_path):
    run = write_run(tmp_path / "run", population(3), {"name": "run", "constraint": "c1", "data": None, "search": []})
    write_report([run])
    assert "unknown" in run.page_file.read_text(encoding="utf-8")


def test_ranking_on_test_images_is_said_everywhere(tmp_path):
    run = write_run(tmp_path / "run", population(12), config(rank_on="test"))
    text = write_report([run]).text
    page = run.page_file.read_text(encoding="utf-8")
    assert "no images are left that" in " ".join(text.split())
    assert "ranking top-1, on test images" in page and "top-1 on validation images" not in page


def test_user_errors(tmp_path):
    with pytest.raises(UserError, match="none given"):
        write_report([])
    run = write_run(tmp_path / "run", population(3))
    run.figures.write_text("in the way")
    with pytest.raises(UserError, match="figures cannot be written"):
        write_report([run])


def test_a_run_directory_given_as_here(tmp_path, monkeypatch):
    write_run(tmp_path / "myrun", population(3))
    monkeypatch.chdir(tmp_path / "myrun")
    assert terminal.summary(analyse(RunDirectory.open("."))).startswith("run myrun\n")


def test_a_leftover_temporary_file_is_no_obstacle(tmp_path):
    run = write_run(tmp_path / "run", population(3))
    run.figures.mkdir()
    (run.figures / ".edf.png.part").write_bytes(b"half a figure")
    write_report([run])
    assert (run.figures / "edf.png").read_bytes().startswith(b"\x89PNG")


def test_ties_on_disk_go_to_the_earlier_candidate(tmp_path):
    records = [dataclasses.replace(record) for record in (make_record(2), make_record(0), make_record(1))]
    assert [record.candidate.number for record in analyse(write_run(tmp_path / "run", records)).ranked] == [0, 1, 2]
