"""Random crop, mirror and normalisation of whole batches; no Python work per image.

N images a batch, C channels, H × W pixels, P pixels of padding.
"""

from dataclasses import dataclass

import torch
from torch.nn import functional

from chansearch.train.dataset import Augmentation
from chansearch.train.seeding import generator


@dataclass(frozen=True)
class Draws:
    """What an epoch does to each image it shows, in the order shown, on the device; N is the length of the epoch."""

    order: torch.Tensor  # int64 (N,): which image
    rows: torch.Tensor  # int64 (N,): top edge of the crop in the padded image, 0 to 2P
    columns: torch.Tensor  # int64 (N,): left edge, 0 to 2P
    mirrored: torch.Tensor  # bool (N,)


def draw(count: int, augmentation: Augmentation, seed: int, epoch: int, device: torch.device) -> Draws:
    """The draws of one epoch over ``count`` images: a function of (seed, epoch), whatever the device.

    Order and augmentation have streams of their own: turning one off leaves the other as it was.
    """
    positions = generator(seed, "crop", epoch)
    edges = [torch.randint(2 * augmentation.crop_padding + 1, (count,), generator=positions) for _ in range(2)]
    mirrored = torch.rand(count, generator=generator(seed, "mirror", epoch)) < (0.5 if augmentation.flip else 0.0)
    order = torch.randperm(count, generator=generator(seed, "order", epoch))
    return Draws(*(drawn.to(device) for drawn in (order, *edges, mirrored)))


def augment(
    images: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor, mirrored: torch.Tensor, padding: int
) -> torch.Tensor:
    """Crop uint8 images (N, C, H, W), zero-padded by ``padding``, at (rows, columns), then mirror; same shape."""
    if padding > 0:
        height, width = images.shape[2:]
        padded = functional.pad(images, [padding] * 4)  # (N, C, H + 2P, W + 2P)
        # Every possible crop as a view, of which one gather copies the crop drawn for each image.
        crops = padded.unfold(2, height, 1).unfold(3, width, 1)  # (N, C, 2P + 1, 2P + 1, H, W)
        images = crops[torch.arange(len(images), device=images.device), :, rows, columns]
    return torch.where(mirrored[:, None, None, None], images.flip(3), images)


class Normalise:
    """uint8 (N, C, H, W) to float32 with mean 0 and deviation 1 per channel, in channels_last memory."""

    def __init__(self, mean: tuple[float, ...], std: tuple[float, ...], device: torch.device) -> None:
        """``mean`` and ``std`` per channel, as pixels in 0..1."""
        self.device = device
        self._mean = 255 * torch.tensor(mean, device=device)[:, None, None]
        self._scale = 1 / (255 * torch.tensor(std, device=device)[:, None, None])

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        # Reordered while a pixel is still one byte: a quarter of the memory traffic.
        images = images.contiguous(memory_format=torch.channels_last).float()
        return images.sub_(self._mean).mul_(self._scale)
