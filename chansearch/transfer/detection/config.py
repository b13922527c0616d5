"""What can be asked of a detector's training: the typed schema of its keys, and the ranges that are allowed."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from chansearch.config import Tree
from chansearch.errors import UserError
from chansearch.ranges import at_least, folder_name, in_unit, one_of, probability, within
from chansearch.transfer.config import (
    OptimizationConfig,
    TaskConfig,
    check_model,
    validate_machine,
    validate_optimization,
    validate_pixels,
)

HEADS = ("ssdlite", "fasterrcnn", "maskrcnn")
AUGMENTS = ("none", "hflip", "ssdlite")
_SIDES = (32, 8192)  # pixels; below the first no feature of stride 32 is left


@dataclass
class CocoConfig:
    """Images and their annotations in COCO's format. Paths are below ``root``."""

    name: str = "coco"  # in the name of the folder
    root: str | None = None  # the folder that holds the images and the annotations
    train_images: str = "train2017"  # folder of the images to train on
    train_annotations: str = "annotations/instances_train2017.json"  # their file
    val_images: str = "val2017"  # folder of the images to measure on
    val_annotations: str = "annotations/instances_val2017.json"  # their file
    mean: list[float] = field(default_factory=lambda: [0.485, 0.456, 0.406])  # of the pixels in 0..1, a channel each
    std: list[float] = field(default_factory=lambda: [0.229, 0.224, 0.225])  # likewise
    workers: int | None = None  # processes that read images, for each training process; null: its cores; 0: none


@dataclass
class DetectorConfig:
    """What stands on the network."""

    head: str = "ssdlite"  # ssdlite, fasterrcnn or maskrcnn
    min_size: int = 320  # pixels that the shorter side is resized to, as long as
    max_size: int = 320  # the longer one is at most so long; ssdlite: a square, so both are the same
    fpn_channels: int = 256  # of the feature pyramid; not of ssdlite
    samples: int = 512  # regions of an image that the second stage learns from at a step; not of ssdlite
    freeze_bn: bool = False  # BatchNorm of the network keeps its statistics, scales and shifts
    score_threshold: float = 0.05  # what scores less is no detection
    detections: int = 100  # the most in an image


@dataclass
class DetectionRecipe(OptimizationConfig):
    """How a detector is trained."""

    augment: str = "hflip"  # none, hflip, or ssdlite: mirrored, and cut so that boxes are met by so much
    flip: float = 0.5  # probability of mirroring


@dataclass
class DetectionConfig(TaskConfig):
    """The root of the configuration of a detector's training."""

    detector: DetectorConfig = field(default_factory=DetectorConfig)
    data: CocoConfig = field(default_factory=CocoConfig)
    recipe: DetectionRecipe = field(default_factory=DetectionRecipe)


DETECTION = Tree("detection", DetectionConfig, "transfer ssdlite", "data=custom or recipe.epochs=50", free="network")


def check_asked(config: DetectionConfig) -> None:
    """What can be told without torch: raises ``UserError`` for a value out of its range, a network that there is not,
    and files and folders that are missing."""
    validate(config)
    check_model(config)
    root = data_root(config.data)
    for key in ("train_images", "val_images", "train_annotations", "val_annotations"):
        path, wants_folder = root / getattr(config.data, key), key.endswith("images")
        if not (path.is_dir() if wants_folder else path.is_file()):
            raise UserError(f"data.{key}: '{path}' is no {'folder' if wants_folder else 'file'}")


def data_root(data: CocoConfig) -> Path:
    """``data.root``, absolute: workers stand in folders of their own. Raises ``UserError`` where it is no folder."""
    if data.root is None:
        raise UserError("data.root: null; name the folder that holds the images and the annotations")
    root = Path(data.root).expanduser().absolute()
    if not root.is_dir():
        raise UserError(f"data.root: '{root}' is no folder")
    return root


def validate(config: DetectionConfig) -> None:
    """Raise ``UserError`` for the first value out of its range; looks at no file."""
    data, detector = config.data, config.detector
    folder_name("data.name", data.name)  # part of the folder's name where that is not given
    validate_pixels(data.mean, data.std)
    if data.workers is not None:
        at_least("data.workers", data.workers, 0)
    one_of("detector.head", detector.head, HEADS)
    for key in ("min_size", "max_size"):
        within(f"detector.{key}", getattr(detector, key), *_SIDES)
    if detector.head == "ssdlite" and detector.min_size != detector.max_size:
        raise UserError(
            f"detector.max_size: {detector.max_size}; allowed: detector.min_size, which is {detector.min_size}: "
            "SSDLite takes squares"
        )
    if detector.min_size > detector.max_size:
        raise UserError(f"detector.min_size: {detector.min_size}; allowed: at most max_size, {detector.max_size}")
    within("detector.fpn_channels", detector.fpn_channels, 1, 4096)
    within("detector.samples", detector.samples, 4, 4096)
    in_unit("detector.score_threshold", detector.score_threshold)
    at_least("detector.detections", detector.detections, 1)
    validate_optimization(config.recipe)
    one_of("recipe.augment", config.recipe.augment, AUGMENTS)
    probability("recipe.flip", config.recipe.flip)
    validate_machine(config)
