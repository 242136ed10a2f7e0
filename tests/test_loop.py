"""The loop: one change whose stages can be added up in one's head, then laws, then a whole company over HTTP."""

from datetime import datetime, timedelta
from itertools import pairwise

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lab_rows import Facts, change, complete, deployment, failure

import devops_lab.sync
from devops_lab import config, delivery
from devops_lab.delivery import loop
from devops_lab.delivery.loop_points import COLUMNS
from devops_lab.delivery.loop_stages import begin_of
from devops_lab.delivery.loop_summary import STAGE_COLUMNS, records
from devops_lab.errors import QuestionError
from devops_lab.practice.server import Options, serve
from devops_lab.practice.settings import lab_toml
from devops_lab.practice.world import make
from devops_lab.practice.world.truth_code import way
from devops_lab.reports import loop as pieces
from devops_lab.sources.github import TABLES_READ
from devops_lab.store import Store

DAY = datetime(2026, 10, 5)
AS_OF = datetime(2026, 11, 1)
HOURS = dict(zip(loop.POINTS, (0, 10, 10, 34, 40, 41, 43, 43.5, 44, 44, 45, 60, 70, 71), strict=True))


def at(hours):
    return DAY + timedelta(hours=hours)


def known(**more):
    """A change that passed every point, save what `more` says otherwise (hours, or None)."""
    hours = HOURS | more
    return {name: None if one is None else at(one) for name, one in hours.items()}


def told(row):
    """Stage → hours, where it took any."""
    return {one["stage"]: one["microseconds"] / 3.6e9 for one in loop.stages_of(row) if one["microseconds"]}


def total(row):
    return sum(one["microseconds"] for one in loop.stages_of(row))


# ---------------------------------------------------------------------- one change, by hand


def test_the_stages_of_a_change_in_order():
    assert told(known()) == {
        "in the backlog": 10, "coding": 24, "waiting for a first review": 6, "in review": 1,
        "waiting for the merge": 2, "waiting for a runner": 0.5, "building": 0.5, "testing": 1,
        "waiting for a release": 15, "waiting for a deployment": 10, "deploying": 1,
    }  # fmt: skip
    assert total(known()) == 71 * 3_600_000_000


def test_what_nobody_knows_is_in_the_next_stage_which_says_so():
    row = known(reviewed_at=None, approved_at=None, opened_at=None, begun_at=None)
    stages = loop.stages_of(row)
    assert [one["stage"] for one in stages[:2]] == ["coding", "waiting for the merge"]
    assert stages[1]["bridged"] == "waiting for a first review, in review"
    assert total(row) == (71 - 10) * 3_600_000_000


def test_only_a_deployment_is_known():
    assert loop.stages_of({"deployed_at": at(3)}) == []


def test_work_older_than_its_issue_begins_the_line():
    row = known(opened_at=30)
    assert begin_of(row) == at(10)
    assert "in the backlog" not in told(row)
    assert total(row) == 61 * 3_600_000_000


def test_a_change_does_not_wait_for_a_release_that_came_after_its_deployment():
    late, during = known(released_at=90), known(released_at=70.5)
    for row in (late, during):
        assert told(row)["waiting for a deployment"] == 25
        assert "waiting for a release" not in told(row)
    assert next(one for one in loop.stages_of(late) if one["stage"] == "waiting for a deployment")["bridged"] == (
        "waiting for a release"
    )


def test_tests_that_outlast_the_deployment_are_cut_off_there_and_later_ones_are_not_on_the_way():
    assert told(known(test_ended_at=80, released_at=None, deployment_started_at=None))["testing"] == 71 - 44
    later = known(test_started_at=80, test_ended_at=81)
    assert "testing" not in told(later)
    assert total(later) == 71 * 3_600_000_000


@given(
    st.fixed_dictionaries({name: st.none() | st.integers(-50, 50) for name in loop.POINTS[:-1]}),
    st.integers(-50, 50),
    st.integers(-1000, 1000),
)
def test_stages_add_up_follow_each_other_and_move_with_time(hours, out, shift):
    row = {name: None if one is None else at(one) for name, one in hours.items()} | {"deployed_at": at(out)}
    stages = loop.stages_of(row)
    assert total(row) == (at(out) - begin_of(row)) // timedelta(microseconds=1)
    assert all(one["microseconds"] >= 0 for one in stages)
    for one, other in pairwise(stages):
        assert one["ended_at"] == other["started_at"]
    move = timedelta(hours=shift)
    moved = loop.stages_of({name: None if one is None else one + move for name, one in row.items()})
    assert [(one["stage"], one["microseconds"], one["bridged"]) for one in moved] == [
        (one["stage"], one["microseconds"], one["bridged"]) for one in stages
    ]


# ---------------------------------------------------------------------- from stored tables


def facts(turn=1):
    """One change with its whole chain, a bare commit, and one in another service; `turn` = -1: rows the other way."""
    api = {"service": "api", "repository": "acme/api"}
    tables = {
        "changes": [
            change("web", "#7", at(10), at(71), merged_at=at(43), pull_request=7, sha="a" * 40, subject="Search"),
            change("web", "b" * 40, at(60), at(71), merged_at=at(62), sha="b" * 40, subject="Typo"),
            change("web", "#9", at(10), None, merged_at=at(80), pull_request=9, sha="c" * 40),
            change("web", "#1", at(0), at(5), merged_at=at(1), excluded="deployed before records", sha="d" * 40),
            change("api", "#7", at(0), at(200), merged_at=at(100), pull_request=7, sha="e" * 40),
        ],
        "deployments": [
            deployment("web", f"{at(71):%m%d%H%M}", at(71), started_at=at(70), url="https://example.org/d"),
            deployment("api", f"{at(200):%m%d%H%M}", at(200), started_at=at(200)),
        ],
        "failures": [failure("web", "3", f"{at(71):%m%d%H%M}", at(72), at(73), title="Broken search")],
        "pull_requests": [
            {
                "number": 7, "state": "closed", "is_bot": False, "created_at": at(12), "merged_at": at(43),
                "closes": "#3 #2",
            }
        ],
        "issues": [
            {"number": number, "state": "closed", "created_at": at(hours), "title": f"Issue {number}"}
            for number, hours in ((2, 0), (3, 5), (4, -90))
        ],
        "issue_events": [
            {"id": 1, "number": 3, "event": "assigned", "created_at": at(9)},
            {"id": 2, "number": 7, "event": "ready_for_review", "created_at": at(34)},
            {"id": 3, "number": 2, "event": "labeled", "label": "In Progress", "created_at": at(8)},
        ],
        "reviews": [
            {"id": id, "number": 7, "state": state, "is_bot": bot, "is_author": own, "submitted_at": at(hours)}
            for id, state, bot, own, hours in (
                (1, "COMMENTED", True, False, 35), (2, "COMMENTED", False, True, 36),
                (3, "CHANGES_REQUESTED", False, False, 40), (4, "APPROVED", False, False, 41),
                (5, "APPROVED", False, False, 50),
            )
        ],
        "workflow_runs": [
            {"id": id, "run_attempt": attempt, "event": event, "sha": "a" * 40, "created_at": at(hours)}
            for id, attempt, event, hours in (
                (1, 1, "push", 43), (1, 2, "push", 44), (2, 1, "push", 65), (3, 1, "schedule", 43),
            )
        ],
        "workflow_jobs": [
            {
                "id": place, "run_id": run, "run_attempt": attempt, "name": name, "conclusion": end,
                "created_at": at(start), "started_at": at(start), "completed_at": at(stop),
            }
            for place, (run, attempt, name, end, start, stop) in enumerate((
                (1, 1, "lint", "success", 43.5, 44), (1, 1, "Unit tests", "failure", 43.6, 43.9),
                (1, 2, "Unit tests", "success", 44.5, 45), (1, 1, "docs", "skipped", 30, 60),
                (2, 1, "build", "success", 65, 66), (2, 1, "deploy-production", "success", 70, 71),
                (3, 1, "nightly", "success", 43, 69),
            ))
        ],
        "service_levels": [
            {"service": "web", "started_at": at(71), "ended_at": at(72), "good": 99.0, "total": 100.0}
        ],
    }  # fmt: skip
    for name, rows in tables.items():
        if name not in ("changes", "deployments", "failures", "service_levels"):
            tables[name] = [{"repository": "acme/web", **row} for row in rows]
    tables["pull_requests"].append(
        {**api, "number": 7, "state": "closed", "is_bot": False, "created_at": at(1), "merged_at": at(100)}
    )
    tables["pull_requests"][-1].pop("service")
    whole = complete(tables, teams={"web": "front"})
    return Facts({name: rows[::turn] for name, rows in whole.items()}, AS_OF)


def test_points_by_hand():
    rows = loop.points(facts())
    assert list(rows.columns) == list(COLUMNS)
    assert [(row["service"], row["change_id"][:2]) for row in records(rows)] == [
        ("web", "#7"),
        ("web", "bb"),
        ("api", "#7"),
    ]
    whole, bare, _ = records(rows)
    assert (whole["issue"], whole["title"], whole["pull_request"]) == ("#2", "Search", 7)
    found = {name: (whole[name] - DAY) / timedelta(hours=1) for name in loop.POINTS if whole[name]}
    assert found == {
        "opened_at": 0, "begun_at": 8, "first_commit_at": 10, "ready_at": 34, "reviewed_at": 40, "approved_at": 41,
        "merged_at": 43, "build_started_at": 43.5, "build_ended_at": 44, "test_started_at": 43.6, "test_ended_at": 45,
        "deployment_started_at": 70, "deployed_at": 71,
    }  # fmt: skip
    assert {name for name in loop.POINTS if bare[name]} == {
        "first_commit_at", "ready_at", "merged_at", "deployment_started_at", "deployed_at",
    }  # fmt: skip
    assert [one["stage"] for one in loop.stages_of(bare)] == ["coding", "waiting for a deployment", "deploying"]
    assert told(bare) == {"coding": 2, "waiting for a deployment": 8, "deploying": 1}


def test_summary_by_hand():
    found = loop.summary(facts(), service="web")
    shares = {row["stage"]: (row["n"], row["total"]) for row in found.stages.to_dict("records")}
    assert shares["waiting for a deployment"] == (2, 33)  # 25 and 8
    assert found.stages["total"].sum() == pytest.approx(71 + 11)
    assert found.bottleneck["stage"] == "waiting for a deployment"
    assert found.bottleneck["share"] == pytest.approx(33 / 82)
    assert found.changes == 2 and found.whole == 0.5 and found.median == 41
    lost = {row["link"]: (row["expected"], row["missing"]) for row in found.broken.to_dict("records")}
    assert lost == {
        "issue": (2, 1), "pull request": (2, 1), "review": (2, 1), "build": (2, 1), "test": (2, 1),
        "deployment": (2, 0), "service level": (2, 0),
    }  # fmt: skip
    alone = loop.summary(facts(), service="api")
    assert list(alone.broken["link"]) == ["pull request", "deployment"] and alone.whole == 1


def test_words_narrow_as_the_metrics_words_do():
    assert set(loop.points(facts(), team="front")["service"]) == {"web"}
    assert len(loop.points(facts(), since=at(72))) == 1
    assert len(loop.points(facts(), until=at(71))) == 0
    assert len(loop.points(facts(), as_of=at(71.5))) == 2
    assert not len(loop.points(facts(), last="24h"))
    early = records(loop.points(facts(), as_of=at(71.5)))[0]
    assert early["watched_at"] is None
    with pytest.raises(QuestionError, match="no service 'wep'; did you mean 'web'"):
        loop.stages(facts(), service="wep")
    with pytest.raises(QuestionError, match="no team"):
        loop.summary(facts(), team="back")
    with pytest.raises(QuestionError, match="contradict"):
        loop.points(facts(), last="1d", since=at(0))


def test_a_change_of_two_services_counts_once_above_them():
    parts = [
        change(name, "#5", at(0), at(out), repository="acme/mono", sha="f" * 40) for name, out in (("a", 9), ("b", 8))
    ]
    rollouts = [
        deployment(name, f"{at(out):%m%d%H%M}", at(out), repository="acme/mono") for name, out in (("a", 9), ("b", 8))
    ]
    store = Facts(complete({"changes": parts, "deployments": rollouts}), AS_OF)
    assert len(loop.points(store)) == 2
    assert set(loop.stages(store)["service"]) == {"b"}
    assert loop.summary(store).changes == 1 and loop.summary(store, service="a").changes == 1


def test_releases_are_links_only_where_they_are_known_to_be_the_first():
    parts = [
        change("web", f"#{number}", at(0), at(9), merged_at=at(2), released_in="v1", released_at=at(8), **more)
        for number, more in enumerate(({}, {"release_excluded": "released before records"}), 1)
    ]
    releases = [
        {"repository": "acme/web", "id": 5, "tag": "v1", "published_at": at(8), "url": "https://example.org/v1"}
    ]
    rollouts = [deployment("web", f"{at(9):%m%d%H%M}", at(9), started_at=at(8.5))]
    store = Facts(complete({"changes": parts, "deployments": rollouts, "releases": releases}), AS_OF)
    first, second = records(loop.points(store))
    assert first["released_at"] == at(8) and second["released_at"] is None
    assert told(first)["waiting for a release"] == 6 and told(second)["waiting for a deployment"] == 6.5
    lost = loop.summary(store).broken.set_index("link")
    assert tuple(lost.loc["release", ["expected", "missing"]]) == (2, 1)
    link = loop.trace(store, "#1").links.set_index("link").loc["release"]
    assert (link["text"], link["url"]) == ("v1", "https://example.org/v1")


def test_a_trace_has_the_links_and_what_came_after():
    found = loop.trace(facts(), "#7", service="web")
    assert found.hours == 71 and found.broken == []
    links = found.links.set_index("link")
    assert links.loc["issue", "text"] == "#2 Issue 2"
    assert links.loc["deployment", "url"] == "https://example.org/d"
    assert not links.loc["release", "expected"]
    assert links.loc["service level", "text"].startswith("99.0000%")
    assert sorted(found.runs["id"]) == [1, 1, 2, 3]
    assert list(found.failures["title"]) == ["Broken search"]
    assert loop.trace(facts(), "b" * 7).change["title"] == "Typo"
    assert loop.trace(facts(), "acme/api#7").change["service"] == "api"
    assert loop.trace(facts(), 7, service="web").change["sha"] == "a" * 40


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("#8", "no deployed change '#8'; near it: #7"),
        ("#7", r"several services \(api, web\); say which"),
        ("#9", "not deployed yet"),
        ("#1", "deployed before records"),
        ("0000000", "no deployed change"),
    ],
)
def test_a_trace_of_what_is_not_there_says_why(name, said):
    with pytest.raises(QuestionError, match=said):
        loop.trace(facts(), name)


def test_the_order_of_rows_does_not_matter():
    for ask in (loop.points, loop.stages):
        pd.testing.assert_frame_equal(ask(facts()), ask(facts(-1)))
    pd.testing.assert_frame_equal(loop.summary(facts()).broken, loop.summary(facts(-1)).broken)


def test_empty_in_empty_out():
    store = Facts({}, AS_OF)
    assert loop.points(store).empty and list(loop.points(store).columns) == list(COLUMNS)
    assert loop.stages(store).empty and list(loop.stages(store).columns) == list(STAGE_COLUMNS)
    found = loop.summary(store)
    assert found.stages.empty and found.broken.empty and found.bottleneck is None and found.whole is None
    assert "no change was deployed" in found.reason
    for piece in (pieces.finding, pieces.stages, pieces.broken, pieces.slowest):
        assert piece(found).text


# ---------------------------------------------------------------------- a whole company


@pytest.fixture(scope="module")
def practice(tmp_path_factory):
    """A company synced over HTTP with everything GitHub can tell; (store, company)."""
    folder, company = tmp_path_factory.mktemp("loop"), make(3, until=datetime(2026, 11, 20, 12))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GITHUB_TOKEN", "practice-token")
        patch.setattr(devops_lab.sync, "_now", lambda: company.until)
        patch.setattr(delivery, "needed_tables", lambda service: set(TABLES_READ))
        with serve(company, options=Options(limit=1_000_000)) as url:
            (folder / "lab.toml").write_text(lab_toml(company.name, url, dora_alone=True))
            asked = config.load(folder / "lab.toml")
            store = Store(asked.store)
            outcomes = devops_lab.sync.sync(store, asked, since=company.until - timedelta(days=60))
    assert [one.problem for one in outcomes] == [None] * 5
    return store, company


@pytest.mark.server
def test_the_points_are_the_worlds(practice):
    store, company = practice
    sites = {site.plan.name: site for site in company._sites}
    rows = records(loop.points(store, last="30 days"))
    assert len(rows) > 50
    for row in rows:
        made = next(one for one in sites[row["repository"].split("/")[1]].changes if one.id == row["change_id"])
        assert row["first_commit_at"] == made.first_commit_at
        assert row["merged_at"] == made.landed_at
        if made.pull is not None:
            true = way(made.pull, made.pull.merged_at)
            assert (row["ready_at"], row["reviewed_at"], row["approved_at"]) == (
                true.ready_at, true.first_review_at, true.approved_at,
            )  # fmt: skip


@pytest.mark.server
def test_stages_add_up_to_the_total_exactly(practice):
    store, _ = practice
    frame = loop.stages(store)
    sums = frame.groupby(["service", "change_id"])["microseconds"].sum()
    for row in records(loop.points(store).drop_duplicates(["repository", "change_id"])):
        whole = (row["deployed_at"] - begin_of(row)) // timedelta(microseconds=1)
        assert sums[row["service"], row["change_id"]] == whole
    found = loop.summary(store)
    assert found.stages["share"].sum() == pytest.approx(1)
    assert 0 < found.whole < 1 and found.bottleneck["kind"] == "waiting"


@pytest.mark.server
def test_the_pieces_of_a_page_say_it(practice):
    store, _ = practice
    found = loop.summary(store, last="30 days")
    assert "Changes wait longest" in pieces.finding(found).text
    assert "(the bottleneck)" in pieces.stages(found).text
    assert "issue" in pieces.broken(found).text
    slow = pieces.slowest(found)
    assert "Waited most" in slow.text and "<a href=" in slow.html
    row = loop.points(store, last="30 days").iloc[-1]
    trace = loop.trace(store, row["change_id"], service=row["service"])
    assert "deployment" in pieces.links(trace).text
    assert trace.hours == pytest.approx(trace.stages["hours"].sum())
