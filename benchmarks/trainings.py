"""Trainings in processes of their own that may be killed: for tests, and for those benchmarks that train."""

from __future__ import annotations

import contextlib
import csv
import os
import signal
from collections.abc import Sequence
from pathlib import Path

import torch

from benchmarks.processes import Process
from chansearch.errors import UserError
from chansearch.nets.checkpoint import read_tensors


class Training:
    """A training's folder ``root/results/NAME``, and what processes started for it printed."""

    def __init__(self, root: Path, name: str) -> None:
        self.root, self.name, self.path = root, name, root / "results" / name
        self.code = 0
        self.out = self.err = ""

    def begin(self, *settings: str, command: Sequence[str] = ("train",)) -> Process:
        return Process(*command, *settings, f"name={self.name}", cwd=self.root)

    def go_on(self) -> Process:
        return Process("train", "--resume", f"results/{self.name}", cwd=self.root)

    def end(self, process: Process) -> Training:
        """Wait for it."""
        return self.note(process, process.wait())

    def note(self, process: Process, code: int) -> Training:
        self.code, self.out, self.err = code, process.out, process.err
        return self

    def rows(self) -> list[dict[str, str]]:
        """Of epochs.csv, without times."""
        with (self.path / "epochs.csv").open(newline="") as file:
            return [{key: row[key] for key in row if "second" not in key} for row in csv.DictReader(file)]

    def network(self) -> dict[str, torch.Tensor]:
        """Weights and running averages in the last checkpoint, but not how often BatchNorm was asked."""
        held = read_tensors(self._checkpoint)["network"]
        return {name: value for name, value in held.items() if value.is_floating_point()}

    def place(self) -> tuple[int, int]:
        """Whole epochs and steps of the next one, in the last checkpoint."""
        with contextlib.suppress(UserError):
            progress = read_tensors(self._checkpoint)["progress"]
            return len(progress["rows"]), progress["step"]
        return 0, 0

    def until_mid_epoch(self, process: Process, epochs: int, steps: int) -> tuple[int, int]:
        """Wait until ``epochs`` are whole and the next one, of ``steps``, is neither new nor nearly over."""

        def reached() -> bool:
            whole, step = self.place()
            return whole >= epochs and 0 < step < steps - 1

        process.until(reached)
        return self.place()

    @property
    def _checkpoint(self) -> Path:
        return self.path / "checkpoints" / "last.pt"


def kill_a_worker(process: Process) -> None:
    """SIGKILL to the youngest of its training processes."""
    found = []
    for pid in process.tree():
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"ray::RayTrainWorker"):
                found.append(pid)
    os.kill(max(found), signal.SIGKILL)
