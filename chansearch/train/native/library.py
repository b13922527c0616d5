"""``kernels.cpp`` as a shared library: compiled once a machine by its own C++ compiler, kept in the user's cache.

The file ends in a sha256 of what is before it, which the loader of libraries does not look at: half a library, or one
with a flipped bit, would be no error there but a crash, now or in mid-training. It is compiled again.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

from chansearch.train.config import user_cache
from chansearch.train.processor import instructions

_SOURCE = Path(__file__).with_name("kernels.cpp")
_FLAGS = (
    "-std=c++17",
    "-O3",
    "-march=native",
    "-mprefer-vector-width=512",
    "-ffp-contract=fast",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-shared",
    "-fPIC",
)
_COMPILERS = ("c++", "g++", "clang++")
_COMPILE_SECONDS = 300  # a limit for a compiler that hangs; it takes some ten seconds

_INTEGER, _POINTER = ctypes.c_int64, ctypes.c_void_p
# Integers, then pointers, of each function, in the order of kernels.cpp.
_SIGNATURES = {
    "bn_moments": (3, 3),
    "bn_apply": (4, 4),
    "bn_backward_sums": (4, 7),
    "bn_backward_apply": (4, 7),
    "depthwise_forward": (6, 3),
    "depthwise_input_gradient": (5, 3),
    "depthwise_weight_gradient": (6, 3),
}


class Unavailable(Exception):
    """Why there is no library: no compiler, a compiler that failed, a cache that cannot be written."""


@functools.cache
def load() -> ctypes.CDLL:
    """The library, compiled if this machine has none yet; raises ``Unavailable`` with the reason in one line."""
    path = _compiled()
    try:
        library = ctypes.CDLL(str(path))
        for name, (integers, pointers) in _SIGNATURES.items():
            function = getattr(library, name)
            function.argtypes = [_INTEGER] * integers + [_POINTER] * pointers
            function.restype = None
    except (OSError, AttributeError) as error:
        raise Unavailable(f"{path} cannot be loaded: {error}") from None
    return library


def _compiled() -> Path:
    named = os.environ.get("CXX")
    compiler = shutil.which(named) if named else next(filter(None, map(shutil.which, _COMPILERS)), None)
    if compiler is None:
        raise Unavailable(f"no C++ compiler: {named or ', '.join(_COMPILERS)} not found")
    # One home folder may serve machines with different processors, and -march=native suits one of them.
    made_of = "\n".join([compiler, *_FLAGS, platform.machine(), instructions()])
    digest = hashlib.sha256(made_of.encode() + _SOURCE.read_bytes()).hexdigest()[:16]
    path = user_cache() / "kernels" / f"{digest}.so"
    if not _is_whole(path):
        _compile(compiler, path)
    return path


def _is_whole(path: Path) -> bool:
    try:
        held = path.read_bytes()
    except OSError:
        return False
    digest_size = hashlib.sha256().digest_size
    return hashlib.sha256(held[:-digest_size]).digest() == held[-digest_size:]


def _compile(compiler: str, path: Path) -> None:
    """Written aside and renamed: workers that start together each compile, and none loads half a file."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            aside = Path(folder) / path.name
            command = [compiler, *_FLAGS, str(_SOURCE), "-o", str(aside)]
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=_COMPILE_SECONDS)
            with aside.open("r+b") as library:
                digest = hashlib.sha256(library.read()).digest()
                library.write(digest)
            aside.replace(path)
    except subprocess.CalledProcessError as error:
        said = (error.stderr.strip().splitlines() or ["no message"])[0]
        raise Unavailable(f"{compiler} failed: {said}") from None
    except (OSError, subprocess.SubprocessError) as error:
        raise Unavailable(f"{path} cannot be made: {error}") from None
