"""The verb about money: costs."""

from __future__ import annotations

import json

import click

from devops_lab.cli.options import CONFIG, FORMAT, SERVICE, opened, window


@click.command()
@click.option(
    "--by", type=click.Choice(["service", "workflow", "kind", "team", "repository"]), default="workflow",
    show_default=True, help="One row per …",
)  # fmt: skip
@SERVICE
@window
@FORMAT
@CONFIG
def costs(
    by: str,
    service: str | None,
    last: str | None,
    since: str | None,
    until: str | None,
    as_of: str | None,
    form: str,
    config: str,
) -> None:
    """Estimate what runners cost, and what of it re-runs do: their minutes times [prices] of lab.toml."""
    from devops_lab.metrics import records
    from devops_lab.metrics.costs import costs as asked_for
    from devops_lab.terminal import costs_text, csv_text, window_of

    store, settings = opened(config)
    asked = window_of(settings, {"service": service, "last": last, "since": since, "until": until, "as_of": as_of})
    frame = asked_for(store, settings.prices, by=by, **asked)
    if form == "json":
        click.echo(json.dumps([{**row, "estimate": True} for row in records(frame)], indent=1, ensure_ascii=False))
    else:
        click.echo(csv_text(frame) if form == "csv" else costs_text(frame, by))
