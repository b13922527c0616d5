"""Detectors: what they cost beside the paper's Tables 6 to 8, and whether each of them can learn 16 pictures by heart.

    python -m benchmarks detection [--heads ssdlite,fasterrcnn,maskrcnn] [--epochs 30] [--images DIR]

The pictures are made: photographs, cut to ellipses and pasted on noise, with boxes and outlines that are known; those
of the first three classes of DIR/<class>/…, or two that ship with scikit-learn. Training and validation images are the
same. A detector has learned them when its AP50 is 80 or more. Precision by epoch goes to docs/figures/overfits.png and
benchmarks/results/detection.csv.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.table import RESULTS, markdown, publish
from chansearch.files import csv_text, write_aside
from chansearch.nets.presets import preset
from chansearch.transfer.detection.config import HEADS
from chansearch.transfer.detection.detector import DetectorSpec, price

_FIGURE = Path(__file__).parents[1] / "docs" / "figures" / "overfits.png"
_COCO = 90  # labels of COCO go up to it, and the published params are those of so many
_ENOUGH = 80.0

# Of the paper's Tables 6, 7 and 8: millions of params, billions of MACs (the paper's FLOPs).
PUBLISHED = (
    ("ssdlite", "rexnet_090", 5.0, 0.88),
    ("ssdlite", "rexnet_100", 5.7, 1.01),
    ("ssdlite", "rexnet_130", 8.4, 1.60),
    ("fasterrcnn", "rexnet_090", 20.1, 123.0),
    ("fasterrcnn", "rexnet_100", 20.7, 124.1),
    ("fasterrcnn", "rexnet_220", 33.0, 153.8),
    ("maskrcnn", "rexnet_090", 22.8, 123.0),
    ("maskrcnn", "rexnet_100", 23.3, None),
    ("maskrcnn", "rexnet_220", 35.6, 153.8),
)


def as_published(head: str) -> DetectorSpec:
    """As the paper's tables have it: SSDLite at 320 × 320, the others at 1280 × 800, which their MACs are of."""
    height, width = (320, 320) if head == "ssdlite" else (800, 1280)
    return DetectorSpec(
        head=head,
        categories=_COCO,
        min_size=height,
        max_size=width,
        fpn_channels=256,
        samples=512,
        freeze_bn=False,
        score_threshold=0.05,
        detections=100,
    )


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks detection", description=__doc__.splitlines()[0])
    parser.add_argument("--heads", default=",".join(HEADS))
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--images", type=Path, help="class folders")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="chansearch-detection-") as folder:
        root = _make_world(Path(folder), options.images)
        overfits = [_overfit(root, head, options.epochs) for head in options.heads.split(",")]
    what = "two classes, which ship with scikit-learn" if options.images is None else "three classes"
    write_aside(_FIGURE, _draw(overfits))
    rows = [{"head": overfit.head} | row for overfit in overfits for row in overfit.rows]
    write_aside(RESULTS / "detection.csv", csv_text(_columns(rows), rows))
    publish(
        "detection",
        "Detectors: costs, and what they can learn",
        "Params and MACs of a detector for COCO beside the published ones; one image of the size, its second stage for "
        "1,000 proposals, without the mask head. `chansearch.transfer.detection.detector.price` counts them.",
        _cost_table(),
        f"Sixteen pictures of 160 × 160, on which photographs of {what} lie, one to three on each, learned by heart by "
        f"ReXNet ×1.0 from fresh weights: {options.epochs} epochs of two steps of eight images.",
        markdown(
            ["head", "box AP", "box AP50", "mask AP", "mask AP50", "AP50 of 80 after", "minutes"],
            [overfit.line() for overfit in overfits],
        ),
    )
    if any(overfit.best() < _ENOUGH for overfit in overfits):
        raise SystemExit(1)


def _cost_table() -> str:
    lines = []
    for head, network, params, macs in PUBLISHED:
        cost = price(preset(network), as_published(head))
        ours, counted = cost.params / 1e6, cost.macs / 1e9
        lines.append(
            [
                head,
                network,
                f"{cost.size[1]}x{cost.size[0]}",
                f"{params}M",
                f"{ours:.2f}M",
                f"{100 * (ours / params - 1):+.1f} %",
                "not given" if macs is None else f"{macs}B",
                f"{counted:.3f}B" if counted < 10 else f"{counted:.1f}B",
                "" if macs is None else f"{100 * (counted / macs - 1):+.1f} %",
            ]
        )
    return markdown(["head", "network", "image", "params, published", "here", "", "MACs, published", "here", ""], lines)


@dataclass(frozen=True)
class Overfit:
    """One training: its epochs, as ``epochs.csv`` has them."""

    head: str
    rows: list[dict[str, str]]
    minutes: float

    def curve(self, measure: str) -> list[float]:
        return [float(row[measure]) for row in self.rows if row.get(measure)]

    def best(self) -> float:
        """The lowest of its AP50s, of the last epoch."""
        return min(self.curve(name)[-1] for name in ("val_box_ap50", "val_mask_ap50") if self.curve(name))

    def line(self) -> list[str]:
        figures = [self.curve(f"val_{name}") for name in ("box_ap", "box_ap50", "mask_ap", "mask_ap50")]
        reached = next((epoch for epoch, value in enumerate(figures[1], 1) if value >= _ENOUGH), None)
        return [
            self.head,
            *(f"{curve[-1]:.1f}" if curve else "" for curve in figures),
            "never" if reached is None else f"{reached} epochs",
            f"{self.minutes:.1f}",
        ]


def _make_world(root: Path, images: Path | None) -> Path:
    from tests.transfer.detection.scenes import make_scenes, photographs_of

    make_scenes(root / "scenes", photos=None if images is None else photographs_of(images, 3, 10))
    return root


def overfit_settings(root: Path, head: str, epochs: int) -> list[str]:
    """For a detector that is to learn ``root/scenes`` by heart, in minutes on a CPU."""
    return [
        "model=rexnet_100",
        "data=custom",
        f"data.root={root / 'scenes'}",
        "recipe=short",
        f"recipe.epochs={epochs}",
        "recipe.augment=none",
        "detector.min_size=160",
        "detector.max_size=160",
        "detector.samples=64",
        "detector.fpn_channels=64",
        "data.workers=0",
        "cluster.dashboard=false",
        f"name={head}",
        f"results={root / 'results'}",
        *(["recipe.lr=0.05"] if head == "ssdlite" else []),
    ]


def _overfit(root: Path, head: str, epochs: int) -> Overfit:
    start = time.monotonic()
    settings = overfit_settings(root, head, epochs)
    subprocess.run([sys.executable, "-m", "chansearch", "transfer", head, *settings], check=True, stdout=sys.stderr)
    with (root / "results" / head / "epochs.csv").open(newline="") as file:
        return Overfit(head, list(csv.DictReader(file)), (time.monotonic() - start) / 60)


def _columns(rows: list[dict]) -> list[str]:
    return list(dict.fromkeys(key for row in rows for key in row))


def _draw(overfits: list[Overfit]) -> bytes:
    from chansearch.report import canvas

    figure, panels = canvas.new_panels(len(overfits), sharey=True)
    for panel, overfit in zip(panels, overfits, strict=True):
        canvas.tidy(panel, "epoch", "average precision (%)" if panel is panels[0] else "")
        canvas.title(panel, overfit.head)
        lines = (("box_ap50", "box AP50"), ("box_ap", "box AP"), ("mask_ap50", "mask AP50"), ("mask_ap", "mask AP"))
        for place, (measure, label) in enumerate(lines):
            curve = overfit.curve(f"val_{measure}")
            if curve:
                panel.plot(
                    range(1, len(curve) + 1),
                    curve,
                    label=label,
                    color=canvas.RUN_COLOURS[place // 2],
                    linestyle="-" if measure.endswith("50") else "--",
                )
        panel.axhline(_ENOUGH, color=canvas.REST, linewidth=1)
        panel.set_ylim(0, 102)
        panel.legend(frameon=False, fontsize=8, loc="lower right")
    return canvas.render(figure).png
