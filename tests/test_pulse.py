"""A driver hears that its Ray has died, and takes nothing else for it."""

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
