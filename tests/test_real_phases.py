"""The phases on real data: what the pages say equals what a few lines of pandas compute from the recorded files.

Incidents of GitHub's own status page (770 of 819: impact ``maintenance`` is planned work and no outage, impact ``none``
hurt nobody, so whoever imports them leaves both out) and of upptime's checks; a repository of GitHub replayed; and the
rebuilt history of prometheus, of which only git is known.
"""

import json
import math
import re
import subprocess
from datetime import datetime, timedelta
from html import unescape
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner
from test_prometheus import backfilled, openmetrics, written

import devops_lab
import devops_lab.sync
from devops_lab import config, metrics, words
from devops_lab.cli.facts import import_
from devops_lab.reports import report
from devops_lab.store import Store

pytestmark = pytest.mark.real_data

NO_OUTAGE = ("none", "maintenance")
NOT_REVIEWED = "23 not merged, 23 not reviewed, 3 not approved"
EPOCH = datetime(1970, 1, 1)
NOW = datetime(2026, 9, 1)
BEGIN = datetime(2022, 1, 1)
ALL = {"since": BEGIN, "until": NOW, "as_of": NOW}
TAGS = ["[0-9]+.[0-9]+.[0-9]+", "v[0-9]+.[0-9]+.[0-9]+", "!v0.*", "!v1.99.0"]
ANTS = "panjf2000/ants"
NAMES = {"incident_id": "id", "impact": "severity", "components": "title", "started_at": "started_at",
         "resolved_at": "resolved_at"}  # fmt: skip
WATCHED = ("TORO Dynmap", "TORO Minecraft Server", "TORO Minecraft Bedrock Server")


def text_of(page: Path) -> str:
    """A report's words, as a person reads them."""
    bare = re.sub(r"<(style|script)\b.*?</\1>", " ", page.read_text("utf-8"), flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", bare)).split())


def tiles_of(page: Path) -> dict[str, list[str]]:
    """A page's tiles: label → value and the lines below it."""
    found = re.findall(r'<div class="lab-tile[^"]*"><h3>(.*?)</h3>(.*?)</div>', page.read_text("utf-8"), re.DOTALL)
    return {
        unescape(label): [" ".join(unescape(re.sub(r"<[^>]+>", " ", one)).split()) for one in inside.split("</p>")]
        for label, inside in found
    }


def lab_of(folder: Path, *services: str, head: str = "") -> Path:
    """Write a lab.toml with these services, whose clone is an empty repository, and sync it as on `NOW`."""
    folder.mkdir(exist_ok=True)
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", folder / "nothing.git"], check=True)
    sections = [head, '[privacy]\npeople = "none"', *(f"[[service]]\n{lines}" for lines in services)]
    (folder / "lab.toml").write_text("\n".join(sections) + "\n")
    return folder / "lab.toml"


def synced(path: Path, **given) -> Store:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(devops_lab.sync, "_now", lambda: NOW)
        settings = config.load(path)
        outcomes = devops_lab.sync.sync(Store(settings.store), settings, **given)
    assert {outcome.problem for outcome in outcomes} == {None}
    return Store(settings.store)


def kaplan_meier(hours, ended) -> float:
    """When half of the incidents are over, where some still last: the middle of a flat step at one half."""
    left, crossed = 1.0, None
    for value in sorted(set(hours[ended])):
        left *= 1 - ((hours == value) & ended).sum() / (hours >= value).sum()
        if crossed is not None:
            return (crossed + value) / 2
        if left < 0.5 - 1e-12:
            return value
        if left <= 0.5 + 1e-12:
            crossed = value
    return math.nan if crossed is None else crossed


# ------------------------------------------------------------------ incidents of GitHub's status page


@pytest.fixture(scope="module")
def outages(lab_data):
    """GitHub's outages as the recorded CSV has them, times as naive UTC."""
    rows = pd.read_csv(lab_data / "github-status" / "incidents.csv", dtype={"incident_id": str})
    rows = rows[~rows["impact"].isin(NO_OUTAGE)]
    for name in ("started_at", "resolved_at"):
        rows[name] = pd.to_datetime(rows[name]).dt.tz_localize(None)
    return rows.assign(hours=(rows["resolved_at"] - rows["started_at"]) / timedelta(hours=1)).reset_index(drop=True)


@pytest.fixture(scope="module")
def status_page(outages, tmp_path_factory):
    """A lab that reads the outages until 2025 by a rule; ``devops-lab import`` brought the later ones."""
    folder = tmp_path_factory.mktemp("status page")
    early = outages["started_at"] < datetime(2025, 1, 1)
    outages[early].to_csv(folder / "early.csv", index=False)
    late = outages[~early].rename(columns=NAMES)[list(NAMES.values())].assign(service="github")
    late.to_csv(folder / "late.csv", index=False)
    rule = ", ".join(f'{ours} = "{theirs}"' for theirs, ours in NAMES.items())
    rule = f'incident = {{ from = "file", path = "early.csv", columns = {{ {rule} }} }}'
    path = lab_of(folder, f'name = "github"\nclone = "nothing.git"\n{rule}\n')
    synced(path)
    said = CliRunner().invoke(import_, ["incidents", str(folder / "late.csv"), "--config", str(path)])
    assert said.exit_code == 0, said.output
    assert f"incidents: {(~early).sum()} new, 0 changed" in said.output
    return path


def test_outages_are_counted_and_timed_as_pandas_does(status_page, outages):
    store = Store(config.load(status_page).store)
    count = metrics.incident_count.window(store, **ALL).iloc[0]
    lasted = metrics.incident_duration.window(store, **ALL).iloc[0]
    assert (count["value"], count["n"], count["coverage"], lasted["n"]) == (770, 770, 1, 770)
    assert lasted["value"] == pytest.approx(outages["hours"].median(), abs=1e-9)
    years = outages.groupby(outages["started_at"].dt.year)["hours"].agg(["size", "median"])
    for metric, name in ((metrics.incident_count, "size"), (metrics.incident_duration, "median")):
        rows = metric.over(store, every="year", **ALL)
        assert dict(zip(rows["period_start"].dt.year, rows["value"], strict=True)) == pytest.approx(
            years[name].to_dict()
        )
    rows = metrics.incident_duration.observations(store, **ALL)
    assert rows["severity"].value_counts().to_dict() == {"minor": 604, "major": 138, "critical": 28}
    hours = rows.set_index("id")["value"].astype(float).to_dict()
    assert hours == pytest.approx(outages.set_index("incident_id")["hours"].to_dict(), abs=1e-9)


def test_an_outage_that_still_lasts_is_censored(status_page, outages):
    """Asked in the middle of each of the fifty longest outages, about the thirty days before."""
    store = Store(config.load(status_page).store)
    for one in outages.nlargest(50, "hours").to_dict("records"):
        now = (one["started_at"] + (one["resolved_at"] - one["started_at"]) / 2).to_pydatetime()
        rows = outages[outages["started_at"].between(now - timedelta(days=30), now, inclusive="left")]
        ended = rows["resolved_at"] <= now
        assert not ended.all()
        hours = rows["hours"].where(ended, (now - rows["started_at"]) / timedelta(hours=1))
        found = metrics.incident_duration.window(store, since=now - timedelta(days=30), until=now, as_of=now).iloc[0]
        assert found["n"] == len(rows)
        assert found["value"] == pytest.approx(kaplan_meier(hours, ended), abs=1e-9, nan_ok=True)


def test_the_page_of_monitoring_tells_the_outages(status_page, outages, tmp_path):
    since = datetime(2025, 9, 1)
    page = report("17_monitor", output=tmp_path / "page.html", config=str(status_page), since="2025-09-01",
                  until="2026-09-01", as_of="2026-09-01")  # fmt: skip
    rows = outages[outages["started_at"] >= since]
    tiles = tiles_of(page)
    assert tiles["Incident count"][0] == str(len(rows))
    assert f"from {len(rows)} incidents" in " ".join(tiles["Incident duration"])
    assert "lab.toml names no Prometheus" in " ".join(tiles["Availability"])


# ------------------------------------------------------------------ upptime's checks, through a real Prometheus


def ended(incidents) -> list[tuple[int, int]]:
    """The outages that are over, as (down, up) in seconds, the earliest first."""
    rows = incidents[incidents["up_at"].notna()]
    return sorted(zip(rows["down_at"].astype(int), rows["up_at"].astype(int), strict=True))


def episodes(incidents) -> list[int]:
    """When alert episodes begin: an outage within five minutes of the last firing minute goes on with it."""
    begins, last = [], -math.inf
    for down, up in ended(incidents):
        if down - last > 300:
            begins.append(down)
        last = max(last, *range(down, up, 60), down)
    return begins


@pytest.fixture(scope="module")
def upptime(lab_data, tmp_path_factory):
    """A lab synced from a Prometheus that was backfilled with upptime's checks, and from its incidents as files.

    The alert of a service fires each minute of each outage that is over; the one outage that still lasts has none.
    """
    folder = tmp_path_factory.mktemp("upptime")
    checks = pd.read_csv(lab_data / "upptime" / "checks_TORO-Server.csv").drop_duplicates(
        ["service", "time"], keep="last"
    )
    incidents = pd.read_csv(lab_data / "upptime" / "incidents_TORO-Server.csv", dtype={"up_at": "Int64"})
    checks, incidents = (rows[rows["service"].isin(WATCHED)].copy() for rows in (checks, incidents))
    incidents["id"] = incidents["service"] + " " + incidents["down_at"].astype(str)
    probes, firing, services = [], [], []
    for number, name in enumerate(WATCHED):
        one = checks[checks["service"] == name].sort_values("time")
        points = zip(one["time"], (one["state"] == "up").astype(int), strict=True)
        probes += written("probe_success", f'name="{name}"', points)
        mine = incidents[incidents["service"] == name]
        mine.to_csv(folder / f"{number}.csv", index=False)
        minutes = sorted({minute for down, up in ended(mine) for minute in range(down, up, 60)})
        labels = f'alertname="Down",alertstate="firing",service="{name}",severity="page"'
        firing += written("ALERTS", labels, [(minute, 1) for minute in minutes])
        columns = 'started_at = "down_at", resolved_at = "up_at"'
        services.append(
            f'name = "{name}"\nclone = "nothing.git"\n'
            f'incident = {{ from = "file", path = "{number}.csv", columns = {{ {columns} }} }}\n'
            "slo = { objective = 0.95, probe = 'probe_success{name=\"$service\"}' }\n"
            'alerts = \'ALERTS{alertstate="firing",service="$service"}\'\n'
        )
    alive = range(checks["time"].min() - 300, checks["time"].max() + 300, 300)
    families = {
        "probe_success": ("gauge", probes),
        "ALERTS": ("gauge", firing),
        "up": ("gauge", written("up", 'job="x"', [(at, 1) for at in alive])),
    }
    with backfilled(folder, openmetrics(families)) as url:
        path = lab_of(folder, *services, head=f'[prometheus]\nurl = "{url}"\n')
        synced(path, since=EPOCH)
    return path, checks, incidents


def between(moments, asked) -> pd.Series:
    """Which moments in seconds lie in the window."""
    first, last = ((pd.Timestamp(asked[name]) - EPOCH) // timedelta(seconds=1) for name in ("since", "until"))
    return pd.Series(moments).between(first, last, inclusive="left")


@pytest.mark.server
def test_checks_give_availability_alerts_and_incidents(upptime):
    path, checks, incidents = upptime
    store, end = Store(config.load(path).store), datetime(2026, 6, 1)
    asked = {"since": datetime(2024, 5, 1), "until": end, "as_of": end, "by": "service"}
    known = checks[between(checks["time"], asked)]
    shares = (known["state"] == "up").groupby(known["service"]).mean().to_dict()
    found, alerts, counts, lasted = (
        metrics.find(name).window(store, **asked).set_index("group_name")["value"]
        for name in ("availability", "alert_count", "incident_count", "incident_duration")
    )
    assert found.to_dict() == pytest.approx(shares)
    known, last = incidents[between(incidents["down_at"], asked)], int((end - EPOCH).total_seconds())
    over = known["up_at"].notna() & (known["up_at"] <= last)
    hours = (known["up_at"].where(over, last).astype(float) - known["down_at"]) / 3600
    assert (~over).any() and len(known) > 100
    for name in WATCHED:
        mine = known["service"] == name
        assert counts[name] == mine.sum()
        assert lasted[name] == pytest.approx(kaplan_meier(hours[mine], over[mine]), abs=1e-9, nan_ok=True)
        begins = episodes(incidents[incidents["service"] == name])
        assert not begins or alerts[name] == between(begins, asked).sum()


@pytest.mark.server
def test_the_page_of_monitoring_tells_the_checks(upptime, tmp_path):
    path, checks, incidents = upptime
    asked = {"since": "2025-06-01", "until": "2026-06-01", "as_of": "2026-06-01", "service": WATCHED[0]}
    tiles = tiles_of(report("17_monitor", output=tmp_path / "page.html", config=str(path), **asked))
    checks, incidents = (rows[rows["service"] == WATCHED[0]] for rows in (checks, incidents))
    up = (checks[between(checks["time"], asked)]["state"] == "up").mean()
    assert tiles["Availability"][0] == f"{100 * up:.3g} %"
    assert tiles["Incident count"][0] == str(between(incidents["down_at"], asked).sum())
    assert tiles["Alert count"][0] == str(between(episodes(incidents), asked).sum())
    assert tiles["Latency"][1] == "Prometheus was not asked for it"


# ------------------------------------------------------------------ a repository of GitHub, replayed


@pytest.fixture
def ants(replay, tmp_path):
    """A lab synced from the replayed repository."""
    rule = 'deployment = { from = "workflow", workflow = "*", jobs = ["*"] }\n'
    service = f'name = "ants"\nrepository = "{ANTS}"\n{rule}'
    path = lab_of(tmp_path / "ants", service, head=f'[github]\nurl = "{replay()}"\n')
    return path, synced(path, since=datetime(2010, 1, 1))


def median_said(hours) -> str:
    return words.answer({"value": hours.median(), "unit": "hours"}).replace(words.SPACE, " ")


@pytest.mark.server
def test_plan_and_code_of_a_replayed_repository(ants, tmp_path):
    path, store = ants
    window = {"since": "2018-01-01", "until": "2022-07-01"}
    issues = store.issues.df()
    lasted = (issues["closed_at"] - issues["created_at"]) / timedelta(hours=1)
    plan = tiles_of(report("10_plan", output=tmp_path / "10_plan.html", config=str(path), **window))
    assert issues["closed_at"].notna().all() and issues["state_reason"].eq("completed").all()
    assert plan["Issue throughput"][0] == str(len(issues)) == "26"
    assert plan["Issue lead time"][0] == median_said(lasted)
    assert plan["Work in progress"][0] == "0"
    assert "1 no due date" in plan["Milestone completion"][1]

    pulls = store.pull_requests.df().set_index("number")
    merged = pulls[pulls["merged_at"].notna()]
    first = store.pull_request_commits.df().groupby("number")["authored_at"].min()
    cycle = ((merged["merged_at"] - first) / timedelta(hours=1)).dropna()
    reviews = store.reviews.df()
    reviews = reviews[~reviews["is_author"] & ~reviews["is_bot"]]
    looked = reviews[reviews["submitted_at"] <= reviews["number"].map(merged["merged_at"])]
    pickup = (looked.groupby("number")["submitted_at"].min() - merged["created_at"]).dropna() / timedelta(hours=1)
    approved = looked[looked["state"] == "APPROVED"]["number"].nunique()
    code = tiles_of(report("11_code", output=tmp_path / "11_code.html", config=str(path), **window))
    assert (len(pulls), len(merged), len(cycle), len(pickup), approved) == (49, 26, 21, 3, 0)
    assert code["Pull request cycle time"][0] == median_said(cycle)
    assert code["Pull request cycle time"][2] == "from 21 pull requests"
    assert code["Pickup time"][0] == median_said(pickup)
    assert code["Review time"] == ["–", f"nothing counts here; left out: {NOT_REVIEWED}", ""]
    assert code["Review coverage"][0] == "0 %" and code["Review coverage"][2] == "from 26 pull requests"
    assert "GraphQL" in code["Pull request size"][1]  # what the recorded answers do not hold is said, not guessed


# ------------------------------------------------------------------ the rebuilt history, of which git alone is known


@pytest.fixture(scope="module")
def history(rebuilt_git, tmp_path_factory):
    rule = 'deployment = { from = "tags", tags = ' + json.dumps(TAGS) + " }\n"
    path = lab_of(tmp_path_factory.mktemp("history"), f'name = "prometheus"\nclone = "{rebuilt_git}"\n{rule}')
    return path, synced(path)


def tagged(repository: Path) -> pd.DataFrame:
    """The tags as plain git has them: tag, year, kind (release, pre-release or other)."""
    command = ["git", "-C", repository, "tag", "--format=%(refname:short) %(creatordate:unix)"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    rows = pd.DataFrame([line.split() for line in lines], columns=["tag", "date"])
    release = rows["tag"].str.fullmatch(r"v?[0-9]+\.[0-9]+\.[0-9]+") & ~rows["tag"].isin(["v1.99.0"])
    return rows.assign(
        date=pd.to_datetime(rows["date"].astype(int), unit="s"), release=release & ~rows["tag"].str.startswith("v0.")
    )


def test_releases_of_each_year_are_the_tags_of_git(history, rebuilt_git):
    _, store = history
    tags = tagged(rebuilt_git)
    tags = tags[tags["release"]]
    per_year = tags.groupby(tags["date"].dt.year).size().to_dict()
    asked = {"since": datetime(2012, 1, 1), "until": NOW, "as_of": NOW}
    rows = metrics.release_frequency.over(store, every="year", **asked)
    found = {start.year: value for start, value in zip(rows["period_start"], rows["value"], strict=True) if value}
    assert found == per_year
    assert sum(per_year.values()) == 240


def test_the_pages_of_code_and_release_say_what_git_knows(history, rebuilt_git, tmp_path):
    path, _ = history
    window = {"since": "2025-01-01", "until": "2026-01-01"}
    tags = tagged(rebuilt_git)
    tags = tags[tags["release"] & (tags["date"].dt.year == 2025)]
    page = report("14_release", output=tmp_path / "14_release.html", config=str(path), **window)
    tiles = tiles_of(page)
    assert f"from {len(tags)} releases" in tiles["Release frequency"]
    assert all(tag in text_of(page) for tag in tags["tag"].tail(3))
    code = report("11_code", output=tmp_path / "11_code.html", config=str(path), **window)
    tiles = tiles_of(code)
    for name in ("Pull request cycle time", "Pickup time", "Review time", "Review coverage", "Pull request size"):
        assert tiles[name] == ["–", "a clone alone knows commits and tags; the rest comes from GitHub", ""]
