"""What a training reports. Standard library only: these records travel between processes."""

import math
import statistics
import traceback
from dataclasses import dataclass


@dataclass(frozen=True)
class SeedResult:
    """One seed after one epoch."""

    seed: int
    train_loss: float  # mean cross entropy over the epoch's steps, in nats, as trained (augmented, smoothed)
    val_top1: float  # percent, on ``Dataset.val``


@dataclass(frozen=True)
class EpochResult:
    """One candidate after one epoch of all its seeds."""

    epoch: int  # 1-based
    lr: float  # learning rate of the epoch's last step
    seconds: float  # wall clock of the epoch, all seeds, measuring included
    eval_seconds: float  # of those, measuring
    images: int  # training images shown in the epoch, all seeds together
    seeds: tuple[SeedResult, ...]

    @property
    def mean_val_top1(self) -> float:
        """Percent; the mean over the seeds, by which candidates are ranked."""
        return statistics.fmean(result.val_top1 for result in self.seeds)

    @property
    def std_val_top1(self) -> float:
        """Percent points; the sample standard deviation over the seeds, 0 for a single seed."""
        return statistics.stdev(result.val_top1 for result in self.seeds) if len(self.seeds) > 1 else 0.0


@dataclass(frozen=True)
class StepTime:
    """Throughput of one process, median over the measured steps."""

    images_per_second_train: float
    images_per_second_eval: float


@dataclass(frozen=True)
class MatrixRate:
    """How fast one process multiplies matrices in the arithmetic that it trains in."""

    flops: float  # FLOP a second; a multiply-add is two
    dtype: str  # torch's name: float32, bfloat16 or float16
    device: str  # cpu, or the GPU's name
    threads: int


class Diverged(Exception):
    """A training left the finite numbers: a property of the candidate and the recipe, not a user's mistake."""

    def __init__(self, seed: int, epoch: int, reason: str) -> None:
        super().__init__(seed, epoch, reason)  # all three, so that it survives pickling between processes
        self.seed = seed
        self.epoch = epoch
        self.reason = reason

    def __str__(self) -> str:
        return f"seed {self.seed} diverged in epoch {self.epoch}: {self.reason}"


# What torch's allocator, the C++ library, CUDA and cuDNN say where they raise a plain RuntimeError.
_NO_MEMORY = ("out of memory", "allocate memory", "not enough memory", "bad_alloc", "ALLOC_FAILED")


def is_out_of_memory(error: Exception) -> bool:
    """Whether an allocation failed, on the processor or on a GPU."""
    if isinstance(error, MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _NO_MEMORY)


def reason_of(error: Exception) -> str:
    """Why a training failed, for its record: what it was, and where; running out of memory goes by that name."""
    if isinstance(error, Diverged):
        return str(error)
    where = traceback.extract_tb(error.__traceback__)[-1]
    word = "out of memory: " if is_out_of_memory(error) else ""
    return f"{word}{type(error).__name__}: {error} ({where.name}, line {where.lineno})"


class EarlyStopping:
    """Says stop once ``patience`` epochs in a row brought no new best; equal is not better. None: never."""

    def __init__(self, patience: int | None) -> None:
        self._patience = patience
        self._best = -math.inf
        self._epochs_since_best = 0

    def update(self, mean_val_top1: float) -> bool:
        """Take one epoch's mean; True when training should stop."""
        if mean_val_top1 > self._best:
            self._best = mean_val_top1
            self._epochs_since_best = 0
        else:
            self._epochs_since_best += 1
        return self._patience is not None and self._epochs_since_best >= self._patience
