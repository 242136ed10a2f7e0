"""Security alerts of Dependabot and code scanning; what the token may not see is said, not fatal."""

import http.server
import json
import threading
from datetime import datetime

import pytest

from devops_lab.github_api import GitHubClient
from devops_lab.sources.github_security import GitHubSecurity, code_scanning_row, dependabot_row

UNTIL = datetime(2026, 10, 1)

DEPENDABOT = {
    "number": 1,
    "state": "fixed",
    "dependency": {"package": {"ecosystem": "pip", "name": "jinja2"}, "manifest_path": "requirements.txt"},
    "security_advisory": {"ghsa_id": "GHSA-1", "cve_id": None, "summary": "Sandbox escape", "severity": "high"},
    "security_vulnerability": {"severity": "medium"},
    "html_url": "https://github.com/acme/shop/security/dependabot/1",
    "created_at": "2026-09-01T10:00:00Z",
    "updated_at": "2026-09-05T10:00:00Z",
    "dismissed_at": None,
    "dismissed_reason": None,
    "fixed_at": "2026-09-05T10:00:00Z",
    "auto_dismissed_at": None,
}
CODE_SCANNING = {
    "number": 1,
    "state": "dismissed",
    "created_at": "2026-09-02T10:00:00Z",
    "updated_at": "2026-09-03T10:00:00Z",
    "fixed_at": None,
    "dismissed_at": "2026-09-03T10:00:00Z",
    "dismissed_reason": "false positive",
    "html_url": "https://github.com/acme/shop/security/code-scanning/1",
    "rule": {
        "id": "py/sql-injection",
        "severity": "error",
        "security_severity_level": "critical",
        "description": "SQL built from input",
        "name": "py/sql-injection",
    },
    "most_recent_instance": {"location": {"path": "shop/db.py"}},
}


@pytest.fixture
def serve():
    """``serve({path: (status, body)})`` starts a GitHub that knows these lists."""
    started = []

    def start(answers):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                status, body = next((one for path, one in answers.items() if path in self.path), (404, {}))
                content = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *arguments):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        started.append(server)
        url = f"http://127.0.0.1:{server.server_address[1]}"
        return GitHubSecurity(GitHubClient(url, "secret", sleep=lambda seconds: None), "acme/shop")

    yield start
    for server in started:
        server.shutdown()
        server.server_close()


def pulled(source):
    rows, ledger = [], []
    for table, batch in source.pull(None, UNTIL):
        (ledger if table == "sync_ledger" else rows).extend(batch)
    assert len(ledger) == 1
    return rows, ledger[0]


def test_rows():
    one, two = dependabot_row(DEPENDABOT, "acme/shop"), code_scanning_row(CODE_SCANNING, "acme/shop")
    assert (one["kind"], one["severity"], one["name"], one["identifier"]) == ("dependabot", "high", "jinja2", "GHSA-1")
    assert (one["fixed_at"], one["dismissed_at"]) == (datetime(2026, 9, 5, 10), None)
    assert (two["kind"], two["severity"], two["name"], two["path"]) == (
        "code_scanning", "critical", "py/sql-injection", "shop/db.py"
    )  # fmt: skip
    assert (two["fixed_at"], two["dismissed_at"]) == (None, datetime(2026, 9, 3, 10))


def test_both_lists_are_stored(serve, store):
    broken = {"state": "open", "rule": None, "created_at": None}
    source = serve({"/dependabot/": (200, [DEPENDABOT]), "/code-scanning/": (200, [CODE_SCANNING, broken])})
    rows, ledger = pulled(source)
    store.write("security_alerts", rows, source="security")
    assert [row["state"] for row in store.security_alerts.rows()].count("fixed") == 1
    assert (ledger["fetched"], ledger["missing"], ledger["refused"], ledger["warnings"]) == (2, 1, None, None)


def test_a_full_page_without_a_next_one_is_the_last(serve):
    """Dependabot's list has cursors and answers page=2 with 400: what no Link header names is never asked."""
    full = [{**DEPENDABOT, "number": number} for number in range(1, 101)]
    source = serve({"page=2": (400, {"message": "page is no parameter"}), "/dependabot/": (200, full)})
    rows, ledger = pulled(source)
    assert len(rows) == ledger["fetched"] == 100 and "Dependabot" not in ledger["warnings"]
    assert source.client.requests == 2


@pytest.mark.parametrize("status", [403, 404])
def test_one_refused_list_is_said_and_the_other_is_there(serve, status):
    source = serve({"/dependabot/": (status, {"message": "Resource not accessible"}), "/code-scanning/": (200, [])})
    rows, ledger = pulled(source)
    assert rows == [] and ledger["refused"] is None
    assert "Dependabot alerts: read" in ledger["warnings"] and source.notes


def test_both_refused_cover_nothing(serve):
    source = serve({"alerts": (403, {"message": "Resource not accessible by personal access token"})})
    rows, ledger = pulled(source)
    assert rows == [] and "Code scanning alerts: read" in ledger["refused"]


def test_null_parts_do_no_harm():
    bare = {"number": 3, "state": "open", "created_at": "2026-09-01T10:00:00Z", "dependency": None}
    assert dependabot_row(bare, "acme/shop")["name"] is None
    assert code_scanning_row(bare, "acme/shop")["severity"] is None
