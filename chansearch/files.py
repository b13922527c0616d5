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
import time
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
_TRIES = 5  # at a lock, 20 ms apart: someone may just be looking whether it is held, see ``is_locked``


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


def write_mapping(path: Path, data: Mapping) -> None:
    """Write a YAML file of keys and values, plain types in their order, as ``whole_file`` does."""
    import yaml

    write_aside(path, yaml.safe_dump(dict(data), sort_keys=False, allow_unicode=True))


_MOST_NODES = 20_000  # of a YAML file, each alias counted as what it stands for: a thousand blocks have 3,000
_LARGEST = 2**64  # of a whole number in it
_DEEPEST = 100  # lists within lists: what PyYAML takes grows with the square of it


def read_yaml(file: Path, name: str) -> object:
    """What a YAML file holds, in plain types; ``name`` stands for it in the ``UserError`` where it cannot be read, or
    where it would be more than can be worked with: lists within lists without end, or numbers of thousands of digits.
    """
    import yaml

    try:
        if file.exists() and not (file.is_file() or file.is_dir()):  # a pipe that nobody writes to would be waited for
            raise OSError(None, "it is no file")
        return _parse(file.read_text(encoding="utf-8"))
    except _TooMany:
        raise UserError(
            f"{name} holds more than {_MOST_NODES:,} values, each alias counted as what it stands for"
        ) from None
    except UnicodeDecodeError:
        raise UserError(f"{name} cannot be read as YAML: it is no text in UTF-8") from None
    except RecursionError:
        raise UserError(f"{name} cannot be read as YAML: it is nested too deeply") from None
    except ValueError:  # 2020-13-45, for one
        raise UserError(f"{name} cannot be read as YAML: a date or number in it is none, or far too large") from None
    except (OSError, yaml.YAMLError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        if "unhashable" in reason:  # yaml's own word for a list or a mapping that stands where a key should
            reason = "a key in it is no plain value"
        raise UserError(f"{name} cannot be read as YAML: {reason}") from None


class _TooMany(Exception):
    """More values than can be worked with."""


def _parse(text: str) -> object:
    """Plain types; raises ``RecursionError`` for what is nested too deeply and ``_TooMany``, before it takes long."""
    import yaml

    depth = values = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        values += isinstance(event, yaml.NodeEvent)
        if depth > _DEEPEST:
            raise RecursionError
        if values > _MOST_NODES:
            raise _TooMany
    data = yaml.safe_load(text)
    if _count_nodes(data) > _MOST_NODES:
        raise _TooMany
    return data


def _count_nodes(data: object, known: dict[int, float] | None = None) -> float:
    """How many values there are with all aliases written out: a few lines can stand for billions.

    A value within itself has infinitely many. Raises ``ValueError`` for a number that is not to be written out.
    """
    known = {} if known is None else known
    if isinstance(data, int) and abs(data) > _LARGEST:
        raise ValueError("a whole number of more than 64 bits")
    if not isinstance(data, dict | list | tuple | set):
        return 1
    if id(data) not in known:
        known[id(data)] = float("inf")  # as long as it is being counted
        parts = [*data.keys(), *data.values()] if isinstance(data, dict) else data
        known[id(data)] = 1 + sum(_count_nodes(part, known) for part in parts)
    return known[id(data)]


def read_mapping(file: Path, name: str) -> dict:
    """A YAML file of keys and values, as ``read_yaml`` reads it; raises ``UserError`` for anything else."""
    data = read_yaml(file, name)
    if not isinstance(data, dict):
        raise UserError(f"{name} holds no mapping of keys to values")
    return data


def section(data: Mapping, name: str) -> Mapping:
    """A part of a file that may come from anywhere; empty where it is not there, or is no mapping."""
    found = data.get(name)
    return found if isinstance(found, Mapping) else {}


def read_value(key: str, text: str) -> object:
    """The value of a KEY=VALUE, which is YAML, in plain types; raises ``UserError`` naming ``key`` for what is none."""
    import yaml

    try:
        return _parse(text)
    except (ValueError, RecursionError, _TooMany, yaml.YAMLError):
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
        for left in reversed(range(_TRIES)):
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not left:
                    raise UserError(
                        f"run: {folder} is being written by another {work}; wait for it or stop it"
                    ) from None
                time.sleep(0.02)
            except OSError as error:  # some network file systems
                raise UserError(
                    f"run: {folder} cannot be locked ({error.strerror}); a {work} must be on a file system with locks, "
                    "or two of them could write it at once"
                ) from None
        yield


def is_locked(folder: Path) -> bool:
    """Whether a process holds ``folder`` as ``locked`` does. Writes nothing.

    The kernel tells only by a lock of one's own: a shared one, which those who look grant each other, let go at once.
    Who wants the folder in that moment tries again, see ``locked``.
    """
    import fcntl

    try:  # a folder from anywhere may hold a link or a pipe by that name
        file = os.open(folder / ".lock", os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # no locks here: nobody can hold one
        return False
    finally:
        os.close(file)
    return False


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
    """The nearest folder that exists, this one or above; raises ``UserError`` naming ``key`` if it is not writable.

    Leaves nothing: the file that it tries to make has no name, or loses it at once.
    """
    existing = folder
    try:
        existing = folder.resolve()
        while not existing.exists():
            existing = existing.parent
        tempfile.TemporaryFile(dir=existing).close()
    except (OSError, ValueError, RuntimeError) as error:  # also too long, no name of a file's, links in a circle
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{key}: {str(folder)!r} cannot be written: {str(existing)!r}: {reason}") from None
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
