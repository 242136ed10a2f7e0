"""corrections.toml: reading, writing, taking back, and what a correction changes."""

from datetime import UTC, datetime

import pytest
from made_rows import REPOSITORY, at, by_id, commit, derived, incident, issue, label, reported, service, sha

from devops_lab import config
from devops_lab.delivery import corrections, derive
from devops_lab.delivery.corrections import Correction
from devops_lab.errors import ConfigError

FILE = {"from": "file", "path": "x.csv"}
LINE = [commit("a", "", at(1)), commit("b", "a", at(2)), commit("c", "b", at(3))]
MADE = [reported("d1", "a", at(1)), reported("d2", "b", at(2)), reported("d3", "c", at(3))]
MADE_AT = datetime(2026, 4, 1)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "corrections.toml"


def say(kind, id, made_at=MADE_AT, service="checkout", **values):
    return Correction(kind, service, id, "ada", made_at, "because", values)


def told(*said, incidents=(), made=MADE, **keys):
    return derived(service(FILE, **keys), LINE, reported_deployments=made, incidents=incidents, corrections=said)


class TestFile:
    def test_no_file_means_no_corrections(self, path):
        assert corrections.load(path) == []

    def test_what_is_added_can_be_read_and_taken_back(self, path):
        path.write_text("# reviewed in Git\n\n[[correction]]  # the outage\n" + _entry("i1", "not_a_change = true"))
        before = path.read_text()
        moment = datetime(2026, 5, 1, 10, 30, tzinfo=UTC)
        added = corrections.add(
            path,
            kind="deployment",
            id="d1",
            service="checkout",
            by="bob",
            reason='said "so"',
            made_at=moment,
            excluded=True,
        )
        first, second = corrections.load(path)
        assert second == added
        assert (second.made_at, second.values) == (datetime(2026, 5, 1, 10, 30), {"excluded": True})
        assert first.values == {"not_a_change": True}
        assert path.read_text().startswith(before)
        assert "# the outage" in path.read_text()
        assert str(added) == 'checkout: deployment d1: excluded = True (bob, 2026-05-01: said "so")'
        assert corrections.undo(path) == added
        assert corrections.load(path) == [first]
        assert corrections.undo(path, 1) == first
        assert corrections.load(path) == []

    def test_numbers_are_those_of_the_list_not_of_the_file(self, path):
        path.write_text(
            "".join("[[correction]]\n" + _entry(f"i{day}", "not_a_change = true", day) for day in (3, 1, 2))
        )
        assert [one.id for one in corrections.load(path)] == ["i1", "i2", "i3"]
        assert corrections.undo(path, 2).id == "i2"
        assert corrections.undo(path).id == "i3"

    @pytest.mark.parametrize("number", [0, 2, -1])
    def test_taking_back_what_is_not_there(self, path, number):
        path.write_text("[[correction]]\n" + _entry("i1", "not_a_change = true"))
        with pytest.raises(ConfigError, match=f"there is no correction {number}; there are 1"):
            corrections.undo(path, number)
        path.unlink()
        with pytest.raises(ConfigError, match="nothing to take back"):
            corrections.undo(path)

    def test_all_problems_at_once(self, path):
        path.write_text(
            "[[correction]]\n"
            + _entry("i1", 'result = "success"')
            + "[[correction]]\n"
            + _entry("d1", 'result = "fine"\nexcluded = 1').replace("incident", "deployment")
            + '[[correction]]\nkind = "run"\n[[correction]]\nkind = "incident"\nmade_at = "yesterday"\n[other]\n'
        )
        with pytest.raises(ConfigError) as caught:
            corrections.load(path)
        found = caught.value.problems
        assert "'other' is no setting here; each correction begins with [[correction]]" in found
        assert (
            "correction 1: corrects nothing; set one of deployment, not_a_change, duplicate_of, started_at, resolved_at"
            in found
        )
        assert "correction 2: excluded = 1: must be true or false" in found
        assert "correction 2: result = 'fine': must be 'success' or 'failure'" in found
        assert "correction 3: kind = 'run': must be 'incident' or 'deployment'" in found
        assert "correction 4: made_at = 'yesterday': must be an instant such as 2026-01-02T03:04:05Z" in found
        assert "correction 4: 'by' is missing" in found

    @pytest.mark.parametrize("text", ["correction = 3", "[correction]\nid = 'x'", "x ="])
    def test_files_that_are_none(self, path, text):
        path.write_text(text)
        with pytest.raises(ConfigError):
            corrections.load(path)

    def test_nothing_is_written_by_halves(self, path):
        path.write_text("[[correction]]\n" + _entry("i1", "not_a_change = true"))
        before = path.read_text()
        with pytest.raises(ConfigError, match="result = 'fine'"):
            corrections.add(path, "deployment", "checkout", "d1", by="b", reason="r", result="fine")
        assert path.read_text() == before
        assert [one.name for one in path.parent.iterdir()] == [path.name]
        with pytest.raises(ConfigError, match="cannot be written"):
            corrections.add(path.parent / "none" / "c.toml", "deployment", "s", "d", by="b", reason="r", excluded=True)


class TestIncidents:
    def test_a_correction_beats_every_other_evidence(self):
        happened = [incident("i", at(3, "13:00"), caused_by="d2")]
        [row] = told(say("incident", "i", deployment="d1"), incidents=happened).failures
        assert (row["deployment_id"], row["grade"]) == ("d1", "correction")
        [row] = told(incidents=happened).failures
        assert (row["deployment_id"], row["grade"]) == ("d2", "link")

    def test_the_later_of_two_corrections_wins(self, path):
        path.write_text(
            "".join("[[correction]]\n" + _entry("i", f'deployment = "d{n}"', day) for n, day in ((1, 20), (2, 10)))
        )
        [row] = told(*corrections.load(path), incidents=[incident("i", at(3, "13:00"))]).failures
        assert row["deployment_id"] == "d1"

    def test_not_a_change_and_duplicate(self):
        happened = [incident("i", at(3, "13:00")), incident("j", at(3, "13:01"))]
        said = say("incident", "i", not_a_change=True), say("incident", "j", duplicate_of="i")
        assert [row["excluded"] for row in told(*said, incidents=happened).failures] == ["not a change", "duplicate"]
        taken_out = [incident("i", at(3, "13:00"), not_a_change=True)]
        [row] = told(say("incident", "i", not_a_change=False), incidents=taken_out).failures
        assert row["excluded"] is None

    def test_its_times(self):
        said = say("incident", "i", started_at=at(2, "13:00"), resolved_at=at(2, "15:00"))
        [row] = told(said, incidents=[incident("i", at(9))]).failures
        assert (row["deployment_id"], row["started_at"], row["recovered_at"]) == ("d2", at(2, "13:00"), at(2, "15:00"))

    def test_an_issue_is_meant_by_its_number_too_and_the_stored_incident_is_corrected(self):
        found = derived(
            service(FILE, incident={"from": "issues", "labels": ["incident"]}),
            issues=[issue(5, at(1))],
            issue_labels=[label(5, "incident")],
            corrections=[say("incident", "#5", not_a_change=True)],
        )
        assert found.incidents[0]["id"] == f"{REPOSITORY}#5"
        assert found.incidents[0]["not_a_change"] is True
        assert found.warnings == []


class TestDeployments:
    def test_excluded_carries_nothing_and_is_charged_nothing(self):
        found = told(say("deployment", "d2", excluded=True), incidents=[incident("i", at(2, "13:00"))])
        rows = by_id(found.deployments)
        assert (rows["d2"]["excluded"], rows["d3"]["replaces_id"]) == ("by correction", "d1")
        assert by_id(found.changes, "sha")[sha("b")]["deployment_id"] == "d3"
        assert found.failures[0]["deployment_id"] is None

    def test_excluded_can_be_taken_back_by_a_later_correction(self):
        said = say("deployment", "d2", excluded=True), say("deployment", "d2", excluded=False)
        assert by_id(told(*said).deployments)["d2"]["excluded"] is None

    def test_unplanned_or_planned(self):
        rows = by_id(told(say("deployment", "d2", unplanned=True)).deployments)
        assert (rows["d2"]["unplanned"], rows["d2"]["unplanned_reason"]) == (True, "by correction")
        back = [*MADE, reported("d4", "a", at(4))]
        assert len(told(made=back).failures) == 1
        found = told(say("deployment", "d4", unplanned=False), made=back)
        assert by_id(found.deployments)["d4"]["unplanned"] is False
        assert found.failures == []

    def test_result(self):
        rows = by_id(told(say("deployment", "d2", result="failure")).deployments)
        assert (rows["d2"]["result"], rows["d3"]["replaces_id"]) == ("failure", "d1")

    def test_any_of_its_names_will_do(self):
        assert by_id(told(say("deployment", "deployment:d2", excluded=True)).deployments)["d2"]["excluded"]

    def test_what_names_nothing_is_told_and_harms_nothing(self, tmp_path, store):
        found = told(
            say("deployment", "d9", excluded=True),
            say("incident", "i9", not_a_change=True),
            say("incident", "i", deployment="d9"),
            say("deployment", "d1", service="other", excluded=True),
            incidents=[incident("i", at(3, "13:00"))],
        )
        assert [row["excluded"] for row in found.deployments] == [None] * 3
        assert found.failures[0]["grade"] == "window"
        assert len(found.warnings) == 3
        assert all("corrections.toml: " in warning for warning in found.warnings)


def test_derive_fills_the_store_once_and_leaves_incidents_of_files_alone(tmp_path, store):
    (tmp_path / "lab.toml").write_text(
        f"""
[[service]]
name = "checkout"
repository = "{REPOSITORY}"
deployment = {{ from = "file", path = "d.csv" }}
incident = [{{ from = "issues", labels = ["incident"] }}, {{ from = "file", path = "i.csv" }}]
"""
    )
    corrections.add(tmp_path / "corrections.toml", "deployment", "nobody", "d1", by="ada", reason="x", excluded=True)
    store.write("commits", [{"repository": REPOSITORY, **row} for row in LINE], "git")
    store.write("branches", [{"repository": REPOSITORY, "branch": "main", "sha": sha("c")}], "git")
    store.write("reported_deployments", [{"service": "checkout", **row} for row in MADE], "file")
    store.write("issues", [{"repository": REPOSITORY, **issue(5, at(2, "13:00"))}], "github")
    store.write("issue_labels", [{"repository": REPOSITORY, **label(5, "incident")}], "github")
    store.write("incidents", [{"service": "checkout", **incident("i", at(3, "13:00"))}], "file")
    settings = config.load(tmp_path / "lab.toml")
    for _ in range(2):
        [warning] = derive(store, settings)
        assert "there is no service 'nobody'" in warning
        assert len(store.deployments.rows()) == 3
        assert {row["id"]: row["source"] for row in store.incidents.rows()} == {
            f"{REPOSITORY}#5": "delivery",
            "i": "file",
        }
        charged = {row["incident_id"]: row["deployment_id"] for row in store.failures.rows()}
        assert charged == {f"{REPOSITORY}#5": "d2", "i": "d3"}
    before = store.failures.rows()
    derive(store, settings)
    assert store.failures.rows() == before


def _entry(id, value, day=1):
    return (
        f'kind = "incident"\nservice = "checkout"\nid = "{id}"\nby = "ada"\n'
        f'made_at = 2026-04-{day:02}T03:04:05Z\nreason = "why"\n{value}\n\n'
    )
