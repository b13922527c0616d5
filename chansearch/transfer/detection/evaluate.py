"""Average precision of a trained detector on validation images, in one process."""

from __future__ import annotations

import os
import time

from chansearch.errors import UserError
from chansearch.nets.model import find_checkpoint
from chansearch.transfer.detection.config import DetectionConfig, data_root


def check_asked(config: DetectionConfig) -> None:
    """What can be told without torch: raises ``UserError`` for what is missing."""
    checkpoint = find_checkpoint(config.model)
    if checkpoint is None or not checkpoint.is_file():
        raise UserError(f"RUN: {config.model!r} is no detector; name a training's folder or its model.pt")
    data_root(config.data)


def evaluate(config: DetectionConfig) -> dict:
    """``box_ap`` … and, of a detector with masks, ``mask_ap`` … in percent on the validation part of ``config.data``.

    Raises ``UserError`` where the categories are not the detector's.
    """
    from chansearch.transfer.plan import require_pycocotools

    require_pycocotools()
    from chansearch.train.device import resolve_device
    from chansearch.transfer.detection.coco import find_validation
    from chansearch.transfer.detection.images import ObjectImages
    from chansearch.transfer.detection.measure import Measure, detect
    from chansearch.transfer.detection.task import load_detector

    loaded = load_detector(config.model)
    masks = loaded.spec.has_masks
    part = find_validation(config.data, masks)
    if part.categories != loaded.categories:
        raise UserError(
            f"data.val_annotations: its {len(part.categories)} categories are not the {len(loaded.categories)} of "
            f"{config.model}: {', '.join(loaded.categories[:5])}…"
        )
    device = resolve_device(config.train.device)
    network = loaded.network.to(device).eval()
    images = ObjectImages(part, loaded.channels)
    readers = config.data.workers if config.data.workers is not None else len(os.sched_getaffinity(0))
    start = time.perf_counter()
    found = detect(network, images, range(len(part)), config.recipe.micro_batch, readers, device)
    seconds = time.perf_counter() - start
    return Measure(part, masks)(found) | {
        "images": len(part),
        "data": str(part.root),
        "left_out": list(part.left_out),
        "detector": loaded.spec.to_dict(),
        "images_per_second": len(part) / seconds,
    }
