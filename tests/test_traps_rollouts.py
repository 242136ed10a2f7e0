"""What one deployment is, by each rule: jobs, regions, dispatches, releases, tags; from stored rows to the number."""

from made_rows import at, commit, deployment, job, run, sha, statuses
from trap_lab import GITHUB, ISSUES, MARCH, answer, built, counted, dates, deployed, left_out, line, together

RUNS = {"from": "workflow", "workflow": "deploy.yml"}


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
    services = [
        {"deployment": {"from": "releases"}},
        {"name": "rc", "deployment": {"from": "releases", "prereleases": True}},
    ]
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
            ("v1.0.0", "a", at(1)), ("v3.1.0", "b", at(3)), ("v0.301.0", "b", at(3, "12:05")),
            ("v2.0.0.-alpha.3", "b", at(4)),
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
    tagged = [("v1.0.0", "a", 1), ("v2.0.0", "b", 2), ("v1.0.1", "fix", 4), ("v2.1.0", "d", 5), ("v1.0.2", "fix2", 6)]
    tagged.append(("v2.3.4", "d", 7))  # nobody knows a 2.3.3: it mends nothing that is known here
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
    assert failed == {"tag:v1.0.0", "tag:v1.0.1"}  # 2/6; 2.0.0, which came between, is innocent
    assert left_out(store, "change_fail_rate") == {"remedy:tag:v2.3.4": "unattributed"}
    # 1.0.0, the 1st, until 1.0.1, the 4th: 72 hours; 1.0.1 until 1.0.2, the 6th: 48 hours
    assert counted(store, "failed_deployment_recovery_time") == {"tag:v1.0.0": 72.0, "tag:v1.0.1": 48.0}
    unplanned = {id for id, value in counted(store, "deployment_rework_rate").items() if value}
    assert unplanned == {"tag:v1.0.1", "tag:v1.0.2", "tag:v2.3.4"}
