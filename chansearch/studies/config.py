"""What can be asked of a study that trains networks or looks at images: as light to import as ``chansearch.config``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from chansearch.config import ClusterConfig, Tree
from chansearch.train.config import DataConfig, TrainConfig


@dataclass
class StudyConfig:
    """The root of the configuration."""

    data: DataConfig = field(default_factory=DataConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    fidelity: str = "paper"  # name of the group that set train and data
    cluster: ClusterConfig = field(default_factory=ClusterConfig)


STUDY = Tree(
    "studies", StudyConfig, "study", "data=cifar10 or train.epochs=10", borrowed=("data", "fidelity", "cluster")
)


@dataclass
class NonlinearityConfig(StudyConfig):
    """What ``study nonlinearity`` is asked for besides."""

    model: str | None = None  # a preset, a YAML file or a checkpoint; null: the best published network of c1 (Table 3)
    network: dict[str, Any] = field(default_factory=dict)  # fields of the network to change: network.input_size=64


NONLINEARITY = Tree(
    "studies",
    NonlinearityConfig,
    "study nonlinearity",
    "model=rexnet_100 or train.epochs=10",
    borrowed=STUDY.borrowed,
    free="network",
)
