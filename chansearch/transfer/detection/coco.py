"""Images and objects of a file in COCO's format, checked: what cannot be used is counted and left out, or refused.

An image has n objects. Boxes are x1, y1, x2, y2 in pixels from the upper left corner. Labels are 1 to K in the order of
the categories' ids; 0 is the background.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from chansearch.errors import UserError
from chansearch.transfer.detection.config import CocoConfig, data_root

_LEAST_SIDE = 1.0  # pixels of a box inside its image; less is no object that can be learned
_MOST_PIXELS = 2**28  # of an image, in whose numbers pycocotools must not run over
_LONGEST = 10**6  # pixels along the sides of a polygon: pycocotools walks along them
_LARGEST_ID = 2**53  # pycocotools keeps ids as floating-point numbers


@dataclass(frozen=True, eq=False)
class Objects:
    """Those of an image."""

    boxes: np.ndarray  # float32 (n, 4)
    labels: np.ndarray  # int64 (n,)
    areas: np.ndarray  # float64 (n,), pixels: of the outline where the file says it
    crowds: np.ndarray  # bool (n,): a region of many, which nothing is learned from
    outlines: tuple[bytes, ...] = ()  # n, see ``decode_outline``; none where no masks were asked for

    def __len__(self) -> int:
        return len(self.labels)

    def single(self) -> Objects:
        """Without crowds."""
        kept = np.flatnonzero(~self.crowds)
        outlines = tuple(self.outlines[index] for index in kept) if self.outlines else ()
        return Objects(self.boxes[kept], self.labels[kept], self.areas[kept], self.crowds[kept], outlines)


@dataclass(frozen=True, eq=False)
class CocoPart:
    """Training or validation images with their objects; ``left_out`` says what of the file is not here."""

    root: Path  # of the images
    names: tuple[str, ...]  # of the files, below ``root``
    sizes: np.ndarray  # int64 (images, 2): width and height
    objects: tuple[Objects, ...]
    categories: tuple[str, ...]  # K names
    left_out: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)

    def path(self, index: int) -> Path:
        return self.root / self.names[index]


def find_training(config: CocoConfig, masks: bool) -> CocoPart:
    """Images with at least one object, which is no crowd; raises ``UserError`` where there is none."""
    part = _find(config, "train", masks)
    objects = [found.single() for found in part.objects]
    kept = [index for index, found in enumerate(objects) if len(found)]
    if not kept:
        raise UserError(f"data.train_annotations: no image with an object that can be learned{_because(part)}")
    empty = len(part) - len(kept)
    left_out = part.left_out + ((f"{empty:,} images without an object, or with crowds only",) if empty else ())
    return CocoPart(
        part.root,
        tuple(part.names[index] for index in kept),
        part.sizes[kept],
        tuple(objects[index] for index in kept),
        part.categories,
        left_out,
    )


def find_validation(config: CocoConfig, masks: bool) -> CocoPart:
    """All images: those without an object show what is found where nothing is. Raises ``UserError`` where no image has
    an object, which is no crowd: average precision would be of nothing."""
    part = _find(config, "val", masks)
    if not any(len(found.single()) for found in part.objects):
        raise UserError(f"data.val_annotations: no image with an object to be found{_because(part)}")
    return part


def _because(part: CocoPart) -> str:
    return f"; left out: {'; '.join(part.left_out)}" if part.left_out else ""


def _find(config: CocoConfig, which: str, masks: bool) -> CocoPart:
    root = data_root(config)
    key = f"data.{which}_annotations"
    file, images = root / getattr(config, f"{which}_annotations"), root / getattr(config, f"{which}_images")
    data = _read(file, key)
    categories = _categories(data["categories"], f"{key}: '{file}'")
    return _Reader(f"{key}: '{file}'", images, categories, masks).read(data["images"], data["annotations"])


def _read(file: Path, key: str) -> dict:
    try:
        data = json.loads(file.read_bytes())
    except OSError as error:
        raise UserError(f"{key}: '{file}' cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):  # json's own, and text that is no UTF-8
        raise UserError(f"{key}: '{file}' is no JSON") from None
    for part in ("images", "annotations", "categories"):
        if not (isinstance(data, dict) and isinstance(data.get(part), list)):
            raise UserError(f"{key}: '{file}' is not in COCO's format: it has no list of {part}")
        if not all(isinstance(entry, dict) for entry in data[part]):
            raise UserError(f"{key}: '{file}' is not in COCO's format: an entry of {part} is no object")
    return data


def _categories(entries: list[dict], source: str) -> dict[int, str]:
    """Ids and names, in the order of the ids."""
    found: dict[int, str] = {}
    for entry in entries:
        number, name = entry.get("id"), entry.get("name")
        if not (_is_id(number) and isinstance(name, str) and name):
            raise UserError(
                f"{source}: a category needs an id, a whole number, and a name; one has {number!r}, {name!r}"
            )
        if number in found:
            raise UserError(f"{source}: two categories have the id {number}")
        found[number] = name
    if not found:
        raise UserError(f"{source}: its list of categories is empty")
    if len(set(found.values())) < len(found):
        twice = Counter(found.values()).most_common(1)[0][0]
        raise UserError(f"{source}: two categories are called {twice!r}")
    return dict(sorted(found.items()))


class _Reader:
    """One file: what is wrong with single entries is counted."""

    def __init__(self, source: str, root: Path, categories: Mapping[int, str], masks: bool) -> None:
        self._source, self._root, self._masks = source, root, masks
        self._names = tuple(categories.values())
        self._labels = {number: label for label, number in enumerate(categories, start=1)}
        self._left_out: Counter[str] = Counter()
        self._examples: dict[str, object] = {}

    def read(self, images: list[dict], annotations: list[dict]) -> CocoPart:
        known: set[int] = set()
        kept: dict[int, tuple[str, int, int]] = {}
        for entry in images:
            number = entry.get("id")
            if not _is_id(number):
                raise UserError(f"{self._source}: an image has the id {number!r}; a whole number is needed")
            if number in known:
                raise UserError(f"{self._source}: two images have the id {number}")
            known.add(number)
            if (image := self._image(entry)) is not None:
                kept[number] = image
        if not kept:
            raise UserError(f"{self._source}: none of its {len(images):,} images is in '{self._root}'")
        of_image: dict[int, list[tuple]] = {number: [] for number in kept}
        for entry in annotations:
            number = entry.get("image_id")
            if not (_is_id(number) and number in known):
                self._count("annotations of images that the file does not name", number)
            elif number in kept and (found := self._object(entry, *kept[number][1:])) is not None:
                of_image[number].append(found)
        names, widths, heights = zip(*kept.values(), strict=True)
        return CocoPart(
            self._root,
            names,
            np.array([widths, heights], dtype=np.int64).T,
            tuple(self._gather(found) for found in of_image.values()),
            self._names,
            tuple(f"{count:,} {what} (as {self._examples[what]!r})" for what, count in self._left_out.items()),
        )

    def _count(self, what: str, example: object) -> None:
        self._left_out[what] += 1
        self._examples.setdefault(what, example)

    def _image(self, entry: dict) -> tuple[str, int, int] | None:
        name, width, height = (entry.get(key) for key in ("file_name", "width", "height"))
        sides = all(type(side) is int and side > 0 for side in (width, height)) and width * height <= _MOST_PIXELS
        if not (isinstance(name, str) and sides):
            self._count("images without a file name, a width or a height", entry.get("id"))
            return None
        # A file of annotations may come from anywhere, and is to open nothing but the images of its folder.
        if Path(name).is_absolute() or ".." in Path(name).parts or "\0" in name:
            raise UserError(f"{self._source}: the image {name!r} lies outside of '{self._root}'")
        if not (self._root / name).is_file():
            self._count(f"images that are not in '{self._root}'", name)
            return None
        return name, width, height

    def _object(self, entry: dict, width: int, height: int) -> tuple | None:
        """Box, label, area, crowd and outline; None where it cannot be used."""
        number = entry.get("id")
        label = self._labels.get(entry.get("category_id")) if _is_id(entry.get("category_id")) else None
        if label is None:
            self._count("annotations of categories that the file does not name", entry.get("category_id"))
            return None
        box = entry.get("bbox")
        if not (isinstance(box, list) and len(box) == 4 and all(map(_is_number, box)) and min(box[2:]) > 0):
            self._count("annotations without a box of a width and a height", number)
            return None
        x, y, w, h = box
        left, top, right, bottom = max(x, 0), max(y, 0), min(x + w, width), min(y + h, height)
        if right - left < _LEAST_SIDE or bottom - top < _LEAST_SIDE:
            self._count("annotations with less than a pixel inside their image", number)
            return None
        area = entry.get("area")
        area = float(area) if _is_number(area) and area > 0 else (right - left) * (bottom - top)
        is_crowd = bool(entry.get("iscrowd"))
        outline = encode_outline(entry.get("segmentation"), width, height) if self._masks else b""
        if outline is None:
            self._count("annotations without an outline", number)
            return None
        return (left, top, right, bottom), label, area, is_crowd, outline

    def _gather(self, found: Sequence[tuple]) -> Objects:
        boxes, labels, areas, crowds, outlines = zip(*found, strict=True) if found else ((),) * 5
        return Objects(
            np.array(boxes, dtype=np.float32).reshape(-1, 4),
            np.array(labels, dtype=np.int64),
            np.array(areas, dtype=np.float64),
            np.array(crowds, dtype=bool),
            tuple(outlines) if self._masks else (),
        )


def _is_id(value: object) -> bool:
    return type(value) is int and 0 <= value < _LARGEST_ID


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and abs(value) < math.inf


def encode_outline(outline: object, width: int, height: int) -> bytes | None:
    """COCO's ``segmentation`` of an object, polygons or a run-length code of either kind, as a compressed one.

    None where it is none of these, or of another image's size. pycocotools writes beyond its memory where a code does
    not fit its image, so what comes from a file is read here first.
    """
    from pycocotools import mask

    if isinstance(outline, list):
        if not (outline and all(map(_is_polygon, outline))):
            return None
        return mask.merge(mask.frPyObjects(outline, height, width))["counts"]
    if not (isinstance(outline, dict) and outline.get("size") == [height, width]):
        return None
    counts = outline.get("counts")
    runs = _runs(counts) if isinstance(counts, str) else counts
    if not (isinstance(runs, list) and all(type(run) is int and run >= 0 for run in runs)):
        return None
    if sum(runs) != width * height:
        return None
    return mask.frPyObjects({"size": [height, width], "counts": runs}, height, width)["counts"]


def _is_polygon(corners: object) -> bool:
    """x and y of three corners or more, one after the other."""
    if not (isinstance(corners, list) and len(corners) >= 6 and len(corners) % 2 == 0):
        return False
    if not all(_is_number(value) and abs(value) <= _LONGEST for value in corners):
        return False
    points = np.array(corners, dtype=np.float64).reshape(-1, 2)
    return np.abs(np.diff(points, axis=0, append=points[:1])).sum() <= _LONGEST


def _runs(code: str) -> list[int] | None:
    """The runs of a compressed code: six bits a letter, of which five are a number's, the lowest first, and one says
    that it goes on; from the fourth on, numbers are differences to the last but one."""
    runs: list[int] = []
    value, shift = 0, 0
    for letter in code:
        bits = ord(letter) - 48
        if not 0 <= bits < 64 or shift > 30:
            return None
        value |= (bits & 0x1F) << shift
        shift += 5
        if bits & 0x20:
            continue
        if bits & 0x10:
            value -= 1 << shift
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        value, shift = 0, 0
    return None if shift else runs


def decode_outline(code: bytes, width: int, height: int) -> np.ndarray:
    """The pixels inside of an outline of ``encode_outline``, uint8 (height, width), of 0 and 1."""
    from pycocotools import mask

    return mask.decode({"size": [height, width], "counts": code})
