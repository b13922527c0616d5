"""What a detector finds in pictures, drawn."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from matplotlib import colormaps
from PIL import ImageDraw, ImageFont
from torch import Tensor
from torchvision.transforms.v2 import functional
from torchvision.utils import draw_bounding_boxes, draw_segmentation_masks

from chansearch.errors import UserError
from chansearch.files import whole_file
from chansearch.train.decode import BrokenImage, read_guarded
from chansearch.train.device import resolve_device
from chansearch.transfer.detection.images import to_floats
from chansearch.transfer.detection.measure import MASK_THRESHOLD
from chansearch.transfer.detection.task import load_detector

_PALETTE = colormaps["tab10"]  # a colour a category, the same in every picture
_MASK_OPACITY = 0.45


def predict(model: str, images: Sequence[str], folder: Path, least: float, device: str) -> list[dict]:
    """Write ``NAME-found.png`` into ``folder`` for each of ``images``, with what scores ``least`` or more, and say it.

    An entry an image: ``image``, ``drawn`` and ``objects``, each with ``category``, ``score`` and ``box`` (x1, y1, x2,
    y2 in pixels), the likeliest first. Raises ``UserError`` where ``model`` is no detector or an image cannot be read.
    """
    loaded = load_detector(model)
    where = resolve_device(device)
    network = loaded.network.to(where).eval()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--output: '{folder}' cannot be made: {error.strerror}") from None
    names = [Path(image).stem for image in images]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise UserError(f"IMAGE: two are called {twice!r}, and would be drawn into one file; draw them one by one")
    found = []
    for image, name in zip(images, names, strict=True):
        pixels = _read(Path(image), loaded.channels)
        with torch.inference_mode():
            [detections] = network(to_floats([pixels], where))
        detections = {key: value.cpu() for key, value in detections.items()}
        kept = detections["scores"] >= least
        detections = {key: value[kept] for key, value in detections.items()}
        drawn = folder / f"{name}-found.png"
        with whole_file(drawn) as file:
            functional.to_pil_image(draw(pixels, detections, loaded.categories)).save(file, "png")
        objects = [
            {"category": loaded.categories[label - 1], "score": score, "box": box}
            for label, score, box in zip(
                detections["labels"].tolist(), detections["scores"].tolist(), detections["boxes"].tolist(), strict=True
            )
        ]
        found.append({"image": image, "drawn": str(drawn), "objects": objects})
    return found


def _read(path: Path, channels: int) -> Tensor:
    try:
        return functional.pil_to_tensor(read_guarded(path, channels))
    except BrokenImage as broken:
        raise UserError(f"{path}: cannot be read as an image: {broken.reason}") from None


def draw(pixels: Tensor, detections: dict[str, Tensor], categories: Sequence[str]) -> Tensor:
    """``pixels`` uint8 (C, H, W) with the boxes, names, scores and, where there are some, masks over them."""
    picture = pixels.expand(3, -1, -1).clone()
    labels = detections["labels"].tolist()
    if not labels:
        return picture
    colours = [tuple(round(255 * part) for part in _PALETTE((label - 1) % _PALETTE.N)[:3]) for label in labels]
    if "masks" in detections:
        picture = draw_segmentation_masks(picture, detections["masks"][:, 0] >= MASK_THRESHOLD, _MASK_OPACITY, colours)
    side = min(pixels.shape[1:])
    picture = draw_bounding_boxes(picture, detections["boxes"], colors=colours, width=max(1, side // 150))
    words = [
        f"{categories[label - 1]} {100 * score:.0f} %"
        for label, score in zip(labels, detections["scores"].tolist(), strict=True)
    ]
    corners = detections["boxes"][:, :2].tolist()
    # The likeliest last, over the others.
    return _write(picture, list(zip(words, corners, colours, strict=True))[::-1], max(9, side // 35))


def _write(picture: Tensor, labels: Sequence[tuple[str, list[float], tuple[int, ...]]], size: int) -> Tensor:
    """Each of ``labels``, text and colour, at its corner: white on the colour, and inside of the picture."""
    image = functional.to_pil_image(picture)
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(size)
    for text, (left, top), colour in labels:
        _, _, width, height = pen.textbbox((0, 0), text, font=font)
        x = max(0.0, min(left, image.width - width - 4))
        y = max(0.0, top - height - 3)
        pen.rectangle((x, y, x + width + 4, y + height + 3), fill=colour)
        pen.text((x + 2, y), text, fill="white", font=font)
    return functional.pil_to_tensor(image)
