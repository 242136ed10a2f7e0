"""Hostile and personal text from outside, from the API to the report: inert, and nobody's name or address in it."""

import csv
import gzip
import json
import re
from datetime import datetime
from pathlib import Path

import pytest

from devops_lab import metrics
from devops_lab import sync as lab_sync
from devops_lab.archive import export_tables
from devops_lab.config import settings
from devops_lab.exchange import import_rows
from devops_lab.reports import report
from devops_lab.store import Store

HOSTILE = ("<script>alert(1)</script>", "=cmd()", "'; drop table tags; --", "a\x00b\x1b[31m", "$service {{ 7*7 }} %s")
EVER = datetime(2010, 1, 1)


@pytest.fixture
def lab(tmp_path):
    (tmp_path / "lab.toml").write_text(
        '[[service]]\nname = "s"\nrepository = "acme/s"\ndeployment = { from = "tags", tags = ["**"] }\n'
    )
    service = {"name": "s", "repository": "acme/s", "deployment": {"from": "tags", "tags": ["**"]}}
    return settings({"service": [service]}, tmp_path / "lab.toml")


def test_hostile_titles_labels_and_tags_are_only_text(tmp_path, lab, store):
    from devops_lab.delivery import describe
    from devops_lab.sync import derive

    moment = datetime(2026, 5, 1)
    shas = [f"{place:040x}" for place in range(1, len(HOSTILE) + 1)]
    store.replace("services", describe(lab))
    store.write(
        "commits",
        [
            {"repository": "acme/s", "sha": sha, "parents": parent, "authored_at": moment, "is_bot": False,
             "committed_at": moment.replace(day=place), "subject": text}
            for place, (sha, parent, text) in enumerate(zip(shas, ["", *shas], HOSTILE, strict=False), 1)
        ],
        "github",
    )  # fmt: skip
    tagged = zip(HOSTILE, shas, range(1, 9), strict=False)
    store.write(
        "tags",
        [{"repository": "acme/s", "tag": text, "sha": sha, "annotated": True, "tagged_at": moment.replace(day=day)}
         for text, sha, day in tagged],
        "github",
    )  # fmt: skip
    store.write(
        "issue_labels",
        [{"repository": "acme/s", "number": 1, "label": text, "is_pull_request": False} for text in HOSTILE],
        "github",
    )
    derive(store, lab, datetime(2026, 6, 1))
    found = Store(store.path)
    assert {row["ref"] for row in found.deployments.rows()} == set(HOSTILE)
    assert metrics.deployment_frequency.window(found, last="60 days")["n"].sum() == len(HOSTILE)
    for text in HOSTILE:
        rows = found.rows("select count(*) as n from issue_labels where label = $label", label=text)
        assert rows == [{"n": 1}]
    assert len(found.tags.rows()) == len(HOSTILE)
    export_tables(found, tmp_path / "csv", "csv")
    for path in (tmp_path / "csv").glob("*.csv"):
        with path.open(newline="") as file:
            cells = [cell for row in list(csv.reader(file))[1:] for cell in row]
        assert not [cell for cell in cells if re.match(r"[=+@\t\r]|-(?!\d)", cell)], path
    written = import_rows(found, lab, "tags", tmp_path / "csv" / "tags.csv")
    assert (written.inserted, written.updated) == (0, 0)


@pytest.mark.server
def test_no_login_and_no_address_of_a_person_in_store_notebook_and_report(tmp_path, lab_data, replay, monkeypatch):
    url = replay()
    text = (
        f'[lab]\nlast = "all"\n[github]\nurl = "{url}"\n[[service]]\nname = "ants"\nrepository = "panjf2000/ants"\n'
        'deployment = { from = "merges" }\nincident = { from = "issues", labels = ["bug"] }\n'
    )
    (tmp_path / "lab.toml").write_text(text)
    monkeypatch.chdir(tmp_path)
    from devops_lab.config import load

    store = Store(tmp_path / "lab")
    lab_sync(store, load("lab.toml"), since=EVER)
    page = report("report_dora", config="lab.toml", last="all")
    recorded = gzip.decompress((lab_data / "github-replay" / "ants.json.gz").read_bytes()).decode()
    logins = set(re.findall(r'"login": ?"([^"]+)"', recorded)) - {"panjf2000"}
    logins = {login for login in logins if len(login) > 4 and not login.endswith("[bot]") and login not in BOTS}
    assert len(logins) > 20
    library = re.compile(r"<script[^>]*>[^<]*plotly\.js v.*?</script>", re.DOTALL)  # its authors sign it
    shown = {"page": library.sub("", page.read_text()), "notebook": page.with_suffix(".ipynb").read_text()}
    shown["store"] = json.dumps([vars_of(store, name) for name in ("commits", "pull_requests", "issues", "reviews")])
    for where, said in shown.items():
        people = re.sub(r"https?://[^\s\"<>]+", "", said)
        assert "author" in people or where != "store"
        assert not [login for login in logins if re.search(rf"(?<![\w-]){re.escape(login)}(?![\w-])", people)], where
        addresses = re.findall(r"[\w.+-]+@[\w-]+\.[a-z]{2,}", people)
        assert not addresses, (where, addresses[:5])


BOTS = {"codecov-commenter", "dependabot", "web-flow", "github-actions"}


def vars_of(store: Store, name: str) -> list[dict]:
    return json.loads(json.dumps(getattr(store, name).rows(), default=str))


def test_no_path_of_this_machine_in_a_receipt(tmp_path, lab, store):
    from devops_lab.metrics.receipt import receipt

    found = receipt(metrics.deployment_frequency, store, last="90 days")
    assert str(tmp_path) not in json.dumps(found, default=str)
    assert str(Path.home()) not in json.dumps(found, default=str)
