"""One command in this process as a user would see it, and what must hold of it whatever was typed or received."""

from __future__ import annotations

import contextlib
import dataclasses
import faulthandler
import io
import os
import re
import resource
import shutil
import signal
import sys
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chansearch.cli import main

# So many times the examples: `FUZZ=100 python -m pytest tests/fuzz`, drawn by chance then.
SCALE = int(os.environ.get("FUZZ", "1"))

CPU_SECONDS = 10  # of one command, after all imports
WALL_SECONDS = 60  # where it waits instead, on a machine that does other things besides
MEMORY = 3 * 2**30  # bytes beyond what the imports took

# What a command says of its progress, before it finds a mistake.
_TELL_PROGRESS = {"latency", "study"}

# Words that tell a programmer something, and a user nothing.
_INTERNAL = re.compile(
    r"Traceback|NoneType|object has no attribute|object is not|unhashable|not subscriptable|<class |"
    r"list index|out of range: \d|unexpected keyword|positional argument|maximum recursion|Errno|invalid literal|"
    r"could not convert|cannot unpack|"
    r"not enough values|too many values|codec can't|must be real number|<object|0x[0-9a-f]{8}"
)

# Examples tried, by room.
tried: Counter[str] = Counter()


class Started(BaseException):
    """Work would begin now: Ray, a process, a connection or a training. Nothing was found wrong before."""


class TooSlow(BaseException):
    """A command that should have answered by now."""


@dataclasses.dataclass(frozen=True)
class Answer:
    """``code`` is None where work would have begun."""

    code: int | None
    out: str
    err: str


def examples(few: int) -> settings:
    """``few`` examples, the same every time; ``SCALE`` times as many by chance where that is set."""
    return settings(
        max_examples=few * SCALE,
        derandomize=SCALE == 1,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


@pytest.fixture(scope="module")
def guarded() -> Iterator[None]:
    """No work begins, and memory ends, while the tests of a file run."""
    import ray
    import torch

    import chansearch.cost.describe
    import chansearch.cost.latency
    import chansearch.report.write
    import chansearch.studies.spectrum
    from chansearch.report import canvas

    def start(*_, **__):
        raise Started

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ray, "init", start)
        patch.setattr("subprocess.Popen.__init__", start)
        patch.setattr("multiprocessing.process.BaseProcess.start", start)
        patch.setattr("socket.socket.connect", start)
        patch.setattr("socket.getaddrinfo", start)
        patch.setattr(chansearch.cost.latency, "measure", start)
        patch.setattr(chansearch.studies.spectrum, "_measure", start)
        patch.setattr(torch.Tensor, "backward", start)
        patch.setattr(chansearch.cost.describe, "other_counters", lambda spec: {})  # seconds each, and not ours
        # A picture takes longer than all that is tested here; the drawing itself is not left out.
        patch.setattr(canvas, "render", lambda figure: canvas.Rendered(b"", "<svg/>"))
        patch.setattr(torch.autograd, "grad", start)
        old = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (_data_bytes() + MEMORY, old[1]))
        yield
        resource.setrlimit(resource.RLIMIT_DATA, old)


def _data_bytes() -> int:
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmData")]
    return int(line.split()[1]) * 1024


@contextlib.contextmanager
def hurried() -> Iterator[None]:
    """Raises ``TooSlow`` where Python still answers, and ends the process with all stacks where it does not."""

    def stop(*_):
        raise TooSlow

    signal.signal(signal.SIGALRM, stop)
    signal.signal(signal.SIGPROF, stop)
    faulthandler.dump_traceback_later(2 * WALL_SECONDS, exit=True, file=sys.__stderr__)
    signal.setitimer(signal.ITIMER_REAL, WALL_SECONDS)
    signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.setitimer(signal.ITIMER_PROF, 0)
        faulthandler.cancel_dump_traceback_later()


def command(arguments: Sequence[str]) -> Answer:
    """What ``chansearch`` answers; its streams are as strict as a terminal's in UTF-8."""
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    err = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="backslashreplace")
    with warnings.catch_warnings(), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), hurried():
        warnings.simplefilter("always")
        for ignored in (DeprecationWarning, PendingDeprecationWarning, ResourceWarning, ImportWarning):
            warnings.simplefilter("ignore", ignored)  # as Python does outside of tests
        warnings.showwarning = lambda message, category, *_, **__: print(f"{category.__name__}: {message}", file=err)
        try:
            code = main(list(arguments))
        except SystemExit as left:
            code = left.code or 0
        except Started:
            code = None
    texts = []
    for stream in (out, err):
        stream.flush()
        texts.append(stream.buffer.getvalue().decode())
    return Answer(code, *texts)


def snapshot(folder: Path) -> dict[str, object]:
    """Every name below a folder and what it holds; locks, which hold nothing, are left out."""
    found: dict[str, object] = {}
    for root, folders, files in os.walk(folder):
        for name in [*folders, *files]:
            path = Path(root) / name
            if name == ".lock":
                continue
            found[str(path)] = path.read_bytes() if path.is_file() and not path.is_symlink() else path.lstat().st_mode
    return found


def restore(folder: Path, before: dict[str, object]) -> None:
    """As it was: what a command that ended well has written is in the way of the next."""
    for name, held in snapshot(folder).items():
        path = Path(name)
        if name not in before:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)
        elif before[name] != held and isinstance(before[name], bytes):
            path.write_bytes(before[name])


def check(room: str, arguments: Sequence[str], folder: Path) -> Answer:
    """Run a command in ``folder``, the present one, and hold the answer to the promise."""
    tried[room] += 1
    before = snapshot(folder)
    answer = command(arguments)
    assert answer.code in (0, 2, None), answer
    if answer.code == 2:
        one_clear_line(arguments, answer)
        after = snapshot(folder)
        assert after == before, sorted(set(after) ^ set(before)) or [n for n in after if after[n] != before[n]]
    else:
        restore(folder, before)
    assert not (folder / CANARY).exists(), "code in a file was run"
    return answer


CANARY = "canary"


def hold(
    room: str, few: int, changed: st.SearchStrategy[bytes], file: Path, commands: Sequence[str], folder: Path
) -> None:
    """``check`` of the commands with what is ``changed`` in the place of ``file``'s own; the file is as before then."""
    right = file.read_bytes()

    @examples(few)
    @given(changed, st.sampled_from(commands))
    def holds(data, line):
        file.write_bytes(data)
        check(room, line.split(), folder)

    try:
        holds()
    finally:
        file.write_bytes(right)


def one_clear_line(arguments: Sequence[str], answer: Answer) -> None:
    """That the answer's last line is one a user can act on, and the only one but for what was being done."""
    lines = answer.err.splitlines()
    assert lines and answer.err.endswith("\n"), answer
    if arguments[0] not in _TELL_PROGRESS:
        assert len(lines) == 1, answer.err
    assert lines[-1].startswith("chansearch"), answer.err
    # One line for a terminal too: nothing that moves its cursor.
    assert lines[-1].isprintable(), ascii(answer.err)
    assert len(lines[-1]) < 4000, len(lines[-1])
    clear_line(lines[-1].partition(": ")[2], " ".join(arguments))


def clear_line(message: str, given: str) -> None:
    """That it speaks of what was ``given``, not of the program's insides."""
    assert len(message) > 10, message
    internal = [match[0] for match in _INTERNAL.finditer(message) if match[0] not in given]
    assert not internal, message
