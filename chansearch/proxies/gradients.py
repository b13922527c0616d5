"""Proxies made of gradients: one backward pass a batch, BatchNorm with the batch's statistics as in training."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from chansearch.proxies.probe import Probe


def grad_norm(network: nn.Module, probe: Probe) -> float:
    """Σ over parameter tensors of ‖∂L/∂θ‖₂, L the mean cross entropy of the first batch.

    Abdelfattah et al., Zero-Cost Proxies for Lightweight NAS, ICLR 2021; their code sums over the weights of
    convolutions and linear layers, this over all parameters.
    """
    gradients = _gradients(network, probe.images, probe.labels, list(network.parameters()))
    return float(sum(gradient.norm() for gradient in gradients))


def zico(network: nn.Module, probe: Probe) -> float:
    """Σ over layers of log Σ over weights of mean|g| / std(g), g the weight's gradient on each batch of the probe.

    Li et al., ZiCo, ICLR 2023. Layers are convolutions and linear layers; the deviation is the population's
    (over the number of batches, not one less), and weights without any are left out, as in the authors' code.
    """
    weights = [layer.weight for layer in layers(network)]
    by_batch = [_gradients(network, images, labels, weights) for images, labels in probe.batches]
    score = 0.0
    for gradients in zip(*by_batch, strict=True):
        g = torch.stack(gradients).double()  # (batches, *weight)
        spread = g.std(dim=0, correction=0)
        ratio = (g.abs().mean(dim=0)[spread > 0] / spread[spread > 0]).sum()
        score += math.log(ratio) if ratio > 0 else 0.0
    return score


def synflow(network: nn.Module, probe: Probe) -> float:
    """log Σ over weights of |θ · ∂R/∂θ|, R the sum of the outputs for an image of ones, every parameter replaced by
    its magnitude.

    Tanaka et al., SynFlow, NeurIPS 2020, in float64, with BatchNorm in evaluation mode, which at initialisation
    divides by √(1 + ε) alone. ``network`` has no activations (see ``score``): with magnitudes everywhere a ReLU is the
    identity, while ReLU6 would cap the flow at 6 in its first layers and pass no gradient at all. The logarithm, for
    the sum has dozens of digits.
    """
    network = network.double().eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.abs_()
    weights = [layer.weight for layer in layers(network)]
    flow = network(torch.ones_like(probe.images[:1], dtype=torch.float64)).sum()
    gradients = torch.autograd.grad(flow, weights)
    return math.log(sum(float((w.detach() * g).abs().sum()) for w, g in zip(weights, gradients, strict=True)))


def layers(network: nn.Module) -> list[nn.Conv2d | nn.Linear]:
    """The layers that have a matrix or kernel of weights."""
    return [module for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear)]


def _gradients(network: nn.Module, images: Tensor, labels: Tensor, weights: list[Tensor]) -> tuple[Tensor, ...]:
    network.train()
    return torch.autograd.grad(functional.cross_entropy(network(images), labels), weights)
