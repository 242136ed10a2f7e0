"""What the command line prints: answers as a table, JSON or CSV, a receipt in words, and bars for long work."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table

from devops_lab import metrics, words
from devops_lab.config import Settings
from devops_lab.rows import defused
from devops_lab.store import Store

if TYPE_CHECKING:
    import pandas as pd

WIDTH = 120
SHOWN_ROWS = 20


def ask(
    store: Store,
    settings: Settings,
    names: Sequence[str] = (),
    every: str | None = None,
    by: str | None = None,
    **question: Any,
) -> pd.DataFrame:
    """Return the long frame of the named metrics (none named: the five of DORA), per period or for one window.

    Without `last` and `since` the window is that of ``lab.toml``.  Errors: QuestionError names what is not there.
    """
    import pandas as pd

    asked = window_of(settings, question)
    parameters = asked.pop("parameters", {})
    if not names and every is None and not parameters:
        return metrics.dora(store, by=by, **asked)
    found = [metrics.find(name, settings.folder / "metrics") for name in names or metrics.DORA]
    frames = []
    for metric in found:
        if every is None:
            frames.append(metric.window(store, by=by, keep_empty=True, **asked, **parameters))
        else:
            frames.append(metric.over(store, every=every, by=by, **asked, **parameters))
    together = pd.concat([frame for frame in frames if len(frame)] or frames[:1], ignore_index=True)
    reasons = [frame.attrs["reason"] for frame in frames if frame.attrs.get("reason")]
    together.attrs = {"reason": reasons[0]} if reasons and not len(together) else {}
    return together


def window_of(settings: Settings, question: dict[str, Any]) -> dict[str, Any]:
    """Return a question with the lab's own time zone, and its window where the question names none."""
    asked = {key: value for key, value in question.items() if value is not None}
    if "last" not in asked and "since" not in asked:
        asked["last"] = settings.lab.last
    return {"timezone": settings.lab.timezone, **asked}


def printed(frame: pd.DataFrame, form: str, timezone: str = "UTC") -> str:
    """Return a long frame as ``table`` (numbers as people say them), ``json`` (a list of rows) or ``csv``."""
    rows = metrics.records(frame)
    if form == "json":
        return json.dumps(rows, indent=1, ensure_ascii=False)
    if form == "csv":
        return csv_text(frame)
    if not rows:
        return str(frame.attrs.get("reason", "nothing to show"))
    return _table(frame, timezone)


def csv_text(frame: pd.DataFrame) -> str:
    """Return a frame as CSV; a cell that a spreadsheet would run as a formula gets an apostrophe in front."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(frame.columns)
    rows = metrics.records(frame)
    writer.writerows([defused(cell) if isinstance(cell, str) else cell for cell in row.values()] for row in rows)
    return out.getvalue().rstrip("\n")


def costs_text(frame: pd.DataFrame, by: str) -> str:
    """Return a frame of ``metrics.costs`` as a table; money is said to be an estimate."""
    if frame.empty:
        return str(frame.attrs.get("reason", "nothing to show"))
    priced = frame["cost"].notna().all()
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column(by, overflow="fold")
    for name in ("jobs", "minutes", "in re-runs", *(("about", "re-runs about") if priced else ())):
        table.add_column(name, justify="right", no_wrap=True)
    for row in frame.to_dict("records"):
        money = [f"{row[name]:,.2f} {row['currency']}" for name in ("cost", "again_cost")] if priced else []
        counted = [words.whole(row[name]) for name in ("jobs", "minutes", "again_minutes")]
        table.add_row(escape(row["group_name"]), *counted, *money)
    note = "an estimate by [prices] of lab.toml: included minutes and discounts are not known"
    partly = "\nthe sync covered only a part of this time" if (frame["coverage"] < 1).any() else ""
    return f"{_text(table)}\n{note if priced else '[prices] in lab.toml turns minutes into money'}{partly}"


def _table(frame: pd.DataFrame, timezone: str) -> str:
    over_time = "previous" not in frame.columns
    first = frame.iloc[0]
    title = "" if over_time else f"{words.window(first['period_start'], first['period_end'], timezone)}\n"
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("metric", no_wrap=True)
    table.add_column("group", overflow="fold")
    if over_time:
        table.add_column("period", overflow="fold")
    for name in ("value", "95 %", "n"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("" if over_time else "against before")
    for row in frame.to_dict("records"):
        remark = "too few" if row["too_few"] else ""
        if row["coverage"] == 0:
            remark = "not covered by any sync"
        elif row["partial"]:
            remark = ", ".join(filter(None, (remark, "partial")))
        if not over_time:
            remark = ", ".join(filter(None, (words.change(row), remark)))
        name = f"{row['metric']} ({row['statistic']})"
        period = [words.window(row["period_start"], row["period_end"], timezone)] if over_time else []
        interval = words.interval(row["low"], row["high"], row["unit"])
        group = escape(str(row["group_name"]))
        table.add_row(name, group, *period, words.answer(row), interval, words.whole(row["n"]), remark)
    return title + _text(table)


def receipt_text(receipt: dict[str, Any]) -> str:
    """Return a receipt in words: the number, how it was made, the rows in it, and what was left out and why."""
    unit = receipt["unit"]
    interval = f"95 %: {words.interval(receipt['low'], receipt['high'], unit) or 'no interval'}"
    head = [
        f"{receipt['metric']}: {words.answer(receipt)}   ({receipt['statistic']} of n = {receipt['n']}; {interval})",
        f"{receipt['window_start']} – {receipt['window_end']}, as known at {receipt['as_of']}",
        "",
        receipt["definition"],
        "",
    ]
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("id", "started", "ended"):
        table.add_column(name, overflow="fold")
    table.add_column("value", justify="right")
    table.add_column("source", overflow="fold")
    for row in sorted(receipt["rows"], key=lambda row: -(row["value"] or 0))[:SHOWN_ROWS]:
        said = words.exact(row["value"], unit if row["ended_at"] else "") + (
            " and counting" if row.get("censored") else ""
        )
        began = row["started_at"] or row["occurred_at"]
        table.add_row(escape(str(row["id"])), began, row["ended_at"] or "", said, escape(row["url"] or ""))
    more = len(receipt["rows"]) - SHOWN_ROWS
    tail = [f"… and {more} more: `--format json` has them all"] if more > 0 else []
    reasons = Counter(row["reason"] for row in receipt["excluded"])
    tail += ["", "left out:"] * bool(reasons)
    tail += [f"  {words.whole(count)}  {reason}" for reason, count in reasons.most_common()]
    gaps = [one for one in receipt["coverage"] if one.get("missing")]
    tail += [f"  {one['table_name']}: {one['missing']} that the server no longer has" for one in gaps]
    tail += ["", "meanwhile:"] * bool(receipt["events"])
    tail += [f"  {' – '.join(filter(None, (one['from'], one['until'])))}  {one['text']}" for one in receipt["events"]]
    return "\n".join([*head, _text(table), *tail]).rstrip()


def _text(table: Table) -> str:
    console = Console(width=WIDTH, record=True, file=io.StringIO(), color_system=None)
    console.print(table)
    return "\n".join(line.rstrip() for line in console.export_text().splitlines())


@contextmanager
def bars() -> Iterator[Callable[[str, int, int | None], None]]:
    """Yield a function that moves the bar of a name to (done, total); where stderr is no terminal nothing is drawn."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(20), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        tasks: dict[str, Any] = {}

        def show(name: str, done: int, total: int | None) -> None:
            if name not in tasks:
                tasks[name] = shown.add_task(escape(name), total=total)
            shown.update(tasks[name], completed=done, total=total)

        yield show


@contextmanager
def steps() -> Iterator[Callable[[str, str, str, float | None], None]]:
    """Yield a function that shows a step of a part: "begun" turns a spinner, "done" and "missing" leave a line."""
    console = Console(stderr=True, highlight=False)
    with Progress(SpinnerColumn(), TextColumn("{task.description}"), console=console, transient=True) as shown:
        tasks: dict[str, Any] = {}

        def show(part: str, state: str, text: str, seconds: float | None) -> None:
            said = f"{escape(part):<14}{escape(text)}"
            if state == "begun":
                if part not in tasks:
                    tasks[part] = shown.add_task(said)
                shown.update(tasks[part], description=said)
                return
            if part in tasks:
                shown.remove_task(tasks.pop(part))
            took = "" if seconds is None else f"  {seconds:.1f} s"
            console.print(f"{'✓' if state == 'done' else '–'} {said}{took}")

        yield show


def parts_table(rows: Sequence[tuple[str, str, str]]) -> str:
    """Return a table of names, addresses and what to know of them, as text."""
    table = Table(box=None, show_header=False, pad_edge=False)
    for name in ("name", "url", "says"):
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    return _text(table)
