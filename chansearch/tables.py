"""Tables that are appended to while work goes on: a line is whole and on disk, or it is not there.

A torn last line is forgiven: it belongs to something that had not ended.
"""

from __future__ import annotations

import csv
import io
import math
import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from chansearch.errors import UserError
from chansearch.files import sync_folder

_LARGEST = 1e18  # of a number in a cell: sums and squares of such are still finite


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
    rows = csv.DictReader(lines)
    try:
        yield from enumerate(rows, start=2)
    except csv.Error as error:  # a cell of 100 kB, for one
        raise UserError(f"run: {path} line {rows.line_num + 1} cannot be read: {error}") from None


class Tail:
    """What a table gets while another process appends to it: each row once, parsed."""

    def __init__(self, path: Path, parse: Callable, most_bytes: int | None = None) -> None:
        """``most_bytes``: the first look skips what lies further before the end."""
        self._path, self._parse, self._most = path, parse, most_bytes
        self._columns: list[str] = []
        self._at = 0  # of the first byte that was not read yet
        self._lines = 0  # before it

    def new(self) -> list:
        """What ``parse`` makes of the whole rows that have come since the look before; none where there is no table.

        Raises ``UserError`` where it cannot be read.
        """
        if not self._path.is_file():
            return []
        try:
            with self._path.open("rb") as file:
                file.seek(self._at)
                added = file.read()
        except OSError as error:
            raise UserError(f"run: {self._path} cannot be read: {error.strerror}") from None
        added = added[: added.rfind(b"\n") + 1]
        self._at += len(added)
        if added and not self._columns:
            header, _, added = added.partition(b"\n")
            self._columns = next(self._cells(header), [])
            self._lines = 1
            if self._most is not None and len(added) > self._most:
                start = added.find(b"\n", len(added) - self._most) + 1
                self._lines += added.count(b"\n", 0, start)
                added = added[start:]
        first = self._lines + 1
        self._lines += added.count(b"\n")
        rows = enumerate((dict(zip(self._columns, cells, strict=False)) for cells in self._cells(added)), first)
        return [parsed(self._path, line, row, self._parse) for line, row in rows if row]

    def _cells(self, lines: bytes) -> Iterator[list[str]]:
        try:
            yield from csv.reader(lines.decode("utf-8", errors="replace").split("\n"))
        except csv.Error as error:
            raise UserError(f"run: {self._path} cannot be read: {error}") from None


def whole(row: Mapping[str, str | None], column: str, least: int = 0) -> int:
    """The whole number in a cell, which 64 bits hold; raises ``ValueError`` naming the column for anything else."""
    text = row[column] or ""
    if not re.fullmatch(r"-?[0-9]{1,18}", text) or int(text) < least:
        raise ValueError(f"{column} is {text!r}; a whole number from {least} is needed")
    return int(text)


def number(row: Mapping[str, str | None], column: str, least: float = 0.0, most: float = _LARGEST) -> float:
    """The finite number in a cell; raises ``ValueError`` naming the column for anything else, or one out of range."""
    text = row[column] or ""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not least <= value <= most:
        allowed = f"from {least:g}" if most == _LARGEST else f"from {least:g} to {most:g}"
        raise ValueError(f"{column} is {text!r}; a number {allowed} is needed")
    return value


_Parsed = TypeVar("_Parsed")


def parts(row: Mapping[str, str | None], column: str, read: Callable, *limits: float) -> tuple:
    """What ``read``, one of the two above, makes of each word in a cell, which may be empty or not be there."""
    return tuple(read({column: word}, column, *limits) for word in (row.get(column) or "").split())


def parsed(path: Path, line: int, row: dict[str, str], parse: Callable[[dict[str, str]], _Parsed]) -> _Parsed:
    """What ``parse`` makes of a row; raises ``UserError`` naming the line of one that it cannot read."""
    try:
        return parse(row)
    except (KeyError, ValueError) as error:
        reason = f"column {error} is missing" if isinstance(error, KeyError) else error
        raise UserError(f"run: {path} line {line} cannot be read: {reason}") from None
