"""Files that are whole or absent, folders that one process writes at a time, and room for them on the disk."""

from __future__ import annotations

import csv
import datetime
import errno
import io
import itertools
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from chansearch.errors import UserError

# Less free space than this and the record of a run may not fit: some hundred kB a candidate, mostly TensorBoard, or
# two checkpoints of a training.
_LEAST_FREE_BYTES = 200 * 2**20
# What the system says of a disk without room, of a quota that is used up and of a file that may not grow further.
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write such that a reader, or a crash, sees the old one or the new one, whole."""
    aside = path.with_name(f".{path.name}.part")
    try:
        with aside.open("wb") as file:
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


def unused(folder: Path) -> Path:
    """The path, or with -2, -3, … behind its name where there is something already: two may begin in one second, and
    a clock may be set back."""
    names = itertools.chain([folder], (folder.with_name(f"{folder.name}-{n}") for n in itertools.count(2)))
    return next(name for name in names if not name.exists())


class Existing(UserError):
    """There is something where a new folder was to be."""

    def __init__(self, folder: Path, resume: str) -> None:
        """``resume``: the command that goes on with it."""
        super().__init__(f"name: {folder} exists already; choose another, or continue it with `{resume} {folder}`")


def refuse_existing(folder: Path, resume: str) -> None:
    """Raises ``Existing`` if there is something at the path."""
    if folder.exists():
        raise Existing(folder, resume)


@contextmanager
def whole_folder(path: Path, resume: str) -> Iterator[Path]:
    """A folder to fill such that others, and a crash, see none or a whole one at ``path``.

    Raises ``Existing`` where there is something by then: of two that begin under one name, one gets it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{uuid.uuid4().hex}.part")
    aside.mkdir()
    try:
        yield aside
        sync_folder(aside)
        try:
            aside.rename(path)  # over a folder only where that is empty
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                raise Existing(path, resume) from None
            raise
        sync_folder(path.parent)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise


def sync_folder(folder: Path) -> None:
    """Puts the names of its files on disk: after a power cut a file without its name is lost."""
    held = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(held)
    except OSError as error:
        if error.errno != errno.EINVAL:  # file systems that have no such thing
            raise
    finally:
        os.close(held)


@contextmanager
def locked(folder: Path, work: str) -> Iterator[None]:
    """Held while a process writes ``folder``: raises ``UserError`` where another ``work`` (search, training) holds it.

    A dead process holds nothing, whatever file it leaves. Raises ``UserError`` also where nothing can be written, or
    the file system knows no locks.
    """
    import fcntl

    try:
        file = (folder / ".lock").open("w")
    except OSError as error:
        raise UserError(f"run: {folder} cannot be written: {error.strerror}") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"run: {folder} is being written by another {work}; wait for it or stop it") from None
        except OSError as error:  # some network file systems
            raise UserError(
                f"run: {folder} cannot be locked ({error.strerror}); a {work} must be on a file system with locks, "
                "or two of them could write it at once"
            ) from None
        yield


def check_writable(key: str, folder: Path) -> Path:
    """The nearest folder that exists, this one or above; raises ``UserError`` naming ``key`` if it is not writable.

    Leaves nothing: the file that it tries to make has no name, or loses it at once.
    """
    existing = folder.resolve()
    while not existing.exists():
        existing = existing.parent
    try:
        tempfile.TemporaryFile(dir=existing).close()
    except OSError as error:
        raise UserError(f"{key}: {str(folder)!r} cannot be written: {str(existing)!r}: {error.strerror}") from None
    return existing


def check_disk(folder: Path, key: str = "results") -> None:
    """Raises ``UserError`` naming ``key`` where ``folder``, which need not exist, cannot be written or has too little
    room."""
    free = shutil.disk_usage(check_writable(key, folder)).free
    if free < _LEAST_FREE_BYTES:
        raise UserError(
            f"{key}: {str(folder)!r} is on a disk with {free // 2**20} MB free; "
            f"a run needs at least {_LEAST_FREE_BYTES // 2**20} MB"
        )


def why_not_written(error: OSError, folder: Path, resume: str) -> UserError:
    """What to say where a record could not be written, and how to go on: ``resume``, with the folder behind it."""
    if error.errno in _FULL:
        return UserError(
            f"results: the disk with {folder} is full ({error.strerror}); "
            f"make room and go on with `{resume} {folder}`: what has ended is kept"
        )
    where = error.filename or folder
    return UserError(f"results: {where} cannot be written ({error.strerror or error}); then `{resume} {folder}`")
