"""Under real Ray: one worker and two, a worker that is killed, Ctrl-C, a power cut."""

from pathlib import Path

import pytest
import torch
import yaml

from benchmarks.processes import Process
from benchmarks.trainings import Training, kill_a_worker
from chansearch.cli import main
from chansearch.nets.model import open_model
from tests.search.sockets import Socket, Watch
from tests.transfer.tiny import make_dataset, make_world, settings

pytestmark = pytest.mark.slow
EPOCHS = 30
STEPS = 5  # an epoch
# With a checkpoint after every step, so that one is lost at most and there are many places to be cut off at.
LONG = (f"recipe.epochs={EPOCHS}", "recipe.ema_decay=0.9", "train.checkpoint_minutes=1e-9", "cluster.retries=1")


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    return make_world(tmp_path_factory.mktemp("launch"))


def begin(training: Training, *more: str) -> Process:
    return training.begin(*settings(training.root, *LONG, *more))


@pytest.fixture(scope="module")
def unbroken(root) -> Training:
    """One worker, who accumulates two micro-batches a step."""
    training = Training(root, "unbroken")
    return training.end(begin(training))


@pytest.fixture(scope="module")
def sockets() -> set[Socket]:
    """Of all processes of ``killed``, while it ran."""
    return set()


@pytest.fixture(scope="module")
def killed(root, sockets) -> Training:
    """Two workers of one micro-batch a step; one of them dies in mid-epoch."""
    training = Training(root, "killed")
    process = begin(training, "cluster.workers=2")
    watch = Watch(process)
    training.until_mid_epoch(process, 3, STEPS)
    kill_a_worker(process)
    training.end(process)
    sockets |= watch.end()
    return training


@pytest.fixture(scope="module")
def stopped(root) -> Training:
    """One worker, and Ctrl-C in mid-epoch."""
    training = Training(root, "cut")
    process = begin(training)
    training.until_mid_epoch(process, 2, STEPS)
    return training.note(process, process.press_ctrl_c())


@pytest.fixture(scope="module")
def resumed(stopped, root) -> Training:
    """The same, resumed, cut off by a power cut, and resumed to the end."""
    training = Training(root, stopped.name)
    process = training.go_on()
    whole, _ = training.place()
    training.until_mid_epoch(process, whole + 2, STEPS)
    process.kill_tree()
    assert training.place()[0] < EPOCHS
    return training.end(training.go_on())


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
    def test_they_meet_on_this_machine_alone(self, killed, sockets):
        assert len([socket for socket in sockets if socket.listens]) >= 4
        assert [socket for socket in sockets if socket.listens and not socket.is_loopback] == []

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


@pytest.mark.harm
class TestCutOff:
    def test_ctrl_c_says_how_to_go_on(self, stopped):
        assert stopped.code == 130
        assert stopped.err == "stopped; go on with `chansearch train --resume results/cut`\n"
        assert stopped.place()[0] < EPOCHS

    def test_it_ends_as_if_never_cut_off(self, resumed, unbroken):
        assert (resumed.code, resumed.err) == (0, "")
        assert resumed.rows() == unbroken.rows()
        ours, theirs = resumed.network(), unbroken.network()
        assert all(torch.equal(ours[key], theirs[key]) for key in theirs)

    def test_a_complete_training_is_left_alone(self, resumed, capsys):
        before = (resumed.path / "epochs.csv").read_bytes()
        assert main(["train", "--resume", str(resumed.path)]) == 0
        assert f"is complete: {EPOCHS} epochs" in capsys.readouterr().out
        assert (resumed.path / "epochs.csv").read_bytes() == before


@pytest.mark.harm
def test_what_would_fail_again_is_not_tried_again(tmp_path):
    """A broken image, met by one of two workers: one line, no retry, and where it stands."""
    make_world(tmp_path)
    broken = tmp_path / "images" / "train" / "bee" / "7.png"
    broken.write_bytes(b"no image")
    done = Training(tmp_path, "broken")
    done.end(begin(done, "cluster.workers=2"))
    assert done.code == 2
    assert done.err.count("\n") == 1
    assert f"cannot read image '{broken}'" in done.err
    assert "retry" not in done.out


def test_images_that_have_changed_are_not_gone_on_with(unbroken, tmp_path, capsys):
    make_dataset(tmp_path / "images", train=29)
    held = yaml.safe_load((unbroken.path / "config.yaml").read_text())
    held["data"]["root"] = str(tmp_path / "images")
    copy = tmp_path / "copy"
    (copy / "checkpoints").mkdir(parents=True)
    (copy / "config.yaml").write_text(yaml.safe_dump(held))
    (copy / "checkpoints" / "start.pt").write_bytes((unbroken.path / "checkpoints" / "start.pt").read_bytes())
    assert main(["train", "--resume", str(copy)]) == 2
    assert "train images are not those the training began with" in capsys.readouterr().err
