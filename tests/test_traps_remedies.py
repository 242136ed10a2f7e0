"""What is a remedy, what is none, and what it mends; from stored rows to the number."""

from made_rows import REPOSITORY, at, commit, pull, reported, sha
from trap_lab import GITHUB, ISSUES, Lab, built, counted, deployed, incident_issue, left_out, line, together


def test_a_redeploy_of_one_sha_is_no_rollback(tmp_path):
    made = together(*(deployed(n, name, at(n)) for n, name in enumerate("abba", 1)))
    store = built(tmp_path, {"deployment": GITHUB}, commits=line("a b", at(1, "08:00")), **made)
    # 3 is b again: neither unplanned nor a sign that 2 had failed.  4 goes back to a: that is one, and 3 had failed.
    assert counted(store, "deployment_rework_rate") == {f"deployment:{n}": int(n == 4) for n in (1, 2, 3, 4)}
    assert counted(store, "change_fail_rate") == {f"deployment:{n}": int(n == 3) for n in (1, 2, 3, 4)}


def test_a_revert_in_the_same_first_release_as_its_target_is_no_failure(tmp_path):
    """b and its revert c both reached production with v2; nobody ever saw b there."""
    commits = [*line("a b", at(1, "08:00")), commit("c", "b", at(3, "08:00"), subject='Revert "b"', reverts=sha("b"))]
    tags = [{"tag": tag, "sha": sha(name), "tagged_at": at(day)} for tag, name, day in (("v1", "a", 1), ("v2", "c", 4))]
    store = built(tmp_path, {"deployment": {"from": "tags", "tags": ["v*"]}}, commits=commits, tags=tags)
    assert counted(store, "change_fail_rate") == counted(store, "deployment_rework_rate") == {"tag:v1": 0, "tag:v2": 0}
    assert left_out(store, "change_fail_rate") == {}


def test_an_incident_charged_by_a_revert_of_its_cause(tmp_path):
    """The incident names nothing, and lies in the window of c's deployment; what closes it takes b back."""
    pulls = [pull(12, "b", at(2, "11:00")), pull(13, "d", at(4, "11:00"), reverts="#12", closes="5")]
    made = together(
        *(deployed(n, name, at(n)) for n, name in enumerate("abcd", 1)), incident_issue(5, at(3, "13:00"), at(6))
    )
    tables = {"commits": line("a b c d", at(1, "08:00")), "pull_requests": pulls, **made}
    store = built(tmp_path, {"deployment": GITHUB, "incident": ISSUES}, **tables)
    assert counted(store, "change_fail_rate") == {f"deployment:{n}": int(n == 2) for n in (1, 2, 3, 4)}
    # from noon of the 2nd; the issue was closed on the 6th, the remedy deployed on the 4th: 48 hours, once
    assert counted(store, "failed_deployment_recovery_time") == {"deployment:2": 48.0}


def test_a_deployment_cannot_have_caused_what_was_over_before_it(tmp_path):
    """The incident began and ended on the 2nd; c, deployed on the 5th, is taken back on the 6th with "Fixes #5"."""
    pulls = [pull(12, "c", at(5, "11:00")), pull(13, "d", at(6, "11:00"), reverts="#12", closes="5")]
    made = together(*(deployed(day, name, at(day)) for name, day in (("a", 1), ("b", 2), ("c", 5), ("d", 6))))
    tables = together(made, incident_issue(5, at(2, "13:00"), at(2, "15:00")))
    commits = [commit("a", "", at(1, "08:00")), commit("b", "a", at(2, "08:00"))]
    commits += line("c d", at(5, "08:00"), parent="b")
    store = built(tmp_path, {"deployment": GITHUB, "incident": ISSUES}, commits=commits, pull_requests=pulls, **tables)
    # the incident is b's: noon to 15:00; charged to c it would have recovered 69 hours before it was deployed
    recovered = counted(store, "failed_deployment_recovery_time")
    assert recovered["deployment:2"] == 3.0
    assert min(recovered.values()) >= 0


def test_files_and_issues_together(tmp_path):
    """Incidents of a file stay as they are when those of issues are made anew; both count once."""
    service = {
        "deployment": {"from": "file", "path": "d.csv"},
        "incident": [ISSUES, {"from": "file", "path": "i.csv"}],
    }
    lab = Lab(tmp_path, service).write(
        reported_deployments=[reported("d1", None, at(1)), reported("d2", None, at(2))],
        incidents=[{"id": "i1", "started_at": at(2, "13:00"), "caused_by": "d1"}],
        **incident_issue(1, at(1, "13:00")),
    )
    for _ in range(2):
        store = lab.link()
        assert sorted(row["id"] for row in store.incidents.rows()) == [f"{REPOSITORY}#1", "i1"]
        assert counted(store, "change_fail_rate") == {"d1": 1, "d2": 0}
