"""The errors a user can act on.

Everything raised on purpose for a user's mistake is a ``UserError``: the command line prints its one line and exits
with code 2, without a traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(ValueError):
    """One clear line: the key, the value, and what is allowed."""


class Interrupted(Exception):
    """Ctrl-C in work that can be resumed, by ``command``."""

    def __init__(self, command: str) -> None:
        super().__init__(command)
        self.command = command


def did_you_mean(word: str, words: Iterable[str]) -> str:
    """`` (did you mean …?)`` for the likeliest of ``words``, or nothing where none is near."""
    found = difflib.get_close_matches(word, list(words), n=1)
    return f" (did you mean {found[0]}?)" if found else ""
