"""A training before it starts: everything that can be wrong, and what it will be in figures."""

from __future__ import annotations

import functools
import importlib.util
import os
from dataclasses import dataclass

import torch

from chansearch.cost.count import price_spec
from chansearch.errors import UserError
from chansearch.nets.checkpoint import Checkpoint
from chansearch.nets.model import Model, open_model
from chansearch.nets.preprocessing import Preprocessing
from chansearch.train.device import resolve_device, resolve_precision
from chansearch.train.seeding import derive_seed
from chansearch.transfer.batches import BatchPlan, plan_batches
from chansearch.transfer.config import TrainingConfig, check_asked

_PROBED_IMAGES = 8  # a step on a CPU, when the speed is measured: it hardly depends on the batch there


@dataclass(frozen=True)
class Crew:
    """The worker processes."""

    workers: int
    cpus: int  # of each
    on_gpus: bool


@dataclass(frozen=True)
class Plan:
    """A checked configuration with its network and its images."""

    config: TrainingConfig
    model: Model
    train: object  # images.Part
    val: object

    def start(self) -> Checkpoint:
        """The network as training begins, with what its images are called and how they are prepared."""
        data, channels = self.config.data, self.model.spec.in_channels
        prepared = Preprocessing(
            tuple(data.mean[:channels]), tuple(data.std[:channels]), data.interpolation, data.crop_pct
        )
        return Checkpoint(self.model.spec, self.model.network.state_dict(), self.train.classes, prepared)


def require_timm() -> None:
    """Raises ``UserError``, with the command to run, where timm is missing."""
    if importlib.util.find_spec("timm") is None:  # importing it takes seconds
        raise UserError('training and measuring accuracy need timm: pip install "chansearch[train]"')


def check(config: TrainingConfig) -> Plan:
    """Everything that can be wrong before a worker starts, but for the workers themselves; raises ``UserError``."""
    check_asked(config)
    require_timm()
    from chansearch.transfer.images import find_training, find_validation, training_images
    from chansearch.transfer.recipe import make_optimizer

    train, val = find_training(config.data), find_validation(config.data)
    if train.classes != val.classes:
        odd = sorted(set(train.classes) ^ set(val.classes))[0]
        raise UserError(f"data.root: class {odd!r} is in only one of '{train.root}' and '{val.root}'")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(config.recipe.seed, "weights"))
        model = open_model(
            config.model,
            weights=config.weights,
            changes=network_changes(config) | {"classes": len(train.classes)},
            pretrained=config.pretrained,
        )
    if model.spec.in_channels not in (1, 3):
        raise UserError(f"network.in_channels: {model.spec.in_channels}; images have 1 or 3 channels")
    training_images(train, config.data, config.recipe, model.spec.input_size, model.spec.in_channels)
    make_optimizer(torch.nn.Linear(1, 1), config.recipe)
    return Plan(config, model, train, val)


def network_changes(config: TrainingConfig) -> dict:
    """Fields of the spec as ``network.KEY=VALUE`` sets them; raises ``UserError`` for ``classes``, the data's."""
    if "classes" in config.network:
        raise UserError(f"network.classes: {config.network['classes']}; the images say how many there are")
    return {key: tuple(value) if isinstance(value, list) else value for key, value in config.network.items()}


def make_crew(config: TrainingConfig, cpus: int, gpus: int) -> Crew:
    """Workers for so many cores and GPUs, of a machine or cluster; raises ``UserError`` where they do not fit."""
    cluster, device = config.cluster, config.train.device
    if device == "cuda" and not gpus:
        raise UserError("train.device: 'cuda' asked for, but no GPU is there; allowed here: auto, cpu")
    on_gpus = device != "cpu" and gpus > 0
    workers = cluster.workers or (gpus if on_gpus else 1)
    each = cluster.cpus_per_worker or (max(1, cpus // workers) if on_gpus else 1)
    if on_gpus and workers > gpus:
        raise UserError(f"cluster.workers: {workers}; allowed here: at most {gpus}, the GPUs")
    if workers * each > cpus:
        raise UserError(f"cluster.workers: {workers} with {each} cores each; allowed here: {cpus} cores in all")
    if config.recipe.sync_bn and not on_gpus:
        raise UserError("recipe.sync_bn: true needs GPUs, torch has it for no CPU; allowed here: false")
    if not on_gpus:
        resolve_precision(config.train.precision, torch.device("cpu"))
    return Crew(workers, each, on_gpus)


def local_crew(config: TrainingConfig) -> Crew:
    """On this machine."""
    return make_crew(config, len(os.sched_getaffinity(0)), torch.cuda.device_count())


def make_batches(config: TrainingConfig, images: int, crew: Crew) -> BatchPlan:
    """For ``images`` to train on; raises ``UserError`` where those of a step cannot be shared out."""
    recipe = config.recipe
    batches = plan_batches(images, recipe.batch_size, recipe.micro_batch, crew.workers)
    if (recipe.mixup or recipe.cutmix) and batches.micro_batch % 2:
        raise UserError(
            f"recipe.micro_batch: leaves {batches.micro_batch} images; Mixup and CutMix need an even number"
        )
    return batches


def describe(plan: Plan, crew: Crew, batches: BatchPlan) -> str:
    """The plan in figures, a line each."""
    from chansearch.transfer.recipe import peak_lr

    config, spec = plan.config, plan.model.spec
    costs = price_spec(spec, count_classifier=True)
    where = "GPUs" if crew.on_gpus else "CPU"
    recipe = config.recipe
    lines = [
        f"network: {plan.model.name}, {'with its weights' if plan.model.trained else 'fresh weights'}, "
        f"{spec.input_size}x{spec.input_size}: {costs['params']:,} params, {costs['macs']:,} MACs (the paper's FLOPs)",
        f"images: {len(plan.train):,} to train on ({plan.train.root}), {len(plan.val):,} to measure on "
        f"({plan.val.root}), {len(plan.train.classes)} classes",
        f"batch: {batches.batch_size} = {batches.workers} workers on {where} x {batches.micro_batch} images x "
        f"{batches.accumulation} accumulation steps; {batches.steps_per_epoch:,} steps an epoch",
        f"recipe: {recipe.name}, {recipe.epochs} epochs, lr {peak_lr(recipe):g} "
        f"({recipe.lr:g} at {recipe.lr_batch_size} images a step, linear in the batch)",
    ]
    return "\n".join(lines)


def estimate(plan: Plan, crew: Crew) -> str:
    """The time it will take, by a few steps on noise in this process; reading images is not in it."""
    from chansearch.nets.network import Network
    from chansearch.train.config import TrainConfig
    from chansearch.train.engine import measure_step

    config, spec = plan.config, plan.model.spec
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
    epoch = len(plan.train) / train + len(plan.val) / (speed.images_per_second_eval * crew.workers)
    hours = epoch * config.recipe.epochs / 3600
    took = f"{hours:,.1f} hours" if hours >= 1 else f"{60 * hours:,.1f} minutes"
    return f"time: about {took} at {train:,.0f} images/s, by a few steps on noise; reading images comes on top"
