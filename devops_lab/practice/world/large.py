"""A larger company: forty services in thirty repositories, some of them monorepos, six teams told by a property.

Its repositories are worked in like the small company's; what differs are names, pace and how many there are.  Beside
them lie an archived repository, a fork and one of documents, which no service is made of.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from itertools import cycle, islice

from devops_lab.practice.world.company import (
    DEPLOYMENTS,
    MERGE,
    NOTHING,
    PROMOTION,
    REBASE,
    RELEASES,
    SQUASH,
    TAGS,
    TEAMS,
    WORKFLOW,
    Plan,
    Service,
)
from devops_lab.practice.world.organisation import Organisation, make

SERVICES, REPOSITORIES = 40, 30
PACE = 1.5
OWN_TEAMS = (*TEAMS, "logistics", "insights", "identity")
CREWS = dict(zip(OWN_TEAMS, cycle(TEAMS), strict=False))
NAMES = (
    "checkout", "ledger", "invoices", "refunds", "wallet", "search", "basket", "reviews", "wishlist", "gateway",
    "accounts", "sessions", "secrets", "mailer", "parcels", "routing", "couriers", "stock", "returns", "events",
    "reports", "forecast", "quality", "consent", "profiles", "roles", "audit", "pricing", "vouchers", "media",
    "banners", "loyalty", "taxes", "payouts", "disputes", "chat", "alerts", "quotas", "labels", "pickup",
    "claims", "feeds", "exports", "themes", "menus", "tariffs", "tickets", "surveys", "scores", "signals",
)  # fmt: skip
MONOREPOS = ("shop", "bank", "depot", "studio", "tower", "harbour")
WAYS = (
    (WORKFLOW, REBASE), (DEPLOYMENTS, SQUASH), (RELEASES, SQUASH), (PROMOTION, MERGE), (WORKFLOW, SQUASH),
)  # fmt: skip
DEFECTS = (0.08, 0.15, 0.22, 0.3)
TOPICS = {WORKFLOW: "pipeline", RELEASES: "library"}


def make_large(
    seed: int = 1,
    *,
    until: datetime,
    months: int = 3,
    services: int = SERVICES,
    repositories: int = REPOSITORIES,
    pace: float = PACE,
) -> Organisation:
    """Return a company of `services` in `repositories`, after `months` at `pace` pieces of work a week in each.

    The same arguments give the same company.  ValueError where the numbers do not fit: see `plans`.
    """
    return make(seed, until=until, months=months, plans=(*plans(services, repositories, pace), *beside()))


def plans(services: int = SERVICES, repositories: int = REPOSITORIES, pace: float = PACE) -> tuple[Plan, ...]:
    """Return how each repository is worked in: monorepos of two to four services first, then one service each.

    ValueError where so many services do not fit into so few repositories, or there are no names for so many.
    """
    sizes: list[int] = []
    more = services - repositories
    while more > 0:
        sizes.append(min(1 + len(sizes) % 3, more))
        more -= sizes[-1]
    if more < 0 or len(sizes) > min(repositories, len(MONOREPOS)) or services > len(NAMES):
        raise ValueError(f"{services} services do not fit into {repositories} repositories; 40 and 30 do")
    names = iter(NAMES)
    found = []
    teams = cycle(OWN_TEAMS)
    for name, size in zip(MONOREPOS, sizes, strict=False):
        found.append(_monorepo(name, tuple(islice(names, size + 1)), next(teams), pace))
    for place, name in enumerate(islice(names, repositories - len(sizes))):
        found.append(_alone(place, name, next(teams), pace))
    return tuple(found)


def beside() -> tuple[Plan, ...]:
    """Return the repositories that no service is made of: an archived one, a fork, and documents."""
    quiet = _alone(0, "attic", OWN_TEAMS[0], 0.5)
    fork = replace(quiet, name="toolbox", services=(replace(quiet.services[0], name="toolbox"),), fork=True)
    documents = _alone(0, "handbook", OWN_TEAMS[2], 0.5)
    return (
        replace(quiet, archived=True),
        fork,
        replace(documents, ships=NOTHING, topics=("documents",), properties=()),
    )


def _monorepo(name: str, services: tuple[str, ...], team: str, pace: float) -> Plan:
    own = tuple(
        Service(one, team, f"services/{one}", DEFECTS[place % len(DEFECTS)], place % 2 == 0)
        for place, one in enumerate(services)
    )
    return _plan(Plan(name, own, MERGE, TAGS, pace * len(own), 0.2), team, ("service", "monorepo"))


def _alone(place: int, name: str, team: str, pace: float) -> Plan:
    ships, method = WAYS[place % len(WAYS)]
    rollbacks = ships in (WORKFLOW, DEPLOYMENTS)
    own = Service(name, team, "src", DEFECTS[place % len(DEFECTS)], place % 3 != 0, rollbacks)
    topics = ("service", *((TOPICS[ships],) if ships in TOPICS else ()))
    return _plan(Plan(name, (own,), method, ships, pace, 0.2), team, topics)


def _plan(plan: Plan, team: str, topics: tuple[str, ...]) -> Plan:
    return replace(plan, crew=CREWS[team], topics=topics, properties=(("team", team),))
