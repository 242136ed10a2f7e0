"""Schedules: what cron means, which period is reported on, what is due, and what one run does about it."""

import resource
import subprocess
import sys
from datetime import datetime, timedelta

import pytest
from made_schedule import MAIL, START, Clock, Faked, Post, facts, hands, settings_in

from devops_lab import config
from devops_lab.cli.schedule import _checked
from devops_lab.errors import ConfigError, SourceError, StoreError
from devops_lab.reports.schedule import due, lock
from devops_lab.reports.schedule.running import run
from devops_lab.reports.sending.apprised import FAILED, UNKNOWN, Fate
from devops_lab.store import Store

BERLIN = "Europe/Berlin"
WEEKLY = '[[schedule]]\nname = "weekly"\ncron = "0 7 * * 1"\n'


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def rows(settings):
    return Store(settings.store, latest=True).rows(
        "select * from schedule_history order by schedule, subject, period_start"
    )


def told(settings):
    return Store(settings.store, latest=True).rows("select * from deliveries order by recipient, about")


# ---------------------------------------------------------------- cron and periods


def test_monday_at_seven_reports_on_the_week_before():
    moment = due.last_fire("0 7 * * 1", BERLIN, at("2026-11-24T04:00"))
    assert moment == at("2026-11-23T06:00")  # seven in Berlin's winter
    span = due.span_before("week", BERLIN, moment)
    assert (span.label, span.start, span.end) == ("2026-W47", at("2026-11-15T23:00"), at("2026-11-22T23:00"))


@pytest.mark.parametrize(
    ("cron", "since", "until", "found"),
    [
        # 02:30 does not exist on 29 March: it is due when the clock goes on, at 03:00 summer time
        ("30 2 * * *", "2026-03-28T00:00", "2026-03-30T12:00", ["03-28T01:30", "03-29T01:00", "03-30T00:30"]),
        # 02:30 comes twice on 25 October: it is due the first time
        ("30 2 * * *", "2026-10-24T00:00", "2026-10-26T12:00", ["10-24T00:30", "10-25T00:30", "10-26T01:30"]),
        ("0 7 * * 1", "2026-10-19T00:00", "2026-10-27T00:00", ["10-19T05:00", "10-26T06:00"]),
    ],
)
def test_clocks_that_change(cron, since, until, found):
    assert [f"{one:%m-%dT%H:%M}" for one in due.fires(cron, BERLIN, at(since), at(until))] == found


@pytest.mark.parametrize(
    ("cron", "every"),
    [("0 7 * * 1", "week"), ("0 7 * * 1-5", "day"), ("*/5 * * * *", "day"), ("0 7 1 * *", "month"),
     ("0 7 1 */3 *", "quarter"), ("0 7 1 1,4,7,10 *", "quarter"), ("0 7 2 1 *", "year")],
)  # fmt: skip
def test_a_cron_line_has_a_rhythm(cron, every):
    assert config.Schedule(name="s", cron=cron).every == every


@pytest.mark.parametrize(
    ("cron", "said"),
    [
        ("0 0 7 * * 1", "has six fields; a schedule has five"), ("0 0 7 * * 1", "the seconds away ('0 7 * * 1')"),
        ("0 7 * *", "has 4 fields instead of five"), ("0 25 * * 1", "Bad hour"), ("@weekly", "write its five fields"),
        ("0 7 30 2 *", "Bad day-of-month"), ("0 7 1,15 * *", 'say what it reports on: period = "week"'),
    ],
)  # fmt: skip
def test_a_cron_line_that_is_none(tmp_path, cron, said):
    with pytest.raises(ConfigError, match="schedule 'weekly'") as caught:
        settings_in(tmp_path, WEEKLY.replace("0 7 * * 1", cron))
    assert said in str(caught.value)


def test_everything_wrong_is_said_at_once(tmp_path):
    wrong = f"""
{WEEKLY}recipients = ["mial"]
services = ["chekout"]
{WEEKLY}
{MAIL}
[[alert]]
name = "fails"
when = "change_fail_rate > 0.2"
recipients = ["nobody"]
"""
    with pytest.raises(ConfigError) as caught:
        settings_in(tmp_path, wrong)
    for part in (
        "'mial'; did you mean 'mail'?",
        "'chekout'; did you mean 'checkout'?",
        "'weekly' is there twice",
        "'nobody'",
    ):
        assert part in str(caught.value)


# ---------------------------------------------------------------- what is due


def plan(settings, now, known=()):
    return due.plan(settings, settings.schedule[0], known, at(now))


def row(one: due.Due, outcome="rendered", **more):
    return {"subject": one.subject, "period_start": one.span.start, "period_end": one.span.end, "due_at": one.due_at,
            "period": one.span.label, "outcome": outcome, "attempts": 1, "finished_at": one.due_at, **more}  # fmt: skip


def labels(dues):
    return [one.span.label for one in dues]


def test_a_new_schedule_begins_with_its_latest_period_and_makes_up_for_what_it_missed(tmp_path):
    settings = settings_in(tmp_path, WEEKLY)
    first = plan(settings, "2026-11-04T12:00")
    assert labels(first.new) == ["2026-W44"]
    known = [row(first.new[0])]
    assert not plan(settings, "2026-11-09T05:59", known).new
    late = plan(settings, "2026-11-24T12:00", known)
    assert labels(late.new) == ["2026-W45", "2026-W46", "2026-W47"] and not late.skipped


def test_what_was_missed_too_long_ago_is_skipped(tmp_path):
    settings = settings_in(tmp_path, WEEKLY + "catch_up = 1\n")
    late = plan(settings, "2026-11-24T12:00", [row(plan(settings, "2026-11-04T12:00").new[0])])
    assert labels(late.skipped) == ["2026-W45"] and labels(late.new) == ["2026-W46", "2026-W47"]


def test_what_failed_is_tried_again_less_and_less_often(tmp_path):
    settings = settings_in(tmp_path, WEEKLY)
    one = plan(settings, "2026-11-23T06:00").new[0]
    failed = [row(one, "failed", attempts=2, finished_at=at("2026-11-23T06:10"))]
    assert labels(plan(settings, "2026-11-23T06:39", failed).waiting) == ["2026-W47"]
    assert labels(plan(settings, "2026-11-23T06:40", failed).again) == ["2026-W47"]
    assert labels(plan(settings, "2026-11-23T06:11", [row(one, "rendering")]).again) == ["2026-W47"]


def test_a_clock_that_goes_back_makes_nothing_due_twice(tmp_path):
    settings = settings_in(tmp_path, WEEKLY)
    known = [row(one) for one in plan(settings, "2026-11-23T06:00").new]
    assert not plan(settings, "2026-11-23T05:00", known).again
    assert not plan(settings, "2026-11-23T06:00", known).new


# ---------------------------------------------------------------- a run


@pytest.fixture
def weekly(tmp_path):
    facts(tmp_path)
    return settings_in(
        tmp_path, MAIL + WEEKLY + 'services = "all"\nrecipients = ["mail"]\non_failure = ["mail"]\nsync = false\n'
    )


def test_a_run_renders_tells_and_writes_it_down(weekly):
    render, post = Faked(), Post()
    done = run(weekly, hands(Clock(START), render, post))
    assert (done.rendered, done.sent, done.exit_status) == (2, 1, 0)
    assert [(one["subject"], one["period"], one["outcome"], one["path"]) for one in rows(weekly)] == [
        ("cart", "2026-W47", "rendered", "reports/report-weekly-cart-2026-W47.html"),
        ("checkout", "2026-W47", "rendered", "reports/report-weekly-checkout-2026-W47.html"),
    ]
    assert [(one["about"], one["outcome"]) for one in told(weekly)] == [
        ("report · weekly · cart · 2026-W47", "sent"), ("report · weekly · checkout · 2026-W47", "sent"),
    ]  # fmt: skip
    (_, title, text), *_ = post.sent
    assert title == "weekly · 2\u00a0reports · 2026-W47: changes at cart, checkout"
    assert "Change lead time: 3.2\u00a0days (1.8\u00a0days faster; n = 41; 95 %: 2.5–3.8\u00a0days)" in text
    again = run(weekly, hands(Clock(START + timedelta(minutes=5)), render, post))
    assert (again.rendered, again.sent, len(post.sent)) == (0, 0, 1)


def test_a_report_that_fails_does_not_stop_the_others_and_gives_notice_once(weekly):
    render, post, clock = Faked(), Post(), Clock(START)
    render.broken["cart"] = 4  # three tries of this run, one of the next
    done = run(weekly, hands(clock, render, post))
    assert done.exit_status == 1 and done.rendered == 1 and render.made.count(("weekly", "cart", "2026-W47")) == 3
    assert [title for _, title, _ in post.sent] == [
        "weekly · 2026-W47: a report did not come", "weekly · checkout · 2026-W47: Changes reach production faster",
    ]  # fmt: skip
    assert "cart: cell 5: ValueError: no" in post.sent[1][2]
    clock.now += timedelta(minutes=5)
    assert run(weekly, hands(clock, render, post)).exit_status == 1 and len(post.sent) == 2  # it waits
    clock.now += timedelta(hours=1)
    done = run(weekly, hands(clock, render, post))
    assert (done.rendered, done.exit_status) == (1, 0)
    assert post.sent[2][1].startswith("weekly · cart · 2026-W47") and len(post.sent) == 3


def test_facts_that_do_not_come_leave_the_report_due(weekly):
    weekly = weekly.model_copy(update={"schedule": [weekly.schedule[0].model_copy(update={"sync": True})]})
    clock, asked = Clock(START + timedelta(days=7)), []

    def down():
        asked.append(1)
        raise SourceError("GitHub did not answer")

    done = run(weekly, hands(clock, fetch=down))
    assert len(asked) == 3 and done.rendered == 0 and "GitHub did not answer" in done.problems[0]
    assert {one["outcome"] for one in rows(weekly) if one["period"] == "2026-W48"} == {"failed"}
    clock.now += timedelta(hours=1)

    def up():
        facts(weekly.folder, clock.now)
        return {}

    done = run(weekly, hands(clock, fetch=up))
    assert done.rendered == 2 and done.exit_status == 0


def test_a_repository_that_does_not_answer_holds_up_its_own_report_for_a_while(weekly):
    weekly = weekly.model_copy(update={"schedule": [weekly.schedule[0].model_copy(update={"sync": True})]})
    render, clock = Faked(), Clock(START)

    def half():
        return {"acme/cart": "github: no answer"}

    done = run(weekly, hands(clock, render, fetch=half))
    assert [subject for _, subject, _ in render.made] == ["checkout"] and done.exit_status == 1
    assert "weekly, cart, 2026-W47: the facts did not all come: acme/cart: github: no answer" in done.problems
    for hours in (1, 2):
        clock.now = START + timedelta(hours=hours)
        done = run(weekly, hands(clock, render, fetch=half))
    assert [subject for _, subject, _ in render.made] == ["checkout", "cart"] and done.exit_status == 0


def test_a_recipient_who_is_down_is_told_later_and_the_others_at_once(weekly):
    text = (
        (weekly.folder / "lab.toml").read_text("utf-8").replace('recipients = ["mail"]', 'recipients = ["mail", "put"]')
    )
    weekly = settings_in(weekly.folder, text + '[[recipient]]\nname = "put"\nfolder = "out"\n', "")
    post, clock = Post(), Clock(START)
    post.fates = [Fate(FAILED, "E-Mail: the server was not reached"), Fate(FAILED, "E-Mail: the same")]
    done = run(weekly, hands(clock, send=post))
    assert done.exit_status == 1 and any("mail was not told" in one for one in done.problems)
    assert [name for name, *_ in post.sent].count("put") == 1
    clock.now += timedelta(minutes=20)
    assert run(weekly, hands(clock, send=post)).sent >= 1
    assert [name for name, title, _ in post.sent if "2 reports" in title.replace("\u00a0", " ")] == ["put", "mail"]


def test_a_message_whose_fate_is_unknown_is_reported_and_not_sent_again(weekly):
    post = Post()
    post.fates = [Fate(UNKNOWN, "no answer")]
    done = run(weekly, hands(Clock(START), send=post))
    assert done.exit_status == 1 and "may or may not have got" in done.problems[0]
    later = run(weekly, hands(Clock(START + timedelta(days=2)), send=post))
    assert later.exit_status == 0
    assert sum("reports" in title for _, title, _ in post.sent) == 1


def test_a_checkpoint_that_fails_sends_nothing(weekly):
    post, saved = Post(), []

    def full():
        saved.append(told(weekly)[0]["outcome"])
        raise StoreError("no space left")

    done = run(weekly, hands(Clock(START), send=post, checkpoint=full))
    assert not post.sent and saved[0] == "sending" and done.exit_status == 1
    assert {one["outcome"] for one in told(weekly)} == {"failed"}
    run(weekly, hands(Clock(START + timedelta(hours=1)), send=post, checkpoint=lambda: saved.append("saved")))
    assert len(post.sent) == 1


def test_a_full_disk_is_said_and_nothing_is_sent(weekly):
    """No file may grow beyond a kilobyte, as where the disk is full: what is due cannot be written down."""
    text = (weekly.folder / "lab.toml").read_text("utf-8").replace('["mail"]', '["put"]')
    (weekly.folder / "lab.toml").write_text(text + '[[recipient]]\nname = "put"\nfolder = "out"\n', "utf-8")
    before = rows(weekly)
    ran = subprocess.run(
        [sys.executable, "-m", "devops_lab.cli", "schedule", "run", "--no-sync"],
        cwd=weekly.folder, capture_output=True, text=True, timeout=120, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)),
    )  # fmt: skip
    assert ran.returncode == 1 and "schedule_history" in ran.stderr and "File too large" in ran.stderr, ran.stderr
    assert "what was there is as it was" in ran.stderr and "Traceback" not in ran.stderr
    assert rows(weekly) == before == [] and not (weekly.folder / "out").exists()


def test_many_reports_that_fail_are_one_notice(weekly):
    render, post = Faked(), Post()
    render.broken = {"cart": 3, "checkout": 3}
    assert run(weekly, hands(Clock(START), render, post)).exit_status == 1
    ((_, title, text),) = post.sent
    assert title == "weekly · 2026-W47: 2\u00a0reports did not come" and "cart" in text and "checkout" in text


def test_a_run_that_was_killed_while_it_sent_is_reported_though_the_next_one_is_killed_too(weekly):
    """Its message is settled only after the notice is recorded; the notice itself is told once."""
    post, clock = Post(), Clock(START)

    def killed(settings, recipient, message):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(weekly, hands(clock, send=killed))
    with pytest.raises(KeyboardInterrupt):
        run(weekly, hands(clock, send=killed))  # while it gives notice
    done = run(weekly, hands(clock, send=post))
    assert any("may or may not have got report · weekly · cart · 2026-W47 and 1 more" in one for one in done.problems)
    assert {one["outcome"] for one in told(weekly)} == {"unknown"} and not post.sent
    assert run(weekly, hands(clock, send=post)).exit_status == 0


@pytest.mark.parametrize(
    ("given", "said"),
    [("{ editon = 2024 }", "'editon' is no parameter (did you mean 'edition'?)"),
     ("{ edition = [1, 2] }", "parameter edition"), ("{ until = 2026-01-01 }", "is set by the schedule itself")],
)  # fmt: skip
def test_a_parameter_that_is_none_is_said_before_anything_runs(tmp_path, given, said):
    with pytest.raises(ConfigError) as caught:
        _checked(settings_in(tmp_path, WEEKLY + f"parameters = {given}\n"))
    assert said in str(caught.value) and "weekly" in str(caught.value)


def test_overlap_is_locked_out(weekly):
    inside = []

    def render(settings, wanted, say):
        with pytest.raises(lock.BusyError) as caught:
            run(settings, hands(Clock(START)))
        inside.append(caught.value.exit_status)
        return Faked()(settings, wanted, say)

    assert run(weekly, hands(Clock(START), render)).rendered == 2 and inside == [0]


def test_a_lease_on_a_bucket_belongs_to_one_machine_until_it_runs_out(tmp_path):
    store, clock = Store(tmp_path / "lab", latest=True), Clock(START)
    with lock._leased(store, clock, 0, lambda seconds: None) as keep:
        with pytest.raises(lock.BusyError), lock._leased(store, clock, 0, lambda seconds: None):
            pass
        clock.now += timedelta(minutes=50)
        keep()
        clock.now += timedelta(minutes=50)
        keep()
        clock.now += lock.LEASE
        with lock._leased(store, clock, 0, lambda seconds: None), pytest.raises(StoreError, match="took the schedule"):
            keep()


def test_a_removed_service_is_not_asked_for_again(weekly):
    render = Faked()
    render.broken["cart"] = 3
    run(weekly, hands(Clock(START), render))
    fewer = weekly.model_copy(update={"service": weekly.service[:1]})
    done = run(fewer, hands(Clock(START + timedelta(hours=2)), render))
    assert (done.rendered, done.exit_status) == (0, 0)
