"""Average precision of a detector, by pycocotools."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from chansearch.transfer.detection.coco import CocoPart
from chansearch.transfer.detection.images import ObjectImages, collate, to_floats
from chansearch.transfer.images import cut, load_batches

# pycocotools' twelve figures begin with these: over all overlaps from 0.5 to 0.95, at 0.5 and at 0.75; and of small,
# middling and large objects (below 32², to 96² pixels and above).
FIGURES = ("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large")
_MAIN = FIGURES[:3]
MASK_THRESHOLD = 0.5  # a pixel is the object's from this probability on


@dataclass
class Found:
    """Detections of some images in plain types, as pycocotools takes them; ``index`` is that of an image."""

    boxes: list[dict] = field(default_factory=list)
    masks: list[dict] = field(default_factory=list)

    def extend(self, other: Found) -> None:
        self.boxes += other.boxes
        self.masks += other.masks

    def add(self, index: int, detections: dict[str, Tensor]) -> None:
        """What a detector says of one image, in its own pixels; what is not finite is no detection."""
        boxes, scores = detections["boxes"].float().cpu(), detections["scores"].float().cpu()
        labels = detections["labels"].cpu()
        finite = boxes.isfinite().all(1) & scores.isfinite()
        for place in finite.nonzero()[:, 0].tolist():
            left, top, right, bottom = boxes[place].tolist()
            common = {"image_id": index, "category_id": int(labels[place]), "score": float(scores[place])}
            self.boxes.append(common | {"bbox": [left, top, right - left, bottom - top]})
            if "masks" in detections:
                inside = (detections["masks"][place, 0] >= MASK_THRESHOLD).cpu().numpy()
                self.masks.append(common | {"segmentation": _encode(inside)})


def _encode(inside: np.ndarray) -> dict:
    from pycocotools import mask

    return mask.encode(np.asfortranarray(inside, dtype=np.uint8))


@torch.inference_mode()
def detect(
    network: nn.Module,
    images: ObjectImages,
    share: Sequence[int],
    batch_size: int,
    processes: int,
    device: torch.device,
) -> Found:
    """What ``network``, on ``device``, finds in the images ``share``, which ``processes`` read."""
    found = Found()
    batches = cut(share, batch_size)
    loaded = load_batches(images, batches, processes, device.type == "cuda", collate)
    for indices, (pixels, _) in zip(batches, loaded, strict=True):
        for index, detections in zip(indices, network(to_floats(pixels, device)), strict=True):
            found.add(index, detections)
    return found


class Measure:
    """Of one part, whose images are known by their place in it."""

    def __init__(self, part: CocoPart, has_masks: bool) -> None:
        self._has_masks = has_masks
        self._truth = _truth(part, has_masks)

    def __call__(self, found: Found) -> dict[str, float | None]:
        """``box_ap`` … ``box_ap_large`` in percent and, with masks, ``mask_ap`` …; None where no object is so large."""
        figures = _evaluate(self._truth, found.boxes, "bbox", "box")
        return figures | (_evaluate(self._truth, found.masks, "segm", "mask") if self._has_masks else {})


def main_figures(figures: dict[str, float | None]) -> dict[str, float]:
    """Those over objects of all sizes, which there always are."""
    return {name: value for name, value in figures.items() if name.partition("_")[2] in _MAIN}


def _truth(part: CocoPart, has_masks: bool):
    annotations = []
    for index, objects in enumerate(part.objects):
        width, height = part.sizes[index].tolist()
        for place in range(len(objects)):
            left, top, right, bottom = objects.boxes[place].tolist()
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": index,
                    "category_id": int(objects.labels[place]),
                    "bbox": [left, top, right - left, bottom - top],
                    "area": float(objects.areas[place]),
                    "iscrowd": int(objects.crowds[place]),
                }
                | ({"segmentation": {"size": [height, width], "counts": objects.outlines[place]}} if has_masks else {})
            )
    images = [
        {"id": index, "width": width, "height": height} for index, (width, height) in enumerate(part.sizes.tolist())
    ]
    categories = [{"id": label, "name": name} for label, name in enumerate(part.categories, start=1)]
    from pycocotools.coco import COCO

    truth = COCO()
    truth.dataset = {"info": {}, "images": images, "annotations": annotations, "categories": categories}
    with _quiet():
        truth.createIndex()
    return truth


def _evaluate(truth, detections: list[dict], kind: str, name: str) -> dict[str, float | None]:
    from pycocotools.cocoeval import COCOeval

    if not detections:  # pycocotools reads the first one
        return {f"{name}_{figure}": 0.0 for figure in FIGURES}
    with _quiet():
        evaluation = COCOeval(truth, truth.loadRes(detections), kind)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    # pycocotools says -1 where there is nothing to find.
    return {
        f"{name}_{figure}": 100 * float(value) if value >= 0 else None
        for figure, value in zip(FIGURES, evaluation.stats, strict=False)
    }


def _quiet() -> contextlib.AbstractContextManager:
    """pycocotools prints what it does."""
    return contextlib.redirect_stdout(io.StringIO())
