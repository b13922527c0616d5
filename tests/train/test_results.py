import pickle

import pytest

from chansearch.train import Diverged, EpochResult, SeedResult
from chansearch.train.results import EarlyStopping, is_out_of_memory, reason_of


def _epoch(*accuracies: float) -> EpochResult:
    return EpochResult(1, 0.1, 1.0, 0.2, 10, tuple(SeedResult(seed, 1.0, top1) for seed, top1 in enumerate(accuracies)))


def test_mean_and_sample_deviation():
    assert _epoch(60.0, 62.0, 64.0).mean_val_top1 == 62.0
    assert _epoch(60.0, 62.0, 64.0).std_val_top1 == pytest.approx(2.0)


def test_one_seed_has_deviation_0():
    assert _epoch(60.0).std_val_top1 == 0.0


def test_diverged_survives_pickling():
    error = pickle.loads(pickle.dumps(Diverged(3, 7, "training loss is nan")))
    assert (error.seed, error.epoch, error.reason) == (3, 7, "training loss is nan")
    assert str(error) == "seed 3 diverged in epoch 7: training loss is nan"


def caught(work) -> Exception:
    with pytest.raises(Exception) as caught:
        work()
    return caught.value


def test_running_out_of_memory_goes_by_that_name():
    """torch's own allocator, asked for more than any machine has; and the class that torch raises on a GPU."""
    import torch

    def on_a_gpu():
        raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")

    for work in (lambda: torch.empty(2**55), lambda: bytearray(2**60), on_a_gpu):
        error = caught(work)
        assert is_out_of_memory(error)
        assert reason_of(error).startswith(f"out of memory: {type(error).__name__}: ")


@pytest.mark.parametrize("work", [lambda: [][1], lambda: __import__("torch").ones(2) @ __import__("torch").ones(3)])
def test_other_failures_do_not(work):
    error = caught(work)
    assert not is_out_of_memory(error)
    assert reason_of(error).startswith(type(error).__name__)


@pytest.mark.parametrize(
    ("patience", "means", "stops_at"),
    [
        (2, [10, 20, 19, 18, 30], 4),
        (2, [10, 9, 11, 10, 12, 11, 11.5], 7),
        (1, [10, 10], 2),  # equal is not better
        (3, [1, 2, 3, 4], None),
        (None, [10] * 50, None),
    ],
)
def test_patience_counts_epochs_since_the_best(patience, means, stops_at):
    stopping = EarlyStopping(patience)
    assert next((epoch for epoch, mean in enumerate(means, 1) if stopping.update(mean)), None) == stops_at
