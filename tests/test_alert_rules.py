"""Alert rules: a small grammar read strictly; an alert begins once, wavers in silence, and ends once."""

from datetime import datetime, timedelta

import pytest
from lab_rows import complete, deployment, failure, filled
from made_schedule import Clock, Post, hands, settings_in

from devops_lab.config import alerts as config_alerts
from devops_lab.errors import ConfigError
from devops_lab.reports.schedule import checks
from devops_lab.reports.schedule.running import run
from devops_lab.store import Store

MONDAY = datetime(2026, 11, 2, 6)
RULE = """
[[recipient]]
name = "chat"
folder = "out"
[[alert]]
name = "fails"
when = "change_fail_rate > 0.2 for 2 weeks and n >= 10"
services = ["checkout"]
recipients = ["chat"]
"""


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("change_fail_rate > 0.2 for 2 weeks and n >= 10",
         {"metric": "change_fail_rate", "compared": ">", "amount": 0.2, "count": 2, "period": "week", "n": 10}),
        ("change_lead_time >= 3 days", {"amount": 3.0, "unit": "days", "count": 1, "period": "week", "n": 0}),
        ("build_duration p95 > 20 minutes FOR 1 month", {"statistic": "p95", "unit": "minutes", "period": "month"}),
        ("change_fail_rate>20%", {"amount": 0.2, "unit": "share"}),
        ("deployment_frequency < 1 and n < 3", {"compared": "<", "n_compared": "<", "n": 3}),
    ],
)  # fmt: skip
def test_a_condition_is_read(text, found):
    read = config_alerts.read(text)
    assert {name: getattr(read, name) for name in found} == found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the end where a metric's name should be"), ("change_fail_rate", "the end where one of > >= < <="),
        ("change_fail_rate => 0.2", "'=> 0.2' cannot be read"), ("change_fail_rate > high", "'high' where a number"),
        ("change_fail_rate > 0.2 for weeks", "'weeks' where a number of periods"),
        ("change_fail_rate > 0.2 for 2 fortnights", "'fortnights' where days, weeks, months or quarters"),
        ("change_fail_rate > 0.2 for 0 weeks", "from 1 to 60"), ("change_fail_rate > 3 miles", "'miles' where one of"),
        ("change_fail_rate > 0.2 and m > 3", "'m' where n"),
        ("change_fail_rate > 2 and n > 3 or 4", "'or' where the end"),
        ("x > 1; drop table", "'; drop table' cannot be read"), ("1 > x", "'1' where a metric's name"),
    ],
)  # fmt: skip
def test_what_is_no_condition_is_said_with_one_that_is(text, said):
    with pytest.raises(ValueError, match="write for example") as caught:
        config_alerts.read(text)
    assert said in str(caught.value)


def test_what_is_not_there_is_said_at_once(tmp_path):
    wrong = RULE.replace("change_fail_rate", "change_fail_rat") + RULE.split("[[alert]]")[1].replace(
        '"fails"', '"late"'
    ).replace("> 0.2", "> 3 hours").join(["[[alert]]", ""])
    settings = settings_in(tmp_path, wrong)
    first, second = checks.problems(settings)
    assert "did you mean change_fail_rate" in first and "change_fail_rate is in share, not in hours" in second
    with pytest.raises(ConfigError, match=r"alert 'fails'\.when"):
        settings_in(tmp_path, RULE.replace("0.2 for", "0.2 fro"))


def company(folder, weeks: dict[int, tuple[int, int]], known: datetime) -> None:
    """A store in which week 0 is the one before MONDAY's, week 1 the next …; each has (deployments, failed)."""
    tables: dict = {"deployments": [], "failures": [], "changes": []}
    for week, (count, failed) in weeks.items():
        for number in range(count):
            when = MONDAY - timedelta(days=6) + timedelta(weeks=week, hours=2 * number)
            name = f"{week}-{number}"
            tables["deployments"].append(deployment("checkout", name, when))
            if number < failed:
                tables["failures"].append(failure("checkout", name, name, when, when + timedelta(hours=1)))
    store = filled(Store(folder / "lab", latest=True), complete(tables, (datetime(2000, 1, 1), known)))
    store.commit_snapshot(known)


def looked(settings, weeks, week, post):
    """Look on the Monday after `week`."""
    now = MONDAY + timedelta(weeks=week)
    company(settings.folder, {each: weeks[each] for each in range(week + 1)}, now)
    done = run(settings, hands(Clock(now), send=post))
    assert done.exit_status == 0, done
    return [title for _, title, _ in post.sent]


def test_an_alert_begins_once_wavers_in_silence_and_ends_once(tmp_path):
    """12 of 30 is 40 % (25–58 %), clearly above 20 %; 7 of 30 is 23 % (12–41 %), not clearly; 3 of 30 is 10 %."""
    settings, post = settings_in(tmp_path, RULE), Post()
    weeks = [(30, 3), (30, 12), (30, 12), (30, 12), (30, 7), (30, 12), (4, 0), (30, 3), (30, 3), (30, 13), (30, 13)]
    begins, ends = "Alert fails · checkout: fires", "Alert fails · checkout: is over"
    heard = [looked(settings, weeks, week, post)[:] for week in range(len(weeks))]
    assert [len(one) for one in heard] == [0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 3]
    assert heard[-1] == [begins, ends, begins]
    (_, _, text), *_ = post.sent
    assert "Change fail rate: 40\u00a0% (n = 30; 95 %: 25–58\u00a0%)" in text
    assert "It has held since 2 November 2026: change_fail_rate > 0.2 for 2 weeks" in text.replace("\u00a0", " ")
    states = Store(settings.store, latest=True).rows("select state, began_at from alert_episodes order by began_at")
    assert [row["state"] for row in states] == ["over", "firing"]


def test_few_observations_and_an_interval_around_the_threshold_do_not_fire(tmp_path):
    settings, post = settings_in(tmp_path, RULE), Post()
    assert not looked(settings, [(30, 7), (30, 7), (9, 9), (9, 9)], 3, post)
    bold = settings_in(tmp_path, RULE.replace("recipients", "certain = false\nrecipients"))
    assert len(looked(bold, [(30, 7), (30, 7), (30, 7), (30, 7), (30, 7)], 4, post)) == 1


def test_looking_again_the_same_day_says_nothing_new(tmp_path):
    settings, post = settings_in(tmp_path, RULE), Post()
    looked(settings, [(30, 12), (30, 12)], 1, post)
    later = MONDAY + timedelta(weeks=1, hours=3)
    run(settings, hands(Clock(later), send=post))
    assert len(post.sent) == 1
