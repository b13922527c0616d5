"""How far apart two configurations are."""

import numpy as np


def distances(channels: np.ndarray, to: np.ndarray) -> np.ndarray:
    """Of each of ``channels`` (n, d) to one configuration (d,): root mean square of ln(c_i / c'_i) over the blocks.

    Ratios, for ten channels more are much at the start of a network and little at its end: 0.1 is about 10 % a block.
    """
    return np.sqrt(np.mean(np.log(channels / to) ** 2, axis=-1))
