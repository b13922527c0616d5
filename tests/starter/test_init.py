"""``chansearch init``: what it chooses, what it refuses, and that a search begins from what it wrote."""

import re
import shlex
from pathlib import Path

import pytest
import yaml
from PIL import Image

from chansearch.cli import _make_parser, main
from chansearch.config import compose
from chansearch.export.full import full_network, reference
from chansearch.nets import preset
from chansearch.search.plan import make_plan
from chansearch.search.rundir import RunDirectory
from chansearch.space import Shape, fit, parse_channels
from chansearch.starter.budget import LIKE, candidates, parse_params, wanted
from chansearch.train.estimate import expected_images
from tests.test_cli import make_images


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / ".cache"))
    return tmp_path


def composed(folder: str = "my", name: str = "mine"):
    return compose([f"constraint={name}", f"data={name}"], folder)


class TestTheBudget:
    def test_megabytes_are_four_bytes_a_parameter(self):
        assert parse_params("--params", "50MB") == 12.5e6
        assert parse_params("--params", "2 MiB") == 2**20 / 2
        assert parse_params("--params", "4.8M") == 4.8e6

    def test_without_one_the_network_is_rexnet_and_the_candidates_those_of_the_paper(self):
        network = wanted({}, classes=1000, input_size=224)
        assert network.costs["params"] == 4_796_873
        assert network.width == 1
        for like in LIKE:
            paper, mine = compose([f"constraint={like}"]).constraint, candidates(like, 1.0, 32, 3)
            assert mine.skeleton == paper.skeleton
            for name in ("params", "macs"):
                target = make_plan(compose([f"constraint={like}"]), 10).problem.budget.bands[name]
                assert target.low * 1.09 <= parse_params(name, getattr(mine.budget, name).target) <= target.high / 1.09

    def test_what_rexnet_costs_gives_its_width(self):
        costs = preset("rexnet_130")
        network = wanted({"macs": 0.66e9}, costs.classes, costs.input_size)
        assert network.width == pytest.approx(1.3, abs=0.02)

    @pytest.mark.parametrize(
        ("asked", "not_reached"),
        [
            ({"params": 12.5e6, "macs": 300e6}, ["params"]),
            ({"params": 2.5e6, "macs": 900e6}, ["macs"]),
            ({"params": 4.8e6, "macs": 400e6}, []),
            ({"macs": 300e6}, []),
        ],
    )
    def test_an_export_of_any_shape_keeps_within_both_bounds(self, asked, not_reached):
        network = wanted(asked, classes=1000, input_size=224)
        assert network.not_reached == not_reached
        for shape in (Shape.linear(5), fit(parse_channels("34-34-45-55-66")).shape):
            bounds = dict.fromkeys(("params", "macs")) | asked
            exported = full_network(shape, reference(), **bounds, start=0.09, at_most=True)
            assert all(exported.costs[name] <= bound for name, bound in asked.items())
            assert any(exported.costs[name] > 0.95 * bound for name, bound in asked.items())

    @pytest.mark.parametrize("like", LIKE)
    @pytest.mark.parametrize("width", [0.2, 5.0])
    def test_candidates_of_every_width_are_to_be_had(self, like, width, here):
        """Of the narrowest and the widest network that may be asked for."""
        least = wanted({}, 10, 64)
        macs = {0.2: 3.5e6, 5.0: 650e6}[width]
        assert wanted({"macs": macs}, 10, 64).width == pytest.approx(width, rel=0.35)
        assert least.width == 1
        assert main(["init", "--like", like, "--input-size", "64", "--macs", str(macs)]) == 0
        make_plan(composed(), 10)


class TestTheImages:
    def test_are_looked_at(self, here, capsys):
        make_images(here / "photos", classes=4, each=12)
        assert main(["init", "my", "--images", "photos", "--params", "1M", "--macs", "20M"]) == 0
        config = composed()
        assert config.data.root == str(here / "photos")
        assert (config.constraint.skeleton.input_size, config.constraint.skeleton.in_channels) == (20, 3)
        text = (here / "my" / "data" / "mine.yaml").read_text()
        assert "48 images in 4 classes of 12" in text
        out = capsys.readouterr().out
        assert "--classes 4" in out and "--input-size 64" in out

    @pytest.mark.parametrize(("each", "laptop"), [(2500, True), (2000, False)])
    def test_fidelity_laptop_is_named_only_where_there_are_as_many_as_it_takes(self, each, laptop, here, capsys):
        first = make_images(here / "photos", classes=5, each=1)
        for folder in first.iterdir():
            for index in range(1, each):
                (folder / f"{index}.png").hardlink_to(folder / "0.png")
        assert main(["init", "--images", "photos"]) == 0
        search = capsys.readouterr().out.split("next:")[1].splitlines()[1]
        assert ("fidelity=laptop" in search) == laptop
        config = compose(["constraint=mine", "data=mine", *(["fidelity=laptop"] if laptop else [])], "my")
        _, ranking = expected_images(config.data)
        assert ranking == (1000 if laptop else 900)

    def test_parts_that_are_split_already(self, here):
        make_images(here / "photos" / "train")
        make_images(here / "photos" / "val")
        assert main(["init", "--images", "photos"]) == 0
        data = composed().data
        assert (data.root, data.test_root) == (str(here / "photos" / "train"), str(here / "photos" / "val"))

    def test_grey_ones_need_one_channel(self, here):
        for label in "ab":
            (here / "photos" / label).mkdir(parents=True)
            for index in range(12):
                Image.new("L", (40, 60), index).save(here / "photos" / label / f"{index}.png")
        assert main(["init", "--images", "photos"]) == 0
        assert composed().constraint.skeleton.in_channels == 1
        assert composed().constraint.skeleton.input_size == 32

    def test_without_any_it_is_cifar(self, here):
        assert main(["init"]) == 0
        assert composed().data.name == "cifar10"


def test_the_commands_it_prints_parse(here, capsys):
    make_images(here / "photos")
    main(["init", "my own", "--name", "first", "--images", "photos", "--params", "50MB", "--macs", "300M"])
    commands = re.findall(r"^  (chansearch .*?)(?:  #.*)?$", capsys.readouterr().out, re.MULTILINE)
    names = [shlex.split(command)[1] for command in commands]
    assert names == ["search", "search", "report", "export", "build"]
    for command in commands[:2]:
        given, rest = _make_parser().parse_known_args(shlex.split(command)[1:])
        assert compose([*given.overrides, *rest], given.config_dir).constraint.name == "first"
    assert main([*shlex.split(commands[3])[1:], "--channels", "34-34-45-55-66"]) == 0
    costs = yaml.safe_load((here / "my own" / "rexnet.yaml").read_text())["costs"]
    assert costs["params"] <= 12.5e6 and costs["macs"] <= 300e6


REFUSED = {
    "--images nowhere": ["--images", "nowhere", "does not exist"],
    "--params lots": ["--params", "lots"],
    "--params 50XB": ["--params", "50XB"],
    "--params 1K": ["--params", "1,000", "allowed"],
    "--macs 1e30": ["--macs", "allowed"],
    "--like c9": ["--like", "c9", "c1, c2, c3"],
    "--input-size 1": ["--input-size", "1"],
    "--search-size 0": ["--search-size", "0"],
    "--name a/b": ["--name", "a/b"],
}


@pytest.mark.parametrize("typed", REFUSED)
def test_one_line_and_nothing_written(typed, here, capsys):
    assert main(["init", *typed.split()]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1
    assert all(word in captured.err for word in REFUSED[typed])
    assert list(here.iterdir()) == []


def test_nothing_is_overwritten(here, capsys):
    assert main(["init"]) == 0
    file = here / "my" / "constraint" / "mine.yaml"
    file.write_text("mine")
    assert main(["init"]) == 2
    assert "exists already" in capsys.readouterr().err
    assert file.read_text() == "mine"
    assert main(["init", "--name", "other"]) == 0


def test_a_disk_that_is_full_in_between_leaves_neither(here, monkeypatch):
    from chansearch.starter import write

    whole = write.write_aside

    def full(file, text):
        if file.parent.name == "data":
            raise OSError(28, "No space left on device")
        whole(file, text)

    monkeypatch.setattr(write, "write_aside", full)
    assert main(["init"]) == 2
    assert [path for path in here.rglob("*") if path.is_file()] == []


@pytest.mark.slow
def test_a_search_from_what_it_wrote(here, cluster):
    make_images(here / "photos", classes=3, each=20)
    assert main(["init", "--images", "photos", "--params", "1.5M"]) == 0
    spent = ["search.candidates=2", "train.epochs=1", "train.seeds=1", "train.batch_size=16", "train.kernels=torch"]
    settings = ["constraint=mine", "data=mine", *spent, "name=first", cluster]
    assert main(["search", "--config-dir", "my", *settings]) == 0
    records = RunDirectory.open("results/first").records()
    assert len(records) == 2
    assert all(len(record.candidate.channels) == 5 for record in records)
