"""Telling classes apart: the batches, the loss and the accuracy of a training.

N images a micro-batch, C channels, H × W pixels, K classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, distributed, nn
from torch.nn import functional

from chansearch.errors import UserError
from chansearch.nets.checkpoint import Checkpoint
from chansearch.nets.network import Network
from chansearch.nets.spec import NetworkSpec
from chansearch.train.config import TrainConfig
from chansearch.train.device import resolve_kernels
from chansearch.train.quicken import quicken
from chansearch.transfer.accuracy import count_right, make_normalise
from chansearch.transfer.batches import BatchPlan, plan_batches
from chansearch.transfer.config import TrainingConfig
from chansearch.transfer.images import (
    Part,
    find_training,
    find_validation,
    seeded_batches,
    training_images,
    validation_images,
)
from chansearch.transfer.recipe import make_erasing, make_mixup

Batch = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class ClassificationWork:
    """See ``chansearch.transfer.launch.Work``."""

    config: TrainingConfig
    train: Part
    val: Part
    kind = "train"

    @staticmethod
    def find(config: TrainingConfig) -> ClassificationWork:
        """With the images of ``config``; raises ``UserError`` where they are not there."""
        return ClassificationWork(config, find_training(config.data), find_validation(config.data))

    def facts(self) -> dict:
        return {
            "train_images": len(self.train),
            "val_images": len(self.val),
            "classes": list(self.train.classes),
        }

    def batches(self, workers: int) -> BatchPlan:
        recipe = self.config.recipe
        batches = plan_batches(len(self.train), recipe.batch_size, recipe.micro_batch, workers)
        if (recipe.mixup or recipe.cutmix) and batches.micro_batch % 2:
            raise UserError(
                f"recipe.micro_batch: leaves {batches.micro_batch} images; Mixup and CutMix need an even number"
            )
        return batches

    def task(self, start: Checkpoint, plan: BatchPlan, device: torch.device, rank: int, readers: int) -> Classification:
        return Classification(self.config, self.train, self.val, plan, start.spec, device, rank, readers)


class Classification:
    """See ``chansearch.transfer.loop.Task``."""

    score = "val_top1"

    def __init__(
        self,
        config: TrainingConfig,
        train: Part,
        val: Part,
        plan: BatchPlan,
        spec: NetworkSpec,
        device: torch.device,
        rank: int,
        readers: int,
    ) -> None:
        """``rank`` is the worker's, below ``plan.workers``; ``readers`` processes read its images, 0: itself."""
        size, channels = spec.input_size, spec.in_channels
        self._seed, self._plan, self._rank, self._device = config.recipe.seed, plan, rank, device
        self._train = training_images(train, config.data, config.recipe, size, channels)
        self._val = validation_images(val, config.data, size, channels)
        self._normalise = make_normalise(config.data, channels, device)
        self._erase = make_erasing(config.recipe, device)
        self._mixup = make_mixup(config.recipe, len(train.classes))
        # Mixup smooths the labels that it mixes.
        self._smoothing = 0.0 if self._mixup else config.recipe.label_smoothing
        self._readers = readers
        self._kernels = TrainConfig(kernels=config.train.kernels, compile="false")

    @property
    def steps_per_epoch(self) -> int:
        return self._plan.steps_per_epoch

    def make_network(self, start: Checkpoint, dtype: torch.dtype) -> Network:
        network = Network(start.spec)
        network.load_state_dict(start.weights)
        quicken(network, self._device, dtype, native=resolve_kernels(self._kernels, self._device))
        return network

    def batches(self, epoch: int, first_step: int) -> Iterator[Batch]:
        """This worker's micro-batches of ``epoch`` from ``first_step`` on, on the device: float32 (N, C, H, W) and
        labels, int64 (N,) or, mixed, float32 (N, K).

        Mixup, erasing, dropout and stochastic depth draw what its number says, see ``seeded_batches``.
        """
        pinned = self._device.type == "cuda"
        for images, labels in seeded_batches(
            self._train, self._plan, self._rank, self._seed, epoch, first_step, self._readers, pinned
        ):
            images = self._normalise(images.to(self._device, non_blocking=True))
            labels = labels.to(self._device, non_blocking=True)
            if self._erase:
                self._erase(images)
            yield self._mixup(images, labels) if self._mixup else (images, labels)

    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """Mean cross entropy in nats, with smoothed or mixed labels."""
        images, labels = batch
        return functional.cross_entropy(network(images).float(), labels, label_smoothing=self._smoothing)

    def measure(self, network: nn.Module) -> dict[str, float]:
        """``val_top1`` and ``val_top5`` in percent, over all validation images and all workers."""
        share = range(self._rank, len(self._val), self._plan.workers)
        right = count_right(network, self._val, share, self._plan.micro_batch, self._readers, self._normalise)
        if self._plan.workers > 1:
            distributed.all_reduce(right)
        top1, top5 = (100 * right / len(self._val)).tolist()
        return {"val_top1": top1, "val_top5": top5}

    @staticmethod
    def summary(row: Mapping[str, float]) -> list[str]:
        return [
            f"top-1 {row['val_top1']:.2f}",
            f"top-5 {row['val_top5']:.2f}",
            *([f"averaged {row['ema_val_top1']:.2f}"] if "ema_val_top1" in row else []),
        ]
