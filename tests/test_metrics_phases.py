"""The metrics of plan, code, build, release and deploy: laws on their golden tables, on made-up ones, and on Spark."""

import importlib.util
import os
import random
import shutil
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from conftest import skip
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lab_rows import EVER, NOW, Facts, complete, filled, read_csv

from devops_lab import metrics
from devops_lab.config import settings as read_settings
from devops_lab.delivery import released
from devops_lab.delivery.facts import of_rows
from devops_lab.store import Store
from devops_lab.tables import TABLES

GOLDEN = Path(__file__).parent / "golden"
PHASES = ("plan", "code", "build", "release", "deploy")
START = datetime(2026, 9, 7)  # a Monday
HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(days=7)
MINE = [metric for metric in metrics.catalogue() if metric.phase in PHASES]
EVERY = pytest.mark.parametrize("metric", MINE, ids=lambda metric: metric.name)
QUICK = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
PARTS = ("coding_time", "pickup_time", "review_time", "merge_time")


def golden(metric):
    return {path.stem: read_csv(path) for path in (GOLDEN / metric.name).glob("*.csv") if path.stem != "expected"}


def ledger(repository, *tables):
    return [
        {
            "repository": repository, "source": "test", "table_name": table, "window_start": EVER, "window_end": NOW,
            "recorded_at": NOW, "asked": 1, "fetched": 1, "missing": 0,
        }
        for table in tables
    ]  # fmt: skip


def lab(repository, tables, services=("s",), paths=None, as_of=NOW):
    """A store in memory with one or several services of one repository, everything asked for."""
    rows = [
        {
            "service": name, "team": name, "repository": repository, "paths": paths,
            "deployment_tables": "commits", "change_tables": "commits",
        }
        for name in services
    ]  # fmt: skip
    read = [name for name, table in TABLES.items() if not table.derived]
    return Facts({**tables, "services": rows, "sync_ledger": ledger(repository, *read)}, as_of=as_of)


def same(one, other):
    pd.testing.assert_frame_equal(one.reset_index(drop=True), other.reset_index(drop=True), check_exact=True)


def answers(metric, store, gap=timedelta()):
    asked = {"since": datetime(2026, 9, 1) + gap, "until": datetime(2026, 10, 1) + gap, "as_of": NOW + gap}
    frames = [metric.over(store, **asked), metric.window(store, by="service", **asked)]
    return [*frames, metric.observations(store, **asked)]


@EVERY
def test_row_order_does_not_matter(metric):
    tables = golden(metric)
    shuffled = {name: random.Random(7).sample(rows, len(rows)) for name, rows in tables.items()}
    for one, other in zip(answers(metric, Facts(tables)), answers(metric, Facts(shuffled)), strict=True):
        same(one, other)


@EVERY
def test_times_shifted_by_weeks_shift_the_result(metric):
    tables, gap = golden(metric), 3 * WEEK
    moved = {
        name: [
            {key: value + gap if isinstance(value, datetime) else value for key, value in row.items()} for row in rows
        ]
        for name, rows in tables.items()
    }
    here, there = answers(metric, Facts(tables))[1:], answers(metric, Facts(moved, NOW + gap), gap)[1:]
    values = ["group_name", "statistic", "value", "n", "low", "high", "coverage", "partial"]
    same(here[0][values], there[0][values])
    same(here[1][["service", "value", "excluded", "censored"]], there[1][["service", "value", "excluded", "censored"]])


@EVERY
def test_what_is_written_twice_counts_once(metric, tmp_path):
    tables = golden(metric)
    once = filled(Store(tmp_path / "lab", latest=True), tables)
    before = answers(metric, once)
    for one, other in zip(before, answers(metric, filled(once, tables)), strict=True):
        same(one, other)


@EVERY
def test_no_duration_is_negative_and_each_row_says_who_and_where(metric):
    rows = metric.observations(Facts(golden(metric)), last="all")
    assert len(rows)
    assert rows[["service", "repository", "id", "occurred_at"]].notna().all(axis=None)
    if metric.unit in ("hours", "minutes", "seconds", "days"):
        assert (rows["value"].dropna() >= 0).all()
        if metric.name != "runner_minutes":
            counted = rows[rows["excluded"].isna()]
            assert counted[["started_at", "ended_at"]].notna().all(axis=None)


# ---------------------------------------------------------------------------------------------- code: parts and whole

gaps = st.integers(0, 100)
kinds = st.sampled_from(["APPROVED", "APPROVED", "COMMENTED", "CHANGES_REQUESTED", "DISMISSED"])


@st.composite
def pull_requests(draw):
    """Pull requests whose commits, drafts and reviews lie in any order, also impossible ones."""
    tables = {"pull_requests": [], "pull_request_commits": [], "reviews": [], "issue_events": []}
    for number in range(1, draw(st.integers(1, 8)) + 1):
        opened = START + draw(gaps) * HOUR
        merged = opened + draw(gaps) * HOUR
        head = {"repository": "acme/s", "number": number}
        tables["pull_requests"].append(
            head | {"state": "closed", "draft": draw(st.booleans()), "is_bot": draw(st.booleans()),
                    "created_at": opened, "merged_at": draw(st.sampled_from([merged, merged, merged, None]))}
        )  # fmt: skip
        for place in range(draw(st.integers(0, 2))):
            authored = START + (draw(gaps) - 50) * HOUR
            tables["pull_request_commits"].append(
                head | {"sha": f"{number}-{place}", "position": place + 1, "authored_at": authored, "is_bot": False}
            )
        for _ in range(draw(st.integers(0, 3))):
            tables["reviews"].append(
                head | {"id": len(tables["reviews"]), "state": draw(kinds), "is_bot": draw(st.booleans()),
                        "is_author": draw(st.booleans()), "submitted_at": opened + draw(gaps) * HOUR}
            )  # fmt: skip
        for event in draw(st.lists(st.sampled_from(["ready_for_review", "convert_to_draft"]), max_size=2)):
            at = opened + draw(gaps) * HOUR
            tables["issue_events"].append(head | {"id": len(tables["issue_events"]), "event": event, "created_at": at})
    return tables


@given(pull_requests())
@QUICK
def test_the_four_parts_add_up_to_the_whole(tables):
    store = lab("acme/s", tables)
    whole = metrics.pull_request_cycle_time.observations(store, last="all").set_index("id")
    parts = {name: metrics.find(name).observations(store, last="all").set_index("id")["value"] for name in PARTS}
    for id, row in whole.iterrows():
        known = [parts[name][id] for name in PARTS]
        shown = [row[f"{name.removesuffix('_time')}_hours"] for name in PARTS]
        assert all(value >= 0 for value in known if not pd.isna(value))
        if not pd.isna(row["value"]):
            for one, other in zip(known, shown, strict=True):
                assert pd.isna(one) or one == other
        if not any(map(pd.isna, known)):
            assert sum(known) == pytest.approx(row["value"], abs=1e-9)


# ---------------------------------------------------------------------------------------------- plan: flows and stocks


@st.composite
def issues(draw):
    """Issues that are closed and reopened, each assigned when it is opened."""
    tables = {"issues": [], "issue_events": []}
    for number in range(1, draw(st.integers(1, 8)) + 1):
        moment = START + draw(gaps) * HOUR
        head = {"repository": "acme/s", "number": number}
        row = head | {"state": "open", "created_at": moment, "closed_at": None, "state_reason": None}
        steps = [
            "assigned",
            *["closed", "reopened"] * draw(st.integers(0, 2)),
            *draw(st.sampled_from([[], ["closed"]])),
        ]
        for event in steps:
            tables["issue_events"].append(
                head | {"id": len(tables["issue_events"]), "event": event, "created_at": moment}
            )
            row |= {"closed": {"state": "closed", "closed_at": moment, "state_reason": "completed"}, "reopened": {
                "state": "open", "closed_at": None, "state_reason": "reopened"}}.get(event, {})  # fmt: skip
            moment += draw(st.integers(1, 60)) * HOUR
        tables["issues"].append(row)
    return tables


@given(issues(), st.integers(1, 30))
@QUICK
def test_what_was_opened_minus_what_was_closed_is_open(tables, days):
    """Every issue here is worked on from the start, so the stock is the sum of the flow; as the days pass, too."""
    store, end = lab("acme/s", tables), START + days * DAY
    asked = {"since": START - DAY, "until": end}
    flow = metrics.backlog_growth.window(store, **asked)["value"][0]
    stock = metrics.work_in_progress.window(store, **asked)["value"][0]
    ages = metrics.work_item_age.window(store, **asked)
    assert flow == stock == ages["n"][0]
    then = metrics.work_in_progress.window(store, since=START - DAY, until=end, as_of=end)["value"][0]
    assert then == stock


@given(issues(), st.integers(1, 30))
@QUICK
def test_an_issue_is_done_as_of_then_or_open_then(tables, days):
    store, then = lab("acme/s", tables), START + days * DAY + HOUR / 2  # no event's own instant: windows are half-open
    done = metrics.issue_throughput.observations(store, last="all", as_of=then)
    stock = metrics.backlog_growth.observations(store, last="all", as_of=then)["value"].sum()
    assert done["excluded"].isin([None, "still open"]).all()
    assert (done["excluded"] == "still open").sum() == stock


# ------------------------------------------------------------------------------------- several services, own settings


def job(id, labels, minutes=1):
    return {
        "repository": "acme/s", "id": id, "run_id": 1, "run_attempt": 1, "name": "test", "status": "completed",
        "conclusion": "success", "created_at": START, "started_at": START, "labels": labels,
        "completed_at": START + minutes * timedelta(minutes=1), "runner_group": "any",
    }  # fmt: skip


RUN = {
    "repository": "acme/s", "id": 1, "run_attempt": 1, "workflow": "CI", "created_at": START, "started_at": START,
    "updated_at": START + HOUR, "conclusion": "success",
}  # fmt: skip


def test_what_a_repository_did_counts_once_above_its_services():
    store = lab("acme/s", {"workflow_runs": [RUN], "workflow_jobs": [job(1, "ubuntu-latest", 3)]}, ("a", "b"))
    asked = {"since": START, "until": START + WEEK}
    assert metrics.runner_minutes.window(store, **asked)["value"][0] == 3
    assert list(metrics.runner_minutes.window(store, by="service", **asked)["value"]) == [3, 3]
    assert list(metrics.build_duration.window(store, **asked)["n"]) == [1, 1]


def test_runners_of_ones_own_cost_what_one_says():
    store = lab("acme/s", {"workflow_runs": [RUN], "workflow_jobs": [job(1, "self-hosted,linux", 10)]})
    asked = {"since": START, "until": START + WEEK}
    assert metrics.runner_minutes.window(store, **asked)["value"][0] == 0
    assert metrics.runner_minutes.window(store, self_hosted=0.25, **asked)["value"][0] == 2.5
    assert metrics.runner_minutes.window(store, workflow="Deploy", **asked)["n"][0] == 0


def test_another_label_says_that_work_has_begun():
    head = {"repository": "acme/s", "number": 1}
    tables = {
        "issues": [head | {"state": "closed", "created_at": START, "closed_at": START + 9 * HOUR}],
        "issue_events": [head | {"id": 1, "event": "labeled", "label": "doing", "created_at": START + 4 * HOUR}],
    }
    store, asked = lab("acme/s", tables), {"since": START, "until": START + WEEK}
    assert metrics.issue_cycle_time.window(store, **asked)["n"][0] == 0
    assert metrics.issue_cycle_time.window(store, started="Doing", **asked)["value"][0] == 5


def test_reviews_of_a_few_people_name_nobody():
    """Below five people a week says nothing; no row says who."""
    reviews = [
        {"repository": "acme/s", "id": n, "number": 1, "state": "APPROVED", "author": f"person-{n % 4:012x}",
         "is_bot": False, "is_author": False, "submitted_at": START}
        for n in range(40)
    ]  # fmt: skip
    rows = metrics.review_load.observations(lab("acme/s", {"reviews": reviews}), last="all")
    assert set(rows["excluded"]) == {"fewer than five people"} and rows["value"].isna().all()
    assert not rows.astype(str).apply(lambda column: column.str.contains("person-")).any(axis=None)


# ------------------------------------------------------------------------- release: which one contains a change first


def history(*shas):
    """Commits one after the other on main, an hour apart."""
    rows = [
        {
            "sha": sha, "parents": before, "authored_at": START + place * HOUR, "committed_at": START + place * HOUR,
            "is_bot": False, "subject": sha, "pull_request": None, "head_ref": None, "url": None,
        }
        for place, (sha, before) in enumerate(zip(shas, ("", *shas), strict=False))
    ]  # fmt: skip
    return of_rows("acme/s", rows, branches=[{"branch": "main", "sha": shas[-1]}], default_branch="main")


def service(**deployment):
    rule = deployment or {"from": "merges"}
    one = {"name": "s", "repository": "acme/s", "deployment": rule}
    return read_settings({"service": [one]}, Path("lab.toml")).service[0]


def tags(**named):
    return [{"tag": name, "sha": sha, "tagged_at": START + day * DAY} for name, (sha, day) in named.items()]


def marked(facts, found):
    rows = [{"sha": sha} for sha in facts.commits]
    released.mark(facts, rows, found)
    return {row["sha"]: (row["released_in"], row["release_excluded"]) for row in rows}


def test_a_change_is_in_the_first_release_that_contains_it():
    """Ancestry, not dates: b was committed before v1 was tagged, but v1 names a."""
    bare = tags(**{"v1.0.0": ("a", 5), "v1.1.0": ("c", 6), "v1.1.1-rc.1": ("d", 7), "nightly": ("d", 8)})
    found = released.releases(service(), [], bare)
    assert [one.tag for one in found] == ["v1.0.0", "v1.1.0"]
    assert marked(history("a", "b", "c", "d"), found) == {
        "a": ("v1.0.0", "released before records"),
        "b": ("v1.1.0", None),
        "c": ("v1.1.0", None),
        "d": (None, None),
    }


def test_where_there_are_releases_bare_tags_are_none():
    published = [
        {"tag": "v1.0.0", "published_at": START + 9 * DAY, "draft": False, "prerelease": False},
        {"tag": "v2.0.0", "published_at": START, "draft": False, "prerelease": True},
        {"tag": "v3.0.0", "published_at": None, "draft": True, "prerelease": False},
    ]
    found = released.releases(service(), published, tags(**{"v1.0.0": ("a", 1), "v0.9.0": ("a", 0)}))
    assert found == [released.Release(START + 9 * DAY, "v1.0.0", "a")]


def test_a_rule_that_names_tags_names_the_releases():
    both = tags(**{"app@1.0.0": ("a", 1), "web@1.0.0": ("b", 2)})
    assert [one.tag for one in released.releases(service(**{"from": "tags", "tags": ["web@*"]}), [], both)] == [
        "web@1.0.0"
    ]


def test_behind_a_release_of_an_unknown_commit_nobody_knows_which_was_first():
    """Trap 19: v1.1.0 may have contained b; c comes after a known one again."""
    bare = tags(**{"v1.0.0": ("a", 1), "v1.1.0": ("gone", 2), "v1.2.0": ("b", 3), "v1.3.0": ("c", 4)})
    assert marked(history("a", "b", "c"), released.releases(service(), [], bare)) == {
        "a": ("v1.0.0", "released before records"),
        "b": (None, "release unknown"),
        "c": ("v1.3.0", None),
    }


def test_a_backport_has_not_landed():
    facts = history("a", "b")
    facts.branches["main"] = "a"
    rows = [{"sha": "a"}, {"sha": "b"}]
    released.land(facts, rows)
    assert [row["is_landed"] for row in rows] == [True, False]


# ---------------------------------------------------------------------------------------------------------- two engines


@pytest.fixture(scope="module")
def session():
    if not importlib.util.find_spec("pyspark") or not importlib.util.find_spec("sqlglot"):
        skip("pyspark is not installed (uv sync --group spark)")
    if not shutil.which("java"):
        skip("Java is not installed (Debian: apt-get install default-jre-headless)")
    from pyspark.sql import SparkSession

    os.environ["TZ"] = "Asia/Jakarta"  # another zone than UTC must make no difference
    builder = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    found = builder.config("spark.sql.shuffle.partitions", "1").config("spark.log.level", "ERROR").getOrCreate()
    yield found
    found.stop()
    del os.environ["TZ"]


@EVERY
def test_golden_tables_give_the_same_on_both_engines(session, metric, tmp_path):
    """Counts exactly, quantiles to 1e-9; each metric's golden folder has its hard cases."""
    store = filled(Store(tmp_path / "lab", latest=True), complete(golden(metric)))
    spark = Store(tmp_path / "lab", latest=True, spark=session)
    asked = {"since": datetime(2026, 9, 1), "until": datetime(2026, 10, 1), "as_of": NOW}
    ours, theirs = metric.observations(store, **asked), metric.observations(spark, **asked)
    assert len(ours) > 0
    pd.testing.assert_frame_equal(ours, theirs, check_dtype=False, rtol=1e-12, obj=metric.name)
    ours, theirs = (metric.window(one, by="service", **asked) for one in (store, spark))
    assert list(ours["n"]) == list(theirs["n"])
    pd.testing.assert_frame_equal(ours, theirs, check_dtype=False, rtol=1e-9, obj=metric.name)
