"""Pieces of the page: every text that comes from data goes through ``escaped`` on its way into HTML."""

from __future__ import annotations

import base64
import functools
import hashlib
import html
import json
from collections.abc import Mapping, Sequence
from importlib import resources

# The scripts of the page of one run and of that of several, in the order in which they are put together.
RUN_SCRIPTS = (
    "data",
    "theme",
    "chart",
    "store",
    "copy",
    "scatter",
    "channels",
    "curves",
    "compare",
    "table",
    "filters",
    "parallel",
    "importance",
    "run",
)
COMBINED_SCRIPTS = ("data", "theme", "chart", "runs")


def escaped(text: object) -> str:
    """Text as HTML, quotes included: safe between tags and inside a quoted attribute."""
    return html.escape(str(text), quote=True)


def cell(text: object, kind: str = "") -> str:
    css = f' class="{kind}"' if kind else ""
    return f"<td{css}>{escaped(text)}</td>"


def table(headings: Sequence[str], rows: Sequence[str]) -> str:
    """A table in a box that scrolls by itself; ``rows`` are whole ``<tr>`` elements."""
    head = "".join(f'<th scope="col">{escaped(heading)}</th>' for heading in headings)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'


def table_row(cells: Sequence[str], kind: str = "") -> str:
    css = f' class="{kind}"' if kind else ""
    return f"<tr{css}>{''.join(cells)}</tr>"


def figure(svg: str, caption: str, *, wide: bool = False) -> str:
    """An SVG as an image of its own: its ids and styles cannot meet those of the page or of another figure."""
    data = base64.b64encode(svg.encode()).decode("ascii")
    css = ' class="wide"' if wide else ""
    return (
        f'<figure{css}><div class="scroll"><img alt="{escaped(caption)}" src="data:image/svg+xml;base64,{data}">'
        f"</div><figcaption>{escaped(caption)}</figcaption></figure>"
    )


def paragraphs(sentences: Sequence[str]) -> str:
    return "".join(f"<p>{escaped(sentence)}</p>" for sentence in sentences)


def json_block(data: Mapping) -> str:
    """Data as an element that no browser runs; no text in it can end the element or begin a comment."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))  # all ASCII: it has no half characters either
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return f'<script id="data" type="application/json">{text}</script>'


def asset(name: str) -> str:
    """A file that the page is made of."""
    return resources.files("chansearch.report").joinpath("assets", name).read_text(encoding="utf-8")


def document(title: str, body: str, data: Mapping, scripts: Sequence[str]) -> str:
    """A whole page that needs nothing but itself, and is forbidden to ask for anything else."""
    library, own = _library(), "".join(asset(f"{name}.js") for name in scripts)
    # The library sets styles of its own; pictures are those of figures, and those that its camera button saves.
    policy = (
        f"default-src 'none'; script-src {_digest(library)} {_digest(own)}; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escaped(title)}</title><style>{asset('page.css')}</style></head>"
        f"<body>{asset('header.html')}{body}{json_block(data)}"
        f'<script>{library}</script><script type="module">{own}</script></body></html>\n'
    )


@functools.cache
def _library() -> str:
    """Plotly's own script, whole."""
    from plotly.offline import get_plotlyjs

    return get_plotlyjs()


def _digest(script: str) -> str:
    """By which a browser knows a script that may run."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode('ascii')}'"
