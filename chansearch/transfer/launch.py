"""A training under Ray Train: started, followed, resumed; its workers are replaced where they die."""

from __future__ import annotations

import dataclasses
import os
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ray.exceptions import RayActorError
from ray.train import FailureConfig, RunConfig, ScalingConfig, UserCallback, get_context
from ray.train.torch import TorchTrainer

from chansearch.cluster import check_recorded, ray_session
from chansearch.config import from_plain
from chansearch.errors import Interrupted, UserError
from chansearch.files import check_disk, section, time_stamp
from chansearch.nets.checkpoint import load_checkpoint, save_checkpoint
from chansearch.provenance import provenance, record_resume
from chansearch.train.results import Diverged
from chansearch.transfer.batches import BatchPlan
from chansearch.transfer.config import TRAINING, TrainingConfig
from chansearch.transfer.folder import TrainingFolder
from chansearch.transfer.images import Part, find_training, find_validation
from chansearch.transfer.meeting import FileMeeting
from chansearch.transfer.plan import Crew, Plan, describe, estimate, local_crew, make_batches, make_crew

_LOOK_SECONDS = 0.5  # between looks at the log
_GROUP_FAILURES = 3  # of workers that do not start, as on a cluster that has lost a node for good


@dataclass(frozen=True)
class Job:
    """What a worker is sent."""

    config: TrainingConfig
    train: Part
    val: Part
    batches: BatchPlan
    crew: Crew
    folder: TrainingFolder


def rehearse(plan: Plan) -> None:
    """Print the plan and the time it will take; starts no worker and writes nothing."""
    if plan.config.cluster.address == "local":
        crew = local_crew(plan.config)
    else:
        with ray_session(plan.config.cluster):
            crew = _cluster_crew(plan.config)
    print(describe(plan, crew, make_batches(plan.config, len(plan.train), crew)), flush=True)
    print(estimate(plan, crew))


def start(plan: Plan) -> TrainingFolder:
    """Train as a checked plan says and give the folder.

    Raises ``UserError`` before any worker starts or where training cannot go on, ``Interrupted`` on Ctrl-C.
    """
    # The folder can be resumed from anywhere.
    root = str(Path(plan.config.data.root).expanduser().absolute())
    config = dataclasses.replace(plan.config, data=dataclasses.replace(plan.config.data, root=root))
    path = Path(config.results) / (config.name or _default_name(plan))
    TrainingFolder(path).refuse_existing()
    check_disk(Path(config.results))
    if config.cluster.address == "local":
        make_batches(config, len(plan.train), local_crew(config))  # what is wrong is said before Ray takes its seconds
    with ray_session(config.cluster) as session:
        crew = _cluster_crew(config)
        batches = make_batches(config, len(plan.train), crew)
        print(describe(plan, crew, batches), flush=True)
        facts = provenance(train_images=len(plan.train), val_images=len(plan.val), classes=list(plan.train.classes))
        folder = TrainingFolder.create(path, dataclasses.asdict(config) | {"provenance": facts})
        save_checkpoint(folder.start_file, plan.start())
        with folder.locked():
            _train(Job(config, plan.train, plan.val, batches, crew, folder), session.dashboard)
    return folder


def resume(folder: TrainingFolder) -> None:
    """Go on with a training that was cut off, from its last checkpoint.

    Raises ``UserError`` where it cannot be read or its images have changed, ``Interrupted`` on Ctrl-C.
    """
    held = folder.config()
    config = from_plain(held, str(folder.config_file), TRAINING)
    check_recorded(config.cluster, str(folder.config_file))
    if folder.epochs_done() == config.recipe.epochs:
        print(f"training: {folder.path} is complete: {config.recipe.epochs} epochs")
        return
    load_checkpoint(folder.start_file)  # workers will; a damaged one is said before they start
    train, val = find_training(config.data), find_validation(config.data)
    facts = section(held, "provenance")
    for key, found in (("train_images", len(train)), ("val_images", len(val)), ("classes", list(train.classes))):
        if facts.get(key) != found:
            raise UserError(f"data.root: {key.replace('_', ' ')} are not those the training began with")
    with folder.locked(), ray_session(config.cluster) as session:
        crew = _cluster_crew(config)
        batches = make_batches(config, len(train), crew)
        record_resume(folder.config_file)
        _train(Job(config, train, val, batches, crew, folder), session.dashboard)


def _default_name(plan: Plan) -> str:
    return f"train-{plan.model.name}-{plan.config.data.name}-{time_stamp()}"


def _cluster_crew(config: TrainingConfig) -> Crew:
    import ray

    resources = ray.cluster_resources()
    return make_crew(config, int(resources.get("CPU", 0)), int(resources.get("GPU", 0)))


def _train(job: Job, dashboard: str | None) -> None:
    """Workers until the last epoch, followed by what they log."""
    if dashboard:
        print(f"Ray dashboard: {dashboard}", flush=True)
    print(f"training: {job.folder.path}", flush=True)
    # Workers stand in a folder of their own.
    folder, crew, retries = TrainingFolder(job.folder.path.resolve()), job.crew, job.config.cluster.retries
    folder.begin()
    is_local = job.config.cluster.address == "local"
    meeting = tempfile.TemporaryDirectory(prefix="chansearch-")
    trainer = TorchTrainer(
        _work,
        train_loop_config={"job": dataclasses.replace(job, folder=folder)},
        torch_config=FileMeeting("nccl" if crew.on_gpus else "gloo", folder=meeting.name) if is_local else None,
        scaling_config=ScalingConfig(
            num_workers=crew.workers,
            use_gpu=crew.on_gpus,
            resources_per_worker={"CPU": crew.cpus} | ({"GPU": 1} if crew.on_gpus else {}),
        ),
        run_config=RunConfig(
            name="train",
            storage_path=str(folder.ray),
            failure_config=FailureConfig(max_failures=retries, controller_failure_limit=_GROUP_FAILURES),
            callbacks=[_SayWhoDied(folder, retries)],
        ),
    )
    try:
        with meeting:
            failure = _follow(trainer.fit, job.folder, job.config.recipe.epochs)
    finally:
        folder.forget_ray()
    if (reason := folder.why_ended()) is not None:
        raise UserError(reason)
    if failure is not None:
        last = " ".join(str(failure).split())[-300:]
        raise UserError(f"training failed, {retries} retries included: {last}")


def _follow(fit: Callable[[], object], folder: TrainingFolder, epochs: int) -> BaseException | None:
    """Print what is logged until ``fit`` is done, and give what it raised. Raises ``Interrupted`` on Ctrl-C.

    Ray would take SIGINT for itself in the main thread; so it gets another one, which dies with Ray. After the end
    Ray clears up for up to twelve seconds, which is not waited for: its shutdown does the same.
    """
    failures: list[BaseException] = []

    def work() -> None:
        try:
            fit()
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=work, daemon=True)
    with folder.log_file.open("a+", encoding="utf-8") as log:
        log.seek(0, os.SEEK_END)
        thread.start()
        try:
            while thread.is_alive() and folder.epochs_done() < epochs and folder.why_ended() is None:
                thread.join(_LOOK_SECONDS)
                print(log.read(), end="", flush=True)
        except KeyboardInterrupt:
            raise Interrupted(f"chansearch train --resume {folder.path}") from None
        print(log.read(), end="", flush=True)
    return failures[0] if failures else None


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

    from chansearch.transfer.classification import Classification
    from chansearch.transfer.loop import Trainer

    job: Job = settings["job"]
    if job.folder.why_ended() is not None:
        return
    torch.set_num_threads(job.crew.cpus)
    rank, device = get_context().get_world_rank(), get_device()
    try:
        start = load_checkpoint(job.folder.start_file)
        readers = job.config.data.workers if job.config.data.workers is not None else job.crew.cpus
        task = Classification(job.config, job.train, job.val, job.batches, start.spec, device, rank, readers)
        Trainer(job.config, job.batches, task, start, job.folder, device, rank).run()
    except UserError as error:
        job.folder.end(str(error))
        raise
    except Diverged as error:
        job.folder.end(f"training: {error}; the checkpoint before it stays, a lower recipe.lr may help")
        raise
