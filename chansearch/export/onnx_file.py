"""``--format onnx``: one self-contained file, BatchNorm folded into the convolutions, checked in ONNX Runtime."""

from __future__ import annotations

import json

import torch
from torch import Tensor

from chansearch.cost import price_spec
from chansearch.errors import UserError
from chansearch.export.compare import compare
from chansearch.export.formats import Exported, preprocessing
from chansearch.nets.capture import INPUT, OUTPUT
from chansearch.nets.capture import to_onnx as model_to_onnx
from chansearch.nets.files import spec_to_dict
from chansearch.nets.model import Model

_MOST_BYTES = 2**31 - 1  # of a protocol buffer, which an ONNX file is


def to_onnx(model: Model) -> Exported:
    """``images`` float32 (N, C, H, W) → ``logits`` (N, classes), N free; what a user must know is in its metadata.

    Raises ``UserError`` where one file cannot hold it, or ONNX Runtime's logits are not torch's.
    """
    if 4 * price_spec(model.spec)["params"] > _MOST_BYTES:
        raise UserError("--format onnx: the network has weights of over 2 GB, more than one file can hold")
    import onnxruntime

    proto = model_to_onnx(model.network, model.image_shape)
    for key, value in _metadata(model).items():
        proto.metadata_props.add(key=key, value=json.dumps(value))
    content = proto.SerializeToString()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors; older versions warn of shapes that they then merge
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])

    def run(images: Tensor) -> Tensor:
        return torch.from_numpy(session.run([OUTPUT], {INPUT: images.numpy()})[0])

    left = sum(node.op_type == "BatchNormalization" for node in proto.graph.node)
    facts = (
        f"{len(content) / 1e6:.1f} MB, ONNX opset {proto.opset_import[0].version}, {len(proto.graph.node)} nodes, "
        f"{left} of them BatchNormalization (the others are folded into convolutions)"
    )
    return Exported(content, (facts, compare(model, run, f"onnxruntime {onnxruntime.__version__}")))


def _metadata(model: Model) -> dict:
    names = {} if model.classes is None else {"class_names": list(model.classes)}
    return {"network": spec_to_dict(model.spec)} | preprocessing(model) | names
