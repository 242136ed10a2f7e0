"""What a pipeline run came to, in sentences: one headline, and why."""

from __future__ import annotations

from dataclasses import dataclass

from devops_lab import words
from devops_lab.delivery.gate import TRAFFIC, Judgement
from devops_lab.delivery.impact_measures import ERRORS
from devops_lab.reports.pipeline_gate import FAILED, LITTLE, PASSED, Gate

DONE = ("success", "neutral", "skipped")


@dataclass(frozen=True)
class Rolled:
    """How a rollback went: `done`, the version that is back, why not, and the page of its run."""

    done: bool = False
    sha: str = ""
    why: str = ""
    page: str = ""


@dataclass(frozen=True)
class Said:
    """The headline, what stands below it, and whether all is well; `over` once nothing more comes."""

    headline: str
    more: str = ""
    well: bool = False
    over: bool = True


def judged(said: Judgement) -> str:
    """Return what the gate measured: "errors went from 0.5 % to 30 %"; empty where nothing was measured."""
    if said.measure == TRAFFIC:
        before = words.plural(round(said.asked_before), "request")
        return f"{before} came before it, {words.whole(round(said.asked_after))} since: the service may be down"
    if not said.against:
        return ""
    if said.measure != ERRORS:
        bound = words.hours((said.bound or 0.0) / 3600)
        longer = f", {words.number(said.slowdown)} times as long" if said.slowdown and said.failed else ""
        return f"requests beyond {bound} went from {words.share(said.before)} to {words.share(said.after)}{longer}"
    if said.against == "objective":
        return f"{words.share(said.after)} of the requests fail, and the objective allows {words.share(said.before)}"
    if said.failed:
        return f"errors went from {words.share(said.before)} to {words.share(said.after)}"
    return f"errors were {words.share(said.before)} before and are {words.share(said.after)} since"


def of_gate(gate: Gate, too_little: str, rolled: Rolled | None, environment: str) -> Said:
    """Return what is to be said once the pipeline has succeeded and its gate is over."""
    reason = gate.trouble or judged(gate.judgement)
    if rolled is not None and not rolled.done:
        return Said(
            f"ROLLBACK FAILED: the version that did not pass is still live in {environment}",
            f"{_sentence(rolled.why)} The gate: {reason or gate.outcome}. Roll back by hand now.",
        )
    if rolled is not None:
        why = reason or "too little traffic to judge"
        return Said(f"The gate did not pass, and {environment} is back on {rolled.sha[:9]}", _sentence(why))
    if gate.outcome == PASSED:
        return Said("The pipeline succeeded, and the gate passed", _sentence(reason), True)
    if gate.outcome == FAILED:
        return Said(f"The gate failed; the new version is still live in {environment}", _sentence(reason))
    if gate.outcome == LITTLE:
        asked = words.plural(round(gate.judgement.asked_after), "request")
        taken = "counts as passed" if too_little == "pass" else "does not count as passed"
        return Said(
            f"The pipeline succeeded; too little traffic to judge the new version, which {taken}",
            f"{asked} since the deployment; a grave fault cannot be ruled out.",
            too_little == "pass",
        )
    return Said(
        "The pipeline succeeded, but the gate could not judge the new version: not passed",
        f"{_sentence(gate.trouble)} The new version is live in {environment}; it was not rolled back, because nothing "
        "is known against it.",
    )


def of_run(conclusion: str | None, failed_jobs: list[str], seconds: float, problem: str) -> Said:
    """Return what is to be said of a run that is over, or no longer watched."""
    if problem:
        return Said("The run could not be watched to its end: not passed", _sentence(problem))
    if conclusion is None:
        return Said(f"The run is not over after {words.hours(seconds / 3600)}", "It goes on without being watched.")
    if conclusion in DONE:
        return Said("The pipeline succeeded", well=True)
    named = f" in {', '.join(failed_jobs[:3])}" if failed_jobs else ""
    verb = {"failure": "failed", "cancelled": "was cancelled", "timed_out": "timed out"}.get(conclusion, conclusion)
    return Said(f"The pipeline {verb}{named}", "Nothing was judged or rolled back.")


def _sentence(text: str) -> str:
    said = text.strip()
    return said[:1].upper() + said[1:] + ("" if said.endswith((".", "!", "?")) else ".") if said else ""
