"""`doctor`: each endpoint asked once per repository, the missing permission by name, and what no service covers."""

from datetime import datetime
from pathlib import Path

import pytest
from made_github import NAME, organisation, repository, watched

from devops_lab import config, doctor
from devops_lab.config.discovery import Known, Listing, keep
from devops_lab.doctor import access, coverage
from devops_lab.github_api import GitHubClient
from devops_lab.github_api import access as asked_of
from devops_lab.github_api.access import FEATURES, HIDDEN, LACKS, OFF, SILENT, WELL, probed, wanted
from devops_lab.github_api.answers import Answer
from devops_lab.practice.server import Options, serve
from devops_lab.practice.server.access import Access
from devops_lab.store import Store

ROOT = Path(__file__).parent.parent


def read(*permissions):
    return Access("lab", 9, permissions=dict.fromkeys(("metadata", *permissions), "read"))


def private(**more):
    made = repository(private=True, **more)
    made.objects = watched(made.objects)
    return made


@pytest.mark.server
def test_each_missing_permission_is_named():
    options = Options(tokens={"t": read("issues", "contents")}, limit=10**9)
    with serve(organisation(**{NAME: private()}), options=options) as url:
        client = GitHubClient(url, "t")
        name, probes = probed(client, NAME, FEATURES)
        assert name == NAME and client.requests == len(FEATURES)
        found = {probe.feature.name: (probe.verdict, probe.why) for probe in probes}
    assert {name for name, (verdict, _) in found.items() if verdict == WELL} == {
        "repository", "code", "releases", "issues",
    }  # fmt: skip
    assert found["runs"] == (LACKS, "needs Actions: read (GitHub names actions: read)")
    assert found["dependency alerts"] == (
        LACKS, "needs Dependabot alerts: read (GitHub names vulnerability_alerts: read)",
    )  # fmt: skip


@pytest.mark.server
def test_what_is_hidden_moved_failing_or_behind_single_sign_on():
    world = organisation(**{NAME: private(), "acme/other": private(name="acme/other", number=8)})
    options = Options(
        tokens={"t": Access("lab", 9, permissions={"metadata": "read"}, repositories=[NAME])},
        renamed={"acme/old": NAME},
        limit=10**9,
        troubles={},
    )
    with serve(world, options=options) as url:
        client = GitHubClient(url, "t")
        assert probed(client, "acme/old", [])[0] == NAME
        assert [probe.verdict for probe in probed(client, "acme/other", FEATURES)[1]] == [HIDDEN]
    for trouble, verdict in (("failing", SILENT), ("forbidden", LACKS), ("sign-on", LACKS)):
        with serve(world, options=Options(limit=10**9, troubles={NAME: trouble})) as url:
            (probe,) = probed(GitHubClient(url, "t"), NAME, FEATURES)[1]
            assert probe.verdict == verdict
    assert "single sign-on has not let this token in; authorise it at https://github.example/orgs/acme/sso" in probe.why


@pytest.mark.parametrize(
    ("status", "message", "verdict"),
    [
        (200, "", WELL), (304, "", WELL), (409, "Git Repository is empty.", WELL),
        (403, "Dependabot alerts are disabled for this repository.", OFF),
        (403, "Code scanning is not enabled for this repository.", OFF), (410, "Issues are disabled here", OFF),
        (404, "no analysis found", OFF), (404, "Not Found", HIDDEN), (403, "Resource not accessible", LACKS),
        (401, "Bad credentials", LACKS), (502, "Server Error", SILENT),
        (403, "You have exceeded a secondary rate limit", SILENT),
    ],
)  # fmt: skip
def test_what_an_answer_means(status, message, verdict):
    answer = Answer(status, {}, f'{{"message": "{message}"}}')
    assert asked_of._verdict(FEATURES[-1], answer, False).verdict == verdict


def test_only_what_the_rules_need_is_asked():
    assert [feature.name for feature in wanted({"commits", "tags"})] == ["repository", "code"]
    assert "deployments" in [feature.name for feature in wanted({"deployment_statuses"})]


def test_the_page_about_access_shows_every_feature():
    lines = (ROOT / "docs" / "access.md").read_text().splitlines()
    shown = [tuple(cell.strip() for cell in line.strip("|").split(" | ")) for line in lines if line.startswith("| ")]
    assert shown[1:] == asked_of.table()


@pytest.fixture
def lab(tmp_path):
    def written(text):
        (tmp_path / "lab.toml").write_text(text)
        return config.load(tmp_path / "lab.toml")

    return written


@pytest.mark.server
def test_what_no_service_covers_is_listed(lab):
    world = organisation(
        **{f"acme/{name}": repository(name=f"acme/{name}", number=n) for n, name in enumerate("abcd", 1)}
    )
    world.repositories["acme/d"].objects["repository"]["archived"] = True
    with serve(world, options=Options(limit=10**9)) as url:
        settings = lab(f'[github]\nurl = "{url}"\n[[service]]\nname = "x"\nrepository = "acme/b"\n')
        found = list(coverage.uncovered(GitHubClient(url, "t"), settings))
        assert found == [(True, "acme: 1 of 3 active repositories are covered; no service covers a, c", "")]
        told = [one.what for one in doctor.findings(Store(settings.store), settings)]
    assert any(one.startswith("acme/b can be read: repository, code") for one in told)


def test_a_block_that_finds_nothing_shows_what_there_is(lab):
    text = '[[discover]]\norganisation = "acme"\ntopics = ["servise"]\n[[discover]]\norganisation = "acme"\n'
    settings = lab(text)
    assert [one[1] for one in coverage.discovery(settings)] == [
        "discover 1 (acme): nothing is known yet", "discover 2 (acme): nothing is known yet",
    ]  # fmt: skip
    known = [Known(1, "acme/a", ["service"]), Known(2, "acme/b")]
    keep(settings.path, {"acme": Listing("acme", datetime(2026, 6, 1), known)})
    first, second = coverage.discovery(config.load(settings.path))
    assert first[0] is False and first[2] == "topics there: service"
    assert second[:2] == (True, "discover 2 (acme): 2 of 2 repositories, as of 2026-06-01 00:00 UTC")


@pytest.mark.server
def test_an_enterprise_server_says_its_version_and_what_it_lacks_is_not_fatal(lab):
    with serve(organisation(), options=Options(enterprise=True)) as url:
        client = GitHubClient(url, "t")
        (said,) = access.server(client)
        assert said[0] and "GitHub Enterprise Server 3.17.0" in said[1]
        settings = lab(f'[github]\nurl = "{url}"\n[[service]]\nname = "x"\nrepository = "{NAME}"\nsecurity = true\n')
        found = list(access.access(client, settings))
    assert all(isinstance(well, bool) for well, _, _ in found) and found[0][0]


def test_names_in_one_line():
    assert access.listed(["a", "b"]) == "a, b"
    assert access.listed(list("abcdefghij")) == "a, b, c, d, e, f, g, h and 2 more"
