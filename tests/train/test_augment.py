import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from chansearch.train.augment import Normalise, augment, draw
from chansearch.train.dataset import Augmentation

CPU = torch.device("cpu")


def _naive(image: np.ndarray, row: int, column: int, mirrored: bool, padding: int) -> np.ndarray:
    """One image (C, H, W), the slow and obvious way."""
    _, height, width = image.shape
    padded = np.pad(image, ((0, 0), (padding, padding), (padding, padding)))
    crop = padded[:, row : row + height, column : column + width]
    return crop[:, :, ::-1] if mirrored else crop


@given(st.integers(0, 4), st.integers(1, 3), st.integers(3, 9), st.integers(3, 9), st.integers(0, 1000))
def test_the_batch_equals_image_by_image(padding, channels, height, width, seed):
    images = torch.from_numpy(
        np.random.default_rng(seed).integers(0, 256, (6, channels, height, width), dtype=np.uint8)
    )
    draws = draw(6, Augmentation(padding, flip=True), seed, 1, CPU)
    result = augment(images, draws.rows, draws.columns, draws.mirrored, padding)
    for index, image in enumerate(images.numpy()):
        expected = _naive(
            image, int(draws.rows[index]), int(draws.columns[index]), bool(draws.mirrored[index]), padding
        )
        assert np.array_equal(result[index].numpy(), expected)


def test_half_are_mirrored_and_every_offset_occurs_alike():
    draws = draw(20_000, Augmentation(crop_padding=4, flip=True), 0, 1, CPU)
    assert draws.mirrored.float().mean().item() == pytest.approx(0.5, abs=0.02)
    for edges in (draws.rows, draws.columns):
        counts = torch.bincount(edges, minlength=9)
        assert len(counts) == 9
        assert counts.min() > 0.9 * 20_000 / 9
    assert torch.corrcoef(torch.stack([draws.rows, draws.columns]).float())[0, 1].abs() < 0.05


def test_no_flip_mirrors_nothing():
    assert not draw(1000, Augmentation(4, flip=False), 0, 1, CPU).mirrored.any()


def test_each_epoch_shows_every_image_once_in_another_order():
    first, second = (draw(100, Augmentation(4, flip=True), 0, epoch, CPU) for epoch in (1, 2))
    assert sorted(first.order.tolist()) == list(range(100))
    assert not torch.equal(first.order, second.order)
    assert not torch.equal(first.rows, second.rows)


def test_each_seed_has_its_own_draws_and_they_repeat():
    first, second, again = (draw(100, Augmentation(4, flip=True), seed, 1, CPU) for seed in (0, 1, 0))
    for name in ("order", "rows", "columns", "mirrored"):
        assert not torch.equal(getattr(first, name), getattr(second, name))
        assert torch.equal(getattr(first, name), getattr(again, name))


def test_the_order_does_not_depend_on_the_augmentation():
    orders = [draw(100, Augmentation(padding, flip), 0, 1, CPU).order for padding, flip in ((0, False), (4, True))]
    assert torch.equal(*orders)


def test_normalised_pixels_have_mean_0_and_deviation_1_per_channel():
    images = torch.randint(0, 256, (50, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    pixels = images.double() / 255
    mean, std = pixels.mean((0, 2, 3)), pixels.std((0, 2, 3), correction=0)
    result = Normalise(tuple(mean.tolist()), tuple(std.tolist()), CPU)(images)
    assert result.dtype == torch.float32
    assert result.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(result.double(), (pixels - mean[:, None, None]) / std[:, None, None], atol=1e-5, rtol=0)
