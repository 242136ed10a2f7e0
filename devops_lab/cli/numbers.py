"""Verbs about numbers: metrics, receipt."""

from __future__ import annotations

import json

import click

from devops_lab.cli.options import CONFIG, FORMAT, SERVICE, opened, pairs, window


@click.command()
@click.argument("names", nargs=-1)
@click.option("--every", help="day, week, month, quarter or year; without it: one answer over the window.")
@click.option("--by", type=click.Choice(["service", "team", "repository"]), help="One row per …")
@click.option("-p", "parameters", multiple=True, metavar="KEY=VALUE", help="A metric's own parameter: clock=merged.")
@SERVICE
@window
@FORMAT
@CONFIG
def metrics(
    names: tuple[str, ...],
    every: str | None,
    by: str | None,
    parameters: tuple[str, ...],
    service: str | None,
    last: str | None,
    since: str | None,
    until: str | None,
    as_of: str | None,
    form: str,
    config: str,
) -> None:
    """Compute metrics: the five DORA metrics, or those named."""
    from devops_lab.terminal import ask, printed

    store, settings = opened(config)
    frame = ask(
        store,
        settings,
        names,
        every=every,
        by=by,
        service=service,
        last=last,
        since=since,
        until=until,
        as_of=as_of,
        parameters=pairs(parameters),
    )
    click.echo(printed(frame, form, settings.lab.timezone))


@click.command()
@click.argument("name")
@click.option("-p", "parameters", multiple=True, metavar="KEY=VALUE", help="A metric's own parameter: clock=merged.")
@SERVICE
@window
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table")
@CONFIG
def receipt(
    name: str,
    parameters: tuple[str, ...],
    service: str | None,
    last: str | None,
    since: str | None,
    until: str | None,
    as_of: str | None,
    form: str,
    config: str,
) -> None:
    """Show the evidence behind one number: the rows in it, the rows left out and why."""
    from devops_lab.metrics import find
    from devops_lab.metrics.receipt import receipt as evidence
    from devops_lab.terminal import receipt_text, window_of

    store, settings = opened(config)
    asked = window_of(settings, {"service": service, "last": last, "since": since, "until": until, "as_of": as_of})
    found = evidence(
        find(name, settings.folder / "metrics"), store, events=settings.event, **asked, **pairs(parameters)
    )
    click.echo(json.dumps(found, indent=1, ensure_ascii=False) if form == "json" else receipt_text(found))
