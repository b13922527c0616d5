"""How long a search will take, from a few measured steps."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from chansearch.config import SearchConfig
from chansearch.train.config import DataConfig
from chansearch.train.results import StepTime

_DAY = 86_400.0


@dataclass(frozen=True)
class Work:
    """Images one seed of one candidate sees: a training pass and a measuring pass an epoch."""

    train_images: int
    val_images: int
    epochs: int
    seeds: int
    candidates: int

    def seconds(self, step: StepTime, workers: int) -> float:
        """Wall-clock seconds with every worker as fast as the measured one, all of them busy to the end."""
        one_seed = self.epochs * (
            self.train_images / step.images_per_second_train + self.val_images / step.images_per_second_eval
        )
        return self.candidates * self.seeds * one_seed / workers


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


def slowest(steps: Sequence[StepTime]) -> StepTime:
    """The worker that sets the pace, of several measured at the same time."""
    return min(steps, key=lambda step: step.images_per_second_train)


def format_seconds(seconds: float) -> str:
    """``45 s``, ``12 min``, ``3.4 h``, ``2.1 days``."""
    for size, unit in ((_DAY, "days"), (3600.0, "h"), (60.0, "min")):
        if seconds >= 2 * size or (unit == "h" and seconds >= size):
            return f"{seconds / size:.1f} {unit}" if unit != "min" else f"{seconds / size:.0f} min"
    return f"{seconds:.0f} s"


def describe(config: SearchConfig, work: Work, step: StepTime, workers: int, laptop: Work) -> str:
    """One line: the estimate and what it rests on; over a day also the cheaper choices with theirs."""
    total = work.seconds(step, workers)
    line = (
        f"estimated time: {format_seconds(total)} for {work.candidates} candidates x {work.seeds} seeds x "
        f"{work.epochs} epochs on {workers} worker{'s' if workers > 1 else ''} "
        f"({step.images_per_second_train:.0f} images/s each, measured)"
    )
    if total <= _DAY:
        return line
    choices = []
    if config.fidelity == "paper":
        choices.append(f"fidelity=laptop (about {format_seconds(laptop.seconds(step, workers))})")
    if config.scheduler.name == "none":
        # With rungs at g, r·g, … epochs a 1/r share goes on at each: the sum of what is trained, at best.
        epochs, share, at = 0.0, 1.0, config.scheduler.grace_epochs
        reached = 0
        while at < work.epochs:
            epochs += share * (at - reached)
            share, reached, at = share / config.scheduler.reduction, at, at * config.scheduler.reduction
        epochs += share * (work.epochs - reached)
        choices.append(f"scheduler=asha (about {format_seconds(total * epochs / work.epochs)} at best)")
    fewer = max(10, work.candidates // 4)
    if fewer < work.candidates:
        less = dataclasses.replace(work, candidates=fewer)
        choices.append(f"search.candidates={fewer} (about {format_seconds(less.seconds(step, workers))})")
    choices.append("a GPU or a cluster (cluster.address=auto)")
    return f"{line}; cheaper: {', '.join(choices)}"
