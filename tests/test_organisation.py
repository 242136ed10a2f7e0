"""An organisation of 40 services in 30 repositories: from nothing to a first sync with three repositories in trouble.

`init --organisation`, two edits, `sync`: one repository fails, one is forbidden, one was renamed.
"""

import json
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner

from devops_lab import config, sync
from devops_lab.cli import cli
from devops_lab.cli.outcomes import COMPLETE, FAILED, PARTLY, REFUSED, state, summary, told
from devops_lab.errors import AccessError, SourceError
from devops_lab.practice.server import Options, serve
from devops_lab.practice.settings import lab_toml
from devops_lab.practice.world.large import make_large, plans
from devops_lab.store import Store, Written
from devops_lab.sync import Outcome
from devops_lab.sync.discovering import discovered

pytestmark = pytest.mark.server
RENAMED = {"larch/alerts-old": "larch/alerts"}
TROUBLES = {"larch/events": "failing", "larch/taxes": "forbidden"}
LONE = """
[[service]]
name = "alerts"
team = "identity"
repository = "larch/alerts-old"
deployment = { from = "workflow", workflow = "deploy.yml", jobs = ["deploy-*"] }
"""


@pytest.fixture(scope="module")
def world():
    until = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    return make_large(1, until=until, months=2)


@pytest.fixture(scope="module")
def lab(world, tmp_path_factory):
    """The folder of the lab after its first sync, what `init` and the sync said, and how the sync ended."""
    path = tmp_path_factory.mktemp("larch") / "lab.toml"
    options = Options(limit=10**9, renamed=RENAMED)
    patch = pytest.MonkeyPatch()
    patch.setenv("GITHUB_TOKEN", "practice")
    patch.setenv("DEVOPS_LAB_PRIVACY_KEY", "k" * 40)
    patch.setattr("devops_lab.github_api.GitHubClient._wait", lambda client, pause, attempt: None)
    run = CliRunner()
    with serve(world, options=options) as url:
        made = run.invoke(cli, ["init", "--organisation", "larch", "--url", url, "--config", str(path)])
        written = path.read_text()
        options_now = written.replace('timezone = "UTC"', 'timezone = "UTC"\nphases = []')  # the first edit
        path.write_text(options_now + LONE)  # the second
        from_server(url, {"troubles": TROUBLES})
        first = run.invoke(cli, ["sync", "--config", str(path), "--since", "35d"], standalone_mode=False)
        yield path, made, written, first, url, run
    patch.undo()


def from_server(url, switches):
    import requests

    assert requests.post(f"{url}/_practice/control", json=switches).status_code == 200


def test_there_are_forty_services_in_thirty_repositories(world):
    repositories = set(world.services.values())
    assert (len(world.services), len(repositories), len(world.repositories)) == (40, 30, 33)
    assert sum(len(plan.services) > 1 for plan in plans()) == 6
    assert {dict(plan.properties)["team"] for plan in plans()} == {
        "payments", "storefront", "platform", "logistics", "insights", "identity",
    }  # fmt: skip
    with pytest.raises(ValueError, match="40 and 30 do"):
        plans(60, 30)
    assert len([*plans(50, 38)]) == 38


def test_the_same_company_can_be_written_down_block_by_block(world, tmp_path):
    (tmp_path / "lab.toml").write_text(lab_toml(world.name, "http://127.0.0.1:1", dora_alone=True, plans=plans()))
    found = config.load(tmp_path / "lab.toml").service
    assert {one.name: one.repository for one in found} == world.services


def test_init_and_two_edits_make_a_short_file_that_finds_every_service(lab, world):
    path, made, written, *_ = lab
    assert made.exit_code == 0, made.output
    assert "40 services in 30 repositories, in 4 groups" in made.output
    assert len(path.read_text().splitlines()) < 60
    assert written.count("\n[[discover]]\n") == 4 and "\n[[service]]" not in written
    services = {one.name: one for one in config.load(path).service}
    assert {name: one.repository for name, one in services.items()} == {
        **world.services, "alerts": "larch/alerts-old",
    }  # fmt: skip
    teams = {service.name: service.team for plan in plans() for service in plan.services}
    assert {name: one.team for name, one in services.items()} == {**teams, "alerts": "identity"}


def test_the_first_sync_ends_in_a_table_and_the_other_services_are_complete(lab):
    path, _, _, first, *_ = lab
    assert first.return_value == 1 and first.exception is None
    lines = first.output.splitlines()
    row = {line.split()[0]: line.split()[1] for line in lines if line.startswith("larch/")}
    assert len(row) == 30 and row["larch/events"] == FAILED and row["larch/taxes"] == REFUSED
    assert row["larch/alerts-old"] == COMPLETE and sum(word == COMPLETE for word in row.values()) == 28
    assert "38 of 40 services are complete (sources: 1 failed, 1 refused, 29 complete)" in lines
    assert "HTTP 502 Server Error, 12 times" in first.output
    assert "it needs metadata: read" in " ".join(first.output.split())
    assert "larch/alerts-old is larch/alerts now" in " ".join(first.output.split())
    store = Store(config.load(path).store)
    found = store.rows("select service, count(*) as n from deployments group by service")
    counts = {one["service"]: one["n"] for one in found}
    assert len(counts) >= 37 and not {"events", "taxes"} & counts.keys() and counts["alerts"] > 0


def test_what_discovery_asked_stands_in_the_ledger(lab):
    path, *_ = lab
    rows = Store(config.load(path).store).rows("select * from sync_ledger where source = 'discovery'")
    assert [(one["repository"], one["fetched"], one["refused"]) for one in rows] == [("larch", 33, None)]


def test_config_show_says_where_each_value_comes_from(lab):
    path, _, _, _, _, run = lab
    listed = run.invoke(cli, ["config", "show", "--config", str(path)]).output.splitlines()
    assert len(listed) == 40
    shown = run.invoke(cli, ["config", "show", "wallet", "--format", "json", "--config", str(path)]).output
    found = {one["key"]: one for one in json.loads(shown)}
    assert "wallet-v[0-9]+" in found["deployment"]["value"] and "[[discover]]" in found["deployment"]["origin"]
    assert found["attribution_window"]["origin"] == "built in"


def test_an_outage_of_the_list_keeps_every_service_and_the_exit_status_says_it(lab, monkeypatch):
    path, *_ = lab

    def down(client, name):
        raise SourceError("HTTP 502")

    monkeypatch.setattr("devops_lab.github_api.organisation.repositories", down)
    monkeypatch.setattr("devops_lab.sync.sources", lambda *given: iter(()))
    monkeypatch.setattr("devops_lab.sync.derive", lambda *given: [])
    settings = config.load(path)
    with pytest.raises(SourceError, match="HTTP 502"):
        sync(Store(settings.store), settings)
    assert len(config.load(path).service) == 40


def test_doctor_lists_what_is_not_covered_and_what_is_missing(lab, monkeypatch):
    path, _, _, _, _, run = lab
    monkeypatch.setenv("GITHUB_TOKEN", "practice")
    said = run.invoke(cli, ["doctor", "--config", str(path)], standalone_mode=False)
    assert said.return_value == 1 and said.exception is None
    assert "larch: 30 of 31 active repositories are covered; no service covers handbook" in said.output
    assert "!! repository: needs Metadata: read (GitHub names metadata: read): larch/taxes" in said.output
    assert "!! larch/alerts-old has moved to larch/alerts" in said.output


def test_what_single_sign_on_hides_goes_into_the_ledger(world, tmp_path, monkeypatch):
    monkeypatch.setenv("GITHUB_TOKEN", "practice")
    path = tmp_path / "lab.toml"
    with serve(world, options=Options(limit=10**9)) as url:
        path.write_text(f'[github]\nurl = "{url}"\n[[discover]]\norganisation = "larch"\ntopics = ["library"]\n')
        writer = Store(tmp_path / "lab", latest=True)
        with writer.lock():
            first, _ = discovered(writer, config.load(path), datetime(2026, 6, 1))
            from_server(url, {"troubles": {"larch/returns": "sign-on"}})
            second, (outcome,) = discovered(writer, first, datetime(2026, 6, 2))
            names = [one.name for one in second.service]
            assert names == [one.name for one in first.service] and "returns" in names
            assert outcome.problem is None and "single sign-on left out" in outcome.refused[0]
            rows = writer.rows("select refused from sync_ledger where source = 'discovery' order by window_end")
    assert rows[0]["refused"] is None and "repositories of organisation 800" in rows[1]["refused"]


# ---------------------------------------------------------------------- the table of a sync


def outcome(name, problem=None, refused=(), new=0, source="github"):
    return Outcome(name, source, {"commits": Written(new, 0, 0)}, refused=list(refused), problem=problem)


def test_a_repository_is_as_well_as_its_worst_source(tmp_path):
    (tmp_path / "lab.toml").write_text(
        "\n".join(f'[[service]]\nname = "{name}"\nrepository = "o/{name}"' for name in "abcd")
    )
    settings = config.load(tmp_path / "lab.toml")
    outcomes = [
        outcome("o/a", new=12),
        outcome("o/b", AccessError("no")),
        outcome("o/c", refused=["issues: no"]),
        outcome("o/d", SourceError("down")),
        outcome("a", SourceError("its file is torn"), source="files"),
    ]
    assert [state([one]) for one in outcomes] == [COMPLETE, REFUSED, PARTLY, FAILED, FAILED]
    states = {one.repository: state([one]) for one in outcomes}
    assert (
        summary(states, settings)
        == "0 of 4 services are complete (sources: 2 failed, 1 refused, 1 in part, 1 complete)"
    )
    lines = list(told(outcomes, settings))
    assert [line.split()[0] for line in lines[:2]] == ["repository", "o/a"] and "12" in lines[1]
    assert lines[-2].strip() == "down"
    assert list(told(outcomes[:1], settings)) == ["o/a (github): 12 new, 0 changed, 0 as before"]
