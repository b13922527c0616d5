"""Top-1 and top-5, against counting by hand."""

import pytest
import torch

from chansearch.transfer.accuracy import count_right, make_normalise
from chansearch.transfer.config import ImagesConfig
from chansearch.transfer.images import Images, find_validation
from tests.transfer.tiny import make_dataset

K = 9  # logits; only three are classes of the images


class Scripted:
    """Gives the logits of images by the number that is painted in their first pixel."""

    def __init__(self, logits: torch.Tensor, normalise) -> None:
        self._logits, self._mean, self._scale = logits, normalise._mean, normalise._scale

    def __call__(self, pixels: torch.Tensor) -> torch.Tensor:
        painted = (pixels / self._scale + self._mean)[:, 0, 0, 0].round().long()
        return self._logits[painted]


@pytest.fixture
def part(tmp_path):
    return find_validation(ImagesConfig(name="folder", root=str(make_dataset(tmp_path / "images"))))


def images_of(part) -> Images:
    """27 images of one colour, their own number."""
    numbers = iter(range(10**6))
    return Images(part, lambda image: torch.full((3, 2, 2), next(numbers) % len(part), dtype=torch.uint8), 3)


def by_hand(logits: torch.Tensor, labels) -> list[int]:
    top1 = top5 = 0
    for row, label in zip(logits.tolist(), labels.tolist(), strict=True):
        order = sorted(range(len(row)), key=lambda k: -row[k])
        top1 += order[0] == label
        top5 += label in order[:5]
    return [top1, top5]


@pytest.mark.parametrize("batch_size", [1, 4, 27, 100])
def test_every_image_counts_once_whatever_the_batch(part, batch_size):
    logits = torch.randn(27, K, generator=torch.Generator().manual_seed(batch_size))
    normalise = make_normalise(ImagesConfig(), 3, torch.device("cpu"))
    right = count_right(Scripted(logits, normalise), images_of(part), range(27), batch_size, 0, normalise)
    assert right.tolist() == by_hand(logits, part.labels)


def test_workers_shares_add_up(part):
    logits = torch.randn(27, K, generator=torch.Generator().manual_seed(0))
    normalise = make_normalise(ImagesConfig(), 3, torch.device("cpu"))
    total = torch.zeros(2, dtype=torch.float64)
    for rank in range(4):
        share = range(rank, 27, 4)
        numbers = iter(share)
        images = Images(part, lambda image, at=numbers: torch.full((3, 2, 2), next(at), dtype=torch.uint8), 3)
        total += count_right(Scripted(logits, normalise), images, share, 5, 0, normalise)
    assert total.tolist() == by_hand(logits, part.labels)


def test_what_is_not_finite_is_not_right(part):
    logits = torch.zeros(27, K)
    logits[torch.arange(27), torch.from_numpy(part.labels)] = 1.0
    logits[3] = float("nan")
    logits[4, 8] = float("inf")
    normalise = make_normalise(ImagesConfig(), 3, torch.device("cpu"))
    right = count_right(Scripted(logits, normalise), images_of(part), range(27), 6, 0, normalise)
    assert right.tolist() == [25, 25]


def test_fewer_than_five_classes(part):
    logits = torch.zeros(27, 3)
    normalise = make_normalise(ImagesConfig(), 3, torch.device("cpu"))
    assert count_right(Scripted(logits, normalise), images_of(part), range(27), 6, 0, normalise)[1] == 27
