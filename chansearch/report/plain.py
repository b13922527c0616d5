"""Plain text for terminals, whatever the data hold."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from chansearch.printable import printable

_WIDTH = 110


def wrapped(sentences: Sequence[str]) -> list[str]:
    """Sentences as lines, each sentence on lines of its own."""
    fit = map(printable, sentences)
    return [line for sentence in fit for line in textwrap.wrap(sentence, _WIDTH, subsequent_indent="  ")]


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of cells as aligned lines: the first column to the left, numbers to the right."""
    rows = [[printable(text) for text in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            [cells[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(cells[1:], widths[1:], strict=True))]
        ).rstrip()
        for cells in rows
    ]
