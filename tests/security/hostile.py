"""Files that would run a program if they were unpickled or evaluated: it makes a file, which must not be there."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path

import numpy as np
import torch


class Bomb:
    """Unpickling it makes the file ``mark``."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return (open, (str(self.mark), "w"))


def yaml_bomb(mark: Path) -> str:
    """A YAML value that makes ``mark`` in a loader that knows Python's tags."""
    return f"!!python/object/apply:builtins.open ['{mark}', 'w']"


def write_zip(path: Path, mark: Path) -> None:
    """As ``torch.save`` writes now."""
    torch.save({"network": {}, "state_dict": {"weight": Bomb(mark)}}, path)


def write_legacy(path: Path, mark: Path) -> None:
    """As ``torch.save`` wrote before 1.6."""
    torch.save({"network": {}, "state_dict": {"weight": Bomb(mark)}}, path, _use_new_zipfile_serialization=False)


def write_pickle(path: Path, mark: Path) -> None:
    path.write_bytes(pickle.dumps({"state_dict": Bomb(mark)}))


def write_array(path: Path, mark: Path) -> None:
    """An ``.npz`` of objects."""
    with path.open("wb") as file:
        np.savez(file, images=np.array([Bomb(mark)], dtype=object))


def write_script(path: Path, mark: Path) -> None:
    """A TorchScript archive by its form, which ``torch.load`` hands on, with a pickle of ours as its constants."""
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("constants.pkl", "data.pkl"):
            archive.writestr(f"evil/{name}", pickle.dumps(Bomb(mark)))
        archive.writestr("evil/code/evil.py", "")
        archive.writestr("evil/version", "3\n")


WRITERS = (write_zip, write_legacy, write_pickle, write_array, write_script)
