import pytest
from hypothesis import given
from hypothesis import strategies as st

from chansearch.train.payback import CompileWatch, Payback


def _train(payback: Payback, epochs: int, plain: float, compiled: float, compiling: float) -> tuple[float, list[bool]]:
    """Seconds of a training on a clock of its own, and which epochs ran compiled."""
    watch, ran, total = CompileWatch(payback, epochs), [], 0.0
    for _ in range(epochs):
        ran.append(watch.compiled)
        seconds = compiled if watch.compiled else plain
        if watch.compiled and sum(ran) == 1:
            seconds += compiling
        total += seconds
        watch.after_epoch(seconds)
    return total, ran


def test_a_long_training_compiles_from_the_third_epoch_on():
    payback = Payback()
    total, ran = _train(payback, epochs=30, plain=100, compiled=60, compiling=30)
    assert ran == [False, False] + [True] * 28
    assert total == 2 * 100 + 28 * 60 + 30
    assert payback == Payback(compile_seconds=30, gain=100 / 60)


def test_a_short_training_does_not():
    _, ran = _train(Payback(), epochs=4, plain=8, compiled=5, compiling=30)
    assert not any(ran)


def test_where_compiling_is_slower_it_is_given_up_and_never_tried_again():
    payback = Payback()
    _, ran = _train(payback, epochs=30, plain=100, compiled=120, compiling=30)
    assert ran == [False, False, True, True] + [False] * 26
    _, ran = _train(payback, epochs=30, plain=100, compiled=120, compiling=30)
    assert not any(ran)


def test_what_one_candidate_showed_decides_for_the_next():
    payback = Payback()
    _train(payback, epochs=30, plain=100, compiled=50, compiling=30)
    assert _train(payback, epochs=30, plain=3, compiled=1.5, compiling=30)[1].count(True) == 28  # saves 42 s for 30
    assert not any(_train(payback, epochs=30, plain=2, compiled=1, compiling=30)[1])  # would save 28 s


@given(st.integers(1, 60), st.floats(0.1, 1000), st.floats(0.1, 1000), st.floats(0, 100))
def test_once_it_knows_it_never_loses(epochs, plain, compiled, compiling):
    """With what it knows true of this network too, deciding is no slower than either not compiling or compiling."""
    payback = Payback(compile_seconds=compiling, gain=plain / compiled)
    total, _ = _train(payback, epochs, plain, compiled, compiling)
    assert total <= epochs * plain * (1 + 1e-9)


def test_no_epoch_to_come_means_nothing_to_pay_back():
    assert not Payback(compile_seconds=0.0, gain=2.0).pays(0.0)
    assert Payback(compile_seconds=5.0, gain=2.0).pays(10.1)
    assert not Payback(compile_seconds=5.0, gain=2.0).pays(9.9)


def test_it_learns_no_negative_cost():
    payback = Payback()
    payback.learn(before=10, first=4, later=5)
    assert payback.compile_seconds == 0 and payback.gain == pytest.approx(2)
