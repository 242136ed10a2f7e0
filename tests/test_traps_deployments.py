"""Traps 11–17 of dating deployments, and what one rollout is, from stored rows to the number."""

from datetime import timedelta

import pytest
from made_rows import at, commit, deployment, job, pull, run, sha, statuses
from trap_lab import (
    GITHUB, ISSUES, MARCH, SINCE, Lab, answer, built, counted, deployed, evidence, left_out, line, together,
)  # fmt: skip

from devops_lab import metrics

JOBS = {"from": "workflow", "workflow": "deploy.yml", "jobs": ["deploy"]}
RUNS = {"from": "workflow", "workflow": "deploy.yml"}
HOUR = timedelta(hours=1)


def dates(store):
    """id → when it was deployed, of the deployments that count."""
    rows = metrics.deployment_frequency.observations(store, since=SINCE)
    rows = rows[rows["excluded"].isna()]
    return dict(zip(rows["id"], rows["occurred_at"], strict=True))


def numbers(store):
    return metrics.dora(store, **MARCH)


def test_trap_11_a_newer_deployment_moves_nothing(tmp_path):
    """"`finished` moved when a newer deployment made the older one `inactive`" (apache/devlake #8302)."""
    tables = together(
        deployed(1, "a", at(1)), deployed(2, "b", at(2)),
        {"commits": line("a b", at(1, "08:00")), "issues": [], "issue_labels": []},
    )  # fmt: skip
    lab = Lab(tmp_path, {"deployment": GITHUB}).write(**tables)
    before = lab.link()
    later = [
        {"id": 900, "deployment_id": 1, "state": "inactive", "created_at": at(2, "12:01")},
        {"id": 901, "deployment_id": 1, "state": "success", "created_at": at(20)},
        {"id": 902, "deployment_id": 2, "state": "inactive", "created_at": at(20, "12:01")},
    ]
    after = lab.write(deployment_statuses=later).link()
    assert dates(before) == dates(after) == {"deployment:1": at(1), "deployment:2": at(2)}
    assert counted(before, "change_lead_time") == counted(after, "change_lead_time") == {sha("b"): 4.0}
    assert numbers(before).equals(numbers(after))


def test_trap_12_a_failed_attempt_keeps_its_failure_and_its_date(tmp_path):
    """"A failed deployment re-run to green lost its failure and moved its date": `run_started_at` resets on re-run."""
    first = run(55, 1, "a", at(1, "10:00"), at(1, "10:20"), "failure")
    second = run(55, 2, "a", at(2, "09:00"), at(2, "09:10"), "success", created_at=at(1, "10:00"))
    lab = Lab(tmp_path, {"deployment": RUNS}).write(workflow_runs=[first])
    store = lab.link(at(2, "00:00"))
    assert (dates(store), left_out(store, "deployment_frequency")) == ({}, {"run:55/1": "unsuccessful"})
    store = lab.write(workflow_runs=[first, second]).link()
    assert dates(store) == {"run:55/2": at(2, "09:10")}
    rows = {row["id"]: (row["result"], row["started_at"], row["finished_at"]) for row in store.deployments.rows()}
    assert rows["run:55/1"] == ("failure", at(1, "10:00"), at(1, "10:20"))
    [row] = metrics.deployment_frequency.observations(store, since=SINCE, until=at(2, "00:00")).to_dict("records")
    assert (row["id"], row["occurred_at"], row["excluded"]) == ("run:55/1", at(1, "10:20"), "unsuccessful")
    daily = metrics.deployment_frequency.over(store, every="day", since=SINCE, until=at(3, "00:00"))
    assert daily["value"].tolist() == [0, 1]


def test_trap_13_the_deploy_job_dates_the_deployment(tmp_path):
    """"A health check job run a month later moved the deployment's date" (apache/devlake #6908); "a run was green though
    its deploy job never ran" (#7005)."""
    runs = [
        run(55, 1, "a", at(1, "10:00"), at(1, "10:20"), "failure"),
        run(55, 2, "a", at(36), at(36, "12:05"), "success"),
        run(56, 1, "b", at(3), at(3, "12:05"), "success"),
    ]
    jobs = [
        job(1, 55, 1, "deploy", at(1, "10:05"), at(1, "10:10"), "success"),
        job(2, 55, 1, "health check", at(1, "10:11"), at(1, "10:20"), "failure"),
        job(3, 55, 2, "deploy", at(1, "10:05"), at(1, "10:10"), "success"),  # carried over, as GitHub lists it
        job(4, 55, 2, "health check", at(36), at(36, "12:05"), "success"),
        job(5, 56, 1, "test", at(3), at(3, "12:05"), "success"),
        job(6, 56, 1, "deploy", at(3, "12:05"), at(3, "12:05"), "skipped"),
    ]
    store = built(tmp_path, {"deployment": JOBS}, workflow_runs=runs, workflow_jobs=jobs)
    assert dates(store) == {"run:55/1": at(1, "10:10")}
    monthly = metrics.deployment_frequency.over(store, every="month", since=SINCE)
    assert monthly["value"].tolist() == [1, 0]  # March, April


def test_trap_14_lead_time_ends_with_the_finish(tmp_path):
    """"Deploy time measured to the start" (apache/devlake #5024): 08:40 to 10:40 are 2 hours, not 80 minutes."""
    said = statuses(2, ("queued", at(2, "09:59")), ("in_progress", at(2, "10:00")), ("success", at(2, "10:40")))
    tables = together(
        deployed(1, "a", at(1)),
        {"github_deployments": [deployment(2, "b", at(2, "09:59"))], "deployment_statuses": said},
        {"commits": [commit("a", "", at(1)), commit("b", "a", at(2, "08:40"))]},
    )
    store = built(tmp_path, {"deployment": GITHUB}, **tables)
    assert counted(store, "change_lead_time") == {sha("b"): 2.0}
    [row] = evidence(store, "change_lead_time")["rows"]
    assert (row["started_at"], row["ended_at"]) == ("2026-03-02T08:40:00Z", "2026-03-02T10:40:00Z")


def test_trap_15_failed_then_succeeded_the_second_counts(tmp_path):
    """"A pull request attached to a FAILED deployment" (apache/devlake #6224)."""
    tables = together(
        deployed(1, "a", at(1)), deployed(2, "b", at(2), "failure"), deployed(3, "b", at(3)),
        {"commits": line("a b", at(1, "08:00")), "pull_requests": [pull(12, "b", at(2, "09:00"))]},
    )  # fmt: skip
    store = built(tmp_path, {"deployment": GITHUB}, **tables)
    assert counted(store, "change_lead_time") == {"#12": 28.0}  # 08:00 of the 2nd to noon of the 3rd
    assert left_out(store, "deployment_frequency") == {"deployment:2": "unsuccessful"}
    assert answer(store, "change_fail_rate")["value"] == 0  # the run that did not get there failed no change


def test_trap_16_staging_is_not_production(tmp_path):
    """"Staging counted as production" (apache/devlake #4323)."""
    tables = together(
        deployed(1, "a", at(1)), deployed(2, "b", at(2), environment="staging"),
        deployed(3, "b", at(4), environment="Production"), deployed(4, "c", at(5), environment="production-test"),
        {"commits": line("a b c", at(1, "08:00"))},
    )  # fmt: skip
    store = built(tmp_path, {"deployment": GITHUB}, **tables)
    assert dates(store) == {"deployment:1": at(1), "deployment:3": at(4)}
    # promoted from staging: 08:00 of the 2nd to noon of the 4th; c waits, whatever a test environment got
    assert counted(store, "change_lead_time") == {sha("b"): 52.0}
    assert left_out(store, "change_lead_time")[sha("c")] == "not deployed yet"


def test_trap_16_child_runs_do_not_count_again(tmp_path):
    """"Child runs counted again" (apache/devlake #8145): a called workflow, a matrix and a follow-up run are one."""
    names = ["deploy", "roll out / deploy", "deploy (eu)", "roll out / deploy (us, 1)"]
    jobs = [job(n, 55, 1, name, at(1, f"10:0{n}"), at(1, f"10:1{n}"), "success") for n, name in enumerate(names)]
    jobs.append(job(9, 55, 1, "roll out / deployment notes", at(1, "10:30"), at(1, "10:40"), "failure"))
    jobs.append(job(10, 56, 1, "deploy", at(1, "10:50"), at(1, "10:55"), "success"))
    child = {"workflow": "Smoke", "path": ".github/workflows/smoke.yml", "event": "workflow_run"}
    runs = [
        run(55, 1, "a", at(1, "10:00"), at(1, "10:40"), "failure"),
        run(56, 1, "a", at(1, "10:45"), at(1, "11:00"), "success", **child),
    ]
    store = built(tmp_path, {"deployment": JOBS}, workflow_runs=runs, workflow_jobs=jobs)
    assert dates(store) == {"run:55/1": at(1, "10:13")}


def test_trap_17_failed_and_cancelled_runs_are_no_deployments(tmp_path):
    """"Failed and cancelled runs counted as deployments" (DeveloperMetrics/DevOpsMetrics): 95 of 140 runs were."""
    ended = ["success"] * 95 + ["failure"] * 32 + ["cancelled"] * 11 + ["startup_failure"] * 2
    ended += ["skipped", "neutral", "stale", "action_required"]  # never started: not even listed
    runs = [run(n, 1, "a", at(1) + n * 4 * HOUR, at(1) + n * 4 * HOUR, word) for n, word in enumerate(ended)]
    runs += [run(n, 1, "a", at(26), None, None, status=word) for n, word in ((200, "queued"), (201, "waiting"))]
    runs += [run(n, 1, "a", at(26), at(26), "success", event=event) for n, event in ((300, "pull_request"),)]
    store = built(tmp_path, {"deployment": RUNS}, workflow_runs=runs, workflow_jobs=[])
    asked = {"since": SINCE, "until": SINCE + 28 * 24 * HOUR}
    found = answer(store, "deployment_frequency", **asked)
    assert (found["n"], found["value"]) == (95, pytest.approx(95 / 4))  # 140 runs in 4 weeks would be 35 a week
    reasons = list(left_out(store, "deployment_frequency", **asked).values())
    assert {reason: reasons.count(reason) for reason in reasons} == {"unsuccessful": 34, "cancelled": 11}
    assert answer(store, "change_fail_rate", **asked)["n"] == answer(store, "deployment_rework_rate", **asked)["n"] == 95


# ---------------------------------------------------------------- what one deployment is


def test_plan_migrate_and_deploy_on_one_environment_are_one_deployment(tmp_path):
    """Three jobs of one run name the environment, so GitHub makes three deployments; the rollout is one."""
    made = [deployment(n, "a", at(1, f"10:{n}0"), run_id=7) for n in (1, 2, 3)]
    said = [one for n in (1, 2, 3) for one in statuses(n, ("success", at(1, f"10:{n}5")))]
    tables = {"github_deployments": made, "deployment_statuses": said, "commits": line("a", at(1))}
    tables["workflow_runs"] = [run(7, 1, "a", at(1, "10:00"), at(1, "10:40"), "success")]
    names = ("plan", "migrate", "deploy")
    tables["workflow_jobs"] = [
        job(n, 7, 1, name, at(1, f"10:{n}0"), at(1, f"10:{n}5"), "success") for n, name in enumerate(names, 1)
    ]
    by_jobs = {"from": "workflow", "workflow": "deploy.yml", "jobs": list(names)}
    store = built(tmp_path, {"deployment": GITHUB}, {"name": "by jobs", "deployment": by_jobs}, **tables)
    assert dates(store) == {"deployment:1": at(1, "10:35"), "run:7/1": at(1, "10:35")}
    assert answer(store, "deployment_frequency", service="checkout", **MARCH)["n"] == 1
    assert answer(store, "deployment_frequency", service="by jobs", **MARCH)["n"] == 1
    began = {row["started_at"] for row in store.deployments.rows()}
    assert began == {at(1, "10:10")}


def test_three_regions_one_red_is_one_failed_deployment(tmp_path):
    regions = {"from": "deployments", "environments": ["production-*"]}
    made = [deployment(n, "a", at(1, "10:00"), f"production-{where}", 7) for n, where in enumerate(("eu", "us", "ap"))]
    ends = [("success", at(1, "10:20")), ("failure", at(1, "10:30")), ("success", at(1, "10:25"))]
    said = [one for n, end in enumerate(ends) for one in statuses(n, end)]
    store = built(tmp_path, {"deployment": regions}, github_deployments=made, deployment_statuses=said)
    assert [(row["result"], row["finished_at"]) for row in store.deployments.rows()] == [("failure", at(1, "10:30"))]
    assert left_out(store, "deployment_frequency") == {"deployment:0": "unsuccessful"}
    assert answer(store, "deployment_frequency")["value"] == 0
    assert answer(store, "change_fail_rate")["n"] == 0


def test_two_dispatches_of_one_sha_are_two_deployments(tmp_path):
    tables = together(
        deployed(1, "a", at(1), run_id=7), deployed(2, "a", at(1, "12:15"), run_id=8), deployed(3, "a", at(2))
    )
    store = built(tmp_path, {"deployment": GITHUB}, **tables)
    assert answer(store, "deployment_frequency")["n"] == 3
    assert answer(store, "deployment_rework_rate")["value"] == 0


def test_a_workflow_run_event_deploys_what_triggered_it(tmp_path):
    """Its own sha is only the default branch's newest: c was never deployed, b was; an unknown trigger says nothing."""
    event = {"event": "workflow_run"}
    runs = [
        run(1, 1, "a", at(1), at(1, "12:10"), "success"),
        run(2, 1, "c", at(4), at(4, "12:10"), "success", triggered_by_sha=sha("b"), **event),
        run(3, 1, "c", at(5), at(5, "12:10"), "success", **event),
    ]
    store = built(tmp_path, {"deployment": RUNS}, workflow_runs=runs, commits=line("a b c d", at(1, "08:10")))
    assert counted(store, "change_lead_time") == {sha("b"): 52.0}  # the 2nd, 08:10, to the 4th, 12:10
    waiting = {sha("c"): "not deployed yet", sha("d"): "not deployed yet", sha("a"): "deployed before records"}
    assert left_out(store, "change_lead_time") == waiting
    assert answer(store, "deployment_frequency")["n"] == 3


def test_old_runs_without_start_attempt_or_path(tmp_path):
    """Old run objects lack `run_started_at` and `path`; the workflow's name and `created_at` are there."""
    old = {"started_at": None, "path": None}
    runs = [run(1, 1, "a", at(1), at(1, "12:10"), "success", **old)]
    store = built(tmp_path, {"deployment": {"from": "workflow", "workflow": "Deploy"}}, workflow_runs=runs)
    assert dates(store) == {"run:1/1": at(1, "12:10")}
    assert store.deployments.rows()[0]["started_at"] == at(1)


def test_releases_count_when_they_were_published(tmp_path):
    """`created_at` is the commit's date; drafts are none, pre-releases only where the rule says so."""
    releases = [
        {"id": 1, "tag": "v1.0.0", "created_at": at(1), "published_at": at(5), "draft": False, "prerelease": False},
        {"id": 2, "tag": "v1.1.0-rc.1", "created_at": at(2), "published_at": at(6), "draft": False, "prerelease": True},
        {"id": 3, "tag": "v1.1.0", "created_at": at(3), "published_at": None, "draft": True, "prerelease": False},
    ]
    tags = [
        {"tag": tag, "sha": sha(name), "tagged_at": at(day)}
        for tag, name, day in (("v1.0.0", "a", 1), ("v1.1.0-rc.1", "b", 2))
    ]
    services = [{"deployment": {"from": "releases"}}, {"name": "rc", "deployment": {"from": "releases", "prereleases": True}}]
    store = built(tmp_path, *services, releases=releases, tags=tags, commits=line("a b", at(1, "08:00")))
    assert counted(store, "deployment_frequency", service="checkout") == {"release:v1.0.0": 1}
    assert dates(store)["release:v1.0.0"] == at(5)
    assert set(counted(store, "deployment_frequency", service="rc")) == {"release:v1.0.0", "release:v1.1.0-rc.1"}
    assert counted(store, "change_lead_time", service="rc") == {sha("b"): 100.0}  # 08:00 of the 2nd to noon of the 6th
    assert left_out(store, "change_lead_time", service="checkout")[sha("b")] == "not deployed yet"


def test_two_tags_on_one_commit_are_two_deployments_and_the_first_carries(tmp_path):
    """As Prometheus' v0.3xx beside v3.x; and v2.0.0.-alpha.3 is a tag that no version pattern means."""
    tags = [
        {"tag": tag, "sha": sha(name), "tagged_at": when}
        for tag, name, when in (
            ("v1.0.0", "a", at(1)), ("v3.1.0", "b", at(3)), ("v0.301.0", "b", at(3, "12:05")), ("v2.0.0.-alpha.3", "b", at(4)),
        )
    ]  # fmt: skip
    version = {"from": "tags", "tags": ["v[0-9]+.[0-9]+.[0-9]+"]}
    store = built(tmp_path, {"deployment": version}, tags=tags, commits=line("a b", at(1, "08:00")))
    assert dates(store) == {"tag:v1.0.0": at(1), "tag:v3.1.0": at(3), "tag:v0.301.0": at(3, "12:05")}
    assert counted(store, "change_lead_time") == {sha("b"): 28.0}  # 08:00 of the 2nd to noon of the 3rd
    assert answer(store, "deployment_rework_rate")["value"] == 0


def test_parallel_release_lines(tmp_path):
    """main goes on to 2.1 while 1.0.1 and 1.0.2 mend the old line: ancestry links, and a patch mends its own line."""
    commits = [
        *line("a b c d", at(1, "08:00")),  # main, a day each
        commit("fix", "a", at(3, "08:00")),
        commit("fix2", "fix", at(6, "08:00")),
    ]
    tagged = (("v1.0.0", "a", 1), ("v2.0.0", "b", 2), ("v1.0.1", "fix", 4), ("v2.1.0", "d", 5), ("v1.0.2", "fix2", 6))
    store = built(
        tmp_path,
        {"deployment": {"from": "tags", "tags": ["v*"]}, "rework": {"patch_releases": True}, "incident": ISSUES},
        commits=commits,
        branches=[{"branch": "main", "sha": sha("d")}],
        tags=[{"tag": tag, "sha": sha(name), "tagged_at": at(day)} for tag, name, day in tagged],
    )
    # b, 2nd 08:00 → 2.0.0, 2nd; fix, 3rd → 1.0.1, 4th; c, 3rd, and d, 4th → 2.1.0, 5th; fix2, 6th → 1.0.2, 6th
    lead = {"b": 4.0, "fix": 28.0, "c": 52.0, "d": 28.0, "fix2": 4.0}
    assert counted(store, "change_lead_time") == {sha(name): hours for name, hours in lead.items()}
    failed = {id for id, value in counted(store, "change_fail_rate").items() if value}
    assert failed == {"tag:v1.0.0", "tag:v1.0.1"}  # 2/5; 2.0.0, which came between, is innocent
    # 1.0.0, the 1st, until 1.0.1, the 4th: 72 hours; 1.0.1 until 1.0.2, the 6th: 48 hours
    assert counted(store, "failed_deployment_recovery_time") == {"tag:v1.0.0": 72.0, "tag:v1.0.1": 48.0}
    unplanned = {id for id, value in counted(store, "deployment_rework_rate").items() if value}
    assert unplanned == {"tag:v1.0.1", "tag:v1.0.2"}
