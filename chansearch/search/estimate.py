"""How long a search will take, from a few measured steps."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from chansearch.config import SchedulerConfig, SearchConfig
from chansearch.train.config import DataConfig
from chansearch.train.results import StepTime

_DAY = 86_400.0


@dataclass(frozen=True)
class Work:
    """Images one seed of one candidate sees: a training pass and a measuring pass an epoch.

    Every candidate has all ``seeds``; or, where there are ``contenders``, one seed, and so many of them the rest.
    """

    train_images: int
    val_images: int
    epochs: int
    seeds: int
    candidates: int
    contenders: int | None = None

    @property
    def further(self) -> int:
        """Seeds beyond those of every candidate, all contenders together."""
        return 0 if self.contenders is None else min(self.contenders, self.candidates) * (self.seeds - 1)

    @property
    def trainings(self) -> int:
        """Of one seed each, were all to come to their end."""
        return self.candidates * self.seeds if self.contenders is None else self.candidates + self.further

    def seconds(self, step: StepTime, workers: int) -> float:
        """Wall-clock seconds with every worker as fast as the measured one, all of them busy to the end."""
        one_seed = self.epochs * (
            self.train_images / step.images_per_second_train + self.val_images / step.images_per_second_eval
        )
        return self.trainings * one_seed / workers


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
    has_rungs = config.scheduler.name != "none" and config.scheduler.grace_epochs is not None
    line = (
        f"estimated time: {'at most ' if has_rungs else ''}{format_seconds(total)} for {_asked(work)} "
        f"on {workers} worker{'s' if workers > 1 else ''} "
        f"({step.images_per_second_train:.0f} images/s each, measured"
        f"{'; what the rungs spare is not foreseen' if has_rungs else ''})"
    )
    return line if total <= _DAY else f"{line}; cheaper: {', '.join(_cheaper(config, work, step, workers, laptop))}"


def _asked(work: Work) -> str:
    if work.contenders is None:
        return f"{work.candidates} candidates x {work.seeds} seeds x {work.epochs} epochs"
    return f"{work.candidates} candidates x 1 seed + {work.further} further seeds of contenders, x {work.epochs} epochs"


def _cheaper(config: SearchConfig, work: Work, step: StepTime, workers: int, laptop: Work) -> list[str]:
    """Choices that would take less time, each with the time."""

    def about(cheaper: Work, share: float = 1.0) -> str:
        return f"(about {format_seconds(share * cheaper.seconds(step, workers))}"

    choices = []
    if config.fidelity == "paper":
        choices.append(f"fidelity=laptop {about(laptop)})")
    if config.scheduler.name == "none":
        choices.append(f"scheduler=asha {about(work, _share_at_rungs(config.scheduler, work.epochs))} at best)")
    if config.scheduler.name != "contenders" and work.seeds > 1:
        spent = dataclasses.replace(work, contenders=config.scheduler.contenders)
        trained = work.candidates * _share_at_rungs(config.scheduler, work.epochs) + spent.further
        choices.append(f"scheduler=contenders {about(spent, trained / spent.trainings)} at best)")
    fewer = max(10, work.candidates // 4)
    if fewer < work.candidates:
        choices.append(f"search.candidates={fewer} {about(dataclasses.replace(work, candidates=fewer))})")
    choices.append("a GPU or a cluster (cluster.address=auto)")
    return choices


def _share_at_rungs(config: SchedulerConfig, epochs: int) -> float:
    """Of all epochs, the share that is trained at best: with rungs at g, r·g, … one in r goes on at each."""
    trained, share, reached, at = 0.0, 1.0, 0, config.grace_epochs
    while at < epochs:
        trained += share * (at - reached)
        share, reached, at = share / config.reduction, at, at * config.reduction
    return (trained + share * (epochs - reached)) / epochs
