"""The errors a user can act on.

Everything raised on purpose for a user's mistake is a ``UserError``: the command line prints its one line and exits
with code 2, without a traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from chansearch.printable import printable


class UserError(ValueError):
    """One clear line: the key, the value, and what is allowed."""


class Interrupted(Exception):
    """Ctrl-C in work that can be resumed, by ``command``."""

    def __init__(self, command: str) -> None:
        super().__init__(command)
        self.command = command


_LONGEST_LINE = 2000  # characters of a message; one that is longer repeats a file's content


def one_line(message: object) -> str:
    """A message that stays one line on any terminal, whatever words it repeats; see ``printable``.

    The middle of a very long message is left out.
    """
    text = str(message)
    if len(text) > _LONGEST_LINE:
        text = f"{text[: _LONGEST_LINE // 2]} … {text[-_LONGEST_LINE // 2 :]}"
    return printable(text)


def did_you_mean(word: str, words: Iterable[str]) -> str:
    """`` (did you mean …?)`` for the likeliest of ``words``, or nothing where none is near."""
    near = nearest(word, words)
    return f" (did you mean {near}?)" if near else ""


def nearest(word: str, words: Iterable[str]) -> str | None:
    """The likeliest of ``words`` to be meant by ``word``, in small letters or large, or None where none is near.

    Of a dotted key or a path the last part is enough: ``epochs`` is ``train.epochs``.
    """
    spelled = {known.lower(): known for known in words}
    typed = word.lower()
    ending = [known for known in spelled if typed and known.endswith((f".{typed}", f"/{typed}"))]
    found = ending or difflib.get_close_matches(typed, list(spelled), n=1)
    return spelled[found[0]] if found else None
