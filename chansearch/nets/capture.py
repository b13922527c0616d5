"""From a module to a graph: a program of ``torch.export``, and the ONNX model made of it."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    import onnx

INPUT, OUTPUT = "images", "logits"


def capture(network: nn.Module, image_shape: tuple[int, int, int]) -> torch.export.ExportedProgram:
    """The network, in evaluation mode, as a graph for batches of any size of images (C, H, W)."""
    # Two images: torch takes an axis of length one for a constant.
    example = torch.zeros(2, *image_shape)
    batch = torch.export.Dim("batch", min=1)
    program = torch.export.export(network.eval(), (example,), dynamic_shapes=({0: batch},))
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # paths of this machine, of no use on another
    return program


def to_onnx(network: nn.Module, image_shape: tuple[int, int, int]) -> onnx.ModelProto:
    """``images`` (N, C, H, W) → ``logits`` (N, classes), N free; BatchNorm is folded into convolutions.

    Needs the packages onnx and onnxscript.
    """
    with _quiet():
        proto = torch.onnx.export(
            capture(network, image_shape),
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes=({0: "batch"},),
            verbose=False,
        ).model_proto
    graph = proto.graph
    # Where in torch each came from: half of what a reader sees, and with paths of this machine.
    for part in (*graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer):
        del part.metadata_props[:]
    return proto


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The exporter prints its progress, logs what it skips and warns of its own deprecations."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(action="ignore"), contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(before)
