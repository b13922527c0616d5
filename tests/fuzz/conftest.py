"""The folder that every command of these tests stands in, and how many were tried."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
import yaml
from PIL import Image

from chansearch.nets import preset
from chansearch.nets.files import spec_to_dict
from tests.fuzz import harness
from tests.fuzz.harness import guarded  # noqa: F401  (a fixture)
from tests.fuzz.runs import make_recorded_run


@pytest.fixture(scope="module")
def here(tmp_path_factory, guarded) -> Path:  # noqa: F811
    """A folder with a run, networks, weights and things that are none, to stand in."""
    folder = tmp_path_factory.mktemp("fuzz")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        make_recorded_run(folder / "run")
        make_recorded_run(folder / "results" / "latest")
        _make_files(folder)
        yield folder
        (folder / "locked").chmod(0o700)


def _make_files(folder: Path) -> None:
    from chansearch.nets.checkpoint import Checkpoint, save_checkpoint
    from chansearch.nets.network import Network

    small = preset("rexnet_100")
    (folder / "net.yaml").write_text(yaml.safe_dump({"network": spec_to_dict(small)}))
    tiny = yaml.safe_load((folder / "net.yaml").read_text())
    tiny["network"] |= {"channels": [4, 8], "strides": [1, 2], "expansions": [1, 6], "input_size": 16, "classes": 3}
    tiny["network"] |= {"stem_channels": 4, "head_channels": 8}
    (folder / "tiny.yaml").write_text(yaml.safe_dump(tiny))
    from chansearch.nets.files import load_spec

    spec = load_spec(folder / "tiny.yaml")
    save_checkpoint(folder / "model.pt", Checkpoint(spec, Network(spec).state_dict()))
    (folder / "empty.yaml").touch()
    (folder / "noise.pt").write_bytes(random.Random(0).randbytes(1000))
    (folder / "noise.yaml").write_bytes(random.Random(1).randbytes(1000))
    (folder / "text.txt").write_text("nothing of use\n")
    (folder / "folder").mkdir()
    (folder / "locked").mkdir(mode=0o000)
    (folder / "loop").symlink_to("loop")
    os.mkfifo(folder / "fifo")
    for part in ("train", "val"):
        for label in ("a", "b", "c"):
            (folder / "images" / part / label).mkdir(parents=True)
            Image.new("RGB", (8, 8)).save(folder / "images" / part / label / "0.png")
    groups = folder / "groups"
    for name in ("constraint", "space", "recipe"):
        (groups / name).mkdir(parents=True)
    (groups / "constraint" / "mine.yaml").write_text("name: mine\nbudget: {macs: {target: 1M}}\n")


def pytest_terminal_summary(terminalreporter) -> None:
    if harness.tried:
        counts = ", ".join(f"{room} {count:,}" for room, count in sorted(harness.tried.items()))
        terminalreporter.write_line(f"fuzz: {sum(harness.tried.values()):,} examples: {counts}")
