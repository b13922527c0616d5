"""Downloads by torchvision, made safe: one at a time, with an end, and unpacked inside their folder."""

import contextlib
import fcntl
import io
import socket
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def guarded_download(root: Path, progress: bool) -> Iterator[None]:
    """Around a call of torchvision's that downloads into ``root`` and unpacks there; ``progress`` shows its bar."""
    with _one_download(root), _patience_and_silence(progress), unpacking_inside():
        yield


@contextlib.contextmanager
def _one_download(root: Path) -> Iterator[None]:
    """Held by one process at a time: torchvision downloads and unpacks in place, and two would spoil each other's
    files. A dead process holds nothing."""
    root.mkdir(parents=True, exist_ok=True)
    with (root / ".download.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def unpacking_inside() -> Iterator[None]:
    """Archives that torchvision unpacks stay in their folder: Python's own rule is to trust them, before 3.14. The
    first releases of 3.11 know no other: there the archive's checksum alone vouches for it."""
    if not hasattr(tarfile, "data_filter"):
        yield
        return
    before = tarfile.TarFile.extraction_filter
    tarfile.TarFile.extraction_filter = staticmethod(tarfile.data_filter)
    try:
        yield
    finally:
        tarfile.TarFile.extraction_filter = before


@contextlib.contextmanager
def _patience_and_silence(progress: bool) -> Iterator[None]:
    """A limit of a minute on a silent connection, which torchvision waits on forever; its bar only on a terminal."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(60)
    shown = progress and sys.stderr.isatty()
    try:
        with contextlib.nullcontext() if shown else contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        socket.setdefaulttimeout(before)
