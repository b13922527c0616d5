"""What is refused before a worker starts, and the plan in figures."""

import dataclasses
import sys

import pytest
import yaml

from chansearch.cli import main
from chansearch.config import compose, from_plain
from chansearch.errors import UserError
from chansearch.nets.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from chansearch.nets.network import Network
from chansearch.transfer.config import TRAINING, TrainingConfig
from chansearch.transfer.crew import Crew, make_crew
from chansearch.transfer.plan import check
from tests.transfer.tiny import SPEC, config, settings

REFUSALS = {
    "recipe.epoch=3": ["recipe.epoch", "did you mean recipe.epochs?", "chansearch train --help"],
    "recipe=papre": ["recipe", "papre", "paper"],
    "network.drop_pth=0.1": ["drop_pth", "drop_path"],
    "network.dropout=1.5": ["dropout", "1.5"],
    "network.classes=7": ["network.classes", "the images say"],
    "network.in_channels=4": ["network.in_channels: 4"],
    "recipe.epochs=0": ["recipe.epochs: 0"],
    "recipe.epochs=many": ["recipe.epochs", "many"],
    "recipe.warmup_epochs=3": ["recipe.warmup_epochs: 3", "which is 3"],
    "recipe.lr=0": ["recipe.lr: 0"],
    "recipe.lr=nan": ["recipe.lr: nan"],
    "recipe.momentum=1": ["recipe.momentum"],
    "recipe.crop_scale=[0.5]": ["recipe.crop_scale"],
    "recipe.schedule=cosin": ["recipe.schedule", "did you mean cosine?"],
    "recipe.erasing_mode=pixels": ["recipe.erasing_mode"],
    "recipe.random_erasing=2": ["recipe.random_erasing"],
    "recipe.ema_decay=1": ["recipe.ema_decay"],
    "recipe.optimizer=sgdd": ["recipe.optimizer", "sgdd"],
    "recipe.auto_augment=rand-q9": ["recipe.auto_augment", "rand-q9"],
    "recipe.sync_bn=true": ["recipe.sync_bn", "GPUs"],
    "recipe.batch_size=17": ["recipe.batch_size: 17", "17 images a step"],
    "recipe.batch_size=999": ["recipe.batch_size: 999", "at most 90"],
    "data.crop_pct=0": ["data.crop_pct"],
    "data.mean=[0.5]": ["data.mean", "three numbers"],
    "data.interpolation=nearest": ["data.interpolation"],
    "data.images_per_class=31": ["data.images_per_class: 31", "30 images"],
    "data.root=nowhere": ["data.root", "nowhere"],
    "model=null": ["model: null"],
    "model=rexnet_1000": ["rexnet_1000", "rexnet_100"],
    "model=none.yaml": ["none.yaml"],
    "weights=none.pth": ["none.pth", "no such file"],
    "train.device=cuda": ["train.device", "no GPU"],
    "train.device=gpu": ["train.device: 'gpu'"],
    "train.precision=fp16": ["train.precision"],
    "train.checkpoint_minutes=0": ["train.checkpoint_minutes"],
    "cluster.workers=0": ["cluster.workers: 0"],
    "cluster.workers=4000": ["cluster.workers: 4000", "cores"],
    "cluster.retries=-1": ["cluster.retries"],
    "name=images": ["exists already", "chansearch train --resume"],
}


@pytest.mark.parametrize("mistake", REFUSALS)
def test_a_mistake_is_one_line_and_nothing_is_written(world, mistake, capsys, monkeypatch):
    monkeypatch.chdir(world)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    before = set(world.rglob("*"))
    given = [*settings(world), "results=.", mistake]
    assert main(["train", *given]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    for word in REFUSALS[mistake]:
        assert word in captured.err
    assert set(world.rglob("*")) == before


def test_parts_of_other_classes(world, tmp_path, capsys):
    for part, names in (("train", ("ant", "bee")), ("val", ("ant", "wasp"))):
        for name in names:
            (tmp_path / part / name).mkdir(parents=True)
            (tmp_path / part / name / "0.png").write_bytes(b"")
    assert main(["train", *settings(world, f"data.root={tmp_path}")]) == 2
    assert "class 'bee' is in only one of" in capsys.readouterr().err


def test_resume_of_what_is_no_training(tmp_path, capsys):
    assert main(["train", "--resume", str(tmp_path)]) == 2
    assert "no training's folder" in capsys.readouterr().err
    assert main(["train", "--resume", str(tmp_path), "recipe.epochs=3"]) == 2
    assert "--resume takes no settings" in capsys.readouterr().err


def test_without_timm_the_extra_is_named(world, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    for arguments in (["train", *settings(world)], ["eval", str(world / "tiny.yaml"), f"data.root={world}"]):
        assert main(arguments) == 2
        assert 'pip install "chansearch[train]"' in capsys.readouterr().err


class TestCrew:
    def crew(self, *overrides: str, cpus: int = 16, gpus: int = 0) -> Crew:
        return make_crew(compose(list(overrides), None, TRAINING), cpus, gpus)

    def test_one_process_on_a_cpu_and_one_a_gpu(self):
        assert self.crew() == Crew(1, 1, on_gpus=False)
        assert self.crew(gpus=4) == Crew(4, 4, on_gpus=True)
        assert self.crew("cluster.workers=2", gpus=4) == Crew(2, 8, on_gpus=True)
        assert self.crew("cluster.workers=3", "train.device=cpu", gpus=4) == Crew(3, 1, on_gpus=False)
        assert self.crew("cluster.cpus_per_worker=2", gpus=4) == Crew(4, 2, on_gpus=True)

    @pytest.mark.parametrize(
        ("overrides", "gpus", "words"),
        [
            (["cluster.workers=5"], 4, "at most 4, the GPUs"),
            (["cluster.workers=4", "cluster.cpus_per_worker=5"], 0, "4 with 5 cores each; allowed here: 16 cores"),
            (["train.device=cuda"], 0, "no GPU is there"),
            (["recipe.sync_bn=true", "train.device=cpu"], 4, "torch has it for no CPU"),
        ],
    )
    def test_more_than_there_is(self, overrides, gpus, words):
        with pytest.raises(UserError, match=words):
            self.crew(*overrides, gpus=gpus)


def test_the_plan_in_figures(world):
    plan = check(config(world, "recipe.batch_size=24"))
    crew = Crew(2, 1, on_gpus=False)
    text = plan.describe(crew, plan.work.batches(crew.workers))
    assert "tiny, fresh weights, 16x16: 4,440 params, 290,568 MACs (the paper's FLOPs)" in text
    assert "90 to train on" in text
    assert "27 to measure on" in text
    assert "batch: 24 = 2 workers on CPU x 6 images x 2 accumulation steps; 3 steps an epoch" in text
    assert "lr 0.09375 (2 at 512 images a step, linear in the batch)" in text


def test_mixup_needs_pairs(world):
    with pytest.raises(UserError, match=r"leaves 5 images; Mixup and CutMix need an even number"):
        check(config(world, "recipe.batch_size=15")).work.batches(workers=1)


def test_the_seed_draws_the_weights(world):
    first, same, other = (check(config(world, f"recipe.seed={seed}")).model.network for seed in (0, 0, 1))
    assert (first.stem.conv.weight == same.stem.conv.weight).all()
    assert (first.stem.conv.weight != other.stem.conv.weight).any()


def test_another_number_of_classes_gets_a_fresh_classifier(world, tmp_path):
    """Everything else is kept."""
    five = dataclasses.replace(SPEC, classes=5)
    save_checkpoint(tmp_path / "five.pt", Checkpoint(five, Network(five).state_dict(), tuple("abcde")))
    held = load_checkpoint(tmp_path / "five.pt").weights
    begun = check(config(world, f"model={tmp_path / 'five.pt'}")).model
    assert begun.trained
    ours = begun.network.state_dict()
    assert {key for key in ours if ours[key].shape != held[key].shape} == {"head.fc.weight", "head.fc.bias"}
    assert all((ours[key] == held[key]).all() for key in ours if not key.startswith("head.fc"))


def test_a_dry_run_writes_nothing(world, capsys, monkeypatch):
    monkeypatch.chdir(world)
    before = set(world.rglob("*"))
    assert main(["train", *settings(world), "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert "time: about" in out
    assert "images/s" in out
    assert set(world.rglob("*")) == before


def test_cfg_prints_what_reads_back_as_the_same(capsys):
    overrides = ["recipe=paper_large", "data=folder", "data.root=DIR", "network.channels=[8,16]"]
    assert main(["train", *overrides, "--cfg", "job"]) == 0
    read = yaml.safe_load(capsys.readouterr().out)
    assert from_plain(read, "config.yaml", TRAINING) == compose(overrides, None, TRAINING)


def test_every_shipped_choice_composes():
    from chansearch.config import groups
    from chansearch.transfer.config import validate

    for group, choices in groups(tree=TRAINING).items():
        for choice in choices:
            config = compose([f"{group}={choice}", "data.root=DIR"], None, TRAINING)
            assert isinstance(config, TrainingConfig)
            assert getattr(config, group).name == choice
            validate(config)


def test_a_recipe_of_ones_own(tmp_path):
    (tmp_path / "recipe").mkdir()
    (tmp_path / "recipe" / "mine.yaml").write_text(
        "# @package _global_\nrecipe: {name: mine, epochs: 7}\nnetwork: {dropout: 0.3}\n"
    )
    found = compose(["recipe=mine"], str(tmp_path), TRAINING)
    assert (found.recipe.epochs, found.network) == (7, {"dropout": 0.3})
