"""``devops-lab run``: start a workflow, watch it in the terminal, leave with its conclusion as exit status."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from devops_lab.cli.options import CONFIG, opened, say
from devops_lab.errors import LabError, UserError

if TYPE_CHECKING:
    from devops_lab.actions import Actions, Progress, Run
    from devops_lab.cli.run_lines import Known
    from devops_lab.config import Settings

SUCCESS = ("success", "neutral", "skipped")
FAILED = ("failure", "timed_out", "startup_failure")
LOG_LINES = 12
INTERRUPTED = 130


@click.command()
@click.argument("workflow")
@CONFIG
@click.option("--repository", help="owner/name; not needed where lab.toml has one repository.")
@click.option("--ref", default="main", show_default=True, help="The branch or tag.")
@click.option("-f", "fields", multiple=True, metavar="KEY=VALUE", help="An input of the workflow.")
@click.option("--watch/--no-watch", default=False, help="Stay until the run is over.")
@click.option("--timeout", type=float, help="Seconds to watch at most.")
@click.option("--dry-run", is_flag=True, help="Say what would be sent, and send nothing.")
@click.option("--confirm", metavar="ENVIRONMENT", help="The name of the production environment that is changed.")
@click.option("--mark", help="The input whose value the run's name shows.")
@click.option("--again", is_flag=True, help="Start one more run though the same was started a moment ago.")
def run(
    workflow: str, config: str, repository: str | None, ref: str, fields: tuple[str, ...], watch: bool,
    timeout: float | None, dry_run: bool, confirm: str | None, mark: str | None, again: bool,
) -> int:  # fmt: skip
    """Start a WORKFLOW (its file: deploy.yml) with inputs that its own file declares.

    The token is DEVOPS_LAB_ACTIONS_TOKEN.  Exit status: 0 the run succeeded (or was started), 1 it failed or cannot be
    told, 2 nothing was started: refused.
    """
    from devops_lab.actions import Actions, RefusedActionError

    store, settings = opened(config)
    actions = Actions(settings, store)
    where, inputs = repository or _only(settings), _inputs(fields)
    if dry_run:
        plan = actions.plan(where, workflow, ref, inputs, confirm=confirm, mark=mark)
        click.echo(f"would {plan.said()}\n  POST {plan.request}")
        if plan.problems:
            raise RefusedActionError(f"{plan.wish.workflow} of {where}", plan.problems)
        return 0
    try:
        started = actions.dispatch(where, workflow, ref, inputs, confirm=confirm, mark=mark, again=again)
    except KeyboardInterrupt:
        say(f"stopped before the answer came: {workflow} of {where} may have been started; look at its page first")
        return INTERRUPTED
    say(f"{workflow} of {where} on {ref} is started: {started.page}")
    click.echo(started.id)
    return _watched(started, timeout, _known(actions, started, ref)) if watch else 0


def _only(settings: Settings) -> str:
    found = sorted({service.repository for service in settings.service})
    if len(found) == 1:
        return found[0]
    raise UserError(f"which repository? name it with --repository: {', '.join(found) or 'lab.toml names none'}")


def _inputs(fields: tuple[str, ...]) -> dict[str, str]:
    wrong = [text for text in fields if not text.partition("=")[0] or "=" not in text]
    if wrong:
        raise UserError(f"-f {wrong[0]}: write -f key=value")
    return {key: value for key, _, value in (text.partition("=") for text in fields)}


def _known(actions: Actions, started: Run, ref: str) -> Known:
    """Return what the store and the workflow's file tell of the run's jobs; nothing where they cannot be asked."""
    from devops_lab.actions.reading import declaration_of
    from devops_lab.actions.usual import usual_seconds
    from devops_lab.cli.run_lines import Known

    try:
        path = str(started.raw().get("path") or "").partition("@")[0]
        usual = usual_seconds(actions.store, started.repository, path)
        return Known(usual, declaration_of(actions.server, started.repository, path, ref).jobs if usual else ())
    except LabError:  # it is only told beside the run
        return Known()


def _watched(started: Run, timeout: float | None, known: Known) -> int:
    """Show the run until it is over; Ctrl-C asks whether to cancel it, to leave it alone, or to watch on."""
    while True:
        try:
            return _shown(started, timeout, known)
        except KeyboardInterrupt:
            answer = _asked()
            if answer == "leave":
                say(f"the run goes on without being watched: {started.page}")
                return INTERRUPTED
            if answer == "cancel":
                _cancelled(started)


def _asked() -> str:
    """Return "cancel", "leave" or "watch"; whoever cannot answer leaves it."""
    if not sys.stdin.isatty():
        return "leave"
    try:
        choice = click.Choice(["cancel", "leave", "watch"])
        return str(click.prompt("\ncancel the run, leave it running, or watch on?", type=choice, err=True))
    except click.Abort:
        return "leave"


def _cancelled(started: Run) -> None:
    try:
        started.cancel()
    except LabError as problem:  # it may be over by now: watching tells
        say(str(problem))
    else:
        say("asked the server to cancel the run; watching it end")


def _shown(started: Run, timeout: float | None, known: Known) -> int:
    from devops_lab.cli.run_lines import shown

    last: Progress | None = None
    with shown(known) as show:
        for last in started.changes(timeout):
            show(last)
    if last is None or not last.over:
        say(f"not over after {timeout:.0f} s; the run goes on: {started.page}" if timeout else "not watched")
        return 1
    if last.conclusion in FAILED:
        _told_why(started, last)
    say(f"{last.conclusion}: {started.page}")
    return 0 if last.conclusion in SUCCESS else 1


def _told_why(started: Run, last: Progress) -> None:
    """Say where each failed job failed, and how its log ends."""
    from devops_lab.actions.details import log_tail
    from devops_lab.actions.texts import plain_line

    for job in last.jobs:
        if job.conclusion not in FAILED:
            continue
        step = next((one.name for one in job.steps if one.conclusion in FAILED), "")
        say(f"\n✗ {plain_line(job.name)}{f' failed in the step {plain_line(step)}' if step else ''}: {job.url}")
        log = log_tail(started, job, LOG_LINES)
        for line in log.lines or (log.why,):
            say(f"    {line}")
    say("")
