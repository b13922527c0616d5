"""What a folder of images is like, from its names and a few headers: no pixels are read."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from chansearch.errors import UserError
from chansearch.train.decode import refuse_bombs
from chansearch.train.folder import list_images

# Headers looked at, evenly spread over the classes.
_LOOKED_AT = 200
_TEST_PARTS = ("test", "val")


@dataclass(frozen=True)
class Images:
    """``short_side``: of the median image looked at, in pixels; ``smallest``, ``largest``: images of a class."""

    root: Path
    test_root: Path | None
    classes: int
    count: int
    smallest: int
    largest: int
    short_side: int
    grey: bool


def look_at(folder: str, key: str = "--images") -> Images:
    """A folder of class folders, or one with such a folder as train, and as test or val.

    Raises ``UserError`` naming ``key`` where it is neither, or an image cannot be opened.
    """
    root = Path(folder).expanduser()
    if "${" in folder or not folder.isprintable():
        raise UserError(f"{key}: {folder!r} cannot stand in a configuration; give the folder another name")
    test_root = None
    if (root / "train").is_dir():
        test_root = next((root / part for part in _TEST_PARTS if (root / part).is_dir()), None)
        root = root / "train"
    listing = list_images(str(root), key)
    each = np.bincount(listing.labels, minlength=len(listing.classes))
    chosen = np.linspace(0, len(listing.paths) - 1, min(_LOOKED_AT, len(listing.paths))).astype(int)
    headers = [_header(listing.paths[index], key) for index in chosen]
    return Images(
        root.resolve(),
        None if test_root is None else test_root.resolve(),
        len(listing.classes),
        len(listing.paths),
        int(each.min()),
        int(each.max()),
        int(np.median([side for side, _ in headers])),
        all(mode in ("L", "1", "I;16") for _, mode in headers),
    )


def _header(path: Path, key: str) -> tuple[int, str]:
    """The short side in pixels and PIL's mode."""
    try:
        with warnings.catch_warnings():
            refuse_bombs()
            with Image.open(path) as image:
                return min(image.size), image.mode
    except Exception as error:  # PIL's plugins raise nearly any type on a broken file
        raise UserError(f"{key}: cannot read image '{path}' ({type(error).__name__}: {error})") from None
