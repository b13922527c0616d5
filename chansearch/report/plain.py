"""Plain text for terminals and file systems of any kind."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

_WIDTH = 110


def printable(text: str) -> str:
    """Without the control characters that would move a cursor, colour a terminal or break an SVG."""
    return "".join(character if character.isprintable() else "?" for character in text)


def wrapped(sentences: Sequence[str]) -> list[str]:
    """Sentences as lines, each sentence on lines of its own."""
    return [line for sentence in sentences for line in textwrap.wrap(sentence, _WIDTH, subsequent_indent="  ")]


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of cells as aligned lines: the first column to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            [cells[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(cells[1:], widths[1:], strict=True))]
        ).rstrip()
        for cells in rows
    ]
