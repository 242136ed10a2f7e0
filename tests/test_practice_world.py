"""The world: the same for the same seed, believable, consistent, never ahead of its time, and never through the lab."""

import ast
import json
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median

import pytest

from devops_lab import config
from devops_lab.practice import world
from devops_lab.practice.settings import lab_toml
from devops_lab.practice.world import make
from devops_lab.practice.world.calendar import Agenda, Dice, arrivals, is_holiday, working
from devops_lab.practice.world.truth import METRICS, Deployment, TrueFailure, Truth

UNTIL = datetime(2026, 11, 20, 12)
LISTS = [
    *(
        "properties",
        "branches",
        "labels",
        "milestones",
        "issues",
        "issue_events",
        "pulls",
        "pull_comments",
    ),
    *(
        "commits",
        "workflows",
        "runs",
        "releases",
        "tags",
        "deployments",
        "environments",
    ),
    *("dependabot_alerts", "code_scanning_alerts"),
]
DICTS = [
    *("pull_commits", "pull_files", "pull_reviews", "comments", "attempts", "jobs", "artifacts"),
    *("git_refs", "git_tags", "deployment_statuses"),
]
MADE_WHEN_ASKED = ["artifact_files", "logs", "files"]
EVER = datetime(2000, 1, 1)


@pytest.fixture(scope="module")
def company():
    return make(1, until=UNTIL)


@pytest.fixture(scope="module")
def all_objects(company):
    return {name: repository.objects for name, repository in company.repositories.items()}


def instants(value, key=""):
    """Every instant anywhere in a JSON value, due dates left out."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from instants(inner, str(name))
    elif isinstance(value, list):
        for inner in value:
            yield from instants(inner, key)
    elif isinstance(value, str) and (
        key == "date" or (key.endswith("_at") and key not in ("verified_at", "expires_at"))
    ):
        yield datetime.fromisoformat(value).replace(tzinfo=None)


def test_the_world_imports_nothing_that_it_judges():
    for path in Path(world.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("devops_lab"):
                assert node.module.startswith("devops_lab.practice.world"), f"{path.name} imports {node.module}"


def test_equal_seeds_make_equal_companies():
    one, same, other = (make(seed, until=UNTIL, months=1) for seed in (3, 3, 4))
    assert one.truth.as_json() == same.truth.as_json()
    for name, repository in one.repositories.items():
        for noun in (*LISTS, *DICTS):
            assert repr(repository.objects[noun]) == repr(same.repositories[name].objects[noun])
    assert one.name != other.name
    assert one.truth.as_json() != other.truth.as_json()


def test_there_are_six_services_of_three_teams_in_five_repositories(company, tmp_path):
    assert len(company.repositories) == 5
    (tmp_path / "lab.toml").write_text(lab_toml(company.name, "http://localhost:1", dora_alone=True))
    settings = config.load(tmp_path / "lab.toml")
    assert {service.name: service.repository for service in settings.service} == company.services
    assert len(settings.service) == 6
    assert len({service.team for service in settings.service}) == 3
    assert {service.deployment.kind for service in settings.service} == {"tags", "workflow", "deployments", "releases"}


def test_objects_have_the_agreed_shapes(all_objects):
    for objects in all_objects.values():
        assert set(objects) == {"repository", *LISTS, *DICTS, *MADE_WHEN_ASKED}
        assert all(isinstance(objects[name], list) for name in LISTS)
        assert all(isinstance(objects[name], dict) for name in DICTS)
        text = json.dumps({name: objects[name] for name in LISTS})
        assert "https://api.github.com" not in text
        assert '"url": "@@API@@/repos/' in text


def test_history_is_whole(all_objects):
    for objects in all_objects.values():
        shas = {raw["sha"] for raw in objects["commits"]}
        assert len(shas) == len(objects["commits"])
        named = [parent["sha"] for raw in objects["commits"] for parent in raw["parents"]]
        named += [raw["commit"]["sha"] for name in ("branches", "tags") for raw in objects[name]]
        named += [raw["head_sha"] for raw in objects["runs"]]
        named += [raw["sha"] for raw in objects["deployments"]]
        named += [raw["merge_commit_sha"] for raw in objects["pulls"] if raw["merged_at"]]
        named += [raw["head"]["sha"] for raw in objects["pulls"]]
        named += [raw["object"]["sha"] for raw in objects["git_tags"].values()]
        assert set(named) <= shas
        roots = [raw for raw in objects["commits"] if not raw["parents"]]
        assert len(roots) == 1


def test_ids_and_numbers_name_one_thing(all_objects):
    for name in ("pulls", "runs", "deployments", "releases", "milestones", "workflows", "issue_events"):
        ids = [raw["id"] for objects in all_objects.values() for raw in objects[name]]
        assert len(ids) == len(set(ids)), name
    for objects in all_objects.values():
        numbers = [raw["number"] for raw in objects["issues"]]
        assert numbers == list(range(1, len(numbers) + 1))
        created = [raw["created_at"] for raw in objects["issues"]]
        assert created == sorted(created)
        assert {raw["number"] for raw in objects["issues"] if "pull_request" in raw} == set(objects["pull_commits"])


@pytest.mark.parametrize("days", [0, 100])
def test_nothing_is_told_of_the_future(company, days):
    then = company.at(UNTIL - timedelta(days=days))
    for repository in then.repositories.values():
        for name, value in repository.objects.items():
            assert all(moment <= then.until for moment in instants(value)), name
    assert all(one.finished_at <= then.until for one in then.truth.deployments)


def test_an_earlier_look_is_the_beginning_of_a_later_one(company, all_objects):
    then = company.at(UNTIL - timedelta(days=150))
    for name, repository in then.repositories.items():
        early, late = repository.objects, all_objects[name]
        assert early["commits"] == [
            raw for raw in late["commits"] if raw["sha"] in {c["sha"] for c in early["commits"]}
        ]
        assert set(early["attempts"]) <= set(late["attempts"])
        assert 0 < len(early["issues"]) < len(late["issues"])
    early_truth = then.truth.deployments
    assert [(one.service, one.id, one.sha) for one in early_truth if one.service == "web"] == [
        (one.service, one.id, one.sha) for one in company.truth.deployments if one.service == "web"
    ][: sum(one.service == "web" for one in early_truth)]


def test_what_runs_now_is_not_over(company):
    some = next(repository for name, repository in company.repositories.items() if name.endswith("/gateway"))
    run = some.objects["runs"][5]
    moment = datetime.fromisoformat(run["run_started_at"]).replace(tzinfo=None) + timedelta(seconds=30)
    seen = next(
        raw for raw in company.at(moment).repositories[some.full_name].objects["runs"] if raw["id"] == run["id"]
    )
    assert seen["status"] == "in_progress"
    assert seen["conclusion"] is None


def test_every_attempt_is_kept_and_re_runs_list_green_jobs_again(all_objects):
    again = 0
    for objects in all_objects.values():
        latest = {raw["id"]: raw["run_attempt"] for raw in objects["runs"]}
        assert set(objects["attempts"]) == {(run, n) for run, last in latest.items() for n in range(1, last + 1)}
        for (run, number), attempt in objects["attempts"].items():
            if number > 1:
                jobs = [job for job in objects["jobs"][run] if job["run_attempt"] == number]
                again += any(job["started_at"] < attempt["run_started_at"] for job in jobs)
    assert again > 50


def test_old_deployments_turn_inactive(all_objects):
    objects = next(objects for name, objects in all_objects.items() if name.endswith("/accounts"))
    assert {raw["environment"] for raw in objects["deployments"]} == {"staging", "production"}
    last = [statuses[0]["state"] for statuses in objects["deployment_statuses"].values()]
    counted = Counter(last)
    assert counted["success"] == 2
    assert counted["inactive"] > 100
    assert counted["failure"] > 3


def test_it_looks_like_real_projects(all_objects):
    pulls = [raw for objects in all_objects.values() for raw in objects["pulls"]]
    closed = [raw for raw in pulls if raw["closed_at"]]
    assert 0.2 < sum(raw["merged_at"] is None for raw in closed) / len(closed) < 0.36
    assert any(raw["draft"] for raw in pulls)
    assert sum(raw["head"]["repo"] is None for raw in pulls) > 0
    days = []
    bots, commits = 0, 0
    for objects in all_objects.values():
        for raw in objects["pulls"]:
            if raw["merged_at"]:
                first = objects["pull_commits"][raw["number"]][0]["commit"]["author"]["date"]
                days.append(
                    (datetime.fromisoformat(raw["merged_at"]) - datetime.fromisoformat(first)).total_seconds() / 86400
                )
        commits += len(objects["commits"])
        bots += sum(raw["author"]["type"] == "Bot" for raw in objects["commits"])
    assert 0.5 < median(days) < 2.5
    assert max(days) > 15 * median(days)
    assert 0.02 < bots / commits < 0.28


def test_a_fifth_of_the_incidents_names_no_cause_and_some_are_not_what_they_seem(all_objects):
    incidents = [
        raw
        for objects in all_objects.values()
        for raw in objects["issues"]
        if "incident" in {label["name"] for label in raw["labels"]}
    ]
    labels = Counter(label["name"] for raw in incidents for label in raw["labels"])
    assert labels["duplicate"] > 2
    assert labels["not-a-change"] > 5
    real = [raw for raw in incidents if not {"duplicate", "not-a-change"} & {label["name"] for label in raw["labels"]}]
    assert 0.2 < sum("Caused by:" not in raw["body"] for raw in real) / len(real) < 0.7
    assert any("Fixed by:" in raw["body"] for raw in real)


def test_truth_agrees_with_itself(company):
    truth = company.truth
    for name in company.services:
        deployments, rate = (truth.metric(metric, name, EVER, UNTIL) for metric in METRICS[1:3])
        assert deployments.n == rate.n > 20
        assert 0 < rate.value < 0.6
        assert truth.metric("failed_deployment_recovery_time", name, EVER, UNTIL).n == round(rate.value * rate.n)
        assert truth.metric("change_lead_time", name, EVER, UNTIL).value > 0
        carried = [one.change for one in truth.changes if one.service == name]
        assert len(carried) == len(set(carried)), "a change reaches production once"
    again = json.loads(truth.as_json())
    assert len(again["deployments"]) == len(truth.deployments)
    with pytest.raises(KeyError, match="no metric whose truth"):
        truth.metric("velocity", "web", EVER, UNTIL)


def test_not_every_failure_is_mended_by_a_deployment(company):
    failed = {(one.service, one.finished_at) for one in company.truth.deployments if one.failed}
    unplanned = {(one.service, one.finished_at) for one in company.truth.deployments if one.unplanned}
    assert 0 < len(unplanned) < len(failed)


def test_recovery_counts_what_has_not_recovered_as_longest():
    def failed(number):
        return Deployment("web", number, "a", UNTIL - timedelta(days=number), "success", True, False, False)

    def broke(number, hours):
        started = UNTIL - timedelta(days=number)
        end = None if hours is None else started + timedelta(hours=hours)
        return TrueFailure("web", number, number, "incident", started, end, True)

    three = [failed(number) for number in (1, 2, 3)]
    truth = Truth(UNTIL, three, [], [broke(1, 4), broke(2, None), broke(3, 2), broke(3, 6)])
    assert truth.metric("failed_deployment_recovery_time", "web", EVER, UNTIL)[:2] == (6.0, 3)
    truth.failures[0] = broke(1, None)
    assert truth.metric("failed_deployment_recovery_time", "web", EVER, UNTIL)[:2] == (None, 3)
    assert truth.metric("failed_deployment_recovery_time", "api", EVER, UNTIL)[:2] == (None, 0)


def test_weekends_and_holidays_are_quiet():
    begun = arrivals(datetime(2025, 1, 1), datetime(2026, 1, 1), 50, Dice(1))
    by_day = Counter(moment.weekday() for moment in begun)
    assert by_day[5] + by_day[6] < 0.1 * sum(by_day.values())
    assert is_holiday(datetime(2025, 12, 27).date())
    assert not is_holiday(datetime(2025, 11, 27).date())
    moments = [working(datetime(2025, 12, 26, 23), Dice(seed)) for seed in range(50)]
    assert sum(moment.date() == datetime(2026, 1, 5).date() for moment in moments) > 40


def test_the_agenda_keeps_the_order_of_time():
    told = []
    agenda = Agenda()
    for number, hour in enumerate((3, 1, 2, 1)):
        agenda.at(UNTIL + timedelta(hours=hour), lambda moment, what: told.append(what), number)
    agenda.run(UNTIL + timedelta(hours=3))
    assert told == [1, 3, 2]
