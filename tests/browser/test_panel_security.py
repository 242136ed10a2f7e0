"""The panel's page under attack in headless Chromium: other origins start nothing, and hostile texts stay texts."""

import http.server
import json
import shutil
import socketserver
import sys
import threading
import time
from pathlib import Path

import pytest
from made_github import NAME, driven_organisation
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from test_practice_server import github_of
from test_report_in_browser import ARGUMENTS

sys.path.insert(0, str(Path(__file__).parents[1]))
from served_panel import NOTEBOOKS, served

pytestmark = [pytest.mark.browser, pytest.mark.server]
SCRIPT = "<script>window.hacked = 1</script>"
IMAGE = "<img src=x onerror='window.hacked = 1'>"
TURNED = "\u202egnp.evil"
KERNEL = "return JSON.parse(document.getElementById('jupyter-config-data').textContent).kernelId"
ATTACK = """<!doctype html><meta charset="utf-8"><title>attacking</title><body><script>
const panel = "PANEL", socket = panel.replace("http", "ws"), kernel = "KERNEL", results = {};
function tried(name, what) {
  return what.then(() => "got through", error => "refused").then(said => results[name] = said);
}
function line(address) {
  return new Promise((good, bad) => {
    const made = new WebSocket(address);
    made.onopen = () => {
      const header = {msg_id: "1", msg_type: "execute_request", session: "s", username: "", version: "5.3", date: ""};
      made.send(JSON.stringify({channel: "shell", header, parent_header: {}, metadata: {}, content: {code: "1"}}));
      good();
    };
    made.onerror = bad;
    setTimeout(bad, 8000);
  });
}
function form(address, fields) {
  const made = document.createElement("form");
  made.method = "post"; made.action = address; made.target = "hidden";
  for (const name in fields) {
    const one = document.createElement("input");
    one.name = name; one.value = fields[name];
    made.append(one);
  }
  document.body.append(made); made.submit();
}
function loaded(kind, address) {
  return new Promise((good, bad) => {
    const made = document.createElement(kind);
    made.onload = good; made.onerror = bad;
    made[kind === "link" ? "href" : "src"] = address;
    if (kind === "link") made.rel = "stylesheet";
    document.head.append(made);
    setTimeout(bad, 8000);
  });
}
const hidden = document.createElement("iframe"); hidden.name = "hidden"; document.body.append(hidden);
const held = document.createElement("iframe"); held.src = panel + "/"; document.body.append(held);
const cookie = (document.cookie.match(/_xsrf=([^;]*)/) || [])[1] || "";  // cookies are seen on all ports of a host
const told = new URLSearchParams({_xsrf: cookie});
Promise.all([
  tried("read the page", fetch(panel + "/", {credentials: "include"}).then(answer => answer.text())),
  tried("end the kernel",
    fetch(panel + "/voila/api/shutdown/" + kernel, {method: "POST", credentials: "include", body: told})),
  tried("start a kernel", fetch(panel + "/api/kernels", {method: "POST", credentials: "include", body: "{}"})),
  tried("open its line", line(socket + "/api/kernels/" + kernel + "/channels?session_id=x")),
  tried("load its script", loaded("script", panel + "/panel/page.js")),
  tried("load its style", loaded("link", panel + "/panel/page.css")),
]).then(() => {
  form(panel + "/voila/api/shutdown/" + kernel, {_xsrf: cookie});
  form(panel + "/api/kernels", {name: "python3"});
  form(panel + "/", {token: "x"});
  navigator.sendBeacon(panel + "/voila/api/shutdown/" + kernel, told);
  setTimeout(() => { results.cookie = cookie ? "seen" : "not seen"; window.results = results; }, 1500);
});
</script></body>"""


@pytest.fixture(scope="module")
def company(tmp_path_factory):
    """A served organisation with hostile names, whose pipelines write down what they are asked."""
    folder = tmp_path_factory.mktemp("attacked")
    world, driver = driven_organisation()
    objects = world.repositories[NAME].objects
    number = driver.dispatch(NAME, objects["workflows"][0], "refs/heads/main", "0" * 40, {}, {"login": IMAGE, "id": 5})
    hostile = {
        "head_branch": f"{IMAGE}{TURNED}",
        "display_title": f"{SCRIPT}\x1b]0;title\x07",
        "name": f"Deploy {SCRIPT}",
    }
    objects["runs"] = [{**raw, **hostile} if raw["id"] == number else raw for raw in objects["runs"]]
    objects["workflows"] = [{**raw, "name": f"{raw['name']} {IMAGE}"} for raw in objects["workflows"]]
    objects["branches"] = [*objects["branches"], {**objects["branches"][0], "name": IMAGE}]
    driver.asked.clear()
    with github_of(world, pipelines=driver) as server:
        text = f'[github]\nurl = "{server.base}"\n[practice]\nuntil = 2026-01-01\n[[service]]\nname = "checkout"\n'
        (folder / "lab.toml").write_text(f'{text}repository = "{NAME}"\n', "utf-8")
        driver.folder = folder
        yield driver


@pytest.fixture(scope="module")
def browser(chromium, tmp_path_factory):
    options = Options()
    options.binary_location = chromium
    profile = tmp_path_factory.mktemp("profile")
    rebound = "--host-resolver-rules=MAP evil.test 127.0.0.1"  # a name that now points at this machine
    for argument in (*ARGUMENTS, rebound, "--window-size=1200,900", f"--user-data-dir={profile}"):
        options.add_argument(argument)
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def board(company):
    with served(company.folder, NOTEBOOKS / "22_runs_board.ipynb", away=5.0) as found:
        yield found


@pytest.fixture(scope="module")
def trigger(company):
    with served(company.folder, NOTEBOOKS / "21_trigger_panel.ipynb", away=5.0) as found:
        yield found


@pytest.fixture
def elsewhere():
    """Serve a text as a page on another port; yields a function from text to port."""
    told = {}

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(told["text"].encode())

        def log_message(self, *given):
            """Say nothing."""

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()

        def put(text):
            told["text"] = text
            return server.server_address[1]

        yield put
        server.shutdown()


def waited(true, seconds=40):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = true()
        if found:
            return found
        time.sleep(0.1)
    return true()


def said(browser):
    """What the page shows; "" while it has no body yet."""
    return browser.execute_script("return document.body?.innerText ?? ''")


def opened(browser, page, text):
    browser.switch_to.new_window("tab")
    browser.get(page.url)
    assert waited(lambda: text in said(browser)), page.said[-2000:]
    return browser.execute_script(KERNEL)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_page_on_another_origin_starts_nothing(browser, trigger, company, elsewhere, host):
    kernel = opened(browser, trigger, "Choose what to start")
    panel, kernels = browser.current_window_handle, trigger.kernels()
    assert browser.current_url == f"{trigger.base}/"  # the key has left the address
    port = elsewhere(ATTACK.replace("PANEL", trigger.base).replace("KERNEL", kernel))
    browser.switch_to.new_window("tab")
    browser.get(f"http://{host}:{port}/")
    found = waited(lambda: browser.execute_script("return window.results"))
    assert found.pop("cookie") == ("seen" if host == "127.0.0.1" else "not seen")  # the worst case is tried
    assert set(found.values()) == {"refused"} and len(found) == 6, found
    assert company.asked == []
    assert trigger.kernels() == kernels, "a kernel was started or ended"
    assert "execute_request" not in trigger.said
    browser.close()
    browser.switch_to.window(panel)
    assert "Choose what to start" in said(browser)
    browser.close()
    browser.switch_to.window(browser.window_handles[0])


def test_a_name_that_was_pointed_here_sees_nothing(browser, trigger, company):
    kernels = trigger.kernels()
    for path in ("/", f"/?token={trigger.url.partition('token=')[2]}"):
        browser.get(f"http://evil.test:{trigger.port}{path}")
        assert "not known under that name" in said(browser)
    assert trigger.kernels() == kernels and company.asked == []
    assert not browser.get_cookies()


def test_hostile_names_stay_text_and_the_policy_would_stop_them(browser, board, company):
    opened(browser, board, "is running")
    text = said(browser)
    for one in (SCRIPT, IMAGE, "gnp.evil"):
        assert one in text
    assert "\u202e" not in text  # the board takes such marks out
    assert browser.execute_script("return window.hacked === undefined")
    browser.execute_script(  # even where something were put in, no inline script runs
        "const one = document.createElement('div'); one.innerHTML = arguments[0]; document.body.append(one);"
        "const two = document.createElement('script'); two.textContent = 'window.hacked = 2';"
        "document.body.append(two);",
        IMAGE,
    )
    time.sleep(0.5)
    assert browser.execute_script("return window.hacked === undefined")
    assert company.asked == []


def test_the_trigger_panels_hostile_names_stay_text(browser, trigger, company):
    opened(browser, trigger, "Choose what to start")
    options = lambda: json.dumps(  # noqa: E731
        browser.execute_script("return [...document.querySelectorAll('option')].map(one => one.textContent)")
    )
    assert waited(lambda: "onerror" in options()), options()
    assert browser.execute_script("return window.hacked === undefined") and company.asked == []


def test_a_page_that_is_left_ends_its_kernel(browser, board):
    opened(browser, board, "is running")
    before = board.kernels()
    browser.get("about:blank")
    assert waited(lambda: len(board.kernels()) < len(before))
