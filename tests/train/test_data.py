import pickle
import sys

import numpy as np
import pytest

from chansearch.errors import UserError
from chansearch.train import DataConfig
from chansearch.train.data import channel_statistics, check, load


def digits(**changes) -> DataConfig:
    return DataConfig(name="digits", augment="crop", crop_padding=1, **changes)


def _keys(part) -> set[bytes]:
    return {image.tobytes() for image in part.images}


def test_digits_are_scaled_to_bytes_and_split_in_proportion():
    dataset = load(digits(), 8, 1)
    assert dataset.train.images.max() == 255
    assert dataset.train.images.shape[1:] == (1, 8, 8)
    assert sum(map(len, (dataset.train, dataset.val, dataset.test))) == 1797
    assert not _keys(dataset.train) & (_keys(dataset.val) | _keys(dataset.test))
    for part in (dataset.train, dataset.val, dataset.test):
        assert np.ptp(np.bincount(part.labels)) <= 0.06 * len(part) / 10 + 2


def test_digits_are_fitted_to_the_network():
    dataset = load(digits(), 16, 3)
    assert dataset.train.images.shape[1:] == (3, 16, 16)
    assert np.array_equal(dataset.train.images[:, 0], dataset.train.images[:, 2])
    assert len(dataset.mean) == len(dataset.std) == 3


def test_the_same_seed_gives_the_same_data_and_another_seed_other():
    assert load(digits(), 8, 1).fingerprint == load(digits(), 8, 1).fingerprint
    assert load(digits(), 8, 1).fingerprint != load(digits(split_seed=1), 8, 1).fingerprint


def test_subsets_are_contained_and_leave_the_other_parts_alone():
    whole, large, small = (load(digits(train_images=count, val_images=50), 8, 1) for count in (None, 500, 100))
    assert len(small.train) == 100
    assert len(small.val) == 50
    assert _keys(small.train) < _keys(large.train) < _keys(whole.train)
    assert np.array_equal(small.test.images, whole.test.images)
    assert np.array_equal(small.val.images, whole.val.images)


@pytest.mark.parametrize(("part", "available"), [("train", 1458), ("val", 160), ("test", 179)])
def test_asking_for_more_images_than_there_are(part, available):
    with pytest.raises(UserError, match=rf"data\.{part}_images: 9999, but that part has {available} images"):
        load(digits(**{f"{part}_images": 9999}), 8, 1)


def test_ranking_on_the_test_part_gives_the_validation_images_back_to_training():
    ranked_on_val, ranked_on_test = load(digits(), 8, 1), load(digits(rank_on="test"), 8, 1)
    assert ranked_on_test.val is ranked_on_test.test
    assert np.array_equal(ranked_on_test.test.images, ranked_on_val.test.images)
    assert len(ranked_on_test.train) == len(ranked_on_val.train) + len(ranked_on_val.val)
    assert (ranked_on_val.rank_on, ranked_on_test.rank_on) == ("val", "test")


def test_statistics_are_those_of_the_training_part_alone():
    dataset = load(digits(), 8, 1)
    pixels = dataset.train.images / 255
    assert dataset.mean[0] == pytest.approx(pixels.mean())
    assert dataset.std[0] == pytest.approx(pixels.std())


def test_a_constant_channel_has_a_usable_deviation():
    mean, std = channel_statistics(np.full((5, 1, 4, 4), 51, dtype=np.uint8))
    assert mean == pytest.approx((0.2,))
    assert std == (1 / 255,)


@pytest.mark.parametrize(
    ("augment", "padding", "flip"), [("crop_flip", 4, True), ("crop", 4, False), ("none", 0, False)]
)
def test_augmentation_is_what_was_asked(make_folder, tmp_path, augment, padding, flip):
    config = DataConfig(name="folder", root=str(make_folder()), cache=str(tmp_path / "cache"), augment=augment)
    augmentation = load(config, 12, 3).augmentation
    assert (augmentation.crop_padding, augmentation.flip) == (padding, flip)


def test_a_dataset_travels_between_processes():
    dataset = load(digits(), 8, 1)
    assert pickle.loads(pickle.dumps(dataset)).fingerprint == dataset.fingerprint


def test_missing_scikit_learn_comes_with_the_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(UserError, match=r"^data=digits needs scikit-learn: pip install 'chansearch\[demo\]'$"):
        check(digits(), 8, 1)


def test_channels_no_image_has():
    with pytest.raises(UserError, match="1 or 3 channels, but the network takes 4"):
        check(digits(), 8, 4)
