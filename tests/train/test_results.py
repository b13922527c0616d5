import pickle

import pytest

from chansearch.train import Diverged, EpochResult, SeedResult
from chansearch.train.results import EarlyStopping


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
