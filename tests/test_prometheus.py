"""The source `prometheus`: against a real server filled by promtool, and against a made-up one that fails."""

import csv
import http.server
import json
import math
import shutil
import socket
import subprocess
import threading
import time
import urllib.request
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pyarrow as pa
import pytest
from conftest import skip
from hypothesis import given
from hypothesis import strategies as st

from devops_lab import config, doctor, metrics, sync
from devops_lab.config import Prometheus as ServerSettings
from devops_lab.config import Service
from devops_lab.errors import AccessError, SourceError, UserError
from devops_lab.privacy import People
from devops_lab.sources import prometheus_answers, prometheus_rows, prometheus_windows
from devops_lab.sources.prometheus import NOTHING, Prometheus
from devops_lab.sources.prometheus_ahead import ahead
from devops_lab.sources.prometheus_query import bind, pattern, quoted
from devops_lab.sources.prometheus_server import DownError, PrometheusServer, QueryError
from devops_lab.sources.prometheus_windows import Slice
from devops_lab.store import Written
from devops_lab.sync.pulling import Held

PROMETHEUS, PROMTOOL = "/usr/bin/prometheus", "/usr/bin/promtool"
START = datetime(2026, 9, 1)
T0 = int((START - datetime(1970, 1, 1)).total_seconds())
DAYS = 2


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextmanager
def backfilled(folder: Path, openmetrics: str):
    """A real Prometheus that holds these samples; yields its URL."""
    if not (Path(PROMETHEUS).exists() and Path(PROMTOOL).exists()):
        skip("prometheus and promtool are not installed (Debian: apt-get install prometheus)")
    source, data, port = folder / "samples.txt", folder / "data", free_port()
    source.write_text(openmetrics)
    command = [PROMTOOL, "tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=720h", source, data]
    subprocess.run(command, check=True, capture_output=True)
    (folder / "prometheus.yml").write_text("scrape_configs: []\n")
    options = [f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={data}", "--log.level=error"]
    options += [f"--web.listen-address=127.0.0.1:{port}", "--storage.tsdb.retention.time=50y"]
    process = subprocess.Popen([PROMETHEUS, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{url}/-/ready", timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield url
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(data, ignore_errors=True)


def written(name: str, labels: str, points) -> list[str]:
    return [f"{name}{{{labels}}} {value} {moment}" for moment, value in points]


def openmetrics(families: dict[str, tuple[str, list[str]]]) -> str:
    lines = []
    for name, (kind, samples) in families.items():
        lines += [f"# TYPE {name} {kind}", *samples]
    return "\n".join([*lines, "# EOF", ""])


def minutes(first: int = 0, last: int = DAYS * 1440):
    return range(T0 + 60 * first, T0 + 60 * last + 1, 60)


def shop() -> str:
    """Two days of one service, a sample a minute: 60 requests a minute; hour 3 has errors; hour 30 to 33 is a gap.

    Requests restart from 0 at hour 10 (a counter reset).  Alerts: minute 100 to 129, and 131 to 140, and from
    minute 2870 on to the end; a single sample at minute 500.
    """
    good, bad, fast, all_ = [], [], [], []
    ok = failed = 0
    for number, moment in enumerate(minutes()):
        if number:
            wrong = 6 if 180 < number <= 240 else 0
            ok, failed = ok + 60 - wrong, failed + wrong
        if number == 600:
            ok = failed = 0
        if 1800 < number < 1980:
            continue
        good.append((moment, ok))
        bad.append((moment, failed))
        fast.append((moment, ok // 2))
        all_.append((moment, ok + failed))
    requests = written("http_requests_total", 'job="shop",code="200"', good)
    requests += written("http_requests_total", 'job="shop",code="500"', bad)
    buckets = []
    for le, points in (("0.1", fast), ("0.5", good), ("+Inf", all_)):
        buckets += written("http_request_duration_seconds_bucket", f'job="shop",le="{le}"', points)
    buckets += written("http_request_duration_seconds_count", 'job="shop"', all_)
    buckets += written("http_request_duration_seconds_sum", 'job="shop"', all_)
    firing = [*range(100, 130), *range(131, 141), 500, *range(2870, 2881)]
    labels = 'alertname="HighErrorRate",alertstate="firing",service="shop",severity="page"'
    alerts = written("ALERTS", labels, [(T0 + 60 * number, 1) for number in firing])
    memory = written("memory_share", 'job="shop"', [(moment, 0.5) for moment in minutes()])
    restarts = written("container_restarts_total", 'job="shop"', [(m, int(m >= T0 + 7200)) for m in minutes()])
    probes = [(T0 + 21_600 * number + 17, int(number != 3)) for number in range(8)]
    return openmetrics(
        {
            "http_requests": ("counter", requests),
            "http_request_duration_seconds": ("histogram", buckets),
            "ALERTS": ("gauge", alerts),
            "memory_share": ("gauge", memory),
            "container_restarts": ("counter", restarts),
            "probe_success": ("gauge", written("probe_success", 'job="shop"', probes)),
            "up": ("gauge", written("up", 'job="shop"', [(moment, 1) for moment in minutes()])),
        }
    )


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    with backfilled(tmp_path_factory.mktemp("prometheus"), shop()) as url:
        yield url


SERVICE = {
    "name": "shop",
    "repository": "acme/shop",
    "slo": {
        "objective": 0.99,
        "good": 'sum(increase(http_requests_total{job="$service",code!~"5.."}[$step]))',
        "total": 'sum(increase(http_requests_total{job="$service"}[$step]))',
    },
    "latency": 'sum by (le) (increase(http_request_duration_seconds_bucket{job="$service"}[$step]))',
    "saturation": {"memory": 'memory_share{job="$service"}'},
    "restarts": 'sum(increase(container_restarts_total{job="$service"}[$step]))',
    "alerts": 'ALERTS{alertstate="firing",service="$service"}',
}


class Kept:
    """What a store would hold, by table and key."""

    def __init__(self) -> None:
        self.tables: dict[str, dict] = {}
        self.ledger: list[dict] = []

    def known(self, table, columns):
        rows = self.ledger if table == "sync_ledger" else self.tables.get(table, {}).values()
        return {
            ((number,) if table == "sync_ledger" else (row["id"],)): tuple(row[name] for name in columns)
            for number, row in enumerate(rows)
        }

    def take(self, source, since, until):
        keys = {
            "alerts": ("id",),
            "resource_usage": ("resource", "series", "occurred_at"),
            "latency_buckets": ("started_at", "le"),
        }
        came = []
        for table, batch in source.pull(since, until):
            rows = batch if isinstance(batch, list) else batch.to_pylist()
            came += [(table, row) for row in rows]
            if table == "sync_ledger":
                self.ledger += [{"source": "prometheus", **row} for row in rows]
            for row in rows if table != "sync_ledger" else ():
                key = tuple(row[name] for name in keys.get(table, ("started_at",)))
                self.tables.setdefault(table, {})[key] = row
        for table, gone in source.gone.items():
            for row in gone:
                self.tables[table].pop((row["id"],), None)
        return came

    def rows(self, table):
        return sorted(self.tables.get(table, {}).values(), key=lambda row: row.get("started_at") or row["occurred_at"])


def source_of(url, kept=None, service=None, **settings):
    server = PrometheusServer(ServerSettings(url=url, **settings))
    return Prometheus(server, Service(**(service or SERVICE)), "acme/shop", (kept or Kept()).known)


def pulled(url, until=START + timedelta(days=DAYS), since=None, **more):
    kept = Kept()
    kept.take(source_of(url, kept, **more), since, until)
    return kept


# ------------------------------------------------------------------ a real server


@pytest.mark.server
def test_service_levels_count_each_request_once(real):
    """60 requests a minute: every 5-minute step holds 300; in hour 3 a tenth fails; the reset loses nothing."""
    rows = pulled(real).rows("service_levels")
    by_start = {row["started_at"]: row for row in rows}
    quiet, failing = by_start[START + timedelta(hours=1)], by_start[START + timedelta(hours=3)]
    assert (quiet["good"], quiet["total"]) == (pytest.approx(300), pytest.approx(300))
    assert (failing["good"], failing["total"]) == (pytest.approx(270), pytest.approx(300))
    assert failing["objective"] == 0.99
    before_the_gap = [row for row in rows if row["started_at"] < START + timedelta(hours=30)]
    assert len(before_the_gap) == 360
    reset = by_start[START + timedelta(hours=9, minutes=55)]
    assert reset["total"] == pytest.approx(300, abs=65)  # what the counter made in the minute it restarted is not known
    assert sum(row["total"] for row in before_the_gap if row is not reset) == pytest.approx(359 * 300)


@pytest.mark.server
def test_a_gap_is_no_row_and_not_covered(real):
    kept = pulled(real)
    gap = (START + timedelta(hours=30, minutes=5), START + timedelta(hours=33))
    assert not [row for row in kept.rows("service_levels") if gap[0] < row["ended_at"] < gap[1]]
    windows = [row for row in kept.ledger if row["table_name"] == "service_levels" and row["refused"] is None]
    covered = sorted((row["window_start"], row["window_end"]) for row in windows)
    assert covered[0][0] == START - timedelta(minutes=0) and covered[-1][1] == START + timedelta(days=DAYS)
    assert not any(start < gap[0] + timedelta(hours=1) < end for start, end in covered)


@pytest.mark.server
def test_latency_buckets_are_requests_per_bucket(real):
    rows = pulled(real).rows("latency_buckets")
    step = {row["le"]: row["requests"] for row in rows if row["started_at"] == START + timedelta(hours=3)}
    assert step == {0.1: pytest.approx(135), 0.5: pytest.approx(135), math.inf: pytest.approx(30)}


@pytest.mark.server
def test_alerts_become_episodes(real):
    """30 + 10 samples with one missing between are one episode of 41 minutes; the last one still fires."""
    rows = pulled(real).rows("alerts")
    at = [((row["started_at"] - START) / timedelta(minutes=1), row["ended_at"]) for row in rows]
    assert [start for start, _ in at] == [100, 500, 2870]
    assert [end and (end - START) / timedelta(minutes=1) for _, end in at] == [141, 501, None]
    assert (rows[0]["alert"], rows[0]["severity"]) == ("HighErrorRate", "page")
    assert json.loads(rows[0]["labels"]) == {"service": "shop", "severity": "page"}


@pytest.mark.server
def test_other_tables(real):
    kept = pulled(real)
    usage = kept.rows("resource_usage")
    assert {row["used_share"] for row in usage} == {0.5} and {row["resource"] for row in usage} == {"memory"}
    assert sum(row["restarts"] for row in kept.rows("restarts")) == pytest.approx(1)


@pytest.mark.server
def test_probes_are_raw_samples_each_counted_once(real):
    service = {**SERVICE, "slo": {"objective": 0.9, "probe": 'probe_success{job="$service"}'}}
    rows = pulled(real, service=service).rows("service_levels")
    assert [(row["good"], row["total"]) for row in rows] == [(1, 1)] * 3 + [(0, 1)] + [(1, 1)] * 4


@pytest.mark.server
def test_pieces_give_what_one_pull_gives(real):
    """Asked every few hours (amid alerts, steps and the gap), the store holds the same as after one question."""
    kept, until = Kept(), START + timedelta(days=DAYS)
    moments = [START + timedelta(minutes=number) for number in (90, 103, 118, 133, 139, 152, 501, 1000, 1850, 1990)]
    for moment in [*moments, until]:
        kept.take(source_of(real, kept), None, moment)
    whole = pulled(real)
    for table in ("service_levels", "latency_buckets", "resource_usage", "restarts", "alerts"):
        assert kept.rows(table) == whole.rows(table), table
    came = kept.take(source_of(real, kept), None, until)
    levels = [row for table, row in came if table == "service_levels"]
    starts = {row["started_at"] for row in levels}
    assert len(levels) < 45 and max(starts) == until - timedelta(minutes=5)


@pytest.mark.server
def test_a_pull_that_was_killed_goes_on(real, monkeypatch):
    monkeypatch.setattr(prometheus_windows, "MOST_POINTS", 100)
    kept, until = Kept(), START + timedelta(days=DAYS)
    source = source_of(real, kept)
    for number, (table, rows) in enumerate(source.pull(None, until)):
        if table == "sync_ledger":
            kept.ledger += [{"source": "prometheus", **row} for row in rows]
        if number == 5:
            break
    first = [row["window_start"] for row in kept.ledger]
    assert min(first) > START
    kept.take(source_of(real, kept), None, until)
    assert kept.rows("service_levels")[0]["started_at"] == START


@pytest.mark.server
def test_since_reads_again_and_all_finds_the_beginning(real):
    kept = pulled(real, since=START + timedelta(hours=1))
    assert kept.rows("service_levels")[0]["started_at"] == START + timedelta(hours=1)
    everything = pulled(real, since=datetime(1970, 1, 1))
    assert everything.rows("service_levels")[0]["started_at"] == START
    late = pulled(real, until=START + timedelta(days=400), since=datetime(1970, 1, 1))
    assert late.rows("service_levels") == everything.rows("service_levels")


@pytest.mark.server
def test_seen_says_how_far_back_data_goes(real):
    seen = {one.table: one for one in source_of(real).seen(START + timedelta(days=DAYS))}
    assert seen["service_levels"].since == START - timedelta(days=1) or seen["service_levels"].since == START
    assert seen["latency_buckets"].series == 3
    broken = {**SERVICE, "restarts": "sum(increase(x[5m])"}
    problems = {one.table: one.problem for one in source_of(real, service=broken).seen(START + timedelta(days=DAYS))}
    assert "parse error" in problems["restarts"] and problems["latency_buckets"] is None


@pytest.mark.server
def test_a_typo_points_at_its_place_and_the_rest_goes_on(real):
    slo = {"objective": 0.9, "good": "sum(increase(x[$step])) by by", "total": "1"}
    kept = pulled(real, service={**SERVICE, "slo": slo})
    refused = [row for row in kept.ledger if row["refused"]]
    assert [row["table_name"] for row in refused] == ["service_levels"]
    assert "parse error" in refused[0]["refused"] and ">>>" in refused[0]["refused"]
    assert kept.rows("latency_buckets") and kept.rows("alerts")


@pytest.mark.server
@pytest.mark.parametrize("name", ['a"b', "a\\", "a`b", "a'b", "a\nb", "ä{}", ".*", '"} or vector(1) or x{a="', "a$b"])
def test_hostile_names_find_nothing_and_break_nothing(real, name):
    server = PrometheusServer(ServerSettings(url=real))
    for query in ('up{job="$service"}', "up{job='$service'}", 'up{job=~"$service"}', "up{job=$service}"):
        assert server.at(bind(query, 300, {"service": name}), T0 + 600).series == []
    found = server.at(bind('label_replace(vector(1), "a", "$1", "", "") or vector(1)', 300, {"service": name}), T0)
    assert len(found.series) == 1
    assert server.at(bind("up{job=~$service}", 300, {"service": "shop"}), T0 + 600).points == 1


# ------------------------------------------------------------------ a made-up server


class MadeUp(http.server.BaseHTTPRequestHandler):
    """Answers as `answers(path, query)` says: (status, body, headers)."""

    answers = None
    seen: list = []

    def do_GET(self):
        parts = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        type(self).seen.append((parts.path, query, dict(self.headers)))
        status, body, headers = type(self).answers(parts.path, query)
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def made_up():
    """``made_up(function)`` starts a server and returns (url, the requests it saw)."""
    started = []

    def start(answers):
        handler = type("Handler", (MadeUp,), {"answers": staticmethod(answers), "seen": []})
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        started.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}", handler.seen

    yield start
    for server in started:
        server.shutdown()
        server.server_close()


def matrix(*series, **more):
    result = [{"metric": labels, "values": points} for labels, points in series]
    return {"status": "success", "data": {"resultType": "matrix", "result": result}, **more}


def fine(path, query):
    if path.endswith("query_range"):
        first, last, step = (int(query[key]) for key in ("start", "end", "step"))
        moments = range(first, last + 1, step)
        return 200, matrix(({"le": "+Inf"}, [[moment, "1"] for moment in moments])), {}
    return 200, {"status": "success", "data": {"resultType": "vector", "result": []}}, {}


def test_a_server_that_is_down_leaves_a_gap_for_every_table():
    kept = pulled(f"http://127.0.0.1:{free_port()}")
    assert {row["table_name"] for row in kept.ledger} == {
        "service_levels", "latency_buckets", "alerts", "resource_usage", "restarts"
    }  # fmt: skip
    assert all("cannot be asked" in row["refused"] for row in kept.ledger) and not kept.tables


def test_every_slice_stays_under_the_limit_and_on_multiples_of_the_step(made_up):
    url, seen = made_up(fine)
    kept = pulled(url, until=START + timedelta(days=91, seconds=77), step="1m")
    asked = [query for path, query, _ in seen if path.endswith("query_range")]
    for query in asked:
        first, last, step = (int(query[key]) for key in ("start", "end", "step"))
        assert (last - first) // step + 1 <= 11_000 and first % step == 0 and last % step == 0
    levels = kept.rows("service_levels")
    assert len(levels) == 91 * 1440 and len({row["started_at"] for row in levels}) == len(levels)
    assert asked[0]["end"] == str(T0 + 91 * 86_400 + 60)  # the newest first


def test_thanos_answers_wholly_and_warnings_reach_the_ledger(made_up):
    def answers(path, query):
        status, body, headers = fine(path, query)
        return status, {**body, "warnings": ["store 3 is slow"], "infos": ["metric might not be a counter"]}, headers

    url, seen = made_up(answers)
    kept = pulled(url)
    assert all(query["partial_response"] == "false" and query["dedup"] == "true" for _, query, _ in seen)
    assert {row["warnings"] for row in kept.ledger} == {"store 3 is slow; metric might not be a counter"}


def test_secrets_are_read_anew_and_never_shown(made_up, tmp_path, monkeypatch):
    def answers(path, query):
        return 500, {"status": "error", "error": "Bearer first-secret is wrong"}, {}

    url, seen = made_up(answers)
    secret = tmp_path / "token"
    secret.write_text("first-secret\n")
    monkeypatch.setenv("TENANT", "tenant-secret")
    settings = ServerSettings(url=f"{url}/base/", token="file:token", headers={"X-Scope-OrgID": "env:TENANT", "A": "b"})
    server = PrometheusServer(settings, tmp_path)
    with pytest.raises(SourceError) as problem:
        server.at("up", T0)
    secret.write_text("second-secret")
    with pytest.raises(SourceError):
        server.at("up", T0)
    assert [headers["Authorization"] for _, _, headers in seen] == ["Bearer first-secret", "Bearer second-secret"]
    assert seen[0][0] == "/base/api/v1/query" and seen[0][2]["X-Scope-OrgID"] == "tenant-secret"
    shown = f"{problem.value} {problem.value.__cause__} {problem.value.__context__} {server!r}"
    assert "first-secret" not in shown and "***" in shown
    monkeypatch.delenv("TENANT")
    with pytest.raises(AccessError, match="TENANT is not set"):
        server.at("up", T0)


def test_a_redirect_is_not_followed(made_up):
    other, seen = made_up(fine)
    url, _ = made_up(lambda path, query: (302, b"", {"Location": f"{other}{path}"}))
    with pytest.raises(DownError, match="sends the lab on"):
        PrometheusServer(ServerSettings(url=url)).at("up", T0)
    assert not seen


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (422, {"error": "query processing would load too many samples"}, QueryError, "too many samples"),
        (400, {"error": '1:4: parse error: unexpected ")"'}, QueryError, "here: sum >>> (x))"),
        (500, b"boom", QueryError, "HTTP 500: boom"),
        (503, {"error": "query timed out in expression evaluation"}, QueryError, "took too long"),
        (401, b"", DownError, "check token"),
        (404, b"<html>nothing</html>", DownError, "base path"),
        (200, b"<html>sign in</html>", SourceError, "no answer of Prometheus"),
        (200, b'{"status":"success","data":{"resultType":"matrix","result":[{"metric"', SourceError, "no answer"),
        (
            200,
            b'{"data":{"resultType":"matrix","result":[{"metric":{},"values":[[1,"x"]]}]}}',
            SourceError,
            "no answer",
        ),
    ],
)
def test_failures_in_words(made_up, status, body, kind, words):
    url, _ = made_up(lambda path, query: (status, body, {}))
    with pytest.raises(kind) as problem:
        PrometheusServer(ServerSettings(url=url)).at("sum(x))", T0)
    assert words in str(problem.value)


def test_half_a_million_series_are_refused_in_a_sentence(made_up):
    one = b'{"metric":{"pod":"%d"},"values":[[1756684800,"1"]]}'
    many = b",".join(one % number for number in range(500_000))
    body = b'{"status":"success","data":{"resultType":"matrix","result":[' + many + b"]}}"
    url, _ = made_up(lambda path, query: (200, body, {}))
    kept = pulled(url)
    refused = {row["table_name"]: row["refused"] for row in kept.ledger}
    assert "500,000 series" in refused["service_levels"] and "10,000 are the limit" in refused["service_levels"]


def test_a_slow_query_is_given_up_and_the_others_are_asked(made_up, monkeypatch):
    monkeypatch.setattr("devops_lab.sources.prometheus_server.GRACE", 0)

    def answers(path, query):
        if "container_restarts" in query["query"]:
            time.sleep(3)
        return fine(path, query)

    url, _ = made_up(answers)
    service = {"name": "shop", "repository": "acme/shop", "restarts": SERVICE["restarts"], "log_errors": "x"}
    kept = pulled(url, service=service, timeout=1)
    assert kept.rows("log_errors") and not kept.rows("restarts")
    refused = {row["table_name"]: row["refused"] for row in kept.ledger if row["refused"]}
    assert set(refused) == {"restarts"} and "no answer within 1 s" in refused["restarts"]


def test_a_histogram_without_inf_or_le_says_so(made_up):
    def answers(le):
        def answer(path, query):
            status, body, headers = fine(path, query)
            for series in body["data"]["result"]:
                series["metric"] = le
            return status, body, headers

        return answer

    for labels, words in (({"le": "0.5"}, "no bucket"), ({}, "without the label le")):
        url, _ = made_up(answers(labels))
        kept = pulled(url)
        refused = {row["table_name"]: row["refused"] for row in kept.ledger if row["refused"]}
        assert words in refused["latency_buckets"] and set(refused) == {"latency_buckets"}


def test_no_traffic_and_no_series_are_told_apart(made_up):
    def answers(path, query):
        if "increase(http_requests_total" in query["query"] and path.endswith("query_range"):
            status, body, headers = fine(path, query)
            return status, json.dumps(body).replace('"1"', '"0"').encode(), headers
        return 200, matrix(), {}

    url, _ = made_up(answers)
    kept = pulled(url)
    assert {(row["good"], row["total"]) for row in kept.rows("service_levels")} == {(0, 0)}
    assert {row["refused"] for row in kept.ledger if row["table_name"] == "latency_buckets"} == {NOTHING}


def test_through_a_proxy(made_up, monkeypatch):
    url, seen = made_up(fine)
    monkeypatch.setenv("HTTP_PROXY", url)
    monkeypatch.setenv("http_proxy", url)
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("no_proxy", "")
    PrometheusServer(ServerSettings(url="http://prometheus.invalid/base")).at("up", T0)
    assert seen


# ------------------------------------------------------------------ native histograms, as recorded

NATIVE = {
    "metric": {"job": "shop"},
    "histograms": [
        [
            1756684800,
            {
                "count": "7",
                "sum": "1.9",
                "buckets": [[0, "0.125", "0.25", "4"], [0, "0.25", "0.5", "2"], [0, "1", "2", "1"]],
            },
        ]
    ],
}


def test_native_histograms_keep_each_buckets_own_bounds():
    body = json.dumps({"data": {"resultType": "matrix", "result": [NATIVE]}}).encode()
    rows = prometheus_rows.buckets(prometheus_answers.read(body, 10), 300).to_pylist()
    assert [(row["le"], row["requests"]) for row in rows] == [(0.125, 0), (0.25, 4), (0.5, 2), (1, 0), (2, 1)]


# ------------------------------------------------------------------ rows, and answers asked for ahead


def answer(*series) -> prometheus_answers.Answer:
    """An answer of (labels, {instant: value})."""
    arrays = [
        (labels, np.array(list(points), float), np.array(list(points.values()), float)) for labels, points in series
    ]
    return prometheus_answers.Answer([prometheus_answers.Series(*one) for one in arrays])


def test_cumulative_buckets_become_buckets_of_their_own():
    """Noise (a bucket below the one before) holds nothing, series of one bound are added up, without +Inf no rows."""
    given = answer(
        ({"le": "+Inf"}, {300: 10, 600: 4, 900: math.nan}),
        ({"le": "0.5", "pod": "a"}, {300: 4, 600: 1, 900: 2}),
        ({"le": "0.5", "pod": "b"}, {300: 3}),
        ({"le": "1"}, {300: 6, 600: 4}),
    )
    rows = prometheus_rows.buckets(given, 300).to_pylist()
    ends = [(row["ended_at"] - datetime(1970, 1, 1)).total_seconds() for row in rows]
    assert list(zip(ends, [row["le"] for row in rows], [row["requests"] for row in rows], strict=True)) == [
        (300, 0.5, 7), (300, 1, 0), (300, math.inf, 3), (600, 0.5, 1), (600, 1, 3), (600, math.inf, 0)
    ]  # fmt: skip


def test_levels_know_what_the_total_knows():
    good, total = answer(({}, {300: 9, 600: 7, 1200: 1})), answer(({}, {300: 10, 600: 5, 900: 3, 1500: math.inf}))
    rows = prometheus_rows.levels(good, total, 300).to_pylist()
    assert [(row["good"], row["total"]) for row in rows] == [(9, 10), (5, 5), (0, 3)]


@given(st.lists(st.dictionaries(st.integers(0, 40), st.floats(-5, 5) | st.just(math.nan), max_size=20), max_size=4))
def test_sums_are_those_of_a_plain_loop(series):
    wanted = {}
    for points in series:
        for moment, value in points.items():
            if not math.isnan(value):
                wanted[moment] = wanted.get(moment, 0.0) + value
    found = prometheus_rows.summed(answer(*(({}, points) for points in series)))
    assert dict(zip(found.ends.tolist(), found.values.tolist(), strict=True)) == wanted
    assert found.ends.tolist() == sorted(wanted)


def test_answers_come_in_order_and_the_first_is_asked_alone():
    asked, under_way, most = [], set(), []

    def work(number):
        asked.append(number)
        under_way.add(number)
        most.append(len(under_way))
        time.sleep(0.02 * (number % 2))
        under_way.discard(number)
        return number

    pieces = [lambda number=number: work(number) for number in range(9)]
    with ahead(pieces, lambda result: 1) as results:
        first = next(results)
        assert [first, *results] == list(range(9))
    assert asked[0] == 0 and most[0] == 1 and max(most) <= 2
    asked.clear()
    with ahead(pieces, lambda result: 10_000_000) as results:  # large answers one by one
        next(results)
        assert asked == [0]
    asked.clear()
    with ahead([lambda: 1 / 0, *pieces], lambda result: 1) as results, pytest.raises(ZeroDivisionError):
        next(results)
    assert asked == []


def test_tables_and_row_dicts_are_held_together_and_written_in_order(store):
    """Of three batches with one step, the last stays, whatever kind each is; the ledger is written last."""
    outcome = sync.Outcome("shop", "prometheus")
    held = Held(store, "prometheus", People("none", None), outcome)
    rows = [prometheus_rows.levels(answer(({}, {300: n})), answer(({}, {300: 9})), 300) for n in (1, 2, 3)]
    named = [table.append_column("service", prometheus_rows.same("shop", pa.string(), 1)) for table in rows]
    held.add("sync_ledger", [{"table_name": "service_levels", "repository": "shop", "window_start": START,
                              "window_end": START, "recorded_at": START}])  # fmt: skip
    held.add("service_levels", named[0])
    held.add("service_levels", named[1].to_pylist())
    held.add("service_levels", named[2])
    held.write()
    assert [row["good"] for row in store.service_levels.rows()] == [3] and len(store.sync_ledger.rows()) == 1
    assert outcome.tables["service_levels"] == Written(inserted=1, updated=2)
    assert list(outcome.tables) == ["service_levels", "sync_ledger"]


# ------------------------------------------------------------------ reading fast, binding, windows


def test_answers_are_read_as_json_would():
    special = [[1756684800, "NaN"], [1756684860.5, "+Inf"], [1756684920, "-Inf"], [1756684980, "1e-05"]]
    hostile = {"a": '"values":[[1,"2"]]', "b": "]]", "c": 'x"metric":{'}
    body = json.dumps(matrix((hostile, special), ({}, []), warnings=["w"]), separators=(",", ":")).encode()
    compact, loose = (prometheus_answers.read(text, 9) for text in (body, json.dumps(json.loads(body)).encode()))
    for answer in (compact, loose):
        assert answer.series[0].labels == hostile and answer.warnings == ["w"] and answer.points == 4
        np.testing.assert_array_equal(answer.series[0].times, [one for one, _ in special])
        np.testing.assert_array_equal(answer.series[0].values, [np.nan, np.inf, -np.inf, 1e-05])


@given(st.dictionaries(st.text(), st.text(), max_size=3), st.lists(st.floats(), max_size=5))
def test_any_answer_is_read_as_json_would(labels, numbers):
    points = [[index, {math.inf: "+Inf", -math.inf: "-Inf"}.get(one, repr(one))] for index, one in enumerate(numbers)]
    body = json.dumps(matrix((labels, points)), separators=(",", ":")).encode()
    (series,) = prometheus_answers.read(body, 99).series
    assert series.labels == labels
    np.testing.assert_array_equal(series.values, numbers)


def unquoted(text: str) -> str:
    """What Go reads in a PromQL string in double quotes."""
    return json.loads(text.replace("\\'", "'"))


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_quoting_is_undone_by_reading(value):
    assert unquoted(quoted(value)) == value
    assert unquoted(bind('x{a="$v"}', 60, {"v": value})[4:-1]) == value
    assert unquoted(bind("x{a=$v}", 60, {"v": value})[4:-1]) == value
    assert unquoted(bind('x{a=~"$v"}', 60, {"v": value})[5:-1]) == pattern(value)
    single = bind("x{a='$v'}", 60, {"v": value})
    assert single.startswith("x{a='") and single.endswith("'}")


def test_binding():
    names = {"service": "a.b", "team": "t"}
    assert bind('rate(x{j="$service",k=~"$service|c$"}[$step])', 300, names) == (
        'rate(x{j="a.b",k=~"a\\\\.b|c$"}[300s])'
    )
    assert bind("x{j=$service, k=~ $service} # $nothing", 60, names) == 'x{j="a.b", k=~ "a\\\\.b"} # $nothing'
    assert bind("x{j=`$service`}", 60, names) == "x{j=`a.b`}"
    assert bind('x{j="${service}$unknown"}', 60, names) == 'x{j="a.b$unknown"}'
    with pytest.raises(UserError, match=r"did you mean \$service"):
        bind("x{j=$servce}", 60, names)
    with pytest.raises(UserError, match="backquotes"):
        bind("x{j=`$service`}", 60, {"service": "`"})


def test_lacking_windows_newest_first():
    hour = timedelta(hours=1)
    ledger = [
        {"window_start": START + 2 * hour, "window_end": START + 4 * hour},
        {"window_start": START + 4 * hour, "window_end": START + 5 * hour},
        {"window_start": START + 8 * hour, "window_end": START + 9 * hour},
    ]
    at = [(one.first - T0, one.last - T0) for one in prometheus_windows.lacking(ledger, START, START + 10 * hour, 300)]
    assert at == [(9 * 3600 - 600, 10 * 3600), (5 * 3600 - 600, 8 * 3600), (0, 2 * 3600)]
    assert prometheus_windows.runs([300, 600, 7200], Slice(0, 7500), 300, 3600) == [
        (Slice(0, 600), 0), (Slice(6900, 7500), 1)
    ]  # fmt: skip


def test_settings_name_every_problem(tmp_path):
    document = {
        "prometheus": {"url": "http://u:secret@x", "eu": {"url": "http://y/base", "token": "abc"}},
        "service": [{**SERVICE, "slo": {"objective": 1.5}}],
    }
    with pytest.raises(UserError) as problem:
        config.settings(document, tmp_path / "lab.toml")
    said = str(problem.value)
    assert "secret@" not in said and "prometheus.eu.token" in said and "slo" in said
    with pytest.raises(UserError, match=r"there is no \[prometheus\]"):
        config.settings({"service": [SERVICE]}, tmp_path / "lab.toml")
    found = config.settings(
        {"prometheus": {"url": "http://x", "step": "1m", "eu": {"url": "http://y"}}, "service": [SERVICE]},
        tmp_path / "lab.toml",
    )
    assert found.prometheus["default"].step == 60 and found.prometheus["eu"].step == 300


# ------------------------------------------------------------------ from the server to the number


def lab_of(folder, url, **more):
    subprocess.run(["git", "init", "-q", "-b", "main", folder / "clone"], check=True)
    subprocess.run(
        ["git", "-C", folder / "clone", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty",
         "-m", "first"], check=True)  # fmt: skip
    service = {key: value for key, value in SERVICE.items() if key != "repository"} | {"clone": "clone"}
    document = {"prometheus": {"url": url, **more}, "service": [service], "privacy": {"people": "none"}}
    return config.settings(document, folder / "lab.toml")


@pytest.mark.server
def test_a_sync_ends_in_metrics_and_doctor_tells_what_it_saw(real, tmp_path, store, monkeypatch):
    settings, until = lab_of(tmp_path, real), START + timedelta(days=DAYS)
    monkeypatch.setattr("devops_lab.sync._now", lambda: until)
    outcomes = sync.sync(store, settings)
    assert {outcome.source: outcome.problem for outcome in outcomes} == {"git": None, "prometheus": None}
    asked = {"service": "shop", "since": START, "until": START + timedelta(hours=30), "as_of": until}
    levels = [row for row in store.service_levels.rows() if row["started_at"] < START + timedelta(hours=30)]
    good, total = (math.fsum(row[name] for row in levels) for name in ("good", "total"))
    answer = metrics.availability.window(store, **asked).iloc[0]
    assert answer["value"] == pytest.approx(good / total, abs=1e-12) and answer["coverage"] == 1
    assert answer["value"] == pytest.approx(1 - 360 / (30 * 3600), abs=1e-4)
    shown = metrics.latency.window(store, statistic="p50", **asked).iloc[0]
    assert shown["value"] == pytest.approx(0.1, abs=0.01)  # half of the good ones are as fast as 0.1 s
    assert metrics.alert_count.window(store, **asked).iloc[0]["value"] == 2
    found = [finding.what for finding in doctor.findings(store, settings)]
    assert any("latency_buckets: 0 series now, no data" in what or "latency_buckets" in what for what in found)


def test_a_sync_goes_on_without_prometheus(tmp_path, store):
    settings = lab_of(tmp_path, f"http://127.0.0.1:{free_port()}")
    outcomes = {outcome.source: outcome for outcome in sync.sync(store, settings)}
    assert outcomes["git"].problem is None and store.commits.rows()
    assert outcomes["prometheus"].problem is None and "cannot be asked" in outcomes["prometheus"].refused[0]
    answer = metrics.availability.window(store, service="shop", last="7 days", keep_empty=True).iloc[0]
    assert math.isnan(answer["value"]) and answer["coverage"] == 0
    told = [finding for finding in doctor.findings(store, settings) if "service_levels" in finding.what]
    assert told and not any(finding.well for finding in told)


@pytest.mark.server
def test_real_checks_give_what_a_short_script_computes(lab_data, tmp_path, store, monkeypatch):
    """Upptime's checks and outages of two years: availability, and alert episodes of each outage."""
    name = "TORO Dynmap"
    with (lab_data / "upptime" / "checks_TORO-Server.csv").open(newline="") as file:
        states = {int(row["time"]): row["state"] for row in csv.DictReader(file) if row["service"] == name}
    with (lab_data / "upptime" / "incidents_TORO-Server.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["service"] == name and row["up_at"]]
    outages = sorted((int(row["down_at"]), int(row["up_at"])) for row in rows)
    probes = [(moment, int(state == "up")) for moment, state in sorted(states.items())]
    labels = f'alertname="Down",alertstate="firing",service="{name}",severity="page"'
    firing = sorted({moment for down, up in outages for moment in range(down, up, 60)})
    alive = range(min(states) - 300, max(states) + 300, 300)
    families = {
        "probe_success": ("gauge", written("probe_success", f'name="{name}"', probes)),
        "ALERTS": ("gauge", written("ALERTS", labels, [(moment, 1) for moment in firing])),
        "up": ("gauge", written("up", 'job="upptime"', [(moment, 1) for moment in alive])),
    }
    service = {
        "name": name,
        "repository": "acme/shop",
        "slo": {"objective": 0.95, "probe": 'probe_success{name="$service"}'},
        "alerts": 'ALERTS{alertstate="firing",service="$service"}',
    }
    until = datetime(1970, 1, 1) + timedelta(seconds=max(states) + 7200)
    with backfilled(tmp_path, openmetrics(families)) as url:
        kept = pulled(url, until=until, since=datetime(1970, 1, 1), service=service)
    levels = kept.rows("service_levels")
    assert sum(row["total"] for row in levels) == len(states)
    assert sum(row["good"] for row in levels) == sum(state == "up" for state in states.values())
    joined = [list(outages[0])]
    for down, up in outages[1:]:
        last = max(range(joined[-1][0], joined[-1][1], 60), default=joined[-1][1])
        if down - last <= 300:
            joined[-1][1] = up
        else:
            joined.append([down, up])
    episodes = kept.rows("alerts")
    assert len(episodes) == len(joined)
    for row, (down, up) in zip(episodes, joined, strict=True):
        assert (row["started_at"] - datetime(1970, 1, 1)).total_seconds() == down
        assert abs((row["ended_at"] - datetime(1970, 1, 1)).total_seconds() - up) <= 60
