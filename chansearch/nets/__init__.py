"""Networks: one spec, one builder. The search's candidates and the full ReXNet are two specs of the same builder."""

from pathlib import Path
from typing import TYPE_CHECKING

from chansearch.nets.presets import PRESETS, preset
from chansearch.nets.spec import ACTIVATIONS, SHORTCUTS, NetworkSpec

if TYPE_CHECKING:
    from torch import nn

__all__ = ["ACTIVATIONS", "PRESETS", "SHORTCUTS", "NetworkSpec", "build", "preset"]


def build(network: "NetworkSpec | str | Path") -> "nn.Module":
    """The module of a spec, of a preset's name (``rexnet_100``) or of a YAML file that ``chansearch export`` wrote.

    Takes images (N, in_channels, H, W), gives logits (N, classes). Weights are freshly drawn from torch's global
    generator. Raises ``UserError`` for a file that is missing or holds no network spec.
    """
    from chansearch.nets.files import resolve_network
    from chansearch.nets.network import Network

    return Network(resolve_network(network))
