"""Deployments from rules: each case is a handful of rows whose answer can be told by hand."""

import random
from datetime import datetime

import pytest
from made_rows import REPOSITORY, at, by_id, commit, deployment, derived, job, reported, run, service, sha, statuses

from devops_lab.delivery import hits, needed_tables
from devops_lab.delivery.rollouts import in_order, outcome

GITHUB = {"from": "deployments", "environments": ["production*"]}
JOBS = {"from": "workflow", "workflow": "deploy.yml", "jobs": ["deploy"]}
RUNS = {"from": "workflow", "workflow": "Deploy"}
LINE = [commit("a", "", at(1)), commit("b", "a", at(2)), commit("c", "b", at(3))]


def deployments(rule, **tables):
    tables.setdefault("commits", LINE)
    return derived(service(rule), **tables).deployments


def of_github(made, said, runs=()):
    return deployments(GITHUB, github_deployments=made, deployment_statuses=said, workflow_runs=runs)


def of_files(*rows, **rule):
    return by_id(deployments({"from": "file", "path": "x.csv", **rule}, reported_deployments=rows))


class TestGitHubDeployments:
    def test_finishes_at_the_first_success_whatever_follows(self):
        """Trap 11: inactive, or a second success, comes later and moves nothing."""
        made = [deployment(1, "a", at(1, "10:00"))]
        first = statuses(1, ("queued", at(1, "10:00")), ("in_progress", at(1, "10:01")), ("success", at(1, "10:09")))
        later = [*first, *statuses(1, ("inactive", at(9)), ("success", at(10)))]
        before, after = of_github(made, first), of_github(made, later)
        assert before == after
        [row] = after
        assert (row["started_at"], row["finished_at"]) == (at(1, "10:01"), at(1, "10:09"))
        assert (row["id"], row["result"], row["sha"]) == ("deployment:1", "success", sha("a"))

    def test_is_measured_to_the_finish(self):
        """Trap 14: 40 minutes from start to finish; what counts is 10:40."""
        [row] = of_github(
            [deployment(1, "a", at(1, "10:00"))],
            statuses(1, ("in_progress", at(1, "10:00")), ("success", at(1, "10:40"))),
        )
        assert row["finished_at"] == at(1, "10:40")

    def test_staging_is_not_production_and_case_does_not_matter(self):
        """Trap 16."""
        made = [deployment(1, "a", at(1), "Staging"), deployment(2, "a", at(2), "PRODUCTION")]
        rows = of_github(made, statuses(1, ("success", at(1))) + statuses(2, ("success", at(2))))
        assert [row["id"] for row in rows] == ["deployment:2"]

    @pytest.mark.parametrize("state", ["queued", "pending", "waiting"])
    def test_what_never_started_is_no_deployment(self, state):
        assert of_github([deployment(1, "a", at(1))], statuses(1, (state, at(1)))) == []

    def test_without_a_status_is_no_deployment(self):
        assert of_github([deployment(1, "a", at(1))], []) == []

    @pytest.mark.parametrize("state", ["failure", "error"])
    def test_failure_and_error_are_failures(self, state):
        [row] = of_github([deployment(1, "a", at(1))], statuses(1, (state, at(1, "12:05"))))
        assert (row["result"], row["finished_at"]) == ("failure", at(1, "12:05"))

    def test_while_it_runs_neither_end_nor_result_is_known(self):
        [row] = of_github([deployment(1, "a", at(1))], statuses(1, ("in_progress", at(1))))
        assert (row["result"], row["finished_at"], row["unplanned"]) == (None, None, None)

    def test_three_regions_one_red_is_one_failed(self):
        made = [deployment(n, "a", at(1, f"10:0{n}"), f"production-{n}", run_id=7) for n in (1, 2, 3)]
        said = [
            *statuses(1, ("success", at(1, "10:20"))),
            *statuses(2, ("failure", at(1, "10:30"))),
            *statuses(3, ("success", at(1, "10:25"))),
        ]
        [row] = of_github(made, said)
        assert (row["id"], row["result"]) == ("deployment:1", "failure")
        assert (row["started_at"], row["finished_at"]) == (at(1, "10:01"), at(1, "10:30"))
        assert row["environment"] == "production-1, production-2, production-3"

    def test_plan_migrate_and_deploy_on_one_environment_are_one_deployment(self):
        made = [deployment(n, "a", at(1, f"10:{n}0"), run_id=7) for n in (1, 2, 3)]
        said = [status for n in (1, 2, 3) for status in statuses(n, ("success", at(1, f"10:{n}5")))]
        for runs in ([], [run(7, 1, "a", at(1, "10:00"), at(1, "10:40"), "success")]):
            [row] = of_github(made, said, runs)
            assert (row["id"], row["started_at"], row["finished_at"]) == (
                "deployment:1",
                at(1, "10:10"),
                at(1, "10:35"),
            )

    def test_the_rollout_is_open_while_its_run_goes_on(self):
        """Plan has succeeded; that deploy has not begun yet must not look like a deployment that is done."""
        made, said = [deployment(1, "a", at(1, "10:10"), run_id=7)], statuses(1, ("success", at(1, "10:15")))
        [row] = of_github(made, said, [run(7, 1, "a", at(1, "10:00"), None, None)])
        assert row["result"] is None

    def test_each_attempt_of_a_run_is_a_rollout(self):
        """Trap 12, for GitHub deployments: the failed attempt keeps its failure."""
        made = [deployment(1, "a", at(1, "10:00"), run_id=7), deployment(2, "a", at(1, "11:00"), run_id=7)]
        said = statuses(1, ("failure", at(1, "10:05"))) + statuses(2, ("success", at(1, "11:05")))
        runs = [
            run(7, 1, "a", at(1, "09:59"), at(1, "10:06"), "failure"),
            run(7, 2, "a", at(1, "10:59"), at(1, "11:06"), "success"),
        ]
        for known in (runs, []):
            rows = of_github(made, said, known)
            assert [(row["id"], row["result"]) for row in rows] == [
                ("deployment:1", "failure"),
                ("deployment:2", "success"),
            ]

    def test_without_a_run_regions_belong_together_and_dispatches_do_not(self):
        made = [
            deployment(1, "a", at(1, "10:00"), "production-eu"),
            deployment(2, "a", at(1, "10:03"), "production-us"),
            deployment(3, "a", at(1, "10:12"), "production-eu"),
        ]
        said = [status for n, m in ((1, 10), (2, 11), (3, 20)) for status in statuses(n, ("success", at(1, f"10:{m}")))]
        rows = of_github(made, said)
        assert [(row["id"], row["finished_at"]) for row in rows] == [
            ("deployment:1", at(1, "10:11")),
            ("deployment:3", at(1, "10:20")),
        ]


class TestWorkflows:
    def test_a_failed_attempt_run_again_to_green_keeps_its_failure_and_its_date(self):
        """Trap 12: attempt 1 failed at 10:20 on the 1st, attempt 2 succeeded on the 2nd."""
        runs = [
            run(55, 1, "a", at(1, "10:00"), at(1, "10:20"), "failure"),
            run(55, 2, "a", at(2, "09:00"), at(2, "09:10"), "success"),
        ]
        rows = deployments(RUNS, workflow_runs=runs)
        assert [(row["id"], row["result"], row["started_at"], row["finished_at"]) for row in rows] == [
            ("run:55/1", "failure", at(1, "10:00"), at(1, "10:20")),
            ("run:55/2", "success", at(2, "09:00"), at(2, "09:10")),
        ]

    def test_a_health_check_a_month_later_moves_nothing(self):
        """Trap 13: attempt 2 ran only the health check on 5 April; GitHub lists the old deploy job with it."""
        runs = [
            run(55, 1, "a", at(1, "10:00"), at(1, "10:20"), "failure"),
            run(55, 2, "a", at(36), at(36, "12:05"), "success"),
        ]
        jobs = [
            job(1, 55, 1, "deploy", at(1, "10:05"), at(1, "10:10"), "success"),
            job(2, 55, 1, "health check", at(1, "10:11"), at(1, "10:20"), "failure"),
            job(3, 55, 2, "deploy", at(1, "10:05"), at(1, "10:10"), "success"),
            job(4, 55, 2, "health check", at(36), at(36, "12:05"), "success"),
        ]
        [row] = deployments(JOBS, workflow_runs=runs, workflow_jobs=jobs)
        assert (row["id"], row["result"], row["finished_at"]) == ("run:55/1", "success", at(1, "10:10"))

    def test_a_green_run_whose_deploy_job_never_ran_is_no_deployment(self):
        """Trap 13, second half."""
        runs = [run(55, 1, "a", at(1), at(1, "12:30"), "success")]
        jobs = [job(1, 55, 1, "deploy", at(1), at(1), "skipped"), job(2, 55, 1, "test", at(1), at(1), "success")]
        assert deployments(JOBS, workflow_runs=runs, workflow_jobs=jobs) == []

    def test_a_red_run_whose_deploy_job_was_green_is_a_success(self):
        runs = [run(55, 1, "a", at(1, "10:00"), at(1, "11:00"), "failure")]
        jobs = [job(1, 55, 1, "deploy", at(1, "10:05"), at(1, "10:10"), "success")]
        [row] = deployments(JOBS, workflow_runs=runs, workflow_jobs=jobs)
        assert (row["result"], row["finished_at"]) == ("success", at(1, "10:10"))

    @pytest.mark.parametrize(
        ("conclusion", "result"),
        [
            ("failure", "failure"),
            ("timed_out", "failure"),
            ("startup_failure", "failure"),
            ("cancelled", "cancelled"),
        ],
    )
    def test_what_did_not_get_there_is_no_success(self, conclusion, result):
        """Trap 17: failed and cancelled runs are kept, and are no deployments to any of the five metrics."""
        for rule in (RUNS, JOBS):
            jobs = [job(1, 55, 1, "deploy", at(1), at(1, "12:10"), conclusion)]
            [row] = deployments(
                rule, workflow_runs=[run(55, 1, "a", at(1), at(1, "12:10"), conclusion)], workflow_jobs=jobs
            )
            assert (row["result"], row["finished_at"]) == (result, at(1, "12:10"))

    @pytest.mark.parametrize("conclusion", ["skipped", "neutral", "action_required", "stale"])
    def test_what_was_not_started_is_no_deployment(self, conclusion):
        assert deployments(RUNS, workflow_runs=[run(55, 1, "a", at(1), at(1), conclusion)]) == []

    @pytest.mark.parametrize("status", ["queued", "waiting", "pending", "requested"])
    def test_what_waits_is_no_deployment(self, status):
        assert deployments(RUNS, workflow_runs=[run(55, 1, "a", at(1), at(1), None, status=status)]) == []

    @pytest.mark.parametrize("event", ["pull_request", "pull_request_target"])
    def test_events_of_pull_requests_never_deploy(self, event):
        rows = [run(55, 1, "a", at(1), at(1), "success", event=event)]
        assert deployments({**RUNS, "events": ["push", event]}, workflow_runs=rows) == []

    def test_a_triggered_run_deploys_the_triggering_sha_or_an_unknown_one(self):
        rows = [
            run(55, 1, "c", at(1), at(1), "success", event="workflow_run", triggered_by_sha=sha("a")),
            run(56, 1, "c", at(2), at(2), "success", event="workflow_run"),
        ]
        assert [row["sha"] for row in deployments(RUNS, workflow_runs=rows)] == [sha("a"), None]

    def test_branches_and_workflows_are_patterns(self):
        rows = [
            run(1, 1, "a", at(1), at(1), "success"),
            run(2, 1, "a", at(1), at(1), "success", branch="feature/x"),
            run(3, 1, "a", at(1), at(1), "success", path=".github/workflows/test.yml", workflow="Test"),
        ]
        rule = {"from": "workflow", "workflow": "deploy.y*", "branches": ["main", "release/**"]}
        assert [row["id"] for row in deployments(rule, workflow_runs=rows)] == ["run:1/1"]

    def test_a_reusable_workflow_and_a_matrix_are_one_rollout_and_child_runs_do_not_count_again(self):
        """Trap 16, second half: three regions called from one run; the called workflow's jobs are the run's own."""
        names = ["roll out / deploy (eu)", "roll out / deploy (us)", "roll out / deploy (ap)", "roll out / smoke"]
        jobs = [job(n, 55, 1, name, at(1, f"10:0{n}"), at(1, f"10:1{n}"), "success") for n, name in enumerate(names)]
        [row] = deployments(JOBS, workflow_runs=[run(55, 1, "a", at(1), at(1), "success")], workflow_jobs=jobs)
        assert (row["id"], row["started_at"], row["finished_at"]) == ("run:55/1", at(1, "10:00"), at(1, "10:12"))

    def test_one_cancelled_part_makes_it_cancelled_and_one_failed_part_failed(self):
        runs = [run(55, 1, "a", at(1), at(1), "failure")]
        jobs = [
            job(1, 55, 1, "deploy (eu)", at(1), at(1, "12:10"), "success"),
            job(2, 55, 1, "deploy (us)", at(1), at(1, "12:20"), "cancelled"),
        ]
        [row] = deployments(JOBS, workflow_runs=runs, workflow_jobs=jobs)
        assert row["result"] == "cancelled"
        jobs.append(job(3, 55, 1, "deploy (ap)", at(1), at(1, "12:15"), "failure"))
        [row] = deployments(JOBS, workflow_runs=runs, workflow_jobs=jobs)
        assert row["result"] == "failure"

    def test_failed_then_succeeded_the_second_carries_the_change(self):
        """Trap 15: a change belongs to the deployment that brought it, not to the one that failed on the way."""
        runs = [
            run(1, 1, "a", at(1), at(1, "12:10"), "success"),
            run(2, 1, "b", at(2), at(2, "12:10"), "failure"),
            run(3, 1, "b", at(3), at(3, "12:10"), "success"),
        ]
        found = derived(service(RUNS), LINE, workflow_runs=runs)
        change = by_id(found.changes, "sha")[sha("b")]
        assert (change["deployment_id"], change["deployed_at"]) == ("run:3/1", at(3, "12:10"))


class TestOtherRules:
    def test_releases_date_from_their_publication_without_drafts_and_prereleases(self):
        def release(tag, published, **more):
            return {"tag": tag, "created_at": at(1), "published_at": published, **more}

        tables = {
            "releases": [
                release("v1.0.0", at(5)),
                release("v1.1.0-rc.1", at(6), prerelease=True),
                release("v1.1.0", at(7), draft=True),
                release("v1.2.0", None),
            ],
            "tags": [{"tag": "v1.0.0", "sha": sha("a"), "tagged_at": at(1)}],
        }
        [row] = deployments({"from": "releases"}, **tables)
        assert (row["id"], row["finished_at"], row["sha"]) == ("release:v1.0.0", at(5), sha("a"))
        rows = deployments({"from": "releases", "prereleases": True}, **tables)
        assert [row["ref"] for row in rows] == ["v1.0.0", "v1.1.0-rc.1"]

    def test_tags_are_taken_by_pattern_and_need_a_date(self):
        tags = [
            {"tag": tag, "sha": sha("a"), "tagged_at": when}
            for tag, when in [("v1.0.0", at(4)), ("v0.9.0", at(3)), ("v1.0.0-rc.0", at(2)), ("v1.0.1", None)]
        ]
        rule = {"from": "tags", "tags": ["v[0-9]+.[0-9]+.[0-9]+", "!v0.*"]}
        [row] = deployments(rule, tags=tags)
        assert (row["id"], row["started_at"], row["finished_at"]) == ("tag:v1.0.0", at(4), at(4))

    def test_merges_are_the_first_parent_commits_of_the_default_branch(self):
        commits = [
            commit("a", "", at(1)),
            commit("side", "a", at(2)),
            commit("b", "a", at(3)),
            commit("merge", "b side", at(4)),
        ]
        rows = deployments({"from": "merges"}, commits=commits)
        assert {row["sha"]: row["finished_at"] for row in rows} == {
            sha("a"): at(1),
            sha("b"): at(3),
            sha("merge"): at(4),
        }
        assert not any(row["is_rollback"] for row in rows)

    def test_merges_of_named_branches_count_a_shared_commit_once(self):
        commits = [commit("a", "", at(1)), commit("b", "a", at(2)), commit("fix", "a", at(3))]
        rows = deployments(
            {"from": "merges", "branches": ["main", "release/*"]},
            commits=commits,
            branches={"main": sha("b"), "release/1": sha("fix"), "work": sha("fix")},
        )
        assert sorted((row["ref"], row["sha"]) for row in rows) == sorted(
            [("main", sha("a")), ("main", sha("b")), ("release/1", sha("fix"))]
        )

    def test_merges_of_a_part_of_a_repository_are_those_that_bring_files_there(self):
        commits = [
            commit("a", "", at(1)),
            commit("side", "a", at(2)),
            commit("b", "a", at(3)),
            commit("merge", "b side", at(4)),
            commit("c", "merge", at(5)),
        ]
        files = [("a", "web/x"), ("side", "api/x"), ("b", "web/x"), ("c", "api/deep/y")]
        found = derived(service({"from": "merges"}, paths=["api/**"]), commits, files=files)
        assert sorted(row["sha"] for row in found.deployments) == sorted([sha("merge"), sha("c")])

    def test_reported_deployments_may_name_a_tag(self):
        rows = deployments(
            {"from": "file", "path": "x.csv"},
            tags=[{"tag": "v1", "sha": sha("b"), "tagged_at": at(1)}],
            reported_deployments=[
                reported("d-1", None, at(2), tag="v1"),
                reported("d-2", "a", at(3), "failure", environment="Production", started_at=at(2)),
                reported("d-3", "a", at(4), environment="staging"),
            ],
        )
        assert [(row["id"], row["sha"], row["result"], row["started_at"]) for row in rows] == [
            ("d-1", sha("b"), "success", at(2)),
            ("d-2", sha("a"), "failure", at(2)),
        ]


def test_two_deployments_in_a_month_are_two_rows_in_it():
    """Trap 27: 15 September to 15 October are 30 days; 2 in 30 days is 0.067 a day and 0.47 a week."""
    begin, end = datetime(2026, 9, 15), datetime(2026, 10, 15)
    moments = [datetime(2026, 9, 14, 23, 59), begin, datetime(2026, 10, 1), end]
    rows = of_files(*(reported(str(n), None, moment) for n, moment in enumerate(moments)))
    inside = [row for row in rows.values() if begin <= row["finished_at"] < end]
    assert len(inside) == 2
    days = (end - begin).days
    assert (round(len(inside) / days, 3), round(len(inside) / days * 7, 2)) == (0.067, 0.47)


class TestRollbacks:
    def test_redeploying_one_sha_is_no_rollback(self):
        rows = of_files(reported("1", "a", at(1)), reported("2", "b", at(2)), reported("3", "b", at(3)))
        assert not any(row["is_rollback"] for row in rows.values())
        assert [row["replaces_id"] for row in rows.values()] == [None, "1", "2"]

    def test_going_back_to_what_was_there_is_one(self):
        rows = of_files(reported("1", "a", at(1)), reported("2", "b", at(2)), reported("3", "a", at(3)))
        assert (rows["3"]["is_rollback"], rows["3"]["replaces_id"]) == (True, "2")

    def test_going_back_to_an_ancestor_that_was_never_there_is_one(self):
        rows = of_files(reported("1", "a", at(1)), reported("2", "c", at(2)), reported("3", "b", at(3)))
        assert rows["3"]["is_rollback"]

    def test_going_forward_again_is_none(self):
        rows = of_files(*(reported(str(n), name, at(n)) for n, name in enumerate("abab", 1)))
        assert [row["is_rollback"] for row in rows.values()] == [False, False, True, False]

    def test_a_commit_beside_the_line_is_none(self):
        commits = [*LINE, commit("hotfix", "b", at(4))]
        rows = [reported("1", "c", at(4)), reported("2", "hotfix", at(5))]
        found = deployments({"from": "file", "path": "x.csv"}, commits=commits, reported_deployments=rows)
        assert not found[1]["is_rollback"]

    def test_unknown_shas_are_compared_with_what_was_there(self):
        rows = of_files(*(reported(str(n), name, at(n)) for n, name in enumerate(["x", "y", "x"], 1)))
        assert [row["is_rollback"] for row in rows.values()] == [False, False, True]

    def test_each_environment_has_its_own_history(self):
        """Region by region: when the second region gets b, the first has moved on to c."""
        rows = of_files(
            *(
                reported(str(n), name, at(n), environment=where)
                for n, (name, where) in enumerate(
                    [("a", "p-eu"), ("a", "p-us"), ("b", "p-eu"), ("c", "p-eu"), ("b", "p-us"), ("a", "p-us")], 1
                )
            ),
            environments=["p-*"],
        )
        assert [row["replaces_id"] for row in rows.values()] == [None, None, "1", "3", "2", "5"]
        assert [row["is_rollback"] for row in rows.values()] == [False] * 5 + [True]

    def test_what_failed_replaces_nothing_and_is_not_replaced(self):
        rows = of_files(
            reported("1", "a", at(1)),
            reported("2", "b", at(2), "failure"),
            reported("3", "a", at(3)),
        )
        assert (rows["3"]["replaces_id"], rows["3"]["is_rollback"]) == ("1", False)
        assert rows["2"]["replaces_id"] is None

    def test_not_for_tags_unless_set(self):
        tags = [
            {"tag": "v1.1.0", "sha": sha("b"), "tagged_at": at(2)},
            {"tag": "v1.0.9", "sha": sha("a"), "tagged_at": at(3)},
        ]
        rule = {"from": "tags", "tags": ["v*"]}
        assert not any(row["is_rollback"] for row in deployments(rule, tags=tags))
        found = by_id(deployments({**rule, "rollbacks": True}, tags=tags))
        assert found["tag:v1.0.9"]["is_rollback"]


@pytest.mark.parametrize("seed", range(5))
def test_row_order_does_not_matter(seed):
    shuffle = random.Random(seed).sample
    made = [deployment(n, "abc"[n % 3], at(1 + n // 3, f"1{n % 3}:00"), run_id=n // 2 or None) for n in range(1, 20)]
    said = [
        status
        for row in made
        for status in statuses(row["id"], ("in_progress", row["created_at"]), ("success", row["created_at"]))
    ]
    assert of_github(made, said) == of_github(shuffle(made, len(made)), shuffle(said, len(said)))
    runs = [run(n // 2, n % 2 + 1, "abc"[n % 3], at(n), at(n), "success") for n in range(2, 20)]
    jobs = [job(n, n // 2, n % 2 + 1, "deploy", at(n), at(n), "success") for n in range(2, 20)]
    straight = deployments(JOBS, workflow_runs=runs, workflow_jobs=jobs)
    assert straight == deployments(JOBS, workflow_runs=shuffle(runs, len(runs)), workflow_jobs=shuffle(jobs, len(jobs)))


def test_outcomes():
    assert [outcome(None, status) for status in ("in_progress", "queued", None)] == ["running", "waiting", "waiting"]
    assert in_order([]) == []


class TestHits:
    def test_a_rule_that_matches_nothing_shows_its_nearest_misses(self, store):
        store.write("github_deployments", [_stored(deployment(n, "a", at(n), "prod-eu")) for n in (1, 2)], "github")
        store.write("github_deployments", [_stored(deployment(3, "a", at(3), "staging"))], "github")
        [hit] = hits(store, service({"from": "deployments", "environments": ["prod-us"]}))
        assert (hit.matched, hit.seen, hit.nearest[0]) == (0, 3, "prod-eu")
        assert str(hit) == "deployment: environments prod-us: matches none of 3; nearest: 'prod-eu'"
        [hit] = hits(store, service({"from": "deployments", "environments": ["PROD-*"]}))
        assert (hit.matched, hit.nearest) == (2, [])

    def test_each_list_of_a_workflow_rule_is_told_apart(self, store):
        store.write("workflow_runs", [_stored(run(n, 1, "a", at(n), at(n), "success")) for n in (1, 2)], "github")
        store.write("workflow_jobs", [_stored(job(1, 1, 1, "deploy-prod (eu)", at(1), at(1), "success"))], "github")
        rule = {"from": "workflow", "workflow": "deploy.yaml", "jobs": ["deploy-prod"], "branches": ["main"]}
        workflow, branches, jobs = hits(store, service(rule))
        assert (workflow.matched, workflow.nearest) == (0, ["deploy.yml", "Deploy"])
        assert (branches.matched, branches.seen) == (0, 0)
        assert (jobs.matched, jobs.seen) == (1, 1)

    def test_every_rule_can_be_asked_of_an_empty_store(self, store):
        for rule in (
            GITHUB,
            JOBS,
            {"from": "releases"},
            {"from": "tags", "tags": ["v*"]},
            {"from": "merges"},
            {"from": "merges", "branches": ["main"]},
            {"from": "file", "path": "x.csv"},
        ):
            one = service(
                rule,
                paths=["src/**"],
                incident=[{"from": "issues", "labels": ["incident"]}, {"from": "file", "path": "i.csv"}],
                rework={"labels": ["hotfix"], "branches": ["hotfix/*"]},
            )
            found = hits(store, one)
            assert len(found) >= 5
            assert not any(hit.matched for hit in found)
            assert "nothing to match" in str(found[0])


def _stored(row):
    return {"repository": REPOSITORY, **row}


def test_only_needed_tables_are_fetched():
    alone = service({"from": "tags", "tags": ["v*"]}, repository="checkout")
    assert needed_tables(alone) == {"tags", "commits", "branches", "repositories"}
    workflow = service(JOBS, paths=["src/**"], incident={"from": "issues", "labels": ["incident"]})
    assert needed_tables(workflow) == {
        *("workflow_runs", "workflow_jobs", "commits", "commit_files", "pull_requests", "pull_request_commits"),
        *("issues", "issue_labels", "issue_events", "branches", "repositories"),
    }
    assert "workflow_jobs" not in needed_tables(service(RUNS))
