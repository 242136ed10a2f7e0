"""``devops-lab``: thin verbs over the public functions, with the same names.

Exit status: 0 well, 1 something outside failed, 2 the user can mend it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from devops_lab.errors import LabError, UserError

if TYPE_CHECKING:
    from devops_lab.config import Settings
    from devops_lab.store import Store
    from devops_lab.sync import Outcome

CONFIG = click.option("--config", default="lab.toml", show_default=True, help="The settings.")
SERVICE = click.option("--service", help="One service of lab.toml.")
FORMAT = click.option("--format", "form", type=click.Choice(["table", "json", "csv"]), default="table")


def _window(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say which facts are looked at."""
    for option in (
        click.option("--as-of", help="As the facts were known then (default: the last complete sync)."),
        click.option("--until", help="The window's end, not included: 2026-11-01."),
        click.option("--since", help="The window's start: 2026-08-01."),
        click.option("--last", help="A rolling window: 90d, '12 weeks', '6 months'."),
    ):
        command = option(command)
    return command


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="devops-lab")
def cli() -> None:
    """The DevOps loop of your own repositories: DORA metrics with the evidence behind each number."""


def main() -> None:
    """Run the command line; an error is one clear message on stderr and an exit status, never a traceback."""
    try:
        status = cli.main(standalone_mode=False)
    except click.ClickException as problem:
        problem.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped; what was fetched is kept, and the next sync goes on from there", err=True)
        sys.exit(130)
    except LabError as problem:
        click.echo(f"devops-lab: {problem}", err=True)
        sys.exit(problem.exit_status)
    sys.exit(status if isinstance(status, int) else 0)


def _open(config: str) -> tuple[Store, Settings]:
    from devops_lab.config import load
    from devops_lab.store import Store

    settings = load(config)
    return Store(settings.store), settings


def _say(message: str) -> None:
    click.echo(message, err=True)


@cli.command()
@click.option("--git", type=click.Path(), help="A local clone or bare repository.")
@click.option("--repository", help="owner/name on GitHub (GITHUB_TOKEN).")
@click.option("--url", default="https://api.github.com", show_default=True, help="GitHub's API.")
@click.option("--config", default="lab.toml", show_default=True, help="The file to write.")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
def init(git: str | None, repository: str | None, url: str, config: str, force: bool) -> None:
    """Look at a repository and write lab.toml with rules that fit, and how many hits each has.

    With no option: the git repository of this folder; in a folder without one, a made-up history to look round with.
    """
    from devops_lab.start import write_settings

    _say(write_settings(Path(config), git=git, repository=repository, url=url, force=force))


@cli.command()
@CONFIG
def doctor(config: str) -> int:
    """Look at the token, each rule's hits and near misses, and which metrics can be computed."""
    from devops_lab.doctor import findings

    unwell = 0
    for finding in findings(*_open(config)):
        click.echo(f"{'ok ' if finding.well else '!! '}{finding.what}")
        if not finding.well:
            unwell += 1
            click.echo(f"     → {finding.way_out}" if finding.way_out else "")
    return 1 if unwell else 0


@cli.command()
@CONFIG
@SERVICE
@click.option("--since", help="How far back: 90d, 2026-01-01, or all.")
def sync(config: str, service: str | None, since: str | None) -> int:
    """Fetch what changed, newest first, and link it."""
    store, settings = _open(config)
    return _sync(store, settings, service, since)


def _sync(store: Store, settings: Settings, service: str | None = None, since: str | None = None) -> int:
    from devops_lab.sync import start_of
    from devops_lab.sync import sync as run
    from devops_lab.terminal import bars

    start = None if since is None else start_of(since, settings.lab.timezone)
    with bars() as progress:
        outcomes = run(store, settings, service, start, say=_say, progress=progress)
    for outcome in outcomes:
        _say(_outcome(outcome))
    return 1 if any(outcome.problem for outcome in outcomes) else 0


def _outcome(outcome: Outcome) -> str:
    rows = outcome.rows
    said = f"{outcome.repository} ({outcome.source}): {rows.inserted} new, {rows.updated} changed, {rows.unchanged} as before"
    if outcome.missing:
        said += f", {outcome.missing} missing there"
    refused = "".join(f"\n  refused: {reason}" for reason in outcome.refused)
    return said + refused + (f"\n  failed: {outcome.problem}" if outcome.problem else "")


@cli.command("import")
@click.argument("table")
@click.argument("file", type=click.Path())
@CONFIG
def import_(table: str, file: str, config: str) -> None:
    """Read rows of a stored table from CSV, JSON or Parquet; nothing is half-written."""
    from devops_lab.exchange import import_rows

    store, settings = _open(config)
    written = import_rows(store, settings, table, file)
    _say(f"{table}: {written.inserted} new, {written.updated} changed, {written.unchanged} as before")


@cli.command()
@click.argument("folder", type=click.Path())
@click.option("--format", "form", type=click.Choice(["parquet", "csv"]), default="parquet", show_default=True)
@CONFIG
def export(folder: str, form: str, config: str) -> None:
    """Write every stored table to a folder."""
    from devops_lab.exchange import export_tables

    counts = export_tables(_open(config)[0], folder, form)
    _say(f"{sum(counts.values())} rows of {sum(map(bool, counts.values()))} tables are in {folder}")


@cli.command()
@click.argument("names", nargs=-1)
@click.option("--every", help="day, week, month, quarter or year; without it: one answer over the window.")
@click.option("--by", type=click.Choice(["service", "team", "repository"]), help="One row per …")
@click.option("-p", "parameters", multiple=True, metavar="KEY=VALUE", help="A metric's own parameter: clock=merged.")
@SERVICE
@_window
@FORMAT
@CONFIG
def metrics(names: tuple[str, ...], every: str | None, by: str | None, parameters: tuple[str, ...], service: str | None,
            last: str | None, since: str | None, until: str | None, as_of: str | None, form: str, config: str) -> None:
    """Compute metrics: the five DORA metrics, or those named."""
    from devops_lab.terminal import ask, printed

    store, settings = _open(config)
    frame = ask(store, settings, names, every=every, by=by, service=service, last=last, since=since, until=until,
                as_of=as_of, parameters=pairs(parameters))
    click.echo(printed(frame, form, settings.lab.timezone))


@cli.command()
@click.argument("name")
@click.option("-p", "parameters", multiple=True, metavar="KEY=VALUE", help="A metric's own parameter: clock=merged.")
@SERVICE
@_window
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table")
@CONFIG
def receipt(name: str, parameters: tuple[str, ...], service: str | None, last: str | None, since: str | None,
            until: str | None, as_of: str | None, form: str, config: str) -> None:
    """Show the evidence behind one number: the rows in it, the rows left out and why."""
    from devops_lab.metrics import find
    from devops_lab.metrics.receipt import receipt as evidence
    from devops_lab.terminal import receipt_text, window_of

    store, settings = _open(config)
    asked = window_of(settings, {"service": service, "last": last, "since": since, "until": until, "as_of": as_of})
    found = evidence(find(name, settings.folder / "metrics"), store, **asked, **pairs(parameters))
    click.echo(json.dumps(found, indent=1, ensure_ascii=False) if form == "json" else receipt_text(found))


@cli.command()
@click.argument("name", default="report_dora")
@click.option("-p", "parameters", multiple=True, metavar="KEY=VALUE", help="A parameter of the notebook.")
@click.option("--git", type=click.Path(), help="Report on this clone; no lab.toml is needed.")
@click.option("--repository", help="Report on owner/name on GitHub; no lab.toml is needed.")
@click.option("--sync/--no-sync", "fresh", default=None, help="Fetch first (default: when the store is empty).")
@CONFIG
def report(name: str, parameters: tuple[str, ...], git: str | None, repository: str | None, fresh: bool | None,
           config: str) -> int:
    """Render a report to one HTML file in reports/."""
    from devops_lab.reports import report as render

    if git or repository:
        from devops_lab.start import quick_settings

        config = str(quick_settings(git=git, repository=repository, say=_say))
        fresh = True if fresh is None else fresh
    store, settings = _open(config)
    status = 0
    if fresh or (fresh is None and store.snapshot_name is None):
        status = _sync(store, settings)
    path = render(name, config=str(Path(config).absolute()), **pairs(parameters))
    click.echo(str(path))
    return status


@cli.group()
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


def _correct(kind: str, id: str, service: str, reason: str, by: str | None, config: str, values: dict[str, Any]) -> None:
    import getpass

    from devops_lab.delivery import corrections
    from devops_lab.metrics.periods import instant
    from devops_lab.sync import chosen, relink

    store, settings = _open(config)
    chosen(settings, service)
    said = {key: value for key, value in values.items() if value is not None}
    for key in ("started_at", "resolved_at"):
        if key in said:
            said[key] = instant(said[key], settings.lab.timezone, key)
    if not said:
        raise UserError(f"say what is to be corrected: one of --{', --'.join(sorted(values)).replace('_', '-')}")
    path = settings.folder / corrections.FILE_NAME
    corrections.add(path, kind, service, id, by=by or getpass.getuser(), reason=reason, **said)
    for warning in relink(store, settings):
        _say(warning)
    _say(f"{path} says so now; `devops-lab correct undo` takes it back")


@correct.command("list")
@CONFIG
def correct_list(config: str) -> None:
    """List the corrections, the latest last."""
    from devops_lab.delivery import corrections

    for one in corrections.load(_open(config)[1].folder / corrections.FILE_NAME):
        said = ", ".join(f"{key} = {value}" for key, value in one.values.items())
        click.echo(f"{one.made_at:%Y-%m-%d %H:%M}  {one.kind} {one.service} {one.id}: {said}  ({one.by}: {one.reason})")


@correct.command("undo")
@click.argument("kind", type=click.Choice(["incident", "deployment"]), required=False)
@click.argument("id", required=False)
@click.option("--service")
@CONFIG
def correct_undo(kind: str | None, id: str | None, service: str | None, config: str) -> None:
    """Take back a correction: the latest of all, or the latest of the incident or deployment called ID."""
    from devops_lab.delivery import corrections
    from devops_lab.sync import relink

    store, settings = _open(config)
    path = settings.folder / corrections.FILE_NAME
    if kind is None or id is None:
        made = corrections.load(path)
        if not made:
            raise UserError(f"{path} holds no correction")
        kind, id, service = made[-1].kind, made[-1].id, made[-1].service
    taken = corrections.undo(path, kind, id, service)
    relink(store, settings)
    _say(f"taken back: {taken.kind} {taken.service} {taken.id} ({taken.by}: {taken.reason})")


def pairs(texts: tuple[str, ...]) -> dict[str, str]:
    """Return ``key=value`` texts as a dict of texts (the notebook or metric types them); UserError without ``=``."""
    wrong = [text for text in texts if not text.partition("=")[1] or not text.partition("=")[0].isidentifier()]
    if wrong:
        raise UserError(f"-p {wrong[0]}: write -p key=value")
    return {key: value for key, _, value in (text.partition("=") for text in texts)}


if __name__ == "__main__":
    main()
