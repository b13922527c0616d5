"""Training a candidate: a group of seeds in lockstep, one result an epoch."""

import statistics
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from torch import nn

from chansearch.nets.features import Spectrum
from chansearch.train.augment import draw
from chansearch.train.config import TrainConfig
from chansearch.train.dataset import Augmentation, Dataset, Split
from chansearch.train.payback import PAYBACK, CompileWatch
from chansearch.train.results import Diverged, EarlyStopping, EpochResult, SeedResult, StepTime
from chansearch.train.schedule import learning_rate
from chansearch.train.seedrun import SeedRun
from chansearch.train.workbench import Workbench

__all__ = ["Diverged", "EpochResult", "GroupTrainer", "SeedResult", "StepTime", "measure_step"]

_WARMUP_STEPS = 2  # the first steps allocate, choose kernels and compile


class GroupTrainer:
    """Trains one candidate with several seeds: epoch 1 of every seed, then epoch 2, so that their mean can be watched.

    Iterate it once. A seed's results are the same, bit for bit on a CPU with one thread, whichever seeds train beside
    it. ``stopped_early`` turns true when ``config.patience`` ended the training before ``config.epochs``.
    """

    def __init__(
        self, make_model: Callable[[], nn.Module], dataset: Dataset, config: TrainConfig, seeds: Sequence[int]
    ) -> None:
        """``seeds`` are the numbers to train with (``config.seeds``, their count, is the caller's business).

        ``make_model`` returns a new network, initialised from torch's global generator, whose input has the size and
        channels of ``dataset``. Raises UserError when this machine has not the device or precision asked for.
        """
        self.stopped_early = False
        self._bench = Workbench(dataset, config)
        self._runs = [SeedRun(make_model, self._bench, seed) for seed in seeds]
        self._epoch = 0
        # On a CPU a switch in mid-training would round differently from run to run, and our own kernels are faster.
        may_compile = config.compile == "auto" and self._bench.device.type == "cuda"
        self._watch = CompileWatch(PAYBACK, config.epochs) if may_compile else None

    def __iter__(self) -> Iterator[EpochResult]:
        """Yields after each epoch; raises Diverged at the end of the epoch in which a seed left the finite numbers."""
        config = self._bench.config
        stopping = EarlyStopping(config.patience)
        while self._epoch < config.epochs and not self.stopped_early:
            self._epoch += 1
            result = self._train_epoch(self._epoch)
            self.stopped_early = stopping.update(result.mean_val_top1) and self._epoch < config.epochs
            yield result

    def test_top1(self) -> tuple[float, ...]:
        """Percent of the test part that each seed's final weights classify right, in the order of the seeds.

        Each call measures: call it once, at the end. With ``rank_on="test"`` it repeats the last epoch's ``val_top1``.
        """
        return tuple(run.top1(self._bench.test, self._epoch) for run in self._runs)

    def feature_spectra(self) -> tuple[Spectrum, ...]:
        """Of the final feature of ``Dataset.val`` under each seed's present weights, in the order of the seeds. Raises
        Diverged where it is not finite."""
        return tuple(Spectrum.of(run.features(self._bench.val, self._epoch)) for run in self._runs)

    def _train_epoch(self, epoch: int) -> EpochResult:
        bench = self._bench
        start = time.perf_counter()
        seeds: list[SeedResult] = []
        measuring = 0.0
        for run in self._runs:
            loss = run.train_epoch(epoch)
            trained = time.perf_counter()
            seeds.append(SeedResult(run.seed, loss, run.top1(bench.val, epoch)))
            measuring += time.perf_counter() - trained
        if self._watch is not None:
            self._watch.after_epoch(time.perf_counter() - start - measuring)
            for run in self._runs:
                run.use_compiled = self._watch.compiled
        return EpochResult(
            epoch=epoch,
            lr=learning_rate(epoch * bench.steps_per_epoch - 1, bench.steps_per_epoch, bench.config),
            seconds=time.perf_counter() - start,
            eval_seconds=measuring,
            images=len(self._runs) * bench.steps_per_epoch * bench.batch_size,
            seeds=tuple(seeds),
        )


def measure_step(
    make_model: Callable[[], nn.Module],
    config: TrainConfig,
    input_size: int,
    in_channels: int,
    classes: int,
    steps: int = 5,
) -> StepTime:
    """Time ``steps`` training steps, augmentation included, and ``steps`` measuring ones, on random images.

    Runs in this process, with its threads and its environment: an estimate for workers holds as far as these are
    theirs. ``input_size`` in pixels. Needs no data set, so it can come before the download.
    """
    total = _WARMUP_STEPS + steps
    count = max(total * config.batch_size, config.eval_batch_size)
    bench = Workbench(noise(count, input_size, in_channels, classes), config)
    run = SeedRun(make_model, bench, seed=0)
    draws = draw(count, bench.augmentation, seed=0, epoch=1, device=bench.device)
    measured = bench.train.images[: config.eval_batch_size]
    # At rate 0 a step does all its work and the weights stay finite, which noise would not promise.
    train = _median_seconds(bench, total, lambda step: run.train_step(draws, step, rate=0.0))
    evaluate = _median_seconds(bench, total, lambda step: run.logits(measured))
    return StepTime(bench.batch_size / train, config.eval_batch_size / evaluate)


def _median_seconds(bench: Workbench, total: int, work: Callable[[int], object]) -> float:
    """Median over the steps after the warm-up; ``work`` is called with 0 to ``total`` - 1."""
    seconds = []
    for step in range(total):
        bench.synchronise()
        start = time.perf_counter()
        work(step)
        bench.synchronise()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[_WARMUP_STEPS:])


def noise(count: int, size: int, channels: int, classes: int) -> Dataset:
    """``count`` random images of arbitrary classes, to time steps on."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count, channels, size, size), dtype=np.uint8)
    part = Split(images, rng.integers(0, classes, count))
    half = (0.5,) * channels
    return Dataset(
        name="noise",
        classes=tuple(map(str, range(classes))),
        train=part,
        val=part,
        test=part,
        mean=half,
        std=half,
        rank_on="val",
        augmentation=Augmentation(crop_padding=4, flip=True),
    )
