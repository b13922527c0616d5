"""Trained networks as files: a spec and its weights in one, read without unpickling anything."""

from __future__ import annotations

import argparse
import pickle
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from chansearch._version import __version__
from chansearch.errors import UserError
from chansearch.files import whole_file
from chansearch.nets.files import spec_from_dict, spec_to_dict
from chansearch.nets.preprocessing import Preprocessing
from chansearch.nets.spec import NetworkSpec


@dataclass(frozen=True)
class Checkpoint:
    """A spec, the state dict of its module and, where known, the names of its classes in the order of the logits and
    how its images were prepared. ``detector`` says what else the module has, in plain types, where it is a detector
    (``chansearch.transfer.detection``): then the classes are its categories."""

    spec: NetworkSpec
    weights: Mapping[str, Tensor]
    classes: tuple[str, ...] | None = None
    preprocessing: Preprocessing | None = None
    detector: dict | None = None


def save_checkpoint(path: str | Path, checkpoint: Checkpoint) -> None:
    """Written aside and renamed: a file of this name is whole, or is the one before."""
    data = {
        "chansearch": __version__,
        "network": spec_to_dict(checkpoint.spec),
        "classes": None if checkpoint.classes is None else list(checkpoint.classes),
        "preprocessing": None if checkpoint.preprocessing is None else checkpoint.preprocessing.to_dict(),
        "state_dict": dict(checkpoint.weights),
    }
    if checkpoint.detector is not None:
        data["detector"] = checkpoint.detector
    write_tensors(path, data)


def write_tensors(path: str | Path, data: object) -> None:
    """Tensors in plain containers, for ``read_tensors``; written aside, brought to the disk and renamed.

    Raises ``OSError`` or ``RuntimeError`` where that fails, and leaves a file of this name as it was.
    """
    with whole_file(Path(path)) as file:
        torch.save(data, file)


def load_checkpoint(path: str | Path) -> Checkpoint:
    """What ``save_checkpoint`` wrote, on the CPU; raises ``UserError`` for a file that is anything else."""
    data = read_tensors(path)
    if not (isinstance(data, dict) and isinstance(data.get("state_dict"), dict) and "network" in data):
        raise UserError(f"{path}: is no checkpoint of chansearch; weights of other libraries go to --weights")
    if not all(isinstance(value, Tensor) for value in data["state_dict"].values()):
        raise UserError(f"{path}: its state_dict holds more than tensors")
    classes = data.get("classes")
    if classes is not None and not (isinstance(classes, list) and all(isinstance(name, str) for name in classes)):
        raise UserError(f"{path}: classes is no list of names")
    spec = spec_from_dict(data["network"], str(path))
    if classes is not None and len(classes) != spec.classes:
        raise UserError(f"{path}: {len(classes)} names of classes for {spec.classes} classes")
    prepared, detector = data.get("preprocessing"), data.get("detector")
    if not (detector is None or isinstance(detector, dict)):
        raise UserError(f"{path}: detector is no mapping")
    return Checkpoint(
        spec,
        data["state_dict"],
        None if classes is None else tuple(classes),
        None if prepared is None else Preprocessing.from_dict(prepared, str(path)),
        detector,
    )


def read_tensors(path: str | Path) -> object:
    """What a file of torch's or of safetensors holds: tensors, plain containers and numbers, nothing else.

    Raises ``UserError`` where it cannot be read, or holds more than that: nothing in it is ever run.
    """
    if not Path(path).is_file():
        raise UserError(f"{path}: no such file")
    read = _safetensors_reader(path) if Path(path).suffix == ".safetensors" else _load_tensors
    try:
        return read(path)
    except pickle.UnpicklingError:
        # torch's own message is half a page on how to unpickle it nevertheless.
        raise UserError(f"{path}: holds more than tensors, or is no file of torch's; only tensors are read") from None
    # A broken file ends in whatever its reader stumbled over, often a bare number: torch, zip, pickle and safetensors
    # have their own.
    except Exception as error:
        reason = getattr(error, "strerror", None) or "it is damaged, or no file of torch's or safetensors'"
        raise UserError(f"{path}: cannot be read as weights: {reason}") from None


def _load_tensors(path: str | Path) -> object:
    """Warnings are left out: they are of pickles that torch did not write itself, and those are refused."""
    # A namespace of plain values is what timm's training script keeps its arguments in.
    with warnings.catch_warnings(), torch.serialization.safe_globals([argparse.Namespace]):
        warnings.simplefilter("ignore")
        return torch.load(path, map_location="cpu", weights_only=True)


def _safetensors_reader(path: str | Path) -> Callable[[str | Path], dict[str, Tensor]]:
    try:
        from safetensors.torch import load_file
    except ImportError:
        raise UserError(f'{path}: needs safetensors: pip install "chansearch[train]"') from None
    return load_file
