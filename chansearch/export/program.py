"""``--format torch``: the network as a program of ``torch.export``, which runs without this package."""

from __future__ import annotations

import io

import torch

from chansearch.export.compare import compare
from chansearch.export.formats import Exported
from chansearch.nets.capture import capture
from chansearch.nets.model import Model


def to_program(model: Model) -> Exported:
    """A ``.pt2`` file, read back and compared with the network."""
    buffer = io.BytesIO()
    torch.export.save(capture(model.network, model.image_shape), buffer)
    content = buffer.getvalue()
    # Reading .pt2 may unpickle; this one was written by the line above.
    program = torch.export.load(io.BytesIO(content)).module()
    size = f"{len(content) / 1e6:.1f} MB, torch.export of torch {torch.__version__}"
    return Exported(content, (size, compare(model, program, "the program read back")))
