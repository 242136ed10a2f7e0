"""Verbs about reports: report, gallery."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from devops_lab.cli.options import CONFIG, fetch, opened, pairs, say
from devops_lab.errors import UserError

if TYPE_CHECKING:
    from devops_lab.config import Settings
    from devops_lab.reports.batch import Outcome

FORMATS = ["html", "pdf", "md", "png"]
MOST_CHANGES = 500  # rows that are listed one by one


@click.command()
@click.argument("name", default="report_dora")
@click.option("-p", "parameters", multiple=True, metavar="KEY=VALUE", help="A parameter of the notebook.")
@click.option("--all-services", is_flag=True, help="One report per service of lab.toml.")
@click.option("--by", type=click.Choice(["service", "team"]), help="One report per service or team.")
@click.option("--for", "period", metavar="PERIOD", help="A period of the calendar: 2026-W46, 2026-10, 2026-Q3.")
@click.option(
    "--format", "formats", type=click.Choice(FORMATS), multiple=True,
    help="Besides the page: pdf and png through Chromium, md a summary. Several are possible.",
)  # fmt: skip
@click.option("--workers", type=click.IntRange(min=1), help="How many side by side (default: one per processor).")
@click.option(
    "--again", type=click.Path(), help="Make a sealed report again; say whether it says the same, and what changed."
)
@click.option("--git", type=click.Path(), help="Report on this clone; no lab.toml is needed.")
@click.option("--repository", help="Report on owner/name on GitHub; no lab.toml is needed.")
@click.option("--practice", is_flag=True, help="Report on the made-up practice organisation.")
@click.option("--sync/--no-sync", "fresh", default=None, help="Fetch first (default: when the store is empty).")
@CONFIG
def report(
    name: str,
    parameters: tuple[str, ...],
    all_services: bool,
    by: str | None,
    period: str | None,
    formats: tuple[str, ...],
    workers: int | None,
    again: str | None,
    git: str | None,
    repository: str | None,
    practice: bool,
    fresh: bool | None,
    config: str,
) -> int:
    """Render a report, or one per service or team, into reports/, and list all of them in reports/index.html."""
    from devops_lab.reports import batch, gallery
    from devops_lab.terminal import bars

    if again is not None:
        return _again(again)
    if all_services and by == "team":
        raise UserError("--all-services and --by team contradict each other; give one of them")
    by = "service" if all_services else by
    given = pairs(parameters)
    settings, status = _settings(git, repository, practice, fresh, config)
    if git or repository:
        given.setdefault("service", settings.service[0].name)
    asked = batch.asks(name, settings, by=by, period=period or "", given=given)
    with bars() as show:
        outcomes = batch.render_all(asked, workers=workers, formats=formats or ("html",), progress=show)
    gallery.write(batch.OUTPUT)
    return max(status, _told(outcomes))


@click.command()
@click.argument("folder", default="reports", type=click.Path(path_type=Path))
@click.option(
    "--keep", type=click.IntRange(min=1), help="Keep the last N periods of each report and service; delete older ones."
)
@click.option("--title", default="Reports", show_default=True, help="What stands above it.")
@click.option("--address", default="", help="Where it will be served: https://… (links of the feed begin with it).")
@click.option(
    "--workflow", is_flag=True, help="Write .github/workflows/reports.yml, which publishes it to GitHub Pages."
)
def gallery(folder: Path, keep: int | None, title: str, address: str, workflow: bool) -> None:
    """List all sealed reports in index.html and feed.xml: static files, to be served anywhere."""
    from devops_lab.reports import gallery as galleries

    if workflow:
        say(f"{galleries.write_workflow(Path())}: Settings → Pages → Source: GitHub Actions, then push it")
        return
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}; `devops-lab report` makes one")
    click.echo(str(galleries.write(folder, title=title, address=address, keep=keep)))


def _settings(
    git: str | None, repository: str | None, practice: bool, fresh: bool | None, config: str
) -> tuple[Settings, int]:
    """Return the settings to report on, fetched when that is asked for or nothing is there, and the fetch's status."""
    from devops_lab.config import load
    from devops_lab.start import practice_settings, quick_settings

    if git or repository:
        config = str(quick_settings(git=git, repository=repository, say=say))
        fresh = True if fresh is None else fresh
    elif practice:
        config = str(practice_settings())
    store, settings = opened(config)
    if fresh or (fresh is None and store.snapshot_name is None):
        status = fetch(store, settings)
        return load(config) if settings.discover else settings, status
    return settings, 0


def _told(outcomes: Sequence[Outcome]) -> int:
    """Print each report's path and say what failed; return the exit status: 0 when every report and format is there."""
    status = 0
    for one in outcomes:
        if one.path is not None:
            click.echo(str(one.path))
        else:
            say(f"{one.ask.output.stem}: {one.error}")
        for note in one.notes:
            say(f"{one.ask.output.stem}: {note}")
        status = max(status, one.exit_status, int(bool(one.notes)))
    failed = sum(one.path is None for one in outcomes)
    if failed and len(outcomes) > 1:
        say(f"{failed} of {len(outcomes)} reports failed")
    return status


def _again(path: str) -> int:
    """Make a sealed report again, say whether every number is the same, and list what changed in the data since."""
    from devops_lab.reports.again import again

    found = again(path)
    click.echo(found.verdict)
    for line in (*found.differences, *found.remarks):
        click.echo(f"  {line}")
    click.echo(found.summary)
    for change in found.changes[:MOST_CHANGES]:
        click.echo(f"  {change.line}")
    if len(found.changes) > MOST_CHANGES:
        click.echo(f"  … and {len(found.changes) - MOST_CHANGES} more")
    return 0 if found.same else 1
