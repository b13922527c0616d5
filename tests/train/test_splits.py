import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chansearch.errors import UserError
from chansearch.train.splits import cut, stratified_order, subset

sizes = st.lists(st.integers(2, 40), min_size=2, max_size=8)


def _labels(class_sizes: list[int]) -> np.ndarray:
    labels = np.repeat(np.arange(len(class_sizes)), class_sizes)
    return np.random.default_rng(0).permutation(labels)


@given(sizes, st.floats(0.01, 0.99), st.integers(0, 1000))
def test_a_cut_is_disjoint_whole_and_stratified(class_sizes, fraction, seed):
    labels = _labels(class_sizes)
    rest, part = cut(labels, fraction, seed)
    assert sorted([*rest, *part]) == list(range(len(labels)))
    for label, size in enumerate(class_sizes):
        in_part = np.count_nonzero(labels[part] == label)
        assert 1 <= in_part < size
        assert abs(in_part - fraction * size) <= 1


@given(sizes, st.integers(0, 1000), st.data())
def test_subsets_are_nested_and_repeat(class_sizes, seed, data):
    labels = _labels(class_sizes)
    small, large = sorted(data.draw(st.lists(st.integers(1, len(labels)), min_size=2, max_size=2)))
    first = subset(labels, small, seed, "k")
    assert len(first) == small
    assert set(first) <= set(subset(labels, large, seed, "k"))
    assert np.array_equal(first, subset(labels, small, seed, "k"))


@given(st.integers(2, 9), st.integers(2, 20), st.integers(0, 1000), st.data())
def test_every_prefix_of_equal_classes_is_even(classes, size, seed, data):
    labels = _labels([size] * classes)
    count = data.draw(st.integers(1, len(labels)))
    counts = np.bincount(labels[stratified_order(labels, seed)[:count]], minlength=classes)
    assert counts.max() - counts.min() <= 1


def test_unequal_classes_keep_their_proportion():
    labels = _labels([900, 90, 10])
    counts = np.bincount(labels[subset(labels, 100, 0, "k")])
    assert np.all(np.abs(counts - [90, 9, 1]) <= 1)


def test_the_seed_chooses():
    labels = _labels([50, 50])
    assert not np.array_equal(cut(labels, 0.2, 0)[1], cut(labels, 0.2, 1)[1])
    assert not np.array_equal(subset(labels, 20, 0, "k"), subset(labels, 20, 1, "k"))


def test_more_images_than_there_are():
    with pytest.raises(UserError, match=r"data\.train_images: 11, but that part has 10 images; allowed: 1 to 10, null"):
        subset(_labels([5, 5]), 11, 0, "data.train_images")
