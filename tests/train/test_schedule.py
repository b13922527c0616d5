import pytest
from hypothesis import given
from hypothesis import strategies as st

from chansearch.train.config import TrainConfig
from chansearch.train.schedule import learning_rate


def test_golden_points():
    config = TrainConfig(epochs=5, warmup_epochs=1.0, lr=0.4)
    rates = [learning_rate(step, 4, config) for step in range(20)]
    assert rates[:4] == pytest.approx([0.1, 0.2, 0.3, 0.4])
    assert rates[4] == pytest.approx(0.4)
    assert rates[12] == pytest.approx(0.2)  # half-way down the cosine
    assert 0 < rates[-1] < 0.01


def test_half_an_epoch_of_warmup_and_none():
    assert learning_rate(1, 4, TrainConfig(warmup_epochs=0.5, lr=1.0)) == 1.0
    assert learning_rate(0, 4, TrainConfig(warmup_epochs=0.0, lr=1.0)) == 1.0


@given(st.integers(1, 40), st.integers(1, 50), st.floats(0, 1))
def test_up_then_down_and_always_positive(epochs, steps_per_epoch, warmup_share):
    config = TrainConfig(epochs=epochs, warmup_epochs=warmup_share * epochs, lr=0.1)
    rates = [learning_rate(step, steps_per_epoch, config) for step in range(epochs * steps_per_epoch)]
    top = rates.index(max(rates))
    assert all(0 < rate <= 0.1 for rate in rates)
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
