"""Repositories with the same rules become one block, chosen by what they have in common and others have not."""

import tomllib

import pytest

from devops_lab import config
from devops_lab.config.discovery import Known
from devops_lab.github_api.answers import MissingError
from devops_lab.proposal import Candidate, Proposal
from devops_lab.proposal.groups import Group, common, in_order, named
from devops_lab.proposal.organisation import Overview, _monorepo, organisation_toml

WORKFLOW = {"from": "workflow", "workflow": "deploy.yml"}
RELEASES = {"from": "releases", "prereleases": False}


def known(number, name, *topics, **properties):
    return Known(number, f"acme/{name}", list(topics), {key: [value] for key, value in properties.items()})


def group(rule, *members, **more):
    made = Group(rule, "it", False, services=len(members), **more)
    made.members = list(members)
    return made


@pytest.mark.parametrize(
    ("members", "others", "words"),
    [
        ([known(1, "a", "x", "y"), known(2, "b", "y")], [known(3, "c", "x")], 'topics = ["y"]'),
        ([known(1, "a", tier="1")], [known(2, "b", tier="2")], 'properties = { tier = ["1"] }'),
        ([known(1, "a", team="t")], [known(2, "b", team="u")], None),
        ([known(1, "pay-api"), known(2, "pay-web")], [known(3, "shop-web")], 'names = ["pay-*"]'),
        ([known(1, "pay-web"), known(2, "shop-web")], [known(3, "pay-api")], 'names = ["*-web"]'),
        ([known(1, "a"), known(2, "b")], [], ""),
        ([known(1, "a"), known(2, "b")], [known(3, "c")], None),
    ],
)
def test_what_tells_repositories_from_others(members, others, words):
    assert common(members, [*members, *others]) == words


def test_the_first_block_that_fits_wins_so_a_later_one_may_be_wider():
    jobs = group(WORKFLOW, known(1, "a", "service", "job"), known(2, "b", "service", "job"))
    rest = group(RELEASES, known(3, "c", "service"), known(4, "d", "service"), known(5, "e", "service"))
    docs = [known(6, "docs")]
    ordered = in_order([rest, jobs], docs)
    assert [(one.rule, one.chosen_by) for one in ordered] == [
        (WORKFLOW, 'topics = ["job"]'), (RELEASES, 'topics = ["service"]'),
    ]  # fmt: skip


def test_what_nothing_tells_apart_is_named_and_the_rest_needs_no_words():
    few, many = group(WORKFLOW, known(1, "a")), group(RELEASES, known(2, "b"), known(3, "c"))
    assert [one.chosen_by for one in in_order([many, few], [])] == ['names = ["a"]', ""]
    lines = named([known(number, f"n{number}") for number in range(10, 30)]).splitlines()
    assert lines[0] == "names = [" and len(lines) == 5
    assert len(tomllib.loads("\n".join(lines))["names"]) == 20


def test_the_text_is_a_lab_toml_that_means_the_groups(tmp_path):
    jobs = group(WORKFLOW, known(1, "a", "job"), incident_labels={"incident"})
    parts = group({"from": "tags", "tags": ["$service-v*"]}, known(2, "m", "mono"), folders="services/*")
    parts.incident_labels, parts.hotfix_labels = {"incident-$service"}, {"hotfix"}
    overview = Overview("acme", in_order([jobs, parts], [known(3, "docs")]), team="squad")
    overview.idle, overview.failed = [known(3, "docs")], {"acme/x": "HTTP 502"}
    overview.left_out = [known(number, f"old{number}") for number in range(20)]
    text = organisation_toml(overview, "https://api.acme.ghe.com", "https://api.github.com")
    (tmp_path / "lab.toml").write_text(text)
    second, first = config.load(tmp_path / "lab.toml").discover
    assert (first.topics, second.folders, second.team[0].property) == (["job"], "services/*", "squad")
    assert "# No sign of deployments: docs" in text and "# Not looked at: acme/x: HTTP 502" in text
    assert "and 8 more" in text and 'url = "https://api.acme.ghe.com"' in text


class Contents:
    """A client whose repositories have folders."""

    def __init__(self, *folders):
        self.folders = folders

    def get(self, path):
        parent = path.partition("/contents/")[2]
        found = [{"type": "dir", "path": one} for one in self.folders if one.startswith(f"{parent}/")]
        if not found:
            raise MissingError("HTTP 404")
        return found


def test_version_tags_that_name_folders_make_a_monorepo():
    seen = Proposal(
        "m", "acme/m", candidates=[Candidate(RELEASES, "releases")], tags=["web-v1.0.0", "api-v2.0.1", "v3.0.0"]
    )
    seen.labels = ["incident-web", "bug"]
    found = _monorepo(Contents("packages/web", "packages/api", "packages/new"), seen)
    assert found.rule == {"from": "tags", "tags": ["$service-v[0-9]+.[0-9]+.[0-9]+"]}
    assert (found.folders, found.services, found.incident_labels) == ("packages/*", 3, {"incident-$service"})
    assert _monorepo(Contents("packages/other"), seen) is None
    assert _monorepo(Contents("packages/web"), Proposal("m", "acme/m", tags=["web-v1.0.0", "v1.0.0"])) is None
