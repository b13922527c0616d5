"""Why a worker is gone, from the errors that Ray raises."""

import pytest
from ray.core.generated.common_pb2 import ActorDiedErrorContext
from ray.exceptions import ActorDiedError, OutOfMemoryError, RayTaskError

from chansearch.deaths import why_died

# What Ray 2.60 writes, from real deaths.
KILLED = (
    "The actor is dead because its worker process has died. Worker exit type: SYSTEM_ERROR Worker exit detail: Worker "
    "unexpectedly exits with a connection error code 2. End of file. Some common causes include: (1) the process was "
    "killed by the OOM killer due to high memory usage, (2) ray stop --force was called, or (3) the worker crashed."
)


def died(message: str) -> ActorDiedError:
    return ActorDiedError(
        ActorDiedErrorContext(class_name="ImplicitFunc", actor_id=b"0" * 16, pid=9142, error_message=message)
    )


def raised(cause: Exception) -> RayTaskError:
    return RayTaskError("train", f"Traceback\n  File …\n{cause!r}", cause)


def test_a_process_that_was_killed_may_have_been_out_of_memory_and_may_not():
    """Ray's message lists that among its guesses; it is not taken for the reason, but what helps is named."""
    reason = why_died(died(KILLED))
    assert reason.startswith("worker died: its process ended without a word: ")
    assert "train.batch_size" in reason
    assert "cluster.workers" in reason


def test_rays_memory_monitor_goes_by_its_word():
    text = (
        "1 worker(s) were killed due to the node running low on memory. Memory on the node (IP: 10.0.0.1, ID: a) was "
        "22.40GB used / 23.48GB limit (0.954), which exceeds the threshold."
    )
    for error in (OutOfMemoryError(text), died(text)):
        reason = why_died(error)
        assert reason.startswith(
            "worker out of memory: ended by Ray's memory monitor, its machine was at 22.40 of 23.48 GB; "
        )
        assert "train.batch_size" in reason


@pytest.mark.parametrize(
    ("cause", "reason"),
    [
        (
            MemoryError("out of memory: RuntimeError: can't allocate"),
            "worker out of memory: RuntimeError: can't allocate",
        ),
        (MemoryError(), "worker out of memory: MemoryError"),
        (ValueError("no such thing"), "worker died: no such thing"),
    ],
)
def test_an_error_of_the_worker_has_its_own_words(cause, reason):
    assert why_died(raised(cause)) == reason


def test_a_node_that_is_gone_took_its_workers_with_it():
    assert why_died(died("The actor died because its node has died. Node Id: 51")) == "worker died: its node is gone"


@pytest.mark.parametrize("error", [None, died(KILLED), RuntimeError("one\ntwo"), OutOfMemoryError("")])
def test_is_one_line(error):
    assert len(why_died(error).splitlines()) == 1
