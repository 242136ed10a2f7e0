"""One change followed all the way: its stages, its links from issue to deployment, and what came after."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from devops_lab.delivery.loop_stages import LINKS, broken_links
from devops_lab.delivery.loop_summary import records, stages_frame
from devops_lab.errors import QuestionError
from devops_lab.store import Store

NEAR = 3
_SHA = re.compile(r"[0-9a-f]{7,64}")
COMMITS = """
select service, change_id, sha, excluded, deployed_at
from changes
where change_id = $text or substr(sha, 1, length($text)) = $text
"""
RUNS = """
select r.id, r.run_attempt, r.workflow, r.event, r.conclusion, r.created_at, r.started_at, r.url
from workflow_runs r
where r.repository = $repository and r.sha = $sha and r.created_at <= $until
order by r.created_at, r.id, r.run_attempt
"""
TESTS = """
select id, name, run_id, created_at, tests, failed, skipped, flaky, seconds, url
from test_runs
where repository = $repository and sha = $sha and created_at <= $until
order by created_at, id
"""
RELEASE = "select url from releases where repository = $repository and tag = $tag"
FAILURES = """
select failure_id, title, started_at, recovered_at, grade, url
from failures
where service = $service and deployment_id = $deployment and excluded is null
order by started_at, failure_id
"""
LEVEL = """
select sum(good) as good, sum(total) as total, max(objective) as objective, min(started_at) as started_at,
       max(ended_at) as ended_at
from service_levels
where service = $service and ended_at > $deployed_at and started_at < cast($deployed_at as timestamp) + interval 1 day
"""


@dataclass(frozen=True)
class Trace:
    """One change on one line.

    `change` has who it is and the instants it passed (`points`' columns), `stages` its stages as ``loop.stages`` has
    them, `links` a row per link of the chain: link, expected, there, text, url, known_at.  `runs` and `tests` are the
    workflow runs and test runs on its own sha until it was deployed, `failures` those charged to its deployment,
    `level` good and total events of the day after it (None where nobody watches).
    """

    change: dict[str, Any]
    stages: pd.DataFrame
    links: pd.DataFrame
    runs: pd.DataFrame
    tests: pd.DataFrame
    failures: pd.DataFrame
    level: dict[str, Any] | None = None

    @property
    def hours(self) -> float:
        """How long the change took from the beginning of its line to production."""
        return float(self.stages["microseconds"].sum()) / 3_600_000_000

    @property
    def broken(self) -> list[str]:
        """The links that its repository has and this change lacks."""
        lost = self.links["expected"] & ~self.links["there"]
        return [str(link) for link in self.links.loc[lost, "link"]]


def find(store: Store, as_of: datetime, rows: pd.DataFrame, text: str, service: str | None) -> pd.DataFrame:
    """Return the one row of points that `text` names; QuestionError says what is near, or why it is none."""
    repository, hash_, number = text.strip().rpartition("#")
    name = f"#{number}" if hash_ else f"#{text.strip()}" if text.strip().isdigit() and len(text) < 7 else text.strip()
    named = rows[rows["change_id"] == name]
    if repository:
        named = named[named["repository"] == repository]
    if named.empty and _SHA.fullmatch(name.casefold()):
        named = _of_commit(store, as_of, rows, name.casefold())
    if named.empty:
        raise QuestionError(_why_not(store, as_of, rows, name, service))
    if named["repository"].nunique() > 1 or named["change_id"].nunique() > 1:
        places = ", ".join(sorted(set(named["service"])))
        raise QuestionError(f"{name} is a change of several services ({places}); say which: service=…")
    return named.head(1)


def traced(store: Store, as_of: datetime, row: pd.DataFrame, kinds: Mapping[str, set[str]]) -> Trace:
    """Return the trace of a row of points."""
    change = records(row)[0]
    asked = {"repository": change["repository"], "sha": change["sha"], "until": change["deployed_at"]}
    own = {"service": change["service"], "deployment": change["deployment_id"]}
    level = store.query(LEVEL, as_of=as_of, service=change["service"], deployed_at=change["deployed_at"])
    watched = None if pd.isna(level["total"].iloc[0]) else level.iloc[0].to_dict()
    runs = store.query(RUNS, as_of=as_of, **asked)
    tests = store.query(TESTS, as_of=as_of, **asked)
    failures = store.query(FAILURES, as_of=as_of, **own)
    release = store.query(RELEASE, as_of=as_of, repository=change["repository"], tag=change["released_in"] or "")
    url = None if release.empty else release["url"].iloc[0]
    links = _links(change, kinds.get(change["service"], set()), runs, url, watched)
    return Trace(change, stages_frame(row), links, runs, tests, failures, watched)


def _links(
    change: Mapping[str, Any],
    expected: set[str],
    runs: pd.DataFrame,
    release: str | None,
    level: Mapping[str, Any] | None,
) -> pd.DataFrame:
    run = runs["url"].iloc[-1] if len(runs) else None
    number = change["pull_request"]
    share = "" if level is None or not level["total"] else f"{level['good'] / level['total']:.4%} good in the day after"
    said = {
        "issue": (
            " ".join(str(change[name]) for name in ("issue", "issue_title") if change[name]),
            change["issue_url"],
        ),
        "pull request": (f"#{number}" if number is not None else "", change["url"]),
        "review": ("", change["url"]),
        "build": ("", run),
        "test": ("", run),
        "release": (change["released_in"] or "", release),
        "deployment": (change["deployment_id"], change["deployment_url"]),
        "service level": (share, None),
    }
    lost = broken_links(change)
    instants = {**LINKS, "pull request": "ready_at"}
    rows = [
        (link, link in expected, link not in lost, *(said[link] if link not in lost else ("", None)),
         change[instants[link]] if link not in lost else None)
        for link in LINKS
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["link", "expected", "there", "text", "url", "known_at"])
    frame["url"] = frame["url"].astype(object).where(frame["url"].notna(), None)
    return frame.astype({"expected": bool, "there": bool, "known_at": "datetime64[us]"})


def _of_commit(store: Store, as_of: datetime, rows: pd.DataFrame, sha: str) -> pd.DataFrame:
    """Return the points of the changes that a commit (its sha's beginning) belongs to."""
    found = store.query(COMMITS, as_of=as_of, text=sha)[["service", "change_id"]].drop_duplicates()
    return rows.merge(found, on=["service", "change_id"])


def _why_not(store: Store, as_of: datetime, rows: pd.DataFrame, name: str, service: str | None) -> str:
    """Return why there is no such change to trace: left out, not deployed yet, or unknown, with the nearest names."""
    found = store.query(COMMITS, as_of=as_of, text=name)
    if service is not None:
        found = found[found["service"] == service]
    if len(found):
        reason = next((str(one) for one in found["excluded"] if not pd.isna(one)), "not deployed yet")
        return f"{name} is known, but there is nothing to trace: {reason}"
    where = f" of {service}" if service is not None else ""
    names = sorted(set(rows["change_id"]))
    if name[1:].isdigit() and name.startswith("#"):
        numbers = sorted((abs(int(one[1:]) - int(name[1:])), one) for one in names if one[1:].isdigit())
        close = [one for _, one in numbers[:NEAR]]
    else:
        close = difflib.get_close_matches(name, names, NEAR)
    meant = f"; near it: {', '.join(close)}" if close else ""
    return f"there is no deployed change {name!r}{where}{meant}"
