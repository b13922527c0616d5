"""Published networks by name, as specs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from chansearch.errors import UserError, did_you_mean
from chansearch.nets.spec import NetworkSpec, make_divisible
from chansearch.space import round_channels

REXNET_STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1)


def rexnet(width: float, *, classes: int = 1000, input_size: int = 224, divisor: int = 1) -> NetworkSpec:
    """ReXNet ×width: c_i = 11.25·(i−1)+16 times the width, SE from block 4 (paper sec. 4, official code).

    Stem and first block do not shrink below ×1.0; the head is ⌊1280·width⌋ at any width. ``divisor`` makes every width
    divisible, SE's too: timm's ``rexnetr_*``.
    """
    return _rexnet(
        width,
        180 / 16,
        divisor=divisor,
        head_channels=int(make_divisible(np.asarray(int(1280 * width)), divisor)),
        classes=classes,
        input_size=input_size,
        se_reduction=12,
        se_from=4,
        activation="silu",
        depthwise_activation="relu6",
        stem_activation="silu",
        head_activation="silu",
    )


def rexnet_lite(width: float, *, classes: int = 1000, input_size: int = 224) -> NetworkSpec:
    """ReXNet-lite ×width: widths divisible by 8, no SE, ReLU6, a layer of 1024 before the classifier (official code).

    The last block is 164·width wider than the first, where ReXNet's is 168.75·width; the head never shrinks.
    """
    head = int(1280 * max(width, 1))
    return _rexnet(
        width, 164 / 15, divisor=8, head_channels=head, extra_channels=1024, classes=classes, input_size=input_size
    )


def _rexnet(width: float, step: float, *, divisor: int, **fields: Any) -> NetworkSpec:
    """Stem and 16 blocks that begin at 16 and grow by ``step``, times the width, rounded, then made divisible."""
    narrow = min(width, 1)  # below ×1.0 stem and first block keep their width
    before = np.array([32 / narrow, *(16 / narrow + step * np.arange(16))])
    stem, *channels = make_divisible(round_channels(before * width), divisor).tolist()
    return NetworkSpec(
        channels=tuple(channels),
        strides=REXNET_STRIDES,
        expansions=(1,) + (6,) * 15,
        stem_channels=stem,
        stem_stride=2,
        divisor=divisor,
        shortcut="padded",
        dropout=0.2,
        **fields,
    )


def rexnet_plain(*, classes: int = 1000, input_size: int = 224) -> NetworkSpec:
    """ReXNet (plain): 13 blocks of a depthwise and a 1×1 convolution, no shortcuts, SiLU behind the 1×1 (paper sec. 4).

    It costs 4.97M params and 0.442B MACs, not the published 3.4M and 0.56B. The paper prints no strides and 114 for the
    second block, which breaks its own step of 48; here the strides are ReXNet's and the second block has 144. ReLU6
    behind the depthwise convolution and SiLU in the stem are ReXNet's too.
    """
    return NetworkSpec(
        channels=(*range(96, 625, 48), 1024),
        strides=(2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1),
        expansions=(1,) * 13,
        stem_channels=32,
        stem_stride=2,
        head_channels=1280,
        classes=classes,
        input_size=input_size,
        stem_activation="silu",
        head_activation="silu",
        projection_activation="silu",
        shortcut="none",
        dropout=0.2,
    )


def mobilenetv2(*, classes: int = 1000, input_size: int = 224) -> NetworkSpec:
    """MobileNetV2 ×1.0 (paper, Table 1): ReLU6, shortcuts only where the widths agree."""
    stages = ((16, 1), (24, 2), (32, 3), (64, 4), (96, 3), (160, 3), (320, 1))
    return NetworkSpec(
        channels=tuple(channels for channels, repeats in stages for _ in range(repeats)),
        strides=tuple(2 if block in (2, 4, 7, 14) else 1 for block in range(1, 18)),
        expansions=(1,) + (6,) * 16,
        stem_stride=2,
        classes=classes,
        input_size=input_size,
        shortcut="identity",
    )


def _named(family: str, width: float) -> str:
    return f"{family}_{round(100 * width):03d}"


# ReXNet's widths are those of Tables 5 and A; rexnetr's those of timm, which rounds the largest to 16.
PRESETS: dict[str, Callable[[], NetworkSpec]] = {
    **{_named("rexnet", w): partial(rexnet, w) for w in (0.9, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 2.0, 2.2, 3.0)},
    **{_named("rexnetr", w): partial(rexnet, w, divisor=16 if w == 3.0 else 8) for w in (1.0, 1.3, 1.5, 2.0, 3.0)},
    **{_named("rexnet_lite", w): partial(rexnet_lite, w) for w in (1.0, 1.3, 1.5, 2.0)},
    "rexnet_plain": rexnet_plain,
    "mobilenetv2_100": mobilenetv2,
}


def preset(name: str) -> NetworkSpec:
    """The spec of a published network; raises ``UserError`` listing the names for an unknown one."""
    if name not in PRESETS:
        raise UserError(
            f"network: {name!r} is unknown{did_you_mean(name, PRESETS)}; allowed: {', '.join(PRESETS)}, or a YAML file"
        )
    return PRESETS[name]()
