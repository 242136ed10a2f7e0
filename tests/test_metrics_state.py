"""Metrics of kind ``state``: what is true just before a period's end, written as a user would, beside lab.toml."""

import math
import subprocess
import sys
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from lab_rows import EVER, Facts, complete, deployment, filled

from devops_lab import metrics
from devops_lab.errors import ConfigError, QuestionError
from devops_lab.metrics.receipt import receipt, write
from devops_lab.store import Store

DAY = timedelta(days=1)
AS_OF = datetime(2026, 10, 28)  # a Wednesday
MONDAYS = [datetime(2026, 10, day) for day in (5, 12, 19, 26)]

OPEN_ISSUES = """
from periods p
join issues i on i.created_at < p.period_end and (i.closed_at is null or i.closed_at >= p.period_end)
join services s on s.repository = i.repository
"""
WORK = f"""-- open_work
-- Issues that are open at the end.
-- unit: issues | statistic: count | kind: state | better: lower | once: id
select s.service, i.repository, p.period_start, p.period_end as occurred_at, 1 as value, i.number as id, i.url
{OPEN_ISSUES}"""
AGE = f"""-- open_age
-- Days that open issues have waited, at the end.
-- unit: days | statistic: median, p85 | kind: state | better: lower | parameters: least = 0.0
select s.service, i.repository, p.period_start, p.period_end as occurred_at, i.number as id, i.url,
    i.created_at as started_at, p.period_end as ended_at,
    (epoch_us(p.period_end) - epoch_us(i.created_at)) / 86400000000.0 as value,
    case when p.period_end - i.created_at < to_days(cast($least as integer)) then 'too young' end as excluded
{OPEN_ISSUES}"""
SINCE = """-- days_since_rollout
-- Days since the last deployment, at the end.
-- unit: days | statistic: highest | kind: state | better: lower
select d.service, d.repository, p.period_start, p.period_end as occurred_at, max_by(d.id, d.finished_at) as id,
    max(d.finished_at) as started_at, p.period_end as ended_at,
    (epoch_us(p.period_end) - max(epoch_us(d.finished_at))) / 86400000000.0 as value
from periods p join deployments d on d.finished_at < p.period_end
group by d.service, d.repository, p.period_start, p.period_end
"""
KEPT = """-- kept_promise
-- Share of successful rollouts in the 28 days before the end.
-- unit: ratio | statistic: ratio | kind: state | better: higher
select d.service, d.repository, p.period_start, p.period_end as occurred_at, d.service as id,
    sum(case when d.result = 'success' then 1 else 0 end) as value, count(*) as denominator
from periods p
join deployments d on d.finished_at < p.period_end and d.finished_at >= p.period_end - interval 28 days
group by d.service, d.repository, p.period_start, p.period_end
"""


def day(number, month=10):
    return datetime(2026, month, number)


def issue(number, opened, closed=None, repository="acme/shop"):
    return {
        "repository": repository, "number": number, "state": "closed" if closed else "open", "is_bot": False,
        "created_at": opened, "closed_at": closed, "url": f"https://x/{number}",
    }  # fmt: skip


ISSUES = [
    issue(1, day(1), day(8)),
    issue(2, day(6)),
    issue(3, day(12)),  # at the very end of the first week: not yet in it
    issue(4, day(7), day(12)),  # closed at the very end: open just before it
    issue(5, day(27), day(29)),  # closed after as_of
]
SERVICES = [
    {"service": service, "repository": f"acme/{service}", "team": "retail", "deployment_tables": "tags",
     "change_tables": "commits", "failure_tables": "issues"}
    for service in ("bank", "shop")
]  # fmt: skip


@pytest.fixture
def own(tmp_path):
    """Metrics beside lab.toml, by name."""
    folder = tmp_path / "metrics" / "mine"
    folder.mkdir(parents=True)
    for text in (WORK, AGE, SINCE, KEPT):
        (folder / f"{text.splitlines()[0][3:]}.sql").write_text(text, "utf-8")
    return lambda name: metrics.find(name, tmp_path / "metrics")


def lab(as_of=AS_OF, covered=(EVER, AS_OF), **tables):
    """A store in memory that was synced for the time `covered`."""
    return Facts(complete({"issues": ISSUES, "services": SERVICES, **tables}, covered), as_of=as_of)


def test_a_count_at_the_end_of_each_week(own):
    """5-11 October: 2 and 4 are open (1 was closed on the 8th, 3 opens at midnight); then 2 and 3; then also 5."""
    weeks = own("open_work").over(lab(), every="week", since=MONDAYS[0], service="shop")
    assert weeks["period_start"].to_list() == MONDAYS
    assert weeks["value"].to_list() == [2, 2, 2, 3]
    assert weeks["partial"].to_list() == [False, False, False, True]
    assert weeks["coverage"].to_list() == [1, 1, 1, 1]
    assert own("open_work").phase == "mine"


def test_a_window_is_its_end_and_previous_the_end_before(own):
    """5 to 26 October: 2 and 3 at its end; three weeks before, on 5 October, 1 alone."""
    found = own("open_work").window(lab(), since=MONDAYS[0], until=MONDAYS[3], service="shop").iloc[0]
    assert (found["value"], found["n"], found["previous"], found["previous_n"]) == (2, 2, 1, 1)
    assert not found["partial"]


def test_nothing_is_true_after_as_of(own):
    """Asked until 2 November, the state is that of 28 October: 5 is open, though closed on the 29th."""
    store = lab()
    found = own("open_work").window(store, since=MONDAYS[3], until=day(2, 11), service="shop").iloc[0]
    assert (found["value"], found["period_end"].to_pydatetime(), found["partial"]) == (3, AS_OF, True)
    ages = own("open_age").observations(store, since=MONDAYS[3], until=day(2, 11))
    assert dict(zip(ages["id"], ages["value"], strict=True)) == {"2": 22, "3": 16, "5": 1}
    assert set(ages["ended_at"].dt.to_pydatetime()) == {AS_OF}
    # as of an earlier day
    early = own("open_work").over(store, every="week", since=MONDAYS[0], as_of=day(14), service="shop")
    assert early["value"].to_list() == [2, 2]
    assert early["partial"].to_list() == [False, True]


def test_ages_have_median_and_p85(own):
    """On 12 October 2 is six days old and 4 five: median 5.5, p85 5.85."""
    weeks = own("open_age").over(lab(), every="week", since=MONDAYS[0], until=MONDAYS[1])
    assert weeks["statistic"].to_list() == ["median", "p85"]
    assert weeks["value"].to_list() == pytest.approx([5.5, 5.85])
    assert weeks["too_few"].all()
    found = own("open_age").window(lab(), since=MONDAYS[0], until=MONDAYS[1], statistic="highest").iloc[0]
    assert (found["value"], found["previous"]) == (6, 4)


def test_days_since_the_last_one(own):
    """Rolled out on the 6th and the 20th, at noon: 5.5 days before the 12th, 12.5 before the 19th, 5.5 again."""
    rollouts = [deployment("shop", n, when + DAY / 2) for n, when in enumerate((day(6), day(20)))]
    store = lab(deployments=rollouts)
    weeks = own("days_since_rollout").over(store, every="week", since=MONDAYS[0], service="shop")
    assert weeks["value"].to_list() == [5.5, 12.5, 5.5, 7.5]
    before = own("days_since_rollout").over(store, every="week", since=day(28, 9), until=day(12), service="shop")
    assert math.isnan(before["value"].iloc[0]) and before["value"].iloc[1] == 5.5
    assert own("days_since_rollout").observations(store, last="5 days")["id"].to_list() == ["1"]


def test_a_ratio_at_the_end_is_of_sums(own):
    """shop kept 9 of 10, bank 1 of 2: 10 / 12 together, not the mean of 0.9 and 0.5."""
    rollouts = [deployment("shop", n, day(1) + n * DAY / 2, result="success" if n else "failure") for n in range(10)]
    rollouts += [deployment("bank", n, day(2), result="success" if n else "failure") for n in range(2)]
    store = lab(deployments=rollouts)
    asked = {"since": MONDAYS[1], "until": MONDAYS[2]}
    assert own("kept_promise").window(store, **asked)["value"].to_list() == pytest.approx([10 / 12])
    each = own("kept_promise").window(store, by="service", **asked).set_index("group_name")
    assert each["value"].to_dict() == pytest.approx({"bank": 0.5, "shop": 0.9})
    assert each["previous"].to_dict() == pytest.approx({"bank": 0.5, "shop": 0.9})
    # 28 days after the first half day, the failed one has left
    store = lab(day(30), (EVER, day(30)), deployments=rollouts)
    late = own("kept_promise").over(store, every="day", since=day(29), service="shop")
    assert late["value"].to_list() == [1.0]


def test_a_thing_of_two_services_counts_once_in_each_period(own):
    """One issue of a repository with two services: in every week one thing, not only in the first."""
    services = [{**row, "repository": "acme/mono"} for row in SERVICES]
    store = lab(services=services, issues=[issue(7, day(1), repository="acme/mono")])
    metric = own("open_work")
    assert metric.over(store, every="week", since=MONDAYS[0])["value"].to_list() == [1, 1, 1, 1]
    found = metric.window(store, since=MONDAYS[1], until=MONDAYS[2]).iloc[0]
    assert (found["value"], found["previous"]) == (1, 1)
    each = metric.over(store, every="week", by="service", since=MONDAYS[0])
    assert each["value"].to_list() == [1] * 8
    listed = metric.observations(store, since=MONDAYS[1], until=MONDAYS[2])
    assert listed["excluded"].notna().sum() == 1


def test_covered_and_uncovered_time(own):
    """Covered until 14 October only: the second week is partial, what lies after is missing and not 0."""
    weeks = own("open_work").over(lab(covered=(day(1, 9), day(14))), every="week", since=MONDAYS[0], service="shop")
    assert weeks["coverage"].to_list() == pytest.approx([1, 2 / 7, 0, 0])
    assert weeks["partial"].to_list() == [False, True, True, True]
    assert weeks["value"].to_list()[0] == 2 and all(map(math.isnan, weeks["value"].to_list()[2:]))


def test_nothing_there(own):
    """No issue: covered weeks count 0; ages are missing; without a sync the frame is empty; each says why."""
    asked = {"every": "week", "since": MONDAYS[0], "until": MONDAYS[1], "service": "shop"}
    counted = own("open_work").over(lab(issues=[]), **asked)
    assert counted["value"].to_list() == [0] and counted.attrs["reason"] == "nothing happened in this time"
    assert own("open_age").over(lab(issues=[]), **asked)["value"].isna().all()
    never = own("open_work").over(lab(issues=[], covered=None), **asked)
    assert not len(never) and "no sync has covered" in never.attrs["reason"]
    empty = own("open_work").window(Facts({}, as_of=AS_OF), since=MONDAYS[0])
    assert not len(empty) and "no services yet" in empty.attrs["reason"]
    assert not len(own("open_age").observations(lab(issues=[]), last="7 days"))


def test_what_is_left_out_is_the_reason_in_every_week(own):
    asked = {"since": MONDAYS[0], "until": MONDAYS[2], "service": "shop", "least": 100.0}
    weeks = own("open_age").over(lab(), every="week", **asked)
    assert weeks["value"].isna().all()
    assert weeks.attrs["reason"] == "nothing counts here; left out: 4 too young"
    # a window that begins inside a week has rows of that week's end too
    asked["since"] = MONDAYS[0] + DAY
    assert own("open_age").over(lab(), every="week", **asked).attrs["reason"].startswith("nothing counts here")
    assert own("open_age").window(lab(), **asked).attrs["reason"] == "nothing counts here; left out: 2 too young"


def test_weeks_of_another_time_zone_end_at_its_midnight(own):
    """In Jakarta 12 October begins at 17:00 UTC the day before: 4 is open then, and 3 not there."""
    jakarta = {"timezone": "Asia/Jakarta", "since": date(2026, 10, 5), "until": date(2026, 10, 19)}
    weeks = own("open_age").over(lab(), every="week", statistic="highest", **jakarta)
    assert weeks["period_end"].to_list() == [datetime(2026, 10, 11, 17), datetime(2026, 10, 18, 17)]
    assert weeks["value"].to_list() == pytest.approx([6 - 7 / 24, 13 - 7 / 24])


@pytest.mark.parametrize(
    ("name", "statistic"),
    [("open_work", "count"), ("open_age", "median"), ("open_age", "p85"), ("days_since_rollout", "highest"),
     ("kept_promise", "ratio")],
)  # fmt: skip
def test_an_outsider_recomputes_the_receipt_of_a_real_store(own, tmp_path, name, statistic):
    many = [issue(number, day(1) + number * DAY / 3, day(30) if number % 2 else None) for number in range(9, 60)]
    rollouts = [deployment("shop", n, day(1) + n * DAY, result="failure" if n == 3 else "success") for n in range(20)]
    tables = complete({"issues": ISSUES + many, "services": SERVICES, "deployments": rollouts}, (EVER, AS_OF))
    filled(Store(tmp_path / "lab", latest=True), tables).commit_snapshot(AS_OF)
    store = Store(tmp_path / "lab")
    asked = {"since": MONDAYS[0], "until": MONDAYS[2], "service": "shop", "statistic": statistic}
    found = receipt(own(name), store, **asked)
    answer = own(name).window(store, **asked).iloc[0]
    assert found["value"] == answer["value"] and found["n"] == answer["n"] == len(found["rows"]) > 0
    assert found["window_end"] == "2026-10-19T00:00:00Z"
    assert {row["ended_at"] for row in found["rows"]} <= {"2026-10-19T00:00:00Z", None}
    script = Path(__file__).with_name("receipt_outsider.py")
    command = [sys.executable, "-I", script, write(found, tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (run.returncode, "agrees" in run.stdout) == (0, True), run.stdout + run.stderr


def refused(folder, text):
    path = folder / "open_work.sql"
    path.write_text(text, "utf-8")
    return metrics.find("open_work", folder)


def test_a_state_must_join_periods(tmp_path):
    with pytest.raises(ConfigError, match=r"line 3: kind = 'state', but the query does not join periods"):
        refused(tmp_path, WORK[: WORK.index("select")] + "select 1 as value, 'periods' as id")


def test_a_state_must_say_whose_period_a_row_is(tmp_path):
    metric = refused(tmp_path, WORK.replace("p.period_start, ", ""))
    with pytest.raises(QuestionError, match="the query returns no column period_start"):
        metric.window(lab(), since=MONDAYS[0])


def test_rows_without_a_period_are_no_states(tmp_path):
    """A left join's leftovers belong to no period, and may not disturb the others."""
    loose = "select 'shop', 'acme/shop', null, cast('2026-10-06' as timestamp), 1, 99, null"
    metric = refused(tmp_path, WORK + "union all\n" + loose)
    assert metric.over(lab(), every="week", since=MONDAYS[0], service="shop")["value"].to_list() == [2, 2, 2, 3]
