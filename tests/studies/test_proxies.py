"""``chansearch study proxies`` from the command line: its files, its findings, and whose images it looked at."""

import csv
import dataclasses
import re

import numpy as np
import pytest
import yaml
from PIL import Image

from chansearch.cli import main
from chansearch.config import from_plain
from chansearch.proxies.names import PROXY_NAMES
from chansearch.search.candidate import Record
from chansearch.search.plan import make_plan
from chansearch.search.problem import Problem
from chansearch.search.rundir import RunDirectory
from chansearch.train.data import load
from tests.report.synthetic import config, population, write_run

SMALL = {"stem_channels": 4, "head_channels": 8, "input_size": 4, "expansion": 1}


def images(folder) -> None:
    """Two classes of twenty tiny images, and as many for the test."""
    rng = np.random.default_rng(0)
    for part in ("train", "test"):
        for label in ("a", "b"):
            (folder / part / label).mkdir(parents=True)
            for number in range(20):
                pixels = rng.integers(256, size=(4, 4, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / part / label / f"{number}.png")


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> RunDirectory:
    """A world where wide networks are better; its images exist, and the run knows their fingerprint."""
    folder = tmp_path_factory.mktemp("proxies")
    images(folder)
    data = {"name": "folder", "root": str(folder / "train"), "test_root": str(folder / "test"), "val_fraction": 0.2}
    settings = config(candidates=20, **data, cache=str(folder / "cache"))
    settings["constraint"]["skeleton"] |= SMALL
    plan = make_plan(from_plain(settings, "here"), 2)
    loaded = load(plan.config.data, 4, 3)
    settings["provenance"] |= {"data_fingerprint": loaded.fingerprint, "classes": 2}
    people = population(20, quality=lambda channels: 20 + 0.1 * sum(channels), noise=0.3)
    return write_run(folder / "run", [priced(record, plan.problem) for record in people], settings)


def priced(record: Record, problem: Problem) -> Record:
    """With the costs that the candidate has under the run's own skeleton."""
    candidate = record.candidate
    return Record(dataclasses.replace(candidate, **problem.all_costs(candidate.channels)), record.outcome)


def study(run, output, *options: str) -> int:
    return main(["study", "proxies", str(run.path), *options, "--output", str(output)])


def rows(file) -> list[dict[str, str]]:
    return list(csv.DictReader(file.read_text().splitlines()))


@pytest.fixture(scope="module")
def left(run, tmp_path_factory):
    """What a study of all proxies leaves."""
    output = tmp_path_factory.mktemp("study") / "out"
    assert study(run, output, "--seeds", "1", "--draws", "4") == 0
    return output


def test_leaves_its_files_and_nothing_else(left):
    names = ["config.yaml", "data.csv", "figure.png", "figure.svg", "findings.md", "scores.csv"]
    assert sorted(file.name for file in left.iterdir()) == names


def test_has_a_row_a_proxy_and_target(left):
    data = rows(left / "data.csv")
    assert [(row["proxy"], row["target"]) for row in data] == [
        (name, target) for target in ("val_top1", "test_top1") for name in PROXY_NAMES
    ]
    for row in data:
        for name in ("rho", "tau", "rho_held", "tau_held", "top_share", "gain"):
            value, low, high = (float(row[f"{name}{end}"]) for end in ("", "_low", "_high"))
            assert np.isfinite([value, low, high]).all() and low <= high, (row["proxy"], name)
        assert float(row["seconds"]) >= 0


def test_finds_that_size_ranks_in_a_world_of_size(left):
    by_proxy = {row["proxy"]: row for row in rows(left / "data.csv") if row["target"] == "test_top1"}
    assert float(by_proxy["params"]["tau_low"]) > 0.3
    assert float(by_proxy["params"]["tau_held"]) == float(by_proxy["macs"]["tau_held"]) == 0
    findings = (left / "findings.md").read_text()
    verdict = r"Params alone rank little: does not hold \(τ 0\.\d+ .*; published τ 0\.116 inside a budget\)"
    assert re.search(verdict, findings)
    assert "images: the run's training images, up to 4 batches of 64." in findings


def test_keeps_every_score(left, run):
    scores = rows(left / "scores.csv")
    assert [int(row["candidate"]) for row in scores] == list(range(20))
    for row, record in zip(scores, run.records(), strict=True):
        assert int(float(row["params"])) > 0
        assert float(row["test_top1"]) == pytest.approx(np.mean(record.outcome.test_top1), abs=1e-4)
    assert set(scores[0]) == {"candidate", "channels", "val_top1", "test_top1", *PROXY_NAMES}


def test_says_what_was_asked(left, run):
    asked = yaml.safe_load((left / "config.yaml").read_text())
    assert asked["run"] == str(run.path)
    assert (asked["seeds"], asked["draws"], asked["images"]) == (1, 4, None)
    assert "torch" in asked["provenance"]


class TestImages:
    """Which ones are looked at, and that it is said."""

    QUICK = ("--proxy", "grad_norm", "--seeds", "1", "--draws", "4")

    def scores(self, output) -> list[str]:
        return [row["grad_norm"] for row in rows(output / "scores.csv")]

    def test_noise_stands_in_for_images_that_are_gone(self, run, tmp_path, capsys):
        assert study(run, tmp_path / "gone", "data.root=nowhere", *self.QUICK) == 0
        out = " ".join(capsys.readouterr().out.split())
        assert "images: Gaussian noise, as the run's images are not there (data.root:" in out
        assert study(run, tmp_path / "noise", "--images", "noise", *self.QUICK) == 0
        assert self.scores(tmp_path / "gone") == self.scores(tmp_path / "noise")

    def test_other_images_are_not_taken_for_the_runs(self, run, tmp_path, capsys):
        assert study(run, tmp_path / "other", "data.split_seed=5", *self.QUICK) == 0
        out = " ".join(capsys.readouterr().out.split())
        assert "images: Gaussian noise, as the images that are there are not the run's (fingerprint" in out
        assert study(run, tmp_path / "asked", "data.split_seed=5", "--images", "run", *self.QUICK) == 0
        out = " ".join(capsys.readouterr().out.split())
        assert "images: training images that are not the run's (fingerprint" in out
        assert self.scores(tmp_path / "other") != self.scores(tmp_path / "asked")

    def test_images_that_were_asked_for_must_be_there(self, run, tmp_path, capsys):
        assert study(run, tmp_path / "out", "data.root=nowhere", "--images", "run", *self.QUICK) == 2
        assert "data.root" in capsys.readouterr().err
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (("--proxy", "zenn"), r"--proxy: 'zenn' is unknown \(did you mean zen\?\)"),
        (("--draws", "11"), "--draws: 11; allowed: 2 to 10, half the candidates"),
        (("--seeds", "0"), "--seeds: 0; allowed: 1 or more"),
        (("train.epochs=3",), "'train.epochs=3' is no setting of the run's data"),
        (("data.roots=x",), r"'data.roots=x' is no setting of the run's data \(did you mean data.root\?\)"),
        (("data.train_images=many",), "data.train_images"),
        (("data.root=[",), r"data.root: '\[' cannot be read as YAML"),
    ],
)
def test_a_mistake_costs_one_line_and_writes_nothing(options, line, run, tmp_path, capsys):
    assert study(run, tmp_path / "out", *options) == 2
    error = capsys.readouterr().err
    assert re.search(line, error) and error.count("\n") == 1
    assert not (tmp_path / "out").exists()
