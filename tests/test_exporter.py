"""The exporter: named by Prometheus' conventions, the numbers of `dl.dora`, missing is absent; scraped for real."""

import json
import math
import re
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from datetime import datetime, timedelta

import pytest
from click.testing import CliRunner
from conftest import skip
from lab_rows import NOW, change, complete, deployment, failure, filled
from made_lab import lab
from prometheus_client.parser import text_string_to_metric_families

import devops_lab as dl
from devops_lab import metrics
from devops_lab.cli import cli
from devops_lab.errors import StoreError, UserError
from devops_lab.reports import exporter
from devops_lab.reports.exporter import collector as collecting
from devops_lab.reports.exporter import files, names
from devops_lab.store import Store

WINDOW = "90 days"
DORA = [metrics.find(name) for name in metrics.DORA]
COUNTS, NOTHING = [DORA[0], metrics.find("issue_throughput")], "devops_lab_issue_throughput"
SERIES = re.compile(r"\bdevops_lab_[a-z_]+")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A lab of one service, and what a scrape of it gets."""
    folder = tmp_path_factory.mktemp("exported")
    store = lab(folder)
    return store, exporter.text(exporter.Collector(store.path, [WINDOW, "4 weeks"]))


def samples(text):
    """{(series, its labels): value} of an exposition."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def exported(text, series, **labels):
    wanted = set(labels.items())
    found = [value for (name, said), value in samples(text).items() if name == series and wanted <= set(said)]
    assert len(found) <= 1, found
    return found[0] if found else None


def service_store(path, tables, **more):
    writer = filled(Store(path, latest=True), complete(tables, **more))
    writer.commit_snapshot(NOW)
    return Store(path)


def test_by_hand(tmp_path):
    done = [datetime(2026, 10, day, 12) for day in (5, 12, 19)]
    rows = {
        "deployments": [deployment("shop", f"{when:%m%d%H%M}", when) for when in done],
        "changes": [change("shop", f"#{n}", when - timedelta(hours=n), when) for n, when in enumerate(done, 1)],
        "failures": [failure("shop", "1", "10051200", done[0], done[0] + timedelta(hours=3))],
    }
    store = service_store(tmp_path / "lab", rows, teams={"shop": "payments"})
    text = exporter.text(exporter.Collector(store.path, ["28 days"], chosen=DORA))
    asked = {"service": "shop", "team": "payments", "window": "28d"}
    assert exported(text, "devops_lab_change_lead_time_seconds", **asked) == 2 * 3600  # of 1, 2 and 3 hours
    assert exported(text, "devops_lab_change_lead_time_observations", **asked) == 3
    assert exported(text, "devops_lab_deployment_frequency_per_week", **asked) == 3 / 4
    assert exported(text, "devops_lab_change_fail_rate_ratio", **asked) == 1 / 3
    assert exported(text, "devops_lab_failed_deployment_recovery_time_seconds", **asked) == 3 * 3600
    assert exported(text, "devops_lab_coverage_ratio", metric="change_lead_time", **asked) == 1
    assert exported(text, "devops_lab_team_change_lead_time_seconds", team="payments", window="28d") == 7200
    assert exported(text, "devops_lab_all_change_lead_time_seconds", window="28d") == 7200


def test_every_number_is_that_of_dora(made):
    store, text = made
    scopes = {None: {}, "service": {"service": "checkout", "team": "payments"}, "team": {"team": "payments"}}
    for by, said in scopes.items():
        for row in dl.dora(store, last=WINDOW, by=by).to_dict("records"):
            name = names.named(metrics.find(row["metric"]))
            labels = {**said, "window": "90d", "statistic": row["statistic"]}
            for part, column in zip(names.PARTS, ("value", "low", "high", "n"), strict=True):
                factor = 1 if part == "observations" else name.factor
                found = exported(text, name.series(by, part), **labels)
                if math.isfinite(row[column]):
                    assert found == row[column] * factor, (row["metric"], part)
                else:
                    assert found is None, (row["metric"], part)


def test_all_metrics_have_names_of_their_own_in_base_units():
    every = [names.named(metric).series(by, part)
             for metric in metrics.catalogue() for by in names.LABELS for part in names.PARTS]  # fmt: skip
    assert len(every) == len(set(every))
    assert all(re.fullmatch(r"[a-z][a-z_]*", name) for name in every)
    said = "_".join(every)
    assert not [unit for unit in ("hours", "minutes", "days", "percent") if f"_{unit}" in said]
    assert names.short("90 days") == "90d" and names.short("6 months") == "6mo" and names.short("24h") == "24h"


def test_what_is_missing_is_absent_and_never_0(tmp_path):
    rows = {"deployments": [deployment("shop", "1", NOW - timedelta(days=2))]}
    service = {"service": "shop", "repository": "acme/shop", "deployment_tables": "tags", "change_tables": "commits",
               "failure_tables": "issues"}  # fmt: skip
    never = service_store(tmp_path / "never", {"services": [service]}, covered=None)
    text = exporter.text(exporter.Collector(never.path, [WINDOW]))
    assert {name for name, _ in samples(text)} == {
        collecting.LAST_SYNC, collecting.AGE, collecting.COVERAGE, collecting.COMPUTING, collecting.REFUSED,
    }  # fmt: skip
    assert exported(text, collecting.COVERAGE, metric="deployment_frequency") == 0
    half = service_store(tmp_path / "half", {"services": [service]}, covered=(NOW - timedelta(days=10), NOW))
    assert exported(exporter.text(exporter.Collector(half.path, [WINDOW], chosen=COUNTS)), NOTHING) is None
    few = service_store(tmp_path / "few", rows)
    text = exporter.text(exporter.Collector(few.path, [WINDOW], chosen=COUNTS))
    assert exported(text, "devops_lab_change_lead_time_seconds") is None
    assert exported(text, "devops_lab_change_lead_time_observations", service="shop") == 0
    assert exported(text, NOTHING, service="shop") == 0  # asked everywhere: nothing happened
    assert exporter.text(exporter.Collector(str(tmp_path / "nothing"), [WINDOW])) == ""


def test_numbers_are_computed_once_per_snapshot(made, monkeypatch, tmp_path):
    store = lab(tmp_path)
    one = exporter.Collector(store.path, [WINDOW], chosen=DORA)
    assert one.refresh() and not one.refresh()
    before = samples(exporter.text(one))
    writer = Store(store.path, latest=True)
    writer.write("deployments", [deployment("checkout", "late", NOW - timedelta(hours=1))], "test")
    name = "devops_lab_all_deployment_frequency_observations"
    known = next(value for (series, _), value in before.items() if series == name)
    assert exported(exporter.text(one), name) == known
    writer.commit_snapshot(NOW)
    assert one.refresh()
    assert exported(exporter.text(one), name) == known + 1
    assert exported(exporter.text(one), collecting.AGE) > 0


def test_promtool_has_no_complaint(made, tmp_path):
    if not shutil.which("promtool"):
        skip("promtool is not installed (Debian: apt-get install prometheus)")
    text = made[1]
    said = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")
    files.write(tmp_path, "127.0.0.1", 9886)
    for words in (["rules", files.RULES, files.ALERTS], ["config", files.SCRAPE]):
        said = subprocess.run(["promtool", "check", *words], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert said.returncode == 0, said.stdout + said.stderr
    (tmp_path / "alerts_test.yml").write_text(json.dumps(alert_tests()))
    said = subprocess.run(
        ["promtool", "test", "rules", "alerts_test.yml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, said.stdout + said.stderr


def alert_tests():
    """For promtool: 3 of 8 failed says nothing, 12 of 20 does; a sync three days ago does, yesterday's does not."""

    def series(service, low, n):
        labels = f'{{service="{service}",window="90d"}}'
        return [{"series": f"devops_lab_change_fail_rate_low_ratio{labels}", "values": f"{low}x200"},
                {"series": f"devops_lab_change_fail_rate_observations{labels}", "values": f"{n}x200"}]  # fmt: skip

    age = {"series": "devops_lab_last_complete_sync_timestamp_seconds", "values": "0x4000"}
    fails = {
        "interval": "5m",
        "input_series": [*series("few", 0.3, 8), *series("wide", 0.15, 20), *series("bad", 0.36, 20)],
        "alert_rule_test": [{
            "eval_time": "7h", "alertname": "DevOpsLabChangeFailRateHigh", "exp_alerts": [{
                "exp_labels": {"severity": "warning", "service": "bad", "window": "90d"},
                "exp_annotations": {"summary": "At least 36% of the deployments of bad fail",
                                    "description": "The whole 95 % interval lies above 20 %, over 90d."},
            }],
        }],
    }  # fmt: skip
    old = {
        "interval": "5m",
        "input_series": [age],
        "alert_rule_test": [
            {"eval_time": "24h", "alertname": "DevOpsLabDataOld", "exp_alerts": []},
            {"eval_time": "72h", "alertname": "DevOpsLabDataOld", "exp_alerts": [{
                "exp_labels": {"severity": "warning"},
                "exp_annotations": {
                    "summary": "No complete sync for 3d 0h 0m 0s",
                    "description": "The numbers stand still; run `devops-lab sync` and look at what it says."},
            }]},
        ],
    }  # fmt: skip
    return {"rule_files": [files.ALERTS], "evaluation_interval": "5m", "tests": [fails, old]}


def test_rules_and_dashboard_name_exported_series_only(tmp_path):
    known = {names.named(metric).series(by, part)
             for metric in metrics.catalogue() for by in names.LABELS for part in names.PARTS}  # fmt: skip
    known |= {collecting.LAST_SYNC, collecting.AGE, collecting.COVERAGE}
    written = {path.name: path.read_text() for path in files.write(tmp_path, "127.0.0.1", 9886)}
    for name in (files.RULES, files.ALERTS):
        asked = [line.partition("expr:")[2] for line in written[name].splitlines() if "expr:" in line]
        assert asked and set(SERIES.findall(" ".join(asked))) <= known
    dashboard = json.loads(written[files.DASHBOARD])
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    queries += [one["definition"] for one in dashboard["templating"]["list"] if "definition" in one]
    assert set(SERIES.findall(" ".join(queries))) <= known
    for name in metrics.DORA:
        assert names.named(metrics.find(name)).series("service") in " ".join(queries)
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    variables = {one["name"] for one in dashboard["templating"]["list"]}
    assert set(re.findall(r"\$\{?(\w+)", json.dumps(dashboard))) <= variables
    boxes = [panel["gridPos"] for panel in dashboard["panels"]]
    cells = [(x, y) for box in boxes for x in range(box["x"], box["x"] + box["w"])
             for y in range(box["y"], box["y"] + box["h"])]  # fmt: skip
    assert len(cells) == len(set(cells)) and max(x for x, _ in cells) < 24


def test_the_command_line(tmp_path):
    lab(tmp_path)
    config = ["--config", str(tmp_path / "lab.toml")]
    once = CliRunner().invoke(cli, ["exporter", "--once", "--last", "30 days", "--metric", "change_fail_rate", *config])
    assert once.exit_code == 0 and 'window="30d"' in once.output and "lead_time" not in once.output
    wrote = CliRunner().invoke(cli, ["exporter", "--write", str(tmp_path / "out"), "--port", "9999"])
    assert wrote.exit_code == 0 and "127.0.0.1:9999" in (tmp_path / "out" / files.SCRAPE).read_text()
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        files.write(tmp_path / "file" / "folder", "127.0.0.1", 1)
    wrong = CliRunner().invoke(cli, ["exporter", "--once", "--last", "soon", *config], standalone_mode=False)
    assert "no length of time" in str(wrong.exception)


@pytest.mark.server
def test_a_port_in_use_and_a_store_that_breaks_meanwhile(tmp_path):
    store = lab(tmp_path)
    one = exporter.Collector(store.path, [WINDOW], chosen=DORA[:1])
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with (
            pytest.raises(UserError, match="another --port"),
            exporter.serve(one, "127.0.0.1", taken.getsockname()[1], print),
        ):
            pass
    told = []
    with exporter.serve(one, "127.0.0.1", 0, told.append, every=0.05) as (port, _):
        log = tmp_path / "lab" / "snapshots" / "_delta_log" / "00000000000000000000.json"
        log.write_text("{broken")
        within(30, lambda: told)
        body = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics").read().decode()
    assert "snapshots" in told[0] and "devops_lab_change_lead_time_seconds{" in body
    with pytest.raises(StoreError):
        Store(store.path)


def within(seconds, ready):
    deadline = time.monotonic() + seconds
    while not (found := ready()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.1)
    return found


def asked(port, query):
    address = f"http://127.0.0.1:{port}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:
            return json.load(answer)["data"]["result"]
    except (OSError, urllib.error.URLError):
        return []


@pytest.mark.server
def test_a_real_prometheus_scrapes_the_numbers_of_dora(tmp_path):
    if not shutil.which("prometheus"):
        skip("prometheus is not installed (Debian: apt-get install prometheus)")
    store = lab(tmp_path)
    one = exporter.Collector(store.path, [WINDOW], "Europe/Berlin", DORA)
    with exporter.serve(one, "127.0.0.1", 0, print) as (port, _):
        wanted = {"Accept": "application/openmetrics-text; version=1.0.0"}
        request = urllib.request.Request(f"http://127.0.0.1:{port}/metrics", headers=wanted)
        with urllib.request.urlopen(request) as answer:
            assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
            body = answer.read().decode()
        assert body.endswith("# EOF\n") and "# UNIT devops_lab_change_lead_time_seconds seconds" in body
        files.write(tmp_path / "rules", "127.0.0.1", port)
        scrape = tmp_path / "rules" / files.SCRAPE
        scrape.write_text(scrape.read_text().replace("scrape_interval: 1m", "scrape_interval: 1s"))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            mine = free.getsockname()[1]
        command = ["prometheus", f"--config.file={scrape}", f"--storage.tsdb.path={tmp_path / 'tsdb'}",
                   f"--web.listen-address=127.0.0.1:{mine}", "--log.level=error"]  # fmt: skip
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            within(60, lambda: asked(mine, "devops_lab_change_lead_time_seconds"))
            for row in dl.dora(store, last=WINDOW, by="service", timezone="Europe/Berlin").to_dict("records"):
                name = names.named(metrics.find(row["metric"]))
                for part, column in zip(names.PARTS, ("value", "low", "high", "n"), strict=True):
                    found = asked(mine, f'{name.series("service", part)}{{service="checkout"}}')
                    factor = 1 if part == "observations" else name.factor
                    values = [float(series["value"][1]) for series in found]
                    assert values == [row[column] * factor] * math.isfinite(row[column]), (row["metric"], part)
            assert float(asked(mine, 'up{job="devops_lab"}')[0]["value"][1]) == 1
            for panel in files.dashboard()["panels"]:
                for target in panel["targets"]:
                    query = target["expr"].replace("$service", ".*").replace("$window", "90d")
                    assert asked(mine, query) or "recovery" in query, query
        finally:
            server.terminate()
            server.wait(timeout=30)
