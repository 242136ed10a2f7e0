"""The panel's page: who may ask for it, what it gives, what a visitor cannot do, and how it ends."""

import ast
import json
import os
import signal
import time
from pathlib import Path

import nbformat
import psutil
import pytest
import requests
from made_github import NAME, driven_organisation
from served_panel import NOTEBOOKS, SECRETS, V1, Client, framed, heard, message, notebook, proxy, served
from test_practice_server import github_of
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine
from websockets.exceptions import InvalidStatus

from devops_lab import config
from devops_lab.errors import ConfigError, UserError
from devops_lab.panels.person import NAMED, person
from devops_lab.panels.serving import serving, with_values
from devops_lab.panels.serving_gate import Gate, RefusedError, Visitor
from devops_lab.store import Store

PANEL = config.Panel(person_header="X-Forwarded-User", trusted=["127.0.0.1", "10.1.0.0/16"], hosts=["lab.example.org"])
OWN = {"Host": "127.0.0.1:8866"}


def asked(path="/", method="GET", address="127.0.0.1", cookie=None, **headers):
    """A request as the server sees it."""
    found = HTTPHeaders(OWN)
    for name, value in headers.items():
        found.pop(name.replace("_", "-"), None)
        for one in [value] if isinstance(value, str) else value:
            found.add(name.replace("_", "-"), one)
    if cookie is not None:
        found["Cookie"] = f"devops-lab-panel-8866={cookie}"
    request = HTTPServerRequest(start_line=RequestStartLine(method, path, "HTTP/1.1"), headers=found)
    request.remote_ip = address
    return request


# ---------------------------------------------------------------------- the gate


def test_the_key_opens_and_its_cookie_goes_on_opening():
    gate = Gate(8866, config.Panel())
    assert gate.visitor(asked(f"/?token={gate.key}")) == Visitor()
    assert gate.visitor(asked("/panel/page.js", cookie=gate.signed())) == Visitor()
    for wrong in (asked(), asked("/?token="), asked("/?token=wrong"), asked(cookie="held"), asked(cookie="2|1:0|x")):
        with pytest.raises(RefusedError, match="holds the key"):
            gate.visitor(wrong)
    with pytest.raises(RefusedError, match="holds the key"):
        gate.visitor(asked(cookie=Gate(8866, config.Panel()).signed()))  # another page's
    assert gate.key not in repr(gate) and len(gate.key) >= 43


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost:8866"}, 200),
        ({"Host": "evil.example:8866"}, 421),  # a name that was pointed at this machine
        ({"Host": "127.0.0.1:9999"}, 421),
        ({"Origin": "http://127.0.0.1:8866"}, 200),
        ({"Origin": "http://127.0.0.1:9999"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": ["http://127.0.0.1:8866", "https://evil.example"]}, 403),
        ({"Sec_Fetch_Site": "same-origin", "Sec_Fetch_Dest": "script"}, 200),
        ({"Sec_Fetch_Site": "same-site", "Sec_Fetch_Dest": "script"}, 403),
        ({"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Dest": "empty"}, 403),
        ({"Upgrade": "websocket"}, 403),  # a browser always says who opens a line
        ({"Upgrade": "websocket", "Origin": "http://127.0.0.1:8866"}, 200),
    ],
)
def test_known_names_and_the_own_page_alone(headers, status):
    gate = Gate(8866, config.Panel())
    try:
        gate.visitor(asked("/voila/static/voila.js", cookie=gate.signed(), **headers))
        found = 200
    except RefusedError as problem:
        found = problem.status
    assert found == status


def test_another_site_may_link_to_the_page_but_not_hold_it():
    gate = Gate(8866, config.Panel())
    cross = {"Sec_Fetch_Site": "cross-site", "cookie": gate.signed()}
    assert gate.visitor(asked(**cross, Sec_Fetch_Dest="document")) == Visitor()
    for dest in ("iframe", "object", "empty", "image"):
        with pytest.raises(RefusedError):
            gate.visitor(asked(**cross, Sec_Fetch_Dest=dest))


@pytest.mark.parametrize(
    ("address", "names", "who"),
    [
        ("127.0.0.1", "ana", "ana"),
        ("10.1.2.3", "ana", "ana"),
        ("::ffff:10.1.2.3", "ana", "ana"),
        ("10.2.0.1", "ana", None),
        ("192.0.2.1", "ana", None),
        ("127.0.0.1", [], None),
        ("127.0.0.1", "", None),
        ("127.0.0.1", ["mallory", "ana"], None),  # what came in was not taken away
        ("127.0.0.1", "an\xada", None),
        ("127.0.0.1", "a" * 201, None),
    ],
)
def test_a_proxy_is_believed_from_its_address_alone(address, names, who):
    gate = Gate(8866, PANEL)
    request = asked(address=address, Host="lab.example.org", X_Forwarded_User=names)
    if who is None:
        with pytest.raises(RefusedError):
            gate.visitor(request)
    else:
        assert gate.visitor(request) == Visitor(who)


def test_with_a_proxy_the_key_opens_nothing_and_without_one_the_header_says_nothing():
    shared, alone = Gate(8866, PANEL), Gate(8866, config.Panel())
    with pytest.raises(RefusedError, match="X-Forwarded-User"):
        shared.visitor(asked(f"/?token={shared.key}", cookie=shared.signed()))
    assert alone.visitor(asked(cookie=alone.signed(), X_Forwarded_User="mallory")) == Visitor()


def test_the_policy_allows_no_inline_script_and_no_frame():
    policy = Gate(8866, config.Panel()).headers("127.0.0.1:8866")["Content-Security-Policy"]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == rules["frame-ancestors"] == rules["form-action"] == rules["base-uri"] == "'none'"
    assert rules["script-src"] == "'self'" and "ws://127.0.0.1:8866" in rules["connect-src"]
    assert "evil" not in Gate(8866, config.Panel()).headers("evil.example; script-src *")["Content-Security-Policy"]


# ---------------------------------------------------------------------- settings and the notebook


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"person_header": "X-User"}, "both person_header and trusted"),
        ({"trusted": ["10.0.0.0/8"]}, "both person_header and trusted"),
        ({"person_header": "X-User", "trusted": ["proxy"]}, "'proxy' is no address or network"),
        ({"hosts": ["https://lab.example.org"]}, "is no host"),
        ({"person_headr": "X"}, "did you mean 'person_header'"),
    ],
)
def test_settings_say_what_is_wrong(given, said):
    with pytest.raises(ConfigError, match=said):
        config.settings({"panel": given}, Path("/lab.toml"))


def test_a_person_is_known_only_where_a_proxy_says_who_comes(monkeypatch):
    alone, shared = config.Settings(path=Path("/lab.toml")), config.Settings(path=Path("/lab.toml"), panel=PANEL)
    assert person(shared) is None
    monkeypatch.setenv(NAMED, "ana")
    assert (person(alone), person(shared)) == (None, "ana")


def test_values_are_set_after_the_parameters_as_texts_and_never_as_code():
    cells = [nbformat.v4.new_code_cell(text) for text in ("lab = 'lab.toml'", "show(lab)")]
    cells[0].metadata["tags"] = ["parameters"]
    nasty = "/tmp/'; import os #/lab.toml"
    made = with_values(nbformat.v4.new_notebook(cells=cells), {"lab": nasty})
    assert [cell.source for cell in made.cells] == ["lab = 'lab.toml'", f"lab = {nasty!r}", "show(lab)"]
    assert ast.literal_eval(made.cells[1].source.removeprefix("lab = ")) == nasty


def test_a_port_in_use_and_a_strange_host_say_the_way_out():
    first = serving(Path("x.ipynb"), {}, config.Panel(), port=0)
    with pytest.raises(UserError, match=f"port {first.gate.port} .* is in use.*--port 0"):
        serving(Path("x.ipynb"), {}, config.Panel(), port=first.gate.port)
    with pytest.raises(UserError, match="cannot be listened on"):
        serving(Path("x.ipynb"), {}, config.Panel(), host="203.0.113.7", port=0)
    assert first.url.startswith(f"http://127.0.0.1:{first.gate.port}/?token=") and not first.warning
    assert first.gate.key not in repr(first)
    for one in first.sockets:
        one.close()


def test_other_machines_are_warned_about_and_a_proxy_has_no_key_in_its_address():
    everywhere = serving(Path("x.ipynb"), {}, config.Panel(), host="0.0.0.0", port=0)
    assert "who listens there reads the key" in everywhere.warning
    shared = serving(Path("x.ipynb"), {}, PANEL, port=0)
    assert shared.url == "https://lab.example.org/" and not shared.warning
    for one in (*everywhere.sockets, *shared.sockets):
        one.close()


# ---------------------------------------------------------------------- a page that is up


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A folder with a lab.toml of a served organisation whose pipelines write down what they are asked."""
    folder = tmp_path_factory.mktemp("panel")
    world, driver = driven_organisation()
    with github_of(world, pipelines=driver) as server:
        text = f'[github]\nurl = "{server.base}"\n[practice]\nuntil = 2026-01-01\n[[service]]\nname = "checkout"\n'
        (folder / "lab.toml").write_text(f'{text}repository = "{NAME}"\n', "utf-8")
        driver.folder = folder
        yield driver


@pytest.fixture(scope="module")
def page(lab):
    """The runs board, served."""
    with served(lab.folder, NOTEBOOKS / "22_runs_board.ipynb") as found:
        yield found


@pytest.mark.server
def test_without_the_key_there_is_nothing(page):
    for path in ("/", "/panel/page.js", "/voila/static/voila.js", "/nothing", "/?token=wrong"):
        answer = Client(page.base).get(path)
        assert answer.status_code == 403 and "holds the key" in answer.text, path
        assert "Set-Cookie" not in answer.headers
    assert page.kernels() == []


@pytest.mark.server
def test_the_key_becomes_a_cookie_and_leaves_the_address(page):
    client = Client(page.base)
    answer = client.session.get(page.url, timeout=60)
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and 'content="0;url=/"' in answer.text
    kernel, text = client.open()
    names = {one.name: one for one in client.session.cookies}
    assert set(names) == {f"devops-lab-panel-{page.port}", "_xsrf"}
    key = page.url.partition("token=")[2]
    assert key not in text + str(names) and key not in page.said
    headers = client.get("/panel/page.css").headers
    assert headers["X-Content-Type-Options"] == "nosniff" and headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Frame-Options"] == "DENY" and "Server" not in headers
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "<script>" not in text  # none that the policy would have to allow
    client.post(f"/voila/api/shutdown/{kernel}", data={"_xsrf": names["_xsrf"].value})


@pytest.mark.server
@pytest.mark.parametrize(
    "path",
    [
        "/lab.toml", "/22_runs_board.ipynb", "/voila/files/lab.toml", "/voila/files/x.png", "/voila/templates/lab/x",
        "/api", "/api/kernels", "/api/kernelspecs", "/api/contents", "/api/sessions", "/api/terminals", "/api/me",
        "/terminals/websocket/1", "/voila/render/22_runs_board.ipynb", "/voila/tree", "/login", "/logout", "/files/x",
        "/voila/static/../../../../../../etc/passwd", "/voila/static/%2e%2e/%2e%2e/x", "/panel/../index.html.j2",
        "/panel/index.html.j2", "/voila/labextensions/../../etc/passwd", "/nbextensions/x.js",
    ],
)  # fmt: skip
def test_nothing_but_what_the_page_needs(page, path):
    client = Client(page.base)
    client.session.get(page.url, timeout=60)
    prepared = client.session.prepare_request(requests.Request("GET", page.base))
    prepared.url = page.base + path  # not tidied up on the way
    answer = client.session.send(prepared, timeout=30, allow_redirects=False)
    assert answer.status_code in (403, 404), (path, answer.status_code)
    assert "root:" not in answer.text


@pytest.mark.server
def test_no_kernel_is_started_or_ended_by_rest_or_without_the_pages_own_word(page):
    client = Client(page.base)
    kernel, _ = client.open(page.url)
    assert client.post("/api/kernels", json={"name": "python3"}).status_code in (403, 404)
    assert client.session.delete(f"{page.base}/api/kernels/{kernel}", timeout=30).status_code in (403, 405)
    assert client.post(f"/voila/api/shutdown/{kernel}").status_code == 403  # no _xsrf
    own = {"_xsrf": client.session.cookies["_xsrf"]}
    for other in ({"Origin": "http://127.0.0.1:1"}, {"Sec-Fetch-Site": "same-site"}):
        assert client.post(f"/voila/api/shutdown/{kernel}", data=own, headers=other).status_code == 403
    assert client.get(f"/api/kernels/{kernel}").status_code == 200
    assert client.post(f"/voila/api/shutdown/{kernel}", data=own).status_code == 204
    assert client.get(f"/api/kernels/{kernel}").status_code == 404


@pytest.mark.server
@pytest.mark.parametrize("protocol", [None, V1])
def test_a_visitor_runs_no_code(page, lab, protocol):
    client = Client(page.base)
    kernel, _ = client.open(page.url)
    target = lab.folder / f"ran-{protocol}"
    code = f"open({str(target)!r}, 'w').write('x'); print('it ran')"
    execute = {"code": code, "silent": False, "store_history": False, "user_expressions": {"x": code}}
    with client.line(kernel, protocol) as line:

        def send(*given):
            made = message(*given)
            line.send(framed(made) if protocol else json.dumps(made))

        for channel in ("shell", "control", "stdin", "iopub"):
            send("execute_request", execute, channel)
            send(
                "debug_request", {"type": "request", "command": "evaluate", "arguments": {"expression": code}}, channel
            )
        for kind in ("complete_request", "inspect_request", "history_request", "shutdown_request", "interrupt_request",
                     "input_reply", "create_subshell_request", "is_complete_request"):  # fmt: skip
            send(kind, {"code": code, "cursor_pos": 1, "value": code, "restart": False}, "control")
        for module in ("os", "subprocess"):
            send(
                "comm_open", {"comm_id": module, "target_name": module, "target_module": module, "data": {"state": {}}}
            )
        send("comm_info_request", {"target_name": "jupyter.widget"})
        told = heard(line, "comm_info_reply")
    said = "".join(told)
    assert "it ran" not in said and "execute_reply" not in said and not target.exists()
    assert "shutdown_reply" not in said and client.get(f"/api/kernels/{kernel}").status_code == 200
    assert 'type "execute_request", which is not allowed' in page.said


@pytest.mark.server
def test_a_line_is_opened_by_the_page_itself_alone(page):
    client = Client(page.base)
    kernel, _ = client.open(page.url)
    for headers in (
        {"Origin": "http://127.0.0.1:1"}, {"Origin": "https://evil.example"}, {"Origin": ""}, {"Cookie": ""},
        {"Host": "evil.example", "Origin": "http://evil.example"},
    ):  # fmt: skip
        with pytest.raises((InvalidStatus, AssertionError)) as refused, client.line(kernel, **headers):
            raise AssertionError(f"opened with {headers}")
        assert isinstance(refused.value, InvalidStatus), headers
    with client.line(kernel) as line:
        line.send(json.dumps(message("kernel_info_request", {})))
        heard(line, "kernel_info_reply")


@pytest.mark.server
def test_no_token_is_in_the_page_a_cookie_a_message_or_the_log(page):
    client = Client(page.base)
    kernel, text = client.open(page.url)
    with client.line(kernel) as line:
        line.send(json.dumps(message("comm_info_request", {"target_name": "jupyter.widget"})))
        told = heard(line, "comm_info_reply")
        known = json.loads(told[-1])["content"]["comms"]
        assert known, "the board has no widgets"
        data = {"comm_id": "all", "target_name": "jupyter.widget.control", "data": {}}
        opened = {**message("comm_open", data), "metadata": {"version": "1.0.0"}}
        line.send(json.dumps(opened))
        line.send(json.dumps(message("comm_msg", {"comm_id": "all", "data": {"method": "request_states"}})))
        told += heard(line, "update_states")
    everything = text + "".join(told) + str(client.session.cookies) + page.said
    assert "What runs and waits now" in everything  # the states were in it
    for secret in (*SECRETS.values(), page.url.partition("token=")[2]):
        assert secret not in everything


@pytest.mark.server
def test_the_kernel_of_a_page_that_is_gone_ends(page):
    client = Client(page.base)
    kernel, _ = client.open(page.url)
    with client.line(kernel) as line:
        line.send(json.dumps(message("kernel_info_request", {})))
        heard(line, "kernel_info_reply")
        time.sleep(1.5)
        assert client.get(f"/api/kernels/{kernel}").status_code == 200
    end = time.monotonic() + 30
    while client.get(f"/api/kernels/{kernel}").status_code == 200 and time.monotonic() < end:
        time.sleep(0.2)
    assert client.get(f"/api/kernels/{kernel}").status_code == 404


@pytest.mark.server
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_the_page_and_every_kernel(lab, number):
    with served(lab.folder, NOTEBOOKS / "22_runs_board.ipynb") as found:
        Client(found.base).open(found.url)
        kernels = found.kernels()
        assert kernels
        os.kill(found.process.pid, number)
        assert found.process.wait(30) == 0
        assert not [one for one in kernels if psutil.pid_exists(one)]
        assert "Traceback" not in found.said


# ---------------------------------------------------------------------- behind a proxy


@pytest.mark.server
def test_behind_a_proxy_each_person_has_rows_and_a_kernel_of_their_own(lab):
    told = (lab.folder / "lab.toml").read_text()
    panel = '[panel]\nperson_header = "X-Forwarded-User"\ntrusted = ["127.0.0.1"]\nhosts = ["{}"]\n'
    book = notebook(
        lab.folder / "start.ipynb",
        "from devops_lab.actions import Actions\nfrom devops_lab.config import load\n"
        "from devops_lab.panels.person import person\nactions = Actions(load(lab), person=person(load(lab)))\n"
        'run = actions.dispatch("' + NAME + '", "deploy.yml", inputs={"environment": "staging"})\nrun, actions.who',
    )
    shared = lab.folder / "shared"
    shared.mkdir()
    (shared / "lab.toml").write_text(told + panel.format("127.0.0.1:1"), "utf-8")
    with served(shared, book) as page:
        for header in ({}, {"X_Forwarded_User": ""}):
            assert Client(page.base, **header).get().status_code == 403
        assert Client(page.base).get(f"/?token={'x' * 43}").status_code == 403
        with proxy(page.port, "X-Forwarded-User", "ana") as anas, proxy(page.port, "X-Forwarded-User", "ben") as bens:
            own = {"Host": f"127.0.0.1:{page.port}"}
            ana = Client(f"http://127.0.0.1:{anas}", **own, X_Forwarded_User="mallory")
            ben = Client(f"http://127.0.0.1:{bens}", **own)
            kernel, text = ana.open()
            assert "ana" in text and "mallory" not in text
            assert "ben" in ben.open()[1]
            assert ben.get(f"/api/kernels/{kernel}").status_code == 404  # ana's
            assert ana.get(f"/api/kernels/{kernel}").status_code == 200
            stolen = {"Origin": page.base, "Host": own["Host"]}
            with pytest.raises(InvalidStatus), ben.line(kernel, **stolen):
                raise AssertionError("ben is on ana's line")
    rows = Store(shared / "lab", latest=True).rows("select person, login, outcome from actions order by person")
    assert [(row["person"], row["outcome"]) for row in rows] == [("ana", "done"), ("ben", "done")]
    assert {row["login"] for row in rows} == {"student"}


@pytest.mark.server
def test_from_an_address_that_is_not_trusted_a_header_is_not_believed(lab):
    shared = lab.folder / "far"
    shared.mkdir()
    panel = '[panel]\nperson_header = "X-Forwarded-User"\ntrusted = ["192.0.2.1"]\n'
    (shared / "lab.toml").write_text((lab.folder / "lab.toml").read_text() + panel, "utf-8")
    with served(shared, NOTEBOOKS / "22_runs_board.ipynb") as page:
        answer = Client(page.base, X_Forwarded_User="ana").get()
        assert answer.status_code == 403 and "not a trusted one" in answer.text and page.kernels() == []
