"""The exercises with their solutions, in the order in which one would learn."""

from __future__ import annotations

from dataclasses import dataclass

from devops_lab.practice import exercises_failures as failures
from devops_lab.practice import exercises_truth as truth
from devops_lab.practice.exercises_truth import Solution
from devops_lab.practice.world.organisation import Organisation

NUMBER, COUNT, NAME, SHA = "number", "count", "name", "sha"
NEAR = 0.01


@dataclass(frozen=True)
class Exercise:
    """One question.

    `kind` is number, count, name or sha; `unit` of a number (hours, a week, share), else empty; `tolerance` is how far
    an answer may be off, as a share of the true value.
    """

    key: str
    question: str
    unit: str
    kind: str
    tolerance: float


def sheet(organisation: Organisation) -> list[tuple[Exercise, Solution]]:
    """Return every exercise with its solution."""
    return [*_numbers(organisation), *_records(organisation)]


def _numbers(organisation: Organisation) -> list[tuple[Exercise, Solution]]:
    """Ask for the five metrics."""
    known = organisation.truth
    quarter, half, long = (truth.span(organisation.until, days) for days in (90, 182, 300))
    recovered = failures.recovering(known, long)
    return [
        (
            _number("frequency", "a week", f"How often was `gateway` deployed successfully to production {quarter}?"),
            truth.frequency(known, "gateway", quarter),
        ),
        (
            _number("lead_time", "hours", f"What was the median change lead time of `checkout` {quarter}?"),
            truth.lead_time(known, "checkout", quarter),
        ),
        (
            _number("fail_rate", "share", f"What was the change fail rate of `web` {half}?"),
            failures.fail_rate(known, "web", half),
        ),
        (
            Exercise("fail_rate_n", "Of how many deployments of `web` is that the share (its n)?", "", COUNT, 0.0),
            truth.deployments(known, "web", half),
        ),
        (
            _number(
                "recovery_time",
                "hours",
                f"What was the median failed deployment recovery time of `{recovered}` {long}?",
            ),
            failures.recovery(known, recovered, long),
        ),
        (
            _number("rework_rate", "share", f"What was the deployment rework rate of `checkout` {half}?"),
            failures.rework(known, "checkout", half),
        ),
    ]


def _records(organisation: Organisation) -> list[tuple[Exercise, Solution]]:
    """Ask for the rows behind the numbers."""
    known = organisation.truth
    half, long = (truth.span(organisation.until, days) for days in (182, 300))
    sha, incident = failures.last_failed(known, "checkout", long)
    highest = f"Which of {', '.join(sorted(failures.LINKED))} had the highest change fail rate {half}?"
    last = f"Which deployment of `checkout` was the last that finished {long} and caused an incident? Its commit (sha)."
    caused = "And which incident did that deployment of `checkout` cause? The number of the issue."
    silent = (
        f"How many incidents of `catalog` that began {half} do not say which deployment, run, commit or pull request "
        "caused them? Duplicates, and incidents that no change caused, do not count."
    )
    return [
        (Exercise("most_failing", highest, "", NAME, 0.0), failures.most_failing(known, half)),
        (Exercise("last_failed", last, "", SHA, 0.0), sha),
        (Exercise("last_incident", caused, "", COUNT, 0.0), incident),
        (Exercise("unlinked", silent, "", COUNT, 0.0), failures.unlinked(organisation, "catalog", half)),
    ]


def _number(key: str, unit: str, question: str) -> Exercise:
    asked = {"hours": "In hours", "share": "As a share between 0 and 1", "a week": "Deployments a week"}[unit]
    return Exercise(key, f"{question} {asked}, to 1 %.", unit, NUMBER, NEAR)
