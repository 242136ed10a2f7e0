"""The truth of the phases: by hand on a few records, then laws over whole companies, and what GitHub tells of it."""

import io
import json
import os
import re
import zipfile
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml
from conftest import skip
from jsonschema import Draft202012Validator
from test_practice_openapi import problems_of, schemas

from devops_lab.practice.world import make
from devops_lab.practice.world.company import PLANS, people
from devops_lab.practice.world.records import Attempt, Change, Job, Pull, Release, Review, Rollout, Run, Workflow
from devops_lab.practice.world.records_plan import Alert, Issue, Milestone
from devops_lab.practice.world.site import Site
from devops_lab.practice.world.testing import results
from devops_lab.practice.world.truth import PHASES, Truth
from devops_lab.practice.world.truth_code import way
from devops_lab.practice.world.truth_window import Window, lasting, middle, quantile

UNTIL = datetime(2026, 11, 20, 12)
EVER = datetime(2000, 1, 1)
DAY = datetime(2026, 11, 2)
STATES = {"work_in_progress", "work_item_age", "time_since_release", "vulnerability_age"}
WHO = people()
ANA, BO, BOT = WHO["ana-ruiz"], WHO["bo-lind"], WHO["codecov[bot]"]


def at(hours):
    return DAY + timedelta(hours=hours)


def empty(name):
    """A repository in which nothing has happened yet."""
    return Site(0, 1, next(plan for plan in PLANS if plan.name == name), "acme", WHO, EVER)


def told(site, metric, service=None, since=DAY, until=UNTIL):
    truth = Truth(UNTIL, [], [], [], (site,))
    return truth.metric(metric, service or site.plan.services[0].name, since, until)


def issue(site, opened, closed=None, assigned=None, works=(), **more):
    number = site.number()
    made = Issue(number, number, "An issue", ANA, at(opened), **more)
    made.assigned = None if assigned is None else (at(assigned), BO)
    made.works = [(at(known), at(began)) for known, began in works]
    made.closed_at = None if closed is None else at(closed)
    site.issues.append(made)
    return made


def test_plan_by_hand():
    site = empty("checkout")
    month = Milestone(1, 1, "2026-11", ANA, at(0), at(40), at(50))
    site.milestones.append(month)
    issue(site, 0, 30, assigned=10, milestone=month)
    issue(site, 0, 20, works=[(5, 5), (20, 2)], milestone=month)
    issue(site, 0, 9, reason="not_planned")
    issue(site, 0, milestone=month)
    issue(site, 8, assigned=24)
    assert told(site, "issue_lead_time")[:2] == (25, 2)
    assert told(site, "issue_cycle_time")[:2] == (19, 2)  # 30 - 10 and 20 - 2
    assert told(site, "issue_throughput")[:2] == (2, 2)
    assert told(site, "backlog_growth")[:2] == (2, 8)
    assert told(site, "milestone_completion")[:2] == (2 / 3, 1)
    assert told(site, "work_in_progress", until=at(12))[:2] == (2, 2)
    assert told(site, "work_item_age", until=at(12))[:2] == (6, 2)  # 12 - 10 and 12 - 2
    assert told(site, "work_item_age", until=at(28))[:2] == (11, 2)
    assert told(site, "work_item_age", until=at(34)) == (10, 1, {"p85": 10})
    assert told(site, "work_in_progress", until=at(1))[:2] == (0, 0)


def pull(site, hours, reviews=(), files=(("src/views.py", 10, 2),), services=("checkout",)):
    """A pull request by Ana: hours of the first commit, of opening, of ready, and of the merge."""
    first, opened, ready, merged = hours
    made = site.commit((site.tip(),), ANA, at(first), "Write it", files=files)
    one = Pull(site.number(), site.id(), "Write it", ANA, at(opened), "branch", "main", site.tip(), [made])
    one.ready_at, one.merged_at, one.services = at(ready), at(merged), services
    one.reviews = [Review(site.id(), who, state, at(when), made.sha) for who, state, when in reviews]
    site.pulls.append(one)
    return one


def test_code_by_hand():
    site = empty("checkout")
    looks = [(BOT, "COMMENTED", 4), (ANA, "COMMENTED", 5), (BO, "CHANGES_REQUESTED", 7), (BO, "APPROVED", 9)]
    pull(site, (0, 2, 3, 12), [*looks, (WHO["dara-kim"], "APPROVED", 11), (WHO["elif-kaya"], "APPROVED", 14)])
    pull(site, (0, 1, 1, 5), files=(("src/views.py", 3, 1), ("src/uv.lock", 900, 800)))
    assert told(site, "coding_time")[:2] == (2, 2)  # 3 and 1
    assert told(site, "pickup_time")[:2] == (4, 1)  # the bot's and the author's own words are no review
    assert told(site, "review_time")[:2] == (4, 1)  # 7 to 11: what came after the merge does not count
    assert told(site, "merge_time")[:2] == (1, 1)
    assert told(site, "pull_request_cycle_time")[:2] == (8.5, 2)
    assert told(site, "pull_request_size")[:2] == (8, 2)  # 12 and 4
    assert told(site, "review_coverage")[:2] == (0.5, 2)
    assert told(site, "review_load") == (None, 0, {"highest": None})  # three people: too few
    for name in ("femi-ade", "gita-rao"):
        site.pulls[0].reviews.append(Review(site.id(), WHO[name], "COMMENTED", at(20), "a"))
    assert told(site, "review_load") == (1, 5, {"highest": 2})
    assert told(site, "review_load", since=at(1)).n == 0  # the week began before


def test_reverts_by_hand():
    site = empty("checkout")
    made = [
        Change(f"#{place}", ("checkout",), at(place), at(place), site.commits[0], "It", False) for place in range(4)
    ]
    made[2].reverts = made[0]
    site.changes, site.landings = made, made[:3]
    assert told(site, "revert_rate")[:2] == (1 / 3, 3)
    assert told(site, "revert_rate", since=at(1))[:2] == (0, 2)


def job(name, created, started, seconds, conclusion="success", label="ubuntu-latest"):
    begun = at(created) + timedelta(seconds=started)
    number = job.number = getattr(job, "number", 0) + 1
    return Job(number, name, at(created), begun, begun + timedelta(seconds=seconds), conclusion, 1, [], label)


def run(site, *attempts, trouble="", sha="a"):
    """A run on main of attempts (hour of the start, conclusion, jobs), each an hour long."""
    made = Run(site.id(), 1, Workflow(7, "CI", ""), "push", "main", sha, "It", ANA, at(attempts[0][0]), trouble=trouble)
    for number, (start, conclusion, jobs) in enumerate(attempts, 1):
        made.attempts.append(Attempt(number, at(start), at(start + 1), conclusion, ANA, list(jobs)))
    site.runs.append(made)
    return made


def test_build_by_hand():
    site = empty("checkout")
    lint = job("lint", 0, 10, 61, label="windows-latest")
    run(site, (0, "failure", [lint, job("test", 0, 20, 60, "failure")]), (2, "success", [lint, job("test", 2, 30, 5)]))
    run(site, (5, "startup_failure", []))
    run(site, (7, "failure", [job("test", 7, 4, 90, "failure")]))
    run(site, (8, "cancelled", [job("test", 8, 4, 90, "cancelled")]))
    assert told(site, "build_duration")[:2] == (80 / 60, 3)  # 35, 80 and 94 seconds, to the last job's end
    assert told(site, "queue_time")[:2] == (10, 5)  # 4, 4, 10, 20, 30: lint waited once
    assert told(site, "build_success_rate")[:2] == (1 / 4, 4)
    assert told(site, "rerun_rate")[:2] == (1 / 4, 4)
    assert told(site, "runner_minutes")[:2] == (10, 5)  # 2 x 2, 1, 1, 2, 2
    assert told(site, "time_to_green").n == 1  # the first red was never green before
    run(site, (20, "success", []))
    assert told(site, "time_to_green") == (15, 1, {"open": 0})  # 6 to 21
    run(site, (30, "failure", []))
    assert told(site, "time_to_green") == (None, 2, {"open": 1})  # half has not ended: nobody knows the median


def test_tests_by_hand():
    site = empty("checkout")
    red, green = job("test (3.12)", 0, 0, 60, "failure"), job("test (3.12)", 2, 0, 120)
    flaky = run(site, (0, "failure", [red]), (2, "success", [green]), trouble="flaky")
    run(site, (5, "failure", [job("test (3.12)", 5, 0, 60, "failure"), job("test (3.13)", 5, 0, 60)]), sha="b")
    run(site, (7, "cancelled", [job("test (3.12)", 7, 0, 60, "cancelled")]), sha="c")
    failed = len(results(site, flaky, flaky.attempts[0], red).failed)
    broken = len(results(site, site.runs[1], site.runs[1].attempts[0], site.runs[1].attempts[0].jobs[0]).failed)
    assert failed in (1, 2)
    assert told(site, "test_pass_rate")[:2] == (1 - (failed + broken) / 228, 228)  # 4 jobs of 57 that ran
    assert told(site, "flaky_rate", since=at(1))[:2] == (
        failed / 171,
        171,
    )  # "b" is broken
    assert told(site, "test_duration")[:2] == (0.9, 4)


def rollout(site, start, end, result="success", carried=(), name="v1.0.0", **more):
    made = Rollout(site.plan.services[0].name, more.pop("sha", "a"), at(start), at(end), result, 0, [name], **more)
    made.carried = [
        Change(f"#{place}", (made.service,), at(0), at(landed), site.commits[0], "It", False)
        for place, landed in enumerate(carried)
    ]
    site.rollouts.append(made)
    return made


def test_releases_by_hand():
    site = empty("ledger")
    rollout(site, 10, 10, carried=(1, 2), first=True, name="v1.1.0")
    rollout(site, 20, 20, carried=(12, 16, 11), name="v1.2.0")
    rollout(site, 30, 30, carried=(29,), name="v1.2.1")
    site.releases.append(Release(1, "v1.3.0-rc.1", "main", ANA, at(31), at(31), True))
    assert told(site, "release_frequency") == (3, 3, {"prereleases": 1})
    assert told(site, "release_lead_time")[:2] == (6, 4)  # 8, 4, 9, 1: the first release is left out
    assert told(site, "release_size")[:2] == (2, 2)
    assert told(site, "patch_release_share")[:2] == (1 / 2, 2)
    assert told(site, "time_since_release", until=at(30 + 36))[:2] == (1.5, 1)
    assert told(empty("gateway"), "time_since_release")[:2] == (None, 0)
    assert told(site, "deployment_duration")[:2] == (None, 0)  # a release is an instant


def test_deployments_by_hand():
    site = empty("accounts")
    site.staged = [Rollout("accounts", "b", at(0), at(hour), "success", 0, []) for hour in (5, 4)]
    rollout(site, 1, 2, carried=(0,), first=True)
    rollout(site, 8, 9, "failure", sha="b")
    rollout(site, 10, 12, sha="b", carried=(6,))
    rollout(site, 13, 14, rollback=True)
    rollout(site, 15, 16, "cancelled")
    assert told(site, "deployment_duration")[:2] == (60, 3)
    assert told(site, "deployment_success_rate")[:2] == (3 / 5, 5)  # GitHub was told of an error: no success
    assert told(site, "rollback_rate")[:2] == (1 / 3, 3)
    assert told(site, "promotion_time")[:2] == (8, 1)
    assert told(site, "time_to_deploy")[:2] == (6, 1)


def test_security_by_hand():
    site = empty("checkout")
    ends = [24, 72, None, None]
    for place, end in enumerate(ends):
        fixed = None if end is None else at(end)
        site.alerts.append(Alert("dependabot", place, "pillow", "high", "uv.lock", "a", at(0), "2.0", fixed))
    site.alerts[3].dismissed = (at(10), ANA, "not_used")
    days = (UNTIL - DAY) / timedelta(days=1)
    found = told(site, "vulnerability_age")
    assert found[:2] == (days, 1)
    assert found.others == {"oldest": days, "critical": None, "high": days, "medium": None, "low": None}
    assert told(site, "vulnerability_age", until=at(9))[:2] == (9 / 24, 4)
    assert told(site, "time_to_patch") == (3, 3, {"open": 1})
    made = site.commit((), ANA, at(1), "Grow", files=(("src/views.py", 1, 0), ("infra/main.tf", 1, 0)))
    site.changes = [Change(one.sha, ("checkout",), at(1), at(1), one, "It", False) for one in (made, site.commits[0])]
    assert told(site, "infrastructure_change_share")[:2] == (0.5, 2)


def test_statistics_by_hand():
    assert quantile([0, 10], 0.95) == 9.5
    assert middle([10, 1000], p85=0.85)[:2] == (505, 2)
    assert lasting([(1, True), (2, True), (3, True), (4, True)])[:2] == (2.5, 4)
    assert lasting([(1, False), (2, True), (3, True)])[:2] == (2.5, 3)
    assert lasting([(1, True), (2, False), (2, False)]) == (None, 3, {"open": 2})
    assert lasting([])[:2] == (None, 0)


def test_what_is_not_there_is_named():
    with pytest.raises(KeyError, match="no metric whose truth"):
        told(empty("shop"), "velocity")
    with pytest.raises(KeyError, match="no service; they are web, catalog"):
        told(empty("shop"), "issue_lead_time", "wed")


@pytest.fixture(scope="module", params=[1, 2, 3])
def company(request):
    return make(request.param, until=UNTIL, months=5)


def objects_of(company, service):
    return company.repositories[company.services[service]].objects


def within(raw, key):
    moment = datetime.fromisoformat(raw[key]).replace(tzinfo=None) if raw[key] else None
    return moment is not None and UNTIL - timedelta(days=60) <= moment < UNTIL


def test_every_metric_has_something_to_say(company):
    for name in PHASES:
        found = {service: company.truth.metric(name, service, EVER, UNTIL) for service in company.services}
        assert any(one.value is not None and one.n for one in found.values()), name
        for service, one in found.items():
            assert one.value is None or one.value >= 0 or name == "backlog_growth", (name, service)


def test_an_empty_window_has_nothing_to_say(company):
    for name in PHASES:
        for service in company.services:
            found = company.truth.metric(name, service, EVER, EVER + timedelta(days=1))
            assert found.n == 0, name
            assert not found.value, name
            if name not in STATES:
                assert (
                    company.truth.metric(name, service, UNTIL + timedelta(seconds=1), UNTIL + timedelta(days=9)).n == 0
                ), name


def test_the_four_parts_of_a_pull_request_add_up(company):
    whole = 0
    for site in company.truth.sites:
        for one in site.pulls:
            if one.merged_at is None:
                continue
            found = way(one, one.merged_at)
            assert found.first_commit_at <= found.ready_at <= found.merged_at
            if found.first_review_at is not None and found.approved_at is not None:
                whole += 1
                parts = [
                    found.ready_at - found.first_commit_at,
                    found.first_review_at - found.ready_at,
                    found.approved_at - found.first_review_at,
                    found.merged_at - found.approved_at,
                ]
                assert all(part >= timedelta(0) for part in parts)
                assert sum(parts, timedelta(0)) == found.merged_at - found.first_commit_at
    assert whole > 100


def test_counts_are_those_of_what_github_tells(company):
    since = UNTIL - timedelta(days=60)
    for service in company.services:
        objects = objects_of(company, service)
        issues = [raw for raw in objects["issues"] if "pull_request" not in raw]
        attempts, latest = objects["attempts"], [raw for raw in objects["runs"] if within(raw, "created_at")]
        ended = [raw for raw in attempts.values() if raw["status"] == "completed" and within(raw, "updated_at")]
        jobs = [
            raw
            for every in objects["jobs"].values()
            for raw in every
            if raw["status"] == "completed"
            and raw["created_at"] >= attempts[raw["run_id"], raw["run_attempt"]]["run_started_at"]
        ]
        alerts = [*objects["dependabot_alerts"], *objects["code_scanning_alerts"]]
        expected = {
            "issue_throughput": sum(raw["state_reason"] == "completed" and within(raw, "closed_at") for raw in issues),
            "backlog_growth": sum(within(raw, "created_at") + within(raw, "closed_at") for raw in issues),
            "build_duration": sum(raw["conclusion"] in ("success", "failure") for raw in ended),
            "build_success_rate": sum(raw["conclusion"] != "cancelled" for raw in ended),
            "rerun_rate": sum(raw["run_attempt"] > 1 or raw["status"] == "completed" for raw in latest),
            "runner_minutes": sum(within(raw, "completed_at") for raw in jobs),
            "vulnerability_age": sum(raw["state"] == "open" for raw in alerts),
            "time_to_patch": sum(raw["state"] != "dismissed" and within(raw, "created_at") for raw in alerts),
        }
        if service not in ("web", "catalog"):
            merged = [raw for raw in objects["pulls"] if within(raw, "merged_at")]
            expected |= dict.fromkeys(("pull_request_size", "review_coverage", "coding_time"), len(merged))
        if service == "ledger":
            releases = [raw for raw in objects["releases"] if within(raw, "published_at") and not raw["prerelease"]]
            expected["release_frequency"] = len(releases)
        found = {name: company.truth.metric(name, service, since, UNTIL).n for name in expected}
        assert found == expected, service


def test_an_earlier_look_said_the_same_of_what_was_over(company):
    then = company.at(UNTIL - timedelta(days=60))
    since, until = UNTIL - timedelta(days=120), UNTIL - timedelta(days=90)
    settled = ("issue_throughput", "pull_request_cycle_time", "queue_time", "test_pass_rate", "promotion_time")
    for name in settled:
        for service in company.services:
            early, late = (one.truth.metric(name, service, since, until) for one in (then, company))
            assert early == late, (name, service)


def cases_in(data):
    archive = zipfile.ZipFile(io.BytesIO(data))
    assert archive.namelist() == ["junit.xml"]
    (suite,) = ElementTree.fromstring(archive.read("junit.xml"))
    return suite, {
        (case.get("classname"), case.get("name")): next((mark.tag for mark in case), "passed") for case in suite
    }


def test_junit_says_what_is_true(company):
    for service in ("checkout", "catalog"):
        objects = objects_of(company, service)
        counted, by_sha = Counter(), {}
        for raw in (raw for every in objects["artifacts"].values() for raw in every if within(raw, "created_at")):
            data = objects["artifact_files"][raw["id"]]()
            assert data == objects["artifact_files"][raw["id"]]()
            suite, cases = cases_in(data)
            assert int(suite.get("tests")) == len(cases) == 60 * (2 if service == "catalog" else 1)
            assert sum(float(case.get("time")) for case in suite) == pytest.approx(float(suite.get("time")), abs=0.01)
            counted.update(cases.values())
            for case, result in cases.items():
                by_sha.setdefault((case, suite.get("name"), raw["workflow_run"]["head_sha"]), set()).add(result)
        ran = counted["passed"] + counted["failure"]
        found = company.truth.metric("test_pass_rate", service, UNTIL - timedelta(days=60), UNTIL)
        assert found == (counted["passed"] / ran, ran, {})
        assert any({"passed", "failure"} <= seen for seen in by_sha.values())


def test_failed_test_jobs_have_failed_cases_and_logs_that_name_them(company):
    objects = objects_of(company, "accounts")
    jobs = {raw["id"]: raw for every in objects["jobs"].values() for raw in every}
    line = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z .")
    failed = 0
    for number, text in objects["logs"].items():
        raw = jobs[number]
        assert all(map(line.match, text().splitlines()))
        assert ("##[error]" in text()) == (raw["conclusion"] != "success")
        if raw["name"].startswith("test") and raw["conclusion"] == "failure":
            failed += 1
            _, cases = cases_in(objects["artifact_files"][1_000_000_000 + number]())
            names = {name for (_, name), result in cases.items() if result == "failure"}
            assert names
            assert set(re.findall(r"FAILED \S+::(\w+) ", text())) == names
    assert failed > 3
    without = [raw["completed_at"] for number, raw in jobs.items() if number not in objects["logs"]]
    assert max(at for at in without if at) <= f"{(UNTIL - timedelta(days=90)).isoformat()}Z"


def test_files_are_the_workflows_that_ran(company):
    for repository in company.repositories.values():
        objects = repository.objects
        sha = objects["commits"][0]["sha"]
        for workflow in objects["workflows"]:
            told_of = yaml.safe_load(objects["files"](sha, workflow["path"]))
            assert told_of["name"] == workflow["name"]
            triggers = told_of[True]  # YAML reads "on" so
            assert "workflow_dispatch" not in triggers
            runs = [raw for raw in objects["runs"] if raw["workflow_id"] == workflow["id"]]
            assert {raw["event"] for raw in runs} <= set(triggers)
            names = {raw["name"].partition(" (")[0] for one in runs for raw in objects["jobs"][one["id"]]}
            assert names <= set(told_of["jobs"])
        assert b"practice" in objects["files"](sha, "README.md")
        assert "ci.yml" in objects["files"](sha, ".github/workflows")
        assert {".github", "README.md", "infra"} <= set(objects["files"](sha, ""))
        assert objects["files"](sha, "nowhere.txt") is None
        assert objects["files"]("0" * 40, "README.md") is None


def test_the_four_way_life_of_alerts_and_comments(company):
    alerts = [alert for site in company.truth.sites for alert in site.alerts]
    assert {one.kind for one in alerts} == {"dependabot", "code_scanning"}
    assert all(one.fixed_at is None or one.fixed_at > one.created_at for one in alerts)
    states = Counter(
        raw["state"]
        for repository in company.repositories.values()
        for raw in (*repository.objects["dependabot_alerts"], *repository.objects["code_scanning_alerts"])
    )
    assert set(states) == {"open", "fixed", "dismissed"}
    for repository in company.repositories.values():
        told_of = {raw["number"]: raw["comments"] for raw in repository.objects["issues"] if raw["comments"]}
        assert told_of == {number: len(said) for number, said in repository.objects["comments"].items()}
    everybody = {said.author.type for site in company.truth.sites for every in site.comments.values() for said in every}
    assert everybody == {"User", "Bot"}


@pytest.fixture(scope="module")
def validator():
    folder = Path(os.environ.get("LAB_NODE_MODULES", Path(__file__).parent.parent / "node_modules"))
    file = folder / "@octokit" / "openapi" / "generated" / "api.github.com.json"
    if not file.is_file():
        skip(f"{file} is not there (npm install @octokit/openapi)")
    components = schemas(json.loads(file.read_text())["components"]["schemas"])

    def of(name):
        return Draft202012Validator({"components": {"schemas": components}, "$ref": f"#/components/schemas/{name}"})

    return of


@pytest.mark.parametrize(
    ("noun", "schema"),
    [
        ("dependabot_alerts", "dependabot-alert"),
        ("code_scanning_alerts", "code-scanning-alert-items"),
        ("artifacts", "artifact"),
        ("comments", "issue-comment"),
        ("pull_files", "diff-entry"),
    ],
)
def test_objects_are_as_github_describes_them(validator, noun, schema):
    company, check = make(2, until=UNTIL, months=3), validator(schema)
    for repository in company.repositories.values():
        value = repository.objects[noun]
        raws = value if isinstance(value, list) else [raw for every in value.values() for raw in every]
        assert raws or noun.endswith("alerts")
        for raw in raws[:30]:
            assert not list(problems_of(check, raw))


def test_windows_are_half_open():
    site = empty("checkout")
    issue(site, 0, 30)
    window = Window(site, "checkout", at(30), at(31), UNTIL)
    assert window.has(at(30))
    assert not window.has(at(31))
    assert told(site, "issue_throughput", since=at(30), until=at(31)).n == 1
    assert told(site, "issue_throughput", since=at(0), until=at(30)).n == 0
