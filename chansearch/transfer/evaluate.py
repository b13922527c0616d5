"""Accuracy of a network on validation images, in one process."""

from __future__ import annotations

import dataclasses
import os
import time
from dataclasses import dataclass

import numpy as np
import torch

from chansearch.errors import UserError
from chansearch.nets.checkpoint import load_checkpoint
from chansearch.nets.model import find_checkpoint, open_model
from chansearch.nets.network import is_finite
from chansearch.train.device import resolve_device, resolve_precision
from chansearch.transfer.accuracy import answers, make_normalise
from chansearch.transfer.config import TrainingConfig, check_asked
from chansearch.transfer.images import find_validation, validation_images
from chansearch.transfer.plan import network_changes


@dataclass(frozen=True)
class Evaluation:
    """``facts`` in plain types: ``top1`` and ``top5`` in percent, and how they were measured. ``counts`` is int64
    (K, K + 1): images of a class, by the class that was found for them; the last column has those for which none was,
    the logits not being finite."""

    facts: dict
    classes: tuple[str, ...]
    counts: np.ndarray


def evaluate(config: TrainingConfig) -> Evaluation:
    """Of ``config.model`` on the validation part of ``config.data``.

    Raises ``UserError`` where the network's classes are not those of the folder or its weights are not finite.
    """
    check_asked(config)
    val = find_validation(dataclasses.replace(config.data, classes=None))  # how many is the network's to say
    changes = network_changes(config)
    if config.weights is not None and find_checkpoint(config.model) is None:
        # A YAML's classes are ImageNet's unless someone set them. The weights are for the folder's, or do not fit.
        changes |= {"classes": len(val.classes)}
    model = open_model(
        config.model, weights=config.weights, changes=changes, pretrained=config.pretrained, new_classifier=False
    )
    spec = model.spec
    if not model.trained:
        raise UserError(
            f"MODEL: {config.model} has no weights; name a training's folder, or give --weights FILE or --pretrained"
        )
    if not is_finite(model.network):
        raise UserError(f"MODEL: {config.model} holds weights that are not finite numbers; its training diverged")
    if len(val.classes) != spec.classes:
        raise UserError(f"data.root: '{val.root}' has {len(val.classes)} classes, {config.model} has {spec.classes}")
    if model.classes is not None and model.classes != val.classes:
        ours, theirs = next(pair for pair in zip(model.classes, val.classes, strict=True) if pair[0] != pair[1])
        raise UserError(f"data.root: '{val.root}' has the class {theirs!r} where {config.model} knows {ours!r}")
    device = resolve_device(config.train.device)
    dtype = resolve_precision(config.train.precision, device)
    network = model.network.to(device, memory_format=torch.channels_last).eval()
    readers = config.data.workers if config.data.workers is not None else len(os.sched_getaffinity(0))
    images = validation_images(val, config.data, spec.input_size, spec.in_channels)
    start = time.perf_counter()
    classes = len(val.classes)
    counts, among_five = np.zeros((classes, classes + 1), dtype=np.int64), 0
    normalise = make_normalise(config.data, spec.in_channels, device)
    with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
        for labels, best in answers(network, images, range(len(val)), config.recipe.micro_batch, readers, normalise):
            among_five += int((best == labels[:, None]).sum())
            np.add.at(counts, (labels.cpu().numpy(), best[:, 0].cpu().numpy()), 1)  # NO_ANSWER is the last column
    facts = {
        "top1": 100 * int(np.trace(counts)) / len(val),
        "top5": 100 * among_five / len(val),
        "images": len(val),
        "classes": len(val.classes),
        "data": str(val.root),
        "input_size": spec.input_size,
        "crop_pct": config.data.crop_pct,
        "interpolation": config.data.interpolation,
        "precision": str(dtype).removeprefix("torch."),
        "images_per_second": len(val) / (time.perf_counter() - start),
    }
    return Evaluation(facts, val.classes, counts)


def settings_of(model: str) -> list[str]:
    """How a checkpoint's images were prepared, as settings of ``data``; none for what is or says none."""
    checkpoint = find_checkpoint(model)
    prepared = None if checkpoint is None else load_checkpoint(checkpoint).preprocessing
    if prepared is None:
        return []
    return [
        # Of grey images there is one number, where the configuration has three and takes the first.
        *(f"data.{key}={(list(getattr(prepared, key)) * 3)[:3]}" for key in ("mean", "std")),
        f"data.interpolation={prepared.interpolation}",
        f"data.crop_pct={prepared.crop_pct}",
    ]
