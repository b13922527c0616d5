"""Studies that train: real trainings of tiny networks on one Ray, cut off, resumed, failing."""

import contextlib
import csv
import functools
import io
import os
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import yaml

from benchmarks.processes import TINY_STUDY, Process, whole_lines
from chansearch.cli import main
from chansearch.cluster import connected
from chansearch.config import ClusterConfig, compose
from chansearch.errors import UserError
from chansearch.nets import NetworkSpec, build
from chansearch.nets.files import spec_to_dict
from chansearch.nets.spec import ACTIVATIONS
from chansearch.studies.config import NONLINEARITY
from chansearch.studies.nonlinearity import NONLINEARITY_STUDY, nonlinearity_networks
from chansearch.studies.trained import check
from chansearch.studies.trainings import Training, record, recorded, train_all
from chansearch.train.data import load
from chansearch.train.engine import GroupTrainer

pytestmark = pytest.mark.slow

TINY = NetworkSpec(
    channels=(4, 6), strides=(1, 2), expansions=(1, 3), stem_channels=4, head_channels=16, input_size=8, in_channels=1
)


@dataclass(frozen=True)
class Asked:
    """The settings of a study that takes seconds."""

    words: tuple[str, ...]

    def config(self, *more: str):
        return compose([*self.words, *more], tree=NONLINEARITY)

    def run(self, folder: Path, *more: str) -> tuple[int, str]:
        """From the command line, in this process: exit code, and what was printed."""
        return _typed("study", "nonlinearity", *self.words, *more, "--output", str(folder))


def _typed(*words: str) -> tuple[int, str]:
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(out):
        return main(words), out.getvalue()


def _rows(folder: Path, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader((folder / name).read_text(encoding="utf-8").splitlines()))


@pytest.fixture(scope="module")
def asked(cluster, tmp_path_factory) -> Asked:
    file = tmp_path_factory.mktemp("network") / "tiny.yaml"
    file.write_text(yaml.safe_dump({"network": spec_to_dict(TINY)}))
    return Asked(
        (
            f"model={file}",
            *TINY_STUDY,
            "train.eval_batch_size=50",
            cluster,
        )
    )


@pytest.fixture(scope="module")
def finished(asked, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("finished") / "study"
    code, printed = asked.run(folder)
    assert code == 0, printed
    (folder / "printed").write_text(printed)
    return folder


class TestWholeStudy:
    def test_leaves_its_files(self, finished):
        names = {"config.yaml", "trainings.csv", "data.csv", "figure.png", "figure.svg", "findings.md"}
        assert names <= {file.name for file in finished.iterdir()}
        held = yaml.safe_load((finished / "config.yaml").read_text())
        assert held["study"] == "nonlinearity"
        assert held["train"]["epochs"] == 2
        assert len(held["provenance"]["data_fingerprint"]) > 8

    def test_says_what_it_trains_how_long_and_what_ended(self, finished):
        printed = (finished / "printed").read_text()
        assert "8 networks, seeds: 1" in printed
        assert "estimated time:" in printed
        assert printed.count("| left ") == 8
        assert "[8/8]" in printed
        assert "SiLU above all others" in printed

    def test_trains_every_activation_on_the_same_images_and_seed(self, asked, finished):
        """What a worker found is what a training in this process finds."""
        config = asked.config()
        dataset = load(config.data, 8, 1)
        networks = nonlinearity_networks(config, 10)
        found = {row["network"]: row for row in _rows(finished, "trainings.csv")}
        assert tuple(sorted(found)) == tuple(sorted(ACTIVATIONS))
        for name in ("softplus", "silu"):
            trainer = GroupTrainer(functools.partial(build, networks[name]), dataset, config.train, (0,))
            [*_, last] = trainer
            assert float(found[name]["val_top1"]) == last.mean_val_top1
            assert float(found[name]["test_top1"]) == trainer.test_top1()[0]
            [spectrum] = trainer.feature_spectra()
            assert float(found[name]["nuclear_norm"]) == pytest.approx(spectrum.nuclear_norm, rel=1e-6)
            assert int(found[name]["feature_rank"]) == spectrum.rank

    def test_resumed_when_complete_writes_its_findings_anew(self, finished):
        before = {name: (finished / name).read_bytes() for name in ("trainings.csv", "data.csv", "figure.png")}
        for name in ("findings.md", "figure.png", "data.csv"):
            (finished / name).unlink()
        code, printed = _typed("study", "nonlinearity", "--resume", str(finished))
        assert code == 0
        assert "estimated" not in printed
        assert {name: (finished / name).read_bytes() for name in before} == before
        assert (finished / "findings.md").is_file()

    def test_is_not_written_over(self, asked, finished):
        before = (finished / "trainings.csv").read_bytes()
        code, printed = asked.run(finished)
        assert (code, printed.count("\n")) == (2, 1)
        assert "exists already" in printed
        assert (finished / "trainings.csv").read_bytes() == before

    def test_of_one_kind_is_not_resumed_as_another(self, finished):
        code, printed = _typed("study", "factors", "--resume", str(finished))
        assert code == 2
        assert "study factors" in printed

    def test_is_not_resumed_on_other_images(self, finished, tmp_path):
        copy = tmp_path / "copy"
        copy.mkdir()
        held = (finished / "config.yaml").read_text()
        (copy / "config.yaml").write_text(held.replace("train_images: 200", "train_images: 150"))
        code, printed = _typed("study", "nonlinearity", "--resume", str(copy))
        assert code == 2
        assert "fingerprint" in printed
        assert not (copy / "trainings.csv").exists()


def test_a_rehearsal_writes_nothing(asked, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, printed = _typed("study", "nonlinearity", *asked.words, "cluster.workers=1", "--dry-run")
    assert code == 0
    assert "hardswish: 4, 4-6  params" in printed
    assert "estimated time:" in printed
    assert list(tmp_path.iterdir()) == []


def test_cut_off_by_ctrl_c_it_goes_on_where_it_was(asked, finished, tmp_path):
    """The same numbers as unbroken, and nothing that had ended is trained again."""
    process = Process(
        "study", "nonlinearity", *asked.words, "train.epochs=20", "cluster.workers=1", "--output", "cut", cwd=tmp_path
    )
    table = tmp_path / "cut" / "trainings.csv"
    process.until(lambda: table.is_file() and whole_lines(table).count(b"\n") >= 2)
    code = process.press_ctrl_c()
    assert code == 130
    assert "go on with `chansearch study nonlinearity --resume cut`" in process.err
    kept = whole_lines(table)
    assert kept.count(b"\n") < 9
    config = tmp_path / "cut" / "config.yaml"  # the rest of it at the length of the whole one
    config.write_text(config.read_text().replace("epochs: 20", "epochs: 2"))
    code, printed = _typed("study", "nonlinearity", "--resume", str(tmp_path / "cut"))
    assert code == 0, printed
    assert "trainings kept" in printed
    assert table.read_bytes().startswith(kept)
    before = kept.count(b"\n") - 1
    resumed = _rows(tmp_path / "cut", "trainings.csv")
    assert len(resumed) == 8
    whole = {row["network"]: row["test_top1"] for row in _rows(finished, "trainings.csv")}
    assert {row["network"]: row["test_top1"] for row in resumed[before:]}.items() <= whole.items()


def test_what_fails_is_a_row_with_its_reason_and_the_others_go_on(asked, cluster, tmp_path):
    """A worker that dies is replaced, one that always dies is given up, a training that diverges is not repeated."""
    config = asked.config()
    dataset = load(config.data, 8, 1)

    class Deadly:  # within this function, so that it travels by value
        """Ends the process that looks at its images, the first so many times."""

        def __init__(self, times: int) -> None:
            self.times, self.folder = times, tmp_path / str(times)
            self.folder.mkdir()

        def __getattr__(self, name: str):
            if name.startswith("__"):
                raise AttributeError(name)
            deaths = len(list(self.folder.iterdir()))
            if deaths < self.times:
                (self.folder / str(deaths)).touch()
                os._exit(1)
            return getattr(dataset, name)

    wild = replace(config.train, lr=1e30, warmup_epochs=0.0)
    with connected(ClusterConfig(address=cluster.removeprefix("cluster.address="), workers=1), 1, 1) as joined:
        [replaced] = train_all([("tiny", TINY, 0)], Deadly(1), config.train, joined)
        [given_up] = train_all([("tiny", TINY, 0)], Deadly(9), config.train, joined)
        [diverged] = train_all([("tiny", TINY, 0)], dataset, wild, joined)
    assert replaced.state == "finished"
    assert given_up.state == diverged.state == "failed"
    assert given_up.reason.startswith("worker died")
    assert len(list((tmp_path / "9").iterdir())) == 3
    assert diverged.reason.startswith("seed 0 diverged in epoch 1")


class TestRecord:
    DONE = Training("a, b", 1, "finished", 2, 40.0, 41.5, 1234.5, 16, 6.25, 3.5)
    FAILED = Training("c", 0, "failed", 1, reason="it\nbroke")

    def test_reads_what_was_written_but_for_a_torn_line(self, tmp_path):
        record(tmp_path, self.DONE)
        record(tmp_path, self.FAILED)
        with (tmp_path / "trainings.csv").open("a") as file:
            file.write("c,1,finis")
        assert recorded(tmp_path) == [self.DONE, replace(self.FAILED, reason="it broke")]
        record(tmp_path, self.DONE)
        assert recorded(tmp_path) == [self.DONE, replace(self.FAILED, reason="it broke"), self.DONE]

    def test_names_a_line_that_cannot_be_read(self, tmp_path):
        record(tmp_path, self.DONE)
        file = tmp_path / "trainings.csv"
        file.write_text(file.read_text().replace("finished", "perhaps"))
        with pytest.raises(UserError, match=r"line 2 .*perhaps"):
            recorded(tmp_path)


MISTAKES = {
    "study factors data=cifar11": ["data", "cifar11", "cifar10"],
    "study factors train.epochs=0": ["train.epochs", "0", "1 or more"],
    "study factors cluster.workers=0 data=digits": ["cluster.workers", "0"],
    "study factors model=rexnet_100": ["model", "unknown key"],
    "study factors data=folder data.root=nowhere": ["data.root", "nowhere"],
    "study factors --resume nowhere": ["--resume", "nowhere"],
    "study factors train.epochs=3 --resume nowhere": ["train.epochs=3", "--resume"],
    "study nonlinearity model=rexnet_99": ["rexnet_99"],
    "study nonlinearity modle=rexnet_100": ["modle", "did you mean model?"],
    "study nonlinearity data=digits --output .": ["--output", "exists already"],
}


@pytest.mark.parametrize("typed", MISTAKES)
def test_a_mistake_is_one_line_and_nothing_written(typed, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(typed.split()) == 2
    captured = capsys.readouterr()
    assert (captured.out, captured.err.count("\n")) == ("", 1)
    for word in MISTAKES[typed]:
        assert word in captured.err
    assert list(tmp_path.iterdir()) == []


def test_all_networks_of_a_seed_come_before_the_next_seed(asked):
    plan = check(NONLINEARITY_STUDY, asked.config("train.seeds=2"))
    assert plan.image_shape == (8, 1)
    assert plan.trainings == [(name, seed) for seed in (0, 1) for name in ACTIVATIONS]
