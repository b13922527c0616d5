"""What runs inside a Ray worker: the training of one candidate, a group of seeds in lockstep."""

from __future__ import annotations

import contextlib
import functools
import os
import time
from collections.abc import Iterator

from chansearch.nets import NetworkSpec, build
from chansearch.train.config import TrainConfig
from chansearch.train.results import MatrixRate, is_out_of_memory, reason_of

# Why a training ended, under this key of its last report; absent when the scheduler stopped it.
ENDED = "ended"
_TEARDOWN_SECONDS = 10**8  # as long as it takes; one that hangs meets search.trial_timeout


def train_candidate(
    config: dict, *, dataset, skeleton: NetworkSpec, recipe: TrainConfig, record_rank: bool = False
) -> None:
    """Tune's trainable. ``config`` holds the candidate's ``channels`` and ``seeds``; reports once an epoch.

    A group of seeds is one trial, so that early stopping and rungs judge the mean over the seeds. Every failure that
    is the training's own is reported, not raised: Tune would start it again, and it would fail again. Want of memory is
    raised, for it depends on what else is on the machine, and a process of its own is what a new start gets.
    """
    from ray import tune

    from chansearch.train.environment import release_memory

    # Tune gives the thread of a candidate that a rung has stopped two seconds to end. On a busy machine that may not do
    # to free a large network; and of the candidate that was to come next it then never says another word.
    os.environ["TUNE_FUNCTION_THREAD_TIMEOUT_S"] = str(_TEARDOWN_SECONDS)
    release_memory()
    _show(config["label"])
    for report in reports(config, dataset, skeleton, recipe, record_rank):
        tune.report(report)
        # Each report hands the process back to Ray for a moment, which takes the name away.
        _show(config["label"])


def _show(label: str) -> None:
    """Name this process after its candidate, in the dashboard's list of workers and in ``ps``.

    Ray names a process after the method it runs, which is the same for every trial. Its own function is needed: the
    title's memory is found once a process, and Ray has found it.
    """
    with contextlib.suppress(ImportError):
        from ray._raylet import setproctitle

        setproctitle(f"ray::{label}")


def reports(
    config: dict, dataset, skeleton: NetworkSpec, recipe: TrainConfig, record_rank: bool = False
) -> Iterator[dict]:
    """The reports of one training: one an epoch, then one that says how it ended, with the test accuracy.

    ``images``, ``seconds`` and ``eval_seconds`` are sums since the start, all seeds together; ``seconds`` are spent in
    training and measuring, ``eval_seconds`` of them in measuring. ``record_rank``: the last report also has the nuclear
    norm and the rank of each seed's final feature of the images that rank. Raises ``MemoryError``, with the reason,
    where an allocation failed; any other failure is the last report.
    """
    import torch

    from chansearch.train.engine import GroupTrainer

    # One thread a worker unless it was given more cores; OMP_NUM_THREADS alone does not reach torch's own pool.
    torch.set_num_threads(max(1, int(config.get("cpus", 1))))
    spec = skeleton.with_channels(config["channels"])
    report: dict = {}
    try:
        trainer = GroupTrainer(functools.partial(build, spec), dataset, recipe, config["seeds"])
        for result in trainer:
            report = {
                "epoch": result.epoch,
                "mean_val_top1": result.mean_val_top1,
                "val_top1": [seed.val_top1 for seed in result.seeds],
                "train_loss": [seed.train_loss for seed in result.seeds],
                "lr": result.lr,
                "seconds": report.get("seconds", 0.0) + result.seconds,
                "eval_seconds": report.get("eval_seconds", 0.0) + result.eval_seconds,
                "images": report.get("images", 0) + result.images,
            }
            yield report
        ended = "stopped early" if trainer.stopped_early else "finished"
        start = time.perf_counter()
        measured = {"test_top1": list(trainer.test_top1())}
        if record_rank:
            spectra = trainer.feature_spectra()
            measured["nuclear_norm"] = [spectrum.nuclear_norm for spectrum in spectra]
            measured["feature_rank"] = [spectrum.rank for spectrum in spectra]
        measuring = time.perf_counter() - start
        spent = {name: report[name] + measuring for name in ("seconds", "eval_seconds")}
        yield report | spent | measured | {ENDED: ended}
    except Exception as error:
        if is_out_of_memory(error):
            raise MemoryError(reason_of(error)) from None
        yield report | {ENDED: "failed", "reason": reason_of(error)}


def measure_rate(recipe: TrainConfig, threads: int) -> MatrixRate:
    """The matrix rate of this worker, on the device and in the arithmetic that the recipe trains in."""
    import torch

    from chansearch.train.device import resolve_device, resolve_precision
    from chansearch.train.rate import measure_matrix_rate

    torch.set_num_threads(threads)
    device = resolve_device(recipe.device)
    dtype = resolve_precision(recipe.precision, device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    return MatrixRate(measure_matrix_rate(device, dtype), str(dtype).removeprefix("torch."), name, threads)
