"""What can be set under ``data`` and ``train``, and the ranges that are allowed.

Standard library only, so that a command line can read and check its configuration before anything heavy is imported.
The classes are plain dataclasses (not frozen) because OmegaConf reads them as structured configs; ``None`` means no
bound, or "work it out".
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from chansearch.errors import UserError
from chansearch.ranges import above_zero, at_least, fraction, in_unit, one_of, within

DATASETS = ("cifar10", "cifar100", "folder", "digits")
PARTS = ("val", "test")
AUGMENTS = ("crop_flip", "crop", "none")
PRECISIONS = ("auto", "fp32", "bf16", "fp16")
KERNELS = ("auto", "native", "torch")
MOST_SEEDS = 1000  # trainings a candidate
COMPILE = ("auto", "true", "false")


@dataclass
class DataConfig:
    """Which images, how they are split, and which part ranks the candidates."""

    name: str = "cifar100"  # cifar10, cifar100, folder (DIR/<class>/<image>) or digits (scikit-learn's, 8×8 grey)
    root: str | None = None  # folder: the class folders; cifar: where the archive is or goes (null: in the cache)
    test_root: str | None = None  # folder: class folders of the test part; null: test_fraction is cut from root
    url: str | None = None  # cifar: a mirror (http or https), either the archive itself or the folder that holds it
    cache: str | None = None  # where decoded folders and downloads are kept; null: $XDG_CACHE_HOME/chansearch
    val_fraction: float = 0.1  # of the training images, in (0, 1), cut off as validation part
    test_fraction: float = 0.1  # of all images, in (0, 1); folder and digits without a test part of their own
    split_seed: int = 0  # the split and the subsets depend on the images and this number alone
    rank_on: str = "val"  # part that ranks: val, or test as in the paper (then no validation part is cut off)
    augment: str = "crop_flip"  # crop_flip, crop or none; digits must not be mirrored
    crop_padding: int = 4  # pixels of zeros on each side before the random crop
    train_images: int | None = None  # stratified subset of the training part, a count; null: all
    val_images: int | None = None  # stratified subset of the validation part, a count; null: all
    test_images: int | None = None  # stratified subset of the test part, a count; null: all


@dataclass
class TrainConfig:
    """The recipe every candidate is trained with."""

    epochs: int = 30  # passes over the training part
    seeds: int = 3  # trainings a candidate; its accuracy is their mean
    batch_size: int = 128  # images a step
    lr: float = 0.1  # learning rate at the top of the schedule
    momentum: float = 0.9  # in [0, 1)
    nesterov: bool = True  # needs a momentum above 0
    weight_decay: float = 5e-4  # of convolution and linear weights; BatchNorm parameters and biases are not decayed
    warmup_epochs: float = 1.0  # epochs of linear warm-up before the cosine, fractions allowed, at most epochs
    label_smoothing: float = 0.0  # in [0, 1)
    patience: int | None = 10  # epochs without a better mean over the seeds before stopping; null: never stop early
    device: str = "auto"  # auto (a GPU if there is one), cpu, cuda or cuda:N
    # bf16 on a CPU with avx512_bf16 trained 1.3 to 1.4 times as fast as fp32 (c1); without it bf16 is emulated.
    precision: str = "auto"  # auto, fp32, bf16 or fp16; auto: bf16 in hardware that has it, else fp32 (CPU) or fp16
    kernels: str = "auto"  # native (C++ of our own, CPU, one thread), torch, or auto: native where it can be compiled
    compile: str = "auto"  # torch.compile: true, false, or auto: on a GPU, where the epochs to come pay it back
    eval_batch_size: int = 250  # images a step when measuring accuracy

    def __post_init__(self) -> None:
        self.compile = str(self.compile).lower()  # a bare true or false on the command line and in YAML is no string


def validate_data(config: DataConfig) -> None:
    """Raise UserError for the first value out of its range; looks at no file (that is ``data.check``)."""
    one_of("data.name", config.name, DATASETS)
    one_of("data.rank_on", config.rank_on, PARTS)
    one_of("data.augment", config.augment, AUGMENTS)
    fraction("data.val_fraction", config.val_fraction)
    fraction("data.test_fraction", config.test_fraction)
    at_least("data.split_seed", config.split_seed, 0)
    at_least("data.crop_padding", config.crop_padding, 0)
    for part, least in (("train", 2), ("val", 1), ("test", 1)):  # BatchNorm needs two images
        count = getattr(config, f"{part}_images")
        if count is not None:
            at_least(f"data.{part}_images", count, least)
    if config.rank_on == "test" and config.val_images is not None:
        raise UserError(
            f"data.val_images: {config.val_images}, but data.rank_on=test cuts off no validation part; "
            "allowed: null (data.test_images bounds the images that rank)"
        )
    if config.name == "folder" and config.root is None:
        raise UserError("data.root: null, but data.name=folder needs a folder; expected DIR/<class>/<image>")
    if config.name != "folder" and config.test_root is not None:
        raise UserError(f"data.test_root: '{config.test_root}' is for data.name=folder only; allowed here: null")
    if config.name not in ("cifar10", "cifar100") and config.url is not None:
        raise UserError(f"data.url: '{config.url}' is for data.name=cifar10 and cifar100 only; allowed here: null")
    if config.url is not None and not config.url.startswith(("http://", "https://")):
        raise UserError(
            f"data.url: '{config.url}'; allowed: http://… or https://… (an archive on disk is placed in data.root)"
        )
    if config.name == "digits" and config.augment == "crop_flip":
        raise UserError(
            "data.augment: 'crop_flip' mirrors images, and a mirrored digit is no digit; "
            "allowed with data.name=digits: crop, none"
        )


def validate_train(config: TrainConfig) -> None:
    """Raise UserError for the first value out of its range, or for a device or precision this machine has not.

    Imports torch only when ``device`` or ``precision`` ask for something a machine may lack.
    """
    at_least("train.epochs", config.epochs, 1)
    within("train.seeds", config.seeds, 1, MOST_SEEDS)
    at_least("train.batch_size", config.batch_size, 2)  # BatchNorm needs two images
    at_least("train.eval_batch_size", config.eval_batch_size, 1)
    above_zero("train.lr", config.lr)
    in_unit("train.momentum", config.momentum)
    if config.nesterov and config.momentum == 0:
        raise UserError("train.nesterov: true needs train.momentum above 0, got 0; allowed here: false")
    at_least("train.weight_decay", config.weight_decay, 0)
    if not 0 <= config.warmup_epochs <= config.epochs:
        raise UserError(
            f"train.warmup_epochs: {config.warmup_epochs}; allowed: 0 to train.epochs, which is {config.epochs}"
        )
    in_unit("train.label_smoothing", config.label_smoothing)
    if config.patience is not None:
        at_least("train.patience", config.patience, 1)
    one_of("train.precision", config.precision, PRECISIONS)
    one_of("train.kernels", config.kernels, KERNELS)
    one_of("train.compile", config.compile, COMPILE)
    if config.kernels == "native" and config.compile == "true":
        raise UserError(
            "train.kernels: 'native' cannot be compiled by torch; allowed with train.compile=true: auto, torch"
        )
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", config.device):
        raise UserError(f"train.device: '{config.device}'; allowed: auto, cpu, cuda, cuda:N")
    if config.device.startswith("cuda") or config.precision in ("bf16", "fp16"):
        from chansearch.train.device import resolve_device, resolve_precision

        resolve_precision(config.precision, resolve_device(config.device))


def cache_dir(config: DataConfig) -> Path:
    """``data.cache``, or ``$XDG_CACHE_HOME/chansearch``, or ``~/.cache/chansearch``; it need not exist."""
    if config.cache is not None:
        return Path(config.cache).expanduser()
    return user_cache()


def user_cache() -> Path:
    """``$XDG_CACHE_HOME/chansearch``, or ``~/.cache/chansearch``; it need not exist."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "chansearch"
