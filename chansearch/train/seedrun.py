"""One seed of one candidate: its model, its optimizer, an epoch, a measurement.

N images a batch, C channels, H × W pixels, K classes.
"""

import functools
from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional

from chansearch.nets.features import final_features
from chansearch.nets.network import is_finite
from chansearch.train.augment import Draws, augment, draw
from chansearch.train.config import TrainConfig
from chansearch.train.quicken import quicken
from chansearch.train.results import Diverged
from chansearch.train.schedule import learning_rate
from chansearch.train.workbench import Part, Workbench


class SeedRun:
    """Trains one seed. What it computes depends on the seed and the epoch, not on what else ran in the process."""

    def __init__(self, make_model: Callable[[], nn.Module], bench: Workbench, seed: int) -> None:
        """``make_model`` is called with torch's global generator seeded for this seed."""
        self.seed = seed
        self._bench = bench
        with bench.seeded(seed, "weights"):
            model = make_model()
        quicken(model, bench.device, bench.dtype, native=bench.native, compiled=bench.config.compile == "true")
        self._model = model.to(bench.device, memory_format=torch.channels_last)
        self.use_compiled = bench.config.compile == "true"
        self._optimizer = build_optimizer(self._model, bench.config)
        # float16 alone underflows: its loss is scaled up and steps with infinite gradients are skipped.
        self._scaler = torch.amp.GradScaler(bench.device.type, enabled=bench.dtype == torch.float16)

    @functools.cached_property
    def _compiled(self) -> Callable[[torch.Tensor], torch.Tensor]:
        """Compiles at its first call; not made before it is wanted, for torch imports its compiler with it."""
        return torch.compile(self._model)

    def train_epoch(self, epoch: int) -> float:
        """One pass, ``epoch`` from 1; returns the mean training loss. Raises Diverged when that, a weight or a
        running average is not finite."""
        bench = self._bench
        draws = draw(len(bench.train), bench.augmentation, self.seed, epoch, bench.device)
        # Summed on the device and read once, at the end: reading each step's loss would make a GPU wait each step,
        # and a sum that once met nan or inf stays so.
        loss_sum = torch.zeros((), device=bench.device)
        self._model.train()
        with bench.seeded(self.seed, "dropout", epoch):
            for step in range(bench.steps_per_epoch):
                rate = learning_rate((epoch - 1) * bench.steps_per_epoch + step, bench.steps_per_epoch, bench.config)
                loss_sum += self.train_step(draws, step, rate)
        loss = loss_sum.item() / bench.steps_per_epoch
        if not torch.isfinite(loss_sum):
            raise Diverged(self.seed, epoch, f"training loss is {loss}")
        # A variance that overflowed divides its channel to nothing: outputs are finite again, and mean nothing.
        if not is_finite(self._model):
            raise Diverged(self.seed, epoch, "weights or running averages are not finite")
        return loss

    def train_step(self, draws: Draws, step: int, rate: float) -> torch.Tensor:
        """Train on the ``step``-th batch of the epoch, from 0; returns its loss, a scalar on the device."""
        bench = self._bench
        batch = slice(step * bench.batch_size, (step + 1) * bench.batch_size)
        chosen = draws.order[batch]  # (N,)
        images = augment(
            bench.train.images[chosen],
            draws.rows[batch],
            draws.columns[batch],
            draws.mirrored[batch],
            bench.augmentation.crop_padding,
        )  # uint8 (N, C, H, W)
        with bench.autocast():
            forward = self._compiled if self.use_compiled else self._model
            logits = forward(bench.normalise(images))  # (N, K)
        loss = functional.cross_entropy(
            logits.float(), bench.train.labels[chosen], label_smoothing=bench.config.label_smoothing
        )
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        self._optimizer.zero_grad(set_to_none=True)
        self._scaler.scale(loss).backward()
        self._scaler.step(self._optimizer)
        self._scaler.update()
        return loss.detach()

    def top1(self, part: Part, epoch: int) -> float:
        """Percent of ``part`` classified right. Raises Diverged, naming ``epoch``, when an output is not finite."""
        correct = torch.zeros((), dtype=torch.int64, device=self._bench.device)
        finite = torch.ones((), dtype=torch.bool, device=self._bench.device)
        for start in range(0, len(part), self._bench.config.eval_batch_size):
            batch = slice(start, start + self._bench.config.eval_batch_size)
            logits = self.logits(part.images[batch])
            correct += (logits.argmax(dim=1) == part.labels[batch]).sum()
            finite &= logits.isfinite().all()
        if not finite:
            raise Diverged(self.seed, epoch, "the network's outputs are not finite")
        return 100 * correct.item() / len(part)

    def features(self, part: Part, epoch: int) -> torch.Tensor:
        """The final feature of every image of ``part``, float32 (n, c), see ``chansearch.nets.features``. Raises
        Diverged, naming ``epoch``, when it is not finite: an infinite value has no singular values."""
        # In float32 a batch takes twice the memory that it takes in training's arithmetic.
        size = min(self._bench.config.eval_batch_size, self._bench.batch_size)
        batches = (part.images[start : start + size] for start in range(0, len(part), size))
        found = final_features(self._model, map(self._bench.normalise, batches))
        if not found.isfinite().all():
            raise Diverged(self.seed, epoch, "the network's final feature is not finite")
        return found

    @torch.inference_mode()
    def logits(self, images: torch.Tensor) -> torch.Tensor:
        """Outputs (N, K) for uint8 images (N, C, H, W), with BatchNorm's running statistics."""
        self._model.eval()
        with self._bench.autocast():
            # Never compiled: that would compile a second time, for a part that is not trained on.
            return self._model(self._bench.normalise(images))


def build_optimizer(model: nn.Module, config: TrainConfig) -> torch.optim.SGD:
    """SGD that decays the weights of convolutions and linear layers only.

    Decaying a BatchNorm's scale or a bias shrinks what the network cannot rescale elsewhere, and is known to cost
    accuracy (arXiv 1812.01187, section 3.1, "no bias decay").
    """
    matrices = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    vectors = [parameter for parameter in model.parameters() if parameter.ndim <= 1]
    return torch.optim.SGD(
        [{"params": matrices, "weight_decay": config.weight_decay}, {"params": vectors, "weight_decay": 0.0}],
        lr=config.lr,
        momentum=config.momentum,
        nesterov=config.nesterov,
    )
