"""Top-1 and top-5 as counts: exact over any share of the images, whatever the last batch holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from chansearch.train.augment import Normalise
from chansearch.transfer.config import ImagesConfig
from chansearch.transfer.images import Images, load_batches


def make_normalise(config: ImagesConfig, channels: int, device: torch.device) -> Normalise:
    """With the first of ``data.mean`` and ``data.std`` for images of one channel."""
    return Normalise(tuple(config.mean[:channels]), tuple(config.std[:channels]), device)


@torch.inference_mode()
def count_right(
    network: Callable[[Tensor], Tensor],
    images: Images,
    share: Sequence[int],
    batch_size: int,
    processes: int,
    normalise: Normalise,
) -> Tensor:
    """Of the images ``share``, how many have their label first, and among the first five: float64 (2,), on the device.

    ``network`` gives logits (N, K); an image whose logits are not all finite is not classified right.
    """
    device = normalise.device
    batches = [list(share[start : start + batch_size]) for start in range(0, len(share), batch_size)]
    right = torch.zeros(2, dtype=torch.float64, device=device)
    for pixels, labels in load_batches(images, batches, processes, device.type == "cuda"):
        logits = network(normalise(pixels.to(device, non_blocking=True)))
        best = logits.topk(min(5, logits.shape[1]), dim=1).indices  # (N, 5), the likeliest first
        hits = (best == labels.to(device, non_blocking=True)[:, None]) & logits.isfinite().all(1)[:, None]
        right += torch.stack([hits[:, 0].sum(), hits.sum()])
    return right
