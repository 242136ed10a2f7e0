"""Failures and what they are charged to: each case is a handful of rows whose answer can be told by hand."""

import random
from datetime import timedelta

import pytest
from made_rows import (
    REPOSITORY,
    at,
    by_id,
    commit,
    derived,
    incident,
    issue,
    label,
    pull,
    reported,
    service,
    sha,
)

from devops_lab.delivery.references import History
from devops_lab.delivery.remedies import Version, version

FILE = {"from": "file", "path": "deployments.csv"}
ISSUES = {"from": "issues", "labels": ["incident"]}
NAMES = "abcdef"
LINE = [commit(name, NAMES[place - 1] if place else "", at(place + 1)) for place, name in enumerate(NAMES)]


def file_service(**keys):
    return service(FILE, **keys)


def failures(found, **wanted):
    """Failures by id without their prefix, reduced to deployment and grade."""
    return {
        row["failure_id"].split(":", 1)[1]: (row["deployment_id"], row["grade"])
        for row in found.failures
        if all(row[name] == value for name, value in wanted.items())
    }


def counted(found):
    """Failed and successful deployments, as change_fail_rate counts them."""
    good = {row["id"] for row in found.deployments if row["result"] == "success" and not row["excluded"]}
    failed = {row["deployment_id"] for row in found.failures if not row["excluded"]} & good
    return len(failed), len(good)


class TestCounting:
    def test_six_incidents_over_four_of_23_deployments(self):
        """Trap 1 and 4: 4/23 = 17.4 %, not 6/23 = 26.1 %; both ends are deployments."""
        made = [reported(f"d{n}", None, at(n)) for n in range(1, 24)]
        broken = [1, 1, 5, 9, 9, 20]
        incidents = [incident(f"i{n}", at(day, "13:00"), at(day, "14:00")) for n, day in enumerate(broken)]
        found = derived(file_service(), reported_deployments=made, incidents=incidents)
        assert len(found.failures) == 6
        failed, all_of_them = counted(found)
        assert (failed, all_of_them) == (4, 23)
        assert round(failed / all_of_them, 3) == 0.174

    def test_three_bugs_of_one_deployment_are_one_failed_deployment(self):
        """Trap 3, first half."""
        incidents = [incident(f"i{n}", at(1, f"1{n}:30")) for n in (3, 4, 5)]
        found = derived(file_service(), reported_deployments=[reported("d", None, at(1))], incidents=incidents)
        assert counted(found) == (1, 1)

    def test_an_incident_and_its_duplicate_are_100_percent_never_200(self):
        """Trap 3, second half: the duplicate is shown, and counts for nothing."""
        incidents = [incident("i1", at(1, "13:00")), incident("i2", at(1, "13:05"), duplicate_of="i1")]
        found = derived(file_service(), reported_deployments=[reported("d", None, at(1))], incidents=incidents)
        assert counted(found) == (1, 1)
        assert [row["excluded"] for row in found.failures] == [None, "duplicate"]

    def test_failed_and_cancelled_deployments_are_charged_by_no_window(self):
        """Trap 15 and 17: the incident of 13:00 belongs to the deployment that got there."""
        made = [
            reported("good", None, at(1, "10:00")),
            reported("bad", None, at(1, "11:00"), "failure"),
            reported("stopped", None, at(1, "11:30"), "cancelled"),
        ]
        found = derived(file_service(), reported_deployments=made, incidents=[incident("i", at(1, "13:00"))])
        assert failures(found) == {"i": ("good", "window")}


class TestWindow:
    def test_an_edge_of_exactly_24_hours_counts_and_a_minute_more_does_not(self):
        """Trap 5: never the last deployment however long ago; out of the window is unattributed."""
        incidents = [incident("edge", at(2)), incident("late", at(2, "12:01")), incident("early", at(1, "11:59"))]
        found = derived(file_service(), reported_deployments=[reported("d", None, at(1))], incidents=incidents)
        assert failures(found) == {"edge": ("d", "window"), "late": (None, None), "early": (None, None)}
        wide = derived(
            file_service(attribution_window=25), reported_deployments=[reported("d", None, at(1))], incidents=incidents
        )
        assert failures(wide)["late"] == ("d", "window")

    def test_an_incident_is_charged_to_its_own_service(self):
        """Trap 7: repository B deployed at 09:30, A's incident of 09:45 belongs to A's deployment of 08:00."""
        mine = [reported("a-0800", None, at(1, "08:00"))]
        found = derived(file_service(), reported_deployments=mine, incidents=[incident("i", at(1, "09:45"))])
        assert failures(found) == {"i": ("a-0800", "window")}
        nothing = derived(file_service(), incidents=[incident("i", at(1, "09:45"))])
        assert failures(nothing) == {"i": (None, None)}

    def test_later_deployments_change_no_attribution(self):
        """Trap 9: a day's result does not depend on what is asked for, or came after."""
        made = [reported(f"d{n}", None, at(n)) for n in range(1, 10)]
        incidents = [incident(f"i{n}", at(n, "15:00")) for n in range(1, 6)]
        short = derived(file_service(), reported_deployments=made[:5], incidents=incidents)
        long = derived(file_service(), reported_deployments=made, incidents=incidents)
        assert short.failures == long.failures


class TestLinks:
    def test_an_explicit_link_beats_the_window(self):
        made = [reported("d1", "a", at(1)), reported("d2", "b", at(2)), reported("d3", "c", at(3))]
        for named in ("d2", "deployment:d2", sha("b"), sha("b")[:7], sha("b")[:10].upper()):
            found = derived(
                file_service(),
                LINE,
                reported_deployments=made,
                incidents=[incident("i", at(3, "13:00"), caused_by=named)],
            )
            assert failures(found) == {"i": ("d2", "link")}, named

    def test_a_pull_request_leads_to_the_deployment_that_first_carried_it(self):
        pulls = [pull(12, "b", at(2))]
        made = [reported("d1", "a", at(1)), reported("d2", "c", at(3)), reported("d3", "d", at(4))]
        for named in ("#12", f"{REPOSITORY}#12"):
            found = derived(
                file_service(),
                LINE,
                pulls,
                reported_deployments=made,
                incidents=[incident("i", at(4, "13:00"), caused_by=named)],
            )
            assert failures(found) == {"i": ("d2", "link")}

    def test_a_run_means_its_attempt_that_got_there(self):
        from made_rows import run

        runs = [run(7, n, "a", at(n), at(n), "failure" if n == 1 else "success") for n in (1, 2, 3)]
        rule = {"from": "workflow", "workflow": "deploy.yml"}
        incidents = [
            incident("i", at(9), caused_by="run:7"),
            incident("j", at(9), caused_by="run:7/2"),
            incident("k", at(9), caused_by="run:7/1"),
        ]
        found = derived(service(rule), LINE, workflow_runs=runs, incidents=incidents)
        assert failures(found) == {
            "i": ("run:7/3", "link"),
            "j": ("run:7/2", "link"),
            "k": ("run:7/1", "link"),
        }
        assert counted(found)[0] == 2

    def test_of_several_causes_the_latest_before_the_failure_is_charged(self):
        made = [reported(f"d{n}", NAMES[n - 1], at(n)) for n in (1, 2, 3, 4)]
        found = derived(
            file_service(),
            LINE,
            reported_deployments=made,
            incidents=[incident("i", at(3, "13:00"), caused_by="d4 d2 d3")],
        )
        assert failures(found) == {"i": ("d3", "link")}

    def test_a_cause_from_before_records_or_not_deployed_charges_nobody(self):
        """The window would charge the latest deployment, which is known to be innocent."""
        made = [reported("d1", "b", at(2)), reported("d2", "c", at(3))]
        for named in (sha("a"), sha("e")):
            found = derived(
                file_service(),
                LINE,
                reported_deployments=made,
                incidents=[incident("i", at(3, "13:00"), caused_by=named)],
            )
            assert failures(found) == {"i": (None, None)}

    def test_a_cause_nobody_knows_is_told_and_the_next_evidence_counts(self):
        found = derived(
            file_service(),
            reported_deployments=[reported("d1", None, at(1))],
            incidents=[incident("i", at(1, "13:00"), caused_by="run:404")],
        )
        assert failures(found) == {"i": ("d1", "window")}
        [warning] = found.warnings
        assert "incident i names 'run:404'" in warning

    def test_a_duplicate_gives_its_evidence_to_the_original(self):
        made = [reported("d1", "a", at(1)), reported("d2", "b", at(2))]
        incidents = [
            incident("i1", at(2, "13:00"), duplicate_of="i2"),
            incident("i2", at(2, "13:00"), duplicate_of="i3"),
            incident("i3", at(2, "13:00")),
        ]
        incidents[0]["caused_by"] = "d1"
        found = derived(file_service(), LINE, reported_deployments=made, incidents=incidents)
        assert failures(found) == dict.fromkeys(("i1", "i3"), ("d1", "link")) | {"i2": ("d2", "window")}

    def test_duplicates_in_a_circle_end(self):
        incidents = [incident("i1", at(1), duplicate_of="i2"), incident("i2", at(1), duplicate_of="i1")]
        found = derived(file_service(), incidents=incidents)
        assert {row["excluded"] for row in found.failures} == {"duplicate"}


class TestReverts:
    MADE = [reported(f"d{n}", name, at(n)) for n, name in enumerate("abcd", 1)]

    def revert(self, target, place=3, **more):
        """`LINE` with the commit at `place` reverting what `target` says."""
        line = [dict(row) for row in LINE]
        line[place] |= {"subject": f'Revert "{target}"', "reverts": target, **more}
        return line

    def test_a_revert_names_what_it_mends(self):
        """Trap 8: d mends b, so d2 is charged, not the good d3 that came last."""
        found = derived(file_service(), self.revert(sha("b")), reported_deployments=self.MADE)
        [row] = found.failures
        assert (row["deployment_id"], row["grade"], row["remedy"]) == ("d2", "remedy", "revert")
        assert (row["failure_id"], row["remedy_deployment_id"]) == (f"remedy:{sha('d')}", "d4")
        assert (row["started_at"], row["recovered_at"]) == (at(4), at(4))
        unplanned = {row["id"]: row["unplanned"] for row in found.deployments}
        assert unplanned == {"d1": False, "d2": False, "d3": False, "d4": True}
        assert by_id(found.deployments)["d4"]["unplanned_reason"] == f"carries revert {sha('d')}"

    def test_a_revert_in_the_same_first_release_is_no_failure(self):
        """c is reverted by d; both first reach production with d4."""
        made = [row for row in self.MADE if row["id"] != "d3"]
        found = derived(file_service(), self.revert(sha("c")), reported_deployments=made)
        assert found.failures == []
        assert not any(row["unplanned"] for row in found.deployments)

    def test_a_revert_of_what_was_never_deployed_is_no_failure(self):
        found = derived(file_service(), self.revert(sha("c"), 4), reported_deployments=self.MADE[:2])
        assert found.failures == []

    def test_a_revert_that_waits_is_an_open_failure(self):
        found = derived(file_service(), self.revert(sha("b"), 4), reported_deployments=self.MADE)
        [row] = found.failures
        assert (row["deployment_id"], row["recovered_at"], row["remedy_deployment_id"]) == ("d2", None, None)

    def test_a_revert_of_what_was_there_before_records_is_unattributed(self):
        found = derived(file_service(), self.revert(sha("a")), reported_deployments=self.MADE)
        assert failures(found) == {sha("d"): (None, None)}
        assert by_id(found.deployments)["d4"]["unplanned"]

    def test_a_revert_of_nobody_knows_what_is_shown_and_left_out(self):
        found = derived(file_service(), self.revert("0123456789abcdef"), reported_deployments=self.MADE)
        [row] = found.failures
        assert (row["excluded"], row["deployment_id"]) == ("target unknown", None)
        assert not by_id(found.deployments)["d4"]["unplanned"]

    def test_a_squashed_commit_leads_to_its_pull_request(self):
        pulls = [pull(12, "b", at(2))]
        own = [
            {"number": 12, "sha": sha("gone"), "authored_at": at(1), "subject": "x", "is_bot": False, "reverts": None}
        ]
        for named in (sha("gone"), "#12", sha("b")):
            found = derived(file_service(), self.revert(named), pulls, own, reported_deployments=self.MADE)
            assert failures(found) == {sha("d"): ("d2", "remedy")}, named

    def test_a_pull_request_that_reverts_is_one_remedy_dated_at_its_merge(self):
        pulls = [pull(12, "b", at(2)), pull(13, "d", at(4, "09:00"), title='Revert "x"', reverts="#12")]
        found = derived(file_service(), LINE, pulls, reported_deployments=self.MADE)
        [row] = found.failures
        assert (row["remedy_id"], row["started_at"], row["recovered_at"]) == ("#13", at(4, "09:00"), at(4))

    def test_bringing_back_what_was_reverted_mends_nothing(self):
        line = self.revert(sha("b"), 2)
        line[3] |= {"subject": 'Reapply "b"', "reverts": sha("c")}
        found = derived(file_service(), line, reported_deployments=self.MADE)
        assert failures(found) == {sha("c"): ("d2", "remedy")}
        line[4] |= {"subject": 'Revert "Reapply "b""', "reverts": sha("d")}
        made = [*self.MADE, reported("d5", "e", at(5))]
        found = derived(file_service(), line, reported_deployments=made)
        assert failures(found) == {sha("c"): ("d2", "remedy"), sha("e"): ("d4", "remedy")}

    def test_a_revert_of_two_deployments_fails_both(self):
        found = derived(file_service(), self.revert(f"{sha('c')} {sha('b')}"), reported_deployments=self.MADE)
        assert failures(found) == {sha("d"): ("d2", "remedy"), f"{sha('d')} (2)": ("d3", "remedy")}

    def test_reverts_can_be_switched_off(self):
        one = file_service(rework={"reverts": False})
        assert derived(one, self.revert(sha("b")), reported_deployments=self.MADE).failures == []

    def test_unknown_shas_make_changes_unknown_and_charge_nobody(self):
        """Trap 19: d2's sha is not known, so what d3 first reaches may have been there with d2 already."""
        made = [self.MADE[0], reported("d2", "nowhere", at(2)), self.MADE[2], self.MADE[3]]
        found = derived(file_service(), self.revert(sha("b")), reported_deployments=made)
        assert failures(found) == {sha("d"): (None, None)}


class TestOtherRemedies:
    def test_a_rollback_mends_what_it_replaces(self):
        made = [reported("d1", "a", at(1)), reported("d2", "b", at(2)), reported("d3", "a", at(3))]
        found = derived(file_service(), LINE, reported_deployments=made)
        [row] = found.failures
        assert (row["failure_id"], row["remedy"], row["deployment_id"]) == ("remedy:d3", "rollback", "d2")
        assert (row["started_at"], row["recovered_at"]) == (at(3), at(3))
        assert by_id(found.deployments)["d3"]["unplanned_reason"] == "rollback of d2"
        off = derived(file_service(rework={"rollbacks": False}), LINE, reported_deployments=made)
        assert off.failures == []

    def test_a_redeploy_of_one_sha_mends_nothing(self):
        made = [reported("d1", "a", at(1)), reported("d2", "a", at(2))]
        assert derived(file_service(), LINE, reported_deployments=made).failures == []

    @pytest.mark.parametrize("rework", [{"labels": ["hotfix"]}, {"branches": ["hotfix/*"]}])
    def test_a_hotfix_is_charged_by_the_window_before_its_first_commit(self, rework):
        """First commit on the 3rd at 11:00: d2 of the 2nd, 12:00; not d3, which came out while it was written."""
        pulls = [pull(12, "d", at(4), head_ref="hotfix/x")]
        line = [dict(row) for row in LINE]
        line[3]["authored_at"] = at(3, "11:00")
        made = [reported(f"d{n}", name, at(n)) for n, name in enumerate("abcd", 1)]
        labels = [label(12, "Hotfix", True), label(12, "x", True)]
        one = file_service(rework=rework)
        found = derived(one, line, pulls, reported_deployments=made, issue_labels=labels)
        [row] = found.failures
        assert (row["remedy"], row["remedy_id"], row["deployment_id"]) == ("hotfix", "#12", "d2")
        assert (row["grade"], row["started_at"], row["recovered_at"]) == ("window", at(4), at(4))
        assert by_id(found.deployments)["d4"]["unplanned"]

    def test_a_hotfix_is_never_charged_to_its_own_deployment(self):
        """Its clock is wrong: authored after it was deployed."""
        pulls = [pull(12, "d", at(4), head_ref="hotfix/x")]
        line = [dict(row) for row in LINE]
        line[3]["authored_at"] = at(4, "18:00")
        made = [reported("d1", "a", at(1)), reported("d4", "d", at(4))]
        found = derived(file_service(rework={"branches": ["hotfix/*"]}), line, pulls, reported_deployments=made)
        assert failures(found) == {"#12": (None, None)}

    def test_a_patch_release_mends_the_release_before_it_on_its_line(self):
        line = [
            commit("a", "", at(1)),
            commit("b", "a", at(2)),
            commit("fix", "a", at(3)),
            commit("fix2", "fix", at(5)),
        ]
        tags = [
            {"tag": tag, "sha": sha(name), "tagged_at": when}
            for tag, name, when in [
                ("v1.0.0", "a", at(1)),
                ("v1.1.0", "b", at(2)),
                ("1.0.1", "fix", at(3)),
                ("v1.0.3", "fix2", at(5)),
            ]
        ]
        one = service({"from": "tags", "tags": ["**"]}, rework={"patch_releases": True})
        found = derived(one, line, branches={"main": sha("b")}, tags=tags)
        assert failures(found) == {
            "tag:1.0.1": ("tag:v1.0.0", "remedy"),
            "tag:v1.0.3": ("tag:1.0.1", "remedy"),
        }
        row = by_id(found.failures, "remedy_id")["tag:v1.0.3"]
        assert (row["remedy"], row["started_at"], row["recovered_at"]) == ("patch_release", at(5), at(5))
        assert by_id(found.deployments)["tag:1.0.1"]["unplanned_reason"] == "patch release of tag:v1.0.0"
        off = service({"from": "tags", "tags": ["**"]})
        assert derived(off, line, branches={"main": sha("b")}, tags=tags).failures == []

    def test_a_patch_release_whose_line_is_not_known_is_unattributed(self):
        tags = [{"tag": "v2.37.5", "sha": sha("a"), "tagged_at": at(1)}]
        one = service({"from": "tags", "tags": ["**"]}, rework={"patch_releases": True})
        assert failures(derived(one, LINE, tags=tags)) == {"tag:v2.37.5": (None, None)}

    def test_all_changes_or_any(self):
        line = [dict(row) for row in LINE]
        line[3] |= {"subject": "Revert", "reverts": sha("b")}
        made = [reported("d1", "a", at(1)), reported("d2", "b", at(2)), reported("d4", "d", at(4))]
        alone = [*made[:2], reported("d3", "c", at(3)), made[2]]
        for of_changes, deployed, expected in [("any", made, True), ("all", made, False), ("all", alone, True)]:
            one = file_service(rework={"of_changes": of_changes})
            found = derived(one, line, reported_deployments=deployed)
            assert by_id(found.deployments)["d4"]["unplanned"] is expected

    def test_versions(self):
        assert version("v1.2.3") == version("1.2.3") == version("1.2.3+build.5") == Version("", 1, 2, 3)
        assert version("api-v1.2.3") == version("api/v1.2.3") == version("api@1.2.3") == Version("api", 1, 2, 3)
        for tag in ("v2.0.0.-alpha.3", "v1.2.3-rc.0", "1.0.0-0.3.7", "v1.2", "v1", "main", "", None, "v1.2.3.4"):
            assert version(tag) is None, tag


class TestIncidents:
    def test_an_incident_recovers_when_it_is_resolved_or_its_remedy_deployed(self):
        line = [dict(row) for row in LINE]
        line[3] |= {"subject": "mend", "closes": "5"}
        issues = [issue(5, at(2, "13:00"), at(6))]
        made = [reported(f"d{n}", name, at(n)) for n, name in enumerate("abcd", 1)]
        given = {"reported_deployments": made, "issue_labels": [label(5, "incident")]}
        found = derived(file_service(incident=ISSUES), line, issues=issues, **given)
        [row] = found.failures
        assert (row["failure_id"], row["deployment_id"]) == (f"incident:{REPOSITORY}#5", "d2")
        assert (row["recovered_at"], row["remedy"], row["remedy_deployment_id"]) == (at(4), "fix", "d4")
        assert by_id(found.deployments)["d4"]["unplanned"]
        resolved = [issue(5, at(2, "13:00"), at(3))]
        [row] = derived(file_service(incident=ISSUES), line, issues=resolved, **given).failures
        assert row["recovered_at"] == at(3)

    def test_a_remedy_that_closes_an_incident_joins_its_failure(self):
        """The revert names b, so the incident is charged to d2, not to d3 in whose window it lies."""
        pulls = [pull(12, "b", at(2)), pull(13, "d", at(4), reverts="#12", closes="5")]
        made = [reported(f"d{n}", name, at(n)) for n, name in enumerate("abcd", 1)]
        found = derived(
            file_service(incident=ISSUES),
            LINE,
            pulls,
            reported_deployments=made,
            issues=[issue(5, at(3, "13:00"))],
            issue_labels=[label(5, "incident")],
        )
        [row] = found.failures
        assert (row["source_kind"], row["deployment_id"], row["grade"]) == ("incident", "d2", "remedy")
        assert (row["remedy"], row["remedy_id"], row["recovered_at"]) == ("revert", "#13", at(4))

    @pytest.mark.parametrize("named", ["d3", "#12", sha("c")[:9]])
    def test_an_incident_names_its_remedy(self, named):
        pulls = [pull(12, "c", at(3))]
        made = [reported(f"d{n}", name, at(n)) for n, name in enumerate("abc", 1)]
        found = derived(
            file_service(),
            LINE,
            pulls,
            reported_deployments=made,
            incidents=[incident("i", at(2, "13:00"), at(9), fixed_by=named)],
        )
        [row] = found.failures
        assert (row["deployment_id"], row["recovered_at"], row["remedy_deployment_id"]) == ("d2", at(3), "d3")
        assert [row["unplanned"] for row in found.deployments] == [False, False, True]

    def test_a_remedy_deployed_before_the_incident_began_mends_nothing(self):
        made = [reported("d1", "a", at(1)), reported("d2", "b", at(2))]
        found = derived(
            file_service(),
            LINE,
            reported_deployments=made,
            incidents=[incident("i", at(2, "13:00"), fixed_by="d1")],
        )
        [row] = found.failures
        assert (row["recovered_at"], row["deployment_id"]) == (None, "d2")
        assert not any(row["unplanned"] for row in found.deployments)

    def test_closed_by_an_import_without_a_date(self):
        """Trap 10: the closed event's time, else the issue's last update."""
        row = issue(5, at(2), at(3)) | {"closed_at": None, "updated_at": at(6)}
        given = {"issues": [row], "issue_labels": [label(5, "incident")]}
        [without] = derived(file_service(incident=ISSUES), **given).failures
        assert without["recovered_at"] == at(6)
        closings = [{"number": 5, "event": "closed", "created_at": at(day)} for day in (4, 3)]
        found = derived(file_service(incident=ISSUES), closings=closings, **given)
        assert found.failures[0]["recovered_at"] == at(4)
        assert found.incidents[0]["resolved_at"] == at(4)

    def test_reopened_issues_are_open(self):
        row = issue(5, at(2)) | {"closed_at": at(3)}
        found = derived(file_service(incident=ISSUES), issues=[row], issue_labels=[label(5, "incident")])
        assert found.failures[0]["recovered_at"] is None

    def test_a_cloud_outage_is_an_incident_and_no_failure_of_the_team(self):
        """Trap 6: out of the fail rate and of recovery, and still among the incidents."""
        found = derived(
            file_service(incident=ISSUES),
            LINE,
            reported_deployments=[reported("d1", "a", at(1))],
            issues=[issue(5, at(1, "13:00"))],
            issue_labels=[label(5, "Incident"), label(5, "not-a-change")],
        )
        assert counted(found) == (0, 1)
        assert [row["excluded"] for row in found.failures] == ["not a change"]
        assert [row["not_a_change"] for row in found.incidents] == [True]

    @pytest.mark.parametrize(
        ("more", "labels", "original"),
        [
            ({"duplicate_of": "#4"}, [], f"{REPOSITORY}#4"),
            ({"duplicate_of": f"{REPOSITORY}#4"}, [], f"{REPOSITORY}#4"),
            ({}, [label(5, "duplicate")], "unknown"),
            ({"state_reason": "duplicate"}, [], "unknown"),
        ],
    )
    def test_duplicates_of_issues(self, more, labels, original):
        found = derived(
            file_service(incident=ISSUES),
            issues=[issue(5, at(1, "13:00"), **more)],
            issue_labels=[label(5, "incident"), *labels],
        )
        assert found.incidents[0]["duplicate_of"] == original
        assert found.failures[0]["excluded"] == "duplicate"

    def test_labels_of_pull_requests_make_no_incidents(self):
        found = derived(
            file_service(incident=ISSUES), issues=[issue(5, at(1))], issue_labels=[label(5, "incident", True)]
        )
        assert found.incidents == []


def test_a_promotion_that_is_reverted_fails_the_deployment_that_carried_it():
    line = [
        commit("a", "", at(1)),
        commit("x", "a", at(2)),
        commit("m", "a x", at(3)),
        commit("r", "m", at(4), subject='Revert "Merge"', reverts=sha("m")),
    ]
    made = [reported(f"d{n}", name, at(n)) for n, name in ((1, "a"), (3, "m"), (4, "r"))]
    assert failures(derived(file_service(), line, reported_deployments=made)) == {sha("r"): ("d3", "remedy")}


def test_shortened_shas_that_fit_two_commits_name_neither():
    rows = [
        {"sha": f"abcdef1{tail}", "change_id": tail, "is_result": True, "deployment_id": None} for tail in ("00", "11")
    ]
    history = History("r", [], rows)
    assert history.change("abcdef1") is None
    assert history.change("abcdef10")["change_id"] == "00"
    assert history.change("abcdef") is None


@pytest.mark.parametrize("seed", range(6))
def test_row_order_does_not_matter_and_shifted_times_shift_the_result(seed):
    dice = random.Random(seed)
    line = [dict(row) for row in LINE]
    for place in (3, 5):
        line[place] |= {"subject": "Revert", "reverts": sha(dice.choice("abc"))}
    made = [reported(f"d{n}", dice.choice("abcdef"), at(n, f"{dice.randrange(10, 20)}:00")) for n in range(1, 12)]
    incidents = [incident(f"i{n}", at(dice.randrange(1, 12))) for n in range(5)]
    incidents[1]["caused_by"], incidents[2]["duplicate_of"], incidents[3]["fixed_by"] = "d3 d5", "i0", "d8"
    pulls = [pull(12, "c", at(3), closes="4", head_ref="hotfix/x")]
    one = file_service(rework={"branches": ["hotfix/*"]})
    tables = {"reported_deployments": made, "incidents": incidents}
    straight = derived(one, line, pulls, **tables)
    mixed = derived(
        one,
        dice.sample(line, len(line)),
        pulls,
        branches={"main": sha("f")},
        **{name: dice.sample(rows, len(rows)) for name, rows in tables.items()},
    )
    for name in ("deployments", "changes", "failures"):
        key = {"failures": "failure_id", "changes": "sha"}.get(name, "id")
        assert by_id(getattr(straight, name), key) == by_id(getattr(mixed, name), key)

    def later(rows):
        week = timedelta(weeks=1)
        return [{k: v + week if hasattr(v, "hour") else v for k, v in row.items()} for row in rows]

    shifted = derived(one, later(line), later(pulls), **{name: later(rows) for name, rows in tables.items()})
    assert shifted.failures == later(straight.failures)
    assert shifted.deployments == later(straight.deployments)
