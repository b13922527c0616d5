"""``--format torch``: the network as a program of ``torch.export``, which runs without this package."""

from __future__ import annotations

import io

import torch

from chansearch.export.compare import compare
from chansearch.export.formats import Exported
from chansearch.nets.model import Model


def capture(model: Model) -> torch.export.ExportedProgram:
    """The network, in evaluation mode, as a graph for batches of any size ≥ 1."""
    spec = model.spec
    # Two images: torch takes an axis of length one for a constant.
    example = torch.zeros(2, spec.in_channels, spec.input_size, spec.input_size)
    program = torch.export.export(model.network, (example,), dynamic_shapes=({0: torch.export.Dim("batch", min=1)},))
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # paths of this machine, of no use on another
    return program


def to_program(model: Model) -> Exported:
    """A ``.pt2`` file, read back and compared with the network."""
    buffer = io.BytesIO()
    torch.export.save(capture(model), buffer)
    content = buffer.getvalue()
    # Reading .pt2 may unpickle; this one was written by the line above.
    program = torch.export.load(io.BytesIO(content)).module()
    size = f"{len(content) / 1e6:.1f} MB, torch.export of torch {torch.__version__}"
    return Exported(content, (size, compare(model, program, "the program read back")))
