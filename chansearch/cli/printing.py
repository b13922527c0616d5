"""``--json``: one document on standard output, and nothing else there."""

from __future__ import annotations

import contextlib
import json
import math
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager


def print_json(document: object) -> None:
    """Plain types as JSON that any reader takes: what is no number (nan, infinite) is null."""
    print(json.dumps(_finite(document), indent=2, allow_nan=False))


def nothing_but_json(asked: bool) -> AbstractContextManager:
    """Where JSON was asked for, what is printed within goes to standard error."""
    return contextlib.redirect_stdout(sys.stderr) if asked else contextlib.nullcontext()


def _finite(value: object) -> object:
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return value
