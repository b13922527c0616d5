"""Network specs as YAML files: written by the exporter, read back by the builder."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chansearch.errors import UserError, did_you_mean
from chansearch.files import read_yaml
from chansearch.nets.presets import PRESETS, preset
from chansearch.nets.spec import NetworkSpec

# The keys of a network in YAML and on the command line.
FIELDS = {field.name: field for field in dataclasses.fields(NetworkSpec)}
_LISTS = ("channels", "strides", "expansions")


def spec_to_dict(spec: NetworkSpec) -> dict:
    """The spec in YAML's own types, keys in the order of ``NetworkSpec``."""
    return {key: list(value) if key in _LISTS else value for key, value in dataclasses.asdict(spec).items()}


def spec_from_dict(data: object, source: str) -> NetworkSpec:
    """The spec held by a mapping; ``source`` names it in the ``UserError`` raised for anything but a valid one."""
    if not isinstance(data, dict):
        raise UserError(f"{source}: holds no network; a mapping with channels, strides and expansions is needed")
    unknown = sorted(str(key) for key in data.keys() - FIELDS.keys())
    if unknown:
        near = did_you_mean(unknown[0], FIELDS)
        raise UserError(f"{source}: network.{unknown[0]} is unknown{near}; allowed: {', '.join(FIELDS)}")
    missing = [key for key in _LISTS if not isinstance(data.get(key), list)]
    if missing:
        raise UserError(f"{source}: network.{missing[0]} must be a list with one whole number a block")
    fields: dict[str, Any] = {key: tuple(value) if key in _LISTS else value for key, value in data.items()}
    try:
        return NetworkSpec(**fields)
    except UserError as error:
        raise UserError(f"{source}: network.{error}") from None


def load_spec(path: str | Path) -> NetworkSpec:
    """The ``network`` of a YAML file that ``chansearch export`` wrote; raises ``UserError`` when it has none."""
    data = read_yaml(Path(path), f"{path}:")
    return spec_from_dict(data.get("network") if isinstance(data, dict) else None, str(path))


def resolve_network(network: NetworkSpec | Mapping | str | Path) -> NetworkSpec:
    """A spec as it is or as a mapping of its fields, a preset by its name, or the spec of a YAML file."""
    if isinstance(network, NetworkSpec):
        return network
    if isinstance(network, Mapping):
        return spec_from_dict(dict(network), "spec")
    if str(network) in PRESETS:
        return preset(str(network))
    if Path(network).suffix.lower() not in (".yaml", ".yml") and not _exists(Path(network)):
        return preset(str(network))
    return load_spec(network)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name longer than a file's may be, for one
        return False
