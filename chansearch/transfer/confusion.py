"""Which classes a network takes for which: a table a class, the whole matrix, and a drawing of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from chansearch.errors import UserError
from chansearch.files import csv_text, write_aside
from chansearch.report import canvas

_COLUMNS = ("class", "images", "right", "top1", "most_taken_for", "so_often")
_NONE = "(none)"
_MOST_NAMES = 40  # of classes along an axis; more cannot be read


def write_confusion(folder: Path, counts: np.ndarray, classes: Sequence[str], title: str) -> list[Path]:
    """Write ``classes.csv``, ``confusion.csv`` and ``confusion.png`` into ``folder``, which is made; gives their paths.

    ``counts`` is int64 (K, K + 1): images of a class, by the class that was found for them; the last column has those
    for which none was, the logits not being finite. Raises ``UserError`` where it cannot be written.
    """
    table = zip(classes, counts.tolist(), strict=True)
    contents = {
        "classes.csv": csv_text(_COLUMNS, _rows(counts, classes)),
        "confusion.csv": csv_text(
            ["class", *classes, _NONE],
            [dict(zip(["class", *classes, _NONE], [name, *row], strict=True)) for name, row in table],
        ),
        "confusion.png": canvas.render(_draw(counts, classes, title)).png,
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            write_aside(folder / name, content)
    except OSError as error:
        raise UserError(f"--confusion: '{folder}' cannot be written: {error.strerror}") from None
    return [folder / name for name in contents]


def _rows(counts: np.ndarray, classes: Sequence[str]) -> list[dict]:
    """A class a row, the worst first."""
    rows = []
    for label, name in enumerate(classes):
        images, right = int(counts[label].sum()), int(counts[label, label])
        wrong = counts[label, : len(classes)].copy()
        wrong[label] = 0
        taken_for = int(wrong.argmax()) if wrong.any() else None
        rows.append(
            {
                "class": name,
                "images": images,
                "right": right,
                "top1": f"{100 * right / images:.2f}",
                "most_taken_for": "" if taken_for is None else classes[taken_for],
                "so_often": 0 if taken_for is None else int(wrong[taken_for]),
            }
        )
    return sorted(rows, key=lambda row: float(row["top1"]))


def _draw(counts: np.ndarray, classes: Sequence[str], title: str):
    """Shares of a class's images, a row a class."""
    size = len(classes)
    shares = 100 * counts[:, :size] / counts.sum(axis=1, keepdims=True)
    side = max(5.5, min(0.32 * size, 13.0))
    figure = canvas.new_figure(side + 1.2, side)
    panel = figure.subplots()
    image = panel.imshow(shares, cmap="viridis", vmin=0, vmax=100)
    canvas.title(panel, title)
    panel.set_xlabel("class that was found")
    panel.set_ylabel("class of the image")
    if size <= _MOST_NAMES:
        names = [canvas.shortened(name) for name in classes]
        panel.set_xticks(range(size), names, rotation=90, fontsize=8, parse_math=False)
        panel.set_yticks(range(size), names, fontsize=8, parse_math=False)
    bar = figure.colorbar(image, ax=panel, shrink=0.8)
    bar.set_label("images of a class (%)")
    return figure
