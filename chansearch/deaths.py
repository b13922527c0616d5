"""Why a worker is gone, in words for the record."""

from __future__ import annotations

import re

from chansearch.train.results import is_out_of_memory

_LESS = "fewer trainings at a time (cluster.workers, cluster.cpus_per_trial) or a smaller train.batch_size need less"
# What Ray's memory monitor says of a machine when it ends a process there: what was used, and what there is.
_USED = re.compile(r"was ([\d.]+)GB used / ([\d.]+)GB limit")


def why_died(error: Exception | None) -> str:
    """Why Ray gave a worker up, in one line; running out of memory goes by that name."""
    from ray.exceptions import OutOfMemoryError, RayTaskError

    if isinstance(error, RayTaskError):
        cause = error.cause if isinstance(error.cause, Exception) else None
        what = str(error).strip() if cause is None else str(cause).strip() or type(cause).__name__
        word = "out of memory" if cause is not None and is_out_of_memory(cause) else "died"
        return f"worker {word}: {what.splitlines()[-1].removeprefix('out of memory: ')}"
    text = str(error or "unknown")
    # The message of a process that was simply killed mentions memory too, as one of several guesses.
    if isinstance(error, OutOfMemoryError) or "running low on memory" in text:
        used = _USED.search(text)
        level = f"at {used[1]} of {used[2]} GB" if used else "nearly full"
        return f"worker out of memory: ended by Ray's memory monitor, its machine was {level}; {_LESS}"
    if "node has died" in text or "node was terminated" in text:
        return "worker died: its node is gone"
    if "worker process has died" in text:
        return (
            "worker died: its process ended without a word: killed, perhaps by the kernel for want of memory, or "
            f"crashed in native code; {_LESS}"
        )
    return f"worker died: {text.strip().splitlines()[0]}"
