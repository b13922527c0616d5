"""How long a search will take, from a few measured steps."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from chansearch.config import SchedulerConfig, SearchConfig
from chansearch.durations import DAY, HOUR, format_seconds
from chansearch.train.estimate import training_seconds
from chansearch.train.results import StepTime

AUTO = "auto"  # the search.trial_timeout that trial_limit works out
# Times what the slowest training should take. A hang must end by itself, but a machine on which other work begins after
# the estimate is no hang, and what its trainings have done is not to be thrown away: so the limit is loose.
_LOOSE = 20


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
        return self.trainings * self._one_seed(step) / workers

    def trial_seconds(self, step: StepTime) -> float:
        """Of one trial: a candidate with all the seeds that it trains at a time."""
        return self._one_seed(step) * (self.seeds if self.contenders is None else 1)

    def _one_seed(self, step: StepTime) -> float:
        return training_seconds(step, self.train_images, self.val_images, self.epochs)


def trial_limit(asked: float | str | None, work: Work, step: StepTime, heaviest: float) -> float | None:
    """Seconds after which a trial is taken to hang; None for never.

    ``asked`` is ``search.trial_timeout``; ``heaviest`` the MACs of the heaviest candidate over those of the network
    that ``step`` was measured on, which is at most how much longer it takes.
    """
    return max(HOUR, _LOOSE * heaviest * work.trial_seconds(step)) if asked == AUTO else asked


def describe_limit(asked: float | str | None, limit: float | None) -> str:
    """One line: when a trial is taken to hang."""
    if limit is None:
        return "time limit of a training: none (search.trial_timeout=null)"
    why = f"auto: {_LOOSE} times what the slowest should take, at least an hour" if asked == AUTO else f"{limit:g}"
    return f"time limit of a training: {format_seconds(limit)} (search.trial_timeout={why})"


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
    return line if total <= DAY else f"{line}; cheaper: {', '.join(_cheaper(config, work, step, workers, laptop))}"


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
