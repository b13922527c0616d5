"""Finding, choosing, decoding and augmenting."""

import dataclasses
import os
import shutil
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
import torch
from PIL import Image

from chansearch.errors import UserError
from chansearch.train.decode import BrokenImage, decode
from chansearch.transfer.config import ImagesConfig, RecipeConfig
from chansearch.transfer.images import Images, Part, find_training, find_validation, load_batches, training_images
from tests.transfer.tiny import CLASSES, make_dataset


@pytest.fixture
def root(tmp_path):
    return make_dataset(tmp_path / "images")


def images_of(root, **changes) -> ImagesConfig:
    return ImagesConfig(name="folder", root=str(root), **changes)


def epoch_of(root, epoch: int, readers: int, seed: int = 0) -> torch.Tensor:
    """All training images in order, as epoch ``epoch`` shows them."""
    config = images_of(root)
    part = find_training(config)
    images = training_images(part, config, RecipeConfig(seed=seed), 16, 3)
    images.epoch = epoch
    batches = [list(range(start, start + 10)) for start in range(0, len(part), 10)]
    return torch.cat([pixels for pixels, _ in load_batches(images, batches, readers, pin_memory=False)])


@pytest.fixture(scope="module")
def fresh():
    """A process of its own: readers are forks, and where other tests have left Ray's threads, forks may abort."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        yield lambda *given, **named: pool.submit(epoch_of, *given, **named).result()


@pytest.mark.parametrize("name", ["val", "validation", "valid", "test"])
def test_the_validation_part_has_four_names(root, name):
    (root / "val").rename(root / name)
    assert find_validation(images_of(root)).name == name


class TestClassFoldersAlone:
    """``DIR/<class>/…`` without parts."""

    @staticmethod
    def flat(root, **changes) -> ImagesConfig:
        return images_of(root / "train", val_fraction=0.1, **changes)

    def test_a_share_of_each_class_is_kept_apart(self, root):
        train, val = find_training(self.flat(root)), find_validation(self.flat(root))
        assert np.bincount(train.labels).tolist() == [27, 27, 27]
        assert np.bincount(val.labels).tolist() == [3, 3, 3]
        assert not set(train.paths.tolist()) & set(val.paths.tolist())
        assert all(part.path(0).is_file() for part in (train, val))

    def test_it_is_what_a_search_reads_at_the_end(self, root, tmp_path):
        from chansearch.train.config import DataConfig
        from chansearch.train.data import load

        kept = load(DataConfig("folder", root=str(root / "train"), cache=str(tmp_path / "cache")), 16, 3).test
        val = find_validation(self.flat(root))
        assert kept.labels.tolist() == val.labels.tolist()
        for index, pixels in enumerate(kept.images):
            assert np.array_equal(pixels, decode(val.path(index), 16, 3))

    def test_a_subset_is_of_the_share(self, root):
        config = self.flat(root, images_per_class=5, val_images_per_class=2)
        everything = find_training(self.flat(root))
        assert set(find_training(config).paths.tolist()) < set(everything.paths.tolist())
        assert np.bincount(find_validation(config).labels).tolist() == [2, 2, 2]

    def test_a_class_of_one_image_is_refused(self, root):
        for image in sorted((root / "train" / CLASSES[0]).iterdir())[1:]:
            image.unlink()
        with pytest.raises(UserError, match=f"class '{CLASSES[0]}' has one image"):
            find_training(self.flat(root))

    def test_other_sets_must_have_their_parts(self, root):
        with pytest.raises(UserError, match="has no folder train or training"):
            find_training(images_of(root / "train"))


def test_parts_hold_paths_and_labels_by_class(root):
    part = find_training(images_of(root))
    assert part.classes == CLASSES
    assert len(part) == 90
    for index in (0, 31, 89):
        assert part.path(index).is_file()
        assert part.path(index).parent.name == CLASSES[part.labels[index]]


def test_a_part_of_the_images_is_fixed_by_its_seed(root):
    few = [find_training(images_of(root, images_per_class=5, subset_seed=seed)) for seed in (0, 0, 1)]
    assert np.bincount(few[0].labels).tolist() == [5, 5, 5]
    assert few[0].paths.tolist() == few[1].paths.tolist() != few[2].paths.tolist()
    more = find_training(images_of(root, images_per_class=9))
    assert set(few[0].paths) < set(more.paths)


def test_what_is_drawn_depends_on_seed_epoch_and_image_alone(root, fresh):
    once = epoch_of(root, epoch=3, readers=0)
    assert once.dtype == torch.uint8
    assert once.shape == (90, 3, 16, 16)
    assert torch.equal(once, fresh(root, epoch=3, readers=2))
    for other in (epoch_of(root, epoch=4, readers=0), epoch_of(root, epoch=3, readers=0, seed=1)):
        assert (once != other).flatten(1).any(1).float().mean() > 0.9


@pytest.mark.parametrize("readers", [0, 1])
def test_a_broken_image_is_named_when_it_is_met(root, fresh, readers):
    broken = root / "train" / "bee" / "7.png"
    broken.write_bytes(broken.read_bytes()[:100])
    with pytest.raises(UserError) as caught:
        fresh(root, epoch=1, readers=readers)
    message = str(caught.value)
    assert f"cannot read image '{broken}'" in message
    assert "\n" not in message


REFUSALS = {
    "no such folder": (lambda root: shutil.rmtree(root), ["data.root", "is no folder"]),
    "no training part": (lambda root: (root / "train").rename(root / "other"), ["no folder train or training"]),
    "an empty part": (lambda root: [shutil.rmtree(root / "train" / name) for name in CLASSES], ["is empty"]),
    "one class": (lambda root: [shutil.rmtree(root / "train" / name) for name in CLASSES[1:]], ["only one class"]),
    "a class without images": (
        lambda root: [file.unlink() for file in (root / "train" / "bee").iterdir()],
        ["bee", "has no images"],
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_what_is_no_data_set_is_refused_in_one_line(root, case):
    spoil, words = REFUSALS[case]
    spoil(root)
    with pytest.raises(UserError) as caught:
        find_training(images_of(root))
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def test_imagenet_has_a_thousand_classes(root):
    with pytest.raises(UserError, match=r"3 classes, data=imagenet has 1000; other images are data=folder"):
        find_training(dataclasses.replace(images_of(root), name="imagenet", classes=1000))


def test_more_images_a_class_than_there_are(root):
    with pytest.raises(UserError, match=r"data\.images_per_class: 31, but the smallest class has 30"):
        find_training(images_of(root, images_per_class=31))


def test_an_augmentation_that_timm_has_not(root):
    config = images_of(root)
    with pytest.raises(UserError, match=r"recipe\.auto_augment: 'rand-q9'"):
        training_images(find_training(config), config, RecipeConfig(auto_augment="rand-q9"), 16, 3)


def _kinds(folder):
    """A file of each kind that PIL's own conversion would get wrong: clip, leave lying or lay on black."""
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)
    grey, turned = Image.fromarray(ramp), Image.Exif()
    turned[0x0112] = 6
    Image.fromarray(ramp.astype(np.uint16) * 257).save(folder / "16 bit.png")
    Image.merge("RGBA", [grey, grey, grey, Image.fromarray(ramp[::-1].copy())]).save(folder / "alpha.png")
    grey.quantize(8).save(folder / "palette.png", transparency=bytes([0, 128] + [255] * 6))
    grey.save(folder / "turned.png", exif=turned)
    grey.convert("CMYK").save(folder / "cmyk.jpg")
    return sorted(folder.iterdir())


def test_pixels_are_those_of_a_search(tmp_path):
    files = _kinds(tmp_path)
    part = Part("val", tmp_path, ("a",), np.array([os.fsencode(file.name) for file in files]), np.zeros(5, np.int64))
    for channels in (1, 3):
        images = Images(part, lambda image: np.asarray(image), channels)
        for index, file in enumerate(files):
            pixels = images[index][0].reshape(16, 16, channels).transpose(2, 0, 1)
            assert np.array_equal(pixels, decode(file, 16, channels)), file.name


def test_a_bomb_is_a_broken_image(root, monkeypatch):
    part = find_training(images_of(root))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 300)  # of 480: between this and twice as much PIL only warns
    broken = Images(part, None, 3)[0]
    assert isinstance(broken, BrokenImage)
    assert "DecompressionBomb" in broken.reason


def test_names_may_be_of_any_bytes(root):
    odd = root / "train" / "ant" / os.fsdecode(b"caf\xe9 \n.png")
    (root / "train" / "ant" / "0.png").rename(odd)
    part = find_training(images_of(root))
    assert odd in [part.path(index) for index in range(len(part))]
