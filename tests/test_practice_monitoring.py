"""The practice organisation's Prometheus: its history equals the truth, a bad version alerts, and nothing is left."""

import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise

import psutil
import pytest
from conftest import skip
from test_practice_watching import T0, tiny

from devops_lab.errors import SourceError, UserError
from devops_lab.practice import monitoring
from devops_lab.practice.monitoring import processes, started
from devops_lab.practice.monitoring.openmetrics import head, seconds, write
from devops_lab.practice.world import make
from devops_lab.practice.world.watching import Watch
from devops_lab.practice.world.watching_alerts import Episode

pytestmark = pytest.mark.server

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
SEEDS = {1: 12, 2: 3, 3: 3}  # months of history


def quiet(sentence):
    """Nobody listens."""


def now():
    return datetime.now(UTC).replace(tzinfo=None)


@pytest.fixture(scope="module")
def installed():
    if monitoring.missing():
        skip(monitoring.missing())


@pytest.fixture(scope="module", params=SEEDS)
def history(request, installed, tmp_path_factory):
    """A company with its history in a Prometheus."""
    company = make(request.param, until=now(), months=SEEDS[request.param])
    said = []
    running = monitoring.start(tmp_path_factory.mktemp("history"), company, {}, said.append)
    yield company, running, said
    running.close()


def asked(running, path, **parameters):
    url = f"{running.prometheus_url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
    with urllib.request.urlopen(url, timeout=60) as answer:
        found = json.load(answer)
    assert not found.get("warnings")
    return found["data"]["result"]


def one_value(running, query, at):
    (found,) = asked(running, "query", query=query, time=seconds(at))
    return float(found["value"][1])


def test_the_text_of_four_steps():
    one = tiny()
    alert = Episode("shop", "HighErrorRate", "page", T0 + MINUTE, T0 + 3 * MINUTE)
    out, watch = io.BytesIO(), Watch([one], [alert], {"shop": 0.9})
    begin = seconds(T0)
    count = write(out, watch, watch.series(), begin, begin + 10_000)
    lines = out.getvalue().decode().splitlines()
    assert count == len(lines) - 1
    assert [line for line in lines if line.startswith('http_requests_total{job="shop",code="200"}')] == [
        f'http_requests_total{{job="shop",code="200"}} {value} {begin + place * 300}'
        for place, value in enumerate(["00", "10", "20", "09", "19"])
    ]
    cpu = [line.split()[1] for line in lines if line.startswith("process_cpu_seconds_total")]
    assert cpu == ["000.000", "060.000", "120.000", "030.000", "180.000"]
    versions = [line.split('version="')[1][:2] for line in lines if line.startswith("app_info")]
    assert versions == ["v1", "v1", "v2", "v2"]  # the first scrape came before any rollout
    assert [line for line in lines if line.startswith("ALERTS")] == [
        f'ALERTS{{alertname="HighErrorRate",alertstate="firing",service="shop",severity="page"}} 1 {begin + after}'
        for after in (60, 120)
    ]
    assert lines[-1] == "# EOF"


def samples(text):
    words = [line.split() for line in text.getvalue().decode().splitlines()[:-1]]
    return [(series, float(value), int(at)) for series, value, at in words]


def test_parts_of_the_text_make_the_whole():
    watch, begin = Watch([tiny()], [], {"shop": 0.9}), seconds(T0)
    whole, parts = io.BytesIO(), []
    write(whole, watch, watch.series(), begin, begin + 1201)
    for since in range(begin - 500, begin + 1300, 450):
        part = io.BytesIO()
        write(part, watch, watch.series(), since, since + 450)
        parts += samples(part)
    assert sorted(parts) == sorted(samples(whole))


def test_label_values_are_escaped():
    assert head("x", {"job": 'a"b\\c\nd'}) == 'x{job="a\\"b\\\\c\\nd"}'


@pytest.mark.parametrize(
    ("platform", "how"), [("linux", "apt-get install"), ("darwin", "brew install"), ("win32", "prometheus.io")]
)
def test_what_is_not_installed_is_named_with_the_way_to_get_it(monkeypatch, tmp_path, platform, how):
    monkeypatch.setattr(started.shutil, "which", lambda name: None)
    monkeypatch.setattr(started.sys, "platform", platform)
    assert how in monitoring.missing()
    with pytest.raises(UserError, match="prometheus, promtool, alertmanager"):
        monitoring.start(tmp_path, make(1, until=now(), months=1), {}, quiet)
    assert list(tmp_path.iterdir()) == []


def test_the_history_is_told_quickly(history):
    _, running, said = history
    assert "samples backfilled" in said[1]
    assert float(said[1].split()[-2]) < 60  # 9 s for a year on two idle cores
    assert not list((running.folder / "prometheus").glob("backfill-*"))
    assert running.check() == []


@pytest.mark.parametrize("days", [None, 1, 28])
def test_totals_equal_the_truth(history, days):
    company, running, _ = history
    watch = company.watch
    until = watch.end - (3 * DAY if days == 1 else 0 * DAY)
    since = until - days * DAY if days else watch.start
    window = f"[{round((until - since).total_seconds())}s]"
    for service, one in watch.telemetry.items():
        good, total = (
            one_value(running, f'sum(increase(http_requests_total{{job="{service}"{more}}}{window}))', until)
            for more in (',code!~"5.."', "")
        )
        requests = one.total(one.requests, since, until)
        assert total == pytest.approx(requests.sum(), rel=1e-12)
        assert good / total == pytest.approx(company.watch_truth.metric("availability", service, since, until).value)
        lines = f'sum(increase(log_lines_total{{job="{service}",level="error"}}{window}))'
        assert one_value(running, lines, until) == pytest.approx(one.total(one.logs, since, until)[2])
        cpu = f'sum(increase(process_cpu_seconds_total{{job="{service}"}}{window}))'
        assert one_value(running, cpu, until) * 1000 == pytest.approx(one.total(one.cpu, since, until))
        buckets = f'sum by (le) (increase(http_request_duration_seconds_bucket{{job="{service}"}}{window}))'
        latency = one_value(running, f"histogram_quantile(0.95, {buckets})", until)
        assert latency == pytest.approx(company.watch_truth.metric("latency_p95", service, since, until).value)


def test_raw_samples_with_their_resets_add_up_to_the_truth(history):
    company, running, _ = history
    watch = company.watch
    until, since = watch.end - DAY, watch.end - 15 * DAY
    for service, one in watch.telemetry.items():
        found = asked(running, "query", query=f'http_requests_total{{job="{service}"}}[14d]', time=seconds(until))
        total, resets = 0.0, 0
        for series in found:
            values = [float(value) for _, value in series["values"]]
            assert len(values) == 14 * 288 + 1
            for before, after in pairwise(values):
                total += after - before if after >= before else after
                resets += after < before
        assert total == one.total(one.requests, since, until).sum()
        restarts = f'increase(container_restarts_total{{job="{service}"}}[14d])'
        assert one_value(running, restarts, until) == pytest.approx(
            company.watch_truth.metric("restart_rate", service, since, until).n
        )


def test_alerts_of_the_history_are_the_worlds(history):
    company, running, _ = history
    watch, found = company.watch, []
    fired: dict[tuple[str, str, str], list[int]] = {}
    begin = seconds(watch.start)
    for since in range(begin, seconds(watch.end) + 60, 7 * 86400):
        until = min(since + 7 * 86400 - 60, seconds(watch.end))
        for series in asked(
            running, "query_range", query="last_over_time(ALERTS[59s])", start=since, end=until, step=60
        ):
            labels = series["metric"]
            assert labels["alertstate"] == "firing"
            key = (labels["service"], labels["alertname"], labels["severity"])
            fired.setdefault(key, []).extend(int(at) for at, _ in series["values"])
    for key, at in fired.items():
        for place, moment in enumerate(at):
            if place == 0 or moment - at[place - 1] > 60:
                found.append([*key, moment, moment])
            found[-1][-1] = moment + 60
    expected = [
        [one.service, one.name, one.severity, seconds(one.started_at), seconds(one.ended_at or watch.end)]
        for one in watch.alerts
        if one.started_at + MINUTE <= watch.end
    ]
    assert sorted(found) == sorted(expected)
    assert len(found) > 10


def test_the_version_in_the_history_is_what_was_deployed(history):
    company, running, _ = history
    for service, one in company.watch.telemetry.items():
        number, version = one.versions[len(one.versions) // 2]
        at = one.start + number * one.step
        names = [
            series["metric"]["version"]
            for series in asked(
                running, "query", query=f'last_over_time(app_info{{job="{service}"}}[59s])', time=seconds(at)
            )
        ]
        assert names == [version]


class Bad(BaseHTTPRequestHandler):
    """A service of which every second answer fails; what it has counted follows from the time."""

    def do_GET(self):
        asked = int((time.time() % 100_000) * 20)
        text = "".join(
            f'http_requests_total{{code="{code}"}} {asked}\nhttp_request_duration_seconds_bucket{{le="+Inf"}} {asked}\n'
            if code == "200"
            else f'http_requests_total{{code="{code}"}} {asked}\n'
            for code in ("200", "500")
        )
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(f'{text}app_info{{version="bad"}} 1\n'.encode())

    def log_message(self, *said):
        """Say nothing."""


@pytest.fixture
def target():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Bad)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def listening(url):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", urllib.parse.urlsplit(url).port)) == 0


def test_a_bad_version_fires_into_alertmanager_and_close_leaves_nothing(installed, tmp_path, target):
    folder = tmp_path / "my practice"
    company = make(3, until=now(), months=1)
    running = monitoring.start(folder, company, {"greeter": target}, quiet)
    try:
        began, alerts = time.monotonic(), []
        while not alerts and time.monotonic() - began < 30:
            time.sleep(0.2)
            with urllib.request.urlopen(f"{running.alertmanager_url}/api/v2/alerts", timeout=5) as answer:
                alerts = json.load(answer)
        print(f"HighErrorRate in Alertmanager after {time.monotonic() - began:.1f} s")
        (alert,) = alerts
        assert alert["labels"] == {"alertname": "HighErrorRate", "service": "greeter", "severity": "page"}
        assert "of the answers fail" in alert["annotations"]["summary"]
        (seen,) = asked(running, "query", query='ALERTS{alertstate="firing"}', time=time.time())
        assert seen["metric"] == {"__name__": "ALERTS", "alertstate": "firing", **alert["labels"]}
        (up,) = asked(running, "query", query='up{job="greeter"}', time=time.time())
        assert up["value"][1] == "1"
        (info,) = asked(running, "query", query='app_info{job="greeter"}', time=time.time())
        assert info["metric"]["version"] == "bad"
        assert [name for name, _ in running.processes] == ["Alertmanager", "Prometheus"]
        for _, process in running.processes:
            assert os.getpgid(process) == process != os.getpgid(0)
            assert psutil.Process(process).environ() == {}
    finally:
        running.close()
    assert not any(psutil.pid_exists(process) for _, process in running.processes)
    assert not listening(running.prometheus_url) and not listening(running.alertmanager_url)
    assert list(folder.iterdir()) == []
    running.close()


def test_a_killed_prometheus_is_told_with_the_way_out(installed, tmp_path):
    running = monitoring.start(tmp_path, make(3, until=now(), months=1), {}, quiet)
    try:
        os.kill(dict(running.processes)["Prometheus"], signal.SIGKILL)
        patience = time.monotonic() + 5
        while not running.check() and time.monotonic() < patience:
            time.sleep(0.05)
        (sentence,) = running.check()
        assert sentence.startswith("Prometheus has stopped (exit status -9); it said last: ")
        assert "devops-lab practice down" in sentence
    finally:
        running.close()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_parent_left_is_stopped_and_nothing_else(installed, tmp_path):
    script = (
        "import os, sys; from datetime import UTC, datetime; from pathlib import Path\n"
        "from devops_lab.practice import monitoring; from devops_lab.practice.world import make\n"
        "company = make(3, until=datetime.now(UTC).replace(tzinfo=None), months=1)\n"
        "running = monitoring.start(Path(sys.argv[1]), company, {}, print)\n"
        "print(*(process for _, process in running.processes), flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    told = subprocess.run(command, stdout=subprocess.PIPE, timeout=120, check=False)
    left = [int(word) for word in told.stdout.decode().splitlines()[-1].split()]
    assert all(psutil.pid_exists(process) for process in left)
    other = tmp_path / "other"
    other.mkdir()
    (other / processes.IDENTITY).write_text(json.dumps({"name": "myself", "process": os.getpid()}))
    assert monitoring.stop_left(tmp_path) == ["Alertmanager", "Prometheus"]
    assert not any(psutil.pid_exists(process) and psutil.Process(process).status() != "zombie" for process in left)
    monitoring.remove(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["other"]
    assert monitoring.stop_left(tmp_path) == []


def test_a_port_taken_in_the_meantime_is_given_up_for_another(installed, tmp_path, monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ports = iter([taken.getsockname()[1], processes.free_port()])
        monkeypatch.setattr(processes, "free_port", lambda: next(ports))
        program, port = started._start_alertmanager(tmp_path / "alertmanager", None)
        assert port != taken.getsockname()[1]
        program.stop()


def test_a_server_that_does_not_start_says_why_and_leaves_nothing(installed, tmp_path, monkeypatch):
    monkeypatch.setattr(started.prometheus, "RETENTION", "for ever")
    with pytest.raises(SourceError, match=r"Prometheus did not start: .*for ever"):
        monitoring.start(tmp_path, make(3, until=now(), months=1), {}, quiet)
    assert list(tmp_path.iterdir()) == []


def test_a_history_that_promtool_refuses_is_told_and_leaves_nothing(installed, tmp_path, monkeypatch):
    monkeypatch.setattr("devops_lab.practice.monitoring.openmetrics.SPACE", b"x"[0])
    with pytest.raises(SourceError, match="promtool could not make the history's blocks"):
        monitoring.start(tmp_path, make(3, until=now(), months=1), {}, quiet)
    assert list(tmp_path.iterdir()) == []
