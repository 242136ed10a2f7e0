"""Numbers that change: the definition names version and change, the changelog lists it, a page across it says so."""

import dataclasses
import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from made_lab import NOW, lab

from devops_lab import metrics
from devops_lab.errors import ConfigError
from devops_lab.metrics.upgrades import Upgrade, changed, later, upgrades
from devops_lab.reports import question, tiles
from devops_lab.store import Store

CHANGELOG = Path(__file__).parents[1] / "CHANGELOG.md"
SQL = """-- mine
-- Days, of something.
-- unit: days | statistic: median{changed}
select service, repository, finished_at as occurred_at, 1 as value, id from deployments
"""


def own(folder, changed=""):
    (folder / "mine.sql").write_text(SQL.format(changed=changed))
    return metrics.load(folder)[0]


def test_a_definition_says_since_when_it_counts_otherwise(tmp_path):
    assert own(tmp_path).changed is None
    assert own(tmp_path, " | changed: 0.2.0 failed ones count").changed == ("0.2.0", "failed ones count")


@pytest.mark.parametrize("said", ["soon", "0.2.0", "v0.2 failed ones count"])
def test_a_change_without_version_or_words_is_refused(tmp_path, said):
    with pytest.raises(ConfigError, match="write the version and what changed"):
        own(tmp_path, f" | changed: {said}")


@pytest.mark.parametrize(
    ("one", "other", "answer"),
    [("0.10.0", "0.9.2", True), ("0.2.0", "0.2", False), ("1.0", "0.99.9", True), ("0.2.0.dev3", "0.2.0", False)],
)
def test_versions_are_numbers_not_texts(one, other, answer):
    assert later(one, other) is answer


def test_only_what_changed_between_the_two_versions_is_told(tmp_path):
    one = own(tmp_path, " | changed: 0.2.0 failed ones count")
    assert changed([one], "0.1.0", "0.2.0") == [(one, "failed ones count")]
    assert changed([one], "0.1.0", "0.3.0") == [(one, "failed ones count")]
    assert changed([one], "0.2.0", "0.3.0") == [] == changed([one], "0.1.0", "0.1.5")


def upgraded(tmp_path, when: datetime) -> Store:
    """A store whose snapshots are of 0.0.1 until `when`, then of 0.2.0."""
    store = lab(tmp_path)
    writer = Store(store.path, latest=True)
    rows = writer.rows("select * from snapshots")
    writer.replace("snapshots", [])
    for version, moment in (("0.0.1", when - timedelta(days=7)), ("0.2.0", when), ("0.2.0", when + timedelta(days=1))):
        writer.write("snapshots", [row | {"snapshot": moment.isoformat(timespec="microseconds"), "as_of": NOW,
                                          "lab_version": version} for row in rows], source="delivery")  # fmt: skip
    return Store(store.path)


def test_a_store_tells_when_it_met_a_later_version(tmp_path):
    when = datetime(2026, 10, 5, 7)
    assert upgrades(upgraded(tmp_path, when)) == [Upgrade(when, "0.0.1", "0.2.0")]
    (tmp_path / "other").mkdir()
    assert upgrades(lab(tmp_path / "other")) == []


@pytest.mark.parametrize(("days", "told"), [(30, True), (400, False)])
def test_a_page_across_an_upgrade_says_what_counts_otherwise(tmp_path, monkeypatch, days, told):
    upgraded(tmp_path, NOW - timedelta(days=days))
    monkeypatch.chdir(tmp_path)
    known = [
        dataclasses.replace(one, changed=("0.2.0", "<b>incidents</b> count once"))
        if one.name == "change_fail_rate" else one
        for one in metrics.catalogue()
    ]  # fmt: skip
    monkeypatch.setattr(metrics, "catalogue", lambda folder=None: known)
    page = tiles.top(question.ask(last="90 days"))
    said = "this lab is 0.2.0. What earlier pages counted otherwise: change fail rate: <b>incidents</b> count once."
    assert (said in page.text) is told
    assert ("lab-upgrade" in page.html) is told and "<b>incidents" not in page.html


def test_the_changelog_lists_each_number_that_changed():
    """Every section has a list of them; a definition that counts otherwise is named there with its version."""
    sections = re.split(r"^## ", CHANGELOG.read_text("utf-8"), flags=re.MULTILINE)[1:]
    assert sections and all("### Numbers that change" in section for section in sections)
    told = {
        name: section.split()[0]
        for section in sections
        for name in re.findall(r"`(\w+)`", section.partition("### Numbers that change")[2].partition("###")[0])
    }
    for metric in metrics.catalogue():
        if metric.changed is not None:
            assert told.get(metric.name) in (metric.changed[0], "Unreleased"), metric.name
