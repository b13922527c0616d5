"""Pieces of the page: every text that comes from data goes through ``escaped`` on its way into HTML."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence

STYLE = """
:root { color-scheme: light dark; --ink: #1d2126; --soft: #5b636d; --page: #fbfbfa; --card: #fff; --line: #dfe2e6;
  --top: #b34a00; --middle: #0063a0; --bottom: #007a58; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8ea; --soft: #a3abb4; --page: #15181b; --card: #1d2125;
  --line: #353b42; --top: #ff9d5c; --middle: #6db8f0; --bottom: #45c9a1; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 70rem; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.25; } h2 { font-size: 1.2rem; margin-top: 2.2rem; }
h3 { font-size: 1rem; margin: 1.6rem 0 .4rem; }
.note { color: var(--soft); }
.scroll { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: .5rem; }
.tall { max-height: 36rem; overflow-y: auto; }
table { border-collapse: collapse; width: 100%; font-size: .88rem; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .7rem; text-align: right; border-bottom: 1px solid var(--line); overflow-wrap: normal; }
td { white-space: nowrap; }
th { position: sticky; top: 0; background: var(--card); vertical-align: bottom; }
th:first-child, td:first-child, .text { text-align: left; }
.reason { white-space: normal; min-width: 18rem; overflow-wrap: anywhere; text-align: left; }
.top td:first-child, b.top { color: var(--top); } .middle td:first-child, b.middle { color: var(--middle); }
.bottom td:first-child, b.bottom { color: var(--bottom); }
.top td:first-child, .middle td:first-child, .bottom td:first-child { font-weight: 600; }
.paper td { color: var(--soft); font-style: italic; }
th button { all: unset; cursor: pointer; text-decoration: underline dotted; text-underline-offset: .2em; }
th button:focus-visible { outline: 2px solid var(--middle); }
th[aria-sort=ascending] button::after { content: " ▲"; } th[aria-sort=descending] button::after { content: " ▼"; }
figure { margin: 1rem 0; }
figure img { display: block; min-width: 36rem; width: 100%; max-width: 46rem; margin: 0 auto; background: #fff; }
figure.wide img { min-width: 48rem; max-width: none; }
figcaption { color: var(--soft); font-size: .88rem; margin-top: .3rem; }
dl { display: grid; grid-template-columns: minmax(7rem, max-content) 1fr; gap: .2rem 1rem; font-size: .92rem; }
dt { color: var(--soft); } dd { margin: 0; }
"""

# Sorts the rows of a table by the column whose heading was pressed; empty cells stay last either way.
SCRIPT = """
for (const table of document.querySelectorAll("table.sortable"))
  table.querySelectorAll("th button").forEach((button) => button.addEventListener("click", () => {
    const heading = button.closest("th"), place = heading.cellIndex, body = table.tBodies[0];
    const down = heading.getAttribute("aria-sort") !== "descending";
    const key = (row) => row.cells[place].dataset.value;
    const number = (text) => text !== "" && !isNaN(text);
    const order = (a, b) => number(a) && number(b) ? a - b : a.localeCompare(b);
    const rows = [...body.rows].sort((a, b) => {
      if (key(a) === "" || key(b) === "") return (key(a) === "") - (key(b) === "");
      return down ? order(key(b), key(a)) : order(key(a), key(b));
    });
    body.append(...rows);
    table.querySelectorAll("th").forEach((other) => other.removeAttribute("aria-sort"));
    heading.setAttribute("aria-sort", down ? "descending" : "ascending");
  }));
"""


def escaped(text: object) -> str:
    """Text as HTML, quotes included: safe between tags and inside a quoted attribute."""
    return html.escape(str(text), quote=True)


def cell(text: object, value: object = None, kind: str = "") -> str:
    """A table cell; ``value`` is what it sorts by where that is not the text."""
    sorts_by = text if value is None else value
    css = f' class="{kind}"' if kind else ""
    return f'<td{css} data-value="{escaped(sorts_by)}">{escaped(text)}</td>'


def table(headings: Sequence[str], rows: Sequence[str], *, sortable: bool = False) -> str:
    """A table in a box that scrolls by itself; ``rows`` are whole ``<tr>`` elements."""
    head = "".join(
        f'<th scope="col"><button type="button">{escaped(heading)}</button></th>'
        if sortable
        else f'<th scope="col">{escaped(heading)}</th>'
        for heading in headings
    )
    box, kind = ("scroll tall", ' class="sortable"') if sortable else ("scroll", "")
    return f'<div class="{box}"><table{kind}><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'


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


def document(title: str, body: str) -> str:
    """A whole page that needs nothing but itself."""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escaped(title)}</title><style>{STYLE}</style></head>"
        f"<body>{body}<script>{SCRIPT}</script></body></html>\n"
    )
