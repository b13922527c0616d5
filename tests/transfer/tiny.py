"""The smallest training that still is one: 3 blocks, 16 pixels, three classes of coloured noise."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import torch
import yaml
from PIL import Image

from chansearch.config import compose
from chansearch.nets.checkpoint import save_checkpoint
from chansearch.nets.files import spec_to_dict
from chansearch.nets.spec import NetworkSpec
from chansearch.transfer.config import TRAINING, TrainingConfig
from chansearch.transfer.folder import TrainingFolder
from chansearch.transfer.loop import Trainer
from chansearch.transfer.plan import check

CLASSES = ("ant", "bee", "cat")
SPEC = NetworkSpec(
    channels=(8, 12, 16),
    strides=(1, 2, 1),
    expansions=(1, 3, 3),
    stem_channels=8,
    head_channels=32,
    classes=3,
    input_size=16,
    se_reduction=4,
    se_from=2,
    activation="silu",
    dropout=0.2,
    drop_path=0.1,
)
# Everything that draws at random is on, in 5 steps of 2 micro-batches an epoch.
SETTINGS = (
    "data=folder",
    "network.drop_path=0.1",
    "recipe.epochs=3",
    "recipe.warmup_epochs=1",
    "recipe.batch_size=16",
    "recipe.micro_batch=8",
    "recipe.lr=2.0",
    "recipe.mixup=0.2",
    "data.workers=0",
    "train.precision=fp32",
    "cluster.dashboard=false",
)


def make_dataset(root: Path, train: int = 30, val: int = 9) -> Path:
    """``root/train/<class>/…`` and ``root/val/<class>/…``, so many images a class."""
    rng = np.random.default_rng(0)
    for part, each in (("train", train), ("val", val)):
        for label, name in enumerate(CLASSES):
            folder = root / part / name
            folder.mkdir(parents=True)
            for index in range(each):
                pixels = rng.integers(0, 120, (20, 24, 3), dtype=np.uint8)
                pixels[..., label] += 60
                Image.fromarray(pixels).save(folder / f"{index}.png")
    return root


def make_network(path: Path) -> Path:
    path.write_text(yaml.safe_dump({"network": spec_to_dict(SPEC)}))
    return path


def settings(root: Path, *more: str) -> list[str]:
    """For data and network in ``root``, see ``make_world``."""
    return [f"model={root / 'tiny.yaml'}", f"data.root={root / 'images'}", *SETTINGS, *more]


def make_world(root: Path) -> Path:
    """Data and network."""
    make_dataset(root / "images")
    make_network(root / "tiny.yaml")
    return root


def config(root: Path, *more: str) -> TrainingConfig:
    return compose(settings(root, *more), None, TRAINING)


def make_trainer(root: Path, name: str, *more: str) -> Trainer:
    """One worker in this process; in the same folder, a second one goes on where the first was."""
    plan = check(config(root, *more))
    batches = plan.work.batches(workers=1)
    folder = TrainingFolder(root / name)
    if not folder.path.exists():
        folder = TrainingFolder.create(root / name, {})
        save_checkpoint(folder.start_file, plan.start())
    start = plan.start()
    device = torch.device("cpu")
    task = plan.work.task(start, batches, device, rank=0, readers=0)
    return Trainer(plan.config, batches, task, start, folder, device, rank=0)


class Cut(Exception):
    """A training is cut off here."""


def run_until(trainer: Trainer, step: int) -> None:
    """Train up to step number ``step`` of the training, from 0, and die before it."""
    train_step = trainer._train_step

    def cut(batches, number):
        if number == step:
            raise Cut
        return train_step(batches, number)

    trainer._train_step = cut
    with contextlib.suppress(Cut):
        trainer.run()
