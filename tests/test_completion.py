"""Completion: a real shell on a pseudo-terminal, in which TAB is pressed."""

import fcntl
import os
import pty
import re
import select
import shutil
import statistics
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from chansearch.cli import _make_parser, completion
from chansearch.config import groups

START = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "zsh": ["zsh", "-f", "-i"],
    "fish": ["fish", "--no-config", "-i"],
}
# What a shell needs before it can complete; {script} is the file that `chansearch completion` wrote.
SET_UP = {
    "bash": "source {script}",
    "zsh": 'autoload -Uz compinit && compinit -D -u && eval "$(<{script})"',
    "fish": "source {script}",
}
# What is typed before TAB: what the line is after it, or begins with where more than one word would do.
COMPLETED = {
    "chansearch sea": "chansearch search ",
    "chansearch search fidelity=lap": "chansearch search fidelity=laptop ",
    "chansearch search --dry": "chansearch search --dry-run ",
    "chansearch search sampler=tpe scheduler=con": "chansearch search sampler=tpe scheduler=contenders ",
    "chansearch search sear": "chansearch search search.",
    "chansearch search search.cand": "chansearch search search.candidates=",
    "chansearch search train.nesterov=f": "chansearch search train.nesterov=false ",
    "chansearch search --config-dir my constraint=my": "chansearch search --config-dir my constraint=mynet ",
    "chansearch search data.root=photo": "chansearch search data.root=photos/",
    "chansearch study fact": "chansearch study factors ",
    "chansearch train recipe=ep1": "chansearch train recipe=ep1",
    "chansearch report results/on": "chansearch report results/one ",
    "chansearch resume results/one search.re": "chansearch resume results/one search.re",
    "chansearch build rexnet_pl": "chansearch build rexnet_plain ",
    "chansearch build mine.y": "chansearch build mine.yaml ",
    "chansearch export --run results/o": "chansearch export --run results/one ",
}


class Shell:
    """An interactive one on a pseudo-terminal."""

    def __init__(self, name: str, folder: Path) -> None:
        self._master, slave = pty.openpty()
        environment = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(folder),
            "TERM": "dumb",
            "PS1": "$ ",
        }
        self._process = subprocess.Popen(
            START[name],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=folder,
            env=environment,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # fish wants a terminal of its own
        )
        os.close(slave)

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def until(self, pattern: str, seconds: float = 30) -> str:
        """What the shell has written when ``pattern`` is among it."""
        seen, end = "", time.monotonic() + seconds
        while not re.search(pattern, seen):
            ready, _, _ = select.select([self._master], [], [], max(0, end - time.monotonic()))
            assert ready, f"{pattern!r} is not in {seen!r}"
            seen += os.read(self._master, 65536).decode(errors="replace")
        return seen

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._master)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Where the shells stand: a group of the user's own, images, a run, a network."""
    here = tmp_path_factory.mktemp("here")
    for name in ("my/constraint", "photos", "results/one"):
        (here / name).mkdir(parents=True)
    for name in ("my/constraint/mynet.yaml", "results/one/config.yaml", "mine.yaml"):
        (here / name).touch()
    return here


@pytest.fixture(scope="module", params=START)
def shell(request, folder):
    if shutil.which(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    script = folder / f"script.{request.param}"
    script.write_text(completion.script(_make_parser(), request.param))
    started = Shell(request.param, folder)
    started.type(SET_UP[request.param].format(script=script) + "; printf '<%s>\\n' read\r")
    started.until("<read>")
    yield started
    started.close()


def completed(shell: Shell, typed: str) -> str:
    """The line after TAB: it is then put between quotes and printed, to be read as the shell has it."""
    shell.type(f"{typed}\t\x01printf '<%s>\\n' '\x05'\r")
    [line] = re.findall(r"<(chansearch[^>%]*)>", shell.until(r"<chansearch[^>%]*>"))
    return line


@pytest.mark.parametrize("typed", COMPLETED)
def test_tab_completes(shell, typed):
    line = completed(shell, typed)
    if COMPLETED[typed].endswith(" "):  # zsh takes it away again where the next key is no letter
        line = f"{line.rstrip()} "
    assert line == COMPLETED[typed]


def test_a_tab_takes_no_time(shell):
    """With what is typed before it and printed behind it."""
    seconds = []
    for typed in COMPLETED:
        began = time.monotonic()
        completed(shell, typed)
        seconds.append(time.monotonic() - began)
    assert statistics.median(seconds) < 0.3


def test_every_choice_of_every_group_is_offered():
    offered = set(completion.settings(("search",)))
    assert {f"{group}={choice}" for group, choices in groups().items() for choice in choices} <= offered


def test_every_command_that_takes_settings_has_them():
    """One that is new is found here where its tree is not."""
    for path, action in completion._actions(_make_parser()):
        if action.dest == "overrides":
            assert len(completion.settings(path)) > 10, path


SAY = "from chansearch.cli.progress import progress\nwith progress('works') as say: say('still')"


def written(environment: dict[str, str]) -> str:
    """By a command that says what it does, on a terminal."""
    master, slave = pty.openpty()
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.environ.get("PYTHONPATH", ""), **environment}
    with subprocess.Popen([sys.executable, "-c", SAY], stderr=slave, env=environment) as process:
        process.wait()
    os.close(slave)
    os.set_blocking(master, False)
    seen = os.read(master, 65536).decode()
    os.close(master)
    return seen


COLOUR = r"\x1b\[[0-9;]*3[0-9]m"


def test_a_terminal_has_colours_unless_there_are_to_be_none():
    assert re.search(COLOUR, written({"TERM": "xterm-256color"}))
    assert not re.search(COLOUR, written({"TERM": "xterm-256color", "NO_COLOR": "1"}))


def test_elsewhere_there_are_neither_colours_nor_lines_written_over():
    answer = subprocess.run([sys.executable, "-c", SAY], capture_output=True, text=True)
    assert answer.stderr == "still\n"
