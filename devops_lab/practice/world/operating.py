"""Operate: what breaks in production, the incidents that people open (or not), and what they do about it."""

from __future__ import annotations

from datetime import datetime, timedelta

from devops_lab.practice.world.coding import Coding
from devops_lab.practice.world.company import MERGE, REBASE, RELEASES, Service, incident_label
from devops_lab.practice.world.planning import Planning
from devops_lab.practice.world.records import Change, Failure, Rollout
from devops_lab.practice.world.records_plan import Issue
from devops_lab.practice.world.releasing import ReleasingShipper
from devops_lab.practice.world.shipping import DirectShipper, Shipper
from devops_lab.practice.world.site import Site

SILENT, DUPLICATED, LINKED_ELSEWHERE = 0.15, 0.14, 0.15
ROLLED_BACK, REVERTED, CLOSED_BY_WORDS, SWITCHED_OFF = 0.45, 0.5, 0.5, 0.15
OUTAGES_A_YEAR = 3
TROUBLES = ("Errors at", "Slow answers of", "Wrong results of", "Timeouts of", "Customers cannot use")


class Operating:
    """Watches one service and mends it."""

    def __init__(self, site: Site, service: Service, coding: Coding, planning: Planning) -> None:
        self.site, self.service, self.coding, self.planning = site, service, coding, planning
        self.shipper: Shipper
        self._open: list[Failure] = []

    def after(self, moment: datetime, rollout: Rollout) -> None:
        """Close what a rollout mended, and let it break something now and then."""
        site, dice = self.site, self.site.dice
        for failure in [one for one in self._open if one.rollback is rollout or one.remedy in rollout.carried]:
            self._open.remove(failure)
            if failure.incident is not None:
                site.agenda.at(site.soon(moment, 12, 0.9), self._resolve, failure.incident)
        suspects = [
            one for one in rollout.carried if not one.remedy and not one.is_bot and one.services == (self.service.name,)
        ]
        if not rollout.first and not rollout.rollback and suspects and dice.chance(self.service.defects):
            site.agenda.at(moment + dice.hours(1.5, 1.4, 24 * 20), self._notice, rollout, dice.one_of(suspects))

    def outage(self, moment: datetime) -> None:
        """Open an incident that no change has caused."""
        issue = self._incident(moment, "the cloud region", "The provider says that a zone is down.")
        issue.labels.append((moment, "not-a-change"))
        self.site.failures.append(Failure(self.service.name, None, issue, not_a_change=True))
        self.site.agenda.at(moment + self.site.dice.hours(1.3, 1.2, 100), self._resolve, issue)

    def _notice(self, moment: datetime, cause: Rollout, change: Change) -> None:
        site, dice = self.site, self.site.dice
        failure = Failure(self.service.name, cause)
        site.failures.append(failure)
        self._open.append(failure)
        silent = dice.chance(SILENT)
        if not silent:
            failure.linked = self.service.linked or dice.chance(LINKED_ELSEWHERE)
            text = "Seen on the dashboard."
            if failure.linked:
                text += f"\n\nCaused by: {dice.one_of([*cause.links, change.id])}"
            failure.incident = self._incident(moment, f"the {self.service.name} service", text)
            if dice.chance(DUPLICATED):
                site.agenda.at(site.soon(moment, 20, 1.0), self._duplicate, failure.incident)
        start = moment + dice.hours(0.4, 1.1, 48)
        if failure.incident is not None and dice.chance(SWITCHED_OFF):  # by a flag: nothing is deployed
            self._open.remove(failure)
            site.agenda.at(start, self._resolve, failure.incident)
        elif self.service.rollbacks and dice.chance(ROLLED_BACK):
            site.agenda.at(start, self._roll_back, failure, change)
        else:
            site.agenda.at(start, self._mend, failure, change)

    def _incident(self, moment: datetime, what: str, text: str) -> Issue:
        title = f"{self.site.dice.one_of(TROUBLES)} {what}"
        issue = self.planning.issue(moment, title, text, "incident")
        own = incident_label(self.site.plan, self.service)
        if own != "incident":
            issue.labels.append((moment, own))
        issue.assigned = (moment, self.site.member())
        return issue

    def _resolve(self, moment: datetime, issue: Issue) -> None:
        self.planning.close(moment, issue, self.site.member())

    def _duplicate(self, moment: datetime, original: Issue) -> None:
        said = f"Me too.\n\nDuplicate of #{original.number}"
        issue = self._incident(moment, f"the {self.service.name} service", said)
        self.site.failures.append(Failure(self.service.name, None, issue, duplicate=True))
        issue.labels.append((moment, "duplicate"))
        issue.reason = "duplicate"
        self.site.agenda.at(self.site.soon(moment, 30, 1.0), self._resolve, issue)

    def _roll_back(self, moment: datetime, failure: Failure, change: Change) -> None:
        def done(rollout: Rollout) -> None:
            failure.rollback = rollout
            if failure.incident is not None and (self.service.linked or self.site.dice.chance(0.5)):
                failure.incident.edits.append((moment, f"Fixed by: {rollout.links[0]}"))
            self.site.agenda.at(rollout.finished_at + self.site.dice.hours(1.5, 0.8, 30), self._follow_up, change)

        assert isinstance(self.shipper, DirectShipper)
        self.shipper.rollback(moment, failure.cause, done, lambda at: self._mend(at, failure, change))  # type: ignore[arg-type]

    def _follow_up(self, moment: datetime, change: Change) -> None:
        """Repair what was rolled back; that the pipeline is free again comes with it."""

        def landed(at: datetime, made: Change) -> None:
            self.shipper.held = False

        self.coding.urgent(
            moment,
            f"Repair {change.title[:50]}",
            f"repair-{change.result.sha[:6]}",
            (self.service,),
            f"Follows up on {change.id}.",
            remedy=False,
            landed=landed,
            minutes=120,
        )

    def _mend(self, moment: datetime, failure: Failure, change: Change) -> None:
        incident = failure.incident
        words = incident is not None and (self.site.dice.chance(CLOSED_BY_WORDS))
        if self.site.plan.ships == RELEASES:
            self._patch(moment, failure, change)
        elif (incident is None and self.service.linked) or self.site.dice.chance(REVERTED):
            self._revert(moment, failure, change, words)
        else:
            body = f"Fixes #{incident.number}" if incident is not None else "Urgent."
            self.coding.urgent(
                moment,
                f"Mend {change.title[:50]}",
                f"hotfix/{change.result.sha[:6]}",
                (self.service,),
                body,
                labels=("hotfix",),
                landed=lambda at, made: self._mended(at, failure, made, incident is not None),
            )

    def _mended(self, moment: datetime, failure: Failure, made: Change, closes: bool) -> None:
        """Take note of the change that mends; words like "Fixes #12" close the incident when it lands on main."""
        failure.remedy = made
        incident = failure.incident
        if incident is not None and closes:
            self.planning.close(moment, incident, self.site.member(), made.result)
        elif incident is not None:
            incident.edits.append((moment, f"Fixed by: {made.id}"))
        self.site.agenda.at(moment + timedelta(seconds=5), self.shipper.request, True)

    def _revert(self, moment: datetime, failure: Failure, change: Change, words: bool) -> None:
        incident = failure.incident
        closing = f"\n\nFixes #{incident.number}" if incident is not None and words else ""
        title = f'Revert "{change.title}"'
        this = f"This reverts commit {change.result.sha}"
        if self.site.plan.method == MERGE:
            this += f", reversing\nchanges made to {change.result.parents[0]}"

        def landed(at: datetime, made: Change) -> None:
            self._mended(at, failure, made, words)

        if change.pull is None or self.site.plan.method == REBASE:
            work = [(moment, f"{title}\n\n{this}.{closing}")]
            at = self.site.soon(moment, 15)
            self.site.agenda.at(
                at, lambda at: self.coding.push(at, self.site.member(), work, None, "main", change, True, landed)
            )
            return
        number = change.pull.number
        self.coding.urgent(
            moment,
            title,
            f"revert-{number}-{change.pull.head_ref}",
            (self.service,),
            f"Reverts {self.site.full_name}#{number}{closing}",
            reverts=change,
            landed=landed,
            message=f"{title}\n\n{this}.",
        )

    def _patch(self, moment: datetime, failure: Failure, change: Change) -> None:
        """Mend main, and backport to the latest line: the patch release is what mends production."""
        shipper = self.shipper
        assert isinstance(shipper, ReleasingShipper)
        incident = failure.incident
        head = change.result.sha[:6]

        def landed(at: datetime, made: Change) -> None:
            failure.remedy = made
            if incident is not None and self.service.linked:
                incident.edits.append((at, f"Fixed by: {made.id}"))

        def backport(at: datetime, made: Change) -> None:
            line = shipper.line
            self.coding.urgent(
                at + timedelta(minutes=3),
                f"[{line.branch}] Mend {change.title[:50]}",
                f"backport-{head}-to-1.{line.minor}",
                (self.service,),
                f"Fixes #{incident.number}" if incident is not None else f"Backport of {made.id}.",
                labels=("hotfix",),
                base_ref=line.branch,
                landed=landed,
            )

        self.coding.urgent(
            moment,
            f"Mend {change.title[:50]}",
            f"mend-{head}",
            (self.service,),
            "See below.",
            remedy=False,
            landed=backport,
        )
