"""The images that proxies look at: a few batches, the same for every candidate and every initialisation.

N images a batch, C channels, H × W pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from chansearch.nets.spec import NetworkSpec

BATCH_SIZE = 64
BATCHES = 4  # ZiCo's variation is taken over batches; those that need one batch take the first
_SEED = 0  # of the choice of images, and of the noise


@dataclass(frozen=True)
class Probe:
    """``batches``: images float32 (N, C, H, W), normalised as a training would, with their labels int64 (N,)."""

    batches: tuple[tuple[Tensor, Tensor], ...]

    @property
    def images(self) -> Tensor:
        """Of the first batch."""
        return self.batches[0][0]

    @property
    def labels(self) -> Tensor:
        """Of the first batch."""
        return self.batches[0][1]

    @staticmethod
    def noise(spec: NetworkSpec, batch_size: int = BATCH_SIZE, batches: int = BATCHES) -> Probe:
        """Standard normal pixels of the spec's size and labels drawn at random: what needs no data set."""
        random = torch.Generator().manual_seed(_SEED)
        shape = (batch_size, spec.in_channels, spec.input_size, spec.input_size)
        return Probe(
            tuple(
                (torch.randn(shape, generator=random), torch.randint(spec.classes, (batch_size,), generator=random))
                for _ in range(batches)
            )
        )

    @staticmethod
    def of(
        images: np.ndarray,
        labels: np.ndarray,
        normalise: Callable[[Tensor], Tensor],
        batch_size: int = BATCH_SIZE,
        batches: int = BATCHES,
    ) -> Probe:
        """Some of ``images`` uint8 (n, C, H, W), drawn without replacement; smaller batches where there are few."""
        size = min(batch_size, len(labels) // batches)
        order = np.random.default_rng(_SEED).permutation(len(labels))[: size * batches].reshape(batches, size)
        return Probe(
            tuple((normalise(torch.from_numpy(images[rows])), torch.from_numpy(labels[rows])) for rows in order)
        )
