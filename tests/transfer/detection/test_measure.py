"""Average precision: of answers whose precision is known."""

import numpy as np
import pytest
import torch

from chansearch.transfer.detection.coco import CocoPart, Objects, encode_outline
from chansearch.transfer.detection.measure import Found, Measure, main_figures

SIDE = 64
BOXES = [(4, 4, 24, 24), (30, 30, 60, 60)]


def outline(box) -> bytes:
    left, top, right, bottom = box
    return encode_outline([[left, top, right, top, right, bottom, left, bottom]], SIDE, SIDE)


def part(crowds: list[list[bool]]) -> CocoPart:
    """An image for each of ``crowds``, with as many of ``BOXES``, of category 1."""
    objects = [
        Objects(
            np.array(BOXES[: len(image)], dtype=np.float32).reshape(-1, 4),
            np.ones(len(image), dtype=np.int64),
            np.array([(r - x) * (b - y) for x, y, r, b in BOXES[: len(image)]], dtype=np.float64),
            np.array(image, dtype=bool),
            tuple(outline(box) for box in BOXES[: len(image)]),
        )
        for image in crowds
    ]
    sizes = np.full((len(crowds), 2), SIDE)
    return CocoPart(None, ("",) * len(crowds), sizes, tuple(objects), ("cat", "dog"), ())


def detections(boxes, scores=None, labels=None) -> dict:
    """With the whole of each box as its mask."""
    masks = torch.zeros(len(boxes), 1, SIDE, SIDE)
    for mask, (left, top, right, bottom) in zip(masks, boxes, strict=True):
        mask[:, int(top) : int(bottom), int(left) : int(right)] = 1.0
    return {
        "boxes": torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4),
        "scores": torch.tensor(scores or [0.9] * len(boxes)),
        "labels": torch.tensor(labels or [1] * len(boxes), dtype=torch.int64),
        "masks": masks,
    }


def measured(truth: CocoPart, *images: dict) -> dict:
    found = Found()
    for index, image in enumerate(images):
        found.add(index, image)
    return Measure(truth, has_masks=True)(found)


def test_all_found():
    figures = measured(part([[False, False], [False]]), detections(BOXES), detections(BOXES[:1]))
    assert {name: round(value, 6) for name, value in main_figures(figures).items()} == dict.fromkeys(
        ["box_ap", "box_ap50", "box_ap75", "mask_ap", "mask_ap50", "mask_ap75"], 100.0
    )
    assert figures["box_ap_large"] is None  # none of them is larger than 96 × 96


def test_nothing_found():
    figures = measured(part([[False]]))
    assert set(figures.values()) == {0.0}


def test_one_of_two_found():
    """A recall of a half: of the 101 places where precision is looked up, 51 have it."""
    figures = measured(part([[False, False]]), detections(BOXES[:1]))
    assert figures["box_ap"] == pytest.approx(100 * 51 / 101)


def test_what_is_not_there_costs_precision():
    """Where it is found likelier than what is there."""
    wrong = (4, 40, 20, 60)
    figures = measured(part([[False]]), detections([wrong, BOXES[0]], [0.9, 0.8]))
    assert figures["box_ap"] == pytest.approx(50.0)


def test_another_category_is_another_object():
    assert measured(part([[False]]), detections(BOXES[:1], labels=[2]))["box_ap"] == 0.0


def test_half_an_overlap_counts_at_half():
    """A box of two thirds of the object's: found at overlaps of 0.5, 0.55, 0.6 and 0.65."""
    left, top, right, bottom = BOXES[1]
    figures = measured(part([[True, False]]), detections([(left, top, left + (right - left) * 2 / 3, bottom)]))
    assert figures["box_ap"] == pytest.approx(40.0)
    assert figures["box_ap50"] == pytest.approx(100.0)
    assert figures["box_ap75"] == 0.0


def test_what_is_found_in_a_crowd_is_not_wrong():
    inside = (32, 32, 40, 40)
    figures = measured(part([[False, True]]), detections([inside, BOXES[0]], [0.9, 0.8]))
    assert figures["box_ap"] == pytest.approx(100.0)


def test_what_is_not_finite_is_no_detection():
    broken = detections([BOXES[0], BOXES[1]], [0.9, 0.95])
    broken["boxes"][1, 0] = float("nan")
    broken_score = detections(BOXES[1:], [float("nan")])
    figures = measured(part([[False], [False, False]]), broken, broken_score)
    assert figures["box_ap"] == pytest.approx(100 * 34 / 101)  # one of three


def test_parts_of_several_workers_are_one():
    first, second = Found(), Found()
    first.add(0, detections(BOXES[:1]))
    second.add(1, detections(BOXES[:1]))
    first.extend(second)
    assert Measure(part([[False], [False]]), has_masks=True)(first)["mask_ap"] == pytest.approx(100.0)
