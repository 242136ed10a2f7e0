"""Verbs about numbers: metrics, receipt, report."""

from __future__ import annotations

import json
from pathlib import Path

import click

from devops_lab.cli.options import CONFIG, FORMAT, SERVICE, fetch, opened, pairs, say, window


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
    found = evidence(find(name, settings.folder / "metrics"), store, **asked, **pairs(parameters))
    click.echo(json.dumps(found, indent=1, ensure_ascii=False) if form == "json" else receipt_text(found))


@click.command()
@click.argument("name", default="report_dora")
@click.option("-p", "parameters", multiple=True, metavar="KEY=VALUE", help="A parameter of the notebook.")
@click.option("--git", type=click.Path(), help="Report on this clone; no lab.toml is needed.")
@click.option("--repository", help="Report on owner/name on GitHub; no lab.toml is needed.")
@click.option("--practice", is_flag=True, help="Report on the made-up practice organisation.")
@click.option("--sync/--no-sync", "fresh", default=None, help="Fetch first (default: when the store is empty).")
@CONFIG
def report(
    name: str,
    parameters: tuple[str, ...],
    git: str | None,
    repository: str | None,
    practice: bool,
    fresh: bool | None,
    config: str,
) -> int:
    """Render a report to one HTML file in reports/."""
    from devops_lab.reports import report as render
    from devops_lab.terminal import bars

    if git or repository:
        from devops_lab.start import quick_settings

        config = str(quick_settings(git=git, repository=repository, say=say))
        fresh = True if fresh is None else fresh
    elif practice:
        from devops_lab.start import practice_settings

        config = str(practice_settings())
    given = pairs(parameters)
    store, settings = opened(config)
    if git or repository:
        given.setdefault("service", settings.service[0].name)
    status = 0
    if fresh or (fresh is None and store.snapshot_name is None):
        status = fetch(store, settings)
    with bars() as show:
        path = render(
            name,
            progress=lambda done, total: show("cells of the report", done, total),
            config=str(Path(config).absolute()),
            **given,
        )
    click.echo(str(path))
    return status
