"""Under real Ray: one worker and two, a worker that is killed, Ctrl-C, a power cut."""

import contextlib
import csv
import os
import signal
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
import yaml

from chansearch.errors import UserError
from chansearch.nets.checkpoint import read_tensors
from chansearch.nets.model import open_model
from tests.search.live import Process
from tests.transfer.tiny import make_dataset, make_world, settings

pytestmark = pytest.mark.slow
EPOCHS = 30
STEPS = 5  # an epoch
# With a checkpoint after every step, so that one is lost at most and there are many places to be cut off at.
LONG = (f"recipe.epochs={EPOCHS}", "train.checkpoint_minutes=1e-9", "cluster.retries=1")


@dataclass
class Ended:
    """A training after its end."""

    path: Path
    code: int
    out: str
    err: str

    def rows(self) -> list[dict[str, str]]:
        return rows(self.path)

    def network(self) -> dict[str, torch.Tensor]:
        held = read_tensors(self.path / "checkpoints" / "last.pt")["network"]
        return {name: value for name, value in held.items() if value.is_floating_point()}  # not how often BatchNorm saw


def rows(path: Path) -> list[dict[str, str]]:
    """Of epochs.csv, without times."""
    with (path / "epochs.csv").open(newline="") as file:
        return [{key: row[key] for key in row if "second" not in key} for row in csv.DictReader(file)]


def begin(root: Path, name: str, *more: str) -> Process:
    return Process("train", *settings(root, *LONG, *more, f"name={name}"), cwd=root)


def go_on(root: Path, name: str) -> Process:
    return Process("train", "--resume", f"results/{name}", cwd=root)


def end(process: Process, root: Path, name: str) -> Ended:
    code = process.wait()
    return Ended(root / "results" / name, code, process.out, process.err)


def place(path: Path) -> tuple[int, int]:
    """Whole epochs and steps of the next one, in the last checkpoint."""
    with contextlib.suppress(UserError):
        progress = read_tensors(path / "checkpoints" / "last.pt")["progress"]
        return len(progress["rows"]), progress["step"]
    return 0, 0


def until_mid_epoch(process: Process, path: Path, epochs: int) -> None:
    def reached() -> bool:
        whole, step = place(path)
        return whole >= epochs and 0 < step < STEPS - 1

    process.until(reached)


def workers(process: Process) -> list[int]:
    """Ids of its training processes."""
    found = []
    for pid in process.tree():
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"ray::RayTrainWorker"):
                found.append(pid)
    return found


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    return make_world(tmp_path_factory.mktemp("launch"))


@pytest.fixture(scope="module")
def unbroken(root) -> Ended:
    """One worker, who accumulates two micro-batches a step."""
    return end(begin(root, "unbroken"), root, "unbroken")


@pytest.fixture(scope="module")
def killed(root) -> Ended:
    """Two workers of one micro-batch a step; one of them dies in mid-epoch."""
    process = begin(root, "killed", "cluster.workers=2")
    until_mid_epoch(process, root / "results" / "killed", epochs=3)
    os.kill(max(workers(process)), signal.SIGKILL)
    return end(process, root, "killed")


@pytest.fixture(scope="module")
def cut(root) -> list[Ended]:
    """One worker: Ctrl-C in mid-epoch, then a power cut, then to the end."""
    path = root / "results" / "cut"
    first = begin(root, "cut")
    until_mid_epoch(first, path, epochs=2)
    chapters = [Ended(path, first.press_ctrl_c(), first.out, first.err)]
    assert place(path)[0] < EPOCHS
    second = go_on(root, "cut")
    until_mid_epoch(second, path, epochs=place(path)[0] + 2)
    second.kill_tree()
    assert place(path)[0] < EPOCHS
    return [*chapters, end(go_on(root, "cut"), root, "cut")]


class TestOneWorker:
    def test_it_says_what_it_does(self, unbroken):
        assert (unbroken.code, unbroken.err) == (0, "")
        assert "90 to train on" in unbroken.out
        assert "16 = 1 workers on CPU x 8 images x 2 accumulation steps; 5 steps an epoch" in unbroken.out
        lines = [line for line in unbroken.out.splitlines() if line.startswith("epoch ")]
        assert [line.split()[1] for line in lines] == [f"{epoch}/{EPOCHS}" for epoch in range(1, EPOCHS + 1)]

    def test_it_learns(self, unbroken):
        assert float(unbroken.rows()[-1]["val_top1"]) > 90

    def test_its_folder_is_what_the_documents_say(self, unbroken):
        names = {path.name for path in unbroken.path.iterdir() if not path.name.startswith(".")}
        assert names == {"config.yaml", "epochs.csv", "log.txt", "checkpoints", "model.pt", "tb"}
        assert not (unbroken.path / ".ray").exists()
        held = yaml.safe_load((unbroken.path / "config.yaml").read_text())
        assert held["provenance"]["train_images"] == 90
        assert held["provenance"]["timm"]
        assert open_model(unbroken.path).classes == ("ant", "bee", "cat")


class TestTwoWorkers:
    def test_they_equal_one_with_the_doubled_batch(self, unbroken, killed):
        """To rounding, at every epoch, with all that draws at random, and although one of them died on the way."""
        assert killed.code == 0
        for ours, theirs in zip(killed.rows(), unbroken.rows(), strict=True):
            for key in theirs:
                assert float(ours[key]) == pytest.approx(float(theirs[key]), abs=1e-4), key
        ours, theirs = killed.network(), unbroken.network()
        for key in theirs:
            torch.testing.assert_close(ours[key], theirs[key], rtol=1e-4, atol=1e-4, msg=key)

    def test_who_died_is_said_in_a_line(self, killed):
        [line] = [line for line in killed.out.splitlines() if line.startswith("worker ")]
        assert line.endswith("was lost; going on from the last checkpoint, retry 1 of 1")
        assert killed.err == ""


class TestCutOff:
    def test_ctrl_c_says_how_to_go_on(self, cut):
        assert cut[0].code == 130
        assert cut[0].err == "stopped; go on with `chansearch train --resume results/cut`\n"

    def test_it_ends_as_if_never_cut_off(self, cut, unbroken):
        assert cut[-1].code == 0
        assert cut[-1].rows() == unbroken.rows()
        ours, theirs = cut[-1].network(), unbroken.network()
        assert all(torch.equal(ours[key], theirs[key]) for key in theirs)

    def test_a_complete_training_is_left_alone(self, cut, root):
        before = (cut[-1].path / "epochs.csv").read_bytes()
        again = end(go_on(root, "cut"), root, "cut")
        assert again.code == 0
        assert "complete" in again.out
        assert (again.path / "epochs.csv").read_bytes() == before


def test_what_would_fail_again_is_not_tried_again(tmp_path):
    """A broken image, met by one of two workers: one line, no retry, and where it stands."""
    make_world(tmp_path)
    broken = tmp_path / "images" / "train" / "bee" / "7.png"
    broken.write_bytes(b"no image")
    done = end(begin(tmp_path, "broken", "cluster.workers=2"), tmp_path, "broken")
    assert done.code == 2
    assert done.err.count("\n") == 1
    assert f"cannot read image '{broken}'" in done.err
    assert "retry" not in done.out


def test_images_that_have_changed_are_not_gone_on_with(unbroken, tmp_path, capsys):
    from chansearch.cli import main

    make_dataset(tmp_path / "images", train=29)
    held = yaml.safe_load((unbroken.path / "config.yaml").read_text())
    held["data"]["root"] = str(tmp_path / "images")
    copy = tmp_path / "copy"
    (copy / "checkpoints").mkdir(parents=True)
    (copy / "config.yaml").write_text(yaml.safe_dump(held))
    (copy / "checkpoints" / "start.pt").write_bytes((unbroken.path / "checkpoints" / "start.pt").read_bytes())
    assert main(["train", "--resume", str(copy)]) == 2
    assert "train images are not those the training began with" in capsys.readouterr().err
