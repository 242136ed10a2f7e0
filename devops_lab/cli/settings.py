"""Verbs about ``lab.toml``: what holds for a service, and where each value comes from."""

from __future__ import annotations

import json

import click

from devops_lab.cli.options import CONFIG


@click.group()
def config() -> None:
    """Read lab.toml: what holds for a service, and where it comes from."""


@config.command()
@click.argument("service", required=False)
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@CONFIG
def show(service: str | None, form: str, config: str) -> None:
    """Show the settings of a service with where each comes from; without one, the services and their teams."""
    from devops_lab.config import load
    from devops_lab.config.origins import explained
    from devops_lab.config.place import settings_path

    if service is None:
        rows = [(one.name, one.team or "no team", one.repository) for one in load(config).service]
        names = ("name", "team", "repository")
    else:
        rows = [(one.key, one.value, one.origin) for one in explained(settings_path(config), service)]
        names = ("key", "value", "origin")
    if form == "json":
        click.echo(json.dumps([dict(zip(names, row, strict=True)) for row in rows], indent=1))
        return
    first, last = (max((len(row[place]) for row in rows), default=0) for place in (0, 2 if service is None else 1))
    for row in rows:
        if service is None:
            click.echo(f"{row[0]:<{first}}  {row[2]:<{last}}  {row[1]}")
        else:
            click.echo(f"{row[0]:<{first}} = {row[1]}\n{'':<{first}}     {row[2]}")
