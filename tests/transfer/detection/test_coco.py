"""What a file in COCO's format may hold: used, counted and left out, or refused in a line."""

import copy
import json

import numpy as np
import pycocotools.mask
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from chansearch.errors import UserError
from chansearch.transfer.detection.coco import (
    CocoPart,
    decode_outline,
    encode_outline,
    find_training,
    find_validation,
)
from chansearch.transfer.detection.config import CocoConfig

WIDTH, HEIGHT = 40, 30
SQUARE = [[5, 5, 15, 5, 15, 15, 5, 15]]
ANNOTATION = {
    "id": 1,
    "image_id": 1,
    "category_id": 7,
    "bbox": [5, 5, 10, 10],
    "area": 100.0,
    "iscrowd": 0,
    "segmentation": SQUARE,
}
WHOLE = {
    "images": [
        {"id": 1, "file_name": "a.png", "width": WIDTH, "height": HEIGHT},
        {"id": 2, "file_name": "b.png", "width": WIDTH, "height": HEIGHT},
    ],
    "annotations": [ANNOTATION, ANNOTATION | {"id": 2, "image_id": 2, "category_id": 3}],
    "categories": [{"id": 7, "name": "cat"}, {"id": 3, "name": "ant"}],
}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "train").mkdir()
    for name in "ab":
        Image.new("RGB", (WIDTH, HEIGHT)).save(tmp_path / "train" / f"{name}.png")
    (tmp_path / "val").symlink_to("train")
    return tmp_path


def find(folder, data: object, *, validation: bool = False, masks: bool = True) -> CocoPart:
    names = {
        f"{part}_{what}": part if what == "images" else "file.json"
        for part in ("train", "val")
        for what in ("images", "annotations")
    }
    text = data if isinstance(data, str) else json.dumps(data)
    (folder / "file.json").write_text(text)
    config = CocoConfig(root=str(folder), **names)
    return (find_validation if validation else find_training)(config, masks)


def changed(**parts) -> dict:
    return copy.deepcopy(WHOLE) | parts


def with_annotation(**fields) -> dict:
    """A third one beside two that are right."""
    return changed(annotations=[*WHOLE["annotations"], ANNOTATION | {"id": 3} | fields])


def test_a_whole_file(folder):
    part = find(folder, WHOLE)
    assert (part.names, part.left_out, part.categories) == (("a.png", "b.png"), (), ("ant", "cat"))
    assert [objects.labels.tolist() for objects in part.objects] == [[2], [1]]  # in the order of the ids
    assert part.objects[0].boxes.tolist() == [[5, 5, 15, 15]]
    assert part.path(0).is_file()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("{", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ("[]", "no list of images"),
        (changed(categories={}), "no list of categories"),
        (changed(images=[1]), "an entry of images is no object"),
        (changed(categories=[]), "its list of categories is empty"),
        (changed(categories=[{"id": "7", "name": "cat"}]), "id, a whole number"),
        (changed(categories=[{"id": 7, "name": "cat"}, {"id": 7, "name": "ant"}]), "two categories have the id 7"),
        (changed(categories=[{"id": 7, "name": "cat"}, {"id": 3, "name": "cat"}]), "two categories are called 'cat'"),
        (changed(images=[WHOLE["images"][0]] * 2), "two images have the id 1"),
        (changed(images=[WHOLE["images"][0] | {"id": None}]), "an image has the id None"),
        (changed(images=[WHOLE["images"][0] | {"file_name": "../a.png"}]), "lies outside"),
        (changed(images=[WHOLE["images"][0] | {"file_name": "/etc/passwd"}]), "lies outside"),
        (changed(images=[WHOLE["images"][0] | {"file_name": "c.png"}]), "none of its 1 images is in"),
        (changed(images=[]), "none of its 0 images is in"),
        (changed(annotations=[]), "no image with an object"),
        (changed(annotations=[ANNOTATION | {"iscrowd": 1}]), "no image with an object"),
    ],
)
@pytest.mark.parametrize("validation", [False, True])
def test_what_is_refused(folder, data, words, validation):
    with pytest.raises(UserError, match=words) as refused:
        find(folder, data, validation=validation)
    assert str(refused.value).startswith(f"data.{'val' if validation else 'train'}_annotations: ")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"bbox": [50, 5, 10, 10]}, "1 annotations with less than a pixel inside their image (as 3)"),
        ({"bbox": [5, -20, 10, 10]}, "less than a pixel inside"),
        ({"bbox": [5, 5, 0, 10]}, "1 annotations without a box of a width and a height (as 3)"),
        ({"bbox": [5, 5, -3, 10]}, "without a box"),
        ({"bbox": None}, "without a box"),
        ({"bbox": [float("nan"), 5, 3, 3]}, "without a box"),
        ({"bbox": [5, 5, float("inf"), 3]}, "without a box"),
        ({"category_id": 5}, "1 annotations of categories that the file does not name (as 5)"),
        ({"category_id": [7]}, "categories that the file does not name"),
        ({"image_id": 9}, "1 annotations of images that the file does not name (as 9)"),
        ({"segmentation": []}, "1 annotations without an outline (as 3)"),
        ({"segmentation": [[1, 2, 3, 4]]}, "without an outline"),
        ({"segmentation": [[1, 2, 3, 4, 5, 1e9]]}, "without an outline"),
        ({"segmentation": {"size": [30, 40], "counts": [1200, 1]}}, "without an outline"),
        ({"segmentation": {"size": [40, 30], "counts": [1200]}}, "without an outline"),
        ({"segmentation": "all of it"}, "without an outline"),
    ],
)
def test_what_is_counted_and_left_out(folder, fields, words):
    part = find(folder, with_annotation(**fields))
    assert sum(map(len, part.objects)) == 2
    assert len(part.left_out) == 1
    assert words in part.left_out[0]


def test_a_box_that_leaves_its_image_is_cut(folder):
    part = find(folder, changed(annotations=[ANNOTATION | {"bbox": [-5, 20, 100, 100]}]))
    assert part.objects[0].boxes.tolist() == [[0, 20, WIDTH, HEIGHT]]


def test_images_that_are_missing_are_counted(folder):
    (folder / "train" / "b.png").unlink()
    part = find(folder, WHOLE)
    assert part.names == ("a.png",)
    assert part.left_out[0].startswith("1 images that are not in ")
    assert part.left_out[0].endswith("(as 'b.png')")


def test_images_without_an_object_are_measured_on_but_not_trained_on(folder):
    """And crowds are neither learned from nor forgotten: what is found in one is not wrong."""
    data = changed(annotations=[ANNOTATION, ANNOTATION | {"id": 2, "image_id": 2, "iscrowd": 1}])
    part = find(folder, data)
    assert part.names == ("a.png",)
    assert part.left_out == ("1 images without an object, or with crowds only",)
    measured = find(folder, data, validation=True)
    assert measured.names == ("a.png", "b.png")
    assert measured.objects[1].crowds.tolist() == [True]


def test_without_masks_no_outline_is_needed(folder):
    data = changed(annotations=[{key: value for key, value in ANNOTATION.items() if key != "segmentation"}])
    assert len(find(folder, data, masks=False).objects[0]) == 1
    with pytest.raises(UserError, match="left out: 1 annotations without an outline"):
        find(folder, data, masks=True)


def mask_of(corners: tuple[int, int, int, int]) -> np.ndarray:
    left, top, right, bottom = corners
    mask = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    mask[top:bottom, left:right] = 1
    return mask


@pytest.mark.parametrize("kind", ["polygon", "runs", "code"])
def test_outlines_are_pixels(kind):
    expected = mask_of((5, 5, 15, 15))
    if kind == "polygon":
        outline = SQUARE
    elif kind == "code":
        code = pycocotools.mask.encode(np.asfortranarray(expected))
        outline = {"size": [HEIGHT, WIDTH], "counts": code["counts"].decode()}
    else:
        changes = np.flatnonzero(np.diff(expected.ravel(order="F"), prepend=0, append=2))
        outline = {"size": [HEIGHT, WIDTH], "counts": np.diff(changes, prepend=0).tolist()}
    assert (decode_outline(encode_outline(outline, WIDTH, HEIGHT), WIDTH, HEIGHT) == expected).all()


@given(st.integers(0, WIDTH), st.integers(0, HEIGHT), st.integers(0, WIDTH), st.integers(0, HEIGHT), st.integers(0, 9))
def test_any_code_of_pycocotools_is_read(left, top, right, bottom, seed):
    """Boxes, and noise on them."""
    mask = mask_of((left, top, right, bottom))
    mask ^= (np.random.default_rng(seed).random(mask.shape) < 0.1 * (seed % 3)).astype(np.uint8)
    code = pycocotools.mask.encode(np.asfortranarray(mask))["counts"].decode()
    ours = encode_outline({"size": [HEIGHT, WIDTH], "counts": code}, WIDTH, HEIGHT)
    assert ours.decode() == code
    assert (decode_outline(ours, WIDTH, HEIGHT) == mask).all()


@settings(max_examples=500)
@given(st.text(st.characters(min_codepoint=40, max_codepoint=120), max_size=40) | st.text(max_size=10))
def test_codes_that_do_not_fit_are_none(code):
    """pycocotools itself would write beyond its memory: this file once ended in a crash of the process."""
    found = encode_outline({"size": [HEIGHT, WIDTH], "counts": code}, WIDTH, HEIGHT)
    assert found is None or decode_outline(found, WIDTH, HEIGHT).shape == (HEIGHT, WIDTH)


def test_a_polygon_may_leave_its_image_but_not_go_on_for_ever():
    out = encode_outline([[-10, -10, 60, -10, 60, 60, -10, 60]], WIDTH, HEIGHT)
    assert decode_outline(out, WIDTH, HEIGHT).all()
    assert encode_outline([[0, 0, 30, 30] * 40_000], WIDTH, HEIGHT) is None


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_value_anywhere_is_used_counted_or_refused(tmp_path_factory, data):
    """One value of the file becomes another: never a traceback, and never an object that cannot be learned."""
    folder = tmp_path_factory.mktemp("coco")
    (folder / "train").mkdir()
    for name in "ab":
        Image.new("RGB", (WIDTH, HEIGHT)).save(folder / "train" / f"{name}.png")
    whole = copy.deepcopy(WHOLE)
    part = data.draw(st.sampled_from(sorted(whole)))
    entry = whole[part][data.draw(st.integers(0, len(whole[part]) - 1))]
    entry[data.draw(st.sampled_from(sorted(entry)))] = data.draw(_JSON)
    try:
        found = find(folder, json.dumps(whole))
    except UserError as refused:
        assert str(refused).startswith("data.train_annotations: ")
        return
    for index, objects in enumerate(found.objects):
        width, height = found.sizes[index]
        assert len(objects)
        assert np.isfinite(objects.boxes).all()
        assert (objects.boxes[:, 2:] > objects.boxes[:, :2]).all()
        assert (objects.boxes >= 0).all()
        assert (objects.boxes <= [width, height, width, height]).all()
