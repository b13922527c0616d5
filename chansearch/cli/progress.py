"""Saying what is being done, of commands that take their time."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def progress(work: str) -> Iterator[Callable[[str], None]]:
    """Says on standard error what is being done, first ``work``: in one place on a terminal, a line each elsewhere."""
    from rich.console import Console

    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield lambda text: print(text, file=sys.stderr, flush=True)
        return
    with console.status(work) as status:
        yield status.update
