"""Data as arrays, augmentation in batches, the recipe, and the loop that yields one result an epoch.

Importing this package, its ``config``, ``results`` and ``environment`` brings in the standard library only;
``chansearch.train.data`` and ``chansearch.train.engine`` bring in torch.
"""

from chansearch.train.config import DataConfig, TrainConfig, validate_data, validate_train
from chansearch.train.environment import WORKER_ENV
from chansearch.train.results import Diverged, EpochResult, SeedResult, StepTime

__all__ = [
    "WORKER_ENV",
    "DataConfig",
    "Diverged",
    "EpochResult",
    "SeedResult",
    "StepTime",
    "TrainConfig",
    "validate_data",
    "validate_train",
]
