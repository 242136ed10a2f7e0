"""Branches, commits and pull requests as GitHub's API tells of them."""

from __future__ import annotations

import hashlib
from datetime import datetime

from devops_lab.practice.world.company import Person
from devops_lab.practice.world.objects import API, Json, account, iso, node, past, user
from devops_lab.practice.world.plan_objects import PlanObjects, changed, is_draft
from devops_lab.practice.world.records import Commit, Pull, summed
from devops_lab.practice.world.review_objects import reviewed
from devops_lab.practice.world.site import Site

UNSIGNED = {"verified": False, "reason": "unsigned", "signature": None, "payload": None, "verified_at": None}


class CodeObjects:
    """Tells of one repository's code at an instant; `repository` is its minimal object."""

    def __init__(self, site: Site, moment: datetime, plan: PlanObjects, repository: Json) -> None:
        self.site, self.moment, self.plan, self.repository = site, moment, plan, repository
        self.url = f"{API}/repos/{site.full_name}"
        self.pulls_now = [one for one in site.pulls if one.created_at <= moment]
        self.commits_now = {one.sha: self._commit(one) for one in site.commits if one.committed_at <= moment}

    def branches(self) -> list[Json]:
        """Return the branches: main, release branches, and those of open pull requests."""
        tips = {name: self._tip(name) for name in self.site.branches if self._tip(name)}
        for pull in self.pulls_now:
            if not pull.fork and past(pull.closed_at, self.moment) is None:
                tips[pull.head_ref] = self._head(pull)
        return [
            {
                "name": name,
                "commit": {"sha": sha, "url": f"{self.url}/commits/{sha}"},
                "protected": name == "main",
                "protection": {"enabled": False},
                "protection_url": f"{self.url}/branches/{name}/protection",
            }
            for name, sha in sorted(tips.items())
        ]

    def _tip(self, branch: str) -> str:
        return next((sha for at, sha in reversed(self.site.branches[branch]) if at <= self.moment), "")

    def _commit(self, one: Commit) -> Json:
        tree = hashlib.sha1(f"tree {one.sha}".encode(), usedforsecurity=False).hexdigest()
        more, less = sum(size for _, size, _ in one.files), sum(size for _, _, size in one.files)
        return {
            "sha": one.sha,
            "node_id": f"C_{one.sha[:20]}",
            "commit": {
                "author": _signature(one.author, one.authored_at),
                "committer": _signature(one.committer, one.committed_at),
                "message": one.message,
                "tree": {"sha": tree, "url": f"{self.url}/git/trees/{tree}"},
                "url": f"{self.url}/git/commits/{one.sha}",
                "comment_count": 0,
                "verification": UNSIGNED,
            },
            "url": f"{self.url}/commits/{one.sha}",
            "html_url": self.site.web(f"commit/{one.sha}"),
            "comments_url": f"{self.url}/commits/{one.sha}/comments",
            "author": user(one.author),
            "committer": user(one.committer),
            "parents": [
                {"sha": sha, "url": f"{self.url}/commits/{sha}", "html_url": self.site.web(f"commit/{sha}")}
                for sha in one.parents
            ],
            "stats": {"total": more + less, "additions": more, "deletions": less},
            "files": [self._file(one.sha, *file) for file in one.files],
        }

    def _file(self, sha: str, path: str, additions: int, deletions: int) -> Json:
        blob = hashlib.sha1(f"{sha}/{path}".encode(), usedforsecurity=False).hexdigest()
        return {
            "sha": blob,
            "filename": path,
            "status": "modified",
            "additions": additions,
            "deletions": deletions,
            "changes": additions + deletions,
            "blob_url": self.site.web(f"blob/{sha}/{path}"),
            "raw_url": self.site.web(f"raw/{sha}/{path}"),
            "contents_url": f"{self.url}/contents/{path}?ref={sha}",
        }

    def _own(self, pull: Pull) -> list[Commit]:
        return [one for one in pull.commits if one.committed_at <= self.moment]

    def _head(self, pull: Pull) -> str:
        return self._own(pull)[-1].sha

    def pulls(self) -> list[Json]:
        """Return the pull requests, by number."""
        return [self._pull(one) for one in self.pulls_now]

    def _pull(self, one: Pull) -> Json:
        merged, closed = past(one.merged_at, self.moment), past(one.closed_at, self.moment)
        url, address = f"{self.url}/pulls/{one.number}", self.site.web(f"pull/{one.number}")
        issue = f"{self.url}/issues/{one.number}"
        own = self._own(one)
        files = summed(own)
        trial = hashlib.sha1(f"trial {own[-1].sha}".encode(), usedforsecurity=False).hexdigest()
        return {
            "url": url,
            "id": one.id,
            "node_id": node("PR", one.id),
            "html_url": address,
            "diff_url": f"{address}.diff",
            "patch_url": f"{address}.patch",
            "issue_url": issue,
            "commits_url": f"{url}/commits",
            "review_comments_url": f"{url}/comments",
            "review_comment_url": f"{self.url}/pulls/comments{{/number}}",
            "comments_url": f"{issue}/comments",
            "statuses_url": f"{self.url}/statuses/{own[-1].sha}",
            "number": one.number,
            "state": "closed" if closed else "open",
            "locked": False,
            "title": one.title,
            "user": user(one.author),
            "body": one.body,
            "labels": self.plan.labels_of(one.labels),
            "milestone": self.plan.milestone_of(one.milestone),
            "active_lock_reason": None,
            "created_at": iso(one.created_at),
            "updated_at": iso(changed(self.site, one, self.moment)),
            "closed_at": iso(closed),
            "merged_at": iso(merged),
            "merge_commit_sha": one.merge_commit.sha if merged and one.merge_commit else trial,
            "assignee": None,
            "assignees": [],
            "requested_reviewers": [],
            "requested_teams": [],
            "head": self._end(one, one.head_ref, own[-1].sha, one.fork, one.fork_gone),
            "base": self._end(one, one.base_ref, one.base_sha, False, False),
            "_links": {
                "self": {"href": url},
                "html": {"href": address},
                "issue": {"href": issue},
                "comments": {"href": f"{issue}/comments"},
                "review_comments": {"href": f"{url}/comments"},
                "review_comment": {"href": f"{self.url}/pulls/comments{{/number}}"},
                "commits": {"href": f"{url}/commits"},
                "statuses": {"href": f"{self.url}/statuses/{own[-1].sha}"},
            },
            "author_association": "CONTRIBUTOR" if one.fork else "MEMBER",
            "auto_merge": None,
            "draft": is_draft(one, self.moment),
            "merged": merged is not None,
            "mergeable": None if closed else True,
            "rebaseable": None if closed else True,
            "mergeable_state": "unknown" if closed else "clean",
            "merged_by": user(one.merged_by) if merged and one.merged_by else None,
            "comments": sum(said.at <= self.moment for said in self.site.comments.get(one.number, [])),
            "review_comments": sum(len(review.comments) for review in reviewed(one, self.moment)),
            "maintainer_can_modify": False,
            "commits": len(own),
            "additions": sum(more for more, _ in files.values()),
            "deletions": sum(less for _, less in files.values()),
            "changed_files": len(files),
        }

    def _end(self, one: Pull, ref: str, sha: str, fork: bool, gone: bool) -> Json:
        owner = user(one.author) if fork else account(self.site.account, 800)
        repository: Json | None = self.repository
        if fork:
            name = f"{one.author.login}/{self.site.plan.name}"
            repository = {
                **self.repository,
                "id": 5000 + 100 * self.site.place + one.author.id % 100,
                "full_name": name,
                "owner": owner,
                "fork": True,
                "url": f"{API}/repos/{name}",
                "html_url": f"https://github.example/{name}",
            }
        return {
            "label": f"{owner['login']}:{ref}",
            "ref": ref,
            "sha": sha,
            "user": owner,
            "repo": None if gone else repository,
        }

    def pull_commits(self) -> dict[int, list[Json]]:
        """Return each pull request's commits, the oldest first; without files, as that list has them."""
        left_out = ("files", "stats")
        return {
            pull.number: [
                {key: value for key, value in self.commits_now[one.sha].items() if key not in left_out}
                for one in self._own(pull)
            ]
            for pull in self.pulls_now
        }

    def pull_files(self) -> dict[int, list[Json]]:
        """Return the files that each pull request changes, its commits taken together."""
        return {
            pull.number: [
                self._file(self._head(pull), path, more, less) for path, (more, less) in summed(self._own(pull)).items()
            ]
            for pull in self.pulls_now
        }


def _signature(person: Person, moment: datetime) -> Json:
    return {"name": person.login, "email": person.email, "date": iso(moment)}
