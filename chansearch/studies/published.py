"""What the paper prints or draws for its studies (arXiv 2007.00992, CVPR 2021), and one number of others."""

from __future__ import annotations

from dataclasses import dataclass

from chansearch.nets.spec import ACTIVATIONS

# As the rank section sorts the nonlinearities.
RELU_LIKE = ("relu6", "relu", "leaky_relu")
SMOOTH = ("elu", "softplus", "hardswish", "silu")


@dataclass(frozen=True)
class RankReading:
    """Figure 1, read off by eye: the rank ratio of ``activations`` lies between ``low`` and ``high``.

    ``layer`` as in ``studies.rank_plan``, ``tenths``: ten times the dimension ratio.
    """

    layer: str
    tenths: int
    activations: tuple[str, ...]
    low: float
    high: float


# Panel (b), conv3x3, could only be read as "like (a), a little higher"; `identity` is the diagonal everywhere.
RANK_READINGS = (
    RankReading("conv1x1", 1, ("relu6", "relu"), 0.85, 0.85),
    RankReading("conv1x1", 1, ("hardswish", "silu"), 0.96, 0.96),
    RankReading("conv1x1", 10, ("relu",), 0.96, 0.96),
    RankReading("conv1x1", 10, SMOOTH, 1.0, 1.0),
    RankReading("bottleneck", 1, ACTIVATIONS[1:], 0.3, 0.4),
    RankReading("bottleneck", 4, ("relu",), 0.84, 0.84),
    RankReading("bottleneck", 4, ("silu",), 0.91, 0.91),
    RankReading("bottleneck_dw", 1, ACTIVATIONS[1:], 0.2, 0.25),
    RankReading("bottleneck_dw", 4, ACTIVATIONS[1:], 0.6, 0.66),
    RankReading("bottleneck_dw", 8, ACTIVATIONS[1:], 0.9, 0.9),
)

# Of others, not of the paper: Kendall's τ of the number of parameters with trained accuracy, inside one budget.
PARAMS_TAU = 0.116
