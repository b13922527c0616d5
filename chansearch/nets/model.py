"""A network with its weights, from whatever a user names: a preset, a YAML file, a checkpoint, a training's folder.

Imports torch only once a network is built: a mistake in what was typed is told before.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chansearch.errors import UserError, did_you_mean
from chansearch.files import read_value
from chansearch.nets.files import FIELDS, resolve_network
from chansearch.nets.preprocessing import Preprocessing
from chansearch.nets.pretrained import check_published, pretrained_weights
from chansearch.nets.spec import NetworkSpec
from chansearch.space import parse_channels

if TYPE_CHECKING:
    from chansearch.nets.network import Network

# What a training leaves in its folder: the network to use.
MODEL_FILE = "model.pt"
_CHECKPOINT_SUFFIXES = (".pt", ".pth")


@dataclass(frozen=True)
class Model:
    """``network`` is on the CPU and in training mode; ``trained`` says whether its weights came from somewhere;
    ``classes`` names its logits and ``preprocessing`` says how its images were prepared, where known."""

    name: str
    spec: NetworkSpec
    network: Network
    trained: bool
    classes: tuple[str, ...] | None = None
    preprocessing: Preprocessing | None = None

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of the images it is for."""
        return self.spec.in_channels, self.spec.input_size, self.spec.input_size


def open_model(
    source: NetworkSpec | str | Path,
    *,
    weights: str | Path | None = None,
    changes: Mapping[str, Any] | None = None,
    pretrained: bool = False,
    new_classifier: bool = True,
) -> Model:
    """The network that ``source`` names: a preset, a YAML file, a checkpoint (``model.pt``) or a folder with one.

    ``weights``: a file of weights, of this builder, of timm or of the official repository. ``pretrained``: those that
    are published for the preset. ``changes``: fields of the spec to set; where the weights are for another number of
    ``classes``, the classifier is drawn afresh or, without ``new_classifier``, they are refused. Without weights all
    are drawn, from torch's global generator. Raises ``UserError`` for what does not exist or does not fit.
    """
    if pretrained and weights is not None:
        raise UserError("--pretrained: given together with --weights; give one of them")
    path = Path(source) if not isinstance(source, NetworkSpec) else None
    held = None
    if path is not None and (checkpoint := find_checkpoint(path)) is not None:
        from chansearch.nets.checkpoint import load_checkpoint

        path = checkpoint
        held = load_checkpoint(path)
        if held.detector is not None:
            raise UserError(f"{path}: is a detector; `chansearch transfer predict` and `transfer eval` take one")
        spec, name = held.spec, path.resolve().parent.name if path.name == MODEL_FILE else path.stem
    else:
        spec = resolve_network(source)
        name = path.stem if path is not None else "network"
    spec = change_spec(spec, changes or {})
    published = name if path is None else str(path)  # a preset is its name; a file that is called so is none
    if pretrained:
        check_published(published)
    from chansearch.cost.memory import check_memory

    check_memory(spec)
    from chansearch.nets.network import Network
    from chansearch.nets.weights import load_weights, read_weights

    given = None
    if pretrained:
        given, origin = pretrained_weights(published), "--pretrained"
    elif weights is not None:
        given, origin = read_weights(weights), str(weights)
    elif held is not None:
        given, origin = held.weights, str(path)
    network = Network(spec)
    if given is not None:
        load_weights(network, given, origin, new_classes=new_classifier and "classes" in (changes or {}))
    names = held.classes if held is not None and spec.classes == held.spec.classes else None
    prepared = held.preprocessing if held is not None and weights is None else None  # it belongs to the weights
    return Model(name, spec, network, given is not None, names, prepared)


def find_checkpoint(source: str | Path) -> Path | None:
    """The checkpoint that ``source`` names: a file by its ending, or the one in a training's folder."""
    path = Path(source)
    if path.is_dir():
        return path / MODEL_FILE
    return path if path.suffix in _CHECKPOINT_SUFFIXES else None


_EXPANSION = "expansion"  # of all blocks but the first, which has none in these networks


def parse_changes(words: Sequence[str]) -> dict[str, Any]:
    """``classes=10 se_reduction=none expansion=4`` → what ``open_model`` and ``change_spec`` take as changes.

    Values are YAML; ``none`` stands for no value where there may be none, and channels may be 16-27-38. Raises
    ``UserError`` for a word that is no KEY=VALUE and for an unknown key.
    """
    changes: dict[str, Any] = {}
    for word in words:
        key, sign, text = word.partition("=")
        if not sign:
            raise UserError(f"{word!r} is no KEY=VALUE; allowed keys: {', '.join(_known_keys())}")
        _check_key(key)
        changes[key] = _parsed(key, text)
    return changes


def change_spec(spec: NetworkSpec, changes: Mapping[str, Any]) -> NetworkSpec:
    """The spec with some fields set; raises ``UserError`` for a field there is not.

    ``expansion`` is no field: it sets ``expansions`` of all blocks but the first.
    """
    for key in changes:
        _check_key(key)
    fields = {key: tuple(value) if isinstance(value, list) else value for key, value in changes.items()}
    if _EXPANSION in fields:
        if "expansions" in fields:
            raise UserError("expansion: given together with expansions; give one of them")
        fields["expansions"] = (spec.expansions[0],) + (fields.pop(_EXPANSION),) * (spec.blocks - 1)
    return dataclasses.replace(spec, **fields)


def _parsed(key: str, text: str) -> Any:
    if text == "none" and key in FIELDS and FIELDS[key].default is None:
        return None
    if key == "channels" and text[:1].isdigit():
        return parse_channels(text)
    return read_value(key, text)


def _known_keys() -> list[str]:
    return [*FIELDS, _EXPANSION]


def _check_key(key: str) -> None:
    if key not in _known_keys():
        nearest = did_you_mean(key, _known_keys())
        raise UserError(f"{key}: is no field of a network{nearest}; allowed: {', '.join(_known_keys())}")
