"""What can be timed: a network of ours, from whatever names it, or one of timm's by its name."""

from __future__ import annotations

import difflib
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from chansearch.errors import UserError, did_you_mean
from chansearch.nets.presets import PRESETS

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Subject:
    """A network and the images (C, H, W) it is for; params and MACs of one image, the classifier counted."""

    name: str
    network: nn.Module
    image_shape: tuple[int, int, int]
    params: int
    macs: int


def check_name(name: str) -> None:
    """Raises ``UserError``, naming the nearest there are, for what is no preset, no file and no name of timm's."""
    if name in PRESETS or Path(name).exists():
        return
    if Path(name).suffix in (".yaml", ".yml", ".pt", ".pth") or "/" in name:
        raise UserError(f"{name}: no such file")
    if name.startswith("rexnet"):  # timm has none but those of PRESETS, and importing it takes seconds
        raise UserError(f"{name!r} is no preset{did_you_mean(name, PRESETS)}; allowed: {', '.join(PRESETS)}")
    if importlib.util.find_spec("timm") is None:
        presets = ", ".join(PRESETS)
        raise UserError(f'{name!r} is no file and none of {presets}; for timm\'s, pip install "chansearch[train]"')
    import timm

    if not timm.is_model(name):
        near = difflib.get_close_matches(name, sorted({*PRESETS, *timm.list_models()}), n=3)
        raise UserError(f"{name!r} is no preset, no file and no network of timm's{_meant(near)}")


def _meant(near: list[str]) -> str:
    return f"; did you mean {', '.join(near)}?" if near else f"; presets: {', '.join(PRESETS)}"


def open_subject(name: str, input_size: int | None = None) -> Subject:
    """A preset, a YAML file, a checkpoint, a training's folder, or else a network of timm's; checked by ``check_name``.

    ``input_size``: the images' side in pixels, in place of the network's own. Raises ``UserError`` where the network
    cannot be read or does not take such images.
    """
    from chansearch.cost.counters import torch_counts

    network, shape = _ours(name, input_size) if name in PRESETS or Path(name).exists() else _timms(name, input_size)
    try:
        counts = torch_counts(network, shape)
    except (RuntimeError, ValueError, AssertionError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{name}: does not take images of {shape[1]}x{shape[2]} pixels: {reason}") from None
    return Subject(name, network, shape, counts["params"], counts["macs"])


def _ours(name: str, input_size: int | None) -> tuple[nn.Module, tuple[int, int, int]]:
    from chansearch.nets.model import open_model

    model = open_model(name, changes={} if input_size is None else {"input_size": input_size})
    return model.network.eval(), model.image_shape


def _timms(name: str, input_size: int | None) -> tuple[nn.Module, tuple[int, int, int]]:
    import timm

    network = timm.create_model(name, pretrained=False).eval()
    channels, height, width = network.pretrained_cfg["input_size"]
    return network, (channels, input_size or height, input_size or width)
