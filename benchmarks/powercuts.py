"""``python -m benchmarks faults --work train`` and ``--work study``: all processes killed, at a random moment."""

from __future__ import annotations

import csv
import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml

from benchmarks.processes import TINY_STUDY, Process, wait_for, whole_lines
from benchmarks.table import markdown, publish
from chansearch.nets import NetworkSpec
from chansearch.nets.checkpoint import read_tensors
from chansearch.nets.files import spec_to_dict

_NETWORK = NetworkSpec(
    channels=(4, 6), strides=(1, 2), expansions=(1, 3), stem_channels=4, head_channels=16, input_size=8
)


@dataclass(frozen=True)
class Work:
    """A command that can be resumed, and what it leaves in ``folder``."""

    begin: tuple[str, ...]
    resume: tuple[str, ...]
    folder: str
    table: str  # what grows by a line with each epoch or training
    result: Callable[[Path], object]  # of the folder, when all is done; the same for every undisturbed run


def _rows(table: Path) -> list[tuple]:
    """Without times, in an order that does not depend on which of two workers was first."""
    with table.open(newline="", encoding="utf-8") as file:
        return sorted(tuple(value for key, value in row.items() if "second" not in key) for row in csv.DictReader(file))


def _trained(folder: Path) -> object:
    """What each epoch gave, and the last weights."""
    weights = read_tensors(folder / "checkpoints" / "last.pt")["network"]
    return _rows(folder / "epochs.csv"), {name: value.tolist() for name, value in weights.items()}


WORKS = {
    "train": Work(
        begin=(
            "train",
            "model=tiny.yaml",
            "data=folder",
            "data.root=images",
            "recipe.epochs=8",
            "recipe.warmup_epochs=1",
            "recipe.batch_size=20",
            "data.workers=0",
            "train.checkpoint_minutes=1e-9",
            "cluster.dashboard=false",
            "name=cut",
        ),
        resume=("train", "--resume", "results/cut"),
        folder="results/cut",
        table="epochs.csv",
        result=_trained,
    ),
    "study": Work(
        begin=(
            "study",
            "nonlinearity",  # of those that train the one that takes any network, a tiny one for instance
            "model=tiny.yaml",
            *TINY_STUDY,
            "--output",
            "cut",
        ),
        resume=("study", "nonlinearity", "--resume", "cut"),
        folder="cut",
        table="trainings.csv",
        result=lambda folder: _rows(folder / "trainings.csv"),
    ),
}


@dataclass(frozen=True)
class Unbroken:
    """Work that nobody killed: what it gave, its lines, and seconds to the first and from one to the next."""

    result: object
    lines: int
    start_seconds: float
    line_seconds: float


@dataclass(frozen=True)
class Moment:
    """When to kill: ``after`` lines have been written and then some seconds."""

    after: int
    seconds: float

    @staticmethod
    def draw(chance: random.Random, unbroken: Unbroken) -> Moment:
        if chance.random() < 1 / 3:
            return Moment(0, chance.uniform(0, unbroken.start_seconds))
        return Moment(chance.randint(1, unbroken.lines), chance.uniform(0, unbroken.line_seconds))


def run(name: str, runs: int, seed: int, root: Path) -> bool:
    """Publish the table; gives whether every run survived."""
    work = WORKS[name]
    unbroken = _unbroken(work, _world(root / "unbroken"))
    table = []
    for number in range(runs):
        moment = Moment.draw(random.Random(f"{seed} {name} {number}"), unbroken)
        table.append((number, *_cut(work, _world(root / str(number)), moment, unbroken.result)))
        print(table[-1], file=sys.stderr, flush=True)
    publish(
        f"faults-{name}",
        f"`chansearch {' '.join(work.begin[: 1 + (name == 'study')])}` cut off at random moments",
        f"SIGKILL to all processes, in a third of the runs before the first of {unbroken.lines} lines of "
        f"`{work.table}`, else after one drawn by chance and a random part of the time to the next, seed {seed}; then "
        "resumed. "
        f"Survived: the lines of `{work.table}` that were whole are unchanged, and the end is that of work nobody "
        f"cut off{', weights included' if name == 'train' else ''}.",
        markdown(("run", f"lines of {work.table} at the kill", "survived", "flaw"), table),
    )
    return all(survived for _, _, survived, _ in table)


def _world(folder: Path) -> Path:
    """Images of digits in a folder a class, and a network for them."""
    from PIL import Image
    from sklearn.datasets import load_digits

    digits = load_digits()
    for index, (pixels, label) in enumerate(zip(digits.images[:300], digits.target[:300], strict=True)):
        where = folder / "images" / ("val" if index % 3 == 0 else "train") / str(label)
        where.mkdir(parents=True, exist_ok=True)
        Image.fromarray((pixels * 15.9).astype("uint8")).convert("RGB").save(where / f"{index}.png")
    (folder / "tiny.yaml").write_text(yaml.safe_dump({"network": spec_to_dict(_NETWORK)}), encoding="utf-8")
    return folder


def _begin(work: Work, world: Path) -> Process:
    return Process(*(work.resume if (world / work.folder).exists() else work.begin), cwd=world)


def _unbroken(work: Work, world: Path) -> Unbroken:
    start = time.monotonic()
    process = _begin(work, world)
    table = world / work.folder / work.table
    wait_for(process, lambda: _lines(table))
    first = time.monotonic() - start
    if process.wait():
        raise SystemExit(f"`chansearch {' '.join(work.begin)}` fails with nobody killed: {process.err}")
    lines = _lines(table)
    return Unbroken(work.result(world / work.folder), lines, first, (time.monotonic() - start - first) / lines)


def _lines(table: Path) -> int:
    """Whole ones, without the heading."""
    return max(0, whole_lines(table).count(b"\n") - 1) if table.is_file() else 0


def _cut(work: Work, world: Path, moment: Moment, wanted: object) -> tuple[int, bool, str]:
    """Lines of the table when it was cut off, whether it survived, and what is wrong if not."""
    table = world / work.folder / work.table
    process = _begin(work, world)
    wait_for(process, lambda: _lines(table) >= moment.after)
    deadline = time.monotonic() + moment.seconds
    wait_for(process, lambda: time.monotonic() >= deadline)
    process.kill_tree()
    kept = whole_lines(table) if table.is_file() else b""
    again = _begin(work, world)
    code = again.wait()
    again.kill_tree()
    flaw = ""
    if code or "Traceback" in again.err:
        flaw = f"exit code {code}: {' '.join(again.err.split())[-300:]}"
    elif not whole_lines(table).startswith(kept):
        flaw = "lines that were whole have changed"
    elif work.result(world / work.folder) != wanted:
        flaw = "another result than without a kill"
    return max(0, kept.count(b"\n") - 1), not flaw, flaw
