"""Messages: what they say, the ways they go, that each is sent once, and that no address is ever shown."""

import http.server
import logging
import os
import socket
import threading
import time
from contextlib import contextmanager
from datetime import timedelta

import pytest
from made_github import NAME, driven_organisation
from made_schedule import METRICS, START, Clock, facts, hands, mail_server, settings_in
from test_practice_server import github_of

from devops_lab.config import Recipient
from devops_lab.errors import AccessError, ConfigError
from devops_lab.reports.schedule.running import run
from devops_lab.reports.sending import apprised, telling, ways
from devops_lab.reports.sending.address import Address, address_of
from devops_lab.reports.sending.message import Message, Part, Row, escaped
from devops_lab.reports.sending.outbox import Outbox, Told
from devops_lab.store import Store

HOSTILE = "<script>alert(1)</script>\r\nBcc: x@example.org **b** @everyone"
SECRET = "s3cr3t-pa55"
pytestmark = pytest.mark.server


def message(*files, subject="Weekly"):
    return Message(subject, [Part("checkout", ["Faster."], [Row("Change lead time", "3.2 days", "n = 41")])], files)


# ---------------------------------------------------------------- what it says


def test_five_values_with_units_n_and_what_changed():
    said = [telling.row(one) for one in METRICS]
    assert [one.value for one in said] == ["3.2\u00a0days", "2 a\u00a0week", "50\u00a0%"]
    assert said[0].note == "1.8\u00a0days faster; n = 41; 95 %: 2.5–3.8\u00a0days"
    assert said[1].note.startswith("no clear change; n = 2") and said[2].note.startswith("too few to say more")


def test_hostile_text_is_text_in_every_form():
    said = Message(HOSTILE, [Part(HOSTILE, [HOSTILE], [Row(HOSTILE, "1", HOSTILE)])])
    assert "\n" not in said.title and "\r" not in said.title
    assert "<script" not in said.body("html") and "&lt;script&gt;" in said.body("html")
    assert "<script" not in said.body("markdown") and "@everyone" not in said.body("markdown")
    assert "**b**" not in said.body("markdown") and escaped("a_b|c") == r"a\_b\|c"


def test_of_many_reports_those_that_changed_are_told(tmp_path):
    told = [telling.Told(f"s{number:02}", tmp_path / f"{number}.html", METRICS[1:]) for number in range(49)]
    told.append(telling.Told("zebra", tmp_path / "zebra.html", METRICS))
    said = telling.reports("weekly", "2026-W47", told, Recipient(name="m", url_env="X"))
    assert said.title == "weekly · 50\u00a0reports · 2026-W47: changes at zebra"
    assert [part.heading for part in said.parts] == ["zebra", "", ""]
    assert said.parts[1].lines == ["49\u00a0more reports: no clear change, or too few to say."]


def test_what_is_too_much_to_attach_is_linked(tmp_path, monkeypatch):
    (tmp_path / "a.html").write_text("x" * 100)
    told = [telling.Told("a", tmp_path / "a.html", METRICS)]
    linked = Recipient(name="m", url_env="X", link="https://example.org/reports/")
    assert telling.reports("w", "2026-W47", told, linked).files == [tmp_path / "a.html"]
    monkeypatch.setattr(telling, "MOST_BYTES", 99)
    said = telling.reports("w", "2026-W47", told, linked)
    assert not said.files and said.parts[0].link == "https://example.org/reports/a.html"
    assert 'href="https://example.org/reports/a.html">The whole report<' in said.body("html")
    said = telling.reports("w", "2026-W47", told, Recipient(name="m", url_env="X"))
    assert said.parts[-1].lines == ["Not attached, but in the folder reports: a.html"]


# ---------------------------------------------------------------- addresses


def test_an_address_is_named_not_written(tmp_path, monkeypatch):
    with pytest.raises(ConfigError, match="exactly one way"):
        settings_in(tmp_path, '[[recipient]]\nname = "m"\n')
    (tmp_path / "address").write_text(f"mailtos://u:{SECRET}@example.org\n")
    settings = settings_in(
        tmp_path, '[[recipient]]\nname = "m"\nurl_file = "address"\n[[recipient]]\nname = "e"\nurl_env = "LAB_X"\n'
    )
    file, environment = settings.recipient
    assert address_of(settings, file).reveal().endswith(f"{SECRET}@example.org")
    assert SECRET not in f"{address_of(settings, file)!r} {address_of(settings, file)}"
    with pytest.raises(AccessError, match="the environment variable LAB_X is not set"):
        address_of(settings, environment)
    monkeypatch.setenv("LAB_X", f"slack://{SECRET} mailto://b")
    with pytest.raises(AccessError, match="holds 2 addresses") as caught:
        address_of(settings, environment)
    assert SECRET not in str(caught.value)


# ---------------------------------------------------------------- the ways, and what became of a message


def test_a_letter_has_a_subject_text_html_and_the_report(tmp_path):
    (tmp_path / "r.html").write_text("<h1>report</h1>", "utf-8")
    with mail_server() as (url, letters):
        assert apprised.send(Address(url, "here"), message(tmp_path / "r.html")).outcome == "sent"
    (letter,) = letters.taken
    assert letter["subject"] == "Weekly" and letter["to"] == "team@example.org"
    parts = {
        part.get_content_type(): part for part in letter.walk() if not part.is_multipart() and not part.get_filename()
    }
    assert (
        "3.2 days (n = 41)" in parts["text/plain"].get_content()
        and "<b>3.2 days</b>" in parts["text/html"].get_content()
    )
    assert [part.get_filename() for part in letter.iter_attachments()] == ["r.html"]


class Refusing:
    """A mail server that refuses; "after" takes a letter whole and then is gone."""

    def __init__(self, answer: str) -> None:
        self.answer = answer

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802 - aiosmtpd's name
        if self.answer == "550":
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - aiosmtpd's name
        if self.answer == "after":
            server.transport.abort()
        return "554 no" if self.answer == "554" else "250 OK"


@pytest.mark.parametrize(("answer", "outcome"), [("550", "failed"), ("554", "failed"), ("after", "unknown")])
def test_what_a_mail_server_refused_failed_and_a_lost_answer_is_unknown(answer, outcome, caplog):
    with mail_server(Refusing(answer)) as (url, _):
        fate = apprised.send(Address(url, "here"), message())
    assert fate.outcome == outcome, fate
    assert "127.0.0.1" not in str(fate) and "team@example.org" not in str(fate)
    assert not [one for one in caplog.records if "example.org" in one.getMessage()]


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def answering(status: int):
    """A chat server that answers everything with one status; 0: it hangs up after reading."""
    taken = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            taken.append(self.rfile.read(int(self.headers["content-length"])))
            if status:
                self.send_response(status)
                self.end_headers()

        def log_message(self, *arguments):
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"json://lab:{SECRET}@127.0.0.1:{server.server_port}/{SECRET}", taken
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "outcome"), [(200, "sent"), (403, "failed"), (404, "failed"), (502, "unknown"), (0, "unknown")]
)
def test_what_became_of_a_message_to_a_chat(status, outcome, caplog):
    with answering(status) as (url, taken), caplog.at_level(logging.DEBUG):
        fate = apprised.send(Address(url, "here"), message())
    assert fate.outcome == outcome and len(taken) == 1
    assert SECRET not in str(fate) and not [one for one in caplog.records if SECRET in one.getMessage()]


def test_a_server_that_is_down_and_an_address_that_is_none_failed():
    assert apprised.send(Address(f"json://127.0.0.1:{free_port()}", "here"), message()).outcome == "failed"
    down = f"mailto://127.0.0.1:{free_port()}/a@example.org?from=b@example.org"
    assert apprised.send(Address(down, "here"), message()).outcome == "failed"
    fate = apprised.send(Address(f"nonsense://{SECRET}", "the environment variable X"), message())
    assert fate.outcome == "failed" and "X holds no address" in str(fate.problem) and SECRET not in str(fate)


def test_a_folder_and_a_step_summary(tmp_path, monkeypatch):
    settings = settings_in(
        tmp_path,
        '[[recipient]]\nname = "f"\nfolder = "out"\n[[recipient]]\nname = "s"\nstep_summary = true\n'
        '[[recipient]]\nname = "full"\nfolder = "/dev/full/x"\n',
    )
    folder, summary, full = settings.recipient
    (tmp_path / "r.html").write_text("report", "utf-8")
    assert ways.send(settings, folder, message(tmp_path / "r.html")).outcome == "sent"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["Weekly.txt", "r.html"]
    for name, hours in (("old", 25), ("young", 1)):  # of runs that were killed
        (tmp_path / "out" / f".sending-{name}").mkdir()
        os.utime(tmp_path / "out" / f".sending-{name}", (time.time() - hours * 3600,) * 2)
    ways.send(settings, folder, message())
    assert [path.name for path in (tmp_path / "out").glob(".sending-*")] == [".sending-young"]
    assert ways.send(settings, summary, message()).problem.startswith("GITHUB_STEP_SUMMARY is not set")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    assert ways.send(settings, summary, message()).outcome == "sent"
    assert "- Change lead time: **3.2 days** (n = 41)" in (tmp_path / "summary.md").read_text("utf-8")
    assert ways.send(settings, full, message()).outcome == "failed"


def test_a_comment_on_an_issue(tmp_path, monkeypatch):
    world, driver = driven_organisation()
    with github_of(world, pipelines=driver) as server:
        number = next(iter(world.repositories[NAME].objects["issues"]))["number"]
        text = f'[[recipient]]\nname = "i"\nissue = "{NAME}#{number}"\n'
        practice = f'[github]\nurl = "{server.base}"\n[practice]\nuntil = 2026-01-01\n'
        settings = settings_in(tmp_path, practice + text)
        assert ways.send(settings, settings.recipient[0], message()).outcome == "sent"
        missing = settings_in(tmp_path, practice + text.replace(f"#{number}", "#999999"))
        assert ways.send(missing, missing.recipient[0], message()).outcome == "failed"
        quiet = settings_in(tmp_path, practice + "[actions]\nread_only = true\n" + text)
        assert "read_only" in str(ways.send(quiet, quiet.recipient[0], message()).problem)


# ---------------------------------------------------------------- the outbox


def test_a_message_is_recorded_before_it_is_sent(tmp_path):
    settings = settings_in(tmp_path, '[[recipient]]\nname = "f"\nfolder = "out"\n')
    store, clock, seen = Store(tmp_path / "lab", latest=True), Clock(START), []

    def send(settings, recipient, given):
        seen.append(store.rows("select outcome, settled_at from deliveries"))
        raise KeyboardInterrupt

    told = [Told("report", "report · w · a · 2026-W47")]
    with pytest.raises(KeyboardInterrupt):
        Outbox(store, clock, send).deliver(settings, settings.recipient[0], message(), told)
    assert seen == [[{"outcome": "sending", "settled_at": None}]]
    after = Outbox(store, clock, send)
    ((row,),) = after.left()
    after.settle([row], apprised.Fate(apprised.UNKNOWN, "killed"))
    assert row["about"] == told[0].about and not after.left()
    clock.now += timedelta(days=400)
    assert not after.outstanding("f", told)


def test_a_real_letter_from_a_run_and_no_second_one(tmp_path, monkeypatch):
    facts(tmp_path)
    settings = settings_in(
        tmp_path,
        '[[recipient]]\nname = "mail"\nurl_env = "LAB_MAIL_URL"\n[[schedule]]\nname = "weekly"\ncron = "0 7 * * 1"\n'
        'recipients = ["mail"]\nsync = false\n',
    )
    with mail_server() as (url, letters):
        monkeypatch.setenv("LAB_MAIL_URL", url)
        assert run(settings, hands(Clock(START), send=ways.send)).sent == 1
        assert run(settings, hands(Clock(START + timedelta(minutes=5)), send=ways.send)).sent == 0
    (letter,) = letters.taken
    assert letter["subject"] == "weekly · all services · 2026-W47: Changes reach production faster"
    assert [part.get_filename() for part in letter.iter_attachments()] == ["report-weekly--2026-W47.html"]
