"""The command line: help, exit codes, one line for a mistake, and what it imports."""

import json
import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from PIL import Image

from chansearch import __version__
from chansearch.cli import main
from chansearch.config import SEARCH, groups, known_keys
from chansearch.cost import price_spec
from chansearch.search.rundir import RunDirectory
from chansearch.transfer.config import TRAINING
from tests.export.runs import make_run
from tests.nets.specs import search_spec
from tests.space.golden import TABLE_3

COMMANDS = (
    "init",
    "search",
    "resume",
    "report",
    "confirm",
    "replay",
    "export",
    "build",
    "cost",
    "train",
    "eval",
    "latency",
    "completion",
)
HEAVY = (
    "torch",
    "ray",
    "hydra",
    "omegaconf",
    "optuna",
    "matplotlib",
    "scipy",
    "sklearn",
    "pandas",
    "tensorboard",
    "timm",
)


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """An empty folder to stand in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / ".cache"))
    return tmp_path


def python(code: str, cwd: Path | None = None) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=cwd)


def exit_code(arguments: list[str]) -> int:
    """Of ``main``, which leaves by ``SystemExit`` where argparse ends it."""
    try:
        return main(arguments)
    except SystemExit as left:
        return left.code


def make_images(root: Path, classes: int = 3, each: int = 12) -> Path:
    """A small folder data set: noise in a colour of its class."""
    for label in range(classes):
        folder = root / f"class{label}"
        folder.mkdir(parents=True)
        for index in range(each):
            Image.new("RGB", (20, 20), (80 * label, 7 * index, 90)).save(folder / f"{index}.png")
    return root


class TestHelp:
    def test_lists_every_command(self, capsys):
        assert exit_code(["--help"]) == 0
        out = capsys.readouterr().out
        for command in COMMANDS:
            assert command in out

    @pytest.mark.parametrize("command", COMMANDS)
    def test_every_command_has_its_own(self, command, capsys):
        assert exit_code([command, "--help"]) == 0
        captured = capsys.readouterr()
        assert captured.out.startswith(f"usage: chansearch {command}")
        assert captured.err == ""

    @pytest.mark.parametrize("words", [[], ["search"], ["study", "rank"]])
    def test_help_is_a_command_too(self, words, capsys):
        assert exit_code([*words, "--help"]) == 0
        asked = capsys.readouterr().out
        assert exit_code(["help", *words]) == 0
        assert capsys.readouterr().out == asked

    def test_of_a_command_there_is_not(self, capsys):
        assert exit_code(["help", "serach"]) == 2
        assert "did you mean search?" in capsys.readouterr().err

    def test_has_the_exit_codes_and_the_variables(self, capsys):
        exit_code(["--help"])
        out = capsys.readouterr().out
        assert all(f"\n  {code} " in out for code in (0, 1, 2, 130))
        page = (Path(__file__).parents[1] / "docs" / "command_line.md").read_text()
        for name in re.findall(r"^  ([A-Z_]{3,})  ", out, re.MULTILINE):
            assert f"`{name}`" in page

    def test_comes_at_once(self):
        """In seconds of the processor: other work may be going on beside it."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "chansearch", "--help"], capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime) < 0.5

    @pytest.mark.parametrize("tree", [SEARCH, TRAINING], ids=lambda tree: tree.command)
    def test_lists_every_choice_of_every_group(self, tree, capsys):
        exit_code([tree.command, "--help"])
        out = capsys.readouterr().out
        for group, choices in groups(tree=tree).items():
            [line] = [line for line in out.splitlines() if line.split()[:1] == [group]]
            assert line.split(maxsplit=1)[1] == ", ".join(choices)

    @pytest.mark.parametrize("tree", [SEARCH, TRAINING], ids=lambda tree: tree.command)
    def test_settings_it_names_exist(self, tree, capsys):
        exit_code([tree.command, "--help"])
        out = capsys.readouterr().out
        settings = out[out.index("settings (KEY=VALUE)") :]
        named = [word.split("=")[0] for word in settings.split() if "=" in word and "." in word.split("=")[0]]
        assert len(named) > 10
        assert {name for name in named if not name.startswith("network.")} <= known_keys(tree.schema).keys()

    def test_version(self, capsys):
        assert exit_code(["--version"]) == 0
        assert capsys.readouterr().out == f"chansearch {__version__}\n"

    @pytest.mark.parametrize(
        "arguments",
        [["--help"], *([name, "--help"] for name in ("search", "replay", "export", "train", "eval")), ["--version"]],
    )
    def test_needs_nothing_heavy(self, arguments):
        answer = python(
            "import sys\n"
            "from chansearch.cli import main\n"
            "try:\n"
            f"    main({arguments})\n"
            "except SystemExit:\n"
            "    pass\n"
            f"print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)"
        )
        assert answer.stderr == "[]\n"

    @pytest.mark.parametrize(
        "module",
        ["chansearch", "chansearch.cli", "chansearch.config", "chansearch.errors", "chansearch.transfer.config"],
    )
    def test_importing_needs_nothing_heavy(self, module):
        answer = python(f"import sys, {module}; print([name for name in {HEAVY} if name in sys.modules])")
        assert answer.stdout == "[]\n", answer.stderr

    @pytest.mark.parametrize("mistake", [["search", "serach.candidates=4"], ["train", "recipe.epoch=4"]])
    def test_a_mistyped_key_needs_neither_torch_nor_ray(self, mistake):
        """Hydra's composition is what is left of the time to answer."""
        answer = python(
            "import sys\n"
            "from chansearch.cli import main\n"
            f"main({mistake})\n"
            "print([name for name in ('torch', 'ray', 'optuna', 'matplotlib') if name in sys.modules])"
        )
        assert answer.stdout == "[]\n", answer.stderr

    @pytest.mark.parametrize(
        "start", [[sys.executable, "-m", "chansearch"], [str(Path(sys.executable).with_name("chansearch"))]]
    )
    def test_both_ways_of_starting_it(self, start):
        answer = subprocess.run([*start, "--version"], capture_output=True, text=True)
        assert (answer.returncode, answer.stdout, answer.stderr) == (0, f"chansearch {__version__}\n", "")
        mistake = subprocess.run([*start, "resume", "nowhere"], capture_output=True, text=True)
        assert (mistake.returncode, mistake.stdout) == (2, "")
        assert mistake.stderr.startswith("chansearch: run: ")


SEARCH = "search constraint=demo data=digits fidelity=demo "
MISTAKES = {
    # what is typed: words that the line must hold
    "": ["COMMAND"],
    "serach": ["serach", "did you mean search?"],
    "Search": ["did you mean search?"],
    "study rnk": ["did you mean rank?"],
    "transfer ssd": ["did you mean ssdlite?"],
    "study rank --networkz 3": ["--networkz", "study rank", "did you mean --networks?"],
    "study rank --layers conv1x2": ["--layers", "did you mean conv1x1?"],
    "study rank --activations SiLU": ["--activations", "did you mean silu?"],
    "study factors train.epoch=3": ["train.epoch", "did you mean train.epochs?"],
    "study nonlinearity fidelity=papr": ["fidelity", "did you mean paper?"],
    "study proxies nowhere --proxy naswod": ["--proxy", "did you mean naswot?"],
    "transfer ssdlite detector.minsize=3": ["detector.minsize", "did you mean detector.min_size?"],
    "transfer finegrained data=flower102": ["data", "did you mean flowers102?"],
    "train recipe.epoch=3": ["recipe.epoch", "did you mean recipe.epochs?"],
    "train recipe=shrt": ["recipe", "allowed: "],
    "eval rexnet_100 data=imagnet": ["data", "did you mean imagenet?"],
    "latency rexnet_100 --engine onx": ["--engine", "did you mean onnx?"],
    "latency rexnett_100": ["did you mean rexnet_100?"],
    "export --activation silo --channels 10-20-30": ["silo", "did you mean silu?"],
    "export rexnet_100 --format onxx": ["--format", "did you mean onnx?"],
    "replay nowhere --strategy halvin": ["--strategy", "did you mean halving?"],
    "search epochs=4": ["epochs", "did you mean train.epochs?"],
    "search constraint=C2": ["constraint", "did you mean c2?"],
    "search space.family=peicewise": ["space.family", "did you mean piecewise?"],
    "search sampler.name=tep": ["sampler.name", "did you mean tpe?"],
    "search scheduler.name=ahsa": ["scheduler.name", "did you mean asha?"],
    "search sampler.prescreen=naswod": ["sampler.prescreen", "did you mean naswot?"],
    "search constraint.latency.engine=eagre": ["constraint.latency.engine", "did you mean eager?"],
    "search constraint.skeleton.activation=ReLU6": ["constraint.skeleton.activation", "did you mean relu6?"],
    "search constraint.skeleton.shortcut=pad": ["constraint.skeleton.shortcut", "did you mean padded?"],
    "--verbose": ["COMMAND"],
    "search --dryrun": ["--dryrun", "did you mean --dry-run?"],
    "search constraint": ["constraint", "KEY=VALUE"],
    "search constraint=c9": ["constraint", "c9", "c1, c2, c3, c4"],
    "search constraint=c": ["constraint", "'c'"],
    "search sampler=tpee": ["sampler", "tpee", "did you mean tpe?"],
    "search space=linera": ["space", "linera", "did you mean linear?"],
    "search data=cifar": ["data", "cifar", "did you mean cifar10"],
    "search fidelity=labtop": ["fidelity", "labtop", "did you mean laptop?"],
    "search serach.candidates=4": ["serach.candidates", "did you mean search.candidates?"],
    "search search.candidate=4": ["search.candidate", "did you mean search.candidates?"],
    "search train.epoch=4": ["train.epoch", "did you mean train.epochs?"],
    "search constrain=c1": ["constrain", "did you mean constraint?"],
    "search +train.epoch=4": ["train.epoch", "did you mean train.epochs?"],
    "search ~train.epochs": ["~train.epochs"],
    "search search.candidates=four": ["search.candidates", "four"],
    "search search.candidates=1.5": ["search.candidates", "1.5"],
    "search search.candidates=1,2": ["search.candidates"],
    "search train.epochs=": ["train.epochs"],
    "search train.nesterov=maybe": ["train.nesterov", "maybe"],
    "search constraint.skeleton.stride_blocks=2": ["stride_blocks"],
    "search constraint.skeleton.stride_blocks=[9]": ["stride_blocks", "9", "1 to 5"],
    "search search.candidates=0": ["search.candidates", "0", "1 or more"],
    "search search.candidates=-5": ["search.candidates", "-5"],
    "search search.method=guess": ["search.method", "guess", "solve, reject"],
    "search train.epochs=0": ["train.epochs", "0"],
    "search train.seeds=0": ["train.seeds", "0"],
    "search train.lr=nan": ["train.lr", "nan"],
    "search train.device=tpu": ["train.device", "tpu"],
    "search space.divisor=0": ["space.divisor", "0"],
    "search space.flat=1.5": ["space.flat", "1.5"],
    "search cluster.workers=0": ["cluster.workers", "0"],
    "search cluster.cpus_per_trial=0": ["cluster.cpus_per_trial", "0"],
    "search cluster.gpus_per_trial=1.5": ["cluster.gpus_per_trial", "1.5"],
    "search cluster.dashboard_port=80": ["cluster.dashboard_port", "80"],
    "search scheduler=asha scheduler.grace_epochs=99": ["scheduler.grace_epochs", "99"],
    "search scheduler=asha scheduler.grace_epochs=null": ["scheduler.grace_epochs", "null", "contenders"],
    "search scheduler=contenders scheduler.grace_epochs=99": ["scheduler.grace_epochs", "99", "1 to train.epochs"],
    "search scheduler=contenders scheduler.contenders=0": ["scheduler.contenders", "0", "1 or more"],
    "search scheduler=contenders train.seeds=1": ["train.seeds", "1", "2 or more", "asha"],
    "search data=digits data.augment=crop_flip": ["data.augment", "crop_flip"],
    "search data=folder": ["data.root"],
    "search name=a/b": ["name", "a/b"],
    "search name=..": ["name"],
    "search constraint.budget.macs.target=lots": ["constraint.budget.macs.target", "lots"],
    "search constraint.budget.flops.target=lots": ["constraint.budget.macs.target", "lots"],
    "search constraint.budget.macs.tolerance=1": ["constraint.budget.macs.tolerance", "1"],
    "search constraint.budget.macs.at_most=30M": ["constraint.budget.macs", "target", "at_most"],
    "search constraint.budget.macs=null constraint.budget.params=null": ["constraint.budget"],
    "search constraint=c1 constraint.budget.macs.target=900M": ["constraint.budget", "nearest", "params", "MACs"],
    "search constraint=c1 constraint.budget.params.target=1K": ["constraint.budget", "nearest"],
    "search constraint=c1 constraint.budget.macs.target=1e30": ["constraint.budget", "nearest"],
    "search --config-dir nowhere": ["--config-dir", "nowhere"],
    "search --config-dir": ["--config-dir"],
    "search --cfg all": ["--cfg"],
    "search -m constraint=c1,c9": ["constraint", "c9"],
    "search -m constraint=c1,c2 name=same": ["name", "same"],
    "search -m search.candidates=3,0": ["search.candidates", "0"],
    "resume": ["RUN"],
    "resume nowhere": ["run", "nowhere"],
    "resume . extra": ["'.' is no run directory"],
    "report nowhere": ["run", "nowhere"],
    "report": ["no run under 'results'"],
    "confirm nowhere": ["run", "nowhere"],
    "confirm nowhere --top 1": ["--top", "1", "2 or more"],
    "confirm nowhere --seeds 0": ["--seeds", "0", "1 to 1,000"],
    "replay": ["no run under 'results'"],
    "replay nowhere": ["run", "nowhere"],
    "replay nowhere --strategy ahsa": ["--strategy", "ahsa", "all, paper, tpe"],
    "replay nowhere --replays many": ["--replays", "many"],
    "replay nowhere extra": ["extra"],
    "export": ["no run under 'results'"],
    "export --run nowhere": ["run", "nowhere"],
    "export --top first": ["--top", "first"],
    "export --as pony": ["--as", "pony"],
    "export --channels 10-20-30 --params 0.1M": ["--params 0.1M", "nearest", "params"],
    "export --channels 10-20-30 --flops 9G --params 1M": ["--macs 9G", "nearest", "MACs"],
    "export --channels 30-20": ["channels", "30-20"],
    "build nowhere.yaml": ["nowhere.yaml"],
    "build rexnet_99": ["rexnet_99", "rexnet_100"],
    "build rexnet_100 clases=3": ["clases", "did you mean classes?"],
    "build rexnet_100 classes=0": ["classes", "0"],
    "build rexnet_100 --weights nowhere.pt": ["nowhere.pt", "no such file"],
    "build rexnet_110 --pretrained": ["--pretrained", "rexnet_110", "rexnet_100"],
    "build rexnet_100 --pretrained --weights nowhere.pt": ["--pretrained", "--weights"],
    "cost": ["CHANNELS"],
    "cost 34-34-45-55": ["channels", "4 blocks", "5"],
    "cost 34-34-45-55-66 constraint=c2": ["channels", "5 blocks", "c2", "9"],
    "cost 34-34-45-55-x": ["channels", "34-34-45-55-x"],
    "cost 34-34-45-55-6": ["channels", "34-34-45-55-6"],
    "cost 34-34-45-55-66 constraint=c9": ["constraint", "c9"],
    "cost rexnet_99": ["rexnet_99"],
}


class TestMistakes:
    @pytest.mark.parametrize("typed", MISTAKES)
    def test_one_line_exit_2_and_nothing_written(self, typed, here, capsys):
        assert exit_code(typed.split()) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.count("\n") == 1, captured.err
        assert captured.err.endswith("\n")
        assert captured.err.startswith("chansearch")
        for word in MISTAKES[typed]:
            assert word in captured.err
        assert list(here.iterdir()) == []

    def refused(self, arguments: list[str], here: Path, capsys) -> str:
        """The one line; nothing but what was there before is there after."""
        before = sorted(here.rglob("*"))
        assert exit_code(arguments) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.count("\n") == 1, captured.err
        assert [path for path in sorted(here.rglob("*")) if ".cache" not in path.parts] == before
        return captured.err

    def test_a_band_too_narrow_for_rejecting(self, here, capsys, monkeypatch):
        """Solving meets it, so the budget itself is none that is impossible."""
        monkeypatch.setattr("chansearch.search.propose._EXHAUSTED_AFTER", 5_000)
        narrow = [f"constraint.budget.{name}.tolerance=0.005" for name in ("params", "macs")]
        arguments = [
            "search",
            "constraint=c4",
            "data=cifar10",
            "space=hinge",
            *narrow,
            "search.method=reject",
            "--dry-run",
        ]
        line = self.refused(arguments, here, capsys)
        assert "search.method: 'reject'" in line
        assert "solve" in line

    @pytest.mark.parametrize("typed", ["results/onn", "one"])
    def test_a_run_of_nearly_that_name(self, typed, here, capsys):
        make_run(here / "results" / "one", "c1", [((34, 34, 45, 55, 66), 63.4)])
        assert "(did you mean results/one?)" in self.refused(["report", typed], here, capsys)

    def test_a_missing_folder(self, here, capsys):
        assert "data.root: 'photos' does not exist" in self.refused(
            ["search", "data=folder", "data.root=photos"], here, capsys
        )

    def test_an_empty_folder(self, here, capsys):
        (here / "photos").mkdir()
        assert "data.root: 'photos' is empty" in self.refused(
            ["search", "data=folder", "data.root=photos"], here, capsys
        )

    def test_a_class_without_images(self, here, capsys):
        make_images(here / "photos")
        (here / "photos" / "nothing").mkdir()
        assert "nothing" in self.refused(["search", "data=folder", "data.root=photos"], here, capsys)

    def test_a_broken_image_is_named(self, here, capsys):
        make_images(here / "photos")
        (here / "photos" / "class1" / "5.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
        arguments = ["search", "constraint=c1", "data=folder", "data.root=photos", "cluster.dashboard=false"]
        assert "photos/class1/5.png" in self.refused(arguments, here, capsys)

    def test_data_that_is_not_to_be_had(self, here, capsys):
        (here / "cifar-100-python").write_text("")
        (here / ".download.lock").touch()  # as a search before has left it
        arguments = ["search", "data=cifar100", "data.root=.", "data.url=http://127.0.0.1:9/"]
        assert "127.0.0.1:9" in self.refused(arguments, here, capsys)

    @pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
    @pytest.mark.parametrize("device", ["cuda", "cuda:0"])
    def test_a_gpu_on_a_machine_without(self, device, here, capsys):
        assert f"train.device: '{device}' asked for" in self.refused(
            [*SEARCH.split(), f"train.device={device}"], here, capsys
        )

    @pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
    def test_a_precision_that_needs_a_gpu(self, here, capsys):
        assert "train.precision: 'fp16'" in self.refused([*SEARCH.split(), "train.precision=fp16"], here, capsys)

    def test_a_name_that_is_taken(self, here, capsys):
        make_run(here / "results" / "mine", "c1", [])
        line = self.refused([*SEARCH.split(), "name=mine"], here, capsys)
        assert "name: results/mine exists already" in line
        assert "chansearch resume results/mine" in line

    def test_results_that_are_a_file(self, here, capsys):
        (here / "results").write_text("not a folder")
        assert "results" in self.refused([*SEARCH.split(), "name=mine"], here, capsys)

    @pytest.mark.parametrize("command", ["resume", "report", "confirm", "replay"])
    @pytest.mark.parametrize("what", ["folder", "file"])
    def test_a_run_directory_that_is_none(self, command, what, here, capsys):
        (here / "x").mkdir() if what == "folder" else (here / "x").write_text("")
        assert "run: 'x' is no run directory" in self.refused([command, "x"], here, capsys)

    @pytest.mark.parametrize("command", ["resume", "confirm"])
    @pytest.mark.parametrize(
        ("config", "named"),
        [
            ("[1, 2", "config.yaml"),
            ("just text", "config.yaml"),
            ("!!python/object/apply:os.system ['touch hacked']", "config.yaml"),
            ("search: {candidates: many}", "search.candidates"),
            ("search: {candidatez: 3}", "candidatez"),
            ("results: ${oc.env:HOME}", "interpolation"),
            ("constraint: 7", "ConstraintConfig"),
        ],
    )
    def test_a_run_with_a_broken_configuration(self, command, config, named, here, capsys):
        run = make_run(here / "run", "c1", [((34, 34, 45, 55, 66), 60.0), ((36, 36, 36, 36, 83), 61.0)], "data=digits")
        run.config_file.write_text(config)
        assert named in self.refused([command, "run"], here, capsys)

    @pytest.mark.parametrize("command", [["resume", "run"], ["export", "--run", "run"]])
    def test_a_run_with_a_broken_line(self, command, here, capsys):
        run = make_run(here / "run", "c1", [((34, 34, 45, 55, 66), 60.0)] * 3, "search.candidates=9")
        lines = run.candidates_file.read_text().splitlines(keepends=True)
        run.candidates_file.write_text("".join([*lines[:2], "1,finished,unguided,no\n", *lines[3:]]))
        assert "run/candidates.csv line 3" in self.refused(command, here, capsys)

    @pytest.mark.parametrize(
        "text", ["network: [1, 2", "network: 3", "{}", "network: {channels: [1], colour: red}", "\x00"]
    )
    @pytest.mark.parametrize("command", ["build", "cost"])
    def test_a_network_file_that_holds_none(self, text, command, here, capsys):
        (here / "bad.yaml").write_text(text)
        assert "bad.yaml" in self.refused([command, "bad.yaml"], here, capsys)


class TestResumeRefuses:
    def test_data_that_has_changed(self, here, capsys):
        """One pixel of one image."""
        from chansearch.config import compose
        from chansearch.train.data import load

        make_images(here / "photos")
        overrides = ["data=folder", "data.root=photos", "search.candidates=4"]
        run = make_run(here / "run", "c1", [((34, 34, 45, 55, 66), 60.0)], *overrides[:2], classes=3)
        held = run.config() | {"search": run.config()["search"] | {"candidates": 4}}
        held["provenance"]["data_fingerprint"] = load(compose(["constraint=c1", *overrides]).data, 32, 3).fingerprint
        run.config_file.write_text(yaml.safe_dump(held))

        image = Image.open(here / "photos" / "class2" / "3.png")
        image.putpixel((10, 10), (255, 255, 255))
        image.save(here / "photos" / "class2" / "3.png")
        assert exit_code(["resume", "run"]) == 2
        captured = capsys.readouterr()
        assert captured.err.startswith("chansearch: data: the images are not those the run began with")
        assert captured.err.count("\n") == 1
        assert captured.out == ""
        assert not run.study_file.exists()


class TestCost:
    def test_the_best_of_c1_costs_what_the_paper_says(self, capsys):
        assert main(["cost", "34-34-45-55-66", "constraint=c1", "--json"]) == 0
        facts = json.loads(capsys.readouterr().out)
        assert facts["without_classifier"]["params"] == 199_898
        assert facts["without_classifier"]["macs"] == 28_606_208
        assert facts["verdict"] == "within"

    @pytest.mark.parametrize("name", TABLE_3)
    def test_every_published_configuration_is_within_its_budget(self, name, capsys):
        row = TABLE_3[name]
        assert main(["cost", row["text"], f"constraint={row['constraint']}", "--json"]) == 0
        facts = json.loads(capsys.readouterr().out)
        assert facts["verdict"] == "within"
        spec = search_spec(row["constraint"], row["channels"])
        assert facts["without_classifier"] == price_spec(spec, count_classifier=False)
        assert round(facts["without_classifier"]["params"] / 1e6, 3) == row["params_m"]
        assert round(facts["without_classifier"]["macs"] / 1e6, 1) == row["macs_m"]

    @pytest.mark.parametrize("arguments", [["--json", "constraint=c2"], ["constraint=c2", "--json"]])
    def test_options_and_settings_come_in_any_order(self, arguments, capsys):
        assert main(["cost", "24-33-42-50-59-68-77-85-94", *arguments]) == 0
        assert json.loads(capsys.readouterr().out)["classes"] == 100

    def test_other_counters_agree_where_they_count_the_same(self, capsys):
        main(["cost", "34-34-45-55-66", "--json"])
        facts = json.loads(capsys.readouterr().out)
        torch_says = facts["other_counters"]["torch"]
        assert (torch_says["params"], torch_says["macs"]) == tuple(
            facts["with_classifier"][name] for name in ("params", "macs")
        )

    def test_text_has_the_figures_the_verdict_and_the_convention(self, capsys):
        assert main(["cost", "34-34-45-55-66"]) == 0
        out = capsys.readouterr().out
        for wanted in ("199,898", "28,606,208", "within", "what is counted:", "multiply-adds", "FLOPs", "torch"):
            assert wanted in out

    def test_says_which_way_a_configuration_misses(self, capsys):
        for channels, verdict in (("10-10-10-10-10", "under budget"), ("90-90-90-90-90", "over budget")):
            main(["cost", channels, "--json"])
            assert json.loads(capsys.readouterr().out)["verdict"] == verdict

    def test_a_published_network_by_name(self, capsys):
        assert main(["cost", "rexnet_100", "--json"]) == 0
        facts = json.loads(capsys.readouterr().out)
        assert facts["with_classifier"]["params"] == 4_796_873
        assert facts["with_classifier"]["macs"] == 398_370_392
        assert "verdict" not in facts

    def test_an_exported_file(self, here, capsys):
        main(["export", "--channels", "24-33-42-50-59-68-77-85-94", "--classes", "10"])
        (here / "mine.yaml").write_text(capsys.readouterr().out)
        document = yaml.safe_load((here / "mine.yaml").read_text())
        assert main(["cost", "mine.yaml", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["with_classifier"] == document["costs"]

    def test_the_classes_of_a_folder_are_counted(self, here, capsys):
        make_images(here / "photos", classes=7, each=1)
        arguments = ["cost", "34-34-45-55-66", "data=folder", "data.root=photos", "--json"]
        assert main(arguments) == 0
        assert json.loads(capsys.readouterr().out)["classes"] == 7


class TestBuild:
    def test_prints_block_by_block_and_runs(self, here, capsys):
        main(["export", "--channels", "24-33-42-50-59-68-77-85-94", "--input-size", "64"])
        (here / "rexnet_custom.yaml").write_text(capsys.readouterr().out)
        costs = yaml.safe_load((here / "rexnet_custom.yaml").read_text())["costs"]
        assert main(["build", "rexnet_custom.yaml"]) == 0
        out = capsys.readouterr().out
        rows = {line[:11].strip(): line.split() for line in out.splitlines()}
        parts = ["stem", *(f"block {block}" for block in range(1, 17)), "head", "classifier"]
        sums = [sum(int(rows[part][column].replace(",", "")) for part in parts) for column in (-2, -1)]
        assert sums == [costs["params"], costs["macs"]]
        assert rows["total"][1:] == [f"{costs['params']:,}", f"{costs['macs']:,}"]
        assert "1x3x64x64 -> (1, 1000), all finite: yes" in out


class TestConfigurationPrinted:
    def test_cfg_job_prints_what_would_be_run_and_runs_nothing(self, here, capsys):
        assert main(["search", "constraint=c3", "train.epochs=7", "--cfg", "job"]) == 0
        printed = yaml.safe_load(capsys.readouterr().out)
        assert (printed["constraint"]["name"], printed["train"]["epochs"]) == ("c3", 7)
        assert list(here.iterdir()) == []

    def test_a_multirun_prints_each(self, capsys):
        assert main(["search", "-m", "constraint=c1,c2", "search.seed=0,1", "--cfg", "job"]) == 0
        out = capsys.readouterr().out
        assert out.count("constraint:\n") == 4
        names = [line.split()[-1] for line in out.splitlines() if line.startswith("  name: c")]
        assert [name for name in names if name in ("c1", "c2")] == ["c1", "c1", "c2", "c2"]

    def test_a_multirun_ends_with_how_to_report_its_runs_together(self, here, capsys, monkeypatch):
        """Without the trainings, which are tested elsewhere."""
        from chansearch.search import session

        made = iter([make_run(Path("results") / name, "c1", [((34, 34, 45, 55, 66), 60.0)]) for name in ("one", "two")])
        monkeypatch.setattr(session, "start", lambda plan, dry_run: next(made))
        assert main(["search", "-m", "constraint=d18_30m,d18_50m", "data=digits"]) == 0
        last = capsys.readouterr().out.splitlines()[-1]
        assert last == "all of them together: `chansearch report results/one results/two`"

    def test_settings_may_follow_options(self, capsys):
        assert main(["search", "--cfg", "job", "constraint=c2"]) == 0
        assert yaml.safe_load(capsys.readouterr().out)["constraint"]["name"] == "c2"


@pytest.mark.slow
def test_a_dry_run_prints_ten_candidates_and_an_estimate_and_writes_nothing(here):
    answer = subprocess.run(
        [sys.executable, "-m", "chansearch", *SEARCH.split(), "--dry-run", "cluster.dashboard=false"],
        capture_output=True,
        text=True,
        cwd=here,
        env=os.environ | {"XDG_CACHE_HOME": str(here / ".cache")},
    )
    assert (answer.returncode, answer.stderr) == (0, "")
    lines = answer.stdout.splitlines()
    candidates = [line.split() for line in lines if line.startswith("  ")]
    assert [words[0] for words in candidates] == [f"{number}:" for number in range(10)]
    assert len({words[1] for words in candidates}) == 10
    for words in candidates:
        costs = price_spec_of_demo(words[1])
        assert (words[3], words[5]) == (f"{costs['params']:,}", f"{costs['macs']:,}")
    assert lines[-1].startswith("time limit of a training: ")
    assert lines[-2].startswith("estimated time: ")
    train = yaml.safe_load((Path(__file__).parents[1] / "conf" / "fidelity" / "demo.yaml").read_text())["train"]
    assert f"200 candidates x {train['seeds']} seeds x {train['epochs']} epochs" in lines[-2]
    assert "measured" in lines[-2]
    assert [path for path in here.iterdir() if path.name != ".cache"] == []


def price_spec_of_demo(channels: str) -> dict[str, int]:
    from chansearch.config import compose
    from chansearch.search.plan import make_plan
    from chansearch.space import parse_channels

    skeleton = make_plan(compose(["constraint=demo"]), 10).skeleton
    return price_spec(skeleton.with_channels(parse_channels(channels)), count_classifier=False)


def test_a_reader_that_leaves_is_no_error():
    """``chansearch cost … | head -1``"""
    reader = subprocess.run(
        f"{sys.executable} -m chansearch search --cfg job | head -1; echo ${{PIPESTATUS[0]}}",
        shell=True,
        executable="/bin/bash",
        capture_output=True,
        text=True,
    )
    assert reader.stderr == ""
    assert reader.stdout.splitlines()[0] == "constraint:"


def test_report_reads_the_runs_it_is_given(here, capsys):
    channels = [((34, 34, 45, 55, 66), 63.4), ((36, 36, 36, 36, 83), 61.1), ((30, 38, 46, 54, 63), 62.0)]
    make_run(here / "results" / "one", "c1", channels)
    assert main(["report"]) == 0
    assert "one" in capsys.readouterr().out
    assert RunDirectory(here / "results" / "one").page_file.is_file()
