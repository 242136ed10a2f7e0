"""Verbs that put a fact into a file: record deployment, record incident."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from devops_lab.cli.options import say

SERVICE = click.option("--service", help="The service of lab.toml; of a fact that is there already: not needed.")
URL = click.option("--url", help="Its page.")


def _file(default: str) -> Callable[..., Any]:
    return click.option("--file", type=click.Path(), default=default, show_default=True, help="The CSV file.")


@click.group()
def record() -> None:
    """Tell the lab of a deployment or incident: one row of a CSV file, which a rule { from = "file" } reads.

    It needs no lab.toml, no store and no network.  The same ID again updates the row; what is not said stays, and an
    empty value ("") is taken back.  Times are "now" or ISO 8601, without an offset UTC.
    """


@record.command("deployment")
@click.argument("id")
@SERVICE
@click.option("--sha", help="The commit that was deployed, whole or shortened to seven characters.")
@click.option("--tag", help="The tag or version that was deployed.")
@click.option("--result", help="success, failure or cancelled.")
@click.option("--started-at", help="When it started.")
@click.option("--finished-at", help="When it ended (default: now, when it is new or the result changes).")
@click.option("--environment", help="The environment (default: production).")
@URL
@_file("deployments/recorded.csv")
def record_deployment(id: str, file: str, **values: Any) -> None:
    """Record a deployment that has ended; ID is yours, such as the run's number and attempt."""
    _record("deployment", id, file, values)


@record.command("incident")
@click.argument("id")
@SERVICE
@click.option("--title", help="What happened.")
@click.option("--severity", help="Your word for how bad it is.")
@click.option("--started-at", help="When it began (default: now, when it is new).")
@click.option("--resolved-at", help="When it was over.")
@click.option("--caused-by", help="The deployment, sha, #number or run that caused it.")
@click.option("--fixed-by", help="What mended it, likewise.")
@click.option("--duplicate-of", help="The incident it repeats.")
@click.option("--not-a-change/--a-change", default=None, help="No change caused it.")
@URL
@_file("incidents/recorded.csv")
def record_incident(id: str, file: str, **values: Any) -> None:
    """Record an incident; `record incident ID --resolved-at now` closes it."""
    _record("incident", id, file, values)


def _record(kind: str, id: str, file: str, values: dict[str, Any]) -> None:
    from devops_lab import recording

    said = {name: value for name, value in values.items() if value is not None}
    found = recording.record(kind, id, file, said)
    state = "recorded" if found.new else "updated" if found.changed else "stands there already, unchanged"
    say(f"{file}: {kind} {found.row['id']!r} of {found.row['service']} {state}")
