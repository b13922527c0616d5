"""A network with its weights, from whatever a user names: a preset, a YAML file, a checkpoint, a training's folder."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chansearch.errors import UserError
from chansearch.nets.checkpoint import load_checkpoint
from chansearch.nets.files import resolve_network
from chansearch.nets.network import Network
from chansearch.nets.spec import NetworkSpec
from chansearch.nets.weights import load_weights, read_weights

# What a training leaves in its folder: the network to use.
MODEL_FILE = "model.pt"
_CHECKPOINT_SUFFIXES = (".pt", ".pth")


@dataclass(frozen=True)
class Model:
    """``network`` is on the CPU and in training mode; ``trained`` says whether its weights came from somewhere;
    ``classes`` names its logits, where known."""

    name: str
    spec: NetworkSpec
    network: Network
    trained: bool
    classes: tuple[str, ...] | None = None


def open_model(
    source: NetworkSpec | str | Path, *, weights: str | Path | None = None, changes: Mapping[str, Any] | None = None
) -> Model:
    """The network that ``source`` names: a preset, a YAML file, a checkpoint (``model.pt``) or a folder with one.

    ``weights``: a file of weights, of this builder, of timm or of the official repository. ``changes``: fields of the
    spec to set; another number of ``classes`` than the weights are for gets a fresh classifier. Without weights they
    are drawn from torch's global generator. Raises ``UserError`` for what does not exist or does not fit.
    """
    path = Path(source) if not isinstance(source, NetworkSpec) else None
    if path is not None and path.is_dir():
        path = path / MODEL_FILE
    held = None
    if path is not None and path.suffix in _CHECKPOINT_SUFFIXES:
        held = load_checkpoint(path)
        spec, name = held.spec, path.parent.name if path.name == MODEL_FILE else path.stem
    else:
        spec = resolve_network(source)
        name = path.stem if path is not None else "network"
    spec = change_spec(spec, changes or {})
    network = Network(spec)
    if weights is not None:
        load_weights(network, read_weights(weights), str(weights), new_classes="classes" in (changes or {}))
    elif held is not None:
        load_weights(network, held.weights, str(path), new_classes="classes" in (changes or {}))
    names = held.classes if held is not None and spec.classes == held.spec.classes else None
    return Model(name, spec, network, weights is not None or held is not None, names)


def change_spec(spec: NetworkSpec, changes: Mapping[str, Any]) -> NetworkSpec:
    """The spec with some fields set; raises ``UserError`` for a field there is not."""
    known = [field.name for field in dataclasses.fields(NetworkSpec)]
    for key in changes:
        if key not in known:
            raise UserError(f"{key}: is no field of a network; allowed: {', '.join(known)}")
    return dataclasses.replace(spec, **changes)
