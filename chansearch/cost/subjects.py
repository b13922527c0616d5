"""What can be timed: a network with what it costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chansearch.nets.named import open_named, told_what_it_takes

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


def open_subject(name: str, input_size: int | None = None) -> Subject:
    """Whatever ``open_named`` opens, with drawn weights or its own.

    ``input_size``: the images' side in pixels, in place of the network's own. Raises ``UserError`` where the network
    cannot be read or does not take such images.
    """
    from chansearch.cost.counters import torch_counts

    found = open_named(name, input_size)
    shape = found.image_shape
    with told_what_it_takes(name, shape):
        counts = torch_counts(found.network, shape)
    return Subject(name, found.network, shape, counts["params"], counts["macs"])
