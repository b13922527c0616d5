"""``--format onnx``: one self-contained file, BatchNorm folded into the convolutions, checked in ONNX Runtime."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from chansearch.cost import price_spec
from chansearch.errors import UserError
from chansearch.export.compare import compare
from chansearch.export.formats import Exported, preprocessing
from chansearch.export.program import capture
from chansearch.nets.files import spec_to_dict
from chansearch.nets.model import Model

if TYPE_CHECKING:
    import onnx

INPUT, OUTPUT = "images", "logits"
_MOST_BYTES = 2**31 - 1  # of a protocol buffer, which an ONNX file is


def to_onnx(model: Model) -> Exported:
    """``images`` float32 (N, C, H, W) → ``logits`` (N, classes), N free; what a user must know is in its metadata.

    Raises ``UserError`` where one file cannot hold it, or ONNX Runtime's logits are not torch's.
    """
    if 4 * price_spec(model.spec)["params"] > _MOST_BYTES:
        raise UserError("--format onnx: the network has weights of over 2 GB, more than one file can hold")
    import onnxruntime

    proto = _convert(model)
    content = proto.SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])

    def run(images: Tensor) -> Tensor:
        return torch.from_numpy(session.run([OUTPUT], {INPUT: images.numpy()})[0])

    left = sum(node.op_type == "BatchNormalization" for node in proto.graph.node)
    facts = (
        f"{len(content) / 1e6:.1f} MB, ONNX opset {proto.opset_import[0].version}, {len(proto.graph.node)} nodes, "
        f"{left} of them BatchNormalization (the others are folded into convolutions)"
    )
    return Exported(content, (facts, compare(model, run, f"onnxruntime {onnxruntime.__version__}")))


def _convert(model: Model) -> onnx.ModelProto:
    with _quiet():
        proto = torch.onnx.export(
            capture(model),
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes=({0: "batch"},),
            verbose=False,
        ).model_proto
    graph = proto.graph
    # Where in torch each came from: half of what a reader sees, and with paths of this machine.
    for part in (*graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer):
        del part.metadata_props[:]
    for key, value in _metadata(model).items():
        proto.metadata_props.add(key=key, value=json.dumps(value))
    return proto


def _metadata(model: Model) -> dict:
    names = {} if model.classes is None else {"class_names": list(model.classes)}
    return {"network": spec_to_dict(model.spec)} | preprocessing(model) | names


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
