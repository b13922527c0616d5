"""From a module to an ONNX file: the bare conversion, for whoever writes or runs one."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from chansearch.errors import UserError

if TYPE_CHECKING:
    from torch import nn

INPUT, OUTPUT = "images", "logits"
# What torch's exporter needs.
PACKAGES = ("onnx", "onnxscript")


def write_onnx(network: nn.Module, image_shape: tuple[int, int, int], path: str | Path) -> None:
    """Write ``network``, in evaluation mode, as one file: ``images`` (N, C, H, W) → ``logits`` (N, classes), any N.

    ``image_shape`` is (C, H, W) of one image. Written aside and renamed. Raises ``UserError`` where the packages that
    torch's exporter needs are missing.
    """
    import torch

    for package in PACKAGES:
        if importlib.util.find_spec(package) is None:
            raise UserError(f'onnx: the package {package} is not installed; pip install "chansearch[deploy]"')
    path = Path(path)
    aside = path.with_name(path.name + ".part")
    # Two images: torch takes an axis of length one for a constant.
    example = torch.zeros(2, *image_shape, device=next(network.parameters()).device)
    with _quiet():
        program = torch.onnx.export(
            network.eval(),
            (example,),
            dynamo=True,
            verbose=False,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
        )
        program.save(aside, external_data=False)
    aside.replace(path)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The exporter prints its progress, logs what it skips and warns of its own deprecations."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
