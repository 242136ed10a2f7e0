"""What a pipeline run's page shows of the run: its jobs and steps, its tests, the runs before, where it is all from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from devops_lab import words
from devops_lab.actions import Job, Progress
from devops_lab.actions.masking import masked
from devops_lab.reports import pipeline_runs
from devops_lab.reports.page import Column, Piece, html, joined, link, paragraph, shortened, table, together
from devops_lab.reports.pipeline_runs import Usual

if TYPE_CHECKING:
    from devops_lab.reports.pipeline import Pipeline

MOST_STEPS = 10
NONE = "–"


class Shown:
    """A place in the notebook whose content is replaced; outside of a notebook it prints."""

    def __init__(self) -> None:
        self._handle: Any = None

    def __call__(self, piece: Any) -> None:
        """Show a piece, in the place of the one before."""
        from IPython.display import display

        if self._handle is None:
            self._handle = display(piece, display_id=True)
        else:
            self._handle.update(piece)


def started(run: Pipeline) -> Piece:
    """Return what was started, by whom, with which inputs (secrets masked)."""
    plan, wish = run.plan, run.plan.wish
    rows = [
        ("Workflow", f"{plan.path} of {wish.repository}"),
        ("Ref", f"{wish.ref}" + (f" ({run.sha[:9]})" if run.sha else "")),
        ("Started by", wish.login),
        ("It may change", ", ".join(wish.environments) or "no environment"),
        *((f"Input {name}", value or "(empty)") for name, value in masked(plan.whole).items()),
    ]
    return listed([(what, text, None) for what, text in rows])


def listed(rows: Sequence[tuple[str, str, Any]]) -> Piece:
    """Return facts with their names in front, one below the other; each may have an address."""
    said = [(what, shortened(text, 240), url) for what, text, url in rows]
    items = joined(html("<li><strong>{}</strong> {}</li>", what, link(text, url)) for what, text, url in said)
    return Piece(html('<ul class="lab-steps">{}</ul>', items), "\n".join(f"- {what}: {text}" for what, text, _ in said))


def going(run: Pipeline) -> Piece:
    """Return the jobs as they move, for the time the run is watched."""
    return jobs_now(run.progress, run.waits_for, run.plan.path)


def ended(progress: Progress, name: str) -> Piece:
    """Return one line on a run that is watched no longer."""
    state = progress.conclusion if progress.over else f"not over, {progress.status.replace('_', ' ')}"
    return paragraph(f"{name}: {state}.", "")


def jobs_now(progress: Progress, waits_for: str, name: str) -> Piece:
    """Return one line on a run and one per job: its state, and the step it is at."""
    state = progress.conclusion or progress.status.replace("_", " ")
    head = f"{name}: {state}" + (f", waits for an approval of {waits_for}" if waits_for else "")
    if progress.trouble:
        head += f"; nothing new was heard ({shortened(progress.trouble)}), watching goes on"
    rows = [{"name": job.name, "state": _state(job), "url": job.url} for job in progress.jobs]
    columns = [Column("Job", lambda row: shortened(row["name"], 60), lambda row: row["url"]),
               Column("State", lambda row: row["state"])]  # fmt: skip
    return together(paragraph(head, ""), table(rows, columns)) if rows else paragraph(head, "")


def jobs(run: Pipeline) -> Piece:
    """Return the jobs with their times beside what they usually take."""
    found = run.facts
    if not found.jobs:
        return paragraph("; ".join(found.troubles) or "The run had no jobs.", "")
    rows = [
        {**job, "minutes": (took := pipeline_runs.took_minutes(job)),
         "usual": pipeline_runs.usual(took, run.past.jobs.get(job["name"], []))}
        for job in found.jobs
    ]  # fmt: skip
    columns = [
        Column("Job", lambda row: shortened(row["name"], 60), lambda row: row["url"]),
        Column("Ended", lambda row: _mark(row["conclusion"])),
        Column("Usually half take", lambda row: _half(row["usual"]), numeric=True),
        Column("Against before", lambda row: _against(row["usual"])),
        Column("Took", lambda row: _took(row["minutes"]), numeric=True),
    ]
    return table(rows, columns, rest="on the run's page")


def steps(run: Pipeline) -> Piece:
    """Return the steps that took longest, and those that failed."""
    rows = [{**step, "minutes": pipeline_runs.took_minutes(step)} for step in run.facts.steps]
    failed = [row for row in rows if row["conclusion"] == "failure"]
    timed = sorted((row for row in rows if row["minutes"] and row not in failed), key=lambda row: -row["minutes"])
    shown = (failed + timed)[:MOST_STEPS]
    if not shown:
        return paragraph("No step took long enough to be timed.", "")
    columns = [
        Column("Step", lambda row: shortened(row["name"], 60)),
        Column("Job", lambda row: shortened(row["job"], 40)),
        Column("Ended", lambda row: _mark(row["conclusion"])),
        Column("Took", lambda row: _took(row["minutes"]), numeric=True),
    ]
    said = "The steps that failed, and those that took longest:" if failed else "The steps that took longest:"
    found = table(shown, columns, total=len(failed) + len(timed), rest="on the run's page")
    return together(paragraph(said, ""), found)


def test_results(run: Pipeline) -> Piece:
    """Return the tests that failed, and the slowest, with what could not be read."""
    found = run.tests
    if not found.cases:
        return paragraph(f"No test results: {found.trouble or 'the artifacts hold no case'}.", "")
    flaky = sum(case["flaky"] for case in found.cases)
    said = f"{words.plural(len(found.cases), 'test case')}: {found.count('passed')} passed, "
    said += f"{found.count('failed', 'error')} failed, {found.count('skipped')} skipped"
    said += f"; {flaky} failed first and passed when run again" if flaky else ""
    bad = [case for case in found.cases if case["result"] in ("failed", "error")]
    slow = sorted((case for case in found.cases if case["seconds"]), key=lambda case: -case["seconds"])
    rows = bad or slow[:MOST_STEPS]
    columns = [
        Column("Test", lambda row: shortened(f"{row['classname']} {row['name']}".strip(), 90)),
        Column("Ended", lambda row: row["result"]),
        *([Column("What went wrong", lambda row: shortened(row["message"]))] if bad else []),
        Column("Took", lambda row: words.hours((row["seconds"] or 0) / 3600), numeric=True),
    ]
    pieces = [paragraph(f"{said}. {'Those that failed:' if bad else 'The slowest:'}", ""), table(rows, columns)]
    return together(*pieces, *([paragraph(found.trouble)] if found.trouble else []))


def before(run: Pipeline) -> Piece:
    """Return how the run compares with the last ones of its workflow: slower, flakier."""
    past = run.past
    took = pipeline_runs.usual(run.facts.minutes, past.minutes)
    again, n, older, m, way = pipeline_runs.flakier(past)
    if not past.again:
        return paragraph("The store knows no earlier run of this workflow; `devops-lab sync` fetches them.", "")
    said = [f"{_compared(took)} (time in which a job ran, over the last {words.plural(took.n, 'successful run')})."]
    attempt = (run.facts.run.get("run_attempt") or 1) if run.facts.run else 1
    if attempt > 1:
        said.append(f"This run needed {attempt} attempts.")
    more = f", {older} of the {m} before" if m else ""
    change = {"few": "too few to compare", "same": "no clear change", "more": "flakier", "less": "less flaky"}[way]
    said.append(f"{again} of the last {n} runs failed first and passed without a new commit{more}: {change}.")
    jobs_ = sorted(past.mended.items(), key=lambda one: (-one[1], one[0]))[:3]
    if jobs_:
        said.append(f"What failed and then passed: {', '.join(f'{name} ({count})' for name, count in jobs_)}.")
    failed = sum(past.failed)
    said.append(f"{failed} of the last {words.plural(len(past.failed), 'run')} failed at first.")
    items = joined(html("<li>{}</li>", one) for one in said)
    return Piece(html('<ul class="lab-steps">{}</ul>', items), "\n".join(f"- {one}" for one in said))


def sources(run: Pipeline) -> Piece:
    """Return where all of this is from, and what could not be had."""
    rows: list[tuple[str, str, Any]] = []
    if run.run is not None:
        rows.append(("The run", f"{run.asked.repository}, run {run.run.id}", run.run.page))
    rows += [("Test results", f"the artifact {one['name']}", one["url"]) for one in run.tests.runs]
    if run.watched is not None:
        slo = run.watched.service.slo
        queries = [slo.good, slo.total, slo.probe] if slo else []
        rows += [("Asked of Prometheus", query, None) for query in (*queries, run.watched.service.latency) if query]
    as_of = words.moment(run.store.as_of, zone(run)) if run.store.as_of else ""
    rows.append(("The runs before", f"the store as of {as_of}" if as_of else "the store holds no sync yet", None))
    rows += [("Could not be had", one, None) for one in run.troubles]
    return listed(rows)


def _state(job: Job) -> str:
    step = next((one.name for one in job.steps if one.status == "in_progress"), "")
    return _mark(job.conclusion) if job.conclusion else job.status.replace("_", " ") + (f": {step}" if step else "")


def _mark(conclusion: str | None) -> str:
    shape = {"success": "●", "failure": "◆", "timed_out": "◆", "cancelled": "○", "skipped": "○"}
    return f"{shape.get(conclusion or '', '○')} {conclusion or 'not over'}"


def _took(minutes: float | None) -> str:
    return NONE if minutes is None else words.hours(minutes / 60) if minutes else f"under 1{words.SPACE}second"


def _half(took: Usual) -> str:
    return _took(took.half)


def _against(took: Usual) -> str:
    if took.half is None:
        return f"too few ({took.n})"
    return {"slower": "◆ slower", "faster": "● faster", "usual": "as usual"}.get(took.way, NONE) + f", n = {took.n}"


def _compared(took: Usual) -> str:
    if took.minutes is None:
        return "How long it took is not known"
    own = words.hours(took.minutes / 60)
    if took.half is None or took.most is None:
        return f"It took {own}; too few runs to compare with"
    spread = f"half of the runs take up to {words.hours(took.half / 60)}, 85 % up to {words.hours(took.most / 60)}"
    said = {"slower": "slower than usual", "faster": "faster than usual", "usual": "as usual"}[took.way]
    return f"It took {own}, {said}: {spread}"


def zone(run: Pipeline) -> str:
    """Return the time zone that the page speaks in."""
    return run.asked.settings.lab.timezone
