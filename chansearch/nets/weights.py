"""Weights from files of others, renamed to this builder's names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import torch
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
    return rename_weights(
        {str(key).removeprefix("module.").removeprefix("_orig_mod."): value for key, value in data.items()}
    )


def rename_weights(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A state dict in this builder's names; whose it is, is told by its keys.

    timm's ReXNet has these names already. Renamed are timm's MobileNetV2 and the official repository's ReXNetV1 and
    ReXNetV1_lite. A name that none of them has stays as it is: ``load_weights`` says that it does not belong.
    """
    if "conv_stem.weight" in weights:
        modules = _mobilenet_modules(weights)
    elif "features.0.weight" in weights and "output.1.weight" in weights:
        modules = _official_modules(weights)
    else:
        return dict(weights)
    renamed = {}
    for key, value in weights.items():
        module, _, leaf = key.rpartition(".")
        name = modules.get(module, module)
        # The official linear layers are 1×1 convolutions of the pooled feature: (out, in, 1, 1).
        linear = name in ("head.fc", "head.extra.fc") and value.dim() == 4
        renamed[f"{name}.{leaf}"] = value.flatten(1) if linear else value
    return renamed


# The layers of a block in their order; the first is not there without expansion.
_LAYERS = ("conv_exp", "conv_dw", "conv_pwl")


def _official_modules(weights: Mapping[str, Tensor]) -> dict[str, str]:
    """Official names to ours. ``features`` there: stem, blocks and head in a row, activations counted; in a block
    ``out.M`` likewise: convolution, BatchNorm and, but for the last, an activation or what SE and activation take."""
    places = sorted({int(match[1]) for key in weights if (match := re.match(r"features\.(\d+)\.out\.", key))})
    head, last = f"features.{len(places)}", max(places, default=2)
    modules = {
        "features.0": "stem.conv",
        "features.1": "stem.bn",
        f"features.{last + 1}": f"{head}.conv",
        f"features.{last + 2}": f"{head}.bn",
    }
    if "output.4.weight" in weights:  # ReXNet-lite
        modules |= {"output.0": "head.extra.fc", "output.1": "head.extra.bn", "output.4": "head.fc"}
    else:
        modules["output.1"] = "head.fc"
    for index, place in enumerate(places):
        there, ours = f"features.{place}.out", f"features.{index}"
        found = {
            int(match[1]): weights[key] for key in weights if (match := re.fullmatch(there + r"\.(\d+)\.weight", key))
        }
        convolutions = sorted(at for at, weight in found.items() if weight.dim() == 4)
        for at, layer in zip(convolutions, _LAYERS[-len(convolutions) :], strict=False):
            modules |= {f"{there}.{at}": f"{ours}.{layer}.conv", f"{there}.{at + 1}": f"{ours}.{layer}.bn"}
            if layer == "conv_dw":
                squeeze = f"{there}.{at + 2}.fc"
                modules |= {f"{squeeze}.{n}": f"{ours}.se.{name}" for n, name in ((0, "fc1"), (1, "bn"), (3, "fc2"))}
    return modules


def _mobilenet_modules(weights: Mapping[str, Tensor]) -> dict[str, str]:
    """timm's names of a MobileNetV2 to ours: blocks in stages, convolution and BatchNorm side by side."""
    places = sorted({(int(m[1]), int(m[2])) for key in weights if (m := re.match(r"blocks\.(\d+)\.(\d+)\.", key))})
    head = f"features.{len(places)}"
    modules = {"conv_stem": "stem.conv", "bn1": "stem.bn", "conv_head": f"{head}.conv", "bn2": f"{head}.bn"}
    modules["classifier"] = "head.fc"
    for index, (stage, place) in enumerate(places):
        there, ours = f"blocks.{stage}.{place}", f"features.{index}"
        expands = f"{there}.conv_pwl.weight" in weights
        convolutions = ("conv_pw", "conv_dw", "conv_pwl") if expands else ("conv_dw", "conv_pw")
        for number, (convolution, layer) in enumerate(zip(convolutions, _LAYERS[-len(convolutions) :], strict=True), 1):
            modules |= {f"{there}.{convolution}": f"{ours}.{layer}.conv", f"{there}.bn{number}": f"{ours}.{layer}.bn"}
    return modules


def load_weights(network: Network, weights: Mapping[str, Tensor], source: str, *, new_classes: bool = False) -> None:
    """Into ``network``, every tensor in its place; raises ``UserError`` naming the first that does not fit.

    ``new_classes`` leaves out a classifier that is for another number of classes: the network keeps its own, freshly
    drawn, to be trained on.
    """
    expected = network.state_dict()
    given = dict(weights)
    if new_classes and given.get("head.fc.bias", expected["head.fc.bias"]).shape != expected["head.fc.bias"].shape:
        given |= {key: expected[key] for key in _CLASSIFIER}
    for key in dict.fromkeys((*expected, *given)):
        if key not in given or key not in expected:
            what = "missing" if key not in given else "not this network's"
            raise UserError(f"{source}: {key} is {what}; are these weights of another network?")
        if given[key].shape != expected[key].shape:
            shapes = f"{tuple(given[key].shape)}, the network has {tuple(expected[key].shape)}"
            raise UserError(f"{source}: {key} has shape {shapes}")
        kinds = (given[key].layout, given[key].device.type, given[key].is_floating_point())
        if kinds != (torch.strided, "cpu", expected[key].is_floating_point()):
            raise UserError(f"{source}: {key} is of another kind: {given[key].dtype}, {given[key].layout}")
    network.load_state_dict(given)
