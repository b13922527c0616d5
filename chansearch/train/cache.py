"""One array a file, whole or absent."""

import os
import tempfile
import zipfile
from pathlib import Path

import numpy as np


def read_array(path: Path, shape: tuple[int, ...]) -> np.ndarray | None:
    """The uint8 array stored at ``path``; None if there is none, or if the file is damaged or of another shape.

    An ``.npz`` is a zip: its checksums tell a damaged file from a whole one. Pickles are refused.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            array = stored["images"]
    except (OSError, EOFError, ValueError, KeyError, RuntimeError, zipfile.BadZipFile):
        return None
    return array if array.shape == shape and array.dtype == np.uint8 else None


def write_array(path: Path, array: np.ndarray) -> None:
    """Store ``array`` at ``path``, written aside and renamed: a reader sees the old file or the new one, never half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, aside = tempfile.mkstemp(dir=path.parent, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, images=array)
        Path(aside).replace(path)
    except BaseException:
        Path(aside).unlink(missing_ok=True)
        raise
