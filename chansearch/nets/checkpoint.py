"""Trained networks as files: a spec and its weights in one, read without unpickling anything."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from chansearch._version import __version__
from chansearch.errors import UserError
from chansearch.nets.files import spec_from_dict, spec_to_dict
from chansearch.nets.spec import NetworkSpec


@dataclass(frozen=True)
class Checkpoint:
    """A spec, the state dict of its module, and the names of its classes in the order of the logits, where known."""

    spec: NetworkSpec
    weights: Mapping[str, Tensor]
    classes: tuple[str, ...] | None = None


def save_checkpoint(path: str | Path, checkpoint: Checkpoint) -> None:
    """Written aside and renamed: a file of this name is whole, or is the one before."""
    data = {
        "chansearch": __version__,
        "network": spec_to_dict(checkpoint.spec),
        "classes": None if checkpoint.classes is None else list(checkpoint.classes),
        "state_dict": dict(checkpoint.weights),
    }
    write_tensors(path, data)


def write_tensors(path: str | Path, data: object) -> None:
    """Tensors in plain containers, for ``read_tensors``; written aside, brought to the disk and renamed.

    Raises ``OSError`` or ``RuntimeError`` where that fails, and leaves a file of this name as it was.
    """
    path = Path(path)
    aside = path.with_name(path.name + ".part")
    try:
        with aside.open("wb") as file:
            torch.save(data, file)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise


def load_checkpoint(path: str | Path) -> Checkpoint:
    """What ``save_checkpoint`` wrote, on the CPU; raises ``UserError`` for a file that is anything else."""
    data = read_tensors(path)
    if not (isinstance(data, dict) and isinstance(data.get("state_dict"), dict) and "network" in data):
        raise UserError(f"{path}: is no checkpoint of chansearch; weights of other libraries go to --weights")
    classes = data.get("classes")
    if classes is not None and not (isinstance(classes, list) and all(isinstance(name, str) for name in classes)):
        raise UserError(f"{path}: classes is no list of names")
    spec = spec_from_dict(data["network"], str(path))
    if classes is not None and len(classes) != spec.classes:
        raise UserError(f"{path}: {len(classes)} names of classes for {spec.classes} classes")
    return Checkpoint(spec, data["state_dict"], None if classes is None else tuple(classes))


def read_tensors(path: str | Path) -> object:
    """What a file of torch's or of safetensors holds: tensors, plain containers and numbers, nothing else.

    Raises ``UserError`` where it cannot be read, or holds more than that: nothing in it is ever run.
    """
    if not Path(path).is_file():
        raise UserError(f"{path}: no such file")
    try:
        if Path(path).suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    # A broken file ends in whatever its reader stumbled over: torch, zip, pickle and safetensors have their own.
    except Exception as error:
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise UserError(f"{path}: cannot be read as weights: {reason}") from None
