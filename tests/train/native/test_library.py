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


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda data: b"", id="empty"),
        pytest.param(lambda data: data[: len(data) // 2], id="half"),
        pytest.param(lambda data: data[:-1], id="all but a byte"),
        pytest.param(lambda data: data[:5000] + bytes([data[5000] ^ 1]) + data[5001:], id="one bit"),
    ],
)
def test_a_damaged_library_is_compiled_again(fresh, damage):
    """The loader maps what is not there, and the process dies of it when it is read. Nothing is loaded here: this
    process has the library in memory under that name."""
    path = library._compiled()
    whole = path.read_bytes()
    path.unlink()
    path.write_bytes(damage(whole))
    assert library._compiled() == path
    assert path.read_bytes() == whole


def test_a_compiler_that_is_killed_leaves_no_library(fresh, monkeypatch):
    monkeypatch.setenv("CXX", _compiler(fresh, 'for last; do :; done; echo half > "$last"; kill -9 $$'))
    with pytest.raises(library.Unavailable):
        library.load()
    assert not list((fresh / "chansearch" / "kernels").iterdir())


def test_a_cache_that_cannot_be_written_leaves_torchs_kernels(fresh):
    (fresh / "chansearch").write_text("a file where a folder is needed")
    assert not resolve_kernels(TrainConfig(), CPU)
    with pytest.raises(UserError, match="cannot be made"):
        resolve_kernels(TrainConfig(kernels="native"), CPU)


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
