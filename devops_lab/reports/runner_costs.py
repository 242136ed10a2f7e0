"""What runners took and cost, on the page of building: by service, by workflow, and what was spent on re-runs."""

from __future__ import annotations

from typing import Any

from devops_lab import words
from devops_lab.config.context import Prices
from devops_lab.metrics.costs import costs
from devops_lab.reports import phases
from devops_lab.reports.page import Column, Piece, paragraph, shortened, together
from devops_lab.reports.question import Question


def spent(asked: Question) -> Piece:
    """Return what the window's runners took and cost: a sentence, a table by workflow, one by service where several.

    Money is an estimate from ``[prices]`` of lab.toml; without it the minutes alone are told.
    """
    if not phases.covered(asked, "runner_minutes"):
        return paragraph(phases.why_missing(asked, "runner_minutes"))
    prices = None if asked.settings is None else asked.settings.prices
    whole = costs(asked.store, prices, **asked.words)
    if whole.empty:
        return paragraph(asked.t("No runner worked in this window."))
    pieces = [_sentence(asked, whole.to_dict("records")[0], prices), _listed(asked, "workflow", asked.t("Workflow"))]
    if len(asked.services) > 1:
        pieces += [paragraph(asked.t("The same by service:")), _listed(asked, "service", asked.t("Service"))]
    return together(*pieces)


def _sentence(asked: Question, row: dict[Any, Any], prices: Prices | None) -> Piece:
    t = asked.t
    minutes, again = (t.number(words.whole(row[name])) for name in ("minutes", "again_minutes"))
    said = t("Runners took {minutes} weighted minutes, {again} of them in re-runs.", minutes=minutes, again=again)
    if prices is None:
        rest = t("What that costs is told once lab.toml has [prices], for example linux = 0.006.")
        return paragraph(f"{said} {rest}", "")
    money, twice = (_money(asked, row[name], prices.currency) for name in ("cost", "again_cost"))
    rest = t(
        "By the prices of lab.toml that is about {money}, {twice} of it for re-runs: an estimate, not a bill; included "
        "minutes and discounts are not known here.",
        money=money, twice=twice,
    )  # fmt: skip
    part = "" if row["coverage"] == 1 else " " + t("The sync covered only a part of this window.")
    return paragraph(f"{said} {rest}{part}", "")


def _listed(asked: Question, by: str, title: str) -> Piece:
    t, prices = asked.t, None if asked.settings is None else asked.settings.prices
    rows = costs(asked.store, prices, by=by, **asked.words).to_dict("records")
    columns = [
        Column(title, lambda row: shortened(row["group_name"], 60)),
        Column(t("Jobs"), lambda row: t.number(words.whole(row["jobs"])), numeric=True),
        Column(t("Weighted minutes"), lambda row: t.number(words.whole(row["minutes"])), numeric=True),
        Column(t("In re-runs"), lambda row: t.number(words.whole(row["again_minutes"])), numeric=True),
    ]
    if prices is not None:
        sign = prices.currency
        columns += [
            Column(t("Costs about"), lambda row: _money(asked, row["cost"], sign), numeric=True),
            Column(t("Re-runs cost about"), lambda row: _money(asked, row["again_cost"], sign), numeric=True),
        ]
    return phases.listing(asked, rows, columns, t("`devops-lab costs` lists them all"))


def _money(asked: Question, amount: float, currency: str) -> str:
    """Return an amount: cents below a hundred, whole above; the word "about" stands beside it."""
    digits = f"{amount:,.0f}" if amount >= 100 else f"{amount:,.2f}"
    return f"{asked.t.number(digits)}{words.SPACE}{currency}"
