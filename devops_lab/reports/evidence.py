"""The events behind the numbers, as tables: the slowest changes, the failures, what is left out, corrections, coverage.

The rows are the metrics' own observations wherever they hold what is shown, so no table counts differently from the
number it explains.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from devops_lab import metrics, words
from devops_lab.reports.page import Column, Piece, details, paragraph, shortened, table, together
from devops_lab.reports.question import Question

GRADES = {
    "correction": "a person said so",
    "link": "it names the deployment",
    "remedy": "the remedy names it",
    "window": "the latest deployment before it",
    "impact": "inferred: the service was worse after it",
}
EXAMPLES = 3
_SHA = re.compile(r"\b[0-9a-f]{40}\b")
_FAILURES = """
select f.*, d.ref as deployment_ref, d.url as deployment_url, d.finished_at as deployment_finished_at
from failures f
left join deployments d on d.service = f.service and d.id = f.deployment_id
where f.excluded is null
order by coalesce(d.finished_at, f.started_at) desc, f.failure_id
"""
_LEDGER = """
select repository, table_name, min(window_start) as since, max(window_end) as until, sum(asked) as asked,
       sum(fetched) as fetched, sum(missing) as missing, sum(capped) as capped, max(refused) as refused
from sync_ledger
where window_start < $until and window_end > $since
group by repository, table_name
order by repository, table_name
"""


def slowest(question: Question) -> Piece:
    """Return the changes that took longest to production, the slowest first."""
    rows = question.observations("change_lead_time")
    counted = rows[rows["excluded"].isna()].sort_values(["value", "id"], ascending=[False, True])
    if counted.empty:
        return paragraph(f"No change reached production in this window: {_reason(rows)}.")
    zone = question.timezone
    columns = [
        Column("Change", lambda row: short(row["id"]), lambda row: row["url"]),
        Column("What it says", lambda row: " · ".join(filter(None, (shortened(row["title"]), row["note"])))),
        Column("First commit", lambda row: words.day(row["started_at"], zone)),
        Column("In production", lambda row: words.day(row["ended_at"], zone)),
        Column("Took", lambda row: words.hours(float(row["value"])), numeric=True),
    ]
    return table(_records(counted, question), _with_service(columns, question))


def failures(question: Question) -> Piece:
    """Return each failure with the deployment it is attributed to, the evidence for that, and how long it lasted."""
    start, end = question.window
    rows = question.store.query(_FAILURES, as_of=question.as_of)
    rows = rows[rows["service"].isin(question.services["service"])]
    when = rows["deployment_finished_at"].fillna(rows["started_at"])
    rows = rows[(when >= pd.Timestamp(start)) & (when < pd.Timestamp(end))]
    if rows.empty:
        return paragraph("No incident and no remedy is known in this window.")
    zone = question.timezone
    columns = [
        Column("Deployment", _deployment, lambda row: row["deployment_url"]),
        Column("Deployed", lambda row: words.day(row["deployment_finished_at"], zone)),
        Column("Failure", lambda row: shortened(row["title"]) or short(row["failure_id"]), lambda row: row["url"]),
        Column("Kind", lambda row: str(row["remedy"] or row["source_kind"]).replace("_", " ")),
        Column("Why this deployment", lambda row: GRADES.get(row["grade"], "nothing says which")),
        Column("Recovered", lambda row: _recovered(row, zone), numeric=True),
    ]
    return table(_records(rows, question), _with_service(columns, question), rest="in the store's table failures")


def left_out(question: Question) -> Piece:
    """Return how many rows each metric leaves out, for which reason, with examples."""
    rows: list[dict[str, Any]] = []
    for name in metrics.DORA:
        observed = question.observations(name)
        out = observed[observed["excluded"].notna()]
        for reason, group in out.groupby("excluded"):
            rows.append(
                {
                    "metric": words.label(name),
                    "reason": reason,
                    "count": len(group),
                    "counted": len(observed) - len(out),
                    "examples": group.head(EXAMPLES).to_dict("records"),
                }
            )
    if not rows:
        return paragraph("Nothing: every row in this window counts.")
    rows.sort(key=lambda row: (metrics.DORA.index(_name(row["metric"])), -row["count"], row["reason"]))
    columns = [
        Column("Metric", lambda row: row["metric"]),
        Column("Left out because", lambda row: row["reason"]),
        Column("For example", lambda row: ", ".join(short(one["id"]) for one in row["examples"])),
        Column("Counted", lambda row: words.whole(row["counted"]), numeric=True),
        Column("Left out", lambda row: words.whole(row["count"]), numeric=True),
    ]
    return table(rows, columns)


def corrections(question: Question) -> Piece:
    """Return what people corrected, who, when and why; from ``corrections.toml`` beside lab.toml."""
    path = Path() if question.settings is None else question.settings.corrections
    found = _corrections(path) if path.is_file() else []
    names = set(question.services["service"])
    rows = [vars(one) for one in reversed(found) if one.service in names]
    if not rows:
        return paragraph("None: every number is what the rules make of the facts.")
    columns = [
        Column("What", lambda row: f"{row['kind']} {row['id']}"),
        Column("Correction", lambda row: _said(row["values"])),
        Column("Reason", lambda row: shortened(row["reason"])),
        Column("By", lambda row: row["by"]),
        Column("On", lambda row: words.day(row["made_at"], question.timezone)),
    ]
    return table(rows, _with_service(columns, question), rest=f"in {path.name}")


def coverage(question: Question) -> Piece:
    """Return what the sync asked for and what came: gaps first in words, then each stored table."""
    start, end = question.window
    rows = question.store.sql(_LEDGER, since=start, until=end)
    if rows.empty:
        return paragraph("Nothing was synced for this window; run `devops-lab sync`.")
    covered = question.dora.set_index("metric")["coverage"] if len(question.dora) else pd.Series(dtype=float)
    gaps = [f"{words.label(name)}: {words.share(part)} of the window" for name, part in covered.items() if part < 1]
    said = (
        "Every metric is covered over the whole window."
        if not gaps
        else "Covered only in part: " + "; ".join(gaps) + "."
    )
    zone = question.timezone
    columns = [
        Column("Table", lambda row: row["table_name"].replace("_", " ")),
        Column("From", lambda row: words.day(row["since"], zone)),
        Column("To", lambda row: words.day(row["until"], zone)),
        Column("Asked", lambda row: words.whole(row["asked"]), numeric=True),
        Column("Came", lambda row: words.whole(row["fetched"]), numeric=True),
        Column("Gone", lambda row: words.whole(row["missing"]), numeric=True),
        Column("Refused", lambda row: shortened(row["refused"])),
    ]
    if not rows["refused"].notna().any():
        columns.pop()
    records = rows.to_dict("records")
    if rows["repository"].nunique() > 1:
        columns.insert(0, Column("Repository", lambda row: row["repository"]))
    listing = table(records, columns, rest="in the store's table sync_ledger")
    folded = Piece(details("What was asked for, and what came", listing.html), listing.text)
    return together(paragraph(said, ""), folded)


def short(identity: Any) -> str:
    """Return an id as people write it: a sha by its first ten letters, everything else as it is."""
    text = "" if words.missing(identity) else str(identity)
    return shortened(_SHA.sub(lambda match: match.group(0)[:10], text), 40)


def _corrections(path: Path) -> list[Any]:
    from devops_lab.delivery import corrections  # all of delivery comes with it, and most labs have no such file

    return list(corrections.load(path))


def _said(values: Mapping[str, Any]) -> str:
    """Return what a correction sets, in words: "unplanned: no"."""
    plain = {True: "yes", False: "no"}
    said = [(key.replace("_", " "), plain[one] if isinstance(one, bool) else one) for key, one in values.items()]
    return ", ".join(f"{key}: {one}" for key, one in said)


def _records(rows: pd.DataFrame, question: Question) -> list[dict[str, Any]]:
    return rows.astype(object).where(rows.notna(), None).to_dict("records")


def _with_service(columns: list[Column], question: Question) -> list[Column]:
    several = len(question.services) > 1
    return [Column("Service", lambda row: row["service"]), *columns] if several else columns


def _deployment(row: Mapping[str, Any]) -> str:
    return short(row["deployment_ref"] or row["deployment_id"]) or "unattributed"


def _recovered(row: Mapping[str, Any], zone: str) -> str:
    if words.missing(row["recovered_at"]):
        return "not yet"
    since = row["deployment_finished_at"]
    if words.missing(since):
        return words.day(row["recovered_at"], zone)
    return f"after {words.hours((row['recovered_at'] - since).total_seconds() / 3600)}"


def _reason(rows: pd.DataFrame) -> str:
    return str(rows.attrs.get("reason", "nothing happened"))


def _name(label: str) -> str:
    return label.lower().replace(" ", "_")
