"""The matrix rate: the arithmetic of its count, under a clock that is turned by hand."""

from collections.abc import Iterable, Iterator

import pytest
import torch

from chansearch.search.worker import measure_rate
from chansearch.train import rate
from chansearch.train.config import TrainConfig
from chansearch.train.rate import measure_matrix_rate

SIDE = 8
FLOP = 2 * SIDE**3
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setitem(rate._SIDES, "cpu", SIDE)


class Clock:
    """Two readings a product, so many seconds apart; ``products`` counts them."""

    def __init__(self, seconds: Iterable[float]) -> None:
        self._readings = self._read(iter(seconds))
        self.products = 0

    def _read(self, seconds: Iterator[float]) -> Iterator[float]:
        now = 1000.0
        for one in seconds:
            yield now
            now += one
            self.products += 1
            yield now

    def __call__(self) -> float:
        return next(self._readings)


@pytest.mark.parametrize("seconds", [0.25, 2.0])
def test_a_multiply_add_is_two(seconds):
    assert measure_matrix_rate(CPU, torch.float32, Clock([seconds] * 9)) == FLOP / seconds


def test_the_first_product_does_not_count_and_interrupted_ones_do_not_matter():
    clock = Clock([0.125, 8.0, 0.25, 8.0])
    assert measure_matrix_rate(CPU, torch.float32, clock) == FLOP / 0.25


def test_slow_products_are_few_and_fast_ones_not_endless():
    slow, fast = Clock([10.0] * 99), Clock([2**-20] * 99)
    for clock in (slow, fast):
        measure_matrix_rate(CPU, torch.float32, clock)
    assert (slow.products, fast.products) == (1 + 3, 1 + 25)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_product_is_square_and_in_the_arithmetic_asked_for(dtype, monkeypatch):
    seen = set()
    multiply = torch.mm

    def watched(left, right, out):
        seen.update((tensor.dtype, tuple(tensor.shape)) for tensor in (left, right, out))
        return multiply(left, right, out=out)

    monkeypatch.setattr(torch, "mm", watched)
    measure_matrix_rate(CPU, dtype, Clock([1.0] * 9))
    assert seen == {(dtype, (SIDE, SIDE))}


@pytest.mark.parametrize(("precision", "dtype"), [("fp32", "float32"), ("bf16", "bfloat16")])
def test_a_worker_measures_in_the_arithmetic_of_its_recipe(precision, dtype):
    measured = measure_rate(TrainConfig(device="cpu", precision=precision), threads=1)
    assert (measured.dtype, measured.device, measured.threads) == (dtype, "cpu", 1)
    assert measured.flops > 0


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_is_waited_for_and_named():
    measured = measure_rate(TrainConfig(device="cuda"), threads=1)
    assert measured.device == torch.cuda.get_device_name()
    assert 1e12 < measured.flops < 1e16  # not the time of a launch alone
