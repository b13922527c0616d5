"""Tables that are appended to while work goes on: a line is whole and on disk, or it is not there.

A torn last line is forgiven: it belongs to something that had not ended.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator
from pathlib import Path

from chansearch.errors import UserError
from chansearch.files import sync_folder


def append_rows(path: Path, columns: tuple[str, ...], rows: list[dict]) -> None:
    """Append rows to a CSV file, each line whole and on disk; the header first, a torn last line cut off.

    No cell may hold a newline.

    A file begun by an earlier version keeps its own columns: what it has none for is left out.
    """
    with path.open("ab+") as file:
        size = end = file.seek(0, os.SEEK_END)
        if end:
            whole = _whole_lines_end(file, end)
            file.truncate(whole)
            end = whole
        held = _header(file) if end else columns
        buffer = io.StringIO()
        writer = csv.DictWriter(buffer, held, lineterminator="\n", extrasaction="ignore")
        if not end:
            writer.writeheader()
        writer.writerows(rows)
        file.write(buffer.getvalue().encode())
        file.flush()
        os.fsync(file.fileno())
    if not size:
        sync_folder(path.parent)


def _header(file: io.BufferedRandom) -> list[str]:
    """The columns that a table was begun with; the file is left at its end."""
    file.seek(0)
    header = next(csv.reader([file.readline().decode("utf-8", errors="replace")]))
    file.seek(0, os.SEEK_END)
    return header


def _whole_lines_end(file: io.BufferedRandom, end: int) -> int:
    """Position behind the last newline: lines hold none of their own, see ``append_rows``."""
    position = end
    while position > 0:
        start = max(0, position - 4096)
        file.seek(start)
        found = file.read(position - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        position = start
    return 0


def read_rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Line numbers (from 1) and rows of a table, without a torn last line."""
    try:
        text = path.read_bytes().decode("utf-8", errors="replace")
    except OSError as error:
        raise UserError(f"run: {path} cannot be read: {error.strerror}") from None
    lines = text.split("\n")[:-1]
    yield from enumerate(csv.DictReader(lines), start=2)


def parsed(path: Path, line: int, row: dict[str, str], parse):
    """What ``parse`` makes of a row; raises ``UserError`` naming the line of one that it cannot read."""
    try:
        return parse(row)
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        reason = f"column {error} is missing" if isinstance(error, KeyError) else error
        raise UserError(f"run: {path} line {line} cannot be read: {reason}") from None
