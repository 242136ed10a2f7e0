"""Verbs about the practice organisation: up, status, down."""

from __future__ import annotations

import click

from devops_lab.cli.options import say

FOLDER = click.option("--folder", default="practice", show_default=True, help="Where its lab.toml lies.")


@click.group()
def practice() -> None:
    """A made-up company with a GitHub of its own on this machine, to look round, teach and test with."""


@practice.command()
@FOLDER
@click.option("--seed", default=1, show_default=True, help="Another seed is another company.")
@click.option("--port", default=0, help="The port (default: a free one).")
def up(folder: str, seed: int, port: int) -> None:
    """Start it in the background."""
    from devops_lab.practice import running

    found = running.up(folder, seed, port)
    click.echo(f"GitHub   {found.url}")
    click.echo(f"settings {folder}/lab.toml")
    say(f"Next: `devops-lab report --config {folder}/lab.toml`; `devops-lab practice down` stops it and cleans up.")


@practice.command()
@FOLDER
def status(folder: str) -> int:
    """Say whether it is up, and where."""
    from devops_lab.practice import running

    found = running.status(folder)
    if found is None:
        say("the practice organisation is not up; `devops-lab practice up` starts it")
        return 1
    click.echo(
        f"GitHub   {found.url}   (seed {found.seed}, process {found.process}, {found.requests} requests answered)"
    )
    return 0


@practice.command()
@FOLDER
def down(folder: str) -> None:
    """Stop it and take its folder away, with the store and the reports in it."""
    from devops_lab.practice import running

    say("stopped and cleaned up" if running.down(folder) else "it was not up; nothing is left of it")
