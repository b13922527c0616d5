"""Whether a run is held, found out without being in the way of who holds it or wants it."""

import os
import subprocess
import sys
import threading

import pytest

from chansearch.errors import UserError
from chansearch.files import is_locked, locked

HOLD = "import sys; from pathlib import Path; from chansearch.files import locked\nwith locked(Path(sys.argv[1]), 'search'): print('held', flush=True); sys.stdin.read()"  # noqa: E501


def test_a_folder_is_held_as_long_as_a_process_holds_it(tmp_path):
    assert not is_locked(tmp_path)
    assert list(tmp_path.iterdir()) == []  # looking leaves nothing
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout.readline() == "held\n"
    assert is_locked(tmp_path) and is_locked(tmp_path)  # and is held still
    with pytest.raises(UserError, match="being written by another search"), locked(tmp_path, "search"):
        pass
    holder.kill()
    holder.wait()
    assert not is_locked(tmp_path)


def test_who_wants_the_folder_is_not_turned_away_by_those_who_look(tmp_path):
    (tmp_path / ".lock").touch()
    over = threading.Event()

    def stare() -> None:
        while not over.is_set():
            is_locked(tmp_path)

    starers = [threading.Thread(target=stare) for _ in range(2)]
    for starer in starers:
        starer.start()
    try:
        for _ in range(20):
            with locked(tmp_path, "search"):
                assert is_locked(tmp_path)
    finally:
        over.set()
        for starer in starers:
            starer.join()


@pytest.mark.parametrize("kind", ["pipe", "link", "folder"])
def test_a_lock_that_is_none_is_not_held(kind, tmp_path):
    lock = tmp_path / ".lock"
    if kind == "pipe":
        os.mkfifo(lock)
    elif kind == "link":
        lock.symlink_to("/dev/zero")
    else:
        lock.mkdir()
    assert not is_locked(tmp_path)
