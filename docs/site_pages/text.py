"""Words and values as Markdown that shows them as they are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import yaml


def cell(words: str) -> str:
    """Prose for a line or a table's cell: signs of Markdown show as themselves, what is in backticks as code."""
    pieces = re.split(r"``?([^`]+)``?", " ".join(words.split()))
    return "".join(code(piece) if place % 2 else _escaped(piece) for place, piece in enumerate(pieces))


def _escaped(words: str) -> str:
    return re.sub(r"([\\*_\[\]|#{}])", r"\\\1", words).replace("&", "&amp;").replace("<", "&lt;")


def sentence(words: str) -> str:
    """Prose that begins with a capital and ends with a full stop."""
    return cell(words[:1].upper() + words[1:].rstrip(".") + ".")


def code(words: str) -> str:
    """Inline code, nothing for nothing. Python's Markdown takes no bar within code for the end of a table's cell."""
    return f"`{words}`" if words else ""


def markdown_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join("| " + " | ".join(line) + " |" for line in (columns, ["---"] * len(columns), *rows))


def plain_yaml(value: Any) -> str:
    """A value as one line of YAML."""
    return yaml.safe_dump(value, default_flow_style=True, allow_unicode=True).removesuffix("\n...\n").strip()
