"""Params, MACs and activations in closed form, over arrays of candidates at once.

n candidates, d blocks. Everything but the block channels comes from a skeleton: a ``NetworkSpec`` whose own channels
are ignored.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chansearch.errors import UserError
from chansearch.nets.spec import NetworkSpec, se_width

_MOST = 2.0**62  # of a count: 64 bits hold it, and what is added to it

CONVENTION = {
    "params": "weights and biases of convolutions, BatchNorm and classifier",
    "macs": "multiply-adds of convolutions and linear layers for one image, SE included (the paper's FLOPs); "
    "nothing for bias, BatchNorm, activations, pooling and additions",
    "activations": "output elements of convolutions and linear layers for one image",
    "peak_activations": "most elements alive at once in inference of one image, BatchNorm folded, activations in place",
}


@dataclass(frozen=True)
class Counts:
    """What a budget bounds, of n candidates for one image, arrays (n,): int64, or float64 for float channels."""

    params: np.ndarray
    macs: np.ndarray

    def row(self, index: int) -> dict[str, int]:
        """One candidate's figures as plain numbers."""
        return {name: int(getattr(self, name)[index]) for name in self.__dataclass_fields__}


@dataclass(frozen=True)
class Costs(Counts):
    """All costs of n candidates for one image, arrays (n,) as in ``Counts``."""

    activations: np.ndarray
    peak_activations: np.ndarray


def price(skeleton: NetworkSpec, channels: np.ndarray, *, count_classifier: bool = True) -> Costs:
    """Costs of the skeleton with each row of ``channels`` (n, d) as block output channels.

    ``count`` gives params and MACs alone, of whole channels, ten to thirty times as fast.

    Whole numbers give exact counts. Float channels give the relaxed cost, a polynomial of degree two in the channels
    (SE's width is not rounded either), which is what ``solve`` inverts.
    """
    channels = as_channels(skeleton, channels)
    size = _after(skeleton.input_size, skeleton.stem_stride)
    stem = skeleton.stem_channels
    kernel = 9 * skeleton.in_channels * stem
    c_in = np.full(len(channels), stem, dtype=channels.dtype)  # (n,)
    params = np.full_like(c_in, kernel + 2 * stem)
    macs = np.full_like(c_in, kernel * size**2)
    activations = np.full_like(c_in, stem * size**2)
    peak = np.full_like(c_in, skeleton.in_channels * skeleton.input_size**2 + stem * size**2)

    for block in range(1, skeleton.blocks + 1):
        c_out = channels[:, block - 1]
        expansion = skeleton.expansions[block - 1]
        hidden = c_in * expansion
        area = size**2
        kept = _kept_shortcut(skeleton, block, c_in, c_out) * area
        if expansion > 1:
            params += hidden * (c_in + 2)
            macs += hidden * c_in * area
            activations += hidden * area
            peak = np.maximum(peak, (c_in + hidden) * area)
        size = _after(size, skeleton.strides[block - 1])
        inner, area = hidden * area, size**2
        # Without an expansion convolution the depthwise one reads the block's input itself: it is alive only once.
        peak = np.maximum(peak, inner + hidden * area + (kept if expansion > 1 else 0))
        if skeleton.has_se(block) and skeleton.se_reduction is not None:
            squeezed = se_width(hidden, skeleton.se_reduction, skeleton.divisor)
            params += 2 * hidden * squeezed + hidden + 3 * squeezed
            macs += 2 * hidden * squeezed
            activations += hidden + squeezed
            peak = np.maximum(peak, hidden * area + hidden + squeezed + kept)
        params += hidden * (c_out + 11) + 2 * c_out
        macs += hidden * (c_out + 9) * area
        activations += (hidden + c_out) * area
        peak = np.maximum(peak, (hidden + c_out) * area + kept)
        c_in = c_out

    head, area = skeleton.head_channels, size**2
    params += head * (c_in + 2)
    macs += head * c_in * area
    activations += head * area
    peak = np.maximum(peak, (c_in + head) * area)
    peak = np.maximum(peak, head * area + head)
    if (extra := skeleton.extra_channels) is not None:
        params += extra * (head + 3)
        macs += head * extra
        activations += extra
        peak = np.maximum(peak, head + extra)
        head = extra
    if count_classifier:
        params += (head + 1) * skeleton.classes
        macs += head * skeleton.classes
        activations += skeleton.classes
        peak = np.maximum(peak, head + skeleton.classes)
    return Costs(params, macs, activations, peak)


def as_channels(skeleton: NetworkSpec, channels: np.ndarray) -> np.ndarray:
    """``channels`` (n, d), int64 or float; raises ``ValueError`` for those of another skeleton."""
    channels = np.asarray(channels)
    if channels.ndim != 2 or channels.shape[1] != skeleton.blocks:
        raise ValueError(f"channels must have shape (n, {skeleton.blocks}), got {channels.shape}")
    return channels if channels.dtype.kind == "f" else channels.astype(np.int64, copy=False)


def price_spec(spec: NetworkSpec, *, count_classifier: bool = True) -> dict[str, int]:
    """Costs of one spec as plain numbers, keyed as ``Costs``; raises ``UserError`` where 64 bits do not hold them."""
    relaxed = price(spec, np.array([spec.channels], dtype=float), count_classifier=count_classifier)
    if max(relaxed.row(0).values()) > _MOST:
        raise UserError(f"network: its costs cannot be counted; one of them is above {_MOST:.1e}")
    return price(spec, np.array([spec.channels]), count_classifier=count_classifier).row(0)


def _after(size: int, stride: int) -> int:
    """Side of the output of a 3×3 convolution with padding 1."""
    return (size - 1) // stride + 1


def _kept_shortcut(skeleton: NetworkSpec, block: int, c_in: np.ndarray, c_out: np.ndarray) -> np.ndarray:
    """Channels of the input that wait for the end of the block, (n,): ``NetworkSpec.has_shortcut`` over arrays."""
    if skeleton.strides[block - 1] != 1 or skeleton.shortcut == "none":
        return np.zeros_like(c_in)
    added = c_in == c_out if skeleton.shortcut == "identity" else c_in <= c_out
    return np.where(added, c_in, 0)
