"""Published networks by name, as specs."""

from __future__ import annotations

from functools import partial

from chansearch.errors import UserError
from chansearch.nets.spec import NetworkSpec
from chansearch.space import round_channels

REXNET_STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1)


def rexnet(width: float, *, classes: int = 1000, input_size: int = 224) -> NetworkSpec:
    """ReXNet ×width: c_i = 11.25·(i−1)+16 times the width, SE from block 4 (paper sec. 4, official code).

    Stem and first block do not shrink below ×1.0; the head is ⌊1280·width⌋ at any width.
    """
    first = 16 / width if width < 1 else 16
    stem = 32 / width if width < 1 else 32
    return NetworkSpec(
        channels=tuple(round_channels([(first + 180 / 16 * i) * width for i in range(16)]).tolist()),
        strides=REXNET_STRIDES,
        expansions=(1,) + (6,) * 15,
        stem_channels=int(round_channels([stem * width])[0]),
        stem_stride=2,
        head_channels=int(1280 * width),
        classes=classes,
        input_size=input_size,
        se_reduction=12,
        se_from=4,
        activation="silu",
        depthwise_activation="relu6",
        stem_activation="silu",
        head_activation="silu",
        shortcut="padded",
        dropout=0.2,
    )


# The widths of Table 5 and Table A.
PRESETS = {
    f"rexnet_{round(100 * width):03d}": partial(rexnet, width)
    for width in (0.9, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 2.0, 2.2, 3.0)
}


def preset(name: str) -> NetworkSpec:
    """The spec of a published network; raises ``UserError`` listing the names for an unknown one."""
    if name not in PRESETS:
        raise UserError(f"network: {name!r} is unknown; allowed: {', '.join(PRESETS)}, or a YAML file")
    return PRESETS[name]()
