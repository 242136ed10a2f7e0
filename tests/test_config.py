"""lab.toml: what it says, what it inherits, and every mistake in one message."""

import errno
from pathlib import Path

import pytest

from devops_lab import config
from devops_lab.delivery import describe
from devops_lab.errors import ConfigError


@pytest.fixture
def written(tmp_path):
    """Write a lab.toml and return its path."""

    def write(text: str) -> Path:
        path = tmp_path / "lab.toml"
        path.write_text(text, "utf-8")
        return path

    return write


def problems(path: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        config.load(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert caught.value.exit_status == 2
    return caught.value.problems


def test_five_mistakes_are_told_at_once(written):
    path = written("""
[lab]
timezone = "Mars/Olympus"
stor = "lab"
[[service]]
name = "checkout"
repository = "acme/checkout"
deployment = { from = "deployment" }
rework = { label = ["hotfix"] }
attribution_window = -3
""")
    assert problems(path) == [
        "lab.timezone: 'Mars/Olympus' is no time zone; names look like Europe/Berlin or Asia/Jakarta",
        "lab.stor: 'stor' is no setting here (did you mean 'store'?)",
        (
            "service 'checkout'.deployment: from = 'deployment' is no rule; one of deployments, workflow, releases, "
            "tags, merges, file (did you mean 'deployments'?)"
        ),
        "service 'checkout'.rework.label: 'label' is no setting here (did you mean 'labels'?)",
        "service 'checkout'.attribution_window = -3: should be greater than 0",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("service = 3", "service = 3: must be written as [[service]]"),
        ("service = [3]", "service 1 = 3: must be a table"),
        ("defaults = 3", "defaults = 3: must be a table, [defaults]"),
        ("profile = 3", "profile = 3: must be a table, [profile]"),
        ("[profile]\nfast = 3", "profile.fast = 3: must be a table, [profile.fast]"),
        ('path = "x"', "'path' is no setting here; the path is where this file lies"),
        ("[servce]", "servce: 'servce' is no setting here (did you mean 'service'?)"),
        ("[lab]\ntimezone = 3", "lab.timezone = 3: should be a valid string"),
        ('[privacy]\npeople = "all"', "privacy.people = 'all': must be 'pseudonym', 'names' or 'none'"),
        ("a =", "not TOML: Invalid value (at end of document)"),
    ],
)
def test_mistakes_of_the_file(written, text, problem):
    assert problems(written(text)) == [problem]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('profile = "x"', "service 'a': profile 'x' is not there; profiles: none"),
        ('profile = ["x"]', "service 'a': profile \"['x']\" is not there; profiles: none"),
        ('deployment = "tags"', "service 'a'.deployment = 'tags': must be a table"),
        ('deployment = { from = "tags" }', "service 'a'.deployment: 'tags' is missing"),
        ('deployment = { from = "tags", tags = ["v[1"] }', "service 'a'.deployment.tags[1]: 'v[1': '[' is not closed"),
        (
            'deployment = { from = "tags", tags = ["v*"], wat = 1 }',
            "service 'a'.deployment.wat: 'wat' is no setting here; there are from, rollbacks, tags",
        ),
        ('incident = [{ labels = ["x"] }]', "service 'a'.incident[1]: says no `from`; one of issues, file, impact"),
        ("clone = 3", "service 'a'.clone = 3: must be a path"),
        ("attribution_window = nan", "service 'a'.attribution_window = nan: should be greater than 0"),
    ],
)
def test_mistakes_of_a_service(written, text, problem):
    assert problems(written(f'[[service]]\nname = "a"\nrepository = "b/c"\n{text}')) == [problem]


@pytest.mark.parametrize("wrong", ["", "https://github.com/acme/checkout", "acme/", "acme/check out"])
def test_a_repository_is_owner_and_name(written, wrong):
    [problem] = problems(written(f'[[service]]\nname = "a"\nrepository = "{wrong}"'))
    assert 'write "owner/name"' in problem


def test_a_service_without_repository_or_clone(written):
    [problem] = problems(written('[[service]]\nname = "a"'))
    assert problem == "service 'a': 'repository' is missing; write \"owner/name\", or the path of a clone as `clone`"


def test_two_services_of_one_name(written):
    text = '[[service]]\nname = "a"\nrepository = "b/c"\n' * 2
    assert problems(written(text)) == ["services share a name: a; names must differ"]


def test_a_mistake_in_the_defaults_is_told_once_and_there(written):
    text = '[defaults]\ndeploymnt = 1\n[profile.x]\nreworks = 1\n[[service]]\nname = "a"\nrepository = "b/c"\n'
    text += '[[service]]\nname = "b"\nrepository = "b/c"\nprofile = "x"\n'
    assert problems(written(text)) == [
        "defaults.deploymnt: 'deploymnt' is no setting here (did you mean 'deployment'?)",
        "profile.x.reworks: 'reworks' is no setting here (did you mean 'rework'?)",
    ]


def test_no_message_shows_a_secret(written):
    text = '[github]\nurl = "https://ada:ghp_secret/x@github.acme.com"\ntoken = "ghp_secret"'
    found = problems(written(text))
    assert len(found) == 2
    assert "ghp_secret" not in " ".join(found)
    assert "…@github.acme.com" in found[0]


def test_files_that_cannot_be_read(tmp_path, monkeypatch):
    assert "devops-lab init" in problems(tmp_path / "none.toml")[0]
    assert "this is a folder" in problems(tmp_path)[0]
    path = tmp_path / "lab.toml"
    path.write_bytes(b"\xff\xfe")
    assert problems(path)[0].startswith("not TOML: ")
    path.write_text("")

    def refuse(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "read_text", refuse)
    assert problems(path) == ["cannot be read: Permission denied"]


def test_keys_are_inherited_whole(written):
    path = written("""
[defaults]
team = "payments"
deployment = { from = "tags", tags = "v*", rollbacks = true }
incident = { from = "issues", labels = ["incident"] }
[profile.releases]
deployment = { from = "releases" }
[[service]]
name = "a"
repository = "acme/a"
[[service]]
name = "b"
repository = "acme/b"
profile = "releases"
team = "search"
[[service]]
name = "c"
repository = "acme/c"
deployment = { from = "tags", tags = ["release-*"] }
incident = []
""")
    a, b, c = config.load(path).service
    assert (a.team, a.deployment.tags, a.deployment.rollbacks) == ("payments", ["v*"], True)
    assert [rule.labels for rule in a.incident] == [["incident"]]
    assert (b.team, b.deployment.kind, b.deployment.prereleases) == ("search", "releases", False)
    assert (c.deployment.tags, c.deployment.rollbacks, c.incident) == (["release-*"], False, [])


def test_paths_start_from_the_folder_of_lab_toml(written, monkeypatch, tmp_path):
    """A clone named "." is called after the folder of lab.toml, wherever the command is run."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    settings = config.load(
        written('[[service]]\nname = "a"\nclone = "."\n[[service]]\nname = "b"\nclone = "x/web.git"')
    )
    a, b = settings.service
    assert (a.repository, b.repository) == (tmp_path.name, "web")
    assert settings.clone(b) == tmp_path / "x/web.git"
    assert settings.store == str(tmp_path / "lab")


def test_the_rows_of_services(written):
    path = written("""
[[service]]
name = "checkout"
team = "payments"
repository = "acme/checkout"
paths = ["services/checkout/**"]
deployment = { from = "workflow", workflow = "deploy.yml", jobs = ["deploy-*"] }
incident = [{ from = "issues", labels = ["incident"] }, { from = "file", path = "incidents.csv" }]
rework = { labels = ["hotfix"] }
[[service]]
name = "local"
clone = "x/web"
deployment = { from = "tags", tags = ["v*"] }
""")
    checkout, local = describe(config.load(path))
    assert checkout["deployment_tables"] == "workflow_runs workflow_jobs"
    assert checkout["change_tables"] == "commits commit_files pull_requests pull_request_commits"
    assert checkout["failure_tables"] == "issues issue_labels incidents"
    assert checkout["paths"] == "services/checkout/**"
    assert '"from": "workflow"' in checkout["deployment_rule"]
    assert checkout["incident_rule"].startswith("[{")
    assert (local["deployment_tables"], local["change_tables"], local["failure_tables"]) == ("tags", "commits", None)
    assert (local["repository"], local["team"], local["environments"]) == ("web", None, "production")
