"""A network and the images it is for, from any name: one of ours, from whatever names it, or one of timm's."""

from __future__ import annotations

import contextlib
import difflib
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from chansearch.errors import UserError, did_you_mean
from chansearch.nets.preprocessing import Preprocessing
from chansearch.nets.presets import PRESETS

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Named:
    """``network``, in evaluation mode, takes images (C, H, W). ``trained``: whether its weights came from somewhere;
    ``preprocessing``: how the images of these weights were prepared, where known."""

    name: str
    network: nn.Module
    image_shape: tuple[int, int, int]
    trained: bool = False
    preprocessing: Preprocessing | None = None


def check_name(name: str) -> None:
    """Raises ``UserError``, naming the nearest there are, for what is no preset, no file and no name of timm's."""
    if is_ours(name):
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


def is_ours(name: str) -> bool:
    """Whether it is a preset or a file, and not one of timm's names."""
    return name in PRESETS or Path(name).exists()


def _meant(near: list[str]) -> str:
    return f"; did you mean {', '.join(near)}?" if near else f"; presets: {', '.join(PRESETS)}"


def open_named(
    name: str,
    input_size: int | None = None,
    *,
    classes: int | None = None,
    pretrained: bool = False,
    weights: str | None = None,
) -> Named:
    """A preset, a YAML file, a checkpoint, a training's folder, or else a network of timm's; checked by ``check_name``.

    ``input_size`` (the images' side in pixels) and ``classes`` take the place of the network's own; one of timm's with
    published weights keeps its classes. ``pretrained`` takes published weights, ``weights`` (ours only) those of a
    file. Raises ``UserError`` where the network or its weights cannot be read.
    """
    if is_ours(name):
        return _ours(name, input_size, classes, pretrained, weights)
    if weights is not None:
        raise UserError(f"--weights: {name} is a network of timm's; files are for presets and YAML files")
    return _timms(name, input_size, classes, pretrained)


@contextlib.contextmanager
def told_what_it_takes(name: str, image_shape: tuple[int, int, int]) -> Iterator[None]:
    """Around a first forward pass: raises ``UserError`` where the network does not take images (C, H, W)."""
    try:
        yield
    except (RuntimeError, ValueError, AssertionError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{name}: does not take images of {image_shape[1]}x{image_shape[2]} pixels: {reason}") from None


def _ours(name: str, input_size: int | None, classes: int | None, pretrained: bool, weights: str | None) -> Named:
    from chansearch.nets.model import open_model

    asked = {"input_size": input_size, "classes": classes}
    changes = {key: value for key, value in asked.items() if value is not None}
    model = open_model(name, changes=changes, pretrained=pretrained, weights=weights)
    return Named(name, model.network.eval(), model.image_shape, model.trained, model.preprocessing)


def _timms(name: str, input_size: int | None, classes: int | None, pretrained: bool) -> Named:
    import timm

    if pretrained:
        from chansearch.nets.pretrained import pretrained_timm_network

        network = pretrained_timm_network(name).eval()
    else:
        network = timm.create_model(name, **({} if classes is None else {"num_classes": classes})).eval()
    config = network.pretrained_cfg
    channels, height, width = config["input_size"]
    shape = (channels, input_size or height, input_size or width)
    prepared = Preprocessing(config["mean"], config["std"], config["interpolation"], config["crop_pct"])
    return Named(name, network, shape, pretrained, prepared if pretrained else None)
