"""Pictures in COCO's format whose objects are known: photographs pasted on canvases, with boxes and outlines.

The photographs are cut to ellipses, so that a mask is more than its box. Nothing of this is kept in the repository.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from sklearn.datasets import load_sample_image

CATEGORIES = ("flower", "temple")
_SIDE = 160

Photographs = dict[str, list[np.ndarray]]  # of a category, uint8 (H, W, 3)


def photographs() -> Photographs:
    """Those that ship with scikit-learn, one a category."""
    return dict(zip(CATEGORIES, [[load_sample_image("flower.jpg")], [load_sample_image("china.jpg")]], strict=True))


def photographs_of(folder: Path, categories: int, each: int) -> Photographs:
    """The first images of the first class folders, ``folder/<class>/…``."""
    classes = sorted(path for path in folder.iterdir() if path.is_dir())[:categories]
    return {
        path.name: [np.asarray(Image.open(file).convert("RGB")) for file in sorted(path.iterdir())[:each]]
        for path in classes
    }


def make_scenes(
    root: Path, train: int = 16, val: int | None = None, side: int = _SIDE, photos: Photographs | None = None
) -> Path:
    """``root/train``, ``root/val``, ``train.json`` and ``val.json``, as data=custom reads them; without ``val`` the
    validation images are the training ones. Each has one to three objects, which do not overlap."""
    rng = np.random.default_rng(0)
    photos = photos if photos is not None else photographs()
    _make_part(root, "train", train, rng, side, photos)
    if val is None:
        (root / "val").symlink_to("train")
        (root / "val.json").write_text((root / "train.json").read_text())
    else:
        _make_part(root, "val", val, rng, side, photos)
    return root


def _make_part(root: Path, name: str, images: int, rng: np.random.Generator, side: int, photos: Photographs) -> None:
    folder = root / name
    folder.mkdir(parents=True)
    data: dict[str, list] = {"images": [], "annotations": [], "categories": []}
    for number, category in enumerate(photos):
        data["categories"].append({"id": 10 * (number + 1), "name": category})  # as in COCO, there are gaps
    for number in range(images):
        canvas = Image.fromarray(rng.integers(90, 140, (side, side, 3), dtype=np.uint8))
        taken: list[tuple[int, int, int, int]] = []
        for _ in range(int(rng.integers(1, 4))):
            box = _place(rng, side, taken)
            if box is None:
                continue
            taken.append(box)
            label = int(rng.integers(0, len(photos)))
            of_it = list(photos.values())[label]
            outline = _paste(canvas, of_it[int(rng.integers(0, len(of_it)))], box, rng)
            x, y, w, h = box
            data["annotations"].append(
                {
                    "id": len(data["annotations"]) + 1,
                    "image_id": number,
                    "category_id": 10 * (label + 1),
                    "bbox": [x, y, w, h],
                    "area": 3.1416 / 4 * w * h,
                    "iscrowd": 0,
                    "segmentation": [outline],
                }
            )
        file = f"{number:03}.png"
        canvas.save(folder / file)
        data["images"].append({"id": number, "file_name": file, "width": side, "height": side})
    (root / f"{name}.json").write_text(json.dumps(data))


def _place(rng: np.random.Generator, side: int, taken: list) -> tuple[int, int, int, int] | None:
    for _ in range(50):
        w, h = (int(value) for value in rng.integers(side // 4, side // 2, 2))
        x, y = int(rng.integers(0, side - w)), int(rng.integers(0, side - h))
        if all(x + w <= a or a + c <= x or y + h <= b or b + d <= y for a, b, c, d in taken):
            return x, y, w, h
    return None


def _paste(canvas: Image.Image, photo: np.ndarray, box: tuple, rng: np.random.Generator) -> list[float]:
    """An ellipse of ``photo`` that fills ``box``; gives its outline."""
    x, y, w, h = box
    size = int(rng.integers(min(photo.shape[:2]) // 2, min(photo.shape[:2])))
    top, left = (int(rng.integers(0, photo.shape[axis] - size + 1)) for axis in (0, 1))
    cut = Image.fromarray(photo[top : top + size, left : left + size]).resize((w, h))
    angles = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    corners = np.stack([x + w / 2 * (1 + np.cos(angles)), y + h / 2 * (1 + np.sin(angles))], axis=1)
    mask = Image.new("L", (w, h), 0)
    ImageDraw.Draw(mask).ellipse((0, 0, w - 1, h - 1), fill=255)
    canvas.paste(cut, (x, y), mask)
    return corners.round(2).ravel().tolist()
