"""The page: one file, whole, safe, and right."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from chansearch.report import write_report
from chansearch.report.page_parts import json_block
from chansearch.search.candidate import State
from tests.report.synthetic import config, make_record, population, write_run

HOSTILE = "<script>alert('x')</script>\"><img src=https://evil.example/x.png onerror=alert(1)>&amp;"
# The data, Plotly and ours, and no other.
SCRIPTS = [{"id": "data", "type": "application/json"}, {}, {"type": "module"}]
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
        assert [attributes for tag, attributes in reader.elements if tag == "script"] == SCRIPTS
        assert not any(key.startswith("on") for _, attributes in reader.elements for key in attributes)
        assert HOSTILE in "".join(reader.text)
        assert "\x07" not in page and "\x1b" not in page


def test_the_data_is_one_block_that_no_text_ends(hostile_pages):
    """A browser ends a script element at the first such words, wherever they stand in it."""
    for page in hostile_pages:
        [block] = re.findall(r'<script id="data" type="application/json">(.*?)</script', page, re.DOTALL)
        assert not set("<>&") & set(block) and block.isascii()
        json.loads(block)
    hostile = "</script><!-- <script> ]]> & \u2028 \udcff \x1b"
    block = json_block({hostile: [hostile]})
    assert block.count("<") == 2 and "\x1b" not in block
    assert json.loads(block.split(">", 1)[1].rsplit("<", 1)[0]) == {hostile: [hostile]}
    with pytest.raises(ValueError, match="JSON compliant"):
        json_block({"top1": float("nan")})


def test_the_policy_lets_only_the_pages_own_scripts_run(hostile_pages):
    for page in hostile_pages:
        [policy] = re.findall(r'<meta http-equiv="Content-Security-Policy" content="(.*?)">', page)
        rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
        assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
        scripts = re.findall(r'<script(?: type="module")?>(.*?)</script>', page, re.DOTALL)
        digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
        assert rules["script-src"].split() == [f"'sha256-{digest}'" for digest in digests]
        assert len(digests) == 2 and "http" not in policy


def test_nothing_comes_from_outside(hostile_pages):
    for page in hostile_pages:
        reader = Reader(page)
        tags = {tag for tag, _ in reader.elements}
        assert not tags & {"link", "iframe", "object", "embed", "base", "form", "video", "audio", "svg"}
        links = [a[key] for _, a in reader.elements for key in ("src", "href", "srcset", "action") if key in a]
        assert links and all(link.startswith("data:image/svg+xml;base64,") for link in links)
        style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)[1]
        assert "url(" not in style and "@import" not in style
        assert "light-dark(" in style
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
    run = write_run(tmp_path_factory.mktemp("page") / "run", records, config("c2", blocks=9))
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
        "params 0.5M ± 10 % and MACs (the paper's FLOPs) 100M ± 10 %, classifier not counted",
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


def test_without_scripts_all_candidates_are_listed_the_unranked_last(page):
    table = page[page.index("<noscript>") : page.index("</noscript>")]
    numbers = [int(number) for number in re.findall(r"<tr[^>]*><td>#(\d+)", table)]
    assert sorted(numbers) == list(range(22))
    assert numbers[-2:] == [20, 21]
    assert "Without JavaScript" in table and "figures/" in table


def test_what_answers_is_not_there_as_a_picture_too(page):
    """Of five figures the page shows the two that no chart of it replaces."""
    pictures = [attributes for tag, attributes in Reader(page).elements if tag == "img"]
    assert [picture["alt"].split(":")[0] for picture in pictures] == [
        "Distribution of the error",
        "R² of the best line through each configuration",
    ]
