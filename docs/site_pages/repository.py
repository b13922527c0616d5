"""Links from pages to files of the repository that are no pages of ``docs/``.

On a code host such a link leads to the file. The site has no host to lead to, so it takes the file in, at its path in
the repository: Markdown as it is, a folder as a list of its pages, anything else as a page that shows it.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = "docs/"

_LINK = re.compile(r"\]\((?!\w+:|#|/)([^)#\s]+)")


def linked(text: str, page: str) -> dict[str, str]:
    """What a page of the site links to outside of ``docs/``: the link as written, and the page in its place."""
    return {link: place for link in _LINK.findall(text) if (place := _place(link, page))}


def taken_in(place: str) -> str:
    """The Markdown of a page that stands for a file or folder of the repository."""
    source = _source(place)
    if source.is_dir():
        pages = sorted(file.name for file in source.glob("*.md"))
        return f"# {place.removesuffix('/index.md')}\n\n" + "\n".join(f"* [{name}]({name})" for name in pages) + "\n"
    text = source.read_text(encoding="utf-8")
    if source.suffix == ".md":
        return text
    return f"# {source.name}\n\n`````{source.suffix[1:]}\n{text}`````\n"


def redirected(text: str, page: str) -> str:
    """The text with its links to the repository led to the pages that stand for them."""
    places = linked(text, page)

    def lead(found: re.Match) -> str:
        place = places.get(found[1])
        return f"]({posixpath.relpath(place, posixpath.dirname(page) or '.')}" if place else found[0]

    return _LINK.sub(lead, text)


def _place(link: str, page: str) -> str | None:
    """The page of the site for a link out of ``docs/``, or one from outside to a page of ``docs/``; None: as it is."""
    home = DOCS + page if (ROOT / DOCS / page).is_file() else page
    target = posixpath.normpath(posixpath.join(posixpath.dirname(home), link))
    if not (ROOT / target).exists():
        return None  # MkDocs has the word on what leads nowhere
    if target.startswith(DOCS):
        return None if home.startswith(DOCS) else target.removeprefix(DOCS)
    if (ROOT / target).is_dir():
        return f"{target}/index.md"
    return target if target.endswith(".md") else f"{target}.md"


def _source(place: str) -> Path:
    """The file or folder that ``_place`` has named so."""
    paths = (ROOT / name for name in (place, place.removesuffix("/index.md"), place.removesuffix(".md")))
    return next(path for path in paths if path.exists())
