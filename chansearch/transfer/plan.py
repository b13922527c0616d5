"""A classifier's training before it starts: everything that can be wrong, and what it will be in figures."""

from __future__ import annotations

import functools
import importlib.util
from dataclasses import dataclass

import torch

from chansearch.cost.count import price_spec
from chansearch.errors import UserError
from chansearch.nets.checkpoint import Checkpoint
from chansearch.nets.model import Model, open_model
from chansearch.nets.preprocessing import Preprocessing
from chansearch.train.device import resolve_device
from chansearch.train.seeding import derive_seed
from chansearch.transfer.batches import BatchPlan
from chansearch.transfer.classification import ClassificationWork
from chansearch.transfer.config import TaskConfig, TrainingConfig, check_asked
from chansearch.transfer.crew import Crew, describe_steps, duration

_PROBED_IMAGES = 8  # a step on a CPU, when the speed is measured: it hardly depends on the batch there


@dataclass(frozen=True)
class Plan:
    """A checked configuration with its network and its images."""

    work: ClassificationWork
    model: Model

    @property
    def config(self) -> TrainingConfig:
        return self.work.config

    def start(self) -> Checkpoint:
        """The network as training begins, with what its images are called and how they are prepared."""
        data, channels = self.config.data, self.model.spec.in_channels
        prepared = Preprocessing(
            tuple(data.mean[:channels]), tuple(data.std[:channels]), data.interpolation, data.crop_pct
        )
        return Checkpoint(self.model.spec, self.model.network.state_dict(), self.work.train.classes, prepared)

    def describe(self, crew: Crew, batches: BatchPlan) -> str:
        """In figures, a line each."""
        spec, train, val = self.model.spec, self.work.train, self.work.val
        costs = price_spec(spec, count_classifier=True)
        lines = [
            f"network: {self.model.name}, {'with its weights' if self.model.trained else 'fresh weights'}, "
            f"{spec.input_size}x{spec.input_size}: {costs['params']:,} params, {costs['macs']:,} MACs (the paper's "
            "FLOPs)",
            f"images: {len(train):,} to train on ({train.root}), {len(val):,} to measure on ({val.root}), "
            f"{len(train.classes)} classes",
            *describe_steps(self.config, crew, batches),
        ]
        return "\n".join(lines)

    def estimate(self, crew: Crew) -> str:
        """The time it will take, by a few steps on noise in this process."""
        from chansearch.nets.network import Network
        from chansearch.train.config import TrainConfig
        from chansearch.train.engine import measure_step

        config, spec = self.config, self.model.spec
        device = resolve_device("auto" if crew.on_gpus else "cpu")
        torch.set_num_threads(crew.cpus)
        batch = config.recipe.micro_batch if device.type == "cuda" else _PROBED_IMAGES
        probe = TrainConfig(
            batch_size=batch,
            eval_batch_size=batch,
            device=device.type,
            precision=config.train.precision,
            kernels=config.train.kernels,
            compile="false",
        )
        speed = measure_step(
            functools.partial(Network, spec), probe, spec.input_size, spec.in_channels, spec.classes, steps=2
        )
        train = speed.images_per_second_train * crew.workers
        return duration(
            config, len(self.work.train), len(self.work.val), train, speed.images_per_second_eval * crew.workers
        )


def require_timm() -> None:
    """Raises ``UserError``, with the command to run, where timm is missing."""
    if importlib.util.find_spec("timm") is None:  # importing it takes seconds
        raise UserError('training and measuring accuracy need timm: pip install "chansearch[train]"')


def require_pycocotools() -> None:
    """Raises ``UserError``, with the command to run, where pycocotools is missing."""
    if importlib.util.find_spec("pycocotools") is None:
        raise UserError('detection needs pycocotools: pip install "chansearch[detect]"')


def check(config: TrainingConfig) -> Plan:
    """Everything that can be wrong before a worker starts, but for the workers themselves; raises ``UserError``."""
    check_asked(config)
    require_timm()
    from chansearch.transfer.images import training_images
    from chansearch.transfer.recipe import make_optimizer

    work = ClassificationWork.find(config)
    train, val = work.train, work.val
    if train.classes != val.classes:
        odd = sorted(set(train.classes) ^ set(val.classes))[0]
        raise UserError(f"data.root: class {odd!r} is in only one of '{train.root}' and '{val.root}'")
    model = make_model(config, {"classes": len(train.classes)})
    training_images(train, config.data, config.recipe, model.spec.input_size, model.spec.in_channels)
    make_optimizer(torch.nn.Linear(1, 1), config.recipe)
    return Plan(work, model)


def make_model(config: TaskConfig, changes: dict) -> Model:
    """The network that ``config`` names, with ``changes`` and its own; what is drawn is drawn by ``recipe.seed``.

    Raises ``UserError`` also for one that takes no images.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(config.recipe.seed, "weights"))
        model = open_model(
            config.model,
            weights=config.weights,
            changes=network_changes(config) | changes,
            pretrained=config.pretrained,
        )
    if model.spec.in_channels not in (1, 3):
        raise UserError(f"network.in_channels: {model.spec.in_channels}; images have 1 or 3 channels")
    return model


def network_changes(config: TaskConfig) -> dict:
    """Fields of the spec as ``network.KEY=VALUE`` sets them; raises ``UserError`` for ``classes``, the data's."""
    if "classes" in config.network:
        raise UserError(f"network.classes: {config.network['classes']}; the images say how many there are")
    return {key: tuple(value) if isinstance(value, list) else value for key, value in config.network.items()}
