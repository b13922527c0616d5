"""The images of a detector's training, with their objects; mirrored and cut by torchvision's transforms.

What is drawn for an image depends on (seed, epoch, image) alone, as in ``chansearch.transfer.images``. C channels,
H × W pixels, n objects.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.utils.data import Dataset
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from chansearch.train.decode import BrokenImage, read_guarded
from chansearch.train.seeding import derive_seed
from chansearch.transfer.detection.coco import CocoPart, decode_outline
from chansearch.transfer.detection.config import DetectionRecipe
from chansearch.transfer.images import seed_all

Target = dict[str, Tensor]
Item = tuple[Tensor, Target]


def make_transform(recipe: DetectionRecipe) -> v2.Transform | None:
    """``recipe.augment`` in torchvision's parts: those of its reference recipes of these names."""
    if recipe.augment == "none":
        return None
    mirror = v2.RandomHorizontalFlip(recipe.flip)
    if recipe.augment == "hflip":
        return mirror
    return v2.Compose([v2.RandomIoUCrop(), mirror, v2.SanitizeBoundingBoxes()])


class ObjectImages(Dataset):
    """``[index]`` gives uint8 (C, H, W) and ``boxes`` float32 (n, 4), ``labels`` int64 (n,) and, of parts with
    outlines, ``masks`` uint8 (n, H, W); or what is wrong with the image."""

    def __init__(self, part: CocoPart, channels: int, transform: v2.Transform | None = None, seed: int = 0) -> None:
        """What ``transform`` draws is seeded with ``seed``, the epoch and the index."""
        self._part, self._channels, self._transform, self._seed = part, channels, transform, seed
        self.epoch = 0

    def __len__(self) -> int:
        return len(self._part)

    def __getitem__(self, index: int) -> Item | BrokenImage:
        path, (width, height) = self._part.path(index), self._part.sizes[index].tolist()
        try:
            image = read_guarded(path, self._channels)
        except BrokenImage as broken:
            return broken
        if image.size != (width, height):
            there = "x".join(map(str, image.size))
            return BrokenImage(path, f"it is {there}, its annotations are for {width}x{height}")
        objects = self._part.objects[index]
        target: Target = {
            "boxes": tv_tensors.BoundingBoxes(
                torch.from_numpy(objects.boxes), format="XYXY", canvas_size=(height, width)
            ),
            "labels": torch.from_numpy(objects.labels),
        }
        if objects.outlines:
            masks = [torch.from_numpy(decode_outline(outline, width, height)) for outline in objects.outlines]
            target["masks"] = tv_tensors.Mask(torch.stack(masks))
        pixels = tv_tensors.Image(functional.pil_to_tensor(image))
        if self._transform is not None:
            seed_all(derive_seed(self._seed, f"image {index}", self.epoch))
            pixels, target = self._transform(pixels, target)
        # As plain tensors: those of torchvision's kinds are slower, and the heads want none.
        return pixels.as_subclass(Tensor), {name: value.as_subclass(Tensor) for name, value in target.items()}


def to_floats(images: Iterable[Tensor], device: torch.device) -> list[Tensor]:
    """Pixels as a detector takes them: float32 in 0 to 1."""
    return [image.to(device, non_blocking=True).float() / 255 for image in images]


def collate(items: list[Item | BrokenImage]) -> tuple[list[Tensor], list[Target]] | BrokenImage:
    """Images of all sizes side by side."""
    broken = next((item for item in items if isinstance(item, BrokenImage)), None)
    return broken or tuple(map(list, zip(*items, strict=True)))
