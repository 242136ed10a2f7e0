"""Verbs about what is kept: prune, forget."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from devops_lab.cli.options import CONFIG, opened, say
from devops_lab.errors import UserError

if TYPE_CHECKING:
    from devops_lab.config import Settings

REPORTS = click.option("--reports", help="The folder of made reports (default: reports beside lab.toml).")


@click.command()
@click.option("--before", required=True, help="What was over before then goes: 2024-01-01, or '3 years' ago.")
@click.option("--dry-run", is_flag=True, help="Say what would go; write nothing.")
@REPORTS
@CONFIG
def prune(before: str, dry_run: bool, reports: str | None, config: str) -> None:
    """Take old facts out of the store; numbers over that time are missing from then on, never 0.

    A clone is read whole by each sync, which brings its history back: `[store] keep` in lab.toml keeps it away.
    """
    from devops_lab import keeping
    from devops_lab.store import Store
    from devops_lab.sync import derive, start_of

    store, settings = opened(config)
    moment = start_of(before, settings.lab.timezone)
    if store.as_of is None or moment >= store.as_of:
        raise UserError(f"--before {before}: the store knows nothing later; name an earlier day")
    writer = Store(store.path, latest=True)
    if dry_run:
        gone = keeping.prune(writer, moment, dry_run=True)
    else:
        with writer.lock():
            gone = keeping.prune(writer, moment)
            for warning in derive(writer, settings, store.as_of):
                say(warning)
    for table, count in gone.items():
        click.echo(f"{table}: {count} {'would go' if dry_run else 'gone'}")
    if not gone:
        click.echo(f"nothing was over before {moment:%Y-%m-%d %H:%M} UTC")
    for path in keeping.reports_before(_reports(reports, settings), moment):
        click.echo(f"looks at that time, and cannot be made again once its versions are gone (30 days): {path}")


@click.command()
@click.argument("login")
@REPORTS
@CONFIG
def forget(login: str, reports: str | None, config: str) -> None:
    """Take a person out of the store for good: all tables, all versions; the next sync does not bring them back.

    LOGIN is a login, a name or a pseudonym.  Older snapshots are no more, so no report can be made again from them.
    """
    from devops_lab import delivery, keeping
    from devops_lab.privacy import FORGOTTEN_FILE, People, load_key, remember_to_forget
    from devops_lab.store import Store
    from devops_lab.sync import people_of

    if not login.strip():
        raise UserError("name the person: a login, a name or a pseudonym")
    store, settings = opened(config)
    remember_to_forget(settings.folder, People("names", load_key()).mark(login))
    people = people_of(settings)
    writer = Store(store.path, latest=True)
    with writer.lock():
        names = {login, *keeping.aliases(writer, people, login)}
        told = keeping.forget(writer, people, login)
        for warning in delivery.derive(writer, settings):
            say(warning)
        writer.purge()
        if store.as_of is not None:
            writer.commit_snapshot(store.as_of)
    for table, count in told.items():
        click.echo(f"{table}: {count} rows no longer tell of them")
    if not told:
        click.echo("no row told of them")
    click.echo(f"{settings.folder / FORGOTTEN_FILE} keeps them away from now on; keep it with lab.toml")
    for name in keeping.naming(writer, people, login):
        click.echo(f"stays, for it is the name of what is measured: {name}")
    if settings.corrections.is_file() and keeping.tells(settings.corrections, names):
        click.echo(f"still names them: {settings.corrections}")
    for path in keeping.reports_about(_reports(reports, settings), names):
        click.echo(f"still names them, for it was made before: {path}")


def _reports(given: str | None, settings: Settings) -> Path:
    return settings.folder / "reports" if given is None else Path(given)
