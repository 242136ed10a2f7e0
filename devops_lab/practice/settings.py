"""The ``lab.toml`` of the practice organisation: the rules with which the lab finds the truth."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from devops_lab.practice.world import levels
from devops_lab.practice.world.company import (
    DEPLOYMENTS,
    PLANS,
    PROMOTION,
    RELEASES,
    TAGS,
    WORKFLOW,
    Plan,
    Service,
    incident_label,
    owner,
)

JUNIT = 'junit = { artifacts = ["junit-*"] }'
LAB = '[lab]\nstore = "lab"\ntimezone = "UTC"\n'
RULES = {
    TAGS: '{{ from = "tags", tags = ["{name}-v[0-9]+.[0-9]+.[0-9]+"] }}',
    WORKFLOW: '{{ from = "workflow", workflow = "deploy.yml", jobs = ["deploy-*"], branches = ["main"] }}',
    DEPLOYMENTS: '{{ from = "deployments", environments = ["production"] }}',
    PROMOTION: '{{ from = "deployments", environments = ["production"] }}',
    RELEASES: '{{ from = "releases", prereleases = false }}',
}
REWORK = (
    'rework = {{ labels = ["hotfix"], branches = ["hotfix/*"], reverts = true, rollbacks = true, '
    "patch_releases = {patches} }}"
)
TELEMETRY = """[defaults]
latency = 'sum by (le) (increase(http_request_duration_seconds_bucket{job="$service"}[$step]))'
restarts = 'sum(increase(container_restarts_total{job="$service"}[$step]))'
log_errors = 'sum(increase(log_lines_total{job="$service",level="error"}[$step]))'
alerts = 'ALERTS{alertstate="firing",service="$service"}'

[defaults.saturation]
cpu = 'sum by (job) (rate(process_cpu_seconds_total{job="$service"}[$step])) / sum by (job) (container_spec_cpu_cores{job="$service"})'
memory = 'sum by (job) (process_resident_memory_bytes{job="$service"}) / sum by (job) (container_spec_memory_limit_bytes{job="$service"})'
"""  # noqa: E501 - one query a line
SLO = """
[service.slo]
objective = {objective}
good = 'sum(increase(http_requests_total{{job="$service",code!~"5.."}}[$step]))'
total = 'sum(increase(http_requests_total{{job="$service"}}[$step]))'
"""
LIVE = """
[[service]]
name = "greeter"
team = "platform"
repository = "{account}/greeter"
deployment = {{ from = "deployments", environments = ["production"] }}
incident = {{ from = "issues", labels = ["incident"] }}
"""
VISITED = (
    "# A made-up company of six services, to look round with: `devops-lab sync` and `report` start its GitHub and\n"
    "# its Prometheus for the while.  For your own repository: `devops-lab init --force --repository owner/name`.\n"
)


def lab_toml(
    account: str,
    url: str,
    prometheus: str | None = None,
    live: bool = False,
    dora_alone: bool = False,
    company: tuple[int, datetime] | None = None,
    plans: Sequence[Plan] = PLANS,
) -> str:
    """Return the ``lab.toml`` whose rules find the services of `plans` at the GitHub-shaped server `url`.

    `prometheus` is the address of its telemetry; `live`: the sample service is there too; `dora_alone`: nothing is
    fetched that only the phases' metrics read.  `company` (seed, until) says that it is a made-up one: no token of
    yours is sent there.
    """
    parts = [LAB + ("phases = []\n" if dora_alone else ""), f'[github]\nurl = "{url}"\n']
    if company is not None:
        parts.append(_practice(*company))
    if prometheus is not None:
        parts += [f'[prometheus]\nurl = "{prometheus}"\n', TELEMETRY]
    parts += _services(account, prometheus is not None, dora_alone, plans)
    if live:
        parts.append(LIVE.format(account=account) + (SLO.format(objective=0.99) if prometheus is not None else ""))
    return "\n".join(parts)


def visited_toml(seed: int, until: date) -> str:
    """Return the ``lab.toml`` of the company of `seed` that is started for each sync, and down in between."""
    text = "\n".join([VISITED + LAB, _practice(seed, until), TELEMETRY, *_services(owner(seed), True)])
    return text.replace(JUNIT, f"# {JUNIT}    # one more request for each test run")


def live_toml(seed: int, telemetry: bool) -> str:
    """Return the ``[[service]]`` of the sample service, which the company's pipelines deliver."""
    return LIVE.format(account=owner(seed)) + (SLO.format(objective=0.99) if telemetry else "")


def _practice(seed: int, until: date) -> str:
    return f"[practice]\nseed = {seed}\nuntil = {until.isoformat()}\n"


def _services(account: str, telemetry: bool, dora_alone: bool = False, plans: Sequence[Plan] = PLANS) -> list[str]:
    return [
        _service(account, plan, service, telemetry, dora_alone)
        for plan in plans
        if plan.measured
        for service in plan.services
    ]


def _service(account: str, plan: Plan, service: Service, telemetry: bool, dora_alone: bool) -> str:
    patches = "true" if plan.ships == RELEASES else "false"
    lines = [
        "[[service]]",
        f'name = "{service.name}"',
        f'team = "{service.team}"',
        f'repository = "{account}/{plan.name}"',
        *([f'paths = ["{service.folder}/**"]'] if len(plan.services) > 1 else []),
        f"deployment = {RULES[plan.ships].format(name=service.name)}",
        f'incident = {{ from = "issues", labels = ["{incident_label(plan, service)}"] }}',
        REWORK.format(patches=patches),
        *([] if dora_alone else [JUNIT, "security = true"]),
    ]
    slo = SLO.format(objective=levels.of(service.name).objective) if telemetry else ""
    return "\n".join(lines) + "\n" + slo
