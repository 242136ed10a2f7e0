"""The organisation: a year in the life of a small company, made from a seed, and what its GitHub says of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from devops_lab.practice.world import company, objects, truth_operate, watching
from devops_lab.practice.world.build_objects import BuildObjects
from devops_lab.practice.world.building import Building
from devops_lab.practice.world.calendar import arrivals, pace
from devops_lab.practice.world.code_objects import CodeObjects
from devops_lab.practice.world.coding import Coding
from devops_lab.practice.world.company import DEPLOYMENTS, NOTHING, PROMOTION, RELEASES, TAGS, Plan, Service
from devops_lab.practice.world.file_objects import FileObjects
from devops_lab.practice.world.operating import OUTAGES_A_YEAR, Operating
from devops_lab.practice.world.plan_objects import PlanObjects
from devops_lab.practice.world.planning import Planning, months
from devops_lab.practice.world.releasing import ReleasingShipper, TaggingShipper
from devops_lab.practice.world.result_objects import ResultObjects
from devops_lab.practice.world.review_objects import ReviewObjects
from devops_lab.practice.world.securing import secure
from devops_lab.practice.world.security_objects import SecurityObjects
from devops_lab.practice.world.ship_objects import ShipObjects
from devops_lab.practice.world.shipping import JobShipper, PromotingShipper, Shipper
from devops_lab.practice.world.site import Site
from devops_lab.practice.world.talking import talk
from devops_lab.practice.world.truth import Truth, tell

MONTH = timedelta(days=30.4375)
IDEAS_ONLY_SHARE = 0.35
FORTNIGHT = 14


@dataclass(frozen=True)
class Repository:
    """One repository as GitHub's API would tell of it.

    `objects`: "repository" (object); lists "branches", "labels", "milestones", "issues" (pull requests too),
    "issue_events", "pulls", "pull_comments", "commits", "workflows", "runs", "releases", "tags", "deployments",
    "environments", "properties"; "pull_commits" and "pull_reviews" by number, "attempts" by (run, attempt), "jobs" by
    run, "git_refs" by full name, "git_tags" by sha, "deployment_statuses" by deployment.  Further lists
    "dependabot_alerts" and "code_scanning_alerts"; "pull_files" and "comments" by number, "artifacts" by run,
    "artifact_files" by artifact (a call makes the zip), "logs" by job (a call makes the text; the last 90 days), and
    "files", a call of sha and path.
    """

    full_name: str
    objects: dict[str, Any]


class Organisation:
    """A made-up company at the instant `until` (naive UTC).

    `repositories`: full name → what GitHub says; `truth`: what is true; `at` looks at an earlier instant.
    """

    def __init__(self, sites: list[Site], until: datetime) -> None:
        self._sites, self.until = sites, until
        self.name = sites[0].account

    def at(self, moment: datetime) -> Organisation:
        """Return the same company as it was at an earlier instant."""
        return Organisation(self._sites, min(moment, self.until))

    @cached_property
    def repositories(self) -> dict[str, Repository]:
        """Every repository by its full name."""
        return {site.full_name: Repository(site.full_name, _objects(site, self.until)) for site in self._sites}

    @cached_property
    def truth(self) -> Truth:
        """The true deployments, changes and failures."""
        return tell(self._sites, self.until)

    @cached_property
    def watch(self) -> watching.Watch:
        """What Prometheus would have seen of the services, and the alerts."""
        return watching.watch(self._sites, self.until)

    @cached_property
    def watch_truth(self) -> truth_operate.WatchTruth:
        """The true service levels, alerts, incidents and use of resources."""
        return truth_operate.tell(self.watch, self._sites, self.until)

    @property
    def services(self) -> dict[str, str]:
        """Service → full name of its repository."""
        return {
            service.name: site.full_name for site in self._sites if site.plan.measured for service in site.plan.services
        }


def make(seed: int = 1, *, until: datetime, months: int = 12, plans: Sequence[Plan] = company.PLANS) -> Organisation:
    """Return the company of `seed` as it is at `until` (naive UTC), after `months` of work; in a few seconds.

    The same arguments give the same company; the seed also chooses its name.  `plans` are its repositories.
    """
    until = until.replace(microsecond=0)
    start = (until - months * MONTH).replace(hour=8, minute=0, second=0, microsecond=0)
    account, people = company.owner(seed), company.people()
    sites = [Site(place, seed, plan, account, people, start) for place, plan in enumerate(plans)]
    for site in sites:
        _live(site, until)
    return Organisation(sites, until)


def _live(site: Site, until: datetime) -> None:
    planning, building = Planning(site), Building(site)
    coding = Coding(site, planning, building)
    plan = site.plan
    begin = site.start
    for due in months(begin, until):
        site.agenda.at(begin, planning.month, due)
        begin = due
    for happen, rate in (
        (coding.idea, plan.per_week),
        (coding.update_dependency, plan.bots_per_week),
        (planning.backlog, plan.per_week * IDEAS_ONLY_SHARE),
    ):
        for moment in arrivals(site.start, until, rate, site.dice):
            site.agenda.at(moment, happen)
    for place, service in enumerate(plan.services if plan.ships != NOTHING else ()):
        operating = Operating(site, service, coding, planning)
        operating.shipper = shipper = _shipper(site, service, operating, building)
        site.listeners.append(shipper.listen)
        for moment in arrivals(site.start, until, OUTAGES_A_YEAR / 52, site.dice):
            site.agenda.at(moment, operating.outage)
        for moment in _windows(site, plan, place, until):
            site.agenda.at(moment, shipper.request)
    site.agenda.run(until)
    secure(site, until)
    talk(site, until)


def _shipper(site: Site, service: Service, operating: Operating, building: Building) -> Shipper:
    ships = site.plan.ships
    if ships == TAGS:
        return TaggingShipper(site, service, operating.after)
    if ships == RELEASES:
        return ReleasingShipper(site, service, operating.after)
    if ships == PROMOTION:
        return PromotingShipper(site, service, operating.after, building)
    told = ships == DEPLOYMENTS
    return JobShipper(site, service, operating.after, building, eager=not told, told=told)


def _windows(site: Site, plan: Plan, place: int, until: datetime) -> list[datetime]:
    """Return when a service is brought out if anything is ready: each way of shipping in its rhythm."""
    dice, found = site.dice, []
    day = site.start.replace(hour=0)
    number = 0
    while day < until:
        number += 1
        open_for = pace(day.date()) >= 0.7
        hours: tuple[float, ...] = ()
        if plan.ships == DEPLOYMENTS:
            hours = (10.5, 15.2)
        elif plan.ships == PROMOTION:
            hours = (14.0,) if dice.chance(0.7) else ()
        elif plan.ships == TAGS:
            hours = (11.0 + place,) if day.weekday() in (place, place + 2) else ()
        elif plan.ships == RELEASES:
            hours = (9.5,) if number % FORTNIGHT == FORTNIGHT // 2 else ()
            open_for = day.weekday() < 5 or bool(hours)
        if open_for:
            found += [day + timedelta(seconds=round(hour * 3600 + dice.uniform(0, 2400))) for hour in hours]
        day += timedelta(days=1)
    return [moment for moment in found if site.start < moment < until]


def _objects(site: Site, moment: datetime) -> dict[str, Any]:
    whole = objects.repository(site, moment)
    short = objects.minimal(whole)
    plan = PlanObjects(site, moment)
    code = CodeObjects(site, moment, plan, short)
    reviews = ReviewObjects(site, moment)
    build = BuildObjects(site, moment, short, code.commits_now)
    ship, results, security = ShipObjects(site, moment), ResultObjects(site, moment), SecurityObjects(site, moment)
    issues, branches = plan.issues(), code.branches()
    return {
        "repository": whole,
        "branches": branches,
        "labels": plan.labels(),
        "milestones": plan.milestones(),
        "issues": issues,
        "issue_events": plan.events(issues),
        "pulls": code.pulls(),
        "pull_comments": reviews.pull_comments(),
        "pull_commits": code.pull_commits(),
        "pull_files": code.pull_files(),
        "pull_reviews": reviews.pull_reviews(),
        "comments": reviews.comments(),
        "commits": list(code.commits_now.values()),
        "workflows": build.workflows(),
        "runs": build.runs(),
        "attempts": build.attempts(),
        "jobs": build.jobs(),
        "artifacts": results.artifacts(),
        "artifact_files": results.artifact_files(),
        "logs": results.logs(),
        "files": FileObjects(site).file,
        "dependabot_alerts": security.dependabot_alerts(),
        "code_scanning_alerts": security.code_scanning_alerts(),
        "releases": ship.releases(),
        "tags": ship.tags(),
        "git_refs": ship.git_refs(branches),
        "git_tags": ship.git_tags(),
        "deployments": ship.deployments(),
        "deployment_statuses": ship.deployment_statuses(),
        "environments": ship.environments(),
        "properties": [{"property_name": name, "value": value} for name, value in site.plan.properties],
    }
