"""Verbs about corrections: incident, deployment, list, undo."""

from __future__ import annotations

from typing import Any

import click

from devops_lab.cli.options import CONFIG, opened, say
from devops_lab.errors import UserError


@click.group()
def correct() -> None:
    """Say what the facts cannot: which deployment caused an incident, what was unplanned (corrections.toml)."""


@correct.command("incident")
@click.argument("id")
@click.option("--service", required=True)
@click.option("--deployment", help="The deployment that caused it.")
@click.option("--not-a-change", is_flag=True, default=None, help="No change caused it.")
@click.option("--duplicate-of", help="The incident it repeats.")
@click.option("--started-at", help="When it began.")
@click.option("--resolved-at", help="When it was over.")
@click.option("--reason", required=True)
@click.option("--by", help="Who says so (default: your login here).")
@CONFIG
def correct_incident(id: str, service: str, reason: str, by: str | None, config: str, **values: Any) -> None:
    """Correct an incident; `devops-lab sync` or `report` shows it from then on."""
    _correct("incident", id, service, reason, by, config, values)


@correct.command("deployment")
@click.argument("id")
@click.option("--service", required=True)
@click.option("--excluded", is_flag=True, default=None, help="It was none.")
@click.option("--unplanned/--planned", default=None, help="It was (not) a reaction to a failure.")
@click.option("--result", type=click.Choice(["success", "failure"]))
@click.option("--reason", required=True)
@click.option("--by", help="Who says so (default: your login here).")
@CONFIG
def correct_deployment(id: str, service: str, reason: str, by: str | None, config: str, **values: Any) -> None:
    """Correct a deployment; `devops-lab sync` or `report` shows it from then on."""
    _correct("deployment", id, service, reason, by, config, values)


def _correct(
    kind: str, id: str, service: str, reason: str, by: str | None, config: str, values: dict[str, Any]
) -> None:
    import getpass

    from devops_lab.delivery import corrections
    from devops_lab.periods import instant
    from devops_lab.sync import chosen, relink

    store, settings = opened(config)
    chosen(settings, service)
    said = {key: value for key, value in values.items() if value is not None}
    for key in ("started_at", "resolved_at"):
        if key in said:
            said[key] = instant(said[key], settings.lab.timezone, key)
    if not said:
        raise UserError(f"say what is to be corrected: one of --{', --'.join(sorted(values)).replace('_', '-')}")
    path = settings.corrections
    corrections.add(path, kind, service, id, by=by or getpass.getuser(), reason=reason, **said)
    for warning in relink(store, settings):
        say(warning)
    say(f"{path} says so now; `devops-lab correct undo` takes it back")


@correct.command("list")
@CONFIG
def correct_list(config: str) -> None:
    """List the corrections, the latest last."""
    from devops_lab.delivery import corrections

    for number, one in enumerate(corrections.load(opened(config)[1].corrections), 1):
        click.echo(f"{number}  {one}")


@correct.command("undo")
@click.argument("number", type=int, required=False)
@CONFIG
def correct_undo(number: int | None, config: str) -> None:
    """Take back a correction: the latest, or the one that `correct list` shows as NUMBER."""
    from devops_lab.delivery import corrections
    from devops_lab.sync import relink

    store, settings = opened(config)
    taken = corrections.undo(settings.corrections, number)
    relink(store, settings)
    say(f"taken back: {taken}")
