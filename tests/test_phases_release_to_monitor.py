"""The pages of releasing, deploying, operating and monitoring: what stands on them, and what they say is missing."""

from datetime import datetime, timedelta
from pathlib import Path

import nbformat
import pytest
from lab_rows import change, complete, deployment, failure, filled

from devops_lab import metrics, words
from devops_lab.config import load
from devops_lab.reports import phase_deploy, phase_monitor, phase_operate, phase_release, phases, verdicts, watched
from devops_lab.reports.kernel import run
from devops_lab.store import Store

NOW = datetime(2026, 11, 1)
BEGIN = NOW - timedelta(days=60)
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
HERE = "acme/shop"
SITE = f"https://github.com/{HERE}"
HOSTILE = "<script>alert(1)</script>"
FOLDER = Path(__file__).parents[1] / "notebooks"
MINE = {"14_release": "release", "15_deploy": "deploy", "16_operate": "operate", "17_monitor": "monitor"}
BAD_HOUR = NOW - 10 * DAY  # the only hour with errors: all of its requests were bad
LAB_TOML = """
[lab]
store = "lab"

[[service]]
name = "shop"
repository = "acme/shop"
"""
PROMETHEUS = '\n[prometheus]\nurl = "http://localhost:9090"\n'


def shipped(tables):
    """A release each fifth day with a change that waited two days; the last but one is a patch, one a pre-release."""
    tags = [f"v1.{number}.0" for number in range(9)] + ["v1.8.1", "v1.9.0"]
    for number, tag in enumerate(tags):
        when = BEGIN + number * 5 * DAY
        row = {"repository": HERE, "tag": tag, "created_at": when, "published_at": when, "draft": False}
        tables["releases"].append(row | {"id": number, "prerelease": False, "url": f"{SITE}/releases/{tag}"})
        tables["tags"].append(
            {"repository": HERE, "tag": tag, "sha": f"s{number}", "annotated": False, "tagged_at": when}
        )
        tables["commits"].append(
            {"repository": HERE, "sha": f"s{number}", "authored_at": when, "committed_at": when, "is_bot": False,
             "parents": ""}
        )  # fmt: skip
        merged = when - 2 * DAY
        tables["changes"].append(
            change(
                "shop", f"#{number}", merged - DAY, when, merged_at=merged, released_at=when, released_in=tag,
                release_excluded="released before records" if number == 0 else None,
            )
        )  # fmt: skip
    tables["releases"].append(
        {"repository": HERE, "id": 99, "tag": "v2.0.0-rc.1", "created_at": NOW - DAY, "published_at": NOW - DAY,
         "draft": False, "prerelease": True, "url": None}
    )  # fmt: skip


def deployed(tables):
    """Ten versions in staging: eight succeed there, six are rolled out, five get there, one of them fails."""
    for number in range(10):
        when = BEGIN + number * 5 * DAY + 10 * HOUR
        tables["github_deployments"].append(
            {"repository": HERE, "id": number, "environment": "Staging", "sha": f"s{number}", "ref": "main",
             "created_at": when - HOUR, "updated_at": when}
        )  # fmt: skip
        tables["deployment_statuses"].append(
            {"repository": HERE, "id": number, "deployment_id": number, "created_at": when - MINUTE,
             "state": "success" if number < 8 else "failure"}
        )  # fmt: skip
        if number < 6:
            tables["deployments"].append(
                deployment(
                    "shop", f"d{number}", when, sha=f"s{number}", ref="main", url=f"{SITE}/runs/{number}",
                    started_at=when - (40 if number == 4 else 4) * MINUTE, is_rollback=number == 3,
                    result="failure" if number == 5 else "success",
                )
            )  # fmt: skip
    tables["deployments"].append(
        deployment("shop", "d9", NOW - 20 * DAY, sha="s99", ref="v9", started_at=NOW - 20 * DAY - 4 * MINUTE)
    )
    tables["failures"].append(failure("shop", "1", "d2", BEGIN + 11 * DAY, BEGIN + 12 * DAY))
    tables["incidents"].append(
        {"service": "shop", "id": "1", "title": HOSTILE, "started_at": BEGIN + 11 * DAY,
         "resolved_at": BEGIN + 11 * DAY + 3 * HOUR, "url": f"{SITE}/issues/1"}
    )  # fmt: skip


def watched_by_prometheus(tables):
    """An hour's step: 100 requests, all good but in one hour; half of them within 0.1 s, all within 0.5 s."""
    for hour in range(40 * 24):
        end = NOW - hour * HOUR
        step = {"service": "shop", "started_at": end - HOUR, "ended_at": end}
        bad = end - HOUR == BAD_HOUR
        tables["service_levels"].append(step | {"good": 0.0 if bad else 100.0, "total": 100.0, "objective": 0.99})
        tables["latency_buckets"] += [step | {"le": le, "requests": 50.0} for le in (0.1, 0.5)]
        tables["restarts"].append(step | {"restarts": 1.0 if hour < 12 else 0.0})
        tables["log_errors"].append(step | {"lines": 500.0 if bad else 1.0})
        share = 0.95 if hour == 30 else 0.5
        tables["resource_usage"].append(
            {"service": "shop", "resource": "cpu", "series": "{}", "occurred_at": end - HOUR, "used_share": share}
        )
    for number in range(8):
        start = NOW - (number + 1) * DAY
        tables["alerts"].append(
            {"service": "shop", "id": str(number), "alert": "HighErrorRate", "severity": "page", "labels": "{}",
             "started_at": start, "ended_at": start + (2 if number < 6 else 60) * MINUTE}
        )  # fmt: skip
    tables["impacts"] += [
        {"service": "shop", "repository": HERE, "deployment_id": f"d{number}", "finished_at": BEGIN + number * 5 * DAY,
         "judged_at": BEGIN + number * 5 * DAY + HOUR, "before_start": BEGIN, "before_end": BEGIN, "verdict": verdict,
         "measure": "errors", "effect": 0.2, "low": 0.1, "high": 0.3, "error_before": 0.01, "error_after": 0.21,
         "url": f"{SITE}/runs/{number}"}
        for number, verdict in enumerate(["worse", "no change seen", "no change seen"])
    ]  # fmt: skip


def guarded(tables):
    """Two open security alerts, 40 and 5 days old, and one that was fixed."""
    for number, (severity, days) in enumerate([("high", 40), ("low", 5), ("critical", 50)]):
        tables["security_alerts"].append(
            {"repository": HERE, "kind": "dependabot", "number": number, "state": "open", "severity": severity,
             "name": HOSTILE if days == 40 else f"package{number}", "created_at": NOW - days * DAY,
             "fixed_at": NOW - DAY if severity == "critical" else None, "url": f"{SITE}/security/dependabot/{number}"}
        )  # fmt: skip


NAMES = (
    "releases", "tags", "commits", "changes", "github_deployments", "deployment_statuses", "deployments", "failures",
    "incidents", "service_levels", "latency_buckets", "restarts", "log_errors", "resource_usage", "alerts", "impacts",
    "security_alerts",
)  # fmt: skip


def made(folder, *parts, toml=LAB_TOML):
    tables = {name: [] for name in NAMES}
    for part in parts:
        part(tables)
    tables = {name: rows for name, rows in tables.items() if rows}
    tables["services"] = [
        {"service": name, "team": team, "repository": f"acme/{name}", "deployment_tables": "tags",
         "change_tables": "commits", "failure_tables": "issues"}
        for name, team in (("shop", "payments"), ("till", "platform"))
    ]  # fmt: skip
    writer = filled(Store(folder / "lab", latest=True), complete(tables))
    writer.commit_snapshot(NOW)
    (folder / "lab.toml").write_text(toml, "utf-8")
    return folder


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return made(tmp_path_factory.mktemp("whole"), shipped, deployed, watched_by_prometheus, guarded)


@pytest.fixture(scope="module")
def unwatched(tmp_path_factory):
    """Only git's and GitHub's facts: no Prometheus, no security alerts, and no sync that asked for them."""
    folder = tmp_path_factory.mktemp("unwatched")
    tables = {name: [] for name in NAMES}
    shipped(tables)
    deployed(tables)
    tables = {name: rows for name, rows in tables.items() if rows}
    row = {"service": "shop", "team": "payments", "repository": HERE, "deployment_tables": "tags"}
    tables["services"] = [row | {"change_tables": "commits", "failure_tables": "issues"}]
    filled(Store(folder / "lab", latest=True), tables).commit_snapshot(NOW)
    (folder / "lab.toml").write_text(LAB_TOML, "utf-8")
    return folder


def asking(folder, **more):
    return phases.ask(str(folder / "lab"), str(folder / "lab.toml"), **({"service": "shop"} | more))


@pytest.fixture
def asked(whole):
    return asking(whole)


def plain(text):
    return text.replace(words.SPACE, " ")


# ---------------------------------------------------------------- release


def test_releases_with_their_kind_size_and_wait(asked):
    rows = phase_release.releases(asked).set_index("tag")
    assert len(rows) == 12
    assert rows.loc["v1.8.1", "kind"] == "patch" and rows.loc["v2.0.0-rc.1", "kind"] == "pre-release"
    assert (rows.loc["v1.3.0", "size"], rows.loc["v1.3.0", "waited"]) == (1, 48)
    assert words.missing(rows.loc["v2.0.0-rc.1", "size"])
    assert len(phase_release.train(asked).data[0].x) == 12
    assert (
        "v1.9.0" in phase_release.listing(asked).text and f"{SITE}/releases/v1.9.0" in phase_release.listing(asked).html
    )


def test_a_service_that_waits_longer_than_usual_is_the_next_step(asked):
    row = phase_release.waiting(asked).iloc[0]
    assert (row["since"], row["usual"]) == (10 * 24, 5 * 24)
    assert phase_release.steps(asked) == []  # twice the usual is not more than twice
    later = asking(Path(asked.store.path).parent, last="60 days")
    assert "10 days ago" in plain(phase_release.last_releases(later).layout.annotations[0].text)


# ---------------------------------------------------------------- deploy


def test_the_funnel_counts_versions(asked):
    rows = phase_deploy.promoted(asked)
    assert len(rows) == 10
    assert list(phase_deploy.funnel(asked).data[0].x) == [10, 8, 6, 5, 4]
    assert plain(phase_deploy.steps(asked)[1].sentence).startswith("2 versions succeeded in staging")


def test_rollouts_know_failures_and_rollbacks(asked):
    kinds = phase_deploy.rollouts(asked).set_index("id")["kind"]
    assert dict(kinds.value_counts()) == {"success": 5, "rollback": 1, "failure": 1}
    assert kinds["d3"] == "rollback" and kinds["d5"] == "failure"
    table = phase_deploy.troubled(asked)
    assert "d5" in table.text and "did not get there" in table.text and f"{SITE}/runs/5" in table.html
    assert phase_deploy.by_hour(asked).data[0].z is not None
    assert phase_deploy.durations(asked).layout.meta["title"].startswith("Half of the deployments take up to")
    slow = phase_deploy.steps(asked)[-1]
    assert "40 minutes" in plain(slow.sentence) and slow.link == "shop d4" and slow.url == f"{SITE}/runs/4"


# ---------------------------------------------------------------- operate


def test_the_tightest_hour(asked):
    rows = phase_operate.usage(asked)
    assert len(rows) == 40 * 24 and rows.loc[rows["highest"].idxmax(), "hour"] == NOW - 31 * HOUR
    assert "95 %" in plain(phase_operate.room(asked).text) and "2026-10-30 17:00" in phase_operate.room(asked).text
    assert "shop used over 80 % of its cpu on 1 day" in plain(phase_operate.saturation(asked).layout.meta["title"])


def test_restarts_errors_and_security_alerts(asked):
    assert len(phase_operate.troubles(asked).data) == 2
    drawn = phase_operate.vulnerabilities(asked)
    assert [list(trace.x) for trace in drawn.data] == [[5.0], [40.0]]
    assert (
        HOSTILE not in phase_operate.oldest(asked).html
        and f"{SITE}/security/dependabot/0" in phase_operate.oldest(asked).html
    )
    steps = phase_operate.steps(asked)
    assert "40 days" in plain(steps[0].sentence) and steps[0].url == f"{SITE}/security/dependabot/0"
    assert "12 times" in plain(steps[2].sentence)


# ---------------------------------------------------------------- monitor


def test_the_burn_down_ends_at_the_metric(asked):
    """100 bad events of a budget of 1 % of 67,200: 1 − 100 ÷ 672 is left."""
    left = phase_monitor.burned(asked)["left"].iloc[-1]
    assert left == pytest.approx(1 - 100 / 672, abs=1e-12)
    frame = metrics.find("error_budget_remaining").window(asked.store, **asked.words)
    assert left == pytest.approx(frame["value"].iloc[0], abs=1e-12)
    assert plain(phase_monitor.budget(asked).layout.meta["title"]) == "85 % of the error budget is left"


def test_burn_rates_by_hand(asked):
    """The bad hour spends 100 hours' budget at once: 100 in an hour, a sixth of it over six, a 72nd over three days."""
    rows = phase_monitor.rates(asked)
    at = rows[rows["hour_end"] == BAD_HOUR + HOUR].set_index("span")["rate"]
    assert at.to_dict() == {"1h": pytest.approx(100), "6h": pytest.approx(100 / 6), "3d": pytest.approx(100 / 72)}
    assert rows[rows["hour_end"] == BAD_HOUR + 73 * HOUR]["rate"].sum() == pytest.approx(0)
    assert "2 times" in plain(phase_monitor.burn_rates(asked).layout.meta["title"])


def test_latency_alerts_incidents_and_verdicts(asked):
    title = plain(phase_monitor.latency(asked).layout.meta["title"])
    assert title == "Half of the requests take at most 0.1 seconds, nineteen in twenty at most 0.46 seconds"
    assert "75 % of 8 alerts" in plain(phase_monitor.alerts(asked).layout.meta["title"])
    assert (
        "3 hours" in plain(phase_monitor.incidents(asked).text) and HOSTILE not in phase_monitor.incidents(asked).html
    )
    said = verdicts.impacts(asked)
    assert "3 deployments were judged: worse 1, no change seen 2." in plain(said.text)
    assert "+20 points (10 to 30)" in said.text and "21 %" in plain(said.text)
    assert verdicts.worse(asked)[0].url == f"{SITE}/runs/0"


def test_incidents_and_failed_deployments_are_marks_of_the_28_days(asked):
    kinds = phase_monitor.events(asked)["kind"]
    assert dict(kinds.value_counts()) == {"deployed": 1}  # the rest is older than 28 days


# ---------------------------------------------------------------- what is missing


@pytest.mark.parametrize(
    "piece",
    [phase_monitor.budget, phase_monitor.latency, phase_monitor.alerts, phase_operate.saturation,
     phase_operate.troubles],
)  # fmt: skip
def test_without_prometheus_the_page_says_how_to_add_it(unwatched, piece):
    said = piece(asking(unwatched)).text
    assert "Without Prometheus nothing is known about" in said
    assert '[prometheus]\nurl = "http://localhost:9090"' in said and "devops-lab doctor" in said


def test_the_lines_to_add_are_a_lab_toml_that_is_read(tmp_path):
    lines = "\n".join(watched._EXAMPLES.values())
    (tmp_path / "lab.toml").write_text(f"{PROMETHEUS}\n[defaults]\n{lines}\n{LAB_TOML}", "utf-8")
    (tmp_path / "lab").mkdir()
    one = load(tmp_path / "lab.toml").service[0]
    assert one.asks_prometheus and one.slo and one.latency and one.alerts and one.saturation and one.log_errors


def test_with_a_prometheus_that_was_not_asked_only_the_line_is_named(unwatched, tmp_path):
    folder = tmp_path
    (folder / "lab.toml").write_text(PROMETHEUS + LAB_TOML, "utf-8")
    asked = phases.ask(str(unwatched / "lab"), str(folder / "lab.toml"), service="shop")
    said = phase_monitor.budget(asked).text
    assert said.startswith("Prometheus was not asked for service levels.") and "[prometheus]" not in said


def test_a_refused_permission_is_said_with_its_words(tmp_path):
    folder = made(tmp_path, shipped, toml=LAB_TOML + "security = true\n")
    ledger = {"repository": HERE, "source": "github", "table_name": "security_alerts", "window_start": BEGIN}
    ledger |= {"window_end": NOW, "asked": 1, "fetched": 0, "missing": 0, "recorded_at": NOW, "refused": HOSTILE}
    writer = Store(folder / "lab", latest=True)
    writer.remove("sync_ledger", writer.sync_ledger.rows())
    writer.write("sync_ledger", [ledger], "github")
    writer.commit_snapshot(NOW)
    said = phase_operate.vulnerabilities(asking(folder))
    assert "The last sync was told: <script>" in said.text and HOSTILE not in said.html
    assert phase_operate.oldest(asking(folder)).text == ""


def test_security_alerts_that_nobody_asked_for(unwatched):
    assert "security = true" in phase_operate.vulnerabilities(asking(unwatched)).text


def test_nothing_at_all_is_no_traceback(tmp_path):
    folder = made(tmp_path)
    asked = asking(folder)
    for module, names in (
        (phase_release, ("train", "last_releases", "listing", "steps")),
        (phase_deploy, ("funnel", "by_hour", "durations", "troubled", "steps")),
        (phase_operate, ("saturation", "room", "troubles", "vulnerabilities", "oldest", "steps")),
        (phase_monitor, ("budget", "burn_rates", "latency", "alerts", "incidents", "steps")),
    ):
        for name in names:
            assert getattr(module, name)(asked) is not None
    assert "No deployment of this window was judged" in verdicts.impacts(asked).text


# ---------------------------------------------------------------- the notebooks


@pytest.mark.parametrize("name", MINE)
def test_the_notebook_is_small_cells_without_outputs(name):
    document = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    assert document.cells[0].metadata["tags"] == ["parameters"]
    assert not any(cell.get("outputs") for cell in document.cells)
    assert all("def " not in cell.source and "for " not in cell.source for cell in document.cells)


@pytest.mark.server
@pytest.mark.parametrize("about", [{"service": "shop"}, {"team": "payments"}, {}, {"language": "id"}])
@pytest.mark.parametrize("name", MINE)
def test_the_notebook_runs(whole, tmp_path, name, about):
    given = {"store": str(whole / "lab"), "config": str(whole / "lab.toml")} | about
    document = run(FOLDER / f"{name}.ipynb", tmp_path / "out.ipynb", given, kept=tmp_path / "kept.ipynb")
    outputs = [output for cell in document.cells for output in cell.get("outputs", [])]
    assert not [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"]
    assert HOSTILE not in "".join(output.get("data", {}).get("text/html", "") for output in outputs)


@pytest.mark.server
@pytest.mark.parametrize("name", MINE)
def test_the_notebook_runs_on_git_alone(unwatched, tmp_path, name):
    given = {"store": str(unwatched / "lab"), "config": str(unwatched / "lab.toml"), "service": "shop"}
    run(FOLDER / f"{name}.ipynb", tmp_path / "out.ipynb", given, kept=tmp_path / "kept.ipynb")
