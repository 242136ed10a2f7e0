"""Verbs about the practice organisation: up, status, down, check."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from devops_lab.cli.options import say
from devops_lab.errors import UserError

if TYPE_CHECKING:
    from devops_lab.practice.running import Running

FOLDER = click.option("--folder", default="practice", show_default=True, help="Where its lab.toml lies.")
MARKS = {"right": "✓", "wrong": "✗", "no answer": "·"}


@click.group()
def practice() -> None:
    """A made-up company on this machine: its GitHub, pipelines that run, a Prometheus."""


@practice.command()
@FOLDER
@click.option("--seed", default=1, show_default=True, type=click.IntRange(1), help="Another seed is another company.")
@click.option("--port", default=0, type=click.IntRange(0, 65535), help="Its GitHub's port (default: a free one).")
def up(folder: str, seed: int, port: int) -> None:
    """Start it in the background."""
    from devops_lab.practice import running
    from devops_lab.terminal import steps

    with steps() as show:
        found = running.up(folder, seed, port, steps=show)
    click.echo(_table(found))
    click.echo(f"{'settings':<14}{folder}/lab.toml    exercises: {folder}/answers.toml")
    say(
        f"Next: `devops-lab report --config {folder}/lab.toml`; `devops-lab practice check {folder}/answers.toml`; "
        "`devops-lab practice down` stops it and cleans up."
    )


@practice.command()
@FOLDER
def status(folder: str) -> int:
    """Say whether it is up, and where."""
    from devops_lab.practice import running

    found = running.status(folder)
    if found is None:
        killed = running.was_killed(folder)
        say(
            "the practice organisation was killed; `devops-lab practice down` cleans up what it left"
            if killed
            else "the practice organisation is not up; `devops-lab practice up` starts it"
        )
        return 1
    click.echo(_table(found))
    click.echo(
        f"seed {found.seed}, year until {found.until:%Y-%m-%d %H:%M} UTC, {found.requests} requests answered, "
        f"process {found.process}"
    )
    return 0 if found.well else 1


@practice.command()
@FOLDER
def down(folder: str) -> None:
    """Stop it and take its folder away, with the store and the reports in it."""
    from devops_lab.practice import running

    say("stopped and cleaned up" if running.down(folder) else "it was not up; nothing is left of it")


@practice.command()
@click.argument("answers", type=click.Path(dir_okay=False))
@FOLDER
def check(answers: str, folder: str) -> int:
    """Mark the exercises of ANSWERS against what is true; hints, no solutions."""
    from devops_lab.practice import running
    from devops_lab.practice.exercises import check as marks_of
    from devops_lab.practice.world import make

    found = running.status(folder)
    if found is None:
        raise UserError("the practice organisation is not up; `devops-lab practice up` starts it")
    try:
        text = Path(answers).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise UserError(f"{answers} cannot be read: {problem}") from problem
    marks = marks_of(make(found.seed, until=found.until), text)
    for mark in marks:
        click.echo(f"{MARKS[mark.verdict]} {mark.key}: {mark.verdict}{f' – {mark.hint}' if mark.hint else ''}")
    right = sum(mark.verdict == "right" for mark in marks)
    click.echo(f"{right} of {len(marks)} right")
    return 0 if right == len(marks) else 1


def _table(found: Running) -> str:
    from devops_lab.terminal import parts_table

    shown = {"up": "", "missing": "missing: ", "crashed": "crashed: "}
    return parts_table([(part.name, part.url, shown[part.state] + part.says) for part in found.parts])
