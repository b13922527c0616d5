"""A training under Ray Train: started, followed, resumed; its workers are replaced where they die."""

from __future__ import annotations

import dataclasses
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import ray
from ray.exceptions import RayActorError
from ray.train import FailureConfig, RunConfig, ScalingConfig, UserCallback, get_context
from ray.train.torch import TorchTrainer
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from chansearch.cluster import check_recorded, ray_session
from chansearch.config import from_plain
from chansearch.errors import Interrupted, UserError
from chansearch.files import check_disk, section, time_stamp, unused
from chansearch.nets.checkpoint import load_checkpoint, save_checkpoint
from chansearch.provenance import provenance, record_resume
from chansearch.train.results import Diverged
from chansearch.transfer.batches import BatchPlan
from chansearch.transfer.classification import ClassificationWork
from chansearch.transfer.config import TRAINING, TaskConfig
from chansearch.transfer.crew import Crew, local_crew, make_crew
from chansearch.transfer.folder import TrainingFolder
from chansearch.transfer.meeting import FileMeeting

if TYPE_CHECKING:
    import torch

    from chansearch.nets.checkpoint import Checkpoint
    from chansearch.nets.model import Model
    from chansearch.transfer.loop import Task

_LOOK_SECONDS = 0.5  # between looks at the log
_GROUP_FAILURES = 3  # of workers that do not start, as on a cluster that has lost a node for good


class Work(Protocol):
    """What a training learns from: sent to its workers, and found again when it goes on."""

    config: TaskConfig
    kind: str  # in the default name of the folder

    def facts(self) -> dict:
        """Of the images, in plain types: a training that goes on must find the same."""

    def batches(self, workers: int) -> BatchPlan:
        """Raises ``UserError`` where the images of a step cannot be shared out."""

    def task(self, start: Checkpoint, plan: BatchPlan, device: torch.device, rank: int, readers: int) -> Task:
        """Of worker ``rank``, whose images ``readers`` processes read, 0: itself."""


class Plan(Protocol):
    """A checked training."""

    work: Work
    model: Model

    def start(self) -> Checkpoint:
        """All weights as training begins."""

    def describe(self, crew: Crew, batches: BatchPlan) -> str:
        """In figures, a line each."""

    def estimate(self, crew: Crew) -> str:
        """The time it will take."""


@dataclass(frozen=True)
class Job:
    """What a worker is sent."""

    work: Work
    batches: BatchPlan
    crew: Crew
    folder: TrainingFolder


def rehearse(plan: Plan) -> None:
    """Print the plan and the time it will take; starts no worker and writes nothing."""
    config = plan.work.config
    if config.cluster.address == "local":
        crew = local_crew(config)
    else:
        with ray_session(config.cluster):
            crew = _cluster_crew(config)
    print(plan.describe(crew, plan.work.batches(crew.workers)), flush=True)
    print(plan.estimate(crew))


def start(plan: Plan) -> TrainingFolder:
    """Train as a checked plan says and give the folder.

    Raises ``UserError`` before any worker starts or where training cannot go on, ``Interrupted`` on Ctrl-C.
    """
    work, config = plan.work, plan.work.config
    results = Path(config.results)
    path = results / config.name if config.name else unused(results / _default_name(plan))
    TrainingFolder(path).refuse_existing()
    check_disk(results)
    if config.cluster.address == "local":
        work.batches(local_crew(config).workers)  # what is wrong is said before Ray takes its seconds
    with ray_session(config.cluster) as session:
        crew = _cluster_crew(config)
        batches = work.batches(crew.workers)
        print(plan.describe(crew, batches), flush=True)
        # The folder can be resumed from anywhere.
        root = str(Path(config.data.root).expanduser().absolute())
        recorded = dataclasses.replace(config, data=dataclasses.replace(config.data, root=root))
        folder = TrainingFolder.create(path, dataclasses.asdict(recorded) | {"provenance": provenance(**work.facts())})
        save_checkpoint(folder.start_file, plan.start())
        with folder.locked():
            _train(Job(work, batches, crew, folder), session.dashboard)
    return folder


def resume(folder: TrainingFolder) -> None:
    """Go on with a training that was cut off, from its last checkpoint.

    Raises ``UserError`` where it cannot be read or its images have changed, ``Interrupted`` on Ctrl-C.
    """
    held = folder.config()
    config, find = _recorded(held, str(folder.config_file))
    check_recorded(config.cluster, str(folder.config_file))
    if folder.epochs_done() == config.recipe.epochs:
        print(f"training: {folder.path} is complete: {config.recipe.epochs} epochs")
        return
    load_checkpoint(folder.start_file)  # workers will; a damaged one is said before they start
    work, recorded = find(config), section(held, "provenance")
    for key, found in work.facts().items():
        if recorded.get(key) != found:
            raise UserError(f"data.root: {key.replace('_', ' ')} are not those the training began with")
    with folder.locked(), ray_session(config.cluster) as session:
        crew = _cluster_crew(config)
        batches = work.batches(crew.workers)
        record_resume(folder.config_file)
        _train(Job(work, batches, crew, folder), session.dashboard)


def _recorded(held: dict, source: str) -> tuple[TaskConfig, Callable[[TaskConfig], Work]]:
    """What a training was asked for, and how what it learns from is found."""
    if "detector" not in held:
        return from_plain(held, source, TRAINING), ClassificationWork.find
    from chansearch.transfer.detection.config import DETECTION
    from chansearch.transfer.detection.task import DetectionWork
    from chansearch.transfer.plan import require_pycocotools

    require_pycocotools()
    return from_plain(held, source, DETECTION), DetectionWork.find


def _default_name(plan: Plan) -> str:
    return f"{plan.work.kind}-{plan.model.name}-{plan.work.config.data.name}-{time_stamp()}"


def _cluster_crew(config: TaskConfig) -> Crew:
    resources = ray.cluster_resources()
    return make_crew(config, int(resources.get("CPU", 0)), int(resources.get("GPU", 0)))


def _train(job: Job, dashboard: str | None) -> None:
    """Workers until the last epoch, followed by what they log."""
    if dashboard:
        print(f"Ray dashboard: {dashboard}", flush=True)
    print(f"training: {job.folder.path}", flush=True)
    # Workers stand in a folder of their own.
    epochs, retries = job.work.config.recipe.epochs, job.work.config.cluster.retries
    folder = TrainingFolder(job.folder.path.resolve())
    folder.begin()
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    fit = ray.remote(num_cpus=0, max_retries=0, scheduling_strategy=here)(_fit)
    try:
        with tempfile.TemporaryDirectory(prefix="chansearch-") as meeting:
            failure = _follow(fit.remote(dataclasses.replace(job, folder=folder), meeting), job.folder, epochs)
    finally:
        folder.forget_ray()
    if (reason := folder.why_ended()) is not None:
        raise UserError(reason)
    if failure is not None:
        raise UserError(f"training failed, {retries} retries included: {failure}")


def _fit(job: Job, meeting: str) -> str | None:
    """Train by Ray's means; gives why that failed. In a process of its own: Ray would take SIGINT for itself, and a
    thread of the driver that waits for Ray when Ray is shut down brings the driver down."""
    config, crew, retries = job.work.config, job.crew, job.work.config.cluster.retries
    is_local = config.cluster.address == "local"
    trainer = TorchTrainer(
        _work,
        train_loop_config={"job": job},
        torch_config=FileMeeting("nccl" if crew.on_gpus else "gloo", folder=meeting) if is_local else None,
        scaling_config=ScalingConfig(
            num_workers=crew.workers,
            use_gpu=crew.on_gpus,
            resources_per_worker={"CPU": crew.cpus} | ({"GPU": 1} if crew.on_gpus else {}),
        ),
        run_config=RunConfig(
            name="train",
            storage_path=str(job.folder.ray),
            failure_config=FailureConfig(max_failures=retries, controller_failure_limit=_GROUP_FAILURES),
            callbacks=[_SayWhoDied(job.folder, retries)],
        ),
    )
    try:
        trainer.fit()
    except Exception as error:
        return " ".join(str(error).split())[-300:]
    return None


def _follow(fit: ray.ObjectRef, folder: TrainingFolder, epochs: int) -> str | None:
    """Print what is logged until ``fit`` is done, and give what it gives. Raises ``Interrupted`` on Ctrl-C.

    After the end Ray clears up for up to twelve seconds, which is not waited for: its shutdown does the same.
    """
    done: list[ray.ObjectRef] = []
    with folder.log_file.open("a+", encoding="utf-8") as log:
        log.seek(0, os.SEEK_END)
        try:
            while not done and folder.epochs_done() < epochs and folder.why_ended() is None:
                done, _ = ray.wait([fit], timeout=_LOOK_SECONDS)
                print(log.read(), end="", flush=True)
        except KeyboardInterrupt:
            raise Interrupted(f"chansearch train --resume {folder.path}") from None
        print(log.read(), end="", flush=True)
    return ray.get(done[0]) if done else None


class _SayWhoDied(UserCallback):
    """Runs in Ray's controller: a line for each failure of the workers."""

    def __init__(self, folder: TrainingFolder, retries: int) -> None:
        self._folder, self._retries, self._failures = folder, retries, 0

    def after_exception(self, run_context: object, worker_exceptions: dict[int, Exception]) -> None:
        self._failures += 1
        if self._folder.why_ended() is not None or self._failures > self._retries:
            return
        # When one worker dies the others fail too, in what they were waiting for. Ray wraps the death of one.
        causes = {rank: getattr(error, "health_check_failure", error) for rank, error in worker_exceptions.items()}
        lost = [rank for rank, cause in causes.items() if isinstance(cause, RayActorError)]
        ranks = ", ".join(map(str, sorted(lost or worker_exceptions)))
        reason = str(next(iter(worker_exceptions.values()))).strip().splitlines()[-1:]
        what = "was lost" if lost else f"failed: {' '.join(reason)}"
        self._folder.log(
            f"worker {ranks} {what}; going on from the last checkpoint, retry {self._failures} of {self._retries}"
        )


def _work(settings: dict) -> None:
    """What a worker runs. A failure that would come again is noted, so that the next start ends at once."""
    import torch
    from ray.train.torch import get_device

    from chansearch.transfer.loop import Trainer

    job: Job = settings["job"]
    config = job.work.config
    if job.folder.why_ended() is not None:
        return
    torch.set_num_threads(job.crew.cpus)
    rank, device = get_context().get_world_rank(), get_device()
    try:
        start = load_checkpoint(job.folder.start_file)
        readers = config.data.workers if config.data.workers is not None else job.crew.cpus
        task = job.work.task(start, job.batches, device, rank, readers)
        Trainer(config, job.batches, task, start, job.folder, device, rank).run()
    except UserError as error:
        job.folder.end(str(error))
        raise
    except Diverged as error:
        job.folder.end(f"training: {error}; the checkpoint before it stays, a lower recipe.lr may help")
        raise
