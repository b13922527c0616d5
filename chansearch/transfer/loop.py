"""The loop of one worker: steps, epochs, checkpoints. It knows no images: a task brings batches, loss and measures."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from timm.utils import distribute_bn
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from chansearch.errors import UserError
from chansearch.nets.checkpoint import Checkpoint, read_tensors, save_checkpoint, write_tensors
from chansearch.nets.network import is_finite
from chansearch.train.device import resolve_precision
from chansearch.train.results import Diverged
from chansearch.transfer.batches import BatchPlan
from chansearch.transfer.config import TaskConfig
from chansearch.transfer.folder import TrainingFolder
from chansearch.transfer.recipe import make_average, make_optimizer, make_schedule


class Task(Protocol):
    """One worker's share of a training: what it shows, what it minimises, what it measures."""

    score: str  # the measure that says which weights are better: the network's or their average's

    @property
    def steps_per_epoch(self) -> int: ...

    def make_network(self, start: Checkpoint, dtype: torch.dtype) -> nn.Module:
        """With the weights of ``start``, on the CPU, as it is trained fastest on the task's device in ``dtype``."""

    def batches(self, epoch: int, first_step: int) -> Iterator[Any]:
        """This worker's micro-batches of ``epoch`` from ``first_step`` on; a generator."""

    def loss(self, network: nn.Module, batch: Any) -> torch.Tensor:
        """The mean over the images of a micro-batch, float32 ()."""

    def measure(self, network: nn.Module) -> dict[str, float]:
        """Over all validation images and all workers, the same on each of them."""

    @staticmethod
    def summary(row: Mapping[str, float]) -> list[str]:
        """The measures of an epoch for a person."""


@dataclass
class Progress:
    """How far a training is: after ``step`` steps of the epoch behind ``len(rows)`` whole ones."""

    rows: list[dict[str, float]] = field(default_factory=list)  # of epochs.csv
    step: int = 0
    loss_sum: float = 0.0  # of these steps, all workers together
    seconds: float = 0.0  # spent on these steps


class Trainer:
    """One worker of a training: all of them call ``run`` together. Goes on from the folder's last checkpoint.

    With one thread on a CPU and one worker, what it computes is a function of the configuration and the images alone,
    bit for bit, wherever it was cut off and resumed; with several workers it is so but for rounding.
    """

    def __init__(
        self,
        config: TaskConfig,
        plan: BatchPlan,
        task: Task,
        start: Checkpoint,
        folder: TrainingFolder,
        device: torch.device,
        rank: int,
    ) -> None:
        """``start`` holds the network as training begins. Raises ``UserError`` for what ``device`` cannot do."""
        self._config, self._plan, self._task, self._start = config, plan, task, start
        self._folder, self._device, self._rank = folder, device, rank
        dtype = resolve_precision(config.train.precision, device)
        self._network = task.make_network(start, dtype)
        if config.recipe.sync_bn:
            self._network = nn.SyncBatchNorm.convert_sync_batchnorm(self._network)
        self._network.to(device, memory_format=torch.channels_last)
        self._autocast = torch.autocast(device.type, dtype, enabled=dtype != torch.float32)
        # float16 alone underflows: its loss is scaled up and steps with infinite gradients are skipped.
        self._scaler = torch.amp.GradScaler(device.type, enabled=dtype == torch.float16)
        self._optimizer = make_optimizer(self._network, config.recipe)
        self._schedule = make_schedule(self._optimizer, config.recipe, task.steps_per_epoch)
        self._average = make_average(self._network, config.recipe)
        self._progress = self._resume()
        self._parallel, self._control = self._join()
        self._momenta = [
            (module, module.momentum) for module in self._network.modules() if hasattr(module, "running_mean")
        ]
        self._saved_at = time.monotonic()

    def run(self) -> None:
        """Train to the last epoch. Raises ``Diverged`` where the loss left the finite numbers; the checkpoint before
        that stays."""
        if self._rank == 0 and self._progress.rows:
            self._folder.write_epochs(self._progress.rows)  # it may have been cut off between checkpoint and table
        with self._tensorboard() as board:
            while (epoch := len(self._progress.rows) + 1) <= self._config.recipe.epochs:
                row = self._train_epoch(epoch)
                self._progress = Progress([*self._progress.rows, row])
                if self._rank == 0:
                    self._record(row, board)
                self._saved_at = time.monotonic()

    def _join(self) -> tuple[nn.Module, object]:
        """The network as gradients are averaged over the workers, and a group to agree in."""
        if self._plan.workers == 1:
            return self._network, None
        # Each worker keeps its own running averages of BatchNorm, of the images it saw, and ``_meet`` makes one of
        # them. Sent out from the first worker at each step, as by default, they would forget the others' images.
        parallel = DistributedDataParallel(self._network, broadcast_buffers=False, gradient_as_bucket_view=True)
        return parallel, distributed.new_group(backend="gloo")

    def _train_epoch(self, epoch: int) -> dict[str, float]:
        progress, steps = self._progress, self._task.steps_per_epoch
        began = time.monotonic() - progress.seconds
        # Summed on the device and read at checkpoints only: reading each step's loss would make a GPU wait each step,
        # and a sum that once met nan or inf stays so.
        losses = torch.tensor(progress.loss_sum if self._rank == 0 else 0.0, device=self._device)
        self._network.train()
        batches = self._task.batches(epoch, progress.step)
        for step in range(progress.step, steps):
            losses += self._train_step(batches, (epoch - 1) * steps + step)
            if step + 1 < steps and self._is_time():
                loss_sum = self._meet(losses, epoch)
                self._save(Progress(progress.rows, step + 1, loss_sum, time.monotonic() - began))
        batches.close()  # its reading processes
        seconds = time.monotonic() - began
        loss_sum = self._meet(losses, epoch)
        lr = self._optimizer.param_groups[0]["lr"]
        row = {"epoch": epoch, "train_loss": loss_sum / steps / self._plan.workers, "lr": lr} | self._measures()
        speed = steps * self._plan.batch_size / seconds
        return row | {"images_per_second": speed, "seconds": time.monotonic() - began}

    def _train_step(self, batches: Iterator, number: int) -> torch.Tensor:
        """Step ``number`` of the training, from 0; gives the mean loss of this worker's images, on the device."""
        self._schedule.step_update(number)
        loss_sum = torch.zeros((), device=self._device)
        for turn in range(self._plan.accumulation):
            self._share_momentum(turn)
            batch = next(batches)
            with self._apart(turn), self._autocast:
                loss = self._task.loss(self._parallel, batch) / self._plan.accumulation
            with self._apart(turn):
                self._scaler.scale(loss).backward()
            loss_sum += loss.detach()
        if self._config.recipe.clip_grad is not None:
            self._scaler.unscale_(self._optimizer)
            nn.utils.clip_grad_norm_(self._network.parameters(), self._config.recipe.clip_grad)
        self._scaler.step(self._optimizer)
        self._scaler.update()
        self._optimizer.zero_grad(set_to_none=True)
        if self._average is not None:
            self._average.update(self._network, step=number + 1)
        return loss_sum

    def _apart(self, turn: int) -> contextlib.AbstractContextManager:
        """Workers exchange gradients once a step, at the last of its micro-batches."""
        if self._plan.workers == 1 or turn + 1 == self._plan.accumulation:
            return contextlib.nullcontext()
        return self._parallel.no_sync()

    def _share_momentum(self, turn: int) -> None:
        """One step moves BatchNorm's running averages once, by the mean over its micro-batches, however many they are.

        With momentum m and A of them, the turns' momenta solve: (1 - m_1)…(1 - m_A) = 1 - m, and each micro-batch
        weighs m/A in the end. Over workers the mean is taken in ``_meet``: what is linear can be averaged late.
        """
        turns = self._plan.accumulation
        for module, momentum in self._momenta if turns > 1 else ():
            module.momentum = momentum / (turns - (turns - 1 - turn) * momentum)

    def _is_time(self) -> bool:
        """Whether to save inside an epoch: the first worker's clock decides for all."""
        late = time.monotonic() - self._saved_at >= 60 * self._config.train.checkpoint_minutes
        if self._control is None:
            return late
        flag = torch.tensor(int(late))
        distributed.broadcast(flag, src=0, group=self._control)
        return bool(flag)

    def _meet(self, losses: torch.Tensor, epoch: int) -> float:
        """All workers' losses together, and their running averages of BatchNorm as one; ``losses`` goes on with the
        sum at the first worker, with 0 at the others. Raises ``Diverged`` where losses or weights are not finite."""
        if self._plan.workers > 1:
            distributed.all_reduce(losses)
            for network in filter(None, (self._network, self._average)):
                distribute_bn(network, self._plan.workers, reduce=True)
        loss_sum = losses.item()
        if not math.isfinite(loss_sum):
            raise Diverged(self._config.recipe.seed, epoch, f"training loss is {loss_sum}")
        # The loss is of the weights before each step: what the last step made of them would be noticed too late.
        if not is_finite(self._network):
            raise Diverged(self._config.recipe.seed, epoch, "the weights are not finite")
        if self._rank > 0:
            losses.zero_()
        return loss_sum

    def _measures(self) -> dict[str, float]:
        measures = self._measure(self._network)
        if self._average is not None:
            measures |= {f"ema_{name}": value for name, value in self._measure(self._average.module).items()}
        return measures

    def _measure(self, network: nn.Module) -> dict[str, float]:
        network.eval()
        with self._autocast:
            return self._task.measure(network)

    def _record(self, row: dict[str, float], board) -> None:
        """An epoch is over: the model first, for what a checkpoint holds is never trained again."""
        averaged = row.get(f"ema_{self._task.score}", -1.0) > row[self._task.score]
        best = self._average.module if averaged else self._network
        weights = {name: value.cpu() for name, value in best.state_dict().items()}
        with _writing(self._folder.model_file) as path:
            save_checkpoint(path, dataclasses.replace(self._start, weights=weights))
        for name in row.keys() - {"epoch"}:
            board.add_scalar(name, row[name], row["epoch"])
        board.flush()
        self._folder.log(_line(row, self._task.summary(row), self._config.recipe.epochs))
        if row["epoch"] == self._config.recipe.epochs:
            what = "the average of the weights" if averaged else "the weights"
            self._folder.log(f"{self._folder.model_file} holds {what} of the last epoch")
        self._save(self._progress)
        with _writing(self._folder.epochs_file):
            self._folder.write_epochs(self._progress.rows)  # last: who follows may leave when it is complete

    def _save(self, progress: Progress) -> None:
        self._saved_at = time.monotonic()
        if self._rank > 0:
            return
        data = {
            "progress": dataclasses.asdict(progress),
            "network": self._network.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "scaler": self._scaler.state_dict(),
            "average": None if self._average is None else self._average.module.state_dict(),
        }
        with _writing(self._folder.checkpoint_file) as path:
            write_tensors(path, data)

    def _resume(self) -> Progress:
        """Where the last checkpoint left off; raises ``UserError`` where it is another network's or damaged."""
        path = self._folder.checkpoint_file
        if not path.exists():
            return Progress()
        data = read_tensors(path)
        try:
            self._network.load_state_dict(data["network"])
            self._optimizer.load_state_dict(data["optimizer"])
            self._scaler.load_state_dict(data["scaler"])
            if self._average is not None:
                self._average.module.load_state_dict(data["average"])
            return Progress(**data["progress"])
        except (KeyError, TypeError, AttributeError, ValueError, RuntimeError) as error:
            raise UserError(f"{path}: is no checkpoint of this training: {' '.join(str(error).split())}") from None

    @contextlib.contextmanager
    def _tensorboard(self):
        if self._rank > 0:
            yield None
            return
        from torch.utils.tensorboard import SummaryWriter

        # Epochs after the checkpoint are trained, and drawn, again.
        with SummaryWriter(str(self._folder.tensorboard), purge_step=len(self._progress.rows) + 1) as board:
            yield board


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[Path]:
    """A full disk, for one, is a user's matter."""
    try:
        yield path
    except (OSError, RuntimeError) as error:
        raise UserError(f"results: {path} cannot be written: {error}; the checkpoint before it stays") from None


def _line(row: dict[str, float], measures: list[str], epochs: int) -> str:
    """One epoch for a person."""
    left = row["seconds"] * (epochs - row["epoch"]) / 60
    parts = [
        f"epoch {row['epoch']}/{epochs}",
        f"loss {row['train_loss']:.3f}",
        f"lr {row['lr']:.3g}",
        *measures,
        f"{row['images_per_second']:,.0f} images/s",
        *([f"{left:,.0f} min left" if left >= 1 else "under a minute left"] if row["epoch"] < epochs else []),
    ]
    return "  ".join(parts)
