"""From ``recipe`` to timm's own parts: optimizer, schedule, average of the weights, Mixup and erasing."""

from __future__ import annotations

import torch
from timm.data import Mixup
from timm.data.random_erasing import RandomErasing
from timm.optim import create_optimizer_v2, list_optimizers
from timm.scheduler import create_scheduler_v2
from timm.scheduler.scheduler import Scheduler
from timm.utils import ModelEmaV3
from torch import nn

from chansearch.errors import UserError, did_you_mean
from chansearch.transfer.config import OptimizationConfig, RecipeConfig


def peak_lr(recipe: OptimizationConfig) -> float:
    """At the top of the schedule: linear in the batch (arXiv 1706.02677), the paper's 0.5 at its 512 images."""
    return recipe.lr * recipe.batch_size / recipe.lr_batch_size


def make_optimizer(network: nn.Module, recipe: OptimizationConfig) -> torch.optim.Optimizer:
    """Biases and BatchNorm are not decayed. Raises ``UserError`` for an optimizer timm does not know."""
    try:
        return create_optimizer_v2(
            network,
            opt=recipe.optimizer,
            lr=peak_lr(recipe),
            weight_decay=recipe.weight_decay,
            momentum=recipe.momentum,
        )
    except (ValueError, TypeError, ImportError) as error:
        reason = " ".join(str(error).split())
        near = did_you_mean(recipe.optimizer, list_optimizers())
        raise UserError(
            f"recipe.optimizer: {recipe.optimizer!r} cannot be used: {reason}; allowed: timm's{near}"
        ) from None


def make_schedule(optimizer: torch.optim.Optimizer, recipe: OptimizationConfig, steps_per_epoch: int) -> Scheduler:
    """Stateless: ``step_update(n)`` sets the rate of step n, from 0."""
    tenths = {"decay_milestones": recipe.milestones, "decay_rate": 0.1} if recipe.milestones else {}
    scheduler, _ = create_scheduler_v2(
        optimizer,
        sched=recipe.schedule,
        num_epochs=recipe.epochs,
        warmup_epochs=recipe.warmup_epochs,
        warmup_lr=min(recipe.warmup_lr, peak_lr(recipe)),
        min_lr=recipe.min_lr,
        step_on_epochs=False,
        updates_per_epoch=steps_per_epoch,
        **tenths,
    )
    return scheduler


def make_average(network: nn.Module, recipe: OptimizationConfig) -> ModelEmaV3 | None:
    """A running average of the weights whose decay grows to ``recipe.ema_decay``, so that it is of use early too."""
    return ModelEmaV3(network, decay=recipe.ema_decay, use_warmup=True) if recipe.ema_decay is not None else None


def make_mixup(recipe: RecipeConfig, classes: int) -> Mixup | None:
    if not (recipe.mixup or recipe.cutmix):
        return None
    return Mixup(
        mixup_alpha=recipe.mixup,
        cutmix_alpha=recipe.cutmix,
        label_smoothing=recipe.label_smoothing,
        num_classes=classes,
    )


def make_erasing(recipe: RecipeConfig, device: torch.device) -> RandomErasing | None:
    if not recipe.random_erasing:
        return None
    return RandomErasing(recipe.random_erasing, mode=recipe.erasing_mode, device=device)
