"""The page of the public Python names, from their signatures and docstrings."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Iterator

import chansearch
from site_pages.text import code

INTRODUCTION = """\
# Python names

What `import chansearch` gives, made from the docstrings. Anything else of the package may change between two versions
of it without notice. A user's mistake is a `UserError`, which is a `ValueError` of one line.
"""


def page() -> str:
    parts = [INTRODUCTION.strip()]
    for name in sorted(chansearch.__all__):
        thing = getattr(chansearch, name)
        if callable(thing):
            parts += _thing(f"chansearch.{name}", thing, level=2)
    return "\n\n".join(parts) + "\n"


def _thing(name: str, thing, level: int) -> Iterator[str]:
    """A function, or a class with what it declares in public."""
    yield f"{'#' * level} {code(name)} {{ #{name} }}"
    yield f"```python\n{_signature(name, thing)}\n```"
    yield _prose(thing)
    if inspect.isclass(thing):
        for member, value in vars(thing).items():
            if not member.startswith("_"):
                yield from _member(f"{name}.{member}", value, level + 1)


def _member(name: str, value, level: int) -> Iterator[str]:
    if isinstance(value, property):
        yield f"{'#' * level} {code(name)} {{ #{name} }}"
        yield _prose(value)
    elif callable(value) or isinstance(value, (classmethod, staticmethod)):
        yield from _thing(name, getattr(value, "__func__", value), level)


def _signature(name: str, thing) -> str:
    parameters = list(inspect.signature(thing).parameters.values())
    returns = inspect.signature(thing).return_annotation
    written = ", ".join(str(each).replace("'", "") for each in parameters if each.name not in ("self", "cls"))
    arrow = "" if returns is inspect.Signature.empty or inspect.isclass(thing) else f" -> {_named(returns)}"
    return textwrap.fill(f"{name.rpartition('.')[2]}({written}){arrow}", 100, subsequent_indent="    ")


def _named(annotation) -> str:
    return annotation.strip("\"'") if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))


def _prose(thing) -> str:
    return (inspect.getdoc(thing) or "").replace("``", "`")
