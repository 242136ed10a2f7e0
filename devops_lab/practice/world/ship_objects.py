"""Tags, releases, deployments and environments as GitHub's API tells of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from devops_lab.practice.world.objects import API, Json, iso, node, user
from devops_lab.practice.world.records import GitHubDeployment, Release, Tag
from devops_lab.practice.world.site import Site


class ShipObjects:
    """Tells of one repository's releases and deployments at an instant."""

    def __init__(self, site: Site, moment: datetime) -> None:
        self.site, self.moment = site, moment
        self.url = f"{API}/repos/{site.full_name}"

    def _tags(self) -> list[Tag]:
        return sorted((tag for tag in self.site.tags if tag.tagged_at <= self.moment), key=lambda tag: tag.name)

    def tags(self) -> list[Json]:
        """Return the list of tags."""
        return [
            {
                "name": tag.name,
                "commit": {"sha": tag.sha, "url": f"{self.url}/commits/{tag.sha}"},
                "zipball_url": f"{self.url}/zipball/refs/tags/{tag.name}",
                "tarball_url": f"{self.url}/tarball/refs/tags/{tag.name}",
                "node_id": f"REF_{tag.name}",
            }
            for tag in reversed(self._tags())
        ]

    def git_refs(self, branches: list[Json]) -> dict[str, Json]:
        """Return full name ("refs/tags/v1.0.0", "refs/heads/main") → reference."""
        found = {f"refs/heads/{one['name']}": ("commit", one["commit"]["sha"]) for one in branches}
        for tag in self._tags():
            found[f"refs/tags/{tag.name}"] = ("tag", tag.object_sha) if tag.object_sha else ("commit", tag.sha)
        return {
            name: {
                "ref": name,
                "node_id": f"REF_{name}",
                "url": f"{self.url}/git/{name}",
                "object": {"sha": sha, "type": kind, "url": f"{self.url}/git/{kind}s/{sha}"},
            }
            for name, (kind, sha) in sorted(found.items())
        }

    def git_tags(self) -> dict[str, Json]:
        """Return sha → annotated tag."""
        unsigned = {"verified": False, "reason": "unsigned", "signature": None, "payload": None, "verified_at": None}
        return {
            tag.object_sha: {
                "node_id": f"TA_{tag.object_sha[:20]}",
                "tag": tag.name,
                "sha": tag.object_sha,
                "url": f"{self.url}/git/tags/{tag.object_sha}",
                "message": tag.name,
                "tagger": {"name": tag.tagger.login, "email": tag.tagger.email, "date": iso(tag.tagged_at)},
                "object": {"type": "commit", "sha": tag.sha, "url": f"{self.url}/git/commits/{tag.sha}"},
                "verification": unsigned,
            }
            for tag in self._tags()
            if tag.object_sha
        }

    def releases(self) -> list[Json]:
        """Return the published releases, newest first."""
        return [self._release(one) for one in reversed(self.site.releases) if one.published_at <= self.moment]

    def _release(self, one: Release) -> Json:
        url = f"{self.url}/releases/{one.id}"
        return {
            "url": url,
            "assets_url": f"{url}/assets",
            "upload_url": f"{url}/assets{{?name,label}}",
            "html_url": self.site.web(f"releases/tag/{one.tag}"),
            "id": one.id,
            "author": user(one.author),
            "node_id": node("RE", one.id),
            "tag_name": one.tag,
            "target_commitish": one.target,
            "name": one.tag,
            "draft": False,
            "immutable": False,
            "prerelease": one.prerelease,
            "created_at": iso(one.committed_at),
            "updated_at": iso(one.published_at),
            "published_at": iso(one.published_at),
            "assets": [],
            "tarball_url": f"{self.url}/tarball/{one.tag}",
            "zipball_url": f"{self.url}/zipball/{one.tag}",
            "body": f"What is new in {one.tag}.",
        }

    def _deployed(self) -> list[GitHubDeployment]:
        found = [one for one in self.site.deployments if one.created_at <= self.moment]
        return sorted(found, key=lambda one: (one.created_at, one.id), reverse=True)

    def deployments(self) -> list[Json]:
        """Return the deployments, newest first."""
        return [self._deployment(one) for one in self._deployed()]

    def _deployment(self, one: GitHubDeployment) -> Json:
        url = f"{self.url}/deployments/{one.id}"
        return {
            "url": url,
            "id": one.id,
            "node_id": node("DE", one.id),
            "task": "deploy",
            "original_environment": one.environment,
            "environment": one.environment,
            "description": None,
            "created_at": iso(one.created_at),
            "updated_at": iso(max([one.created_at, *(at for _, _, at in one.statuses if at <= self.moment)])),
            "statuses_url": f"{url}/statuses",
            "repository_url": self.url,
            "creator": user(one.creator),
            "sha": one.sha,
            "ref": one.ref,
            "payload": {},
            "transient_environment": False,
            "production_environment": one.environment == "production",
            "performed_via_github_app": None,
        }

    def deployment_statuses(self) -> dict[int, list[Json]]:
        """Return each deployment's statuses, newest first."""
        return {
            one.id: [
                self._status(one, number, state, at)
                for number, state, at in sorted(one.statuses, key=lambda said: (said[2], said[0]), reverse=True)
                if at <= self.moment
            ]
            for one in self._deployed()
        }

    def _status(self, one: GitHubDeployment, number: int, state: str, at: datetime) -> Json:
        url, log = f"{self.url}/deployments/{one.id}", self.site.web(f"actions/runs/{one.run}/job/{one.job}")
        return {
            "url": f"{url}/statuses/{number}",
            "id": number,
            "node_id": node("DES", number),
            "state": state,
            "creator": user(one.creator),
            "description": "",
            "environment": one.environment,
            "target_url": log,
            "created_at": iso(at),
            "updated_at": iso(at),
            "deployment_url": url,
            "repository_url": self.url,
            "environment_url": "",
            "log_url": log,
            "performed_via_github_app": None,
        }

    def environments(self) -> list[Json]:
        """Return the environments."""
        return [self._environment(place, name) for place, name in enumerate(self._environment_names(), 1)]

    def _environment_names(self) -> list[str]:
        return sorted({one.environment for one in self.site.deployments})

    def _environment(self, place: int, name: str) -> dict[str, Any]:
        number = 6000 + 10 * self.site.place + place
        return {
            "id": number,
            "node_id": node("EN", number),
            "name": name,
            "url": f"{self.url}/environments/{name}",
            "html_url": self.site.web(f"deployments/activity_log?environments_filter={name}"),
            "created_at": iso(self.site.start),
            "updated_at": iso(self.site.start),
            "protection_rules": [],
            "deployment_branch_policy": None,
        }
