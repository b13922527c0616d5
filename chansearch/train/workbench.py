"""What the seeds of a group share: device, arithmetic, and the images, which are uploaded once."""

import contextlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from chansearch.train.augment import Normalise
from chansearch.train.config import TrainConfig
from chansearch.train.dataset import Dataset, Split
from chansearch.train.device import resolve_device, resolve_kernels, resolve_precision
from chansearch.train.schedule import batches
from chansearch.train.seeding import derive_seed


@dataclass(frozen=True, eq=False)
class Part:
    """A ``Split`` on the device: images uint8 (N, C, H, W), labels int64 (N,)."""

    images: torch.Tensor
    labels: torch.Tensor

    def __len__(self) -> int:
        return len(self.labels)


class Workbench:
    """Holds the three parts of a data set on the device; pixels stay uint8 until a batch is normalised."""

    def __init__(self, dataset: Dataset, config: TrainConfig) -> None:
        """Raises UserError when ``config`` asks for a device, precision or kernels this machine has not."""
        self.config = config
        self.device = resolve_device(config.device)
        self.dtype = resolve_precision(config.precision, self.device)
        self.native = resolve_kernels(config, self.device)
        self.augmentation = dataset.augmentation
        self.normalise = Normalise(dataset.mean, dataset.std, self.device)
        self.train = self._part(dataset.train)
        self.val = self._part(dataset.val)
        self.test = self._part(dataset.test)
        self.batch_size, self.steps_per_epoch = batches(len(self.train), config.batch_size)

    def autocast(self) -> torch.autocast:
        """The context of a forward pass; does nothing in fp32."""
        return torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32)

    @contextlib.contextmanager
    def seeded(self, seed: int, purpose: str, epoch: int = 0) -> Iterator[None]:
        """torch's global generators (initialisation, dropout) as if just seeded; as they were before, afterwards."""
        with torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else []):
            torch.manual_seed(derive_seed(seed, purpose, epoch))
            yield

    def synchronise(self) -> None:
        """Wait for the device, so that a clock read now includes its work."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def _part(self, split: Split) -> Part:
        return Part(_tensor(split.images).to(self.device), _tensor(split.labels).to(self.device))


def _tensor(array: np.ndarray) -> torch.Tensor:
    """A tensor on the array's own memory. Arrays from Ray's object store are read-only; nothing here writes to them."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)
