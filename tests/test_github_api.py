"""The client of GitHub: pages, limits, faults, moves, tokens."""

import re
import shutil
import ssl
import subprocess
import threading
import time
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from conftest import skip
from conftest_github import TOKEN, Server

from devops_lab.errors import AccessError, LabError, SourceError
from devops_lab.github_api import GitHubClient
from devops_lab.github_api.answers import Answer, EmptyError, LimitError, MissingError, Pause, RefusedError, read
from devops_lab.github_api.connection import api_url

GOOD = (200, [{"id": 1}])


class Waits(list):
    """A client whose waits are noted, not waited."""

    def client(self, server: Server | str, **options) -> GitHubClient:
        self.said: list[str] = []
        url = server if isinstance(server, str) else server.url
        options.setdefault("token", TOKEN)
        return GitHubClient(url, notify=self.said.append, sleep=self.append, **options)


@pytest.fixture
def waits() -> Waits:
    return Waits()


# ---------------------------------------------------------------------- pages (trap 32)


@pytest.mark.parametrize("count", [0, 1, 49, 50, 51, 99, 100, 101, 200, 201])
@pytest.mark.parametrize("per_page", [50, 100])
@pytest.mark.parametrize("link", [True, False], ids=["link", "no link"])
def test_every_item_of_a_list_is_read(waits, count, per_page, link):
    items = [{"id": number} for number in range(count)]
    with Server({"/list": items, "/runs": {"workflow_runs": items}}, link) as server:
        client = waits.client(server, per_page=per_page)
        assert [item["id"] for page in client.pages("/list") for item in page] == list(range(count))
        pages = list(client.pages("/runs", "workflow_runs"))
        assert [item["id"] for page in pages for item in page] == list(range(count))
        assert all(page.total == count for page in pages)


def test_the_next_page_is_asked_on_our_own_path_with_the_links_query(waits):
    other = "https://api.other.example/repositories/7/issues"
    following = f'<{other}?state=all&per_page=100&after=Y3Vyc29y%3D&page=2>; rel="next", '
    last = '<https://api.other.example/issues?page=9>; rel="last"'
    answers = [
        (200, [{"id": 1}], {"Link": following + last}),
        (200, [{"id": 2}], {"Link": last.replace("last", "prev")}),
    ]
    with Server({"/api/v3/repos/a/b/issues": answers}) as server:
        client = waits.client(server.url + "/api/v3")
        assert [item["id"] for page in client.pages("/repos/a/b/issues", state="all") for item in page] == [1, 2]
    assert server.asked[1] == "/api/v3/repos/a/b/issues?after=Y3Vyc29y%3D&page=2&per_page=100&state=all"


def test_a_server_that_ignores_page_numbers_is_not_asked_for_ever(waits):
    with Server({"/list": lambda query: (200, [{"id": number} for number in range(100)])}) as server:
        assert [len(page) for page in waits.client(server).pages("/list")] == [100]
        assert len(server.asked) == 2


def test_something_else_than_a_list_is_said(waits):
    with Server({"/list": {"id": 1}}) as server, pytest.raises(SourceError, match="a list was expected"):
        list(waits.client(server).pages("/list", "jobs"))


# ---------------------------------------------------------------------- limits (traps 34, 35)


@pytest.mark.parametrize("status", [403, 429])
@pytest.mark.parametrize(
    "retry_after",
    [None, "2", formatdate(time.time() + 2, usegmt=True), "soon"],
    ids=["nothing", "seconds", "a date", "no number"],  # two processes must collect the same names
)
@pytest.mark.parametrize(
    "body", [b"", {"message": "You have exceeded a secondary rate limit."}, b"<html>rate limit</html>"]
)
def test_a_secondary_limit_is_waited_out(waits, status, retry_after, body):
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    with Server({"/list": [(status, body, headers)] * 2 + [GOOD]}) as server:
        assert waits.client(server).get("/list") == [{"id": 1}]
    assert len(server.asked) == 3
    assert all(0 <= wait <= 200 for wait in waits)
    if retry_after == "2":
        assert waits == [2.0, 2.0]
    elif retry_after in (None, "soon"):
        assert all(wait >= 8 for wait in waits)


@pytest.mark.parametrize("status", [403, 429])
def test_a_used_up_limit_is_waited_out_with_a_message(waits, status):
    headers = {
        "X-RateLimit-Limit": "5000",
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": str(int(time.time()) + 600),
    }
    body = {"message": "API rate limit exceeded for user ID 1."}
    with Server({"/list": [(status, body, headers), GOOD]}) as server:
        assert waits.client(server).get("/list") == [{"id": 1}]
    assert 590 <= waits[0] <= 602
    assert re.search(r"rate limit of 5000 requests is used up; waiting 10 min, until ..:..:.. UTC", waits.said[0])
    assert TOKEN not in waits.said[0]


def test_without_a_token_the_message_names_the_way_out(waits):
    headers = {"X-RateLimit-Limit": "60", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(time.time()) + 60)}
    with Server({"/list": [(403, b"", headers), GOOD]}) as server:
        waits.client(server, token=None).get("/list")
    assert "GITHUB_TOKEN" in waits.said[0]


def test_the_wait_is_reckoned_by_the_servers_clock():
    wrong_by = 86_400
    answer = Answer(
        403,
        {
            "x-ratelimit-remaining": "0",
            "x-ratelimit-reset": str(1_000_030 + wrong_by),
            "date": formatdate(1_000_000 + wrong_by),
        },
    )
    assert read(answer, now=1_000_000).seconds == 31


@pytest.mark.parametrize("reset", ["0", "-62135596800", "0001-01-01T00:00:00Z", "", "nan", "inf", "1e400"])
def test_a_reset_that_is_no_instant_is_no_wait_for_ever(waits, reset):
    headers = {"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset}
    with Server({"/list": [(403, b"", headers), GOOD]}) as server:
        assert waits.client(server).get("/list") == [{"id": 1}]
    assert 0 < waits[0] < 100


def test_a_reset_far_in_the_future_is_capped():
    answer = Answer(403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "9999999999"})
    assert read(answer, now=0).seconds <= 3720


@pytest.mark.parametrize(
    "zero", [{}, {"X-RateLimit-Limit": "0", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "0001-01-01"}]
)
def test_a_server_without_limits_is_refused_at_once_not_waited_for(waits, zero):
    with (
        Server({"/list": (403, {"message": "Must have admin rights"}, zero)}) as server,
        pytest.raises(RefusedError, match="Must have admin rights"),
    ):
        waits.client(server).get("/list")
    assert waits == []
    with Server({"/list": (200, [{"id": 1}], zero)}) as server:
        assert waits.client(server).get("/list") == [{"id": 1}]


@pytest.mark.parametrize("status", [403, 429])
def test_a_limit_that_never_ends_is_given_up(waits, status):
    with (
        Server({"/list": (status, {"message": "You have exceeded a secondary rate limit"})}) as server,
        pytest.raises(SourceError, match="12 times"),
    ):
        waits.client(server).get("/list")
    assert sum(waits) < 3 * 3600


def test_a_403_without_a_word_is_tried_a_few_times_and_then_a_refusal(waits):
    with Server({"/list": (403, b"")}) as server, pytest.raises(RefusedError, match="without a word, 4 times"):
        waits.client(server).get("/list")


# ---------------------------------------------------------------------- faults


@pytest.mark.parametrize(
    "fault",
    [
        (500, {"message": "Server Error"}),
        (502, b"<html><head><title>502 Bad Gateway</title></head></html>"),
        (503, b"", {"Retry-After": "1"}),
        (504, b"upstream timed out"),
        (200, b'[{"id": 1}, {"i'),
        (200, '[{"id": "é'.encode()[:-1]),
        (200, b'[{"id": 1}', {"Content-Length": "5000"}),
        (202, {}),
    ],
)
def test_a_passing_fault_is_asked_again(waits, fault):
    with Server({"/list": [fault, fault, fault, GOOD]}) as server:
        assert waits.client(server).get("/list") == [{"id": 1}]
    assert len(waits) == 3


def test_waits_grow_and_end(waits):
    with Server({"/list": [GOOD, (502, b"")]}) as server:
        client = waits.client(server)
        client.get("/list")
        with pytest.raises(SourceError, match=r"127.0.0.1/list: HTTP 502, 12 times; try again later"):
            client.get("/list")
    assert len(waits) == 11
    assert waits[0] < 1 < waits[4] and max(waits) <= 72


def test_a_web_page_where_json_was_expected_names_the_enterprise_address(waits):
    with (
        Server({"/repos/a/b": (200, b"<!DOCTYPE html><title>Sign in</title>")}) as server,
        pytest.raises(SourceError, match=r"Sign in.*https://HOST/api/v3"),
    ):
        waits.client(server).repository("a/b")
    assert len(server.asked) == 3


def test_nobody_there_is_said_soon(waits):
    with Server({}) as server:
        url = server.url
    with pytest.raises(SourceError, match=r"Connection refused, 4 times; check the address"):
        waits.client(url).repository("a/b")
    assert sum(waits) < 10


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (404, MissingError),
        (410, MissingError),
        (409, EmptyError),
        (422, LimitError),
        (451, RefusedError),
        (400, SourceError),
    ],
)
def test_final_answers_are_signals_not_retries(waits, status, error):
    with Server({"/list": (status, {"message": "so it is"})}) as server, pytest.raises(error, match="so it is"):
        waits.client(server).get("/list")
    assert waits == []


# ---------------------------------------------------------------------- moves


def test_a_move_keeps_the_query_and_the_prefix(waits):
    routes = {
        "/api/v3/repos/old/name/pulls": lambda query: (
            301,
            b"",
            {"Location": f"{server.url}/api/v3/repositories/7/pulls"},
        ),
        "/api/v3/repositories/7/pulls": [{"id": number} for number in range(150)],
    }
    with Server(routes) as server:
        client = waits.client(server.url + "/api/v3/")
        assert sum(len(page) for page in client.pages("/repos/old/name/pulls", state="all")) == 150
    assert server.asked[-1] == "/api/v3/repositories/7/pulls?page=2&per_page=100&state=all"
    assert all(header["Authorization"] == f"token {TOKEN}" for header in server.headers)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_relative_move_is_followed(waits, status):
    with Server({"/repos/a/b": (status, b"", {"Location": "/repositories/7"}), "/repositories/7": {"id": 7}}) as server:
        assert waits.client(server).repository("a/b") == {"id": 7}


def test_the_token_is_not_sent_to_another_server(waits):
    with Server({"/repos/a/b": {"id": 1}}) as other:
        with (
            Server({"/repos/a/b": (301, b"", {"Location": f"{other.url}/repos/a/b"})}) as server,
            pytest.raises(SourceError, match=r"sends the lab on to http://127.0.0.1; correct the url"),
        ):
            waits.client(server).repository("a/b")
        assert other.asked == []


def test_moving_in_circles_ends(waits):
    with (
        Server({"/repos/a/b": (301, b"", {"Location": "/repos/a/b"})}) as server,
        pytest.raises(SourceError, match="circles"),
    ):
        waits.client(server).repository("a/b")


# ---------------------------------------------------------------------- tokens and what may be seen


def test_a_wrong_token_is_one_clear_message_without_the_token(waits):
    with Server({"/repos/a/b": (401, {"message": "Bad credentials"})}) as server:
        with pytest.raises(AccessError, match=r"GITHUB_TOKEN was refused by 127.0.0.1 \(Bad credentials\)") as caught:
            waits.client(server).repository("a/b")
        assert TOKEN not in str(caught.value)
        with pytest.raises(AccessError, match="wants a token"):
            waits.client(server, token=None).repository("a/b")


def test_a_hidden_repository_may_be_missing_or_unseen(waits):
    with (
        Server({}) as server,
        pytest.raises(AccessError, match=r"acme/secret does not exist on 127.0.0.1, or this token may not see it"),
    ):
        waits.client(server).repository("acme/secret")
        with pytest.raises(AccessError, match="set GITHUB_TOKEN to see a private one"):
            waits.client(server, token="").repository("acme/secret")
    with (
        Server(
            {"/repos/acme/secret": (403, {"message": "Resource protected by organization SAML enforcement."})}
        ) as server,
        pytest.raises(AccessError, match="SAML"),
    ):
        waits.client(server).repository("acme/secret")


@pytest.mark.parametrize("name", ["checkout", "a/b/c", "a/b?x", "../etc", "a/b c", "", "/b"])
def test_a_name_that_is_no_repository_asks_nobody(waits, name):
    with Server({}) as server, pytest.raises(AccessError, match="owner/name"):
        waits.client(server).repository(name)
    assert server.asked == []


@pytest.mark.parametrize("token", ["ghp_a b", "ghp_\nevil: 1", "ghp_é"])
def test_a_token_that_cannot_be_one_is_said_without_being_shown(token):
    with pytest.raises(AccessError, match="no token has") as caught:
        GitHubClient(token=token)
    assert token not in str(caught.value)


def test_no_error_leads_to_the_token(waits):
    echo = {
        "/list": (400, {"message": f"bad header token {TOKEN}"}),
        "/cut": (200, b"x" * 20, {"Content-Length": "99"}),
    }
    with Server(echo) as server:
        client = waits.client(server)
        errors: list[BaseException | None] = []
        for path in echo:
            with pytest.raises(LabError) as caught:
                client.get(path)
            errors.append(caught.value)
        while errors:
            error = errors.pop()
            if error is not None:
                assert TOKEN not in str(error) and not hasattr(error, "request")
                errors += [error.__cause__, error.__context__]
    assert TOKEN not in repr(client) + " ".join(waits.said)


def test_netrc_does_not_replace_the_token(waits, tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with Server({"/list": GOOD}) as server:
        waits.client(server).get("/list")
    assert server.headers[0]["Authorization"] == f"token {TOKEN}"


# ---------------------------------------------------------------------- addresses, proxies, certificates


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("https://api.github.com/", "https://api.github.com"),
        ("https://github.com", "https://api.github.com"),
        ("https://octocorp.ghe.com", "https://api.octocorp.ghe.com"),
        ("https://api.octocorp.ghe.com", "https://api.octocorp.ghe.com"),
        ("https://git.acme.example/api/v3/", "https://git.acme.example/api/v3"),
        ("http://127.0.0.1:8765", "http://127.0.0.1:8765"),
    ],
)
def test_addresses(written, address):
    assert api_url(written) == address
    assert GitHubClient(written).url == address


@pytest.mark.parametrize(
    "written", ["github.com", "ftp://github.com", "https://user:secret@github.com", "https://", ""]
)
def test_addresses_that_are_none(written):
    with pytest.raises(AccessError, match="https://HOST/api/v3") as caught:
        api_url(written)
    assert "secret" not in str(caught.value)


def test_a_proxy_of_the_environment_is_used(waits, monkeypatch):
    with Server({"/repos/a/b": {"id": 1}}) as proxy:
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("http_proxy", proxy.url.replace("//", "//someone:hush@"))
        assert waits.client("http://github.invalid").repository("a/b") == {"id": 1}
        assert proxy.asked[0].startswith("http://github.invalid/repos/a/b")
    with pytest.raises(SourceError) as caught:
        waits.client("http://github.invalid").repository("a/b")
    assert "hush" not in str(caught.value)


def test_a_private_certificate_authority(waits, tmp_path, monkeypatch):
    """A certificate nobody signed is refused at once; named in REQUESTS_CA_BUNDLE it is trusted."""
    if not shutil.which("openssl"):
        skip("openssl is not installed")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate],
        check=True,
        capture_output=True,
    )  # fmt: skip

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"id": 1}')

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.socket = context.wrap_socket(http.socket, server_side=True)
    threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True).start()
    url = f"https://localhost:{http.server_port}"
    try:
        with pytest.raises(SourceError, match=r"certificate verify failed.*REQUESTS_CA_BUNDLE"):
            waits.client(url).repository("a/b")
        assert waits == []
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "nowhere.pem"))
        with pytest.raises(SourceError, match=r"nowhere\.pem"):
            waits.client(url).repository("a/b")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
        assert waits.client(url).repository("a/b") == {"id": 1}
    finally:
        http.shutdown()
        http.server_close()


def test_what_an_answer_means_is_decided_without_a_server():
    assert read(Answer(200, text="[]"), 0) == []
    assert read(Answer(204), 0) is None
    assert read(Answer(0, problem="ConnectionError: gone"), 0) == Pause("ConnectionError: gone")
    assert Answer(502, text="<html><TITLE>Whoa\n there!</TITLE>").message == "Whoa there!"
    assert Answer(403, text='{"message": null}').message == ""
    assert Answer(403, text="[1").message == "[1"
