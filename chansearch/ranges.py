"""Values out of their range, refused in one line that names the key, the value and what is allowed.

Each raises ``UserError``, for nan and infinity too.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable

from chansearch.errors import UserError, did_you_mean


def one_of(key: str, value: object, allowed: Iterable[str], also: str = "") -> None:
    """``also``: what else is allowed, for the message."""
    names = tuple(allowed)
    if value not in names:
        near = did_you_mean(str(value), names)
        raise UserError(f"{key}: {value!r} is unknown{near}; allowed: {also}{', '.join(names)}")


def at_least(key: str, value: float, lowest: int) -> None:
    if not lowest <= value < math.inf:  # written so that nan is refused too
        raise UserError(f"{key}: {value}; allowed: {lowest} or more")


def within(key: str, value: float, lowest: int, highest: int) -> None:
    if not lowest <= value <= highest:
        raise UserError(f"{key}: {value}; allowed: {lowest} to {highest:,}")


def fraction(key: str, value: float) -> None:
    if not 0 < value < 1:
        raise UserError(f"{key}: {value}; allowed: between 0 and 1, both excluded")


def in_unit(key: str, value: float) -> None:
    if not 0 <= value < 1:
        raise UserError(f"{key}: {value}; allowed: 0 to 1, 1 excluded")


def above_zero(key: str, value: float) -> None:
    if not 0 < value < math.inf:
        raise UserError(f"{key}: {value}; allowed: above 0")


def probability(key: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise UserError(f"{key}: {value}; allowed: 0 to 1")


# Bytes. File systems stop at 255; a default name has a time and other names beside it.
_LONGEST_NAME = 200


def folder_name(key: str, value: str) -> None:
    """A part of a path that stays where it is put, and can be shown to a person."""
    stays = value and not value.startswith(".") and not any(sign in value for sign in "/\\")
    if not (stays and value.isprintable() and len(os.fsencode(value)) <= _LONGEST_NAME):
        shown = value if len(value) <= 40 else f"{value[:40]}…"
        raise UserError(
            f"{key}: {shown!r} is no folder name; allowed: letters, digits, '-', '_' and '.' inside, "
            f"at most {_LONGEST_NAME} bytes"
        )
