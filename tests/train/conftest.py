"""A tiny network, tiny data, and one thread: with several, sums on a CPU may round differently from run to run."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from chansearch.train.dataset import Augmentation, Dataset, Split


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def tiny_model(channels: int = 1, classes: int = 10, dropout: float = 0.1) -> nn.Module:
    """A convolution, a depthwise one of stride 2, a pointwise one; runs at 8×8 pixels and above."""
    return nn.Sequential(
        nn.Conv2d(channels, 16, 3, padding=1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU6(),
        nn.Conv2d(16, 16, 3, stride=2, padding=1, groups=16, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU6(),
        nn.Conv2d(16, 32, 1, bias=False),
        nn.BatchNorm2d(32),
        nn.ReLU6(),
        nn.AdaptiveAvgPool2d(4),
        nn.Flatten(),
        nn.Dropout(dropout),
        nn.Linear(512, classes),
    )


def random_dataset(train: int = 96, val: int = 40, test: int = 50, size: int = 8, classes: int = 4) -> Dataset:
    """Noise with arbitrary labels, read-only, as it comes out of a shared object store."""
    rng = np.random.default_rng(0)

    def part(count: int) -> Split:
        images = rng.integers(0, 256, (count, 1, size, size), dtype=np.uint8)
        labels = np.arange(count) % classes
        images.flags.writeable = labels.flags.writeable = False
        return Split(images, labels)

    return Dataset(
        name="noise",
        classes=tuple(map(str, range(classes))),
        train=part(train),
        val=part(val),
        test=part(test),
        mean=(0.5,),
        std=(0.25,),
        rank_on="val",
        augmentation=Augmentation(crop_padding=1, flip=True),
    )


@pytest.fixture
def make_folder(tmp_path: Path) -> Callable[..., Path]:
    """Writes ``root/<class>/<n>.png``, each class of its own brightness, and returns the root."""

    def make(name: str = "set", classes: dict[str, int] | None = None, size: int = 12) -> Path:
        rng = np.random.default_rng(len(name))
        root = tmp_path / name
        for label, (folder, count) in enumerate((classes or {"cat": 10, "dog": 10}).items()):
            (root / folder).mkdir(parents=True)
            for index in range(count):
                pixels = rng.integers(60 * label, 60 * label + 40, (size, size, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(root / folder / f"{index}.png")
        return root

    return make
