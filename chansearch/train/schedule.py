"""An epoch's batches, and the learning rate as a pure function of the step."""

import math

from chansearch.train.config import TrainConfig


def batches(images: int, batch_size: int) -> tuple[int, int]:
    """How many images a batch has, and how many batches make an epoch.

    The last partial batch of an epoch is dropped (its images come in another epoch's order), unless it is all.
    """
    size = min(batch_size, images)
    return size, images // size


def learning_rate(step: int, steps_per_epoch: int, config: TrainConfig) -> float:
    """Linear warm-up to ``config.lr``, then a cosine to 0 that would end one step after the last; ``step`` from 0.

    The first step already learns (lr / warm-up steps), and the last of the warm-up runs at the full rate.
    """
    warmup = round(config.warmup_epochs * steps_per_epoch)
    if step < warmup:
        return config.lr * ((step + 1) / warmup)
    done = (step - warmup) / (config.epochs * steps_per_epoch - warmup)
    return 0.5 * config.lr * (1 + math.cos(math.pi * done))
