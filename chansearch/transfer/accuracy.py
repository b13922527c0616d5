"""Top-1 and top-5 as counts: exact over any share of the images, whatever the last batch holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from chansearch.train.augment import Normalise
from chansearch.transfer.config import ImagesConfig
from chansearch.transfer.images import Images, cut, load_batches


def make_normalise(config: ImagesConfig, channels: int, device: torch.device) -> Normalise:
    """With the first of ``data.mean`` and ``data.std`` for images of one channel."""
    return Normalise(tuple(config.mean[:channels]), tuple(config.std[:channels]), device)


NO_ANSWER = -1


@torch.inference_mode()
def answers(
    network: Callable[[Tensor], Tensor],
    images: Images,
    share: Sequence[int],
    batch_size: int,
    processes: int,
    normalise: Normalise,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Of the images ``share``, a batch at a time: the labels, int64 (N,), and the classes that ``network`` finds
    likeliest, int64 (N, up to 5), the likeliest first, both on the device.

    ``network`` gives logits (N, K); an image whose logits are not all finite has ``NO_ANSWER`` in all places.
    """
    device = normalise.device
    for pixels, labels in load_batches(images, cut(share, batch_size), processes, device.type == "cuda"):
        logits = network(normalise(pixels.to(device, non_blocking=True)))
        best = logits.topk(min(5, logits.shape[1]), dim=1).indices
        best = best.where(logits.isfinite().all(1)[:, None], NO_ANSWER)
        yield labels.to(device, non_blocking=True), best


def count_right(
    network: Callable[[Tensor], Tensor],
    images: Images,
    share: Sequence[int],
    batch_size: int,
    processes: int,
    normalise: Normalise,
) -> Tensor:
    """How many have their label first, and among the first five: float64 (2,), on the device. See ``answers``."""
    right = torch.zeros(2, dtype=torch.float64, device=normalise.device)
    for labels, best in answers(network, images, share, batch_size, processes, normalise):
        hits = best == labels[:, None]
        right += torch.stack([hits[:, 0].sum(), hits.sum()])
    return right
