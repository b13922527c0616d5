"""A detector's training before it starts: everything that can be wrong, and what it will be in figures."""

from __future__ import annotations

import copy
import dataclasses
import time
from dataclasses import dataclass

import torch

from chansearch.errors import UserError
from chansearch.nets.checkpoint import Checkpoint
from chansearch.nets.model import Model
from chansearch.nets.preprocessing import Preprocessing
from chansearch.train.device import resolve_device, resolve_precision
from chansearch.train.seeding import derive_seed
from chansearch.transfer.batches import BatchPlan
from chansearch.transfer.crew import Crew, describe_steps, duration
from chansearch.transfer.detection.coco import CocoPart
from chansearch.transfer.detection.config import DetectionConfig, check_asked
from chansearch.transfer.detection.detector import Cost, DetectorSpec, make_detector, price
from chansearch.transfer.detection.task import DetectionWork
from chansearch.transfer.plan import make_model, require_pycocotools, require_timm

_PROBED_IMAGES = 2  # a step, when the speed is measured
_PROBED_STEPS = 2


@dataclass(frozen=True)
class Plan:
    """A checked configuration with its network and its images."""

    work: DetectionWork
    model: Model
    detector: DetectorSpec
    cost: Cost

    @property
    def config(self) -> DetectionConfig:
        return self.work.config

    def start(self) -> Checkpoint:
        """The detector as training begins: the network with its weights, the heads drawn by ``recipe.seed``."""
        data, channels, categories = self.config.data, self.model.spec.in_channels, self.work.train.categories
        prepared = Preprocessing(tuple(data.mean[:channels]), tuple(data.std[:channels]), "bilinear", 1.0)
        network = copy.deepcopy(self.model.network)  # the detector takes its modules
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive_seed(self.config.recipe.seed, "heads"))
            weights = make_detector(network, self.detector, prepared).state_dict()
        spec = dataclasses.replace(self.model.spec, classes=len(categories))
        return Checkpoint(spec, weights, categories, prepared, self.detector.to_dict())

    def describe(self, crew: Crew, batches: BatchPlan) -> str:
        """In figures, a line each."""
        train, val, detector, cost = self.work.train, self.work.val, self.detector, self.cost
        of_masks = f", and up to {cost.mask_macs / 1e9:,.1f}B for masks" if detector.has_masks else ""
        lines = [
            f"detector: {detector.head} on {self.model.name}, "
            f"{'with its weights' if self.model.trained else 'fresh weights'}, {cost.size[1]}x{cost.size[0]}: "
            f"{cost.params:,} params, {cost.macs / 1e9:,.3f}B MACs (the paper's FLOPs){of_masks}",
            f"images: {len(train):,} to train on ({train.root}), {len(val):,} to measure on ({val.root}), "
            f"{len(train.categories)} categories",
            *_left_out("training", train),
            *_left_out("validation", val),
            *describe_steps(self.config, crew, batches),
        ]
        return "\n".join(lines)

    def estimate(self, crew: Crew) -> str:
        """The time it will take, by a few steps on noise in this process, in the training's precision."""
        device = resolve_device("auto" if crew.on_gpus else "cpu")
        dtype = resolve_precision(self.config.train.precision, device)
        autocast = torch.autocast(device.type, dtype, enabled=dtype != torch.float32)
        torch.set_num_threads(crew.cpus)
        plan = BatchPlan(_PROBED_IMAGES, 1, 1, _PROBED_IMAGES)
        start = self.start()
        task = self.work.task(start, plan, device, rank=0, readers=0)
        network = task.make_network(start, dtype).to(device, memory_format=torch.channels_last)
        height, width = self.cost.size
        images = [torch.rand(start.spec.in_channels, height, width, device=device) for _ in range(_PROBED_IMAGES)]
        target = {
            "boxes": torch.tensor([[0.0, 0.0, width / 2, height / 2]], device=device),
            "labels": torch.ones(1, dtype=torch.int64, device=device),
            "masks": torch.ones(1, height, width, dtype=torch.uint8, device=device),
        }

        def step() -> None:
            with autocast:
                loss = task.loss(network.train(), (images, [target] * _PROBED_IMAGES))
            loss.backward()

        @torch.inference_mode()
        def look() -> None:
            with autocast:
                network.eval()(images)

        return duration(
            self.config,
            len(self.work.train),
            len(self.work.val),
            *(crew.workers * _PROBED_IMAGES / _seconds(work, device) for work in (step, look)),
        )


def _seconds(work, device: torch.device) -> float:
    """Of one call, after a first one, which loads libraries."""
    work()
    if device.type == "cuda":
        torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(_PROBED_STEPS):
        work()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return (time.perf_counter() - start) / _PROBED_STEPS


def _left_out(name: str, part: CocoPart) -> list[str]:
    return [f"left out of the {name} images: {what}" for what in part.left_out]


def check(config: DetectionConfig) -> Plan:
    """Everything that can be wrong before a worker starts, but for the workers themselves; raises ``UserError``."""
    check_asked(config)
    require_timm()
    require_pycocotools()
    from chansearch.transfer.recipe import make_optimizer

    work = DetectionWork.find(config)
    if work.train.categories != work.val.categories:
        odd = sorted(set(work.train.categories) ^ set(work.val.categories))
        which = f"category {odd[0]!r} is in only one of them" if odd else "their ids are in another order"
        raise UserError(f"data.val_annotations: categories are not those of data.train_annotations: {which}")
    model = make_model(config, {})
    make_optimizer(torch.nn.Linear(1, 1), config.recipe)
    detector = DetectorSpec.of(config.detector, len(work.train.categories))
    return Plan(work, model, detector, price(model.spec, detector))
