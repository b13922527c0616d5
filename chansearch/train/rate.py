"""The most that a device gives to the arithmetic a training runs in: what a run's cost is held against."""

import time
from collections.abc import Callable

import torch

# Sides of the square matrices: large enough for the product to be limited by arithmetic, and on a CPU done in some 10
# to 40 ms by one core.
_SIDES = {"cpu": 1024, "cuda": 8192}
_SECONDS = 0.5  # of products, about: where bfloat16 is emulated, a single one takes longer
_LEAST, _MOST = 3, 25  # products


def measure_matrix_rate(
    device: torch.device, dtype: torch.dtype, clock: Callable[[], float] = time.perf_counter
) -> float:
    """FLOP a second, a multiply-add counted as two, of products of square matrices; the fastest of several.

    A limit is what the device can do: the median would be lower while other work shares it, and flatter the training.

    Uses this process's threads and torch's own settings: float32 on a GPU is measured without TF32 unless it was
    allowed for products. ``clock`` gives seconds.
    """
    side = _SIDES[device.type]
    left, right = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    product = torch.empty(side, side, device=device, dtype=dtype)

    def seconds() -> float:
        start = clock()
        torch.mm(left, right, out=product)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return clock() - start

    seconds()  # the first allocates and chooses kernels
    measured: list[float] = []
    while len(measured) < _LEAST or (len(measured) < _MOST and sum(measured) < _SECONDS):
        measured.append(seconds())
    return 2 * side**3 / min(measured)
