"""What the verbs share: options, opening the lab, fetching, and saying things to people."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import click

from devops_lab.errors import UserError

if TYPE_CHECKING:
    from devops_lab.config import Settings
    from devops_lab.store import Store

PRACTICE_SINCE = "190 days"  # a made-up company asks nobody's server: the window of 90 days and the one before it
CONFIG = click.option("--config", default="lab.toml", show_default=True, help="The settings.")
SERVICE = click.option("--service", help="One service of lab.toml.")
FORMAT = click.option("--format", "form", type=click.Choice(["table", "json", "csv"]), default="table")


def window(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say which facts are looked at."""
    for option in (
        click.option("--as-of", help="As the facts were known then (default: the last complete sync)."),
        click.option("--until", help="The window's end, not included: 2026-11-01."),
        click.option("--since", help="The window's start: 2026-08-01."),
        click.option("--last", help="A rolling window: 90d, '12 weeks', '6 months'."),
    ):
        command = option(command)
    return command


def opened(config: str) -> tuple[Store, Settings]:
    """Return the store and the settings of a ``lab.toml``."""
    from devops_lab.config import load
    from devops_lab.store import Store

    settings = load(config)
    return Store(settings.store), settings


def say(message: str) -> None:
    """Tell the person at the terminal; results alone go to stdout."""
    click.echo(message, err=True)


def fetch(store: Store, settings: Settings, service: str | None = None, since: str | None = None) -> int:
    """Sync with progress bars, say what each repository gave, and return the exit status."""
    from devops_lab.cli.outcomes import told
    from devops_lab.config import load
    from devops_lab.start import reachable
    from devops_lab.sync import start_of
    from devops_lab.sync import sync as run
    from devops_lab.terminal import bars, steps

    if since is None and settings.practice is not None:
        since = PRACTICE_SINCE
    start = None if since is None else start_of(since, settings.lab.timezone)
    with ExitStack() as stack:
        with steps() as show:
            settings = stack.enter_context(reachable(settings, show))
        with bars() as progress:
            outcomes = run(store, settings, service, start, say=say, progress=progress)
    for line in told(outcomes, load(settings.path) if settings.discover else settings):
        say(line)
    return 1 if any(outcome.problem for outcome in outcomes) else 0


def pairs(texts: tuple[str, ...]) -> dict[str, str]:
    """Return ``key=value`` texts as a dict of texts (the notebook or metric types them); UserError without ``=``."""
    wrong = [text for text in texts if not text.partition("=")[1] or not text.partition("=")[0].isidentifier()]
    if wrong:
        raise UserError(f"-p {wrong[0]}: write -p key=value")
    return {key: value for key, _, value in (text.partition("=") for text in texts)}
