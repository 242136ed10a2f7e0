"""``devops-lab``: thin verbs over the public functions, with the same names.

Exit status: 0 well, 1 something outside failed, 2 the user can mend it.
"""

from __future__ import annotations

import sys

import click

from devops_lab.cli import (
    corrections,
    costs,
    exporter,
    facts,
    keeping,
    notebooks,
    numbers,
    panel,
    practice,
    record,
    reports,
    run,
    schedule,
    settings,
)
from devops_lab.errors import LabError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="devops-lab")
def cli() -> None:
    """The DevOps loop of your own repositories: DORA metrics with the evidence behind each number."""


for verb in (
    *(facts.init, facts.doctor, facts.sync, facts.import_, facts.export, keeping.prune, keeping.forget),
    *(
        numbers.metrics,
        numbers.receipt,
        costs.costs,
        exporter.exporter,
        corrections.correct,
        record.record,
        practice.practice,
        run.run,
        settings.config,
        panel.panel,
    ),
    *(reports.report, reports.gallery, notebooks.notebooks),
    schedule.schedule,
):
    cli.add_command(verb)


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
