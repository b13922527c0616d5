"""The site is built without a warning, leads nowhere that is not there, and needs no network."""

import html.parser
import importlib.util
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(importlib.util.find_spec("material") is None, reason="mkdocs-material is not installed")


@dataclass
class Page(html.parser.HTMLParser):
    """What a built page holds: anchors, links, what it loads, and its words."""

    anchors: set[str] = field(default_factory=set)
    links: set[str] = field(default_factory=set)
    loaded: set[str] = field(default_factory=set)
    paragraphs: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.anchors |= {given[name] for name in ("id", "name") if given.get(name)}
        if tag == "a" and "href" in given:
            self.links.add(given["href"])
        elif tag == "link" and given.get("rel") in ("stylesheet", "preload", "icon"):
            self.loaded.add(given["href"])
        elif "src" in given:
            self.loaded.add(given["src"])
        if tag == "p":
            self.paragraphs.append("")

    def handle_data(self, data):
        if self.paragraphs:
            self.paragraphs[-1] += data


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """Built as ``make docs`` builds it."""
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert (built.returncode, built.stdout, built.stderr) == (0, "", "")
    return folder


@pytest.fixture(scope="module")
def pages(site) -> dict[Path, Page]:
    found = {}
    for file in sorted(site.rglob("*.html")):
        found[file] = Page()
        found[file].feed(file.read_text(encoding="utf-8"))
    return found


def test_every_document_is_a_page(site, pages):
    written = {file.relative_to(ROOT / "docs").with_suffix(".html") for file in (ROOT / "docs").rglob("*.md")}
    made = {Path("reference", name) for name in ("config.html", "cli.html", "python.html")}
    assert written | made <= {file.relative_to(site) for file in pages}


def test_links_and_anchors_lead_somewhere(site, pages):
    lost = []
    for file, page in pages.items():
        if file.name == "404.html":  # its links start at the server's root
            continue
        for link in page.links | page.loaded:
            parts = urlsplit(link)
            if parts.scheme or not (parts.path or parts.fragment):
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            target = target / "index.html" if target.is_dir() else target
            if not target.is_file() or (
                parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors
            ):
                lost.append(f"{file.relative_to(site)}: {link}")
    assert not lost


def test_nothing_is_loaded_from_elsewhere(site, pages):
    assert not {link for page in pages.values() for link in page.loaded if urlsplit(link).netloc}
    for sheet in site.rglob("*.css"):
        assert "url(http" not in sheet.read_text(encoding="utf-8").replace('"', "").replace("'", "")


def test_tables_and_lists_are_taken_for_what_they_are(site, pages):
    """Python's Markdown wants a blank line before them where code hosts do not."""
    taken_for_words = [
        f"{file.relative_to(site)}: {line}"
        for file, page in pages.items()
        for paragraph in page.paragraphs
        for line in paragraph.splitlines()
        if line.startswith(("| ", "|-", "* ", "- ", "1. ", "```"))
    ]
    assert not taken_for_words


def test_links_out_of_the_site_are_safe(pages):
    outside = {link for page in pages.values() for link in page.links if urlsplit(link).netloc}
    print(*sorted(outside), sep="\n")  # for whoever wants to try them: pytest -rP
    assert outside and all(link.startswith("https://") for link in outside)


def test_search_works_from_a_folder(site):
    """Where browsers start no workers; ``assets/iframe-worker.js`` stands in for them."""
    playwright = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("Chromium is not installed")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        wrong, asked = [], []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        page.on("request", lambda request: asked.append(request.url))
        page.goto((site / "reference" / "cli.html").as_uri())
        page.fill("input.md-search__input", "weight_decay")
        page.wait_for_selector(".md-search-result__item", timeout=60_000)
        found = page.locator(".md-search-result__item a").evaluate_all("links => links.map(link => link.href)")
        browser.close()
    assert any("reference/config.html" in link for link in found)
    assert (wrong, [url for url in asked if not url.startswith(("file:", "data:"))]) == ([], [])
