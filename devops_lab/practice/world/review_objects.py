"""Reviews, review comments and other comments as GitHub's API tells of them."""

from __future__ import annotations

from datetime import datetime

from devops_lab.practice.world.company import COVERAGE_BOT
from devops_lab.practice.world.objects import API, Json, iso, node, user
from devops_lab.practice.world.records import Pull, Review
from devops_lab.practice.world.records_plan import Comment
from devops_lab.practice.world.site import Site


def reviewed(pull: Pull, moment: datetime) -> list[Review]:
    """Return the reviews that a pull request had at `moment`."""
    return [review for review in pull.reviews if review.submitted_at <= moment]


class ReviewObjects:
    """Tells of the reviews in one repository at an instant."""

    def __init__(self, site: Site, moment: datetime) -> None:
        self.site, self.moment = site, moment
        self.url = f"{API}/repos/{site.full_name}"
        self.pulls = [one for one in site.pulls if one.created_at <= moment]

    def pull_reviews(self) -> dict[int, list[Json]]:
        """Return each pull request's reviews, the oldest first."""
        return {pull.number: [self._review(pull, one) for one in reviewed(pull, self.moment)] for pull in self.pulls}

    def _review(self, pull: Pull, one: Review) -> Json:
        address, url = (
            f"{self.site.web(f'pull/{pull.number}')}#pullrequestreview-{one.id}",
            f"{self.url}/pulls/{pull.number}",
        )
        return {
            "id": one.id,
            "node_id": node("PRR", one.id),
            "user": user(one.author),
            "body": "Coverage stays as it was." if one.author.login == COVERAGE_BOT else "",
            "state": one.state,
            "html_url": address,
            "pull_request_url": url,
            "author_association": "NONE" if one.author.type == "Bot" else "MEMBER",
            "_links": {"html": {"href": address}, "pull_request": {"href": url}},
            "submitted_at": iso(one.submitted_at),
            "commit_id": one.sha,
        }

    def pull_comments(self) -> list[Json]:
        """Return the review comments of all pull requests, by id."""
        found = [
            self._comment(pull, review, *comment)
            for pull in self.pulls
            for review in reviewed(pull, self.moment)
            for comment in review.comments
        ]
        return sorted(found, key=lambda raw: raw["id"])

    def comments(self) -> dict[int, list[Json]]:
        """Return the comments below each issue and pull request that has any, the oldest first."""
        found = {
            number: [self._below(number, one) for one in said if one.at <= self.moment]
            for number, said in self.site.comments.items()
        }
        return {number: said for number, said in sorted(found.items()) if said}

    def _below(self, number: int, one: Comment) -> Json:
        return {
            "url": f"{self.url}/issues/comments/{one.id}",
            "html_url": self.site.web(f"issues/{number}#issuecomment-{one.id}"),
            "issue_url": f"{self.url}/issues/{number}",
            "id": one.id,
            "node_id": node("IC", one.id),
            "user": user(one.author),
            "created_at": iso(one.at),
            "updated_at": iso(one.at),
            "body": one.text,
            "author_association": "NONE" if one.author.type == "Bot" else "MEMBER",
            "performed_via_github_app": None,
        }

    def _comment(self, pull: Pull, review: Review, number: int, at: datetime, path: str, text: str) -> Json:
        url, page = f"{self.url}/pulls/comments/{number}", self.site.web(f"pull/{pull.number}#discussion_r{number}")
        whole = f"{self.url}/pulls/{pull.number}"
        return {
            "url": url,
            "pull_request_review_id": review.id,
            "id": number,
            "node_id": node("PRRC", number),
            "diff_hunk": "@@ -1 +1 @@",
            "path": path,
            "position": 1,
            "original_position": 1,
            "commit_id": review.sha,
            "original_commit_id": review.sha,
            "user": user(review.author),
            "body": text,
            "created_at": iso(at),
            "updated_at": iso(at),
            "html_url": page,
            "pull_request_url": whole,
            "author_association": "MEMBER",
            "_links": {"self": {"href": url}, "html": {"href": page}, "pull_request": {"href": whole}},
            "line": 1,
            "original_line": 1,
            "start_line": None,
            "original_start_line": None,
            "start_side": None,
            "side": "RIGHT",
            "subject_type": "line",
        }
