"""The report in headless Chromium: charts drawn, nothing asked of a network, hostile text inert, fit for a phone."""

import http.server
import itertools
import json
import socketserver
import threading
import time
from pathlib import Path

import pytest
from made_lab import HOSTILE, lab
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from test_gallery import published

from devops_lab.reports import chromium as printing
from devops_lab.reports import gallery, render

pytestmark = pytest.mark.browser
ARGUMENTS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run", "--hide-scrollbars", "--disable-dev-shm-usage",
)  # fmt: skip
WIDTHS = (1400, 820, 390)
DRAWN = "return [...document.querySelectorAll('.plot')].map(one => one.dataset.drawn === 'yes')"


@pytest.fixture(scope="module")
def page(tmp_path_factory, chromium) -> Path:
    folder = tmp_path_factory.mktemp("seen")
    lab(folder)
    notebook = render.notebook_path("report_dora")
    given = {"config": str(folder / "lab.toml"), "last": "26 weeks"}
    return render.render(notebook, folder / "report.html", given)


@pytest.fixture(scope="module")
def browser(chromium, tmp_path_factory):
    options = Options()
    options.binary_location = chromium
    for argument in (*ARGUMENTS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
    yield driver
    driver.quit()


def look(browser, address: str, width: int = 1400, dark: bool = False):
    features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    for kind in ("browser", "performance"):
        browser.get_log(kind)
    browser.get(address)
    until = time.monotonic() + 30
    while time.monotonic() < until and not all(browser.execute_script(DRAWN)):
        time.sleep(0.1)


def requests(browser) -> list[str]:
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    sent = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
    return [url for url in sent if not url.startswith("data:")]


def test_every_chart_is_drawn_and_the_network_is_left_alone(browser, page):
    look(browser, page.as_uri())
    assert browser.execute_script(DRAWN) == [True] * 7
    assert browser.execute_script("return document.querySelectorAll('.plot .main-svg').length") >= 7
    assert requests(browser) == [page.as_uri()]
    assert [entry for entry in browser.get_log("browser") if entry["level"] != "INFO"] == []


def test_charts_are_ready_soon(browser, page):
    look(browser, page.as_uri())
    took = "return performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"
    assert browser.execute_script(took) < 5000


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_sticks_out_of_the_page(browser, page, width):
    look(browser, page.as_uri(), width)
    assert browser.execute_script("return document.documentElement.scrollWidth") == width
    outside = """
        const beside = [...document.querySelectorAll('h1, h2, h3, p, td, .lab-tile, figure, .plot, pre, summary')]
        return beside.filter(one => one.offsetParent && !one.closest('details:not([open])'))
            .filter(one => one.getBoundingClientRect().right > innerWidth + 1).map(one => one.outerHTML.slice(0, 80))
    """
    assert browser.execute_script(outside) == []


@pytest.mark.parametrize("width", WIDTHS)
def test_no_text_of_a_chart_is_cut_off(browser, page, width):
    look(browser, page.as_uri(), width)
    cut = """
        return [...document.querySelectorAll('.plot')].flatMap(plot => {
            const frame = plot.getBoundingClientRect();
            return [...plot.querySelectorAll('text')].filter(text => text.textContent.trim()).filter(text => {
                const box = text.getBoundingClientRect();
                return box.width && (box.left < frame.left - 1 || box.right > frame.right + 1
                    || box.top < frame.top - 1 || box.bottom > frame.bottom + 1);
            }).map(text => text.textContent);
        })
    """
    assert browser.execute_script(cut) == []


def test_hostile_text_is_shown_and_does_nothing(browser, page):
    look(browser, page.as_uri())
    words = browser.execute_script("return document.body.innerText")
    assert HOSTILE in words and "'=cmd()" in words and "'; drop table changes; --" in words
    assert browser.execute_script("return document.querySelectorAll('img[src=x], td script, text script').length") == 0
    scripts = "return [...document.scripts].filter(one => one.type !== 'application/json').length"
    assert browser.execute_script(scripts) == 1  # the page's own; plotly.js was unpacked, run and taken out
    assert browser.execute_script("return [...document.links].map(one => new URL(one.href).protocol)") != []
    protocols = set(browser.execute_script("return [...document.links].map(one => new URL(one.href).protocol)"))
    assert protocols <= {"https:", "file:", "data:"}


def test_a_script_that_got_in_does_not_run(browser, page, tmp_path):
    """Even if escaping failed somewhere: the policy lets only our two scripts run, and nothing may be loaded."""
    asked = []

    class Listener(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Listener)
    server.daemon_threads = True  # Chromium may open a connection and ask for nothing
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_address[1]}"
    evil = (
        f"<script>document.title = 'owned'</script><img src='{address}/img' onerror=\"document.title='owned'\">"
        f"<script src='{address}/js'></script><link rel=stylesheet href='{address}/css'>"
        f"<iframe src='{address}/frame'></iframe><style>body {{ background: url({address}/background) }}</style>"
    )
    planted = tmp_path / "planted.html"
    planted.write_text(page.read_text("utf-8").replace('<main id="content">', f'<main id="content">{evil}'), "utf-8")
    look(browser, planted.as_uri())
    time.sleep(0.5)
    server.shutdown()
    assert browser.title.startswith("checkout") and asked == []
    assert browser.execute_script(DRAWN) == [True] * 7


def test_dark_and_light_are_both_coloured(browser, page):
    ink = "return getComputedStyle(document.querySelector('.plot .xtick text')).fill"
    paper = "return getComputedStyle(document.body).backgroundColor"
    look(browser, page.as_uri())
    light = browser.execute_script(ink), browser.execute_script(paper)
    look(browser, page.as_uri(), dark=True)
    dark = browser.execute_script(ink), browser.execute_script(paper)
    assert light == ("rgb(75, 85, 99)", "rgb(255, 255, 255)")
    assert dark == ("rgb(174, 182, 193)", "rgb(20, 23, 27)")


def test_a_receipt_is_in_the_page_and_can_be_read(browser, page):
    look(browser, page.as_uri())
    saved = browser.execute_script(
        "return [...document.querySelectorAll('a[download]')].map(one => [one.download, atob(one.href.split(',')[1])])"
    )
    assert next(name for name, _ in saved) == "receipt_change_lead_time.json"
    first = json.loads(saved[0][1])
    assert first["n"] == len(first["rows"]) and first["sql"].startswith("-- change_lead_time")
    browser.execute_script("document.querySelectorAll('summary').forEach(one => one.click())")
    assert browser.execute_script("return document.documentElement.scrollWidth") == 1400


def test_the_page_can_be_used_by_keyboard_and_read_aloud(browser, page):
    look(browser, page.as_uri())
    assert browser.execute_script(
        "return [...document.querySelectorAll('.plot')].every(one => one.ariaLabel.length > 20)"
    )
    headings = browser.execute_script("return [...document.querySelectorAll('h1, h2, h3')].map(one => +one.tagName[1])")
    assert headings[0] == 1 and headings.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(headings))
    assert browser.execute_script("return document.querySelector('a').getAttribute('href')") == "#content"
    anchors = (
        "return [...document.querySelectorAll('nav a')].every(one => document.querySelector(one.getAttribute('href')))"
    )
    assert browser.execute_script(anchors)


# ---------------------------------------------------------------- contrast, labels, fingers

FAINT = """
    const channel = one => (one /= 255) <= 0.03928 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4;
    const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
    const parts = text => (text.match(/[\\d.]+/g) || [0, 0, 0, 0]).map(Number);
    const behind = one => {
        for (; one; one = one.parentElement) {
            const found = parts(getComputedStyle(one).backgroundColor);
            if (found.length < 4 || found[3] > 0.99) { return found.slice(0, 3); }
        }
        return [255, 255, 255];
    };
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const faint = [];
    for (let text; (text = walker.nextNode());) {
        const one = text.parentElement;
        const box = one.getBoundingClientRect();
        if (!text.textContent.trim() || !box.width || box.right < 0) { continue; }
        if (one.closest('script, style, noscript')) { continue; }
        const style = getComputedStyle(one);
        const ink = parts(one.namespaceURI.endsWith('svg') ? style.fill : style.color).slice(0, 3);
        const [high, low] = [light(ink), light(behind(one))].sort((a, b) => b - a);
        const size = parseFloat(style.fontSize);
        const sign = !/[\\p{L}\\p{N}]/u.test(text.textContent);
        const big = sign || size >= 24 || (size >= 18.66 && style.fontWeight >= 600);
        if ((high + 0.05) / (low + 0.05) < (big ? 3 : 4.5)) { faint.push(text.textContent.trim().slice(0, 40)); }
    }
    return faint;
"""
UNNAMED = """
    const name = one => (one.ariaLabel || one.textContent || one.title || one.labels?.[0]?.textContent || '').trim();
    return [...document.querySelectorAll('a[href], button, input, summary, [role=img], svg[aria-label]')]
        .filter(one => !one.closest('[aria-hidden=true]') && !name(one)).map(one => one.outerHTML.slice(0, 100));
"""


@pytest.fixture(scope="module")
def index(tmp_path_factory) -> Path:
    """A gallery of reports that need no rendering: two services over nine weeks, and a team."""
    folder = tmp_path_factory.mktemp("gallery") / "reports"
    for week in range(36, 47):
        published(folder, "checkout", f"2026-W{week}", 20.0 + week % 5)
        published(folder, "a-service-with-a-very-long-name-that-nobody-would-give", f"2026-W{week}", 5.0 + week)
    published(folder, "", "2026-W46", 4.0, team="payments")
    return gallery.write(folder)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_text_stands_out_from_what_is_behind_it(browser, page, index, dark):
    for one in (page, index):
        look(browser, one.as_uri(), dark=dark)
        assert browser.execute_script(FAINT) == []


def test_everything_to_press_or_to_look_at_has_a_name(browser, page, index):
    for one in (page, index):
        look(browser, one.as_uri(), 390)
        assert browser.execute_script(UNNAMED) == []
        assert browser.execute_script("return [document.documentElement.lang, document.title.length > 3]") == [
            "en",
            True,
        ]


# ---------------------------------------------------------------- the gallery

CARDS = """
    return [...document.querySelectorAll('.card')].filter(one => one.offsetParent)
        .map(one => one.querySelector('h2').innerText)
"""


def test_the_gallery_asks_for_nothing_and_says_nothing(browser, index):
    look(browser, index.as_uri())
    assert requests(browser) == [index.as_uri()]
    assert [entry for entry in browser.get_log("browser") if entry["level"] != "INFO"] == []
    assert len(browser.execute_script(CARDS)) == 3


@pytest.mark.parametrize("width", WIDTHS)
def test_the_gallery_fits(browser, index, width):
    look(browser, index.as_uri(), width)
    assert browser.execute_script("return document.documentElement.scrollWidth") == width


def test_the_search_finds_services_teams_and_periods(browser, index):
    look(browser, index.as_uri())
    box = browser.find_element("id", "search")
    for words, found in (("pay", ["payments team"]), ("checkout 2026-w40", ["checkout"]), ("zzz", []), ("dora", 3)):
        box.clear()
        box.send_keys(words)
        shown = browser.execute_script(CARDS)
        assert (len(shown) if isinstance(found, int) else shown) == found
    assert browser.find_element("id", "found").text == "3 of 3"


def test_each_report_of_a_card_is_a_link_that_is_there(browser, index):
    look(browser, index.as_uri())
    browser.execute_script("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    pages = browser.execute_script(
        "return [...document.links].map(one => one.getAttribute('href')).filter(one => one.endsWith('html'))"
    )
    assert len(set(pages)) == 23 and all((index.parent / one).is_file() for one in pages)


# ---------------------------------------------------------------- PDF and picture


def test_the_pdf_has_every_section_on_a4_and_the_picture_its_size(page, tmp_path):
    printing.pdf(page, tmp_path / "page.pdf")
    content = (tmp_path / "page.pdf").read_bytes()
    assert content.startswith(b"%PDF-") and content.rstrip().endswith(b"%%EOF")
    assert 4 <= content.count(b"/Type /Page\n") + content.count(b"/Type /Page ") <= 16
    printing.picture(page, tmp_path / "page.png")
    png = (tmp_path / "page.png").read_bytes()
    assert (int.from_bytes(png[16:20]), int.from_bytes(png[20:24])) == printing.PICTURE
