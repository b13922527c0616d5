"""Nothing that was received is unpickled, whichever command reads it."""

import dataclasses

import pytest
import torch
import yaml

from chansearch.cli import main
from chansearch.errors import UserError
from chansearch.nets.checkpoint import read_tensors
from chansearch.train.cache import read_array
from chansearch.transfer.folder import TrainingFolder
from tests.security.hostile import WRITERS, write_array, write_legacy, write_pickle, write_zip
from tests.transfer.tiny import config, make_trainer, make_world

ENDINGS = (".pt", ".pth", ".bin", ".safetensors", ".pt2", ".onnx", ".npz")


@pytest.fixture
def mark(tmp_path):
    """What a file that was run would have made."""
    mark = tmp_path / "it-was-run"
    yield mark
    assert not mark.exists()


@pytest.mark.parametrize("write", WRITERS, ids=lambda write: write.__name__)
def test_the_bombs_are_live(write, tmp_path):
    """Or the tests below would say nothing: each is read by a reader that trusts it."""
    mark = tmp_path / "it-was-run"
    write(tmp_path / "bomb", mark)
    if write is write_array:
        import numpy

        numpy.load(tmp_path / "bomb", allow_pickle=True)["images"]
    elif write.__name__ == "write_script":
        import pickle
        import zipfile

        pickle.loads(zipfile.ZipFile(tmp_path / "bomb").read("evil/data.pkl"))
    elif write is write_pickle:
        # torch unpickles it before it finds that the file is not its own.
        with pytest.raises(RuntimeError, match="magic number"):
            torch.load(tmp_path / "bomb", weights_only=False)
    else:
        torch.load(tmp_path / "bomb", weights_only=False)
    assert mark.exists()


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("write", WRITERS, ids=lambda write: write.__name__)
def test_no_reader_of_weights_runs_them(write, ending, mark, tmp_path):
    path = tmp_path / f"evil{ending}"
    write(path, mark)
    with pytest.raises(UserError, match=r"evil.*(only tensors are read|cannot be read as weights|no state dict)"):
        read_tensors(path)


def test_the_variable_that_makes_torch_trust_files_changes_nothing(mark, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    write_zip(tmp_path / "evil.pt", mark)
    with pytest.raises(UserError, match="only tensors are read"):
        read_tensors(tmp_path / "evil.pt")


def test_no_cache_of_images_runs_them(mark, tmp_path):
    write_array(tmp_path / "evil.npz", mark)
    assert read_array(tmp_path / "evil.npz", (1,)) is None


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return make_world(tmp_path_factory.mktemp("world"))


@pytest.mark.parametrize(
    "command",
    [
        ["build", "rexnet_100", "--weights", "{evil}"],
        ["build", "{evil}"],
        ["export", "{evil}", "--format", "onnx", "-o", "out.onnx"],
        ["export", "rexnet_100", "--weights", "{evil}", "--format", "torch", "-o", "out.pt2"],
        ["eval", "{evil}", "data=folder", "data.root={world}/images"],
        ["eval", "{world}/tiny.yaml", "--weights", "{evil}", "data=folder", "data.root={world}/images"],
        ["train", "model={evil}", "data=folder", "data.root={world}/images"],
        ["train", "model={world}/tiny.yaml", "weights={evil}", "data=folder", "data.root={world}/images"],
        ["latency", "{evil}"],
        ["study", "spectrum", "{evil}"],
        ["study", "spectrum", "rexnet_100", "--weights", "rexnet_100={evil}"],
        ["study", "nonlinearity", "model={evil}"],
        ["study", "conventions", "{evil}"],
    ],
    ids=" ".join,
)
def test_every_command_refuses_in_one_line(command, mark, world, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_legacy(tmp_path / "evil.pt", mark)
    before = sorted(tmp_path.iterdir())
    assert main([word.format(evil="evil.pt", world=world) for word in command]) == 2
    # Some say before what they are about to do.
    [line] = [line for line in capsys.readouterr().err.splitlines() if line.startswith("chansearch: ")]
    assert "evil.pt" in line
    assert sorted(tmp_path.iterdir()) == before


def test_a_folder_with_such_a_checkpoint_is_not_resumed(mark, world, capsys):
    make_trainer(world, "crafted")
    folder = TrainingFolder.open(world / "crafted")
    write_zip(folder.checkpoint_file, mark)
    with pytest.raises(UserError, match=r"last\.pt: .*only tensors are read"):
        make_trainer(world, "crafted")
    write_zip(folder.start_file, mark)
    folder.config_file.write_text(yaml.safe_dump(dataclasses.asdict(config(world))))
    assert main(["train", "--resume", str(folder.path)]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert "start.pt: " in line and "only tensors are read" in line
