"""The page of testing: the pass rate over time, flaky tests, slowest cases, and what to look at next."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from devops_lab import words
from devops_lab.charts import builds, tests
from devops_lab.errors import LabError
from devops_lab.reports import phases
from devops_lab.reports.page import Column, Piece, paragraph, shortened
from devops_lab.reports.phases import Step
from devops_lab.reports.question import Question

_CASES = """
select t.repository, concat(t.classname, ' ', t.name) as name, t.seconds / 3600.0 as hours, r.url
from test_cases t
left join test_runs r on r.repository = t.repository and r.id = t.test_run
where t.occurred_at >= $since and t.occurred_at < $until and t.seconds is not null and t.result <> 'skipped'
"""


def pass_rate(asked: Question) -> Any:
    """Return the figure of the share of test cases that passed, per period."""
    t, row = asked.t, phases.first(asked, "test_pass_rate")
    title = t("{metric}: no number", metric=t.label("test_pass_rate"))
    if row:
        title = t("{share} of the test cases pass", share=t.number(words.share(row["value"])))
    frame = _over(asked, "test_pass_rate")
    if frame.empty:
        return builds.nothing("test_pass_rate", phases.why_missing(asked, "test_pass_rate"), title)
    subtitle = t("Share of test cases that passed, of those that ran, per period; shaded: 95 % interval")
    return asked.marked(tests.pass_rate(frame, title, subtitle, timezone=asked.timezone, t=t))


def durations(asked: Question) -> Any:
    """Return the figure of how long a test run takes, per period."""
    t, row = asked.t, phases.first(asked, "test_duration")
    title = t("{metric}: no number", metric=t.label("test_duration"))
    if row:
        title = t("Half of the test runs take up to {half}", half=t.value(row["value"], "minutes"))
    frame = _over(asked, "test_duration", ["median", "p95"])
    if frame.empty:
        return builds.nothing("test_duration", phases.why_missing(asked, "test_duration"), title)
    subtitle = t("Time of a test run by its own report, per period; shaded: 95 % interval of the median")
    return asked.marked(builds.percentiles(frame, title, subtitle, timezone=asked.timezone, t=t))


def flaky_tests(asked: Question) -> list[dict[str, Any]]:
    """Return the tests (or jobs, without test results) that failed and passed on one commit, the flakiest first.

    Keys: repository, title, flaky (commits on which it did both), commits (on which it ran), share, last (instant).
    """
    rows = phases.counted(asked, "flaky_rate")
    found: list[dict[str, Any]] = []
    if rows.empty:
        return found
    cases = set(asked.store.sql("select distinct repository from test_cases")["repository"])
    for (repository, title), part in rows.groupby(["repository", "title"], sort=True):
        both = part[part["value"] > 0]
        if len(both):
            found.append(
                {
                    "repository": repository,
                    "title": _named(title, repository in cases),
                    "flaky": len(both),
                    "commits": len(part),
                }
                | {"share": len(both) / len(part), "last": both["occurred_at"].max()}
                | {"sha": str(both.sort_values("occurred_at").iloc[-1]["id"]).partition(" ")[0]}
            )
    return sorted(found, key=lambda row: (-row["flaky"], -row["share"], row["repository"], row["title"]))


def flaky(asked: Question) -> Piece:
    """Return the flaky tests as a table; each links to the last commit on which it did both."""
    t, rows = asked.t, flaky_tests(asked)
    if not rows:
        if len(phases.counted(asked, "flaky_rate")):
            return paragraph(t("No test failed and passed on the same commit in this window."))
        return paragraph(phases.why_missing(asked, "flaky_rate"))
    pages = _pages(asked)
    columns = [
        Column(t("Test"), lambda row: shortened(row["title"], 90)),
        Column(t("Last time"), lambda row: t.day(row["last"], asked.timezone), _commit(pages)),
        Column(t("Ran on"), lambda row: t.many("{count} commit", "{count} commits", row["commits"]), numeric=True),
        Column(t("Flaky on"), lambda row: t.number(words.whole(row["flaky"])), numeric=True),
        Column(t("Share"), lambda row: t.value(row["share"], "share"), numeric=True),
    ]
    if len(asked.services) > 1:
        columns.insert(1, phases.repository(asked))
    return phases.listing(asked, rows, columns, t("in the table flaky_rate"))


def slowest_cases(asked: Question) -> Any:
    """Return the figure of the test cases that take longest: median and 95th percentile of each."""
    if (missing := phases.unknown(asked, "test_pass_rate")) is not None:
        return missing
    t, rows = asked.t, _cases(asked)
    shown = [(row["name"], row["half"], row["most"], row["count"]) for row in rows[: builds.SHOWN]]
    title = t("Slowest cases: no test results are known")
    if shown:
        part = sum(row["sum"] for row in rows[: builds.SHOWN]) / max(sum(row["sum"] for row in rows), 1e-12)
        title = t(
            "The {count} slowest cases take {share} of all test time",
            count=len(shown), share=t.number(words.share(part)),
        )  # fmt: skip
    return builds.slowest(shown, title, t("Median (dot) and 95th percentile (bar's end) of each case's time"), t=t)


def steps(asked: Question) -> list[Step]:
    """Return what to look at next: the flakiest test, the slowest case, failing cases."""
    t, found, rows = asked.t, [], flaky_tests(asked)
    if rows:
        worst = rows[0]
        times = t.many("{count} commit", "{count} commits", worst["flaky"])
        said = t(
            "{test} failed and passed on {times}: mend it or take it out, before people learn to ignore red.",
            test=shortened(worst["title"], 80), times=times,
        )  # fmt: skip
        found.append(Step(said, t("the last commit"), _commit(_pages(asked))(worst)))
    cases = _cases(asked)
    if cases:
        slow = max(cases, key=lambda row: row["sum"])
        share = slow["sum"] / max(sum(row["sum"] for row in cases), 1e-12)
        if share >= 0.05:
            said = t(
                "{test} alone takes {share} of all test time; a faster one gives everybody a faster answer.",
                test=shortened(slow["name"], 80), share=t.number(words.share(share)),
            )  # fmt: skip
            found.append(Step(said, t("its slowest run"), slow["url"]))
    elif not phases.covered(asked, "test_pass_rate"):
        said = t(
            "There are no test results: name the artifacts that hold JUnit XML in lab.toml (junit = …), and cases "
            "instead of whole jobs are looked at here."
        )
        found.append(Step(said))
    return found


def _named(title: Any, is_case: bool) -> str:
    """Return a test's name; a case that its file names only once goes without its number."""
    return str(title).removesuffix(" 1").strip() if is_case else str(title)


def _over(asked: Question, metric: str, statistics: list[str] | None = None) -> pd.DataFrame:
    try:
        return phases.over(asked, metric, statistics)
    except LabError:
        return pd.DataFrame()


def _cases(asked: Question) -> list[dict[str, Any]]:
    """Return per test case: name, count, sum, median, 95th percentile in hours, the slowest run's address."""
    start, end = asked.window
    rows = asked.store.query(_CASES, as_of=asked.as_of, since=start, until=end)
    rows = rows[rows["repository"].isin(asked.services["repository"])]
    found = []
    for name, part in rows.groupby("name", sort=True):
        values = part["hours"].to_numpy(float)
        found.append(
            {"name": str(name).strip(), "count": len(values), "sum": float(values.sum())}
            | {"half": float(np.median(values)), "most": float(np.quantile(values, 0.95))}
            | {"url": part.loc[part["hours"].idxmax()]["url"]}
        )
    return sorted(found, key=lambda row: (-row["half"], row["name"]))


def _pages(asked: Question) -> dict[str, Any]:
    rows = asked.store.sql("select repository, url from repositories")
    return dict(zip(rows["repository"], rows["url"], strict=True))


def _commit(pages: dict[str, Any]) -> Any:
    """Return how a row's last flaky commit is found on its repository's site."""

    def address(row: Any) -> str | None:
        page = pages.get(row["repository"])
        return None if words.missing(page) else f"{page}/commit/{row['sha']}"

    return address
