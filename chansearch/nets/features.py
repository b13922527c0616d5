"""The final feature of a network: collected for images, and measured by its singular values (paper sec. 3).

The final feature is what the classifier takes: pooled over the pixels, one vector an image. n images, c channels.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@torch.inference_mode()
def final_features(network: nn.Module, batches: Iterable[Tensor]) -> Tensor:
    """(n, c), float32, of all images of ``batches``, each (N, C, H, W) and normalised as the network wants them.

    ``network`` is any that ends in a linear classifier; it is left in evaluation mode: BatchNorm with its running
    statistics, no dropout. The forward pass is in float32, whatever the network was trained in: an arithmetic of eight
    bits adds noise of full rank.
    """
    found: list[Tensor] = []
    hook = classifier(network).register_forward_pre_hook(lambda _, inputs: found.append(inputs[0]))
    try:
        network.eval()
        for images in batches:
            network(images)
    finally:
        hook.remove()
    return torch.cat(found).float()


def classifier(network: nn.Module) -> nn.Linear:
    """The last linear layer of ``network``; raises ``ValueError`` where there is none."""
    linears = [module for module in network.modules() if isinstance(module, nn.Linear)]
    if not linears:
        raise ValueError(f"{type(network).__name__} has no linear classifier")
    return linears[-1]


@dataclass(frozen=True)
class Spectrum:
    """The singular values of a feature matrix (n, c), in float64, largest first, (min(n, c),). Not centred."""

    values: Tensor
    shape: tuple[int, int]

    @staticmethod
    def of(features: Tensor) -> Spectrum:
        """Of ``features`` (n, c), all finite."""
        return Spectrum(torch.linalg.svdvals(features.double()), (features.shape[0], features.shape[1]))

    @property
    def nuclear_norm(self) -> float:
        """The sum of the singular values, which the paper takes for a smooth stand-in for the rank."""
        return float(self.values.sum())

    @property
    def rank(self) -> int:
        """How many singular values are above max(n, c) · ε times the largest, ε that of float32, in which features are
        worked out: those below are its rounding."""
        tolerance = max(self.shape) * torch.finfo(torch.float32).eps
        return int((self.values > tolerance * self.values[0]).sum())

    @property
    def effective_rank(self) -> float:
        """exp of the entropy of the singular values as shares of their sum (Roy and Vetterli, EUSIPCO 2007): from 1 to
        their number; 0 where all are 0."""
        total = self.values.sum()
        if total == 0:
            return 0.0
        shares = self.values[self.values > 0] / total
        return math.exp(float(-(shares * shares.log()).sum()))
