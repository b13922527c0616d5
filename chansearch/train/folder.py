"""A folder of class folders of images, decoded once and kept by content."""

import hashlib
import os
import sys
import warnings
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track
from torchvision.datasets.folder import IMG_EXTENSIONS, find_classes

from chansearch.errors import UserError
from chansearch.train.cache import read_array, write_array
from chansearch.train.decode import BrokenImage, decode, refuse_bombs

# Part of the cache key: raise it whenever decoding changes, so that old caches are left alone.
FORMAT_VERSION = 2

# A folder that holds nothing but these is a data set already split, not one with these classes.
_PART_NAMES = {"train", "training", "val", "valid", "validation", "test", "testing"}


@dataclass(frozen=True)
class Listing:
    """The image files under a root, sorted by class and path."""

    key: str  # the configuration key that named the root, for messages
    root: Path
    classes: tuple[str, ...]
    paths: tuple[Path, ...]
    labels: np.ndarray  # int64, shape (N,)


def list_images(root: str, key: str) -> Listing:
    """Find ``root/<class>/**/<image>`` without opening an image; names that begin with a dot are ignored.

    Raises UserError naming ``key`` and the path when there is no such layout, for a class without images, a folder that
    cannot be read, and a link that leads back to a folder above it.
    """
    folder = Path(root).expanduser()
    if not folder.exists():
        raise UserError(f"{key}: '{folder}' does not exist; expected DIR/<class>/<image>")
    if not folder.is_dir():
        raise UserError(f"{key}: '{folder}' is not a folder; expected DIR/<class>/<image>")
    try:
        classes = tuple(name for name in find_classes(folder)[0] if not name.startswith("."))
    except FileNotFoundError:
        classes = ()
    if not classes:
        state = "has no class folders" if any(folder.iterdir()) else "is empty"
        raise UserError(f"{key}: '{folder}' {state}; expected DIR/<class>/<image>")
    if {name.lower() for name in classes} <= _PART_NAMES:
        raise UserError(
            f"{key}: '{folder}' holds the parts {', '.join(classes)} where classes are expected; "
            "set data.root to its training folder and data.test_root to its test folder"
        )
    if len(classes) == 1:
        raise UserError(f"{key}: '{folder}' has only one class folder, '{classes[0]}'; at least two are needed")
    found = [_images_below(folder / name, key) for name in classes]
    labels = np.repeat(np.arange(len(classes)), [len(paths) for paths in found])
    for label in np.flatnonzero(np.bincount(labels, minlength=len(classes)) == 0):
        raise UserError(
            f"{key}: class folder '{folder / classes[label]}' has no images; expected files ending in "
            f"{', '.join(IMG_EXTENSIONS)}"
        )
    return Listing(key, folder, classes, tuple(path for paths in found for path in paths), labels)


def _images_below(folder: Path, key: str) -> list[Path]:
    """Image files, folder by folder, each in the order of names; links are followed."""

    def refuse(error: OSError) -> None:
        raise UserError(f"{key}: folder '{error.filename}' cannot be read: {error.strerror}") from None

    found = []
    above = {str(folder): {folder.resolve(), *folder.resolve().parents}}  # each folder's own place, and those it is in
    for place, folders, files in os.walk(folder, onerror=refuse, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith(".")]
        inside = above.pop(place)
        for child in (Path(place, name) for name in folders):
            leads_to = child.resolve()
            if leads_to in inside:
                # Followed, it would show the same images again and again, until the file system has had enough.
                raise UserError(f"{key}: link '{child}' leads to '{leads_to}', a folder that it is in; remove it")
            above[str(child)] = inside | {leads_to, *leads_to.parents}
        found.append((place, sorted(name for name in files if _is_image(name))))
    return [Path(place, name) for place, names in sorted(found) for name in names]


def _is_image(name: str) -> bool:
    return not name.startswith(".") and name.lower().endswith(IMG_EXTENSIONS)


def load_images(listing: Listing, size: int, channels: int, cache: Path, progress: bool) -> np.ndarray:
    """All images of ``listing``, uint8, shape (N, channels, size, size), from ``cache`` if it holds these very bytes.

    The cache is keyed by every file's path below the root and its bytes, so an edited, added or renamed image is never
    answered with old pixels. Raises UserError naming the first image that cannot be read.
    """
    try:
        path = cache / "folders" / f"{_content_key(listing, size, channels, progress)}.npz"
        images = read_array(path, (len(listing.paths), channels, size, size))
        if images is not None:
            return images
        images = _decode_all(listing, size, channels, progress)
    except BrokenImage as error:
        raise UserError(
            f"{listing.key}: cannot read image '{error.path}' ({error.reason}); repair it or remove it"
        ) from error
    try:
        write_array(path, images)
    except OSError as error:
        raise UserError(f"data.cache: cannot write '{path}' ({error.strerror}); name another folder") from error
    return images


def _decode_all(listing: Listing, size: int, channels: int, progress: bool) -> np.ndarray:
    images = np.empty((len(listing.paths), channels, size, size), dtype=np.uint8)
    # Threads, since PIL lets go of the interpreter while it decodes: on two cores 1,500 images/s (500×375 JPEG to
    # 32×32), where two processes came to 900 and one thread to 850.
    with warnings.catch_warnings():
        refuse_bombs()
        every = _in_threads(lambda file: decode(file, size, channels), listing.paths, "decoding images", progress)
        for index, pixels in enumerate(every):
            images[index] = pixels
    return images


def _content_key(listing: Listing, size: int, channels: int, progress: bool) -> str:
    """sha256 over format, size, channels, and every file's relative path and bytes, in hex."""
    total = hashlib.sha256(f"{FORMAT_VERSION}/{size}/{channels}/{len(listing.paths)}".encode())
    digests = _in_threads(_file_digest, listing.paths, "reading images", progress)
    for path, digest in zip(listing.paths, digests, strict=True):
        name = os.fsencode(path.relative_to(listing.root).as_posix())
        total.update(len(name).to_bytes(8, "big") + name + digest)
    return total.hexdigest()


def _file_digest(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError as error:
        raise BrokenImage(path, f"{type(error).__name__}: {error}") from error


def _in_threads(work: Callable[[Path], Any], paths: Iterable[Path], title: str, progress: bool) -> Iterable[Any]:
    """``work`` on each path, in order, with a progress bar when a person is looking."""
    console = Console(file=sys.stderr)
    paths = list(paths)
    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        done = pool.map(work, paths)
        # Not with `disable`: before Rich 14.3 a bar that is not shown ends in an empty line all the same.
        shown = progress and console.is_terminal
        yield from track(done, title, len(paths), console=console, transient=True) if shown else done
    finally:
        pool.shutdown(cancel_futures=True)  # a broken image ends the work, not after the remaining thousands
