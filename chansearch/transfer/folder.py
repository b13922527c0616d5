"""A training's folder: every file name, written, read and resumed here alone.

``config.yaml`` (what was asked, with versions, seed and machine, at the start and at each resume), ``epochs.csv`` (a
row an epoch), ``log.txt`` (what was printed), ``checkpoints/`` (``start.pt``: the network at the start; ``last.pt``:
all that is needed to go on), ``model.pt`` (the network to use, see ``chansearch.nets.checkpoint``), ``tb/``
(TensorBoard). With several nodes it lies on a disk that all of them share.

Whole files are written aside and renamed. All that is read is plain data: tensors, numbers and text.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from chansearch.errors import UserError
from chansearch.files import (
    csv_text,
    locked,
    read_mapping,
    refuse_existing,
    refuse_links_out,
    write_aside,
    write_mapping,
)
from chansearch.nets.model import MODEL_FILE


@dataclass(frozen=True)
class TrainingFolder:
    """A training on disk. ``create`` makes one, ``open`` takes an existing one."""

    path: Path

    @property
    def config_file(self) -> Path:
        return self.path / "config.yaml"

    @property
    def epochs_file(self) -> Path:
        return self.path / "epochs.csv"

    @property
    def log_file(self) -> Path:
        return self.path / "log.txt"

    @property
    def checkpoint_file(self) -> Path:
        return self.path / "checkpoints" / "last.pt"

    @property
    def start_file(self) -> Path:
        """The network as training began, so that going on needs nothing from outside the folder."""
        return self.path / "checkpoints" / "start.pt"

    @property
    def model_file(self) -> Path:
        return self.path / MODEL_FILE

    @property
    def tensorboard(self) -> Path:
        return self.path / "tb"

    @property
    def ray(self) -> Path:
        """Where Ray keeps its own state while workers run."""
        return self.path / ".ray"

    @property
    def _end_file(self) -> Path:
        return self.path / ".end"

    @staticmethod
    def create(path: Path, config: Mapping) -> TrainingFolder:
        """A new folder holding ``config`` (plain YAML types); raises ``UserError`` if it cannot be written."""
        folder = TrainingFolder(path)
        folder.refuse_existing()
        try:
            folder.checkpoint_file.parent.mkdir(parents=True)
            write_mapping(folder.config_file, config)
        except OSError as error:
            raise UserError(f"results: {path} cannot be written: {error.strerror}") from None
        return folder

    def refuse_existing(self) -> None:
        """Raises ``UserError`` if there is something at the path already."""
        refuse_existing(self.path, "chansearch train --resume")

    @staticmethod
    def open(path: Path | str) -> TrainingFolder:
        """An existing training; raises ``UserError`` where ``path`` is none, or holds a link that leads out of it."""
        folder = TrainingFolder(Path(path))
        if not (folder.config_file.is_file() and folder.checkpoint_file.parent.is_dir()):
            raise UserError(f"run: {str(path)!r} is no training's folder; one holds config.yaml and checkpoints/")
        refuse_links_out(folder.path)
        return folder

    def config(self) -> dict:
        """What the training was asked for, as plain YAML types."""
        return read_mapping(self.config_file, f"run: {self.config_file}")

    def write_epochs(self, rows: Sequence[Mapping[str, object]]) -> None:
        """All epochs so far, a row each."""
        write_aside(self.epochs_file, csv_text(rows[0], rows))

    def epochs_done(self) -> int:
        """Whole epochs, as ``epochs.csv`` has them."""
        if not self.epochs_file.is_file():
            return 0
        return len(self.epochs_file.read_text(encoding="utf-8").splitlines()) - 1  # numbers: no cell has a line's end

    def log(self, line: str) -> None:
        """Add a line for the person who watches; several processes may."""
        with self.log_file.open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def end(self, reason: str) -> None:
        """Say that the training cannot go on: what would happen again must not be tried again."""
        write_aside(self._end_file, reason)

    def why_ended(self) -> str | None:
        """What ``end`` was told since the last start."""
        return self._end_file.read_text(encoding="utf-8") if self._end_file.is_file() else None

    def begin(self) -> None:
        """A new start, which may go on where an earlier one could not."""
        self._end_file.unlink(missing_ok=True)

    def forget_ray(self) -> None:
        """Ray's state is of no use when its workers have gone."""
        shutil.rmtree(self.ray, ignore_errors=True)

    def locked(self) -> AbstractContextManager[None]:
        """Held while a training writes; raises ``UserError`` where another one holds it."""
        return locked(self.path, "training")
