"""Verbs about facts: init, doctor, sync, import, export."""

from __future__ import annotations

from pathlib import Path

import click

from devops_lab.cli.options import CONFIG, SERVICE, fetch, opened, say
from devops_lab.errors import UserError


@click.command()
@click.option("--git", type=click.Path(), help="A local clone or bare repository.")
@click.option("--repository", help="owner/name on GitHub (GITHUB_TOKEN).")
@click.option("--organisation", help="Every repository of an organisation, grouped by the rules that fit.")
@click.option("--url", default="https://api.github.com", show_default=True, help="GitHub's API.")
@click.option("--config", default="lab.toml", show_default=True, help="The file to write.")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
def init(git: str | None, repository: str | None, organisation: str | None, url: str, config: str, force: bool) -> None:
    """Look at a repository and write lab.toml with rules that fit, and how many hits each has.

    With no option: the git repository of this folder; in a folder without one, a made-up company to look round with.
    """
    from devops_lab.start import write_organisation, write_settings
    from devops_lab.terminal import bars

    if organisation is not None:
        if git is not None or repository is not None:
            raise UserError("--organisation looks at every repository; leave --git and --repository out")
        with bars() as progress:
            said = write_organisation(
                Path(config), organisation, url, force, lambda name, done, of: progress(organisation, done, of)
            )
        say(said)
        return
    say(write_settings(Path(config), git=git, repository=repository, url=url, force=force))


@click.command()
@CONFIG
def doctor(config: str) -> int:
    """Look at the token, each rule's hits and near misses, and which metrics can be computed."""
    from devops_lab.doctor import findings
    from devops_lab.start import reachable

    store, settings = opened(config)
    with reachable(settings) as settings:
        found = list(findings(store, settings))
    unwell = 0
    for finding in found:
        click.echo(f"{'ok ' if finding.well else '!! '}{finding.what}")
        if not finding.well:
            unwell += 1
            click.echo(f"     → {finding.way_out}" if finding.way_out else "")
    return 1 if unwell else 0


@click.command()
@CONFIG
@SERVICE
@click.option("--since", help="How far back: 90d, 2026-01-01, or all.")
def sync(config: str, service: str | None, since: str | None) -> int:
    """Fetch what changed, newest first, and link it."""
    store, settings = opened(config)
    return fetch(store, settings, service, since)


@click.command("import")
@click.argument("table", metavar="TABLE | FOLDER")
@click.argument("file", type=click.Path(), required=False)
@CONFIG
def import_(table: str, file: str | None, config: str) -> None:
    """Read rows of a stored TABLE from a FILE (CSV, JSON, Parquet), or all that `export` wrote to a FOLDER.

    Nothing is half-written.  A folder is read into a store that holds nothing yet.
    """
    from devops_lab.archive import import_archive
    from devops_lab.exchange import import_rows

    store, settings = opened(config)
    if file is None:
        counts = import_archive(store, table)
        say(f"{sum(counts.values())} rows of {sum(map(bool, counts.values()))} tables are in {store.path}")
        return
    written = import_rows(store, settings, table, file)
    say(f"{table}: {written.inserted} new, {written.updated} changed, {written.unchanged} as before")


@click.command()
@click.argument("folder", type=click.Path())
@click.option("--format", "form", type=click.Choice(["parquet", "csv"]), default="parquet", show_default=True)
@CONFIG
def export(folder: str, form: str, config: str) -> None:
    """Write every stored table to a folder; `import` reads it again."""
    from devops_lab.archive import export_tables

    counts = export_tables(opened(config)[0], folder, form)
    say(f"{sum(counts.values())} rows of {sum(map(bool, counts.values()))} tables are in {folder}")
