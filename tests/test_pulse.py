"""A driver hears that its Ray has died, and takes nothing else for it."""

import signal
import socket
import time

import pytest

from chansearch.pulse import Pulse


@pytest.fixture
def daemon():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening


def test_a_daemon_that_goes_away_interrupts_the_driver(daemon):
    with pytest.raises(KeyboardInterrupt), Pulse({"raylet": daemon.getsockname()}, {"raylet": 0.0}) as pulse:
        pulse.check()
        daemon.close()
        time.sleep(10)
    assert pulse.lost == "raylet"


def test_the_interrupt_is_not_one_that_tune_takes_for_itself(daemon, monkeypatch):
    """While Tune runs, SIGUSR1 and SIGINT make it end as if it were done."""
    from ray.tune.tune import _setup_signal_catching

    monkeypatch.delenv("TUNE_DISABLE_SIGINT_HANDLER", raising=False)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGUSR1)}
    try:
        with pytest.raises(KeyboardInterrupt), Pulse({"raylet": daemon.getsockname()}, {"raylet": 0.0}):
            ended = _setup_signal_catching()
            daemon.close()
            time.sleep(10)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert not ended.is_set()


def test_one_that_may_start_again_is_waited_for(daemon):
    address = daemon.getsockname()
    with Pulse({"head": address}, {"head": 60.0}) as pulse:
        daemon.close()
        time.sleep(1.2)  # two looks
        pulse.check()
    assert pulse.lost == ""


def test_one_that_is_silent_for_a_while_is_not_gone(daemon, monkeypatch):
    """A backlog that is full: connections are neither taken nor refused, as on a machine that is lost in work."""

    def silent(address, timeout):
        raise TimeoutError

    monkeypatch.setattr(socket, "create_connection", silent)
    with Pulse({"raylet": daemon.getsockname()}, {"raylet": 0.0}) as pulse:
        time.sleep(1.2)
        pulse.check()
    assert pulse.lost == ""


def test_a_driver_that_did_not_hear_is_told_again(daemon, monkeypatch):
    monkeypatch.setattr("chansearch.pulse._AGAIN", 0.1)
    with Pulse({"raylet": daemon.getsockname()}, {"raylet": 0.0}):
        daemon.close()
        for _ in range(2):
            with pytest.raises(KeyboardInterrupt):
                time.sleep(10)
