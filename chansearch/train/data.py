"""From ``DataConfig`` to a ``Dataset``: find or download, split, fit to the network.

N images, C channels, H × W pixels.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torchvision.transforms.v2 import functional as transforms

from chansearch.errors import UserError
from chansearch.files import section
from chansearch.train.cifar import load_cifar
from chansearch.train.config import DataConfig, cache_dir
from chansearch.train.dataset import Augmentation, Dataset, Split
from chansearch.train.digits import load_digits, require_sklearn
from chansearch.train.folder import Listing, list_images, load_images
from chansearch.train.splits import cut, subset

__all__ = ["Augmentation", "Dataset", "Split", "channel_statistics", "check", "check_fingerprint", "load"]

_CHUNK = 4096  # images worked on at a time, so that temporaries stay small beside the set


def check(config: DataConfig, input_size: int, in_channels: int) -> None:
    """Raise UserError for what would fail later; opens no image and no connection, so run it before any worker starts.

    ``input_size`` (pixels) and ``in_channels`` are the network's.
    """
    if in_channels not in (1, 3):
        raise UserError(f"data.name: images have 1 or 3 channels, but the network takes {in_channels}")
    if input_size < 1:
        raise UserError(f"data.name: images are at least one pixel wide, but the network takes {input_size}")
    if config.name == "digits":
        require_sklearn()
    elif config.name == "folder":
        _list_folders(config)


def load(config: DataConfig, input_size: int, in_channels: int, progress: bool = True) -> Dataset:
    """The data set of ``config`` as the network takes it; downloads, decodes and caches where needed.

    ``input_size`` in pixels. ``progress`` shows bars on stderr, on a terminal only. Raises UserError.
    """
    check(config, input_size, in_channels)
    if config.name == "folder":
        listings = _list_folders(config)
        classes = listings[0].classes
        whole = [
            Split(load_images(listing, input_size, in_channels, cache_dir(config), progress), listing.labels)
            for listing in listings
        ]
    elif config.name == "digits":
        classes = tuple("0123456789")
        whole = [Split(*load_digits())]
    else:
        root = Path(config.root).expanduser() if config.root is not None else cache_dir(config) / "datasets"
        cifar = load_cifar(config.name, root, config.url, progress)
        classes = cifar.classes
        whole = [cifar.train, cifar.test]

    parts = {
        name: Split(_fit(part.images, input_size, in_channels), part.labels)
        for name, part in _split(config, classes, whole).items()
    }
    mean, std = channel_statistics(parts["train"].images)
    return Dataset(
        name=config.name,
        classes=classes,
        train=parts["train"],
        val=parts[config.rank_on],
        test=parts["test"],
        mean=mean,
        std=std,
        rank_on=config.rank_on,
        augmentation=Augmentation(
            crop_padding=0 if config.augment == "none" else config.crop_padding,
            flip=config.augment == "crop_flip",
        ),
    )


def check_fingerprint(dataset: Dataset, held: Mapping) -> None:
    """Raises ``UserError`` where ``held``, a run's ``config.yaml``, was begun with other images."""
    known = section(held, "provenance").get("data_fingerprint")
    if known != dataset.fingerprint:
        raise UserError(
            f"data: the images are not those the run began with (fingerprint {dataset.fingerprint}, was {known})"
        )


def channel_statistics(images: np.ndarray) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation per channel of uint8 images (N, C, H, W), as pixels in 0..1.

    A channel that never varies gets the deviation of one grey level, so that dividing by it stays finite.
    """
    levels = np.arange(256) / 255
    means, stds = [], []
    for channel in range(images.shape[1]):
        counts = np.zeros(256, dtype=np.int64)  # how often each grey level occurs: exact, whatever the set's size
        for start in range(0, len(images), _CHUNK):
            counts += np.bincount(images[start : start + _CHUNK, channel].reshape(-1), minlength=256)
        mean = np.average(levels, weights=counts)
        means.append(float(mean))
        stds.append(float(max(np.sqrt(np.average((levels - mean) ** 2, weights=counts)), 1 / 255)))
    return tuple(means), tuple(stds)


def _split(config: DataConfig, classes: tuple[str, ...], whole: list[Split]) -> dict[str, Split]:
    """The parts "train", "test" and, unless the test part ranks, "val", each cut down to its stated subset.

    ``whole`` is [training images, test images], or [all images]. The parts are cut before the subsets are drawn: no
    subset size moves an image from one part to another.
    """
    train, *published_test = whole
    _check_class_sizes(config, classes, train.labels, needed=1 + (not published_test) + (config.rank_on == "val"))
    parts = {}
    if published_test:
        [parts["test"]] = published_test
    else:
        train, parts["test"] = _cut(train, config.test_fraction, config.split_seed)
    if config.rank_on == "val":
        train, parts["val"] = _cut(train, config.val_fraction, config.split_seed)
    parts["train"] = train
    for name, part in parts.items():
        count = getattr(config, f"{name}_images")
        if count is not None:
            parts[name] = part.take(subset(part.labels, count, config.split_seed, f"data.{name}_images"))
    return parts


def _cut(whole: Split, fraction: float, seed: int) -> tuple[Split, Split]:
    rest, part = cut(whole.labels, fraction, seed)
    return whole.take(rest), whole.take(part)


def _check_class_sizes(config: DataConfig, classes: tuple[str, ...], labels: np.ndarray, needed: int) -> None:
    counts = np.bincount(labels, minlength=len(classes))
    for label in np.flatnonzero(counts < needed):
        key = "data.root" if config.name == "folder" else "data.name"
        raise UserError(
            f"{key}: class '{classes[label]}' has {counts[label]} images, too few for "
            f"{needed} parts; at least {needed} are needed"
        )


def _list_folders(config: DataConfig) -> list[Listing]:
    """The listing of ``root`` and, if there is one, of ``test_root``, checked against each other."""
    listings = [list_images(config.root, "data.root")]
    if config.test_root is None:
        return listings
    listings.append(list_images(config.test_root, "data.test_root"))
    train, test = listings
    if test.root.resolve() == train.root.resolve():
        raise UserError(f"data.test_root: '{config.test_root}' is data.root itself; allowed: another folder, or null")
    if test.classes != train.classes:
        odd = min(set(test.classes) ^ set(train.classes))
        owner = "data.root" if odd in train.classes else "data.test_root"
        raise UserError(
            f"data.test_root: '{config.test_root}' must have the classes of data.root; '{odd}' is only in {owner}"
        )
    return listings


def _fit(images: np.ndarray, size: int, channels: int) -> np.ndarray:
    """Square ``images`` with 1 or 3 channels as (N, channels, size, size); the array itself if it fits already."""
    if images.shape[1:] == (channels, size, size):
        return images
    fitted = np.empty((len(images), channels, size, size), dtype=np.uint8)
    for start in range(0, len(images), _CHUNK):
        chunk = torch.from_numpy(images[start : start + _CHUNK])
        if channels != chunk.shape[1]:
            chunk = transforms.rgb_to_grayscale(chunk) if channels == 1 else transforms.grayscale_to_rgb(chunk)
        fitted[start : start + _CHUNK] = transforms.resize(chunk, [size, size], antialias=True).numpy()
    return fitted
