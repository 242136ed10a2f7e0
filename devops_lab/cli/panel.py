"""``devops-lab panel``: the trigger panel, or the runs board, as a web page."""

from __future__ import annotations

import os
from contextlib import ExitStack

import click

from devops_lab.cli.options import CONFIG, say

TRIGGER, BOARD = "21_trigger_panel", "22_runs_board"
TITLES = {TRIGGER: "Trigger panel · DevOps Lab", BOARD: "Runs board · DevOps Lab"}


@click.command()
@CONFIG
@click.option("--board", is_flag=True, help="The runs board: what runs and waits now over all services.")
@click.option("--port", default=8866, show_default=True, type=click.IntRange(0, 65535), help="0: a free one.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--no-browser", is_flag=True, help="Say the address, open nothing.")
@click.option("--practice", is_flag=True, help="Drive the made-up practice organisation.")
@click.option("--debug", is_flag=True, help="Say more in the terminal (never a token).")
def panel(config: str, board: bool, port: int, host: str, no_browser: bool, practice: bool, debug: bool) -> None:
    """Show the trigger panel as a page: start, watch, approve, stop and roll back pipeline runs.

    The page is this machine's alone, and its address holds a key.  Ctrl-C ends it; runs that were started go on.
    """
    from devops_lab.config import load
    from devops_lab.panels.serving import serving
    from devops_lab.reports.render import notebook_path
    from devops_lab.start import driven, practice_settings
    from devops_lab.terminal import steps

    settings = load(practice_settings() if practice else config)
    name = BOARD if board else TRIGGER
    page = serving(notebook_path(name), {}, settings.panel, host=host, port=port, title=TITLES[name], debug=debug)
    with ExitStack() as stack:
        with steps() as show:
            lab = stack.enter_context(driven(settings, show))
        page.values["lab"] = str(lab)
        _warn(settings.practice is not None, page.warning)
        page.run(lambda: _told(page.url, no_browser or page.gate.shared))
    say("the page is closed; runs that were started go on")


def _warn(practice: bool, warning: str) -> None:
    if not practice and not os.environ.get("DEVOPS_LAB_ACTIONS_TOKEN"):
        say("DEVOPS_LAB_ACTIONS_TOKEN is not set: the panel shows what GITHUB_TOKEN may see, and starts nothing")
    if warning:
        say(f"warning: {warning}")


def _told(url: str, quiet: bool) -> None:
    click.echo(url)
    say("Open this address; it holds the page's key, so keep it to yourself.  Ctrl-C ends the page.")
    if not quiet:
        import webbrowser

        webbrowser.open(url)
