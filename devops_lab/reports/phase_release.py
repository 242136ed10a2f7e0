"""The page of the release phase: the train of releases, how long ago the last one left, what each carried."""

from __future__ import annotations

from typing import Any

import pandas as pd

from devops_lab import charts, metrics, words
from devops_lab.language import marked
from devops_lab.reports import phases
from devops_lab.reports.page import Column, Piece, paragraph, shortened, table
from devops_lab.reports.phases import Step
from devops_lab.reports.question import Question

MANY_PATCHES = 0.5
_KINDS = {"release": marked("release"), "patch": marked("patch release"), "pre-release": marked("pre-release")}
_PAUSES = 2  # pauses between releases that make one "usual"


def train(asked: Question) -> Any:
    """Draw the releases of the window on their lines of time."""
    return charts.release_train(releases(asked), timezone=asked.timezone, t=asked.t)


def last_releases(asked: Question) -> Any:
    """Draw how long ago each service's last release was, beside its usual pause."""
    return charts.last_releases(waiting(asked), t=asked.t)


def releases(asked: Question) -> pd.DataFrame:
    """Return the window's releases, pre-releases among them: service, tag, released_at, kind, size, waited, url."""
    rows = asked.observations("release_frequency")
    rows = rows[rows["excluded"].isna() | rows["excluded"].eq("pre-release")].rename(
        columns={"occurred_at": "released_at", "id": "tag"}
    )
    key = ["service", "tag"]
    patches = phases.counted(asked, "patch_release_share")
    patches = patches[patches["value"].gt(0)].rename(columns={"id": "tag"})[key].assign(kind="patch")
    sizes = phases.counted(asked, "release_size").rename(columns={"id": "tag", "value": "size"})
    changes = phases.counted(asked, "release_lead_time")
    if "note" not in changes:
        changes = changes.assign(note=None)
    waited = changes.rename(columns={"note": "tag", "value": "waited"}).astype({"waited": "float64"})
    waited = waited.groupby(key, as_index=False)["waited"].median()
    found = rows[["service", "tag", "released_at", "url", "excluded"]]
    for other in (patches, sizes[[*key, "size"]], waited):
        found = found.merge(other.astype({"tag": object}), on=key, how="left")
    early = found["excluded"].eq("pre-release")
    found["kind"] = found["kind"].where(found["kind"].notna(), "release").mask(early, "pre-release")
    return found.drop(columns="excluded").sort_values(["released_at", "service", "tag"], ignore_index=True)


def waiting(asked: Question) -> pd.DataFrame:
    """Return, per service, the hours since its last release at the window's end, and its usual pause (the median)."""
    now = phases.counted(asked, "time_since_release")
    words_of = {key: value for key, value in asked.words.items() if key not in ("last", "since", "until")}
    every = metrics.find("release_frequency").observations(asked.store, last="all", **words_of)
    every = every[every["excluded"].isna() & every["occurred_at"].lt(pd.Timestamp(asked.window[1]))]
    pauses = every.sort_values("occurred_at").groupby("service")["occurred_at"].diff()
    hours = (pauses.dt.total_seconds() / 3600).groupby(every["service"])
    usual = hours.median().where(hours.count().ge(_PAUSES))
    found = pd.DataFrame({"service": now["service"], "since": now["value"].astype(float) * 24})
    found["usual"] = found["service"].map(usual).astype(float)
    return found.sort_values("service", ignore_index=True)


def listing(asked: Question) -> Piece:
    """Return the window's releases, the latest first: what each is, how much it carried, how long that had waited."""
    t, rows = asked.t, releases(asked)
    if rows.empty:
        return paragraph(t("No release was published in this window."), "")
    columns = [
        Column(t("Release"), lambda row: shortened(row["tag"], 40), lambda row: row["url"]),
        Column(t("Published"), lambda row: t.day(row["released_at"], asked.timezone)),
        Column(t("Kind"), lambda row: t(_KINDS[row["kind"]])),
        Column(t("Changes"), lambda row: _or_dash(row["size"], lambda size: t.number(words.whole(size))), numeric=True),
        Column(t("Half of them waited"), lambda row: _or_dash(row["waited"], t.hours), numeric=True),
    ]
    if len(asked.services) > 1:
        columns.insert(0, Column(t("Service"), lambda row: row["service"]))
    return table(rows.iloc[::-1].to_dict("records"), columns, rest=t("in the store's table releases"))


def steps(asked: Question) -> list[Step]:
    """Return what to look at next: who waits longer than usual, the largest release, many patches."""
    return [*_late(asked), *_largest(asked), *_patches(asked)]


def _late(asked: Question) -> list[Step]:
    rows, t = waiting(asked), asked.t
    late = rows[rows["usual"].notna() & rows["since"].gt(2 * rows["usual"])]
    if late.empty:
        return []
    row = late.loc[(late["since"] / late["usual"]).idxmax()]
    since, usual = t.hours(row["since"]), t.hours(row["usual"])
    said = t(
        "{service} has not been released for {since}, where {usual} is usual: what keeps the next one back?",
        service=row["service"],
        since=since,
        usual=usual,
    )
    return [Step(said)]


def _largest(asked: Question) -> list[Step]:
    sized, t = releases(asked).dropna(subset=["size"]), asked.t
    if len(sized) < words.TOO_FEW:
        return []
    row, usual = sized.loc[sized["size"].idxmax()], float(sized["size"].median())
    if row["size"] <= 2 * max(usual, 1):
        return []
    said = t(
        "The largest release carried {size} changes; half carry up to {usual}. Large ones are harder to take back:",
        size=t.number(words.whole(row["size"])),
        usual=t.number(words.number(usual)),
    )
    return [Step(said, f"{row['service']} {shortened(row['tag'], 40)}", row["url"])]


def _patches(asked: Question) -> list[Step]:
    row, t = phases.first(asked, "patch_release_share"), asked.t
    if row is None or row["too_few"] or row["value"] < MANY_PATCHES:
        return []
    said = t(
        "{share} of the releases only moved the patch number. Read it beside the change fail rate: do they mend the "
        "release before?",
        share=t.number(words.share(row["value"])),
    )
    return [Step(said)]


def _or_dash(value: Any, say: Any) -> str:
    return "–" if words.missing(value) else str(say(float(value)))
