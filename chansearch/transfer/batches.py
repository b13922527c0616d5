"""Which images each worker takes at each step: the same whatever the number of workers.

B images a step are cut into micro-batches of b, in order; of W workers, worker r takes micro-batches r, r + W, … of
every step, A of them. So B = W·A·b, and BatchNorm sees the same micro-batches with W workers as with one that
accumulates W times as often.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from chansearch.errors import UserError
from chansearch.train.seeding import generator


@dataclass(frozen=True)
class BatchPlan:
    """How the images of a step are shared out."""

    images: int  # of the training part
    workers: int  # W
    accumulation: int  # A, micro-batches a worker and step
    micro_batch: int  # b

    @property
    def batch_size(self) -> int:
        """B, images a step."""
        return self.workers * self.accumulation * self.micro_batch

    @property
    def steps_per_epoch(self) -> int:
        """The last partial batch of an epoch is dropped: its images come in another epoch's order."""
        return self.images // self.batch_size


@dataclass(frozen=True)
class MicroBatch:
    """``indices`` of images, int (b,); ``number`` counts an epoch's micro-batches over all workers."""

    number: int
    indices: list[int]


def plan_batches(images: int, batch_size: int, micro_batch: int, workers: int) -> BatchPlan:
    """The fewest accumulation steps that keep a worker at ``micro_batch`` images or less.

    Raises ``UserError``, with what would do, where ``batch_size`` cannot be shared out evenly or is more than all.
    """
    if batch_size > images:
        raise UserError(f"recipe.batch_size: {batch_size}; allowed: at most {images}, the training images")
    if batch_size % workers:
        below = batch_size - batch_size % workers
        nearest = [str(size) for size in (below, below + workers) if size >= 2 * workers]
        raise UserError(
            f"recipe.batch_size: {batch_size} cannot be shared among {workers} workers; "
            f"allowed: multiples of {workers}, such as {' or '.join(nearest)}"
        )
    share = batch_size // workers
    accumulation = next(count for count in range(1, share + 1) if share % count == 0 and share // count <= micro_batch)
    if share // accumulation < 2:  # BatchNorm needs two images
        raise UserError(
            f"recipe.batch_size: {batch_size} leaves each of {workers} workers {share} images a step, which have no "
            f"divisor from 2 to recipe.micro_batch={micro_batch}; allowed: a batch_size of {workers} times one that has"
        )
    return BatchPlan(images, workers, accumulation, share // accumulation)


def micro_batches(plan: BatchPlan, rank: int, seed: int, epoch: int, first_step: int = 0) -> Iterator[MicroBatch]:
    """What worker ``rank`` takes in ``epoch``, from ``first_step`` (from 0) to the last, a step's A in a row.

    The order of the images depends on the seed and the epoch alone.
    """
    import torch

    order = torch.randperm(plan.images, generator=generator(seed, "order", epoch)).tolist()
    a_step = plan.workers * plan.accumulation
    for step in range(first_step, plan.steps_per_epoch):
        for number in range(step * a_step + rank, (step + 1) * a_step, plan.workers):
            yield MicroBatch(number, order[number * plan.micro_batch : (number + 1) * plan.micro_batch])
