"""``chansearch export NETWORK --format … -o …``: which network and weights, and a file that is whole or none."""

import dataclasses
import importlib.util
import io
import json
import resource
from pathlib import Path

import onnx
import pytest
import torch
import yaml

import chansearch
from chansearch.cli import main
from chansearch.cost import price_spec
from chansearch.export import FORMATS, program
from chansearch.nets import preset
from chansearch.nets.checkpoint import read_tensors
from chansearch.nets.files import load_spec, spec_from_dict
from tests.export.models import TINY, images, logits, save, save_yaml, trained
from tests.export.runs import make_run

BINARY = [name for name, form in FORMATS.items() if form.weights]
TEXT = [name for name, form in FORMATS.items() if not form.weights]
UNTRAINED = "chansearch: note: the weights are drawn with seed 0, untrained; see --weights\n"


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """A folder to stand in, with a trained network's checkpoint, its training's folder and its YAML."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "training").mkdir()
    model = trained(TINY, ("ape", "bee", "cat"))
    save(tmp_path / "model.pt", model)
    save(tmp_path / "training" / "model.pt", model)
    save_yaml(tmp_path / "net.yaml", TINY)
    return tmp_path


def export(*words: object) -> None:
    assert main(["export", *map(str, words)]) == 0


def refused(words: str, capfd) -> str:
    """The one line; nothing but what was there before is there after."""
    before = sorted(Path().rglob("*"))
    assert main(["export", *words.split()]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("chansearch: ")
    assert err.count("\n") == 1, err
    assert sorted(Path().rglob("*")) == before
    return err


def state_of(folder: str) -> dict[str, torch.Tensor]:
    return read_tensors(Path(folder) / "model.safetensors")


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


class TestTheNetwork:
    @pytest.mark.parametrize("source", ["net.yaml", "model.pt", "training"])
    def test_may_be_a_file_a_checkpoint_or_a_trainings_folder(self, source, here, capfd):
        export(source)
        document = yaml.safe_load(capfd.readouterr().out)
        assert spec_from_dict(document["network"], "") == TINY
        assert document["costs"] == price_spec(TINY)
        assert document["source"] == {"network": source}

    def test_may_be_a_preset(self, here, capfd):
        export("rexnet_100", "-o", "rexnet.yaml")
        assert load_spec("rexnet.yaml") == preset("rexnet_100")
        assert capfd.readouterr() == ("", "")

    def test_is_changed_by_the_options_that_make_sense(self, here, capfd):
        options = "--classes 5 --input-size 16 --se none --activation silu --depthwise-activation elu"
        export("net.yaml", *options.split())
        changed = dict.fromkeys(("activation", "stem_activation", "head_activation"), "silu")
        changed |= {"classes": 5, "input_size": 16, "se_reduction": None, "depthwise_activation": "elu"}
        found = yaml.safe_load(capfd.readouterr().out)["network"]
        assert spec_from_dict(found, "") == dataclasses.replace(TINY, **changed)

    @pytest.mark.parametrize(
        "option",
        [
            "--run x",
            "--results x",
            "--top 2",
            "--channels 1-2",
            "--as searched",
            "--params 1M",
            "--flops 1M",
            "--divisor 8",
        ],
    )
    def test_is_no_candidate_of_a_search(self, option, here, capfd):
        assert "is for candidates of a search; 'net.yaml' is a network already" in refused(f"net.yaml {option}", capfd)

    @pytest.mark.parametrize("source", ["nowhere.yaml", "nowhere.pt", "rexnet_99", "empty"])
    @pytest.mark.parametrize("form", FORMATS)
    def test_that_is_not_there_is_refused(self, source, form, here, capfd):
        (here / "empty").mkdir()
        assert source in refused(f"{source} --format {form} -o out", capfd)

    @pytest.mark.slow
    def test_may_be_a_runs_candidate(self, here, capfd):
        make_run(here / "results" / "first", "c1", [((34, 34, 45, 55, 66), 63.4)], classes=7)
        export("--as", "searched")
        document = yaml.safe_load(capfd.readouterr().out)
        export("--as", "searched", "--format", "onnx", "-o", "net.onnx")
        assert capfd.readouterr().err == UNTRAINED
        held = {entry.key: json.loads(entry.value) for entry in onnx.load("net.onnx").metadata_props}
        assert held["network"] == document["network"]
        export("--top", 1, "--input-size", 32, "--format", "timm", "-o", "full")
        export("--top", 1, "--input-size", 32, "-o", "full.yaml")
        torch.manual_seed(0)
        assert same(state_of("full"), chansearch.build("full.yaml").state_dict())


class TestTheWeights:
    def test_are_the_checkpoints_own(self, here, capfd):
        export("model.pt", "--format", "timm", "-o", "folder")
        assert same(state_of("folder"), trained(TINY).network.state_dict())
        assert capfd.readouterr().err == ""

    def test_are_drawn_with_seed_0_where_there_are_none(self, here, capfd):
        generator = torch.get_rng_state()
        export("net.yaml", "--format", "timm", "-o", "folder")
        assert torch.equal(torch.get_rng_state(), generator)
        assert capfd.readouterr().err == UNTRAINED
        torch.manual_seed(0)
        assert same(state_of("folder"), chansearch.build("net.yaml").state_dict())

    @pytest.mark.parametrize("source", ["net.yaml", "model.pt", "--channels 4-5-6 --classes 3 --input-size 32"])
    def test_are_those_of_a_file(self, source, here, capfd):
        if source.startswith("--"):
            export(*source.split(), "-o", "net.yaml")
        other = trained(load_spec("net.yaml"), seed=5)
        torch.save(other.network.state_dict(), "other.pth")
        export(*source.split(), "--weights", "other.pth", "--format", "timm", "-o", "folder")
        assert same(state_of("folder"), other.network.state_dict())
        assert capfd.readouterr().err == ""

    def test_of_another_number_of_classes_go_with_that_number(self, here):
        other = trained(dataclasses.replace(TINY, classes=9))
        torch.save(other.network.state_dict(), "other.pth")
        for source in ("net.yaml", "model.pt"):
            export(source, "--weights", "other.pth", "--classes", 9, "--format", "timm", "-o", source + "9")
            assert same(state_of(source + "9"), other.network.state_dict())
            assert "label_names" not in json.loads(Path(source + "9", "config.json").read_text())

    def test_keep_the_names_of_their_classes(self, here):
        export("training", "--classes", 3, "--format", "timm", "-o", "folder")
        assert json.loads(Path("folder/config.json").read_text())["label_names"] == ["ape", "bee", "cat"]

    def test_with_a_classifier_nobody_trained_are_refused(self, here, capfd):
        line = refused("model.pt --classes 9 --format timm -o folder", capfd)
        assert "--classes: 9; 'model.pt' is trained for 3" in line

    @pytest.mark.parametrize("form", TEXT)
    def test_have_no_place_in_a_text(self, form, here, capfd):
        for option in ("--weights model.pt", "--pretrained"):
            line = refused(f"net.yaml --format {form} {option}", capfd)
            assert f"{option.split()[0]}: --format {form} holds no weights" in line

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            ("rexnet_100 --pretrained --weights model.pt", "give one of them"),
            ("rexnet_110 --pretrained", "no weights are published for rexnet_110"),
            ("--channels 34-34-45-55-66 --pretrained", "for a candidate of a search"),
        ],
    )
    def test_that_are_published_are_a_presets(self, words, said, here, capfd):
        assert said in refused(f"{words} --format torch -o net.pt2", capfd)

    @pytest.mark.parametrize("classes", [2, 9])
    def test_that_do_not_fit_are_refused(self, classes, here, capfd):
        other = trained(dataclasses.replace(TINY, classes=classes))
        torch.save(other.network.state_dict(), "other.pth")
        assert "head.fc" in refused("net.yaml --weights other.pth --format timm -o folder", capfd)

    def test_that_are_no_numbers_are_refused(self, here, capfd):
        model = trained(TINY)
        model.network.head.fc.weight.data[0, 0] = torch.nan
        save(here / "model.pt", model)
        assert "logits are not finite" in refused("model.pt --format torch -o net.pt2", capfd)


class TestTheOutput:
    @pytest.mark.parametrize("form", BINARY)
    def test_says_what_it_is_and_nothing_else(self, form, here, capfd):
        export("model.pt", "--format", form, "-o", "out")
        out, err = capfd.readouterr()
        lines = out.splitlines()
        assert len(lines) == (1 if form == "timm" else 2)
        assert all(line.startswith("out: ") for line in lines)
        assert err == ""

    @pytest.mark.parametrize("form", TEXT)
    def test_of_a_text_is_the_same_in_a_file(self, form, here, capfd):
        export("net.yaml", "--format", form)
        out, err = capfd.readouterr()
        export("net.yaml", "--format", form, "-o", "out")
        assert Path("out").read_text(encoding="utf-8") == out
        assert (capfd.readouterr(), err) == (("", ""), "")

    @pytest.mark.parametrize("form", BINARY)
    def test_of_a_binary_needs_a_name(self, form, here, capfd):
        assert f"--format {form}: needs -o" in refused(f"net.yaml --format {form}", capfd)

    def test_of_a_program_computes_what_the_checkpoint_does(self, here):
        export("training", "--format", "torch", "-o", "net.pt2")
        read = torch.export.load("net.pt2").module()
        with torch.inference_mode():
            assert torch.equal(read(images(TINY, 4)), logits(trained(TINY)))

    @pytest.mark.parametrize("name", ["onx", "ONNX", "", "pytorch"])
    def test_of_a_format_there_is_not_lists_those_there_are(self, name, here, capfd):
        assert main(["export", "net.yaml", "--format", name]) == 2
        err = capfd.readouterr().err
        assert err.startswith(f"chansearch: --format: {name!r} is unknown")
        assert err.endswith("; allowed: yaml, onnx, torch, timm, python\n")

    def test_is_listed_in_the_help(self, capfd):
        with pytest.raises(SystemExit):
            main(["export", "--help"])
        described = capfd.readouterr().out.split("--format NAME")[-1]
        for name in FORMATS:
            assert name in described

    @pytest.mark.parametrize("form", FORMATS)
    @pytest.mark.parametrize("output", ["nowhere/out", "net.yaml/out"])
    def test_in_a_folder_there_is_not_is_refused_at_once(self, form, output, here, capfd):
        assert f"there is no folder '{Path(output).parent}'" in refused(f"net.yaml --format {form} -o {output}", capfd)

    @pytest.mark.parametrize("form", [name for name, form in FORMATS.items() if not form.folder])
    def test_is_no_folder(self, form, here, capfd):
        assert f"-o: 'training' is a folder; --format {form}" in refused(f"net.yaml --format {form} -o training", capfd)

    @pytest.mark.parametrize("output", ["training", "net.yaml"])
    def test_of_timm_is_a_folder_of_its_own(self, output, here, capfd):
        assert f"-o: '{output}' exists already" in refused(f"net.yaml --format timm -o {output}", capfd)

    def test_of_timm_may_be_an_empty_folder(self, here):
        (here / "empty").mkdir()
        export("model.pt", "--format", "timm", "-o", "empty")
        assert same(state_of("empty"), trained(TINY).network.state_dict())

    @pytest.mark.skipif(not Path("/proc/self").exists(), reason="no folder here that even root may not write to")
    @pytest.mark.parametrize("form", [*TEXT, "timm"])
    def test_where_nothing_can_be_written_is_one_line(self, form, here, capfd):
        line = refused(f"model.pt --format {form} -o /proc/out", capfd)
        assert "-o: '/proc/out'" in line

    @pytest.mark.parametrize("form", ["python", "timm", "torch"])
    def test_that_the_disk_has_no_room_for_leaves_the_old_one(self, form, here, capfd):
        """Files of more than 2 kB are refused by the system, as a full disk refuses them."""
        output = here / "out"
        if form != "timm":
            output.write_text("the old one")
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, hard))
        try:
            line = refused(f"model.pt --format {form} -o out", capfd)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert "-o: 'out' cannot be written: File too large" in line
        assert form == "timm" or output.read_text() == "the old one"

    def test_that_is_not_the_network_leaves_the_old_one(self, here, capfd, monkeypatch):
        """As a bug of an exporter would make it."""
        sound, other = program.capture, trained(TINY, seed=1)
        monkeypatch.setattr(program, "capture", lambda network, shape: sound(other.network, shape))
        (here / "out").write_text("the old one")
        assert "logits differ from torch's" in refused("model.pt --format torch -o out", capfd)
        assert (here / "out").read_text() == "the old one"

    def test_replaces_the_old_one_and_what_a_killed_export_left(self, here):
        (here / "out").write_text("the old one")
        (here / ".out.part").write_bytes(b"half")
        export("model.pt", "--format", "torch", "-o", "out")
        torch.export.load(io.BytesIO((here / "out").read_bytes()))
        (here / ".folder.part").mkdir()
        (here / ".folder.part" / "model.safetensors").write_bytes(b"half")
        export("model.pt", "--format", "timm", "-o", "folder")
        assert same(state_of("folder"), trained(TINY).network.state_dict())
        assert [path.name for path in here.iterdir() if path.name.endswith(".part")] == []


@pytest.mark.parametrize(
    ("form", "package", "extra"),
    [
        ("onnx", "onnx", "deploy"),
        ("onnx", "onnxscript", "deploy"),
        ("onnx", "onnxruntime", "deploy"),
        ("timm", "safetensors", "train"),
    ],
)
def test_a_missing_package_names_its_extra(form, package, extra, here, capfd, monkeypatch):
    """Before anything else: of a network without weights too, it is the only line."""
    sound = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == package else sound(name, *rest)
    )
    line = refused(f"net.yaml --format {form} -o out", capfd)
    assert line == f'chansearch: --format {form}: needs the package {package}: pip install "chansearch[{extra}]"\n'
