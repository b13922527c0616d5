"""Network specs for the tests: the skeletons behind Table 3, and random ones."""

import numpy as np

from chansearch.nets import ACTIVATIONS, SHORTCUTS, NetworkSpec
from tests.space.golden import GOLDEN


def search_spec(constraint: str, channels=None) -> NetworkSpec:
    """The reconstructed network of a constraint of Table 3, c1 to c4."""
    row = GOLDEN["constraints"][constraint]
    blocks = row["blocks"]
    return NetworkSpec(
        channels=tuple(channels or (1,) * blocks),
        strides=tuple(2 if block in row["stride_2_blocks"] else 1 for block in range(1, blocks + 1)),
        expansions=(1,) + (6,) * (blocks - 1),
    )


def draw_spec(seed: int) -> NetworkSpec:
    """A small spec in which every field varies; the same for the same seed.

    Half of the configurations rise, a quarter repeat channels (identity shortcuts need that), a quarter go up and down.
    """
    rng = np.random.default_rng(seed)

    def pick(*values):
        return values[rng.integers(len(values))]

    blocks = int(rng.integers(2, 9, 2).min())  # up to 8; the smaller of two, for the clock
    channels = rng.integers(1, 25, blocks)
    order = pick("rising", "rising", "repeated", "any")
    if order != "any":
        channels = np.sort(channels)
    if order == "repeated":
        channels = np.repeat(channels, 3)[:blocks]
    return NetworkSpec(
        channels=tuple(channels.tolist()),
        strides=tuple(pick(1, 1, 1, 2, 2, 3) for _ in range(blocks)),
        expansions=tuple(pick(1, 2, 3, 6, 6) for _ in range(blocks)),
        stem_channels=pick(1, 3, 8, int(channels[0])),
        stem_stride=pick(1, 2, 3),
        head_channels=pick(1, 7, 40, 160),
        extra_channels=pick(None, None, 1, 50),
        classes=pick(1, 2, 10, 37, 300),
        input_size=int(rng.integers(1, 23)),
        in_channels=pick(1, 3, 4),
        se_reduction=pick(None, None, 1, 4, 12, 24),
        se_from=int(rng.integers(1, blocks + 2)),
        divisor=pick(1, 8),
        activation=pick(*ACTIVATIONS),
        depthwise_activation=pick(*ACTIVATIONS),
        stem_activation=pick(*ACTIVATIONS),
        head_activation=pick(*ACTIVATIONS),
        projection_activation=pick("identity", "identity", *ACTIVATIONS),
        shortcut=pick(*SHORTCUTS),
        dropout=pick(0.0, 0.2),
        drop_path=pick(0.0, 0.0, 0.3),
    )
