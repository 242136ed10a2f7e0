"""What ``lab.toml`` asks for that is not there: reports, parameters, metrics, addresses; all of it at once.

`lab.toml` itself is checked when it is loaded; what needs notebooks, metrics or the environment is checked here, by
`devops-lab doctor`, `schedule add`, `schedule list` and before each run.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from devops_lab import metrics
from devops_lab.config import Alert, Schedule, Settings
from devops_lab.errors import AccessError, LabError
from devops_lab.metrics import statistics
from devops_lab.reports import parameters
from devops_lab.reports.lookup import notebook_path, read_notebook
from devops_lab.reports.schedule.rendering import given
from devops_lab.reports.sending.address import address_of
from devops_lab.reports.sending.watching import threshold

SOME_PERIOD = "2026-01"


def problems(settings: Settings, addresses: bool = True) -> list[str]:
    """Return one sentence per thing that is not there; `addresses`: the recipients' secrets are looked for too."""
    found = [said for one in settings.schedule for said in _report(settings, one)]
    found += [said for one in settings.alert for said in _alert(settings, one)]
    if addresses:
        found += _addresses(settings)
    return found


def _report(settings: Settings, schedule: Schedule) -> Iterator[str]:
    """Yield what is wrong with a schedule's report, each parameter on its own."""
    try:
        with contextlib.chdir(settings.folder):
            notebook = notebook_path(schedule.report)
            document = read_notebook(notebook)
    except LabError as problem:
        yield f"schedule {schedule.name!r}: {problem}"
        return
    known = parameters.defaults(document)
    for name, value in given(
        settings, schedule, "some" if schedule.services or schedule.teams else "", SOME_PERIOD
    ).items():
        if name == "timezone" and name not in known and schedule.timezone is None:
            continue
        try:
            parameters.typed(document, notebook.stem, {name: value})
        except LabError as problem:
            yield f"schedule {schedule.name!r}: {problem}"


def _alert(settings: Settings, alert: Alert) -> Iterator[str]:
    condition = alert.condition
    try:
        metric = metrics.find(condition.metric, settings.folder / "metrics")
        statistic = statistics.check(condition.statistic or metric.statistics[0])
        threshold(condition, statistic if statistic in statistics.RATES or statistic == "count" else metric.unit)
    except LabError as problem:
        yield f"alert {alert.name!r}: {problem}"


def _addresses(settings: Settings) -> Iterator[str]:
    used = {name for one in settings.schedule for name in (*one.recipients, *one.on_failure)}
    used |= {name for one in settings.alert for name in one.recipients}
    for recipient in settings.recipient:
        if recipient.name in used and (recipient.url_env or recipient.url_file):
            try:
                address_of(settings, recipient)
            except AccessError as problem:
                yield str(problem)
