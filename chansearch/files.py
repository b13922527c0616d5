"""Files that are whole or absent, folders that one process writes at a time, and room for them on the disk."""

from __future__ import annotations

import csv
import datetime
import io
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from chansearch.errors import UserError

# Less free space than this and the record of a run may not fit: some hundred kB a candidate, mostly TensorBoard, or
# two checkpoints of a training.
_LEAST_FREE_BYTES = 200 * 2**20


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write such that a reader, or a crash, sees the old one or the new one, whole."""
    aside = path.with_name(f".{path.name}.part")
    try:
        # Of a process that was killed; and a link that lies there, in a folder from elsewhere, is not written through.
        aside.unlink(missing_ok=True)
        with aside.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except BaseException:  # a full disk, Ctrl-C: half a file is of no use
        aside.unlink(missing_ok=True)
        raise


def write_aside(path: Path, content: str | bytes) -> None:
    """Write a whole file, as ``whole_file`` does."""
    with whole_file(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)


def csv_text(columns: Iterable[str], rows: Iterable[Mapping[str, object]]) -> str:
    """A whole table, header first; without rows only the header."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(columns), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()


def read_mapping(file: Path, name: str) -> dict:
    """A YAML file of keys and values, in plain types; ``name`` stands for it in the ``UserError`` for anything else."""
    import yaml

    try:
        data = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"{name} cannot be read as YAML: {' '.join(str(error).split())}") from None
    if not isinstance(data, dict):
        raise UserError(f"{name} holds no mapping of keys to values")
    return data


def read_value(key: str, text: str) -> object:
    """The value of a KEY=VALUE, which is YAML, in plain types; raises ``UserError`` naming ``key`` for what is none."""
    import yaml

    try:
        return yaml.safe_load(text)
    except (ValueError, RecursionError, yaml.YAMLError):
        raise UserError(f"{key}: {text!r} cannot be read as YAML") from None


def time_stamp() -> str:
    """The time of day in the names of folders, which it sorts."""
    return datetime.datetime.now().strftime("%Y%m%d-%H%M%S")


def refuse_existing(folder: Path, resume: str) -> None:
    """Raises ``UserError`` if there is something at the path; ``resume`` is the command that goes on with it."""
    if folder.exists():
        raise UserError(f"name: {folder} exists already; choose another, or continue it with `{resume} {folder}`")


@contextmanager
def locked(folder: Path, work: str) -> Iterator[None]:
    """Held while a process writes ``folder``: raises ``UserError`` where another ``work`` (search, training) holds it.

    A dead process holds nothing.
    """
    import fcntl

    with (folder / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"run: {folder} is being written by another {work}; wait for it or stop it") from None
        yield


def refuse_links_out(folder: Path) -> None:
    """Raises ``UserError`` where ``folder``, a run that may come from anywhere, holds a link that leads out of it: what
    is written to the run would be written there."""
    inside = folder.resolve()
    for parent, folders, files in os.walk(inside):
        for path in (Path(parent, name) for name in (*folders, *files)):
            if path.is_symlink() and not path.resolve().is_relative_to(inside):
                raise UserError(
                    f"run: {folder / path.relative_to(inside)} is a link out of the run, to {path.resolve()}; "
                    "put what it leads to in its place"
                )


def check_writable(key: str, folder: Path) -> Path:
    """The nearest folder that exists, this one or above; raises ``UserError`` naming ``key`` if it is not writable."""
    existing = folder.resolve()
    while not existing.exists():
        existing = existing.parent
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        raise UserError(f"{key}: {str(folder)!r} cannot be written: {str(existing)!r} is no folder to write in")
    return existing


def check_disk(folder: Path) -> None:
    """Raises ``UserError`` where ``folder``, which need not exist, cannot be written or has too little room."""
    free = shutil.disk_usage(check_writable("results", folder)).free
    if free < _LEAST_FREE_BYTES:
        raise UserError(
            f"results: {str(folder)!r} is on a disk with {free // 2**20} MB free; "
            f"a run needs at least {_LEAST_FREE_BYTES // 2**20} MB"
        )
