"""The formats of an exported network: one table of them, and how the file of any comes to be whole.

A format's own libraries are imported when it is asked for.
"""

from __future__ import annotations

import importlib.util
import os
import pkgutil
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from chansearch.errors import UserError
from chansearch.files import write_aside
from chansearch.nets.preprocessing import Preprocessing
from chansearch.ranges import one_of

if TYPE_CHECKING:
    from chansearch.nets.model import Model


@dataclass(frozen=True)
class Exported:
    """What a format makes of a network: a file's ``content``, or a folder's files by name; ``notes`` are printed."""

    content: bytes | Mapping[str, bytes]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Format:
    """``maker`` of this room takes a ``Model`` and gives an ``Exported``; that of a format without ``weights`` takes
    the document and gives a text. A format of several files is a ``folder``. ``packages`` come with ``extra``."""

    maker: str
    suffix: str = ""  # of a file among others
    weights: bool = True
    folder: bool = False
    packages: tuple[str, ...] = ()
    extra: str | None = None

    def load(self) -> Callable:
        return pkgutil.resolve_name(f"chansearch.export.{self.maker}")


FORMATS = {
    "yaml": Format("document:to_yaml", ".yaml", weights=False),
    "onnx": Format("onnx_file:to_onnx", ".onnx", packages=("onnx", "onnxscript", "onnxruntime"), extra="deploy"),
    "torch": Format("program:to_program", ".pt2"),
    "timm": Format("timm_folder:to_timm", folder=True, packages=("safetensors",), extra="train"),
    "python": Format("python_file:to_python", ".py", weights=False),
}


def preprocessing(model: Model) -> dict[str, object]:
    """How images are prepared, in plain types: the checkpoint's, or else ImageNet's and timm's; empty where neither is
    for images of this network's channels."""
    found = model.preprocessing or Preprocessing()
    return found.to_dict() if len(found.mean) == model.spec.in_channels else {}


def check(name: str, output: str | None, *, several: str | None = None) -> Format:
    """The format of that name, before any work: raises ``UserError`` where it is unknown, a package for it is missing,
    or ``output`` cannot take it. ``several``: the option that asks for a folder of networks in that format."""
    one_of("--format", name, FORMATS)
    chosen = FORMATS[name]
    for package in chosen.packages:
        if importlib.util.find_spec(package) is None:
            raise UserError(f'--format {name}: needs the package {package}: pip install "chansearch[{chosen.extra}]"')
    if several is None:
        _check_output(f"--format {name}", output, folder=chosen.folder, may_print=not chosen.weights)
    else:
        _check_output(several, output, folder=True, may_print=False)
    return chosen


def _check_output(option: str, output: str | None, *, folder: bool, may_print: bool) -> None:
    if output is None:
        if not may_print:
            raise UserError(f"{option}: needs -o {'FOLDER' if folder else 'FILE'} to write to")
        return
    path = Path(output)
    if folder:
        if path.exists() and not (path.is_dir() and not any(path.iterdir())):
            raise UserError(f"-o: {output!r} exists already; {option} makes a folder of its own")
    elif path.is_dir():
        raise UserError(f"-o: {output!r} is a folder; {option} writes a file")
    if not path.parent.is_dir():
        raise UserError(f"-o: {output!r}: there is no folder {str(path.parent)!r}")
    if not os.access(path.parent, os.W_OK):
        raise UserError(f"-o: {output!r}: the folder {str(path.parent)!r} is not writable")


def write(exported: Exported, output: str | None) -> None:
    """To ``output``, whole or not at all, or to standard output; raises ``UserError`` where the disk refuses."""
    if output is None:
        sys.stdout.write(exported.content.decode())
        return
    try:
        if isinstance(exported.content, bytes):
            write_aside(Path(output), exported.content)
        else:
            _write_folder(Path(output), exported.content)
    except OSError as error:
        raise UserError(f"-o: {output!r} cannot be written: {error.strerror or error}") from None
    for note in exported.notes:
        print(f"{output}: {note}")


def _write_folder(path: Path, files: Mapping[str, bytes]) -> None:
    aside = path.with_name(f".{path.name}.part")
    shutil.rmtree(aside, ignore_errors=True)  # of an export that was killed
    try:
        aside.mkdir()
        for name, content in files.items():
            (aside / name).parent.mkdir(exist_ok=True)
            write_aside(aside / name, content)
        aside.replace(path)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
