"""The smallest detector's training that still is one."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch
import yaml

from chansearch.config import compose
from chansearch.nets.checkpoint import save_checkpoint
from chansearch.nets.files import spec_to_dict
from chansearch.nets.presets import preset
from chansearch.transfer.detection.config import DETECTION, DetectionConfig
from chansearch.transfer.detection.plan import check
from chansearch.transfer.folder import TrainingFolder
from chansearch.transfer.loop import Trainer

SPEC = dataclasses.replace(
    preset("rexnet_100"), channels=(8, 8, 12, 12, 16, 16, *(24,) * 6, *(32,) * 4), stem_channels=8, head_channels=64
)
# Everything that draws at random is on, in 2 steps of 2 micro-batches an epoch.
SETTINGS = (
    "data=custom",
    "recipe=short",
    "recipe.epochs=2",
    "recipe.warmup_epochs=1",
    "recipe.batch_size=8",
    "recipe.micro_batch=4",
    "recipe.lr=0.01",
    "detector.min_size=96",
    "detector.max_size=96",
    "detector.samples=16",
    "detector.fpn_channels=16",
    "detector.detections=10",
    "data.workers=0",
    "train.precision=fp32",
    "cluster.dashboard=false",
)


def make_network(path: Path) -> Path:
    path.write_text(yaml.safe_dump({"network": spec_to_dict(SPEC)}))
    return path


def settings(root: Path, *more: str) -> list[str]:
    """For scenes and network in ``root``."""
    return [f"model={root / 'tiny.yaml'}", f"data.root={root / 'scenes'}", *SETTINGS, *more]


def config(root: Path, head: str, *more: str) -> DetectionConfig:
    return compose([f"task={head}", *settings(root, *more)], None, DETECTION)


def make_trainer(root: Path, name: str, head: str, *more: str) -> Trainer:
    """One worker in this process; in the same folder, a second one goes on where the first was."""
    plan = check(config(root, head, *more))
    batches = plan.work.batches(workers=1)
    folder = TrainingFolder(root / name)
    if not folder.path.exists():
        folder = TrainingFolder.create(root / name, {})
        save_checkpoint(folder.start_file, plan.start())
    start, device = plan.start(), torch.device("cpu")
    task = plan.work.task(start, batches, device, rank=0, readers=0)
    return Trainer(plan.config, batches, task, start, folder, device, rank=0)
