"""Release: services whose deployments are tags on main, or releases from release branches with cherry-picks."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from devops_lab.practice.world.calendar import working
from devops_lab.practice.world.records import SUCCESS, Change, Commit, Release, Rollout, Tag
from devops_lab.practice.world.shipping import DirectShipper, Shipper
from devops_lab.practice.world.site import MAIN, Site

PICKED = 0.5


def tag(site: Site, moment: datetime, name: str, sha: str) -> Tag:
    """Make an annotated tag."""
    own = hashlib.sha1(f"{site.seed}/{site.full_name}/{name}".encode(), usedforsecurity=False).hexdigest()
    made = Tag(name, sha, moment, site.member(), own)
    site.tags.append(made)
    return made


class TaggingShipper(DirectShipper):
    """Each deployment is an annotated tag "name-v1.2.0" on main; urgent ones only move the patch number."""

    minor, patch = 0, 0

    def ship(
        self, moment: datetime, position: int, sha: str, urgent: bool, instead_of: Rollout | None = None
    ) -> Rollout:
        """Tag main."""
        self.minor, self.patch = (self.minor, self.patch + 1) if urgent else (self.minor + 1, 0)
        made = tag(self.site, moment, f"{self.service.name}-v1.{self.minor}.{self.patch}", sha)
        self.busy_until = moment + timedelta(minutes=2)
        rollout = Rollout(self.service.name, sha, moment, moment, SUCCESS, position, [made.name])
        self.site.rollouts.append(rollout)
        self._finish(moment, rollout)
        return rollout


@dataclass
class Line:
    """A release branch: where on main it was cut, how far its patches are, and what was put on it since."""

    minor: int
    cut: int
    patch: int = 0
    picks: list[Change] = field(default_factory=list)
    published: bool = False

    @property
    def branch(self) -> str:
        """The branch's name."""
        return f"release/1.{self.minor}"


class ReleasingShipper(Shipper):
    """A release branch is cut every other week; after a candidate, and some picks, the version is published."""

    def __init__(self, site: Site, service: object, finished: object) -> None:
        super().__init__(site, service, finished)  # type: ignore[arg-type]
        self.lines: list[Line] = []

    @property
    def line(self) -> Line:
        """The latest line that was published."""
        return [line for line in self.lines if line.published][-1]

    def request(self, moment: datetime, urgent: bool = False) -> None:
        """Cut a release branch, unless one waits to be published or nothing is new."""
        site, position = self.site, len(self.site.landings)
        if urgent or not self.pending(position) or (self.lines and not self.lines[-1].published):
            return
        line = Line(len(self.lines) + 1, position)
        self.lines.append(line)
        sha = site.tip()
        site.move(line.branch, moment, sha)
        self._release(site.soon(moment, 60), f"v1.{line.minor}.0-rc.1", line.branch, sha, True)
        end = working(moment + site.dice.hours(50, 0.5), site.dice)
        if site.dice.chance(PICKED):
            site.agenda.at(moment + (end - moment) * 0.7, self._pick, line)
        site.agenda.at(end.replace(microsecond=0), self.publish, line)

    def _pick(self, moment: datetime, line: Line) -> None:
        """Cherry-pick the newest change of main that came too late: a commit without a pull request of its own."""
        late = [one for one in self.site.landings[line.cut :] if not one.remedy and not one.is_bot]
        if late:
            source = late[-1].result
            message = f"{source.message}\n\n(cherry picked from commit {source.sha})"
            self._put(moment.replace(microsecond=0), line, source, message)

    def _put(self, moment: datetime, line: Line, source: Commit, message: str) -> None:
        site = self.site
        made = site.commit(
            (site.tip(line.branch),), source.author, source.authored_at, message, moment, source.files, site.member()
        )
        change = Change(made.sha, (self.service.name,), source.authored_at, moment, made, made.subject, False)
        site.land(moment, line.branch, [change], made)

    def listen(self, moment: datetime, branch: str, sha: str) -> None:
        """Take note of what was put on a release branch; on a published line it goes out as a patch."""
        for line in self.lines:
            if branch == line.branch:
                line.picks = [one for one in self.site.changes if one.result.sha == sha or one in line.picks]
                if line.published:
                    self.site.agenda.at(self.site.soon(moment, 15), self.publish, line)

    def publish(self, moment: datetime, line: Line) -> None:
        """Publish the next version of a line."""
        line.patch = line.patch + 1 if line.published else 0
        line.published = True
        name, sha = f"v1.{line.minor}.{line.patch}", self.site.tip(line.branch)
        self._release(moment, name, line.branch, sha, False)
        rollout = Rollout(self.service.name, sha, moment, moment, SUCCESS, line.cut, [name])
        self.site.rollouts.append(rollout)
        self._finish(moment, rollout)

    def brought(self, rollout: Rollout) -> list[Change]:
        """Return what is new on main up to the cut, and what was put on the branch."""
        line = next(line for line in self.lines if line.cut == rollout.position)
        return self.pending(line.cut) + [pick for pick in line.picks if not pick.deployed]

    def _release(self, moment: datetime, name: str, branch: str, sha: str, candidate: bool) -> None:
        site = self.site
        made = tag(site, moment - timedelta(seconds=40), name, sha)
        committed = next(commit.committed_at for commit in reversed(site.commits) if commit.sha == sha)
        target = branch if branch != MAIN else sha
        site.releases.append(Release(site.id(), name, target, made.tagger, committed, moment, candidate))
