"""The records a training reads: parts of a data set as NumPy arrays.

Arrays and not tensors, because Ray's object store shares arrays between processes without a copy. What arrives there is
read-only, and nothing in this package writes to it.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True, eq=False)
class Split:
    """One part: images uint8 (N, C, H, W), labels int64 (N,)."""

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: np.ndarray) -> "Split":
        """A copy of the images at ``indices``."""
        return Split(self.images[indices], self.labels[indices])


@dataclass(frozen=True)
class Augmentation:
    """What happens to a training image each time it is shown."""

    crop_padding: int  # pixels of zeros on each side before a random crop of the original size; 0: no crop
    flip: bool  # mirror left to right with probability one half


@dataclass(frozen=True, eq=False)
class Dataset:
    """Everything a training reads.

    ``val`` is a role: the images that rank candidates and stop trainings. With ``rank_on="val"`` they were cut off the
    training images, and nothing has looked at ``test``. With ``rank_on="test"``, the paper's habit, ``val`` *is*
    ``test``: the ranking then saw the test images, and a test accuracy says nothing new. Whoever prints a
    ``val_top1`` prints ``rank_on`` beside it.
    """

    name: str
    classes: tuple[str, ...]
    train: Split
    val: Split
    test: Split
    mean: tuple[float, ...]  # per channel, pixels in 0..1, over the training part alone
    std: tuple[float, ...]  # per channel, pixels in 0..1, over the training part alone
    rank_on: str  # "val" or "test"
    augmentation: Augmentation

    @property
    def nbytes(self) -> int:
        """Of the images of all three parts."""
        return sum(part.images.nbytes for part in (self.train, self.val, self.test))

    @cached_property
    def fingerprint(self) -> str:
        """16 hex digits over every pixel and label of the three parts, in order: same digits, same images."""
        digest = hashlib.sha256()
        for part in (self.train, self.val, self.test):
            for array in (part.images, part.labels):
                digest.update(f"{array.dtype}{array.shape}".encode())
                digest.update(np.ascontiguousarray(array))
        return digest.hexdigest()[:16]
