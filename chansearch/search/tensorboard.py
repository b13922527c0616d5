"""TensorBoard: curves of every candidate and seed, and the hparams view over candidates."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from chansearch.search.candidate import CurvePoint, Record
from chansearch.space import line_r2

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


@contextmanager
def quiet_threads() -> Iterator[None]:
    """TensorBoard's own threads, which find out that a disk is full, raise it in the caller; they print no traceback
    besides."""
    hook = threading.excepthook

    def but_for_tensorboard(failure) -> None:
        if not type(failure.thread).__module__.startswith("tensorboard."):
            hook(failure)

    threading.excepthook = but_for_tensorboard
    try:
        yield
    finally:
        threading.excepthook = hook


class CurveWriter:
    """Writes ``tb/<candidate>/`` from the driver, so that workers need no common disk.

    Raises ``OSError`` where the disk does not take it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: dict[str, SummaryWriter] = {}

    def epoch(self, label: str, epoch: int, points: Sequence[CurvePoint], *, summary: bool = True) -> None:
        """One epoch of a candidate, a point a seed; ``summary``: with the mean over them and the learning rate, which
        a contender's first seed has written already."""
        from torch.utils.tensorboard import SummaryWriter

        if label not in self._open:
            self._open[label] = SummaryWriter(str(self._folder / label))
        writer = self._open[label]
        for point in points:
            writer.add_scalar(f"val_top1/seed_{point.seed}", point.val_top1, epoch)
            writer.add_scalar(f"train_loss/seed_{point.seed}", point.train_loss, epoch)
        if summary:
            writer.add_scalar("val_top1/mean", np.mean([point.val_top1 for point in points]), epoch)
            writer.add_scalar("lr", points[0].lr, epoch)
        writer.flush()

    def end(self, label: str, record: Record) -> None:
        """A candidate has ended; its row of the hparams view, and its files are closed."""
        writer = self._open.pop(label, None)
        if writer is None:
            return
        candidate, outcome = record.candidate, record.outcome
        if outcome.val_top1:
            metrics = {
                "hparam/val_top1_mean": record.val_top1_mean,
                "hparam/val_top1_std": record.val_top1_std,
                "hparam/seeds": len(outcome.val_top1),
            }
            if outcome.test_top1:
                metrics["hparam/test_top1_mean"] = float(np.mean(outcome.test_top1))
            writer.add_hparams(
                {
                    "a": candidate.member.a,
                    "b": candidate.member.b,
                    "segments": candidate.member.shape.segments,
                    "linearity_r2": float(line_r2(np.array(candidate.channels))),
                    "params": candidate.params,
                    "macs": candidate.macs,
                    **({} if candidate.latency_ms is None else {"latency_ms": candidate.latency_ms}),
                    "origin": candidate.origin.value,
                    "state": outcome.state.value,
                },
                metrics,
                run_name=".",  # beside the curves, not in a folder of its own
            )
        writer.close()

    def close(self) -> None:
        while self._open:
            self._open.popitem()[1].close()
