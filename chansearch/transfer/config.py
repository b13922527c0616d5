"""What can be asked of a training: the typed schema of every key, and the ranges that are allowed.

Light to import, as ``chansearch.config`` is. MACs are the paper's FLOPs.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chansearch.config import RayConfig, Tree
from chansearch.errors import UserError
from chansearch.ranges import above_zero, at_least, folder_name, fraction, in_unit, one_of, probability
from chansearch.train.config import KERNELS, PRECISIONS


@dataclass
class ImagesConfig:
    """Images in class folders, ROOT/train/<class>/… and ROOT/val/<class>/…, or of a published set."""

    name: str = "imagenet"  # in the name of the folder
    root: str | None = None  # the folder that holds train/<class>/… and val/<class>/…
    published: str | None = None  # a set that torchvision reads, below root; null: class folders
    download: bool = False  # the published set, where it is not there
    classes: int | None = None  # how many class folders there must be; null: any number
    images_per_class: int | None = None  # of the training part, a subset fixed by data.subset_seed; null: all
    val_images_per_class: int | None = None  # of the validation part; null: all
    val_fraction: float | None = None  # of each class to measure on, where root has class folders and no parts
    subset_seed: int = 0  # of that share, and of images_per_class
    mean: list[float] = field(default_factory=lambda: [0.485, 0.456, 0.406])  # of the pixels in 0..1, a channel each
    std: list[float] = field(default_factory=lambda: [0.229, 0.224, 0.225])  # likewise
    interpolation: str = "bicubic"  # of the validation images; those of training draw bilinear or bicubic
    crop_pct: float = 0.875  # of the resized validation image that the centre crop keeps
    workers: int | None = None  # processes that read images, for each training process; null: its cores; 0: none


@dataclass
class OptimizationConfig:
    """How weights are found. ``optimizer`` and ``schedule`` are timm's names."""

    name: str = "paper"  # of the recipe
    epochs: int = 400  # passes over the training part
    seed: int = 0  # of fresh weights, the order of the images and all that is drawn for them
    batch_size: int = 512  # images a step, all workers and accumulation steps together
    micro_batch: int = 128  # the most images that a worker takes at once; BatchNorm sees no more
    optimizer: str = "sgd"  # timm's sgd has Nesterov momentum
    lr: float = 0.5  # at lr_batch_size images a step; scaled linearly to batch_size
    lr_batch_size: int = 512  # images a step that lr is meant for
    momentum: float = 0.9  # in [0, 1)
    weight_decay: float = 1e-5  # of convolution and linear weights; not of biases and BatchNorm (timm's default)
    schedule: str = "cosine"  # cosine, multistep, tanh, poly or constant
    milestones: list[int] = field(default_factory=list)  # multistep: epochs after which the rate is a tenth
    warmup_epochs: float = 5.0  # of linear warm-up from warmup_lr, within epochs
    warmup_lr: float = 1e-5  # at the first step of the warm-up
    min_lr: float = 0.0  # at the end
    ema_decay: float | None = None  # of an average of the weights; null: none
    sync_bn: bool = False  # BatchNorm over all GPUs
    clip_grad: float | None = None  # norm that gradients are clipped to; null: not


@dataclass
class RecipeConfig(OptimizationConfig):
    """How a classifier is trained. ``auto_augment`` is timm's name."""

    label_smoothing: float = 0.1  # in [0, 1)
    mixup: float = 0.0  # Mixup's alpha; 0: none
    cutmix: float = 0.0  # CutMix's alpha; 0: none
    crop_scale: list[float] = field(default_factory=lambda: [0.08, 1.0])  # of the image's area
    flip: float = 0.5  # probability of mirroring
    auto_augment: str | None = "rand-m9-mstd0.5"  # null: none
    color_jitter: float = 0.4  # of brightness, contrast and saturation; timm's, only without auto_augment
    random_erasing: float = 0.2  # probability
    erasing_mode: str = "pixel"  # pixel, rand or const


@dataclass
class EngineConfig:
    """What it runs on, and how often it is saved."""

    device: str = "auto"  # auto (GPUs if there are any), cpu or cuda
    precision: str = "auto"  # auto, fp32, bf16 or fp16; auto: bf16 in hardware that has it, else fp32 (CPU) or fp16
    kernels: str = "auto"  # native (C++ of our own, CPU, one thread), torch, or auto: native where it can be compiled
    checkpoint_minutes: float = 10.0  # between checkpoints inside an epoch; each epoch ends with one besides


@dataclass
class WorkersConfig(RayConfig):
    """Where the workers run, and how many."""

    workers: int | None = None  # training processes; null: one a GPU, or one on a CPU
    cpus_per_worker: int | None = None  # cores of each; null: one on a CPU, an equal share of all cores with GPUs
    retries: int = 3  # of a training whose worker died


@dataclass
class TaskConfig:
    """What every training has, whatever the network learns."""

    model: str | None = None  # a preset (rexnet_100), a YAML file, a checkpoint, or a training's folder
    weights: str | None = None  # a file of weights to start from
    pretrained: bool = False  # start from the preset's published weights, through timm
    network: dict[str, Any] = field(default_factory=dict)  # fields of the network to change: network.drop_path=0.2
    recipe: OptimizationConfig = field(default_factory=OptimizationConfig)
    train: EngineConfig = field(default_factory=EngineConfig)
    cluster: WorkersConfig = field(default_factory=WorkersConfig)
    results: str = "results"  # where trainings are kept
    name: str | None = None  # of the folder; null: task, model, data and the time of day


@dataclass
class TrainingConfig(TaskConfig):
    """The root of the configuration of a classifier's training."""

    data: ImagesConfig = field(default_factory=ImagesConfig)
    recipe: RecipeConfig = field(default_factory=RecipeConfig)


TRAINING = Tree("transfer", TrainingConfig, "train", "data=folder or recipe.epochs=50", free="network")


def check_asked(config: TrainingConfig) -> None:
    """What can be told without torch: raises ``UserError`` for a value out of its range, a network that there is not,
    and files and folders that are missing."""
    validate(config)
    check_model(config)
    data_root(config.data)


def check_model(config: TaskConfig) -> None:
    """Raises ``UserError`` for a network that there is not, and for files of weights that are missing."""
    from chansearch.nets.files import resolve_network
    from chansearch.nets.model import find_checkpoint

    if config.model is None:
        raise UserError("model: null; name a preset (rexnet_100), a YAML file, a checkpoint or a training's folder")
    checkpoint = find_checkpoint(config.model)
    if checkpoint is None:
        resolve_network(config.model)
    for file in (checkpoint, config.weights):
        if file is not None and not Path(file).is_file():
            raise UserError(f"{file}: no such file")


def data_root(data: ImagesConfig) -> Path:
    """``data.root``, absolute: workers stand in folders of their own. Raises ``UserError`` where it is no folder and
    nothing is to be downloaded into it."""
    root = Path(data.root).expanduser().absolute()
    if not (root.is_dir() or data.download):
        raise UserError(f"data.root: '{root}' is no folder; expected DIR/train/<class>/<image>")
    return root


DEVICES = ("auto", "cpu", "cuda")
SCHEDULES = ("cosine", "multistep", "tanh", "poly", "constant")
PUBLISHED = ("food101", "stanford_cars", "fgvc_aircraft", "flowers102")
INTERPOLATIONS = ("bilinear", "bicubic")
ERASING_MODES = ("pixel", "rand", "const")


def validate(config: TrainingConfig) -> None:
    """Raise ``UserError`` for the first value out of its range; looks at no file."""
    _validate_data(config.data)
    validate_optimization(config.recipe)
    _validate_recipe(config.recipe)
    validate_machine(config)


def validate_machine(config: TaskConfig) -> None:
    """Of the parts that say where a training runs and what it is called."""
    engine, cluster = config.train, config.cluster
    one_of("train.device", engine.device, DEVICES)
    one_of("train.precision", engine.precision, PRECISIONS)
    one_of("train.kernels", engine.kernels, KERNELS)
    above_zero("train.checkpoint_minutes", engine.checkpoint_minutes)
    if cluster.workers is not None:
        at_least("cluster.workers", cluster.workers, 1)
    if cluster.cpus_per_worker is not None:
        at_least("cluster.cpus_per_worker", cluster.cpus_per_worker, 1)
    at_least("cluster.retries", cluster.retries, 0)
    if config.name is not None:
        folder_name("name", config.name)


def _validate_data(data: ImagesConfig) -> None:
    folder_name("data.name", data.name)  # part of the folder's name where that is not given
    if data.root is None:
        raise UserError("data.root: null; name the folder that holds train/<class>/… and val/<class>/…")
    if data.published is not None:
        one_of("data.published", data.published, PUBLISHED)
    elif data.download:
        raise UserError("data.download: true; allowed with a set that torchvision reads, as in data=food101")
    for key in ("images_per_class", "val_images_per_class"):
        if getattr(data, key) is not None:
            at_least(f"data.{key}", getattr(data, key), 1)
    if data.val_fraction is not None:
        fraction("data.val_fraction", data.val_fraction)
    at_least("data.subset_seed", data.subset_seed, 0)
    validate_pixels(data.mean, data.std)
    one_of("data.interpolation", data.interpolation, INTERPOLATIONS)
    above_zero("data.crop_pct", data.crop_pct)
    probability("data.crop_pct", data.crop_pct)
    if data.workers is not None:
        at_least("data.workers", data.workers, 0)


def validate_pixels(mean: list[float], std: list[float]) -> None:
    """What pixels are normalised with."""
    for key, values in (("mean", mean), ("std", std)):
        if len(values) != 3:
            raise UserError(f"data.{key}: {values}; allowed: three numbers, of red, green and blue")
    if min(std) <= 0:
        raise UserError(f"data.std: {std}; allowed: above 0")


def validate_optimization(recipe: OptimizationConfig) -> None:
    for key in ("epochs", "batch_size", "lr_batch_size"):
        at_least(f"recipe.{key}", getattr(recipe, key), 1)
    at_least("recipe.micro_batch", recipe.micro_batch, 2)  # BatchNorm needs two images
    for key in ("seed", "weight_decay", "warmup_lr", "min_lr"):
        at_least(f"recipe.{key}", getattr(recipe, key), 0)
    above_zero("recipe.lr", recipe.lr)
    if not 0 <= recipe.warmup_epochs < recipe.epochs:
        raise UserError(
            f"recipe.warmup_epochs: {recipe.warmup_epochs:g}; allowed: 0 to less than recipe.epochs, "
            f"which is {recipe.epochs}"
        )
    in_unit("recipe.momentum", recipe.momentum)
    one_of("recipe.schedule", recipe.schedule, SCHEDULES)
    _validate_milestones(recipe)
    if recipe.ema_decay is not None:
        fraction("recipe.ema_decay", recipe.ema_decay)
    if recipe.clip_grad is not None:
        above_zero("recipe.clip_grad", recipe.clip_grad)


def _validate_milestones(recipe: OptimizationConfig) -> None:
    """Whole epochs inside the training, one after the other, where the schedule has them."""
    ends = [0, *recipe.milestones, recipe.epochs]
    if recipe.schedule != "multistep":
        if recipe.milestones:
            raise UserError(f"recipe.milestones: {recipe.milestones}; allowed with recipe.schedule=multistep only")
    elif not recipe.milestones or any(late <= early for early, late in itertools.pairwise(ends)):
        raise UserError(
            f"recipe.milestones: {recipe.milestones}; allowed: epochs between 0 and recipe.epochs, which is "
            f"{recipe.epochs}, each later than the one before"
        )


def _validate_recipe(recipe: RecipeConfig) -> None:
    for key in ("mixup", "cutmix", "color_jitter"):
        at_least(f"recipe.{key}", getattr(recipe, key), 0)
    in_unit("recipe.label_smoothing", recipe.label_smoothing)
    for key in ("flip", "random_erasing"):
        probability(f"recipe.{key}", getattr(recipe, key))
    if not (len(recipe.crop_scale) == 2 and 0 < recipe.crop_scale[0] <= recipe.crop_scale[1] <= 1):
        raise UserError(f"recipe.crop_scale: {recipe.crop_scale}; allowed: [LEAST,MOST] with 0 < LEAST <= MOST <= 1")
    one_of("recipe.erasing_mode", recipe.erasing_mode, ERASING_MODES)
