"""The images of a training: found in class folders, decoded and augmented by timm's transforms.

What is drawn for an image depends on (seed, epoch, image) alone: not on the worker that reads it, on how many there
are, or on what was read before. So an epoch that is resumed in its middle shows the pixels it would have shown.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from timm.data import create_transform
from timm.data.loader import fast_collate
from torch.utils.data import DataLoader, Dataset

from chansearch.errors import UserError
from chansearch.train.decode import BrokenImage, read_guarded
from chansearch.train.folder import Listing, list_images
from chansearch.train.seeding import derive_seed
from chansearch.train.splits import cut as cut_off
from chansearch.train.splits import stratified_order
from chansearch.transfer.batches import BatchPlan, micro_batches
from chansearch.transfer.config import ImagesConfig, RecipeConfig, data_root
from chansearch.transfer.published import read_published

_TRAIN_NAMES = ("train", "training")
_VAL_NAMES = ("val", "validation", "valid", "test")


@dataclass(frozen=True, eq=False)
class Part:
    """Image files with their labels. Paths are an array of bytes, which forked readers share without copying."""

    name: str  # of the folder: train, val, …
    root: Path
    classes: tuple[str, ...]
    paths: np.ndarray  # bytes (N,), relative to ``root``
    labels: np.ndarray  # int64 (N,)

    def __len__(self) -> int:
        return len(self.labels)

    def path(self, index: int) -> Path:
        return self.root / os.fsdecode(self.paths[index])


def find_part(config: ImagesConfig, names: tuple[str, ...], images_per_class: int | None, key: str) -> Part:
    """The class folders of the first of ``names`` that is in ``data.root``, opening no image; where there are class
    folders and no parts, a share of each class.

    Raises ``UserError`` where there is neither, where it is no data set, or has other than ``config.classes`` classes.
    """
    root, training = data_root(config), names == _TRAIN_NAMES
    if config.published is not None:
        return _published_part(config, root, training, images_per_class, key)
    found = next((name for name in names if (root / name).is_dir()), None)
    has_parts = any((root / name).is_dir() for name in (*_TRAIN_NAMES, *_VAL_NAMES))
    if found is None and (has_parts or config.val_fraction is None):
        raise UserError(f"data.root: '{root}' has no folder {' or '.join(names)}; expected DIR/{names[0]}/<class>/…")
    folder = root if found is None else root / found
    listing = list_images(str(folder), "data.root")
    _check_classes(config, folder, listing.classes)
    part = np.arange(len(listing.labels)) if found is not None else _share(listing, config, training)
    chosen = part[_subset(listing.labels[part], images_per_class, config.subset_seed, key)]
    paths = np.array([os.fsencode(listing.paths[index].relative_to(folder)) for index in chosen])
    return Part(found or names[0], folder, listing.classes, paths, listing.labels[chosen])


def _share(listing: Listing, config: ImagesConfig, training: bool) -> np.ndarray:
    """Sorted indices of a part that has no folder of its own.

    The images to measure on are those that a search on this folder has cut off as its test part, if both have the same
    fraction and seed, as they do by default.
    """
    counts = np.bincount(listing.labels)
    if counts.min() < 2:
        smallest = listing.classes[counts.argmin()]
        raise UserError(f"data.root: class '{smallest}' has one image, too few for two parts; at least 2 are needed")
    rest, held_out = cut_off(listing.labels, config.val_fraction, config.subset_seed)
    return rest if training else held_out


def _check_classes(config: ImagesConfig, folder: Path, classes: Sequence[str]) -> None:
    if config.classes is not None and len(classes) != config.classes:
        raise UserError(
            f"data.root: '{folder}' has {len(classes)} classes, data={config.name} has {config.classes}; "
            "other images are data=folder"
        )


def _published_part(config: ImagesConfig, root: Path, training: bool, images_per_class: int | None, key: str) -> Part:
    classes, paths, labels = read_published(config.published, root, training, config.download)
    _check_classes(config, root, classes)
    chosen = _subset(labels, images_per_class, config.subset_seed, key)
    names = np.array([os.fsencode(paths[index].relative_to(root)) for index in chosen])
    return Part("training" if training else "test", root, tuple(classes), names, labels[chosen])


def find_training(config: ImagesConfig) -> Part:
    return find_part(config, _TRAIN_NAMES, config.images_per_class, "data.images_per_class")


def find_validation(config: ImagesConfig) -> Part:
    return find_part(config, _VAL_NAMES, config.val_images_per_class, "data.val_images_per_class")


def _subset(labels: np.ndarray, each: int | None, seed: int, key: str) -> np.ndarray:
    """Sorted indices of ``each`` images a class; None: all."""
    if each is None:
        return np.arange(len(labels))
    counts = np.bincount(labels)
    if each > counts.min():
        raise UserError(f"{key}: {each}, but the smallest class has {counts.min()} images; allowed: 1 to that, null")
    order = stratified_order(labels, seed)
    return np.sort(np.concatenate([order[labels[order] == label][:each] for label in range(len(counts))]))


class Images(Dataset):
    """Decoded and transformed images: ``[index]`` gives uint8 (C, H, W) and the label, or what is wrong with it."""

    def __init__(self, part: Part, transform, channels: int, seed: int = 0) -> None:
        """``transform`` is timm's; what it draws is seeded with ``seed``, the epoch and the index."""
        self._part, self._transform, self._seed = part, transform, seed
        self._channels = channels
        self.epoch = 0

    def __len__(self) -> int:
        return len(self._part)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int] | BrokenImage:
        try:
            image = read_guarded(self._part.path(index), self._channels)
        except BrokenImage as broken:
            return broken
        seed_all(derive_seed(self._seed, f"image {index}", self.epoch))
        return self._transform(image), int(self._part.labels[index])


def seed_all(seed: int) -> None:
    """The three global generators that timm's transforms, erasing and Mixup draw from."""
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 - timm draws from this one
    torch.manual_seed(seed)


def training_images(part: Part, config: ImagesConfig, recipe: RecipeConfig, size: int, channels: int) -> Images:
    """Random crop, mirror and RandAugment; erasing and normalisation come later, on the device and in batches.

    Raises ``UserError`` for an ``auto_augment`` that timm does not know.
    """
    try:
        transform = create_transform(
            (channels, size, size),
            is_training=True,
            use_prefetcher=True,  # leaves pixels uint8
            scale=tuple(recipe.crop_scale),
            hflip=recipe.flip,
            color_jitter=recipe.color_jitter,
            auto_augment=recipe.auto_augment,
            interpolation="random",
            mean=tuple(config.mean),
            std=tuple(config.std),
        )
    except (AssertionError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"recipe.auto_augment: {recipe.auto_augment!r} is none of timm's ({type(error).__name__}: {error}); "
            "allowed: null, or as in rand-m9-mstd0.5"
        ) from None
    return Images(part, transform, channels, recipe.seed)


def validation_images(part: Part, config: ImagesConfig, size: int, channels: int) -> Images:
    """Resized and cut from the centre."""
    transform = create_transform(
        (channels, size, size),
        is_training=False,
        use_prefetcher=True,
        interpolation=config.interpolation,
        crop_pct=config.crop_pct,
        mean=tuple(config.mean),
        std=tuple(config.std),
    )
    return Images(part, transform, channels)


def collate(items: list) -> tuple[torch.Tensor, torch.Tensor] | BrokenImage:
    """A broken image is handed on: an exception of a reading process would arrive with its whole traceback as text."""
    return next((item for item in items if isinstance(item, BrokenImage)), None) or fast_collate(items)


def load_batches(
    images: Dataset, batches: Iterable[list[int]], processes: int, pin_memory: bool, collate: Callable = collate
) -> Iterator[tuple]:
    """Each of ``batches``, lists of indices, as ``collate`` puts them together: of ``Images`` uint8 (N, C, H, W) and
    int64 (N,).

    Raises ``UserError``, naming the file, for an image that cannot be decoded.
    """
    loader = DataLoader(
        images,
        batch_sampler=batches,
        num_workers=processes,
        collate_fn=collate,
        pin_memory=pin_memory,
        worker_init_fn=_single_thread if processes else None,
    )
    for batch in loader:
        if isinstance(batch, BrokenImage):
            raise UserError(f"data.root: cannot read image '{batch.path}' ({batch.reason}); repair it or remove it")
        yield batch


def seeded_batches(
    images: Dataset,
    plan: BatchPlan,
    rank: int,
    seed: int,
    epoch: int,
    first_step: int,
    processes: int,
    pin_memory: bool,
    collate: Callable = collate,
) -> Iterator[tuple]:
    """Worker ``rank``'s micro-batches of ``epoch`` from ``first_step`` on, as ``load_batches`` gives them.

    When one is handed out, the global generators are seeded for it, so that what is drawn with it depends on its number
    alone, however the training came there.
    """
    numbers = []

    def indices() -> Iterator[list[int]]:
        for micro in micro_batches(plan, rank, seed, epoch, first_step):
            numbers.append(micro.number)
            yield micro.indices

    images.epoch = epoch
    for place, batch in enumerate(load_batches(images, indices(), processes, pin_memory, collate)):
        seed_all(derive_seed(seed, f"micro-batch {numbers[place]}", epoch))
        yield batch


def cut(share: Sequence[int], size: int) -> list[list[int]]:
    """``size`` indices at a time, the rest in a batch of its own."""
    return [list(share[start : start + size]) for start in range(0, len(share), size)]


def _single_thread(_: int) -> None:
    torch.set_num_threads(1)
