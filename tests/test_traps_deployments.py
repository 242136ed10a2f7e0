"""Traps 11–17 of dating deployments, and what one rollout is, from stored rows to the number."""

from datetime import timedelta

import pytest
from made_rows import at, commit, deployment, job, pull, run, sha, statuses
from trap_lab import (
    GITHUB,
    MARCH,
    SINCE,
    Lab,
    answer,
    built,
    counted,
    dates,
    deployed,
    evidence,
    left_out,
    line,
    together,
)  # fmt: skip

from devops_lab import metrics

JOBS = {"from": "workflow", "workflow": "deploy.yml", "jobs": ["deploy"]}
RUNS = {"from": "workflow", "workflow": "deploy.yml"}
HOUR = timedelta(hours=1)


def numbers(store):
    return metrics.dora(store, **MARCH)


def test_trap_11_a_newer_deployment_moves_nothing(tmp_path):
    """Elsewhere: "`finished` moved when a newer deployment made the older one `inactive`" (apache/devlake #8302)."""
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
    """Elsewhere: "A failed deployment re-run to green lost its failure and moved its date": `run_started_at` resets on
    re-run."""
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


def test_trap_12_attempts_that_made_github_deployments_are_told_apart(tmp_path):
    """Both attempts of one run made a deployment of the same sha to the same environment: one failed, one succeeded."""
    made = together(deployed(1, "a", at(1, "10:20"), "failure", run_id=7), deployed(2, "a", at(2, "09:10"), run_id=7))
    runs = [
        run(7, 1, "a", at(1, "10:00"), at(1, "10:21"), "failure"),
        run(7, 2, "a", at(2, "08:55"), at(2, "09:11"), "success", created_at=at(1, "10:00")),
    ]
    store = built(tmp_path, {"deployment": GITHUB}, workflow_runs=runs, **made)
    assert dates(store) == {"deployment:2": at(2, "09:10")}
    assert left_out(store, "deployment_frequency") == {"deployment:1": "unsuccessful"}


def test_trap_13_the_deploy_job_dates_the_deployment(tmp_path):
    """Elsewhere: "A health check job run a month later moved the deployment's date" (apache/devlake #6908); "a run was
    green though its deploy job never ran" (#7005)."""
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
    """Elsewhere: "Deploy time measured to the start" (apache/devlake #5024): 08:40 to 10:40 are 2 hours, not 80
    minutes."""
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
    """Elsewhere: "A pull request attached to a FAILED deployment" (apache/devlake #6224)."""
    tables = together(
        deployed(1, "a", at(1)), deployed(2, "b", at(2), "failure"), deployed(3, "b", at(3)),
        {"commits": line("a b", at(1, "08:00")), "pull_requests": [pull(12, "b", at(2, "09:00"))]},
    )  # fmt: skip
    store = built(tmp_path, {"deployment": GITHUB}, **tables)
    assert counted(store, "change_lead_time") == {"#12": 28.0}  # 08:00 of the 2nd to noon of the 3rd
    assert left_out(store, "deployment_frequency") == {"deployment:2": "unsuccessful"}
    assert answer(store, "change_fail_rate")["value"] == 0  # the run that did not get there failed no change


def test_trap_16_staging_is_not_production(tmp_path):
    """Elsewhere: "Staging counted as production" (apache/devlake #4323)."""
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
    """Elsewhere: "Child runs counted again" (apache/devlake #8145): a called workflow, a matrix and a follow-up run are
    one."""
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
    """Elsewhere: "Failed and cancelled runs counted as deployments" (DeveloperMetrics/DevOpsMetrics): 95 of 140 runs
    were."""
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
    assert (
        answer(store, "change_fail_rate", **asked)["n"] == answer(store, "deployment_rework_rate", **asked)["n"] == 95
    )
