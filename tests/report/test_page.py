"""The page: one file, whole, safe, and right."""

import base64
import re
import shutil
import subprocess
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from chansearch.report import write_report
from chansearch.report.page_parts import SCRIPT
from chansearch.search.candidate import State
from tests.report.synthetic import config, make_record, population, write_run

HOSTILE = "<script>alert('x')</script>\"><img src=https://evil.example/x.png onerror=alert(1)>&amp;"
VOID = {"meta", "img", "br", "link", "input", "hr"}


class Reader(HTMLParser):
    """Elements, their attributes, and whether every one that was opened was closed in its turn."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict]] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="module")
def hostile_pages(tmp_path_factory):
    """Pages of a run, and of two, whose every free text is an attack."""
    root = tmp_path_factory.mktemp("pages")
    settings = config(name=HOSTILE)
    settings["constraint"]["name"] = HOSTILE
    settings["provenance"] |= {"command": HOSTILE, HOSTILE: HOSTILE}
    records = population(12, unguided=6)
    records.append(make_record(12, [], state=State.FAILED, reason=HOSTILE))
    name = HOSTILE.replace("/", "∕")  # a path holds any other character
    run = write_run(root / name, records, settings, epochs=2)
    write_report([run, write_run(root / "$\\frac{1}$ \x07\x1b[31m", population(3))])
    pages = [run.page_file, *root.glob("report-*/report.html")]
    assert len(pages) == 2
    return [page.read_text(encoding="utf-8") for page in pages]


def test_hostile_text_stays_text(hostile_pages):
    for page in hostile_pages:
        reader = Reader(page)
        assert [tag for tag, _ in reader.elements].count("script") == 1
        assert not any(key.startswith("on") for _, attributes in reader.elements for key in attributes)
        assert HOSTILE in "".join(reader.text)
        assert "\x07" not in page and "\x1b" not in page


def test_nothing_comes_from_outside(hostile_pages):
    for page in hostile_pages:
        reader = Reader(page)
        tags = {tag for tag, _ in reader.elements}
        assert not tags & {"link", "iframe", "object", "embed", "base", "form", "video", "audio", "svg"}
        links = [a[key] for _, a in reader.elements for key in ("src", "href", "srcset", "action") if key in a]
        assert links and all(link.startswith("data:image/svg+xml;base64,") for link in links)
        style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)[1]
        assert "url(" not in style and "@import" not in style
        assert "prefers-color-scheme: dark" in style
        assert 'name="viewport"' in page


def test_figures_are_whole_svgs_and_load_nothing(hostile_pages):
    for page in hostile_pages:
        figures = re.findall(r"data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)", page)
        assert len(figures) == len(set(figures)) >= 2
        for figure in figures:
            root = ElementTree.fromstring(base64.b64decode(figure))
            names = {element.tag.rsplit("}", 1)[-1] for element in root.iter()}
            assert "path" in names and not names & {"script", "image", "foreignObject"}
            links = [value for e in root.iter() for key, value in e.attrib.items() if key.endswith("href")]
            assert all(link.startswith("#") for link in links)


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> str:
    records = population(20)
    records.append(make_record(20, [30.0, 31.0, 32.0], state=State.STOPPED_AT_RUNG))
    records.append(make_record(21, [], state=State.FAILED, reason="worker died: killed"))
    run = write_run(tmp_path_factory.mktemp("page") / "run", records, config("c2"))
    write_report([run])
    return run.page_file.read_text(encoding="utf-8")


def test_the_page_says_everything(page):
    text = "".join(Reader(page).text)
    for words in (
        "22 of 200 candidates have ended",
        "22 drawn = 22 kept",
        "top in the paper",
        "68.8 ± 0.1",
        "24-33-42-50-59-68-77-85-94",
        "arXiv 2007.00992, Table 3",
        "worker died: killed",
        "params 0.2M ± 10 % and MACs (the paper's FLOPs) 30M ± 10 %, classifier not counted",
        "cifar100, all images of each part",
        "at most 30 epochs, 3 seeds a candidate",
        "data.rank_on=val",
        "test_top1 is read once",
        "2.14.1",
        "By noise alone",
        "Out of sample",
        "31.00 (not ranked)",
    ):
        assert words in text, words


def test_unranked_candidates_are_listed_behind_the_ranked(page):
    table = page[page.index('class="sortable"') :]
    numbers = re.findall(r'<tr[^>]*><td data-value="(\d+)">#', table[: table.index("</table>")])
    assert sorted(map(int, numbers)) == list(range(22))
    assert numbers[-2:] == ["20", "21"]


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_sorting_in_the_browser():
    # A page's worth of DOM: two columns, the second with an empty cell.
    dom = """
    const cell = (value) => ({dataset: {value}});
    const rows = [["b", "10"], ["a", ""], ["c", "9"]].map((r) => ({name: r[0], cells: r.map(cell)}));
    const headings = [0, 1].map((cellIndex) => ({cellIndex, attributes: {},
      getAttribute(k) { return this.attributes[k] ?? null; }, setAttribute(k, v) { this.attributes[k] = v; },
      removeAttribute(k) { delete this.attributes[k]; }}));
    const buttons = headings.map((heading) => ({closest: () => heading,
      addEventListener(_, f) { this.press = f; }}));
    const body = {rows, append(...sorted) { this.rows = sorted; }};
    const table = {tBodies: [body], querySelectorAll: (s) => s === "th" ? headings : buttons};
    const document = {querySelectorAll: () => [table]};
    """
    press = """
    const seen = [];
    for (const place of [1, 1, 0]) { buttons[place].press(); seen.push(body.rows.map((r) => r.name).join("")); }
    console.log(seen.join(" "), headings[0].attributes["aria-sort"]);
    """
    done = subprocess.run(["node", "-e", dom + SCRIPT + press], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "bca cba cba descending"
