"""Is a training that lost a worker the same as one that did not? And does a searched network train?

    python -m benchmarks resume --images DIR [--images-per-class 200] [--epochs 4]

DIR holds train/ and val/ (or test/) with class folders. Three trainings of one worker at 64 pixels: rexnet_100 as is,
rexnet_100 whose worker is killed (SIGKILL) in the middle of an epoch, and the export of the paper's best c1 shape.
Besides the table, curves go to docs/figures/resume.png, .svg and benchmarks/results/resume.csv.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.table import RESULTS, markdown, publish

_FIGURES = Path(__file__).parents[1] / "docs" / "figures"
_SHAPE = "34-34-45-55-66"  # Table 3, the best of c1
_BATCH = 64


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks resume", description=__doc__.splitlines()[0])
    parser.add_argument("--images", required=True, help="a folder with train/ and val/ or test/")
    parser.add_argument("--images-per-class", type=int, default=200)
    parser.add_argument("--val-images-per-class", type=int, default=100)
    parser.add_argument("--epochs", type=int, default=4)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        trainings = _train(options, Path(folder))
    from chansearch.files import csv_text, write_aside

    rows = [{"training": name, **row} for name, training in trainings.items() for row in training]
    write_aside(RESULTS / "resume.csv", csv_text(rows[0], rows))
    _draw(trainings)
    unbroken, killed = trainings["unbroken"], trainings["killed"]
    differs = max(abs(float(a[key]) - float(b[key])) for a, b in zip(unbroken, killed, strict=True) for key in a)
    publish(
        "resume",
        "A training that lost its worker",
        f"One worker of one thread, recipe `short`, 64 pixels, {options.epochs} epochs, "
        f"{options.images_per_class} training and {options.val_images_per_class} validation images of each class in "
        f"`{Path(options.images).name}`. `killed`: SIGKILL to the worker in the middle of an epoch; `searched`: the "
        f"export of {_SHAPE}. Curves of `unbroken` and `killed` differ by at most {differs:g}, in loss and percent.",
        markdown(
            ("training", "epoch", "train loss", "top-1", "top-5"),
            [
                (row["training"], row["epoch"], f"{float(row['train_loss']):.4f}", row["val_top1"], row["val_top5"])
                for row in rows
            ],
        ),
    )


def _train(options: argparse.Namespace, root: Path) -> dict[str, list[dict[str, str]]]:
    """Rows of epochs.csv of each training, without times."""
    from benchmarks.trainings import Training, kill_a_worker

    export = [sys.executable, "-m", "chansearch", "export", "--channels", _SHAPE, "--input-size", "64"]
    (root / "searched.yaml").write_bytes(subprocess.run(export, check=True, capture_output=True).stdout)
    settings = (
        "data=folder",
        f"data.root={Path(options.images).resolve()}",
        f"data.images_per_class={options.images_per_class}",
        f"data.val_images_per_class={options.val_images_per_class}",
        "recipe=short",
        f"recipe.epochs={options.epochs}",
        "train.checkpoint_minutes=0.05",
    )
    found = {}
    for name, model in (("unbroken", "rexnet_100"), ("killed", "rexnet_100"), ("searched", "searched.yaml")):
        training = Training(root, name)
        process = training.begin(f"model={model}", *settings)
        if name == "killed":
            images = int(process.read_until("images:").split()[1].replace(",", ""))
            place = training.until_mid_epoch(process, options.epochs // 2, images // _BATCH)
            kill_a_worker(process)
            print(f"killed after {place[0]} epochs and at least {place[1]} steps", file=sys.stderr, flush=True)
        training.end(process)
        if training.code:
            raise SystemExit(f"{name}: {training.err}")
        found[name] = training.rows()
    return found


def _draw(trainings: dict[str, list[dict[str, str]]]) -> None:
    from chansearch.report.canvas import RUN_COLOURS, new_figure, tidy

    figure = new_figure(8, 3.2)
    styles = {"unbroken": ("-", "o", 7), "killed": ("--", "x", 7), "searched": (":", "s", 4)}
    for axes, key, label in zip(
        figure.subplots(1, 2), ("train_loss", "val_top1"), ("training loss, nats", "val top-1, %"), strict=True
    ):
        for colour, (name, rows) in zip(RUN_COLOURS, trainings.items(), strict=False):
            line, mark, size = styles[name]
            epochs = [int(row["epoch"]) for row in rows]
            axes.plot(epochs, [float(row[key]) for row in rows], line, marker=mark, ms=size, color=colour, label=name)
        tidy(axes, "epoch", label)
        axes.set_xticks(epochs)
    figure.axes[0].legend(frameon=False)
    for kind in ("png", "svg"):
        figure.savefig(_FIGURES / f"resume.{kind}", dpi=160)
