"""Proxies made of what the layers give: codes of switched activations, ranks, and how far the feature moves.

N images a batch, C channels, H × W pixels. All in training mode: BatchNorm with the batch's statistics.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from chansearch.nets.features import Spectrum
from chansearch.nets.network import Network
from chansearch.proxies.gradients import layers
from chansearch.proxies.probe import Probe

_ZEN_STEP = 0.01  # α of the paper, the size of the step beside that of the input
_NONLINEAR = tuple(getattr(nn, name) for name in nn.modules.activation.__all__)


@torch.inference_mode()
def naswot(network: nn.Module, probe: Probe) -> float:
    """log |det K|, K_ij the number of activations that images i and j of the first batch switch alike.

    Mellor et al., Neural Architecture Search without Training, ICML 2021. The code of an image says of each
    activation whether its input is above 0, which is ReLU's; for ReLU6, SiLU and the others it is taken the same.
    −∞ where two images have the same code, or there is no activation to switch.
    """
    images = probe.images
    alike = torch.zeros(len(images), len(images), dtype=torch.float64)

    def count(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        code = (inputs[0] > 0).flatten(1).float()  # (N, C·H·W)
        alike.add_(code @ code.T + (1 - code) @ (1 - code).T)

    with _hooked(activations(network), lambda module: module.register_forward_pre_hook(count)):
        network.train()(images)
    return float(torch.linalg.slogdet(alike).logabsdet)


@torch.inference_mode()
def near(network: nn.Module, probe: Probe) -> float:
    """Σ over layers of the effective rank of their output, before and after the activation.

    Husistein, Reiher and Eckhoff, NEAR, ICLR 2025. As in the authors' code a layer is every module with weights
    (convolution, BatchNorm, linear) and every activation; a convolution's output becomes a matrix of pixels × channels,
    of as many rows as it has columns, or all there are in the first batch. The rows here are evenly spaced instead of
    a block drawn at random.
    """
    ranks: list[float] = []

    def measure(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        rows = output.flatten(2).transpose(1, 2).flatten(0, 1) if output.ndim > 2 else output  # (N·H·W, C)
        count = min(rows.shape)
        spaced = torch.arange(count) * len(rows) // count
        ranks.append(_spectrum(rows[spaced].double()).effective_rank)

    weighted = [m for m in network.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)] + layers(network)
    with _hooked(weighted + activations(network), lambda module: module.register_forward_hook(measure)):
        network.train()(probe.images)
    return sum(ranks)


@torch.inference_mode()
def zen(network: Network, probe: Probe) -> float:
    """log E‖f(x) − f(x + αε)‖ + Σ over BatchNorms of log σ, f the feature before pooling, x and ε standard normal.

    Lin et al., Zen-NAS, ICCV 2021: α = 0.01, weights drawn from N(0, 1), and σ² the variance that a BatchNorm divides
    by, mean over its channels: what it normalises away is put back. ``network`` has no shortcuts (see ``score``), as
    the authors compute it. The norm is an image's, its mean over as many noise images as a batch of the probe has.
    """
    random = torch.Generator().manual_seed(torch.initial_seed())
    for layer in layers(network):
        layer.weight.normal_(generator=random)
    x, step = (torch.randn(probe.images.shape, generator=random) for _ in range(2))
    logs: list[float] = []

    def note(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        variance = inputs[0].var(dim=(0, 2, 3), correction=0).mean()
        logs.append(0.5 * math.log(variance))

    network.train()
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    with _hooked(norms, lambda module: module.register_forward_pre_hook(note)):
        still = _before_pooling(network, x)
    moved = _before_pooling(network, x + _ZEN_STEP * step)
    return math.log((moved - still).flatten(1).norm(dim=1).mean()) + sum(logs)


def activations(network: nn.Module) -> list[nn.Module]:
    """The modules that are a nonlinearity; those inside squeeze-and-excitation are none of its own."""
    return [module for module in network.modules() if isinstance(module, _NONLINEAR)]


def _spectrum(matrix: Tensor) -> Spectrum:
    """From the eigenvalues of the Gram matrix, a third of the time. Squares lose the singular values below 1e-8 of the
    largest, which an effective rank does not see."""
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    squares = torch.linalg.eigvalsh(wide @ wide.T).flip(0).clamp(min=0)
    return Spectrum(squares.sqrt(), (matrix.shape[0], matrix.shape[1]))


def _before_pooling(network: Network, x: Tensor) -> Tensor:
    return network.features(network.stem(x))


@contextlib.contextmanager
def _hooked(modules: list[nn.Module], register: Callable) -> Iterator[None]:
    handles = [register(module) for module in modules]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
