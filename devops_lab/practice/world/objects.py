"""The organisation as GitHub's REST API would tell of it at an instant: accounts, repositories, and all lists together.

Addresses of the API begin with the placeholder "@@API@@", which a server replaces by its own.
"""

from __future__ import annotations

import base64
from datetime import datetime
from functools import cache
from typing import Any

from devops_lab.practice.world.company import Person
from devops_lab.practice.world.site import MAIN, Site

API, WEB = "@@API@@", "https://github.example"
Json = dict[str, Any]
_USER_PATHS = {
    "followers_url": "/followers",
    "following_url": "/following{/other_user}",
    "gists_url": "/gists{/gist_id}",
    "starred_url": "/starred{/owner}{/repo}",
    "subscriptions_url": "/subscriptions",
    "organizations_url": "/orgs",
    "repos_url": "/repos",
    "events_url": "/events{/privacy}",
    "received_events_url": "/received_events",
}
_REPOSITORY_PATHS = (
    "archive{/archive_format}{/ref}",
    "assignees{/user}",
    "blobs:git/blobs{/sha}",
    "branches{/branch}",
    "collaborators{/collaborator}",
    "comments{/number}",
    "commits{/sha}",
    "compare/{base}...{head}",
    "contents/{+path}",
    "contributors",
    "deployments",
    "downloads",
    "events",
    "forks",
    "git_commits:git/commits{/sha}",
    "git_refs:git/refs{/sha}",
    "git_tags:git/tags{/sha}",
    "hooks",
    "issue_comment:issues/comments{/number}",
    "issue_events:issues/events{/number}",
    "issues{/number}",
    "keys{/key_id}",
    "labels{/name}",
    "languages",
    "merges",
    "milestones{/number}",
    "notifications{?since,all,participating}",
    "pulls{/number}",
    "releases{/id}",
    "stargazers",
    "statuses/{sha}",
    "subscribers",
    "subscription",
    "tags",
    "teams",
    "trees:git/trees{/sha}",
)


def iso(moment: datetime | None) -> str | None:
    """Return an instant as GitHub writes it."""
    return None if moment is None else f"{moment.isoformat(timespec='seconds')}Z"


def past(instant: datetime | None, moment: datetime) -> datetime | None:
    """Return `instant` where it was not later than `moment`."""
    return instant if instant is not None and instant <= moment else None


def node(kind: str, number: int) -> str:
    """Return a global node id."""
    return f"{kind}_{base64.urlsafe_b64encode(str(number).encode()).decode().rstrip('=')}"


@cache
def user(person: Person) -> Json:
    """Return a simple user."""
    url = f"{API}/users/{person.login}"
    return {
        "login": person.login,
        "id": person.id,
        "node_id": node("U", person.id),
        "avatar_url": f"{WEB}/avatars/{person.id}",
        "gravatar_id": "",
        "url": url,
        "html_url": f"{WEB}/{person.login}",
        **{key: url + path for key, path in _USER_PATHS.items()},
        "type": person.type,
        "user_view_type": "public",
        "site_admin": False,
    }


def account(login: str, number: int) -> Json:
    """Return the organisation's account."""
    return {**user(Person(login, number)), "type": "Organization"}


def _paths(url: str) -> Json:
    found = {}
    for word in _REPOSITORY_PATHS:
        name, named, path = word.partition(":")
        if not named:
            name, path = word.split("{")[0].split("/")[0], word
        found[f"{name}_url"] = f"{url}/{path}"
    return found


def repository(site: Site, moment: datetime) -> Json:
    """Return the full repository."""
    number, full_name = 900 + site.place, site.full_name
    pushed = max(at for tips in site.branches.values() for at, _ in tips if at <= moment)
    opened = sum(one.created_at <= moment and past(one.closed_at, moment) is None for one in site.items())
    return {
        "id": number,
        "node_id": node("R", number),
        "name": site.plan.name,
        "full_name": full_name,
        "private": False,
        "owner": account(site.account, 800),
        "html_url": f"{WEB}/{full_name}",
        "description": f"The {site.plan.name} of {site.account}, made up for practice.",
        "fork": site.plan.fork,
        "url": f"{API}/repos/{full_name}",
        **_paths(f"{API}/repos/{full_name}"),
        "git_url": f"git://github.example/{full_name}.git",
        "ssh_url": f"git@github.example:{full_name}.git",
        "clone_url": f"{WEB}/{full_name}.git",
        "svn_url": f"{WEB}/{full_name}",
        "mirror_url": None,
        "homepage": None,
        "created_at": iso(site.start),
        "updated_at": iso(pushed),
        "pushed_at": iso(pushed),
        "size": 4 * len(site.commits),
        "stargazers_count": 3,
        "watchers_count": 3,
        "language": "Python",
        "has_issues": True,
        "has_projects": False,
        "has_downloads": True,
        "has_wiki": False,
        "has_pages": False,
        "has_discussions": False,
        "forks_count": 4,
        "forks": 4,
        "open_issues_count": opened,
        "open_issues": opened,
        "watchers": 3,
        "archived": site.plan.archived,
        "disabled": False,
        "license": None,
        "allow_forking": True,
        "is_template": False,
        "web_commit_signoff_required": False,
        "topics": list(site.plan.topics),
        "visibility": "public",
        "default_branch": MAIN,
        "permissions": {"admin": False, "maintain": False, "push": True, "triage": True, "pull": True},
        "temp_clone_token": None,
        "network_count": 4,
        "subscribers_count": 3,
    }


def minimal(whole: Json) -> Json:
    """Return a repository as other objects hold it."""
    left_out = ("permissions", "network_count", "subscribers_count", "temp_clone_token")
    return {key: value for key, value in whole.items() if key not in left_out}
