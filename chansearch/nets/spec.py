"""What a network is, without building it: the hinge between sampler, counter, builder and exporter."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from chansearch.errors import UserError
from chansearch.ranges import one_of
from chansearch.space.member import MOST_BLOCKS

# Linear and the seven nonlinearities of the paper's layer study (Figure 1).
ACTIVATIONS = ("identity", "relu6", "relu", "leaky_relu", "elu", "softplus", "hardswish", "silu")

# The fields of ``NetworkSpec`` that name one of them.
ACTIVATION_PLACES = (
    "activation",
    "depthwise_activation",
    "projection_activation",
    "stem_activation",
    "head_activation",
)

# Beyond this a count is a slip of the pen, and its square would leave 64 bits.
_MOST = 10**6

# padded: the input is added to the first c_in output channels (ReXNet); identity: only where the widths agree
# (MobileNetV2); none. All three only on blocks of stride 1.
SHORTCUTS = ("padded", "identity", "none")


@dataclass(frozen=True)
class NetworkSpec:
    """A stem, inverted bottlenecks and a head (paper sec. 3 and 4), block by block.

    ``channels``, ``strides`` and ``expansions`` have one entry a block; an expansion of 1 means no expansion
    convolution (MB1). Squeeze-and-excitation sits behind the depthwise convolution of block ``se_from`` (counted from
    1) and later ones, squeezed by ``se_reduction``; ``None`` means none. ``divisor`` rounds the squeezed width.
    ``projection_activation`` follows the projection: none but in networks without shortcuts, such as ReXNet (plain).
    ``extra_channels`` is a linear layer with BatchNorm and the head's activation between pooling and classifier
    (ReXNet-lite); ``None`` means none. ``input_size`` is the side of the square input in pixels.

    Raises ``UserError`` naming the key where a value is out of range.
    """

    channels: tuple[int, ...]
    strides: tuple[int, ...]
    expansions: tuple[int, ...]
    stem_channels: int = 32
    stem_stride: int = 1
    head_channels: int = 1280
    extra_channels: int | None = None
    classes: int = 10
    input_size: int = 32
    in_channels: int = 3
    se_reduction: int | None = None
    se_from: int = 1
    divisor: int = 1
    activation: str = "relu6"
    depthwise_activation: str = "relu6"
    stem_activation: str = "relu6"
    head_activation: str = "relu6"
    projection_activation: str = "identity"
    shortcut: str = "padded"
    dropout: float = 0.0
    drop_path: float = 0.0

    def __post_init__(self) -> None:
        for key in ("channels", "strides", "expansions"):
            if not isinstance(getattr(self, key), tuple):
                raise UserError(f"{key}: {getattr(self, key)!r} is not allowed; one whole number a block is needed")
        blocks = len(self.channels)
        if blocks > MOST_BLOCKS:
            raise UserError(f"channels: {blocks:,} blocks; allowed: at most {MOST_BLOCKS}")
        for key in ("channels", "strides", "expansions"):
            values = getattr(self, key)
            if len(values) != blocks or not values:
                raise UserError(f"{key}: {len(values)} entries for {blocks} blocks; one a block is needed")
            for value in values:
                self._check_whole(key, value)
        for key in ("stem_channels", "stem_stride", "head_channels", "classes", "input_size", "in_channels", "divisor"):
            self._check_whole(key, getattr(self, key))
        self._check_whole("se_from", self.se_from)
        for key in ("se_reduction", "extra_channels"):
            if getattr(self, key) is not None:
                self._check_whole(key, getattr(self, key))
        for key in ACTIVATION_PLACES:
            one_of(key, getattr(self, key), ACTIVATIONS)
        one_of("shortcut", self.shortcut, SHORTCUTS)
        for key in ("dropout", "drop_path"):
            value = getattr(self, key)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1:
                raise UserError(f"{key}: {value!r} is out of range; allowed: 0 <= {key} < 1")

    @staticmethod
    def _check_whole(key: str, value: object) -> None:
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _MOST:
            raise UserError(f"{key}: {value!r} is not allowed; a whole number from 1 to {_MOST:,} is needed")

    @property
    def blocks(self) -> int:
        return len(self.channels)

    @property
    def depth(self) -> int:
        """Convolutions and the classifier, as the paper counts depth: 3·blocks + 3 (sec. 3)."""
        return 3 * self.blocks + 3

    def with_channels(self, channels: Iterable[int]) -> NetworkSpec:
        """The same skeleton with other block output channels."""
        return dataclasses.replace(self, channels=tuple(int(c) for c in channels))

    def has_se(self, block: int) -> bool:
        """Whether block number ``block`` (from 1) has squeeze-and-excitation."""
        return self.se_reduction is not None and block >= self.se_from

    def has_shortcut(self, block: int) -> bool:
        """Whether block number ``block`` (from 1) adds its input to its output."""
        before = self.stem_channels if block == 1 else self.channels[block - 2]
        after = self.channels[block - 1]
        if self.strides[block - 1] != 1 or self.shortcut == "none":
            return False
        return before == after if self.shortcut == "identity" else before <= after

    def drop_probability(self, block: int) -> float:
        """Of stochastic depth in block number ``block`` (from 1), 0 without a shortcut: it grows linearly, from none in
        the first block to ``drop_path`` in the last."""
        return self.drop_path * (block - 1) / max(self.blocks - 1, 1) if self.has_shortcut(block) else 0.0

    @property
    def feature_channels(self) -> int:
        """Width of what the classifier takes."""
        return self.head_channels if self.extra_channels is None else self.extra_channels

    def se_width(self, hidden: int) -> int:
        """Squeezed channels for ``hidden`` expanded ones."""
        return int(se_width(np.asarray(hidden), self.se_reduction or 1, self.divisor))


def se_width(hidden: np.ndarray, reduction: int, divisor: int) -> np.ndarray:
    """Squeezed channels of an SE for expanded channels ``hidden``: the rounding of the official code and of timm.

    Whole ``hidden``: ⌊hidden·(1/reduction)⌋, made divisible. The product is taken as written there, in float64, which
    for some reductions loses one (49·(1/49) is below 1); at ReXNet's 12 it is plain floor division. Float ``hidden``:
    unrounded, for solving a budget.
    """
    if hidden.dtype.kind == "f":
        return hidden / reduction
    return make_divisible(np.floor(hidden * (1.0 / reduction)).astype(np.int64), divisor)


def make_divisible(widths: np.ndarray, divisor: int) -> np.ndarray:
    """Whole ``widths`` to the nearest multiple of ``divisor``, one more where that loses over a tenth, at least one.

    The rule of MobileNets, as timm and the official ReXNet-lite have it; ties go up.
    """
    rounded = np.maximum((widths + divisor // 2) // divisor, 1) * divisor
    return np.where(rounded < 0.9 * widths, rounded + divisor, rounded)
