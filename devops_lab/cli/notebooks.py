"""Verbs about the notebooks themselves: which there are, a copy to change, and clean ones for Git."""

from __future__ import annotations

from pathlib import Path

import click

from devops_lab.cli.options import say
from devops_lab.errors import UserError


@click.group()
def notebooks() -> None:
    """List the lab's notebooks, copy one to change it, and keep runs and machines out of Git."""


@notebooks.command("list")
def list_() -> None:
    """List the notebooks there are, and which are your own."""
    from devops_lab.reports.copying import ADDED, SHIPPED, listed

    found = listed()
    name, whose = (max(len(getattr(one, field)) for one in found) for field in ("name", "whose"))
    for one in found:
        place = "" if one.whose == SHIPPED else f"  {one.path}"
        click.echo(f"{one.name:<{name}}  {one.whose:<{whose}}  {one.title}{place}".rstrip())
    if any(one.whose not in (SHIPPED, ADDED) for one in found):
        say("your own win over the lab's of the same name; delete one to have the lab's again")


@notebooks.command()
@click.argument("name")
@click.option("--to", metavar="FOLDER", help="Where to put it (default: notebooks/ beside lab.toml).")
@click.option("--force", is_flag=True, help="Write over the copy that is there.")
def copy(name: str, to: str | None, force: bool) -> None:
    """Copy one of the lab's notebooks, to change it; `devops-lab report NAME` then takes the copy beside lab.toml."""
    from devops_lab.reports.copying import copy

    path = copy(name, to, force)
    click.echo(str(path))
    if to is None:
        say(f"`devops-lab report {path.stem}` takes this one from now on; it does not follow updates of the lab")
    else:
        say(f"`devops-lab report {path}` makes its report")


@notebooks.command()
@click.argument("paths", nargs=-1, metavar="[PATH]…")
@click.option("--check", is_flag=True, help="Change nothing; exit status 1 where something is to clean.")
@click.option("--install", is_flag=True, help="From now on opening and running is no change for Git, in this clone.")
def clean(paths: tuple[str, ...], check: bool, install: bool) -> int:
    """Take outputs, execution counts and traces of the machine out of notebooks (default: those in notebooks/
    beside lab.toml)."""
    from devops_lab.reports import clean, lookup, saving

    if check and install:
        raise UserError("--check changes nothing and --install does; give one of them")
    given = paths or (str(lookup.own_folders()[-1]),)
    if install:
        for folder in given:
            say(saving.install(Path(folder)))
        return 0
    listed = clean.notebooks(given)
    dirty = {path: said for path in listed if (said := clean.clean(path, write=not check))}
    for path, said in dirty.items():
        click.echo(f"{path}: {', '.join(said)}")
    if check and dirty:
        say(f"{len(dirty)} of {len(listed)} notebooks hold what does not belong into Git; `devops-lab notebooks clean`")
        return 1
    say(f"{len(listed) - len(dirty)} of {len(listed)} notebooks were clean")
    return 0
