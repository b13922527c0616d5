"""Where the kernels come from, and what happens where they cannot."""

import os
import subprocess
import sys

import pytest
import torch

from chansearch.errors import UserError
from chansearch.train.config import TrainConfig
from chansearch.train.device import resolve_kernels
from chansearch.train.native import library

CPU = torch.device("cpu")


def _compiler(folder, script: str) -> str:
    path = folder / "fake-c++"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def fresh(tmp_path, monkeypatch):
    """No library in memory or in the cache, and a compiler that takes no time: it copies what the real one made."""
    made = library.load()._name
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("CXX", _compiler(tmp_path, f'for last; do :; done; cp "{made}" "$last"'))
    library.load.cache_clear()
    yield tmp_path
    library.load.cache_clear()


def test_it_is_compiled_once_and_kept(fresh, monkeypatch):
    library.load()
    [made] = (fresh / "chansearch" / "kernels").iterdir()
    assert made.suffix == ".so"
    library.load.cache_clear()

    def refuse(*_, **__):
        raise AssertionError("compiled again")

    monkeypatch.setattr(library.subprocess, "run", refuse)
    library.load()


def test_workers_that_start_together_leave_one_whole_library(fresh):
    code = "from chansearch.train.native.library import load; load()"
    workers = [subprocess.Popen([sys.executable, "-c", code], env={**os.environ}) for _ in range(2)]
    assert [worker.wait() for worker in workers] == [0, 0]
    assert len(list((fresh / "chansearch" / "kernels").iterdir())) == 1


@pytest.mark.parametrize(
    ("script", "said"),
    [("echo 'no such flag' >&2; exit 1", "no such flag"), ("exit 0", "cannot be made"), ("exit 3", "no message")],
)
def test_a_compiler_that_fails_leaves_torchs_kernels(fresh, monkeypatch, script, said):
    monkeypatch.setenv("CXX", _compiler(fresh, script))
    assert not resolve_kernels(TrainConfig(), CPU)
    with pytest.raises(UserError, match=f"train.kernels: 'native' asked for, but .*{said}.*allowed here: auto, torch"):
        resolve_kernels(TrainConfig(kernels="native"), CPU)
    assert not list((fresh / "chansearch" / "kernels").iterdir())


def test_a_compiler_that_is_not_there_is_named(fresh, monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(library.Unavailable, match="no-such-compiler not found"):
        library.load()


def test_a_damaged_library_is_no_crash(fresh):
    """In a process of its own: this one would find the library in memory under that name."""
    library.load()
    [made] = (fresh / "chansearch" / "kernels").iterdir()
    made.unlink()  # this process has it open
    made.write_bytes(b"half a file")
    code = (
        "from chansearch.train.native.library import Unavailable, load\ntry: load()\nexcept Unavailable as e: print(e)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert f"{made} cannot be loaded" in said


def test_several_threads_or_torch_compile_keep_torchs_kernels():
    assert resolve_kernels(TrainConfig(), CPU)
    assert not resolve_kernels(TrainConfig(compile="true"), CPU)
    assert not resolve_kernels(TrainConfig(kernels="torch"), CPU)
    torch.set_num_threads(2)  # the fixture of this folder's parent sets it back
    assert not resolve_kernels(TrainConfig(), CPU)
    with pytest.raises(UserError, match="this process has 2"):
        resolve_kernels(TrainConfig(kernels="native"), CPU)


def test_a_gpu_keeps_torchs_kernels():
    assert not resolve_kernels(TrainConfig(), torch.device("cuda"))
