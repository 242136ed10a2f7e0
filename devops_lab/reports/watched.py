"""What is seen through Prometheus, and through permissions that may be refused: is it there; if not, how to get it."""

from __future__ import annotations

from devops_lab.language import marked
from devops_lab.reports.page import Piece, html, paragraph, shortened
from devops_lab.reports.question import Question

_EXAMPLES = {  # table → the line of lab.toml that fills it
    "service_levels": """slo = { objective = 0.999, \
good = 'sum(increase(http_requests_total{job="$service",code!~"5.."}[$step]))', \
total = 'sum(increase(http_requests_total{job="$service"}[$step]))' }""",
    "latency_buckets": """latency = 'sum by (le) (increase(http_request_duration_seconds_bucket{job="$service"}\
[$step]))'""",
    "alerts": """alerts = 'ALERTS{alertstate="firing",service="$service"}'""",
    "resource_usage": """saturation = { cpu = 'rate(process_cpu_seconds_total{job="$service"}[$step]) \
/ container_spec_cpu_cores{job="$service"}' }""",
    "restarts": """restarts = 'sum(increase(container_restarts_total{job="$service"}[$step]))'""",
    "log_errors": """log_errors = 'sum(increase(log_lines_total{job="$service",level="error"}[$step]))'""",
}
_SERVER = '[prometheus]\nurl = "http://localhost:9090"\n\n[defaults]\n'
_NAMES = {
    "service_levels": marked("service levels"),
    "latency_buckets": marked("latencies"),
    "alerts": marked("alerts"),
    "resource_usage": marked("the use of resources"),
    "restarts": marked("restarts"),
    "log_errors": marked("errors in logs"),
    "security_alerts": marked("security alerts"),
}
_REFUSED = """
select repository, refused
from sync_ledger
where table_name = $table_name and refused is not null
order by recorded_at desc, repository
"""


def missing(asked: Question, table: str) -> Piece:
    """Return why nothing is known of a table, and what to write into lab.toml so that the next sync knows."""
    t, name = asked.t, asked.t(_NAMES[table])
    refused = asked.store.sql(_REFUSED, table_name=table)
    refused = refused[refused["repository"].isin([*asked.services["repository"], *asked.services["service"]])]
    if len(refused) and asked_for(asked, table):
        said = shortened(refused["refused"].iloc[0], 160)
        return paragraph(t("Nothing is known about {name}. The last sync was told: {said}", name=name, said=said))
    if asked_for(asked, table):
        return paragraph(t("Nothing is stored about {name} yet; run `devops-lab sync`.", name=name))
    if table == "security_alerts":
        line = "[defaults]\nsecurity = true"
        lead = t("GitHub was not asked for {name}. This in lab.toml asks:", name=name)
    elif has_server(asked):
        line = _EXAMPLES[table]
        lead = t("Prometheus was not asked for {name}. This line in lab.toml, with your own names, asks:", name=name)
    else:
        line = _SERVER + _EXAMPLES[table]
        lead = t("Without Prometheus nothing is known about {name}. These lines in lab.toml add it:", name=name)
    after = t("Then `devops-lab doctor` says what it finds, and `devops-lab sync` fetches it.")
    body = html('<p>{}</p><div class="lab-details"><pre>{}</pre></div><p class="note">{}</p>', lead, line, after)
    return Piece(body, f"{lead}\n\n{line}\n\n{after}")


def has_server(asked: Question) -> bool:
    """Say whether lab.toml names a Prometheus (or the practice company, which has one)."""
    return asked.settings is not None and bool(asked.settings.prometheus or asked.settings.practice)


def asked_for(asked: Question, table: str) -> bool:
    """Say whether lab.toml asks for what fills the table, for any service of the page."""
    if asked.settings is None:
        return False
    key = {
        "service_levels": "slo", "latency_buckets": "latency", "resource_usage": "saturation",
        "security_alerts": "security",
    }.get(table, table)  # fmt: skip
    names = set(asked.services["service"])
    return any(getattr(one, key) for one in asked.settings.service if one.name in names)
