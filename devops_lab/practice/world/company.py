"""The company: who works there, which services its teams own, and how each repository is worked in."""

from __future__ import annotations

from dataclasses import dataclass

OWNERS = ("larch", "heron", "basalt", "juniper", "kestrel", "quarry", "saffron", "thistle", "umber", "willow")
TEAMS = {
    "payments": ("ana-ruiz", "bo-lind", "chidi-eze", "dara-kim", "elif-kaya"),
    "storefront": ("femi-ade", "gita-rao", "hugo-meyer", "ines-costa", "jun-sato"),
    "platform": ("kofi-mensah", "lea-dubois", "mika-salo", "noor-aziz", "oleg-petrov"),
}
OUTSIDERS = ("pia-outside", "quin-visitor", "rosa-helper", "sam-drive-by")
DEPENDENCY_BOT, COVERAGE_BOT, ACTIONS_BOT = "dependabot[bot]", "codecov[bot]", "github-actions[bot]"
WEB_FLOW = "web-flow"

MERGE, SQUASH, REBASE = "merge", "squash", "rebase"
TAGS, WORKFLOW, DEPLOYMENTS, RELEASES, PROMOTION = "tags", "workflow", "deployments", "releases", "promotion"
NOTHING = "nothing"


@dataclass(frozen=True)
class Person:
    """An account: its login, number and type ("User" or "Bot")."""

    login: str
    id: int
    type: str = "User"

    @property
    def email(self) -> str:
        """The made-up address in its commits."""
        return f"{self.id}+{self.login}@users.noreply.github.example"


@dataclass(frozen=True)
class Service:
    """What is measured.  `linked`: each incident names its cause; `defects`: share of deployments that break."""

    name: str
    team: str
    folder: str
    defects: float
    linked: bool
    rollbacks: bool = False


@dataclass(frozen=True)
class Plan:
    """How a repository is worked in: its services, merge method, way of shipping, and how much happens a week.

    `crew` names the team of the small company whose people work here, where it is not the services' own; `topics` and
    `properties` are what GitHub tells of the repository.
    """

    name: str
    services: tuple[Service, ...]
    method: str
    ships: str
    per_week: float
    bots_per_week: float
    direct_share: float = 0.0
    crew: str | None = None
    topics: tuple[str, ...] = ()
    properties: tuple[tuple[str, str], ...] = ()
    archived: bool = False
    fork: bool = False

    @property
    def team(self) -> str:
        """The team whose people work here."""
        return self.crew or self.services[0].team

    @property
    def measured(self) -> bool:
        """Whether somebody would measure what is made here: not an archived repository, a fork, or documents."""
        return not (self.archived or self.fork or self.ships == NOTHING)


PLANS = (
    Plan(
        "shop",
        (
            Service("web", "storefront", "services/web", 0.17, True),
            Service("catalog", "storefront", "services/catalog", 0.2, False),
        ),
        MERGE,
        TAGS,
        per_week=6.0,
        bots_per_week=0.8,
    ),
    Plan(
        "gateway",
        (Service("gateway", "platform", "src", 0.09, False, rollbacks=True),),
        REBASE,
        WORKFLOW,
        per_week=6.5,
        bots_per_week=0.7,
        direct_share=0.65,
    ),
    Plan(
        "checkout",
        (Service("checkout", "payments", "src", 0.16, True, rollbacks=True),),
        SQUASH,
        DEPLOYMENTS,
        per_week=5.5,
        bots_per_week=1.5,
    ),
    Plan(
        "ledger", (Service("ledger", "payments", "src", 0.4, False),), SQUASH, RELEASES, per_week=3.5, bots_per_week=0.3
    ),
    Plan(
        "accounts",
        (Service("accounts", "platform", "src", 0.15, True, rollbacks=True),),
        MERGE,
        PROMOTION,
        per_week=4.5,
        bots_per_week=0.4,
    ),
)


def owner(seed: int) -> str:
    """Return the company's account; another seed is another company."""
    return OWNERS[(seed - 1) % len(OWNERS)]


def people() -> dict[str, Person]:
    """Return login → account of everybody who appears."""
    logins = [login for team in TEAMS.values() for login in team] + [*OUTSIDERS, WEB_FLOW]
    found = {login: Person(login, 1000 + place) for place, login in enumerate(logins)}
    bots = (DEPENDENCY_BOT, COVERAGE_BOT, ACTIONS_BOT)
    return found | {login: Person(login, 4000 + place, "Bot") for place, login in enumerate(bots)}


def incident_label(plan: Plan, service: Service) -> str:
    """Return the label of a service's incidents; in a monorepo each service has one of its own."""
    return "incident" if len(plan.services) == 1 else f"incident-{service.name}"
