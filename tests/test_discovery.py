"""`[[discover]]`: which repositories are services, whose they are, and what stays when the server cannot say."""

import json
from datetime import date, datetime

import pytest

from devops_lab import config, delivery, metrics
from devops_lab.config.discovery import Discover, Known, Listing, file_of, found_by, keep, listings
from devops_lab.config.origins import explained, lines_of
from devops_lab.errors import AccessError, ConfigError, QuestionError
from devops_lab.github_api.answers import MissingError, RefusedError
from devops_lab.github_api.organisation import listing
from devops_lab.store import Store

NOW = datetime(2026, 6, 1)
SHOP = Known(
    1, "acme/shop", ["service", "monorepo"], {"team": ["retail"]}, {"services/*": ["services/web", "services/api"]}
)
BANK = Known(2, "acme/bank", ["service"], {"team": ["money"], "tier": ["1", "2"]})
DOCS = Known(3, "acme/docs", [], {})
OLD, COPY = Known(4, "acme/old", ["service"], archived=True), Known(5, "acme/copy", ["service"], fork=True)
ALL = [SHOP, BANK, DOCS, OLD, COPY]


def names(*blocks, written=(), known=ALL, today=date(2026, 6, 1)):
    found = found_by(
        [Discover.model_validate({"organisation": "acme", **block}) for block in blocks],
        {"acme": Listing("acme", NOW, known)},
        written,
        today,
    )
    return {one.name: one.team for one in found}


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ({}, {"shop", "bank", "docs"}),
        ({"topics": ["service"]}, {"shop", "bank"}),
        ({"names": ["!docs"]}, {"shop", "bank"}),
        ({"names": ["*o*"]}, {"shop", "docs"}),
        ({"properties": {"tier": ["2"]}}, {"bank"}),
        ({"properties": {"tier": ["2"], "team": ["retail"]}}, set()),
        ({"topics": ["service"], "archived": True, "forks": True}, {"shop", "bank", "old", "copy"}),
        ({"topics": ["monorepo"], "folders": "services/*"}, {"web", "api"}),
    ],
)
def test_which_repositories_are_services(block, expected):
    assert set(names(block)) == expected


def test_the_first_block_that_fits_takes_a_repository():
    blocks = {"topics": ["monorepo"], "folders": "services/*"}, {"topics": ["service"]}
    assert set(names(*blocks)) == {"web", "api", "bank"}
    assert set(names(*reversed(blocks))) == {"shop", "bank"}


def test_a_service_that_is_written_down_wins_by_name_repository_and_paths():
    assert set(names({}, written=[{"name": "x", "repository": "acme/Shop"}])) == {"bank", "docs"}
    assert set(names({}, written=[{"name": "bank", "repository": "other/bank"}])) == {"shop", "docs"}
    parts = {"name": "x", "repository": "acme/shop", "paths": ["services/web/**"]}
    assert set(names({"topics": ["monorepo"], "folders": "services/*"}, written=[parts])) == {"api"}


def test_two_organisations_with_one_name_make_two_services():
    blocks = [Discover(organisation="acme"), Discover(organisation="beta")]
    known = {"acme": Listing("acme", NOW, [BANK]), "beta": Listing("beta", NOW, [Known(9, "beta/bank")])}
    assert [one.name for one in found_by(blocks, known, [])] == ["bank", "beta-bank"]


def test_the_team_comes_from_a_property_or_from_owners_since_a_day():
    assert names({"team": {"property": "team"}}) == {"shop": "retail", "bank": "money", "docs": None}
    owners = [
        {"team": "core"},
        {"team": "money", "names": ["bank"], "since": date(2026, 1, 1)},
        {"team": "risk", "names": ["bank"], "since": date(2026, 7, 1)},
    ]
    assert names({"team": owners}) == {"shop": "core", "bank": "money", "docs": "core"}
    assert names({"team": owners}, today=date(2026, 7, 1))["bank"] == "risk"
    assert names({"team": "core"})["docs"] == "core"


TEXT = """
[defaults]
incident = { from = "issues", labels = ["incident-$service"] }
attribution_window = 48

[profile.tagged]
deployment = {
  from = "tags",
  tags = ["$service-v*"] }
security = true

[[discover]]
organisation = "acme"
topics = ["monorepo"]
folders = "services/*"
team = { property = "team" }
profile = "tagged"
attribution_window = 12

[[service]]
name = "lone"
repository = "acme/docs"
rework.labels = ["hotfix"]
"""


@pytest.fixture
def written(tmp_path):
    path = tmp_path / "lab.toml"
    path.write_text(TEXT.replace("{\n  from", "{ from").replace(",\n  tags", ", tags"))
    keep(path, {"acme": Listing("acme", NOW, ALL)})
    return path


def test_keys_are_inherited_whole_and_names_filled_in(written):
    found = {one.name: one for one in config.load(written).service}
    assert set(found) == {"lone", "web", "api"}
    web = found["web"]
    assert (web.team, web.repository, web.paths) == ("retail", "acme/shop", ["services/web/**"])
    assert web.deployment.tags == ["web-v*"] and web.incident[0].labels == ["incident-web"]
    assert web.attribution_window == 12 and web.security and found["lone"].attribution_window == 48
    assert found["lone"].incident[0].labels == ["incident-lone"]


def test_every_value_says_where_it_comes_from(written):
    found = {one.key: (one.value, one.origin) for one in explained(written, "web")}
    lines = written.read_text().splitlines()

    def line(text):
        return next(number for number, one in enumerate(lines, 1) if one.startswith(text))

    assert found["attribution_window"] == ("12", f"lab.toml line {line('attribution_window = 12')}, [[discover]] 1")
    assert found["security"] == ("true", f"lab.toml line {line('security')}, [profile.tagged]")
    assert found["incident"][1] == f"lab.toml line {line('incident')}, [defaults]"
    assert found["team"] == ('"retail"', f"lab.toml line {line('team')}, [[discover]] 1")
    assert found["repository"][1].endswith("from lab.discovered.json")
    assert found["prometheus"] == ('"default"', "built in")
    lone = {one.key: one.origin for one in explained(written, "lone")}
    assert lone["rework"] == f"lab.toml line {line('rework')}, [[service]] 1"
    with pytest.raises(QuestionError, match="there is no service 'x'; services: lone, web, api"):
        explained(written, "x")


def test_lines_are_found_over_values_of_several_lines_and_tables():
    text = 'a = """\n[no]\nb = 1\n"""\n[[service]]\nname = "x"\n[service.slo]\ngood = "q"\n'
    text += '[[service]]\nname = "y"\n[profile."a b".junit]\n'
    assert lines_of(text) == {
        ("", "a"): 1, ("service 1", "name"): 6, ("service 1", "slo"): 7, ("service 1", "good"): 8,
        ("service 2", "name"): 10, ("profile.a b", "junit"): 11,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ("wat = 1", "discover 1.wat: 'wat' is no setting here"),
        ("deployment = { from = 'tag' }", "discover 1.deployment: from = 'tag' is no rule"),
        ("name = 'x'", "discover 1: 'name' is no setting here; each service has the name of its repository or folder"),
        ("profile = 'none'", "discover 1: profile 'none' is not there; profiles: none"),
        ("folders = 'a/**'", "discover 1.folders = 'a/**'"),
        ("team = 3", "discover 1.team"),
    ],
)
def test_mistakes_are_told_before_anything_is_known(tmp_path, more, problem):
    path = tmp_path / "lab.toml"
    path.write_text(f'[[discover]]\norganisation = "acme"\n{more}\n')
    with pytest.raises(ConfigError) as wrong:
        config.load(path)
    assert [one for one in wrong.value.problems if one.startswith(problem)], wrong.value.problems
    assert len(wrong.value.problems) == 1, wrong.value.problems


def test_a_torn_file_of_what_is_known_is_as_none(written):
    file_of(written).write_text('{"version": 1, "organisations": {"acme": {')
    assert listings(written) == {} and [one.name for one in config.load(written).service] == ["lone"]


# ---------------------------------------------------------------------- asking the server


class Server:
    """What a client would say: lists by path, or the error that a path ends in; `partial` as its header."""

    host = "github.example"

    def __init__(self, lists, hidden=()):
        self.lists, self.partial, self._hidden = lists, set(), set(hidden)

    def pages(self, path):
        found = self.lists.get(path, MissingError("HTTP 404"))
        if isinstance(found, Exception):
            raise found
        self.partial |= self._hidden
        return [found]

    def get(self, path):
        return self.pages(path)[0]

    def repository(self, name):
        found = self.lists.get(f"/repos/{name}")
        if found is None:
            raise AccessError("it is not there")
        return found


def raw(number, name, *topics, **more):
    return {"id": number, "full_name": name, "topics": list(topics), **more}


BLOCK = Discover(organisation="acme", topics=["service"], folders="services/*", team={"property": "team"})
FOLDERS = [{"type": "dir", "path": "services/web"}, {"type": "file", "path": "services/README.md"}]
WHOLE = {
    "/orgs/acme/repos": [raw(1, "acme/shop", "service"), raw(2, "acme/bank")],
    "/orgs/acme/properties/values": [
        {"repository_id": 1, "properties": [{"property_name": "team", "value": "retail"}]},
        {"repository_id": 2, "properties": [
            {"property_name": "tier", "value": ["1", "2"]}, {"property_name": "x", "value": None},
        ]},
    ],
    "/repos/acme/shop/contents/services": FOLDERS,
}  # fmt: skip


def test_names_topics_properties_and_folders_are_asked_for():
    found = listing(Server(WHOLE), [BLOCK], None, NOW)
    assert found.problem is None and not found.notes
    assert found.listing.repositories == [
        Known(1, "acme/shop", ["service"], {"team": ["retail"]}, {"services/*": ["services/web"]}),
        Known(2, "acme/bank", [], {"tier": ["1", "2"]}),
    ]


def test_an_outage_drops_no_service_and_is_said():
    before = listing(Server(WHOLE), [BLOCK], None, NOW).listing
    down = listing(Server({"/orgs/acme/repos": RefusedError("HTTP 403")}), [BLOCK], before, datetime(2026, 7, 1))
    assert down.listing == before and isinstance(down.problem, AccessError)
    assert down.notes == ["the 2 repositories of acme that were known on 2026-06-01 00:00 UTC are used"]
    refused = {**WHOLE, "/orgs/acme/properties/values": RefusedError("HTTP 403; it needs x: read")}
    refused["/repos/acme/shop/contents/services"] = RefusedError("HTTP 403")
    partly = listing(Server(refused), [BLOCK], before, NOW)
    assert partly.listing == before and partly.problem is None and len(partly.notes) == 2
    older = {name: raws for name, raws in WHOLE.items() if "properties" not in name}
    assert listing(Server(older), [BLOCK], before, NOW).notes == [
        "github.example has no custom properties of acme: the last known ones are used"
    ]


def test_what_single_sign_on_hides_stays():
    before = listing(Server(WHOLE), [BLOCK], None, NOW).listing
    some = {**WHOLE, "/orgs/acme/repos": WHOLE["/orgs/acme/repos"][1:]}
    found = listing(Server(some, hidden=["77"]), [BLOCK], before, NOW)
    assert [one.id for one in found.listing.repositories] == [1, 2]
    assert "single sign-on left out repositories of organisation 77" in found.listing.partial
    gone = listing(Server(some), [BLOCK], before, NOW)
    assert [one.id for one in gone.listing.repositories] == [2]
    assert gone.notes == ["acme/shop is no longer there: its services are not asked for any more"]


def test_a_renamed_repository_stays_under_its_first_name():
    before = listing(Server(WHOLE), [BLOCK], None, NOW).listing
    moved = {**WHOLE, "/orgs/acme/repos": [raw(1, "acme/store", "service"), raw(2, "acme/bank")]}
    moved["/repos/acme/store/contents/services"] = FOLDERS
    found = listing(Server(moved), [BLOCK], before, NOW)
    assert found.listing.repositories[0].full_name == "acme/shop" and found.listing.repositories[0].now == "acme/store"
    assert found.notes == ["acme/shop is acme/store now; it stays under its first name, so that its history stays one"]
    taken = {**moved, "/orgs/acme/repos": [*moved["/orgs/acme/repos"], raw(8, "acme/shop")]}
    both = listing(Server(taken), [BLOCK], found.listing, NOW).listing.repositories
    assert [one.full_name for one in both] == ["acme/store", "acme/bank", "acme/shop"], "another has the name now"


def test_a_former_name_in_lab_toml_means_the_same_repository():
    moved = {**WHOLE, "/repos/acme/vault": {"id": 2, "full_name": "acme/bank"}}
    found = listing(Server(moved), [Discover(organisation="acme")], None, NOW, ["acme/vault", "other/x"])
    assert [one.full_name for one in found.listing.repositories] == ["acme/shop", "acme/vault"]


def test_what_is_known_is_kept_in_a_file_of_its_own(tmp_path):
    known = {"acme": Listing("acme", NOW, ALL, "some")}
    keep(tmp_path / "lab.toml", known)
    assert listings(tmp_path / "lab.toml") == known
    assert json.loads((tmp_path / "lab.discovered.json").read_text())["version"] == 1
    assert sorted(one.name for one in tmp_path.iterdir()) == ["lab.discovered.json"]


def test_what_happened_before_a_team_took_over_stays_with_the_one_before(tmp_path):
    """Three deployments in June, July and August; risk owns the bank from 1 July on: money 1, risk 2."""
    path = tmp_path / "lab.toml"
    path.write_text(
        '[[discover]]\norganisation = "acme"\nnames = ["bank", "docs"]\nteam = [{ team = "money" }, '
        '{ team = "risk", names = ["bank"], since = 2026-07-01 }]\ndeployment = { from = "tags", tags = ["v*"] }\n'
    )
    keep(path, {"acme": Listing("acme", NOW, ALL)})
    settings = config.load(path)
    bank = next(one for one in settings.service if one.name == "bank")
    assert bank.team == "risk" and [one.team for one in bank.owners] == ["money", "risk"]
    assert next(one for one in settings.service if one.name == "docs").owners == []
    writer = Store(tmp_path / "lab", latest=True)
    with writer.lock():
        writer.replace("services", delivery.describe(settings))
        rows = [
            {
                "service": "bank", "repository": "acme/bank", "id": f"v{month}", "sha": f"s{month}", "rule": "tags",
                "started_at": datetime(2026, month, 5), "finished_at": datetime(2026, month, 5, 1), "result": "success",
            }
            for month in (6, 7, 8)
        ]  # fmt: skip
        writer.replace("deployments", rows)
        writer.commit_snapshot(datetime(2026, 9, 1))
    store = Store(tmp_path / "lab")
    window = {"since": "2026-06-01", "until": "2026-09-01"}
    found = metrics.deployment_frequency.observations(store)
    assert list(found["team"]) == ["money", "risk", "risk"]
    by_team = metrics.deployment_frequency.window(store, by="team", **window)
    assert dict(zip(by_team["group_name"], by_team["n"], strict=True)) == {"money": 1, "risk": 2}
    assert list(metrics.deployment_frequency.observations(store, team="money")["id"]) == [found["id"][0]]
