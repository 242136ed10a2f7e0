"""Merging: what a pull request becomes on the branch it is merged into."""

from __future__ import annotations

from datetime import datetime

from devops_lab.practice.world.company import MERGE, REBASE, WEB_FLOW, Person
from devops_lab.practice.world.records import Commit, Pull
from devops_lab.practice.world.site import Site


def merge(site: Site, moment: datetime, pull: Pull, merger: Person) -> Commit:
    """Write the commits of a merge, as the repository's method wants it, and return the last: the merged result."""
    method = site.plan.method
    flow, onto = site.people[WEB_FLOW], site.tip(pull.base_ref)
    if method == MERGE:
        owner = pull.author.login if pull.fork else site.account
        message = f"Merge pull request #{pull.number} from {owner}/{pull.head_ref}\n\n{pull.title}"
        return site.commit((onto, pull.commits[-1].sha), merger, moment, message, committer=flow)
    if method == REBASE:
        for own in pull.commits:
            made = site.commit((onto,), own.author, own.authored_at, own.message, moment, own.files, merger)
            onto = made.sha
        return made
    files = tuple((path, more, less) for path, (more, less) in pull.files().items())
    return site.commit((onto,), pull.author, moment, f"{pull.title} (#{pull.number})", files=files, committer=flow)
