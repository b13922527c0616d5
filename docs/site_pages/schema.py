"""The keys of a configuration's schema: types, defaults and comments, from the dataclasses and their source.

The comment behind a field is what documents its key. It is read as text; nothing of it is executed.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import io
import tokenize
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from site_pages.text import plain_yaml


@dataclass(frozen=True)
class Key:
    """One dotted key. A section has keys of its own and no default."""

    name: str
    type: str  # as the schema writes it
    default: str  # as YAML would write it; empty: a section
    comment: str  # empty: none
    is_section: bool


def keys(schema: type, prefix: str = "") -> Iterator[Key]:
    """Every key of the schema in its order, a section before what it holds."""
    hints = typing.get_type_hints(schema)
    for field in dataclasses.fields(schema):
        written, comment = _written(schema, field.name)
        section = _section(hints[field.name])
        name = prefix + field.name
        if section is None:
            yield Key(name, written, _yaml(field), comment, is_section=False)
        else:
            yield Key(name, written, "", comment or _summary(section), is_section=True)
            yield from keys(section, f"{name}.")


def _section(hint: Any) -> type | None:
    """The dataclass of a section, which may be optional."""
    return next((part for part in (hint, *typing.get_args(hint)) if dataclasses.is_dataclass(part)), None)


def _summary(schema: type) -> str:
    """The first paragraph of a dataclass's docstring, empty where it has none but the signature it gets for one."""
    text = inspect.getdoc(schema) or ""
    return "" if text.startswith(f"{schema.__name__}(") else " ".join(text.split("\n\n")[0].split())


def _yaml(field: dataclasses.Field) -> str:
    return plain_yaml(field.default if field.default_factory is dataclasses.MISSING else field.default_factory())


def _written(schema: type, name: str) -> tuple[str, str]:
    """Annotation and comment of a field, from the class that declares it last."""
    for owner in schema.__mro__:
        if name in inspect.get_annotations(owner):
            return _fields(owner)[name]
    raise LookupError(f"{schema.__name__}.{name} is declared nowhere")


@cache
def _fields(owner: type) -> dict[str, tuple[str, str]]:
    source = inspect.getsource(owner)
    comments = {
        token.start[0]: token.string.lstrip("# ")
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }
    [tree] = ast.parse(source).body
    return {
        node.target.id: (ast.unparse(node.annotation), comments.get(node.end_lineno, ""))
        for node in tree.body
        if isinstance(node, ast.AnnAssign)
    }
