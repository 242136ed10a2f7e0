"""The page of half a minute: three sentences at most, a row per service by name, and what is not known said so."""

from datetime import datetime, timedelta

import pytest
from lab_rows import EVER, change, complete, deployment, filled, ledger_rows

from devops_lab import metrics
from devops_lab.reports import by_service, facts, question, summary
from devops_lab.reports.by_service_words import Standing, sentences
from devops_lab.store import Store

NOW = datetime(2026, 11, 1)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
HOSTILE = "<script>alert(1)</script>"
TIERS = ("elite", "tier", "rank", "average", "DORA")


def row(service, metric="change_lead_time", now=24.0, before=24.0, n=20, **more):
    """An answer whose intervals reach 10 % to both sides."""
    known = now is not None
    return {
        "metric": metric, "unit": "hours", "group_name": service, "statistic": "median", "value": now, "n": n,
        "low": now * 0.9 if known else None, "high": now * 1.1 if known else None, "too_few": n < 6, "coverage": 1.0,
        "previous": before, "previous_n": n, "previous_low": before and before * 0.9,
        "previous_high": before and before * 1.1,
    } | more  # fmt: skip


def test_what_became_worse_comes_first_with_both_numbers():
    rows = [row("cart", now=96.0, before=48.0), row("shop"), row("till", now=24.0, before=48.0)]
    assert sentences(Standing(rows, {})) == [
        (
            "Clearly worse than before: change lead time of cart (4\u00a0days, before 2\u00a0days); clearly better: "
            "change lead time of till (24\u00a0hours, before 2\u00a0days)."
        ),
        "All facts of this window were fetched.",
        "Look first at cart, whose change lead time moved most.",
    ]


def test_nothing_moved_is_said_with_how_many_were_compared():
    said = sentences(Standing([row("cart"), row("shop"), row("till", before=None)], {}))
    assert said[0] == (
        "No service is clearly better or worse than before, in 2\u00a0numbers of 2\u00a0services that can be compared."
    )
    assert len(said) == 2  # nothing calls for a look


def test_what_is_not_known_is_named_with_its_reason():
    gone = row("cart", now=None, before=None, n=0, coverage=0.0)
    part = row("shop", coverage=0.5)
    few = row("till", n=3)
    said = sentences(Standing([gone, part, few], {"cart": "HTTP 403"}))
    assert said[1:] == [
        (
            "Nothing is known of cart (HTTP 403); facts are missing of shop; 1\u00a0service has too few deployments to "
            "say more than their number."
        ),
        "Look first at why facts of cart are missing: `devops-lab doctor` asks for each of them.",
    ]


@pytest.mark.parametrize("count", [1, 3, 4, 40])
def test_there_are_never_more_than_three_sentences_nor_more_than_three_names(count):
    rows = [row(f"s{number:02}", now=96.0 + number, before=24.0) for number in range(count)]
    said = sentences(Standing(rows, {}))
    assert len(said) <= 3 and said[0].count("before 24") == min(count, 3)
    assert (f"and {count - 3} more" in said[0]) == (count > 3)


# ---------------------------------------------------------------------------------------------- through a store


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """shop takes four days and some minutes where it took one, till deploys twice, dark was refused."""
    monkeypatch.chdir(tmp_path)
    tables = {"changes": [], "deployments": []}
    for place in range(24):
        when = NOW - 180 * DAY + (place * 7 + 4) * DAY
        took = (1 if when < NOW - 90 * DAY else 4) * DAY + place * HOUR / 10
        tables["deployments"].append(deployment("shop", f"{when:%m%d%H%M}", when))
        tables["changes"].append(change("shop", f"#{place}", when - took, when, subject=HOSTILE))
    for place in range(2):
        when = NOW - (10 + place) * DAY
        tables["deployments"].append(deployment("till", f"{when:%m%d%H%M}", when))
        tables["changes"].append(change("till", f"#{place}", when - DAY, when))
    whole = complete(tables, teams={"shop": "payments"})
    dark = {"service": "dark", "repository": "acme/dark", "team": HOSTILE} | {
        name: whole["services"][0][name] for name in ("deployment_tables", "change_tables", "failure_tables")
    }
    whole["services"].append(dark)
    told = dict(ledger_rows([dark], EVER, NOW)[0], table_name="repositories", refused=f"HTTP 403 {HOSTILE}")
    whole["sync_ledger"].append(told)
    writer = filled(Store(tmp_path / "lab", latest=True), whole)
    writer.commit_snapshot(NOW)
    return question.ask(last="90 days")


def test_a_page_of_several_services_has_a_row_for_each_by_name(asked):
    piece = by_service.opening(asked)
    names = [line for line in piece.text.splitlines() if line in ("dark", "shop", "till")]
    assert names == ["dark", "shop", "till"]
    first, unknown, look = piece.text.splitlines()[:3]
    assert first.startswith("Clearly worse than before: change lead time of shop (4.1\u00a0days, before ")
    assert unknown.startswith("Nothing is known of dark (HTTP 403") and "1\u00a0service has too few" in unknown
    assert look == "Look first at shop, whose change lead time moved most."
    assert not [word for word in TIERS if word.casefold() in piece.text.casefold()]
    assert HOSTILE not in piece.html and "&lt;script&gt;" in piece.html


def test_its_numbers_are_those_that_are_asked_for_each_service_alone(asked):
    rows = {(one["group_name"], one["metric"]): one for one in asked.dora_by_service.to_dict("records")}
    for service in ("shop", "till", "dark"):
        for alone in metrics.dora(asked.store, last="90 days", service=service).to_dict("records"):
            both = rows[service, alone["metric"]]
            for name in ("value", "n", "low", "high", "previous", "coverage"):
                assert both[name] == alone[name] or (both[name] != both[name] and alone[name] != alone[name])


def test_one_service_alone_has_no_such_page(asked):
    alone = question.ask(service="shop", last="90 days")
    assert by_service.opening(alone).html == ""


def test_they_are_sealed_with_the_page_and_short_messages_leave_them_out(asked):
    assert asked.dora is not None
    by_service.opening(asked)
    rows = facts.said({"asked": asked}).rows
    assert {one["group_name"] for one in rows} == {"all", "shop", "till", "dark"}
    assert {one["group_name"] for one in summary.told(rows)} == {"all"}
