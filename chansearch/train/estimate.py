"""What trainings will take, worked out before any image is read: standard library only."""

from __future__ import annotations

from collections.abc import Sequence

from chansearch.train.config import DataConfig
from chansearch.train.results import StepTime


def class_count(config: DataConfig) -> int:
    """Classes of the data, without reading an image."""
    if config.name == "cifar100":
        return 100
    if config.name == "folder":
        from chansearch.train.folder import list_images

        return len(list_images(config.root, "data.root").classes)
    return 10


def expected_images(config: DataConfig) -> tuple[int, int]:
    """Training and ranking images of a data set that has not been read: exact but for rounding within classes."""
    if config.name in ("cifar10", "cifar100"):
        train, test = 50_000.0, 10_000.0
    else:
        if config.name == "digits":
            count = 1797
        else:
            from chansearch.train.folder import list_images

            count = len(list_images(config.root, "data.root").paths)
        cut = 0.0 if config.test_root else config.test_fraction
        train, test = count * (1 - cut), count * cut
    ranking = test
    if config.rank_on == "val":
        ranking = train * config.val_fraction
        train -= ranking
    ranking_asked = config.val_images if config.rank_on == "val" else config.test_images
    return int(min(train, config.train_images or train)), int(min(ranking, ranking_asked or ranking))


def trial_bytes(activations: int, batch_size: int) -> int:
    """Memory of a worker process on a CPU, in bytes, for a network of that many activations (``Costs.activations``).

    Fitted: torch and its kernels, and 4.5 times the activations of a batch in float32, for each convolution's output
    lives on as its BatchNorm's and its activation's, with gradients on top. Measured peaks at batch 128 with
    ``WORKER_ENV``, torch 2.14: 2.2 GB for c1's best network (this says 2.2), 7.0 for c3's (7.3), 8.6 for c4's (9.1).
    """
    return int(0.6e9 + 4.5 * 4 * activations * batch_size)


def training_seconds(step: StepTime, train_images: int, val_images: int, epochs: int) -> float:
    """Seconds of training one seed in a worker as fast as the measured one: a training pass and a measuring pass an
    epoch."""
    return epochs * (train_images / step.images_per_second_train + val_images / step.images_per_second_eval)


def slowest(steps: Sequence[StepTime]) -> StepTime:
    """The worker that sets the pace, of several measured at the same time."""
    return min(steps, key=lambda step: step.images_per_second_train)
