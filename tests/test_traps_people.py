"""People: what they corrected reaches the numbers; who they are does not come out of the store."""

import json

import pytest
from made_rows import REPOSITORY, at, commit, deployment, issue, label, pull, run, sha, statuses
from trap_lab import (
    GITHUB,
    ISSUES,
    Lab,
    answer,
    built,
    counted,
    deployed,
    evidence,
    left_out,
    line,
    pulled,
    together,
)  # fmt: skip

from devops_lab import metrics, sync
from devops_lab.errors import QuestionError
from devops_lab.privacy import People
from devops_lab.tables import TABLES

SERVICE = {"deployment": GITHUB, "incident": ISSUES}
FOUND = f"incident:{REPOSITORY}#5"


def three(*tables):
    """Three deployments at noon of the 1st, 2nd, 3rd; issue 5 of the 3rd, 13:00 to 15:00, in the third's window."""
    incident = {"issues": [issue(5, at(3, "13:00"), at(3, "15:00"))], "issue_labels": [label(5, "incident")]}
    made = (deployed(n, name, at(n)) for n, name in enumerate("abc", 1))
    return together(*made, incident, {"commits": line("a b c", at(1, "08:00"))}, *tables)


@pytest.fixture
def corrected(tmp_path):
    """Link the three deployments without and with one correction; return both stores."""

    def link(kind, id, **values):
        lab = Lab(tmp_path, SERVICE).write(**three())
        before = lab.link()
        said = {"kind": kind, "id": id, "service": "checkout", "by": "ada", "reason": "seen"} | values
        lines = [f"{name} = {json.dumps(value)}" for name, value in said.items()]
        text = "\n".join(["[[correction]]", *lines, "made_at = 2026-04-01T00:00:00Z"])
        (tmp_path / "corrections.toml").write_text(text)
        after = lab.link()
        assert lab.warnings == []
        return before, after

    return link


def failed(store):
    return [id for id, value in counted(store, "change_fail_rate").items() if value]


def test_an_incident_is_charged_to_the_deployment_that_a_person_names(corrected):
    before, after = corrected("incident", f"{REPOSITORY}#5", deployment="deployment:2")
    assert (failed(before), failed(after)) == (["deployment:3"], ["deployment:2"])
    # noon to 15:00 of the 3rd; from noon of the 2nd it is a day more
    assert counted(before, "failed_deployment_recovery_time") == {"deployment:3": 3.0}
    assert counted(after, "failed_deployment_recovery_time") == {"deployment:2": 27.0}
    assert [row["grade"] for store in (before, after) for row in store.failures.rows()] == ["window", "correction"]


def test_an_incident_that_no_change_caused_is_out_of_both_rates(corrected):
    before, after = corrected("incident", "#5", not_a_change=True)
    assert answer(before, "change_fail_rate")["value"] == pytest.approx(1 / 3)
    assert answer(after, "change_fail_rate")["value"] == 0
    assert left_out(after, "change_fail_rate") == {FOUND: "not a change"}
    assert answer(after, "failed_deployment_recovery_time")["n"] == 0
    assert evidence(after, "change_fail_rate")["excluded"] == [{"id": FOUND, "reason": "not a change"}]


def test_a_deployment_that_a_person_calls_unplanned_is_rework(corrected):
    before, after = corrected("deployment", "deployment:2", unplanned=True)
    assert counted(before, "deployment_rework_rate") == {f"deployment:{n}": 0 for n in (1, 2, 3)}
    assert counted(after, "deployment_rework_rate") == {f"deployment:{n}": int(n == 2) for n in (1, 2, 3)}
    rows = metrics.deployment_rework_rate.observations(after, since=at(1)).set_index("id")
    assert rows.loc["deployment:2", "note"] == "by correction"


def test_a_deployment_that_a_person_takes_out_carries_and_counts_nothing(corrected):
    before, after = corrected("deployment", "deployment:3", excluded=True)
    assert counted(before, "change_lead_time") == {sha("b"): 4.0, sha("c"): 4.0}
    assert counted(after, "change_lead_time") == {sha("b"): 4.0}
    assert (answer(before, "deployment_frequency")["n"], answer(after, "deployment_frequency")["n"]) == (3, 2)
    # the incident of the 3rd, 13:00, is 25 hours after the deployment of the 2nd: unattributed
    assert left_out(after, "change_fail_rate") == {"deployment:3": "by correction", FOUND: "unattributed"}


def test_a_deployment_that_a_person_calls_failed_is_no_success(corrected):
    _, after = corrected("deployment", "deployment:2", result="failure")
    assert left_out(after, "deployment_frequency") == {"deployment:2": "unsuccessful"}
    assert counted(after, "change_lead_time")[sha("b")] == 28.0  # carried on the 3rd at noon


def test_a_resolution_that_a_person_knows_better(corrected):
    before, after = corrected("incident", f"{REPOSITORY}#5", duplicate_of="elsewhere")
    assert (failed(before), failed(after)) == (["deployment:3"], [])
    assert left_out(after, "change_fail_rate") == {FOUND: "duplicate"}


LOGINS = ("grace-hopper", "ada-lovelace", "linus-t")
HOSTILE = "Thanks @grace-hopper <grace.hopper@navy.example> from ada-lovelace/patch-1"


def with_people():
    """Rows of every table that knows people, logins in each place where GitHub has them."""
    grace, ada, linus = LOGINS
    noreply = "4711+linus-t@users.noreply.github.com"
    return {
        "commits": [
            commit("a", "", at(1), author=grace, subject=f"Mend what {grace} broke"),
            commit("b", "a", at(2), author=noreply, subject=f"Merge pull request #12 from {ada}/patch-1"),
        ],
        "pull_requests": [pull(12, "b", at(2), author=ada, title=HOSTILE, head_ref="patch-1")],
        "pull_request_commits": pulled(12, ("f", at(2)), author="grace.hopper@navy.example"),
        "reviews": [{"id": 1, "number": 12, "state": "APPROVED", "author": linus, "submitted_at": at(2)}],
        "review_comments": [{"id": 1, "number": 12, "author": linus, "created_at": at(2)}],
        "issues": [issue(5, at(2, "13:00"), author=grace, title=HOSTILE)],
        "issue_labels": [label(5, "incident")],
        "issue_events": [
            {"id": 1, "number": 5, "event": "assigned", "actor": ada, "assignee": grace, "created_at": at(3)}
        ],
        "workflow_runs": [run(1, 1, "a", at(1), at(1), "success", actor=linus)],
        "incidents": [{"id": "i", "title": HOSTILE, "started_at": at(2)}],
        "milestones": [{"number": 1, "title": HOSTILE, "state": "open"}],
        "releases": [{"id": 1, "tag": "v1", "name": HOSTILE, "published_at": at(1)}],
        "github_deployments": [deployment(n, name, at(n)) for n, name in ((1, "a"), (2, "b"))],
        "deployment_statuses": statuses(1, ("success", at(1))) + statuses(2, ("success", at(2))),
    }  # fmt: skip


@pytest.mark.parametrize("policy", ["pseudonym", "none"])
def test_no_login_and_no_address_comes_out_of_the_store_by_default(tmp_path, policy):
    """As the sync writes rows by default (keyed hashes), and as a store that was told nothing does (nothing at all)."""
    lab = Lab(tmp_path, SERVICE)
    assert lab.settings.privacy.people == "pseudonym"
    if policy == "pseudonym":
        lab.people = sync.people_of(lab.settings)
    store = lab.write(**with_people()).link()
    filled = [name for name in TABLES if store.arrow(f"select * from {name}").num_rows]
    assert {*with_people(), "deployments", "changes", "failures"} <= set(filled)
    said = {name: store.arrow(f"select * from {name}").to_pandas().to_csv().casefold() for name in filled}
    said["receipts"] = json.dumps([evidence(store, name) for name in metrics.DORA]).casefold()
    said["rows"] = "".join(
        metrics.find(name).observations(store, last="all").to_csv() for name in metrics.DORA
    ).casefold()
    for secret in (*LOGINS, "navy.example", "noreply", "4711+"):
        assert [name for name, text in said.items() if secret in text] == [], secret
    files = [path for path in (tmp_path / "lab").rglob("*") if path.is_file()]
    assert not [path for path in files if any(login.encode() in path.read_bytes() for login in LOGINS)]
    authors = {row["author"] for row in store.commits.rows()}
    assert len(authors) == (2 if policy == "pseudonym" else 1)
    # the same person is the same hash in every table, so that questions can still be asked
    if policy == "pseudonym":
        [opened] = {row["author"] for row in store.pull_requests.rows()}
        assert opened == store.issue_events.rows()[0]["actor"] != store.issue_events.rows()[0]["assignee"]
    assert failed(store) == ["deployment:2"]


def test_branches_that_githubs_editor_names_carry_no_login(tmp_path):
    """Who edits a file in the browser gets the branch LOGIN-patch-1: in heads, subjects, titles, runs and previews."""
    head, login = f"{LOGINS[0]}-patch-1", LOGINS[0]
    lab = Lab(tmp_path, SERVICE)
    lab.people = sync.people_of(lab.settings)
    subject = f"Merge pull request #12 from {login}/{head}"
    merge = commit("m", "a f", at(2), author=LOGINS[2], subject=subject, head_ref=head, pull_request=12)
    ran = run(1, 1, "f", at(2), at(2), "success", event="pull_request", branch=head, actor=login)
    store = lab.write(
        commits=[commit("a", "", at(1)), commit("f", "a", at(1, "13:00"), author=login), merge],
        pull_requests=[pull(12, "m", at(2), author=login, head_ref=head)],
        workflow_runs=[ran],
        github_deployments=[deployment(1, "f", at(1, "14:00"), "preview", ref=head)],
    ).link()
    said = {name: store.arrow(f"select * from {name}").to_pandas().to_csv() for name in TABLES}
    assert [name for name, text in said.items() if login in text] == []


def test_names_are_stored_where_the_settings_say_so_and_addresses_never(tmp_path):
    lab = Lab(tmp_path, SERVICE, people=People("names", None)).write(**with_people())
    store = lab.link()
    assert {row["author"] for row in store.commits.rows()} == {"grace-hopper", "linus-t"}
    said = "".join(store.arrow(f"select * from {name}").to_pandas().to_csv() for name in TABLES)
    assert "navy.example" not in said and "noreply" not in said


def test_no_question_groups_by_a_person(tmp_path):
    store = built(tmp_path, SERVICE, **three())
    for metric in metrics.catalogue():
        with pytest.raises(QuestionError, match="never people"):
            metric.window(store, by="author")
