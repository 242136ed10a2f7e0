"""JUnit XML of many dialects, hostile files, zips that lie, folders, and artifacts of workflow runs."""

import http.server
import io
import json
import threading
import zipfile
from datetime import datetime
from xml.sax.saxutils import quoteattr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devops_lab.config import JUnit
from devops_lab.errors import AccessError, SourceError
from devops_lab.github_api import GitHubClient
from devops_lab.github_api.answers import MissingError, RefusedError
from devops_lab.sources import junit_artifacts, junit_parser
from devops_lab.sources.github_tests import GitHubTests
from devops_lab.sources.junit import JUnitFolder, read_zip
from devops_lab.sources.junit_artifacts import Downloads
from devops_lab.sources.junit_parser import JUnitError, OtherError, read

UNTIL = datetime(2026, 10, 1)


def cases(xml: str | bytes):
    text = xml.encode() if isinstance(xml, str) else xml
    return read([text], "report.xml").cases


def results(xml):
    return {case.name: (case.result, case.flaky) for case in cases(xml)}


# ------------------------------------------------------------------ dialects


def test_one_case_of_each_kind():
    report = read(
        [
            b'<?xml version="1.0"?><testsuite name="s" time="3.5" timestamp="2026-09-01T10:00:00+02:00">',
            b'<testcase classname="c" name="a" time="1"/><testcase classname="c" name="b" time="2"><failure ',
            b'message="1 != 2">trace</failure></testcase><testcase name="d"><error>boom\nmore</error></testcase>',
            b'<testcase name="e"><skipped/></testcase></testsuite>',
        ],
        "report.xml",
    )
    assert [case.result for case in report.cases] == ["passed", "failed", "error", "skipped"]
    assert [case.message for case in report.cases] == [None, "1 != 2", "boom", None]
    assert [case.seconds for case in report.cases] == [1, 2, None, None]
    assert (report.seconds, report.started_at) == (3.5, datetime(2026, 9, 1, 8))
    assert [case.classname for case in report.cases] == ["c", "c", "s", "s"]


def test_pytest():
    xml = """<testsuites name="pytest tests"><testsuite name="pytest" errors="0" tests="2" time="0.02">
    <testcase classname="tests.test_a" name="test_ok[1-&lt;x&gt;]" time="0.001"/>
    <testcase classname="tests.test_a" name="test_bad" time="0.002"><failure message="assert 1 == 2&#10;x">t</failure>
    <system-out>log</system-out></testcase></testsuite></testsuites>"""
    assert results(xml) == {"test_ok[1-<x>]": ("passed", False), "test_bad": ("failed", False)}
    assert cases(xml)[1].message == "assert 1 == 2"


def test_surefire_reruns():
    xml = """<testsuite name="com.A" time="1,234.5">
    <testcase name="flaky" classname="com.A" time="0.1"><flakyFailure message="once">t</flakyFailure></testcase>
    <testcase name="bad" classname="com.A" time="0.1"><failure message="1"/><rerunFailure message="2"/></testcase>
    <testcase name="err" classname="com.A"><flakyError/><error/></testcase></testsuite>"""
    assert results(xml) == {"flaky": ("passed", True), "bad": ("failed", False), "err": ("error", False)}
    assert read([xml.encode()], "x").seconds == 1234.5


def test_jest_gotestsum_and_xmlrunner():
    jest = """<testsuites name="jest tests" time="9.5"><testsuite name="Cart" time="2"><testcase classname="Cart adds"
    name="Cart adds" time="0.005"/></testsuite><testsuite name="Pay" time="3"/></testsuites>"""
    assert read([jest.encode()], "x").seconds == 9.5
    go = """<testsuites><testsuite name="pkg/a" time="0.1"><properties><property name="go.version" value="1"/>
    </properties><testcase classname="pkg/a" name="TestX/sub" time="0.0"><failure message="Failed" type="">=== RUN
    </failure></testcase></testsuite><testsuite name="pkg/b" time="0.2"><testcase classname="pkg/b" name="TestX"/>
    </testsuite></testsuites>"""
    assert read([go.encode()], "x").seconds == pytest.approx(0.3)
    assert [case.suite for case in cases(go)] == ["pkg/a", "pkg/b"]
    runner = """<testsuite name="T" file="t.py" time="0.1"><testcase classname="T" name="a" file="t.py" line="3">
    <skipped type="skip" message="later"/></testcase></testsuite>"""
    assert (cases(runner)[0].result, cases(runner)[0].message) == ("skipped", "later")


def test_a_real_run_of_xmlrunner(tmp_path):
    """What unittest-xml-reporting writes here and now."""
    import unittest

    xmlrunner = pytest.importorskip("xmlrunner")

    class Sample(unittest.TestCase):
        def test_good(self):
            self.assertTrue(True)

        def test_bad(self):
            self.assertEqual(1, 2)

        @unittest.skip("later")
        def test_later(self):
            pass

    with (tmp_path / "TEST-Sample.xml").open("wb") as file:
        suite = unittest.defaultTestLoader.loadTestsFromTestCase(Sample)
        xmlrunner.XMLTestRunner(output=file, stream=io.StringIO()).run(suite)
    found = {case.name: case.result for case in cases((tmp_path / "TEST-Sample.xml").read_bytes())}
    assert found == {"test_good": "passed", "test_bad": "failed", "test_later": "skipped"}


def test_nested_suites_missing_names_and_namespaces():
    xml = """<testsuites><testsuite name="out"><testsuite name="in"><testcase/></testsuite><testcase name="b"/>
    </testsuite></testsuites>"""
    assert [(case.suite, case.classname, case.name) for case in cases(xml)] == [
        ("out / in", "out / in", "no name"), ("out", "out", "b")
    ]  # fmt: skip
    assert results('<j:testsuite xmlns:j="u"><j:testcase name="a" status="notrun"/></j:testsuite>') == {
        "a": ("skipped", False)
    }
    assert cases("<testsuite/>") == []


@pytest.mark.parametrize("seconds", ["", "x", "nan", "-1", "inf", "0.5s"])
def test_times_that_are_none(seconds):
    assert cases(f'<testsuite><testcase name="a" time="{seconds}"/></testsuite>')[0].seconds is None


NAMES = st.text(st.characters(exclude_categories=["Cc", "Cs", "Cn"]), max_size=20)


@given(st.lists(st.tuples(NAMES, NAMES, st.sampled_from(["passed", "failed", "error", "skipped"]),
                          st.floats(0, 1e6)), max_size=8))  # fmt: skip
def test_what_is_written_is_read(given_cases):
    inner = {"passed": "", "failed": "<failure/>", "error": "<error/>", "skipped": "<skipped/>"}
    body = "".join(
        f"<testcase name={quoteattr(name)} classname={quoteattr(owner)} time='{seconds!r}'>{inner[result]}</testcase>"
        for name, owner, result, seconds in given_cases
    )
    found = cases(f"<testsuite name='s'>{body}</testsuite>")
    assert [(case.name, case.result, case.seconds) for case in found] == [
        (name.strip() or "no name", result, seconds) for name, _, result, seconds in given_cases
    ]


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused_in_words(content):
    try:
        read([b"<testsuite>", content], "x")
    except JUnitError as problem:
        assert str(problem).startswith("x: ")


# ------------------------------------------------------------------ hostile files

BOMB = """<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><testsuite><testcase name="&c;"/></testsuite>"""


def test_entities_are_refused():
    with pytest.raises(JUnitError, match="declares the entity 'a'"):
        cases(BOMB)
    outside = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><testsuite><testcase name="&x;"/></testsuite>'
    with pytest.raises(JUnitError, match="declares the entity"):
        cases(outside)


def test_a_gigabyte_stops_with_a_sentence():
    read_so_far = 0

    def chunks():
        nonlocal read_so_far
        yield b"<testsuite>"
        while True:
            read_so_far += 2**20
            yield b'<testcase name="a"/>' + b" " * (2**20 - 20)

    with pytest.raises(JUnitError, match="more than 256 MB"):
        read(chunks(), "big.xml")
    assert read_so_far < 2**30


def test_too_many_cases_and_too_deep(monkeypatch):
    monkeypatch.setattr(junit_parser, "MOST_CASES", 3)
    with pytest.raises(JUnitError, match="more than 3 test cases"):
        cases("<testsuite>" + "<testcase/>" * 4 + "</testsuite>")
    with pytest.raises(JUnitError, match="nested deeper"):
        cases("<testsuite>" * 300)


@pytest.mark.parametrize(
    ("content", "kind", "words"),
    [
        (b"<coverage/>", OtherError, "begins with <coverage>"),
        (b"", JUnitError, "no XML"),
        (b"<testsuite>", JUnitError, "no XML"),
        (b"\x00\x01", JUnitError, "no XML"),
        (b"<html><body>sign in</body></html>", OtherError, "begins with <html>"),
    ],
)
def test_what_is_no_junit(content, kind, words):
    with pytest.raises(kind, match=words):
        cases(content)


def zipped(files: dict[str, bytes], method=zipfile.ZIP_DEFLATED) -> io.BytesIO:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    file.seek(0)
    return file


GOOD = b'<testsuite name="s" time="2"><testcase classname="c" name="a"/><testcase classname="c" name="a"/></testsuite>'


def test_zips(monkeypatch):
    reports = read_zip(zipped({"a.xml": GOOD, "d/b.XML": GOOD, "coverage.xml": b"<coverage/>", "x.txt": b"no"}), "z")
    assert [len(report.cases) for report in reports] == [2, 2]
    with pytest.raises(JUnitError, match="no JUnit XML in it"):
        read_zip(zipped({"coverage.xml": b"<coverage/>"}), "z")
    with pytest.raises(JUnitError, match="cannot be read"):
        read_zip(io.BytesIO(b"PK no zip"), "z")
    damaged = bytearray(zipped({"a.xml": GOOD * 1}).getvalue())
    damaged[40:60] = b"\xff" * 20
    with pytest.raises(JUnitError, match=r"cannot be read|no XML"):
        read_zip(io.BytesIO(bytes(damaged)), "z")
    monkeypatch.setattr("devops_lab.sources.junit.MOST_BYTES", 2**20)
    bomb = b"<testsuite>" + b" " * (30 * 2**20)
    with pytest.raises(JUnitError, match="more than"):
        read_zip(zipped({"a.xml": bomb}), "z")
    half = b"<testsuite>" + b" " * (6 * 2**17) + b"</testsuite>"
    with pytest.raises(JUnitError, match="more than"):
        read_zip(zipped({"a.xml": half, "b.xml": half}), "z")


# ------------------------------------------------------------------ a folder


def test_a_folder_of_reports(tmp_path, store):
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "a.xml").write_bytes(
        GOOD.replace(b"<testsuite", b'<testsuite timestamp="2026-09-01T10:00:00"')
    )
    (tmp_path / "reports" / "bomb.xml").write_text(BOMB)
    source = JUnitFolder(tmp_path, "acme/shop", "reports/*.xml")
    for table, rows in source.pull(None, UNTIL):
        ready = [
            {**row, "repository": "acme/shop", "recorded_at": UNTIL} if table == "sync_ledger" else row for row in rows
        ]
        store.write(table, ready, source="junit")
    runs = {row["name"]: row for row in store.test_runs.rows()}
    assert (runs["a.xml"]["tests"], runs["a.xml"]["seconds"]) == (2, 2)
    assert "declares the entity" in runs["bomb.xml"]["refused"] and source.notes
    assert sorted(row["occurrence"] for row in store.test_cases.rows()) == [1, 2]
    assert {row["occurred_at"] for row in store.test_cases.rows()} == {datetime(2026, 9, 1, 10)}
    with pytest.raises(AccessError, match="no file matches"):
        JUnitFolder(tmp_path, "acme/shop", "nothing/*.xml").paths()


# ------------------------------------------------------------------ artifacts


@pytest.fixture
def web():
    """``web(function)`` serves what `function(path, headers)` returns as (status, body, headers)."""
    started = []

    def start(answers):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                status, body, headers = answers(self.path, self.headers)
                body = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        started.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield start
    for server in started:
        server.shutdown()
        server.server_close()


def artifact(id, name="test-results", made="2026-09-10T10:30:00Z", **more):
    return {"id": id, "name": name, "created_at": made, "expired": False, **more}


def run_row(attempt, started, sha="abc", **more):
    moment = datetime(2026, 9, 10, started)
    return (
        {"sha": sha, "status": "completed", "workflow": "CI", "path": ".github/workflows/ci.yml", "url": "u"}
        | {"started_at": moment, "created_at": moment, "updated_at": datetime(2026, 9, 10, 12)}
        | more
    )


def github(web, artifacts, zips, runs, known_runs=()):
    """A repository with one run (7) per attempt in `runs`; the storage host refuses whoever shows a token."""
    storage_saw = []

    def storage(path, headers):
        storage_saw.append(dict(headers))
        return 200, zips[int(path.strip("/"))], {}

    blob = web(storage)

    def api(path, headers):
        if path.endswith("/zip"):
            number = int(path.split("/")[-2])
            if headers.get("Authorization") != "Bearer secret":
                return 401, {}, {}
            if number not in zips:
                return 410, {"message": "gone"}, {}
            return 302, b"", {"Location": f"{blob}/{number}"}
        return 200, {"total_count": len(artifacts), "artifacts": artifacts}, {}

    url = web(api)
    tables = {
        "workflow_runs": {(7, attempt): row for attempt, row in runs.items()},
        "test_runs": {(f"artifact:{number}",): {} for number in known_runs},
    }

    def known(table, columns):
        return {key: tuple(row[name] for name in columns) for key, row in tables[table].items()}

    rule = JUnit(artifacts=["test-*"], workflows=["ci.yml"])
    client = GitHubClient(url, "secret", sleep=lambda seconds: None)
    source = GitHubTests(client, Downloads(url, "secret").zip, "acme/shop", rule, known)
    return source, storage_saw


def test_artifacts_become_rows_and_storage_never_sees_the_token(web):
    files = {1: zipped({"a.xml": GOOD}).getvalue(), 2: zipped({"a.xml": GOOD}).getvalue()}
    artifacts = [artifact(1), artifact(2, made="2026-09-10T11:30:00Z"), artifact(3, "coverage"), artifact(4)]
    runs = {1: run_row(1, 10, "aaa"), 2: run_row(2, 11, "aaa")}
    source, storage_saw = github(web, artifacts, files, runs)
    came = list(source.pull(None, UNTIL))
    found = {row["id"]: row for table, rows in came if table == "test_runs" for row in rows}
    assert {key: (row["run_attempt"], row["tests"]) for key, row in found.items()} == {
        "artifact:1": (1, 2), "artifact:2": (2, 2), "artifact:4": (1, 0)
    }  # fmt: skip
    assert "expire" in found["artifact:4"]["refused"]
    assert len(storage_saw) == 2 and not any("Authorization" in headers for headers in storage_saw)
    ledger = came[-1][1]
    assert {(row["table_name"], row["fetched"], row["missing"]) for row in ledger} == {
        ("test_cases", 2, 1), ("test_runs", 2, 1)
    }  # fmt: skip
    order = [table for table, _ in came]
    assert order.index("test_cases") < order.index("test_runs")


def test_what_was_read_is_not_read_again_and_other_workflows_are_left_alone(web):
    files = {1: zipped({"a.xml": GOOD}).getvalue()}
    source, storage_saw = github(web, [artifact(1)], files, {1: run_row(1, 10)}, known_runs=[1])
    assert [table for table, _ in source.pull(None, UNTIL)] == ["sync_ledger"] and not storage_saw
    other = {1: run_row(1, 10, path="deploy.yml", workflow="Deploy")}
    source, _ = github(web, [artifact(1)], files, other)
    assert [table for table, _ in source.pull(None, UNTIL)] == ["sync_ledger"]
    source, _ = github(web, [artifact(1)], files, {1: run_row(1, 10)})
    assert [table for table, _ in source.pull(datetime(2026, 9, 11), UNTIL)] == ["sync_ledger"]


def test_a_refused_permission_is_said(web):
    source, _ = github(web, [artifact(1)], {}, {1: run_row(1, 10)})

    def refuse(repository, number):
        raise RefusedError("HTTP 403")

    source._download = refuse
    ledger = list(source.pull(None, UNTIL))[-1][1]
    assert all("Actions: read" in row["refused"] for row in ledger)


@pytest.mark.parametrize(
    ("status", "kind"), [(404, MissingError), (410, MissingError), (403, RefusedError), (500, SourceError)]
)
def test_downloads_in_words(web, status, kind):
    with pytest.raises(kind):
        Downloads(web(lambda path, headers: (status, b"", {})), "secret").zip("acme/shop", 1)


def test_large_downloads_and_unsafe_moves(web, monkeypatch):
    monkeypatch.setattr(junit_artifacts, "MOST_BYTES", 1000)
    with pytest.raises(SourceError, match="more than"):
        Downloads(web(lambda path, headers: (200, b"x" * 5000, {})), None).zip("acme/shop", 1)
    with pytest.raises(SourceError, match="not safe"):
        Downloads(web(lambda path, headers: (302, b"", {"Location": "ftp://x/y"})), None).zip("acme/shop", 1)
    assert "secret" not in repr(Downloads("https://api.github.com", "secret"))


def test_large_files_lie_on_the_disk(web):
    with Downloads(web(lambda path, headers: (200, b"x" * 20_000_000, {})), None).zip("acme/shop", 1) as file:
        assert len(file.read()) == 20_000_000
