"""``devops-lab schedule``: what is due and when, add a schedule, do what is due, have a machine do it."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from devops_lab import words
from devops_lab.cli.options import CONFIG, PRACTICE_SINCE, opened, pairs, say
from devops_lab.errors import StoreError

if TYPE_CHECKING:
    from devops_lab.config import Settings
    from devops_lab.reports.schedule.hands import Done, Hands

FORMS = click.Choice(["html", "pdf", "md"])
TARGETS = click.Choice(["systemd", "cron", "github-actions", "kubernetes"])


@click.group()
def schedule() -> None:
    """Reports that come by themselves: what is due and when, and to whom it goes."""


@schedule.command("list")
@click.option("--history", is_flag=True, help="What was due so far, and what came of it.")
@CONFIG
def list_(history: bool, config: str) -> int:
    """Show the schedules of lab.toml: when each is due next, and what is missing."""
    from devops_lab.reports.schedule import checks, listing

    store, settings = opened(config)
    table = listing.history(store, settings) if history else listing.schedules(store, settings)
    click.echo(table)
    problems = checks.problems(settings)
    for problem in problems:
        say(f"!! {problem}")
    return 1 if problems else 0


@schedule.command()
@click.argument("name")
@click.option("--cron", required=True, help='Five fields: "0 7 * * 1" is Mondays at seven.')
@click.option("--timezone", help="Europe/Berlin (default: the lab's).")
@click.option("--report", default="report_dora", show_default=True, help="The notebook.")
@click.option("-p", "parameters", multiple=True, metavar="KEY=VALUE", help="A parameter of the notebook.")
@click.option("--service", "services", multiple=True, help="One report for each; all: for every service.")
@click.option("--team", "teams", multiple=True, help="One report for each; all: for every team.")
@click.option("--period", help="day, week, month, quarter or year (default: the cron line's rhythm).")
@click.option("--format", "formats", multiple=True, type=FORMS, help="html, pdf, md.")
@click.option("--to", "recipients", multiple=True, help="A [[recipient]] of lab.toml.")
@click.option("--on-failure", multiple=True, help="A [[recipient]] who hears when a report did not come.")
@CONFIG
def add(
    name: str, cron: str, timezone: str | None, report: str, parameters: tuple[str, ...], services: tuple[str, ...],
    teams: tuple[str, ...], period: str | None, formats: tuple[str, ...], recipients: tuple[str, ...],
    on_failure: tuple[str, ...], config: str,
) -> None:  # fmt: skip
    """Add a schedule to lab.toml, when it is right."""
    from devops_lab.config.place import settings_path
    from devops_lab.reports.schedule import adding

    given = {
        "name": name, "cron": cron, "timezone": timezone, "report": report, "services": list(services),
        "teams": list(teams), "period": period, "formats": list(formats), "recipients": list(recipients),
        "on_failure": list(on_failure), "parameters": pairs(parameters),
    }  # fmt: skip
    said = adding.add(settings_path(config), {key: value for key, value in given.items() if value})
    click.echo(said)


@schedule.command()
@click.option("--forever", is_flag=True, help="Stay awake and do what becomes due.")
@click.option("--sync/--no-sync", "fresh", default=True, help="Fetch the facts first (default: as lab.toml says).")
@click.option("--wait", default=0.0, metavar="SECONDS", help="Wait so long for another run to end.")
@click.option("--checkpoint", metavar="COMMAND", help="Saves the store before each message, where no disk lasts.")
@CONFIG
def run(forever: bool, fresh: bool, wait: float, checkpoint: str | None, config: str) -> int:
    """Do what is due once: for cron, a timer, or a workflow.

    Exit status: 0 all that was due came (or another run is at work), 1 something did not come, 2 lab.toml is wrong.
    """
    from devops_lab.reports.schedule import running, staying

    _, settings = opened(config)
    with contextlib.chdir(settings.folder):
        if forever:
            staying.stay(settings, lambda now: _hands(now, fresh, checkpoint), _said, say)
            return 0
        _checked(settings)
        done = running.run(settings, _hands(settings, fresh, checkpoint), wait)
    _said(done)
    return done.exit_status


@schedule.command()
@click.option("--target", type=TARGETS, required=True, help="Where it is to run.")
@click.option("--folder", type=click.Path(), help="Where to write the files (default: where the target looks).")
@click.option("--force", is_flag=True, help="Write over files that are there.")
@click.option("--dry-run", is_flag=True, help="Show the files, and write nothing.")
@CONFIG
def install(target: str, folder: str | None, force: bool, dry_run: bool, config: str) -> None:
    """Write the files that let a machine run the schedule."""
    from devops_lab.reports.schedule import installing

    _, settings = opened(config)
    _checked(settings, addresses=False)
    plan = installing.plan(settings, target, None if folder is None else Path(folder))
    if dry_run:
        for path, text in plan.files.items():
            click.echo(f"# {path}\n{text}")
        return
    for path in installing.write(plan, force):
        click.echo(str(path))
    say(plan.next)


def _checked(settings: Settings, addresses: bool = False) -> None:
    """Refuse a lab.toml that asks for reports, parameters or metrics that are not there; all of them at once."""
    from devops_lab.errors import ConfigError
    from devops_lab.reports.schedule import checks

    problems = checks.problems(settings, addresses)
    if not settings.schedule and not settings.alert:
        problems.append("there is no [[schedule]]; `devops-lab schedule add` writes one")
    if problems:
        raise ConfigError(settings.path, problems)


def _hands(settings: Settings, fresh: bool, checkpoint: str | None) -> Hands:
    from devops_lab.reports.schedule.hands import Hands

    return Hands(
        say=say,
        fetch=(lambda: _fetched(settings)) if fresh else None,
        checkpoint=None if checkpoint is None else lambda: _saved(checkpoint),
    )


def _fetched(settings: Settings) -> dict[str, str]:
    """Sync, and return for each repository that did not give what it was asked for why not."""
    from devops_lab.start import reachable
    from devops_lab.store import Store
    from devops_lab.sync import start_of, sync

    since = None if settings.practice is None else start_of(PRACTICE_SINCE, settings.lab.timezone)
    with reachable(settings) as there:
        outcomes = sync(Store(settings.store), there, None, since, say=say)
    for one in outcomes:
        rows = one.rows
        say(f"{one.repository} ({one.source}): {rows.inserted} new, {rows.updated} changed, {rows.unchanged} as before")
    return {one.repository: f"{one.source}: {one.problem}" for one in outcomes if one.problem}


def _saved(command: str) -> None:
    done = subprocess.run(command, shell=True, check=False)
    if done.returncode:
        raise StoreError(f"the checkpoint {json.dumps(command)} ended with {done.returncode}")


def _said(done: Done) -> None:
    if done.rendered or done.sent:
        say(f"{words.plural(done.rendered, 'report')} rendered, {words.plural(done.sent, 'message')} sent")
    _lines("!! ", done.problems)
    _lines("waiting: ", done.waiting)


def _lines(mark: str, texts: Sequence[str]) -> None:
    for text in texts:
        say(f"{mark}{text}")
