"""Running jobs on Ray Tune: a trial a candidate, a candidate a group of seeds."""

from __future__ import annotations

import contextlib
import functools
import logging
import pickle
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ray import tune
from ray.tune.schedulers import AsyncHyperBandScheduler, FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from chansearch.cluster import Cluster
from chansearch.config import SchedulerConfig
from chansearch.deaths import why_died
from chansearch.nets import NetworkSpec
from chansearch.pulse import Pulse
from chansearch.search.candidate import CurvePoint, Outcome, State
from chansearch.search.spent import Spent
from chansearch.search.watch import Watch
from chansearch.search.worker import ENDED, train_candidate
from chansearch.space import format_channels
from chansearch.train.config import TrainConfig

METRIC = "mean_val_top1"


@dataclass(frozen=True)
class Job:
    """One candidate to train with these seeds. ``further``: seeds beyond those that all candidates have, which no rung
    judges or counts."""

    number: int
    channels: tuple[int, ...]
    seeds: tuple[int, ...]
    further: bool = False

    @property
    def label(self) -> str:
        """A name one can read in the dashboard: number and channels."""
        return f"{self.number:04d}_{format_channels(self.channels)}"


class Director(Protocol):
    """Says what to train next and hears what became of it. All calls come from the driver's one thread.

    What a call raises ends all work at once: it is called no more, and ``run_jobs`` raises the same.
    """

    def next_job(self) -> Job | None:
        """The next job, or None when there is none now: asked again as long as one is under way, whose end may give
        rise to more."""
        ...

    def on_epoch(self, job: Job, epoch: int, points: Sequence[CurvePoint]) -> None:
        """One epoch of a job is done; a point a seed."""
        ...

    def on_end(self, job: Job, outcome: Outcome) -> None:
        """A job has ended, for good."""
        ...


class _OwnFailure(BaseException):
    """The driver's own work went wrong: a full disk, a bug. Like Ctrl-C it is no ``Exception``, for Tune catches those,
    logs them or takes them for the trial's failure, and goes on."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


def _own(call: Callable) -> Callable:
    """For what Tune calls: an exception there leaves Tune at once."""

    @functools.wraps(call)
    def guarded(*arguments, **named):
        try:
            return call(*arguments, **named)
        except Exception as error:
            raise _OwnFailure(error) from None

    return guarded


def run_jobs(
    director: Director,
    cluster: Cluster,
    dataset,
    skeleton: NetworkSpec,
    recipe: TrainConfig,
    *,
    scheduler: TrialScheduler | None = None,
    retries: int,
    timeout: float | None = None,
    record_rank: bool = False,
) -> None:
    """Train the director's jobs until it has none left and none is under way.

    A job whose worker died, ran out of memory, or was killed for it was not done after ``timeout`` seconds, starts
    again, ``retries`` times. ``record_rank``: see ``reports``. Raises what the director raises, and
    ``KeyboardInterrupt`` where Tune was told to stop; what is under way then is told to nobody.
    """
    # Of a worker that died it logs a traceback; what the user needs of it is printed and recorded.
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    # Tune insists on a folder for its own bookkeeping. Nothing is read back from it: the run directory is the record.
    storage = tempfile.mkdtemp(prefix="chansearch-tune-")
    source = _Source(director, cluster)
    try:
        tune.Tuner(
            tune.with_resources(
                tune.with_parameters(
                    train_candidate, dataset=dataset, skeleton=skeleton, recipe=recipe, record_rank=record_rank
                ),
                {"cpu": cluster.cpus_per_trial, "gpu": cluster.gpus_per_trial, "memory": cluster.memory_per_trial},
            ),
            tune_config=tune.TuneConfig(
                metric=METRIC,
                mode="max",
                search_alg=source,
                scheduler=scheduler or InOrder(),
                num_samples=-1,
                # None: Tune itself sees what fits, and asks for one job ahead.
                max_concurrent_trials=cluster.most,
                # A new process would import torch anew for each candidate.
                reuse_actors=True,
                trial_name_creator=lambda trial: trial.config["label"],
                trial_dirname_creator=lambda trial: trial.config["label"],
            ),
            run_config=tune.RunConfig(
                storage_path=storage,
                name="trials",
                callbacks=[_Ears(director, cluster.pulse, Watch(timeout, _share(cluster)))],
                failure_config=tune.FailureConfig(max_failures=retries),
                verbose=0,
            ),
        ).fit()
    except _OwnFailure as failure:
        raise failure.error from None
    finally:
        shutil.rmtree(storage, ignore_errors=True)
    if not source.is_exhausted:  # SIGUSR1, which batch systems send before they kill, makes Tune end as if it were done
        raise KeyboardInterrupt


def make_scheduler(config: SchedulerConfig, epochs: int) -> TrialScheduler:
    """``none``: every trial to its end. ``asha``: rungs on the mean over the seeds. ``contenders``: the same rungs on
    the first seed, which is all that a trial has, or none."""
    if config.name == "none" or config.grace_epochs is None:
        return InOrder()
    return ResumableASHA(
        time_attr="epoch",
        max_t=epochs,
        grace_period=config.grace_epochs,
        reduction_factor=config.reduction,
        # The last epoch's report is followed by one with the test accuracy.
        stop_last_trials=False,
    )


class _Unscanning:
    """Tune's schedulers look through all trials of a search at each event for the next one to start, which takes longer
    with every trial. Left without an answer, Tune starts those that wait in the order they came."""

    def choose_trial_to_run(self, tune_controller) -> None:
        return None


class InOrder(_Unscanning, FIFOScheduler):
    """Every trial to its end."""


class ResumableASHA(_Unscanning, AsyncHyperBandScheduler):
    """Asynchronous successive halving that can be told of candidates of an earlier session, and leaves further seeds
    alone."""

    def on_trial_result(self, tune_controller, trial, result: dict) -> str:
        # Where the last epoch is a rung, to stop there would spare nothing and cost the test accuracy.
        if trial.config["further"] or result.get(self._time_attr, 0) >= self._max_t:
            return TrialScheduler.CONTINUE
        return super().on_trial_result(tune_controller, trial, result)

    def on_trial_complete(self, tune_controller, trial, result: dict) -> None:
        if not trial.config["further"]:
            super().on_trial_complete(tune_controller, trial, result)

    def remember(self, label: str, means: dict[int, float]) -> None:
        """A candidate's mean accuracies by epoch, from the record: its rungs judge later ones again."""

        @dataclass(frozen=True)
        class Past:
            trial_id: str

        for epoch, mean in sorted(means.items()):
            self._brackets[0].on_result(Past(label), epoch, mean)


class _Unpickled:
    """Tune pickles its searcher and callbacks for a resume of its own; what they hold lives in the driver alone."""

    def __getstate__(self) -> dict:
        return {}


class _Source(_Unpickled, Searcher):
    """Tune asks here for the next trial."""

    def __init__(self, director: Director, cluster: Cluster) -> None:
        super().__init__(metric=METRIC, mode="max")
        self._director = director
        self._cpus = cluster.cpus_per_trial
        self._under_way: set[str] = set()
        self.is_exhausted = False  # Tune has heard that there is no further trial, and waits for none

    @_own
    def suggest(self, trial_id: str) -> dict | str | None:
        job = self._director.next_job()
        if job is None:
            # None: ask again; after FINISHED Tune never does. With nothing under way it would ask for ten minutes.
            self.is_exhausted = not self._under_way
            return Searcher.FINISHED if self.is_exhausted else None
        self._under_way.add(trial_id)
        return {
            "number": job.number,
            "channels": list(job.channels),
            "seeds": list(job.seeds),
            "further": job.further,
            "label": job.label,
            "cpus": self._cpus,
            "handed_out": time.monotonic(),
        }

    def on_trial_complete(self, trial_id: str, result: dict | None = None, error: bool = False) -> None:
        """The director hears of it through the callback, which also has the reason of a failure."""
        self._under_way.discard(trial_id)

    def save(self, checkpoint_path: str) -> None:
        """Tune's snapshots are not read back: a search resumes from its run directory."""

    def restore(self, checkpoint_path: str) -> None:
        raise NotImplementedError


class _Ears(_Unpickled, tune.Callback):
    """Tune tells here what trials do."""

    def __init__(self, director: Director, pulse: Pulse, watch: Watch) -> None:
        self._director, self._pulse, self._watch = director, pulse, watch
        self._retries: dict[str, int] = {}
        self._begun: dict[str, float] = {}
        self._last_end = 0.0

    @_own
    def on_step_end(self, iteration, trials, **info) -> None:
        self._watch.look(trials)

    @_own
    def on_trial_start(self, iteration, trials, trial, **info) -> None:
        # On a cluster that is joined, Tune asks for a job before a worker is free: its clock starts when one is.
        self._begun.setdefault(trial.trial_id, max(trial.config["handed_out"], self._last_end))

    @_own
    def on_trial_result(self, iteration, trials, trial, result, **info) -> None:
        if ENDED in result:
            return
        job = _job(trial)
        points = [
            CurvePoint(job.number, seed, result["epoch"], result["lr"], loss, top1)
            for seed, loss, top1 in zip(job.seeds, result["train_loss"], result["val_top1"], strict=True)
        ]
        self._director.on_epoch(job, result["epoch"], points)

    @_own
    def on_trial_recover(self, iteration, trials, trial, **info) -> None:
        self._retries[trial.trial_id] = self._retries.get(trial.trial_id, 0) + 1
        print(f"candidate {trial.config['number']} starts again: {self._why_lost(trial)}", flush=True)

    @_own
    def on_trial_complete(self, iteration, trials, trial, **info) -> None:
        result = trial.last_result
        state = State(result.get(ENDED, State.STOPPED_AT_RUNG.value))
        self._director.on_end(_job(trial), self._outcome(trial, state, result.get("reason", "")))
        _forget_metrics(trial)

    @_own
    def on_trial_error(self, iteration, trials, trial, **info) -> None:
        self._pulse.check()  # with Ray all workers die, which is no failure of the candidate
        self._director.on_end(_job(trial), self._outcome(trial, State.FAILED, self._why_lost(trial)))
        _forget_metrics(trial)

    def _why_lost(self, trial) -> str:
        return self._watch.timed_out(trial) or why_died(_last_error(trial))

    def _outcome(self, trial, state: State, reason: str) -> Outcome:
        result = trial.last_result or {}
        self._last_end = time.monotonic()
        begun = self._begun.get(trial.trial_id, trial.config["handed_out"])
        return Outcome(
            state=state,
            seeds=_job(trial).seeds,
            val_top1=tuple(result.get("val_top1", ())),
            test_top1=tuple(result.get("test_top1", ())),
            nuclear_norm=tuple(result.get("nuclear_norm", ())),
            feature_rank=tuple(result.get("feature_rank", ())),
            epochs=result.get("epoch", 0),
            spent=Spent(
                seconds=result.get("seconds", 0.0),
                images=result.get("images", 0),
                eval_seconds=result.get("eval_seconds", 0.0),
                wall_seconds=self._last_end - begun,
            ),
            retries=self._retries.get(trial.trial_id, 0),
            reason=reason,
        )


def _job(trial) -> Job:
    config = trial.config
    return Job(config["number"], tuple(config["channels"]), tuple(config["seeds"]), config["further"])


def _last_error(trial) -> Exception | None:
    """What Tune has written down a moment ago; its own ``get_error`` looks where the file is copied to later."""
    file = trial.pickled_error_file
    with contextlib.suppress(OSError):
        return pickle.loads(Path(file).read_bytes()) if file else None
    return None


def _share(cluster: Cluster) -> str:
    """What a trial takes of a node, for the user."""
    parts = [f"{cluster.cpus_per_trial:g} CPU"]
    if cluster.gpus_per_trial:
        parts.append(f"{cluster.gpus_per_trial:g} GPU")
    if cluster.memory_per_trial:
        parts.append(f"{cluster.memory_per_trial / 1e9:.1f} GB")
    return " and ".join(parts)


def _forget_metrics(trial) -> None:
    """Tune keeps every trial; two thirds of what one takes are running means that nobody reads."""
    trial.metric_analysis.clear()
    trial.metric_n_steps.clear()
