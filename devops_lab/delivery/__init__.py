"""What happened to changes: stored facts become deployments, changes, incidents and failures.

``rules`` → rollouts → ``changes`` → ``impact`` → ``incidents`` → ``remedies`` → ``attribution``, for each service of
lab.toml.
"""

from __future__ import annotations

from devops_lab import config
from devops_lab.delivery import changes, corrections, forecasts, impact_steps, services
from devops_lab.delivery.hits import Hit, hits
from devops_lab.delivery.needs import describe, file_rules, needed_tables, on_github, phase_tables
from devops_lab.store import Store

__all__ = ["Hit", "derive", "describe", "file_rules", "hits", "needed_tables", "on_github", "phase_tables"]


def derive(store: Store, settings: config.Settings) -> list[str]:
    """Make ``deployments``, ``impacts``, ``changes``, ``failures``, forecasts and incidents of issues anew.

    Return warnings: corrections and references that name nothing known; they change nothing.

    A failure is charged, and a change left out, on the newest evidence: a question as of an earlier instant sees the
    facts of then, judged by what is known now (a remedy of the 4th says which deployment broke on the 3rd).
    The tables are replaced whole, and only where their content differs; incidents of files stay as they are.  `store`
    must read the newest rows (``latest=True``).  Errors: ConfigError for corrections.toml.
    """
    corrected = corrections.load(settings.corrections)
    warnings = services.strangers(corrected, {service.name for service in settings.service})
    found = services.Derived()
    facts: dict[str, changes.Facts] = {}
    reach = impact_steps.reach(store)
    for service in settings.service:
        if service.repository not in facts:
            facts = {service.repository: changes.load(store, service.repository)}
        levels = impact_steps.read(store, service.name) if reach else None
        tables = services.read(store, service)
        one = services.derived(service, facts[service.repository], tables, corrected, levels, reach)
        found.deployments += one.deployments
        found.changes += one.changes
        found.incidents += one.incidents
        found.impacts += one.impacts
        found.inferred += one.inferred
        found.failures += one.failures
        warnings += one.warnings
    store.replace("deployments", found.deployments)
    store.replace("changes", found.changes)
    store.replace("failures", found.failures)
    store.replace("impacts", found.impacts)
    repositories = dict.fromkeys(service.repository for service in settings.service)
    store.replace("milestone_forecasts", [row for name in repositories for row in forecasts.forecasts(store, name)])
    store.replace("incidents", found.incidents, source="delivery", only_source=True)
    store.replace("incidents", found.inferred, source="inferred", only_source=True)
    return warnings
