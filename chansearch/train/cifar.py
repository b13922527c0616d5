"""CIFAR-10 and CIFAR-100 through torchvision: download, checksum, arrays."""

import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torchvision.datasets import CIFAR10, CIFAR100

from chansearch.errors import UserError
from chansearch.train.dataset import Split
from chansearch.train.download import guarded_download

_SETS = {"cifar10": CIFAR10, "cifar100": CIFAR100}


@dataclass(frozen=True)
class Cifar:
    """The set as published."""

    classes: tuple[str, ...]
    train: Split  # images (50000, 3, 32, 32)
    test: Split  # images (10000, 3, 32, 32)


def load_cifar(name: str, root: Path, url: str | None, progress: bool) -> Cifar:
    """``name`` is cifar10 or cifar100; downloads into ``root`` unless it is there, from the mirror ``url`` if given.

    Raises UserError, with what to do, when the network or the disk fails or the archive is not the published one.
    """
    published = _SETS[name]

    class Mirrored(published):
        pass

    if url is not None:
        Mirrored.url = url if url.endswith(published.filename) else f"{url.rstrip('/')}/{published.filename}"

    # The files are pickles, which run code when loaded. torchvision opens none whose md5 is not the published one:
    # archive, batches and class names are each checked first. The same check refuses half a download or half an
    # unpacking, which the next run then repeats.
    try:
        train = _unpacked(Mirrored, root)
        if train is None:
            with guarded_download(root, progress):
                train = Mirrored(root, train=True, download=True)
        test = Mirrored(root, train=False)
    except (OSError, RuntimeError, EOFError, tarfile.TarError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(
            f"data.name: '{name}' could not be loaded from {Mirrored.url} ({reason}); "
            f"set data.url to a mirror, or place {published.filename} in '{root}' (data.root)"
        ) from error
    return Cifar(tuple(train.classes), _arrays(train), _arrays(test))


def _unpacked(published: type[CIFAR10], root: Path) -> CIFAR10 | None:
    """The training images where they lie whole in ``root``."""
    try:
        return published(root, train=True)
    except RuntimeError:  # torchvision's, for a file that is missing or has another checksum
        return None


def _arrays(part: CIFAR10) -> Split:
    images = np.ascontiguousarray(part.data.transpose(0, 3, 1, 2))  # (N, H, W, C) -> (N, C, H, W)
    return Split(images, np.asarray(part.targets, dtype=np.int64))
