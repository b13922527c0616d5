"""The page in a real browser: Debian's Chromium, driven by Playwright."""

import os
import shutil
import time
from contextlib import contextmanager

import pytest

from chansearch.report import analyse
from chansearch.report.page import combined_page, run_page
from chansearch.search.candidate import State
from tests.report.synthetic import config, linear_is_better, make_record, population, write_run

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright, of the extra `test`")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium or Chrome")

HOSTILE = "</script><img src=x onerror=document.title=1><b>$(x)"
WIDE = {"width": 1280, "height": 1500}
PATIENCE = 60_000  # milliseconds; other tests may have both cores


@pytest.fixture(scope="module")
def browser():
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium has none for root, as in a container
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=sandbox)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """60 candidates of both origins, one stopped, one failed for a reason that is an attack, as its name is."""
    records = population(60, quality=linear_is_better, unguided=20)
    records.append(make_record(60, [30.0, 31.0, 32.0], state=State.STOPPED_AT_RUNG))
    records.append(make_record(61, [], state=State.FAILED, reason=HOSTILE))
    folder = tmp_path_factory.mktemp("browser") / HOSTILE.replace("/", "∕")
    return written(write_run(folder, records, config(name=HOSTILE, candidates=62), epochs=3))


def written(run):
    """A run with its page, but for the pictures: drawing those takes longer than all that is tested here."""
    run.page_file.write_text(run_page(analyse(run), {}), encoding="utf-8")
    return run


@contextmanager
def opened(browser, file, **settings):
    """A page that says nothing on its console, raises nothing and asks for nothing."""
    context = browser.new_context(**({"viewport": WIDE} | settings))
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    complaints, requests = [], []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(file.as_uri())
    yield page
    page.keyboard.press("Control+End")  # what has not been drawn yet is now
    page.wait_for_timeout(300)
    assert complaints == []
    assert {url for url in requests if not url.startswith(("data:", "blob:"))} == {file.as_uri()}
    context.close()


@pytest.fixture
def page(browser, run):
    with opened(browser, run.page_file) as page:
        yield page


def count(page) -> str:
    return page.locator("#count").text_content()


def wait_for(page, selector: str, text: str) -> None:
    playwright.expect(page.locator(selector)).to_have_text(text, timeout=PATIENCE)


def numbers(page) -> list[int]:
    return [int(row.get_attribute("data-number")) for row in page.locator("#table tbody tr").all()]


def drawn(page, chart: str):
    """A chart that has come into view and has its traces."""
    page.locator(chart).scroll_into_view_if_needed()
    page.locator(f"{chart} .plot-container .main-svg").first.wait_for()
    return page.locator(chart)


def drag(page, chart: str, start: tuple[float, float], end: tuple[float, float]) -> None:
    """From one place of a chart's area to another, as shares of its width and height."""
    box = drawn(page, chart).locator(".nsewdrag").bounding_box()
    (x0, y0), (x1, y1) = ((box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in (start, end))
    page.mouse.move(x0, y0)
    page.mouse.down()
    page.mouse.move((x0 + x1) / 2, (y0 + y1) / 2)
    page.mouse.move(x1, y1)
    page.mouse.up()


def test_text_of_a_run_stays_text(page):
    assert page.title().startswith("chansearch: ") and HOSTILE[:8] not in page.title()
    assert page.locator("img:not([src^='data:'])").count() == 0
    assert page.locator("h1").text_content() == HOSTILE.replace("/", "∕")
    assert page.locator("td.reason").text_content() == HOSTILE


def test_nothing_can_be_fetched_nor_run(page):
    """By the page's own policy, whatever text came to stand in it. A second page is tried, that may complain."""
    tried = page.context.new_page()
    tried.goto(page.url)
    refused = tried.evaluate("""async () => {
        const refused = [];
        addEventListener("securitypolicyviolation", (event) => refused.push(event.effectiveDirective));
        const script = document.createElement("script");
        script.textContent = "document.title = 'broken into'";
        document.body.append(script);
        document.body.insertAdjacentHTML("beforeend", "<button id='hostile' onclick='document.title = 1'></button>");
        document.getElementById("hostile").click();
        await fetch("https://example.org/").catch(() => 0);
        await new Promise((done) => setTimeout(done, 200));
        return refused;
    }""")
    assert sorted(refused) == ["connect-src", "script-src-attr", "script-src-elem"]
    assert tried.title() == page.title()


def test_the_page_opens_whole(page):
    assert count(page) == "62 of 62 candidates shown"
    for chart in ("#accuracy", "#channels", "#parallel", "#importance", "#curves"):
        drawn(page, chart)
    assert page.locator("#importance .bars .point").count() == 6
    assert page.locator("#accuracy .scatterlayer .point").count() >= 60
    assert not page.locator("#compare").is_visible()
    assert page.locator("[data-title*=Share]").count() == 0  # Plotly's upload of a chart


def test_sorting(page):
    ranked = numbers(page)
    heading = page.locator("#table th", has_text="candidate")
    for direction, expected in (("ascending", list(range(50))), ("descending", list(range(61, 11, -1)))):
        heading.locator("button").click()
        assert heading.get_attribute("aria-sort") == direction
        assert numbers(page) == expected
    accuracy = page.locator("#table th", has_text="validation")
    accuracy.locator("button").click()
    assert numbers(page) == ranked
    accuracy.locator("button").click()
    page.get_by_role("button", name="Next").click()
    assert numbers(page)[-2:] == [60, 61]  # what has no accuracy to compare stays last
    assert page.locator("#page").text_content() == "51 to 62 of 62"


def test_filtering(page):
    search = page.locator("#search")
    for words, found in (("#7", 1), ("failed", 1), ("34-34-45", 2), ("top tenth", 6), ("rank<=10 sampler", None)):
        search.fill(words)
        shown = len(numbers(page))
        assert count(page) == f"{shown} of 62 candidates shown"
        assert shown == found or (found is None and 0 < shown <= 10)
    search.fill("")
    page.locator("#filter-tenth").select_option("middle")
    assert len(numbers(page)) == 6
    page.locator("#filter-origin").select_option("sampler")
    assert 0 < len(numbers(page)) < 6
    page.get_by_role("button", name="Clear all").click()
    assert count(page) == "62 of 62 candidates shown"


def test_pointing_at_a_point_or_a_row_shows_its_channels(page):
    drawn(page, "#accuracy")
    row = page.locator("#table tbody tr").nth(30)
    row.hover()
    number, channels = row.get_attribute("data-number"), row.locator("td").nth(3).text_content()
    assert page.locator("#focused").text_content().startswith(f"#{number}, rank 31, ")
    wait_for(page, "#channels .legendtext >> nth=-1", f"#{number}")
    assert page.locator("#channels .scatterlayer .trace").last.locator(".point").count() == channels.count("-") + 1
    assert channels in page.locator("#accuracy .hoverlayer").text_content()
    point = page.locator("#accuracy .scatterlayer .point").first
    point.hover(force=True)
    playwright.expect(page.locator("#focused")).not_to_contain_text(f"#{number},")


def test_a_box_over_points_and_a_range_on_an_axis_filter_and_are_let_go_of(page):
    drag(page, "#accuracy", (0.02, 0.02), (0.98, 0.5))
    limits = page.locator("#limits button")
    playwright.expect(limits).to_have_count(1)
    boxed = int(count(page).split()[0])
    assert 0 < boxed < 60
    drag(page, "#parallel", (0.26, 0.9), (0.3, 1.0))  # along the third axis: segments, its lowest
    playwright.expect(limits).to_have_count(2)
    assert "segments of f" in limits.nth(1).text_content()
    assert int(count(page).split()[0]) < boxed
    limits.nth(1).click()
    assert int(count(page).split()[0]) == boxed
    page.get_by_role("button", name="Clear all").click()
    assert count(page) == "62 of 62 candidates shown" and limits.count() == 0
    playwright.expect(page.locator("#accuracy .selectionlayer path")).to_have_count(0)


def test_five_are_compared_and_a_sixth_is_refused(page):
    rows = page.locator("#table tbody tr")
    for place in range(5):
        rows.nth(place).click()
    first = numbers(page)[:5]
    assert [chip.text_content() for chip in page.locator("#compared button").all()] == [f"#{n} ×" for n in first]
    rows.nth(5).click()
    assert page.locator("#message").is_visible() and "#" in page.locator("#message").text_content()
    assert page.locator("#compared button").count() == 5
    assert rows.nth(5).get_attribute("aria-selected") == "false"
    for chart in ("#compare-channels", "#compare-curves"):
        playwright.expect(drawn(page, chart).locator(".scatterlayer .trace")).to_have_count(5)
    cells = page.locator("#compare-table tbody tr", has_text="channels").first.locator("td").all()
    assert [cell.text_content() for cell in cells[1:]] == [
        row.locator("td").nth(3).text_content() for row in rows.all()[:5]
    ]
    rows.nth(2).click()
    assert page.locator("#compared button").count() == 4
    page.locator("#compared button").first.click()
    playwright.expect(page.locator("#compare-channels .scatterlayer .trace")).to_have_count(3)


def test_copying_the_export_command(browser, run):
    with opened(browser, run.page_file, permissions=["clipboard-read", "clipboard-write"]) as page:
        row = page.locator("#table tbody tr").nth(2)
        row.locator("button").click()
        name = str(run.path).replace("'", "'\"'\"'")
        expected = f"chansearch export --run '{name}' --top 3 > rexnet_{row.get_attribute('data-number')}.yaml"
        wait_for(page, "#message", f"Copied: {expected}")
        assert page.evaluate("navigator.clipboard.readText()") == expected
        assert row.get_attribute("aria-selected") == "false"  # its button is no press of the row
        page.locator("#search").fill("failed")
        page.locator("#table tbody tr").hover()
        page.locator("#copy").click()
        expected = "chansearch export --channels 34-34-45-55-66 > rexnet_61.yaml"
        wait_for(page, "#message", f"Copied: {expected}")


def test_copying_where_there_is_no_clipboard(browser, run):
    with opened(browser, run.page_file, permissions=["clipboard-read", "clipboard-write"]) as page:
        page.evaluate("""() => {
            window.kept = navigator.clipboard;
            Object.defineProperty(navigator, "clipboard", { value: undefined });
        }""")
        page.locator("#copy").click()
        wait_for(page, "#message", f"Copied: {page.locator('#command').text_content()}")
        assert page.evaluate("window.kept.readText()") == page.locator("#command").text_content()


def test_by_keyboard_alone(page):
    page.locator("#search").focus()
    page.keyboard.type("sampler")
    for _ in range(90):  # to the table, whatever lies between
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('#table tbody tr')"):
            break
    rows = page.locator("#table tbody tr")
    focused = "Number(document.activeElement.dataset.number)"
    shown = numbers(page)
    assert page.evaluate(focused) == shown[0]
    page.keyboard.press("ArrowDown")
    assert page.evaluate(focused) == shown[1]
    assert page.locator("#focused").text_content().startswith(f"#{shown[1]}, ")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    page.keyboard.press("End")
    page.keyboard.press(" ")
    assert [chip.text_content() for chip in page.locator("#compared button").all()] == [
        f"#{shown[1]} ×",
        f"#{numbers(page)[-1]} ×",
    ]
    page.keyboard.press("Home")
    assert page.evaluate(focused) == shown[0] and rows.first.get_attribute("tabindex") == "0"
    page.locator("#search").focus()
    page.keyboard.press("ArrowDown")
    assert page.evaluate(focused) == shown[0]
    page.keyboard.press("c")
    playwright.expect(page.locator("#message")).to_contain_text(f"rexnet_{shown[0]}.yaml")


def test_light_and_dark(browser, run):
    def ground(page) -> int:
        return page.evaluate("parseInt(getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0])")

    with opened(browser, run.page_file, color_scheme="dark", reduced_motion="reduce") as page:
        assert ground(page) < 60
        text = drawn(page, "#accuracy").locator(".xtick text").first
        dark = text.evaluate("element => element.style.fill")
        page.get_by_role("button", name="Light").click()
        assert ground(page) > 200
        playwright.expect(text).not_to_have_attribute("style", dark)
        assert text.evaluate("element => element.style.fill") != dark
        page.reload()
        assert ground(page) > 200  # remembered


def test_on_a_phone_nothing_hangs_over(browser, run):
    with opened(browser, run.page_file, viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True) as page:
        for chart in ("#accuracy", "#parallel", "#curves"):
            drawn(page, chart)
        assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_without_scripts_the_tables_are_there(browser, run):
    with opened(browser, run.page_file, java_script_enabled=False) as page:
        assert page.locator("noscript tbody tr").count() == 62
        assert page.locator("noscript p").is_visible()
        assert not page.locator("#explore").is_visible()


def test_runs_over_each_other(browser, run, tmp_path):
    other = write_run(tmp_path / "other", population(12, blocks=9), config(blocks=9))
    file = tmp_path / "report.html"
    file.write_text(combined_page([analyse(other), analyse(run)], {}), encoding="utf-8")
    with opened(browser, file) as page:
        for chart in ("#accuracy", "#best", "#tops"):
            drawn(page, chart)
            assert page.locator(f"{chart} .legendtext").count() == 2
        assert page.locator("#accuracy .legendtext").last.text_content().startswith("2: ")
        assert page.locator("#accuracy .scatterlayer .trace").count() == 2
        page.locator("#accuracy .legendtoggle").first.click()
        playwright.expect(page.locator("#accuracy .scatterlayer .trace")).to_have_count(1)
        page.locator("#axis").select_option("params")
        playwright.expect(page.locator("#accuracy .xtitle")).to_have_text("params [M]")


def test_a_run_that_has_hardly_begun(browser, tmp_path):
    run = written(write_run(tmp_path / "run", [], config()))
    with opened(browser, run.page_file) as page:
        assert count(page) == "0 of 0 candidates shown"
        assert page.locator("#accuracy").text_content() == "No candidate can be ranked yet."


def test_two_thousand_candidates(browser, tmp_path):
    """A bound that a page which builds all rows, or draws at every key, would not keep; see docs/report.md."""
    records = population(2000, quality=linear_is_better, blocks=9)
    run = written(write_run(tmp_path / "run", records, config("c2", blocks=9, candidates=2000)))
    begun = time.perf_counter()
    with opened(browser, run.page_file) as page:
        page.locator("#table tbody tr").first.wait_for()
        assert time.perf_counter() - begun < 60
        drawn(page, "#accuracy")
        assert page.locator("#accuracy .scatterlayer .point").count() >= 2000
        assert page.locator("#table tbody tr").count() == 50
        slowest = page.evaluate("""() => {
            const search = document.getElementById("search");
            return Math.max(...[..."macs<150"].map((key) => {
                search.value += key;
                const begun = performance.now();
                search.dispatchEvent(new Event("input"));
                return performance.now() - begun;
            }));
        }""")
        assert slowest < 2000  # milliseconds, on machines that do other things; 40 on an idle one
        assert 0 < int(count(page).split()[0].replace(",", "")) < 2000
