"""Finding objects: the batches, the losses and the precision of a detector's training.

N images a micro-batch, C channels, H × W pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, distributed, nn

from chansearch.cost.memory import check_memory
from chansearch.errors import UserError
from chansearch.nets.checkpoint import Checkpoint, load_checkpoint
from chansearch.nets.model import find_checkpoint
from chansearch.nets.network import Network, is_finite
from chansearch.train.config import TrainConfig
from chansearch.train.device import resolve_kernels
from chansearch.train.quicken import quicken
from chansearch.transfer.batches import BatchPlan, plan_batches
from chansearch.transfer.detection.coco import CocoPart, find_training, find_validation
from chansearch.transfer.detection.config import DetectionConfig
from chansearch.transfer.detection.detector import DetectorSpec, make_detector
from chansearch.transfer.detection.images import ObjectImages, Target, collate, make_transform, to_floats
from chansearch.transfer.detection.measure import Found, Measure, detect, main_figures
from chansearch.transfer.images import seeded_batches

Batch = tuple[list[Tensor], list[Target]]


@dataclass(frozen=True)
class DetectionWork:
    """See ``chansearch.transfer.launch.Work``."""

    config: DetectionConfig
    train: CocoPart
    val: CocoPart

    @property
    def kind(self) -> str:
        return self.config.detector.head

    @staticmethod
    def find(config: DetectionConfig) -> DetectionWork:
        """With the images of ``config``; raises ``UserError`` where they are not there, or cannot be used."""
        masks = config.detector.head == "maskrcnn"
        return DetectionWork(config, find_training(config.data, masks), find_validation(config.data, masks))

    def facts(self) -> dict:
        return {
            "train_images": len(self.train),
            "val_images": len(self.val),
            "categories": list(self.train.categories),
        }

    def batches(self, workers: int) -> BatchPlan:
        recipe = self.config.recipe
        return plan_batches(len(self.train), recipe.batch_size, recipe.micro_batch, workers)

    def task(self, start: Checkpoint, plan: BatchPlan, device: torch.device, rank: int, readers: int) -> Detection:
        return Detection(self, start.spec.in_channels, plan, device, rank, readers)


@dataclass(frozen=True)
class Loaded:
    """A trained detector: ``network`` is on the CPU; ``categories`` are in the order of its labels, from 1."""

    network: nn.Module
    spec: DetectorSpec
    categories: tuple[str, ...]
    channels: int


def load_detector(source: str) -> Loaded:
    """From a training's folder or its ``model.pt``; raises ``UserError`` where there is none."""
    path = find_checkpoint(source)
    if path is None:
        raise UserError(f"{source}: is no detector; name a training's folder or its model.pt")
    checkpoint = load_checkpoint(path)
    if checkpoint.detector is None:
        raise UserError(f"{path}: is a classifier; `chansearch eval` takes one")
    spec = DetectorSpec.from_dict(checkpoint.detector, str(path))
    network = _build(checkpoint, spec, str(path))
    if not is_finite(network):
        raise UserError(f"{path}: holds weights that are not finite numbers; its training diverged")
    return Loaded(network, spec, checkpoint.classes, checkpoint.spec.in_channels)


def _build(checkpoint: Checkpoint, spec: DetectorSpec, source: str) -> nn.Module:
    """The detector of a checkpoint, on the CPU; raises ``UserError``, naming ``source``, where its weights are not of
    the detector that it says."""
    if checkpoint.preprocessing is None or spec.categories != checkpoint.spec.classes or checkpoint.classes is None:
        raise UserError(f"{source}: a detector needs preprocessing and the names of its {spec.categories} categories")
    check_memory(checkpoint.spec)
    detector = make_detector(Network(checkpoint.spec), spec, checkpoint.preprocessing)
    try:
        detector.load_state_dict(checkpoint.weights)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:300]
        raise UserError(f"{source}: its weights are not of this detector: {reason}") from None
    return detector


class Detection:
    """See ``chansearch.transfer.loop.Task``."""

    score = "val_box_ap"

    def __init__(
        self, work: DetectionWork, channels: int, plan: BatchPlan, device: torch.device, rank: int, readers: int
    ) -> None:
        """``rank`` is the worker's, below ``plan.workers``; ``readers`` processes read its images, 0: itself."""
        config = work.config
        self._config, self._plan, self._device, self._rank, self._readers = config, plan, device, rank, readers
        self._train = ObjectImages(work.train, channels, make_transform(config.recipe), config.recipe.seed)
        self._val = ObjectImages(work.val, channels)
        self._measure = Measure(work.val, config.detector.head == "maskrcnn")

    @property
    def steps_per_epoch(self) -> int:
        return self._plan.steps_per_epoch

    def make_network(self, start: Checkpoint, dtype: torch.dtype) -> nn.Module:
        detector = _build(start, DetectorSpec.from_dict(start.detector, "checkpoint"), "checkpoint")
        kernels = TrainConfig(kernels=self._config.train.kernels, compile="false")
        # The kernels have no gradient through a BatchNorm that keeps its statistics.
        native = resolve_kernels(kernels, self._device) and not self._config.detector.freeze_bn
        quicken(detector, self._device, dtype, native=native)
        return detector

    def batches(self, epoch: int, first_step: int) -> Iterator[Batch]:
        """Images of any size, float32 (C, H, W) in 0 to 1, and what is in them, on the device.

        What the heads sample is what the batch's number says, see ``seeded_batches``.
        """
        pinned = self._device.type == "cuda"
        for images, targets in seeded_batches(
            self._train,
            self._plan,
            self._rank,
            self._config.recipe.seed,
            epoch,
            first_step,
            self._readers,
            pinned,
            collate,
        ):
            there = [{name: value.to(self._device, non_blocking=True) for name, value in t.items()} for t in targets]
            yield to_floats(images, self._device), there

    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """The sum of the heads' losses, each as torchvision weighs it."""
        return torch.stack([loss.float() for loss in network(*batch).values()]).sum()

    def measure(self, network: nn.Module) -> dict[str, float]:
        """``val_box_ap``, ``val_box_ap50``, ``val_box_ap75`` and those of masks, in percent."""
        share = range(self._rank, len(self._val), self._plan.workers)
        found = detect(network, self._val, share, self._plan.micro_batch, self._readers, self._device)
        if self._plan.workers > 1:
            shares: list[Found | None] = [None] * self._plan.workers
            distributed.all_gather_object(shares, found)
            found = Found()
            for one in shares:
                found.extend(one)
        return {f"val_{name}": value for name, value in main_figures(self._measure(found)).items()}

    @staticmethod
    def summary(row: Mapping[str, float]) -> list[str]:
        return [
            f"box AP {row['val_box_ap']:.2f}",
            f"AP50 {row['val_box_ap50']:.2f}",
            *([f"mask AP {row['val_mask_ap']:.2f}"] if "val_mask_ap" in row else []),
            *([f"averaged {row['ema_val_box_ap']:.2f}"] if "ema_val_box_ap" in row else []),
        ]
