"""The four fine-grained data sets of the paper's Table 9, as torchvision reads them."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import numpy as np
from torchvision import datasets

from chansearch.errors import UserError
from chansearch.train.download import guarded_download

# torchvision's class, and the splits to train on; all have a split called test.
_SETS = {
    "food101": (datasets.Food101, ("train",)),
    "stanford_cars": (datasets.StanfordCars, ("train",)),
    "fgvc_aircraft": (datasets.FGVCAircraft, ("trainval",)),
    # 1,020 to train on and as many to choose by, which are both for training once nothing is chosen any more.
    "flowers102": (datasets.Flowers102, ("train", "val")),
}


def read_published(name: str, root: Path, training: bool, download: bool) -> tuple[list[str], list[Path], np.ndarray]:
    """Class names, image files and labels, int64, of the training or test part of a set below ``root``.

    Opens no image. Raises ``UserError`` where the set is not there, or cannot be downloaded.
    """
    kind, training_splits = _SETS[name]
    classes: list[str] = []
    paths: list[Path] = []
    labels: list[int] = []
    for split in training_splits if training else ("test",):
        try:
            with guarded_download(root, progress=True) if download else contextlib.nullcontext():
                found = kind(str(root), split=split, download=download)
        # torchvision's own (RuntimeError), and whatever its readers stumble over in a file that is damaged.
        except Exception as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise UserError(
                f"data.root: '{root}' has no {name} as torchvision reads it, split {split}: {reason}; "
                "set data.download=true, or unpack it there"
            ) from None
        classes = list(found.classes)
        files, targets = _files(found)
        paths += [Path(file) for file in files]
        labels += [int(target) for target in targets]
    return classes, paths, np.array(labels, dtype=np.int64)


def _files(found) -> tuple[list[str | os.PathLike], list[int]]:
    """torchvision gives images, not their files, but for what its classes keep: ``StanfordCars`` pairs, the others two
    lists."""
    if isinstance(found, datasets.StanfordCars):
        return [file for file, _ in found._samples], [label for _, label in found._samples]
    return found._image_files, found._labels
