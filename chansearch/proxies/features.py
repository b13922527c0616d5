"""The paper's own idea (ReXNet, arXiv 2007.00992, sec. 3) before any training: the final feature's singular values."""

from __future__ import annotations

import torch
from torch import nn

from chansearch.nets.features import Spectrum, final_features
from chansearch.proxies.probe import Probe


def nuclear_norm(network: nn.Module, probe: Probe) -> float:
    """The sum of the singular values of the final feature (n, c) of all images, not centred."""
    return _spectrum(network, probe).nuclear_norm


def rank_ratio(network: nn.Module, probe: Probe) -> float:
    """The rank of the final feature over the largest it can be, min(n, c); see ``Spectrum.rank`` for the tolerance."""
    spectrum = _spectrum(network, probe)
    return spectrum.rank / min(spectrum.shape)


def _spectrum(network: nn.Module, probe: Probe) -> Spectrum:
    settle(network, probe)
    return Spectrum.of(final_features(network, (images for images, _ in probe.batches)))


@torch.no_grad()
def settle(network: nn.Module, probe: Probe) -> None:
    """Give every BatchNorm the mean and variance of the probe's images for its running statistics.

    Those of a new network are 0 and 1, with which nothing would be normalised in evaluation mode.
    """
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean over all batches
    network.train()
    for images, _ in probe.batches:
        network(images)
