"""The worker processes of a training: how many, and what each of them has."""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch

from chansearch.errors import UserError
from chansearch.train.device import resolve_precision
from chansearch.transfer.batches import BatchPlan
from chansearch.transfer.config import TaskConfig


@dataclass(frozen=True)
class Crew:
    """The worker processes."""

    workers: int
    cpus: int  # of each
    on_gpus: bool


def make_crew(config: TaskConfig, cpus: int, gpus: int) -> Crew:
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


def local_crew(config: TaskConfig) -> Crew:
    """On this machine."""
    return make_crew(config, len(os.sched_getaffinity(0)), torch.cuda.device_count())


def describe_steps(config: TaskConfig, crew: Crew, batches: BatchPlan) -> list[str]:
    """What a step is made of, and the recipe, a line each."""
    from chansearch.transfer.recipe import peak_lr

    where, recipe = "GPUs" if crew.on_gpus else "CPU", config.recipe
    return [
        f"batch: {batches.batch_size} = {batches.workers} workers on {where} x {batches.micro_batch} images x "
        f"{batches.accumulation} accumulation steps; {batches.steps_per_epoch:,} steps an epoch",
        f"recipe: {recipe.name}, {recipe.epochs} epochs, lr {peak_lr(recipe):g} "
        f"({recipe.lr:g} at {recipe.lr_batch_size} images a step, linear in the batch)",
    ]


def duration(config: TaskConfig, train_images: int, val_images: int, train_speed: float, val_speed: float) -> str:
    """The time that a training takes, by images/s of all its workers together; reading images is not in it."""
    hours = (train_images / train_speed + val_images / val_speed) * config.recipe.epochs / 3600
    took = f"{hours:,.1f} hours" if hours >= 1 else f"{60 * hours:,.1f} minutes"
    return f"time: about {took} at {train_speed:,.0f} images/s, by a few steps on noise; reading images comes on top"
