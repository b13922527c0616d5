"""Weights from files of others, renamed to this builder's names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from chansearch.errors import UserError
from chansearch.nets.checkpoint import read_tensors
from chansearch.nets.network import Network

# Where training scripts keep the state dict inside their checkpoint, the averaged one first.
_WRAPPERS = ("state_dict_ema", "state_dict", "model_ema", "model")
_CLASSIFIER = ("head.fc.weight", "head.fc.bias")


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """The state dict of a file, in this builder's names; raises ``UserError`` where there is none."""
    data = read_tensors(path)
    if isinstance(data, Mapping):
        data = next((data[key] for key in _WRAPPERS if isinstance(data.get(key), Mapping)), data)
    if not isinstance(data, Mapping) or not data or not all(isinstance(value, Tensor) for value in data.values()):
        raise UserError(f"{path}: holds no state dict: names with their tensors")
    # Wrappers for several GPUs and compiled modules put their own name in front.
    return {str(key).removeprefix("module.").removeprefix("_orig_mod."): value for key, value in data.items()}


def load_weights(network: Network, weights: Mapping[str, Tensor], source: str, *, new_classes: bool = False) -> None:
    """Into ``network``, every tensor in its place; raises ``UserError`` naming the first that does not fit.

    ``new_classes`` leaves out a classifier that is for another number of classes: the network keeps its own, freshly
    drawn, to be trained on.
    """
    expected = network.state_dict()
    given = dict(weights)
    if new_classes and given.get("head.fc.bias", expected["head.fc.bias"]).shape != expected["head.fc.bias"].shape:
        given |= {key: expected[key] for key in _CLASSIFIER}
    for key in expected.keys() | given.keys():
        if key not in given or key not in expected:
            what = "missing" if key not in given else "not this network's"
            raise UserError(f"{source}: {key} is {what}; are these weights of another network?")
        if given[key].shape != expected[key].shape:
            shapes = f"{tuple(given[key].shape)}, the network has {tuple(expected[key].shape)}"
            raise UserError(f"{source}: {key} has shape {shapes}")
    network.load_state_dict(given)
