"""docs/incidents.md and docs/deployments.md: each example gives the numbers that are worked out by hand here."""

import re
import tomllib
from pathlib import Path
from statistics import median

import pytest
from made_elsewhere import made_clone

import devops_lab as dl
from devops_lab.config.files import File

DOCS = Path(__file__).parent.parent / "docs"
FENCE = re.compile(r"^`([\w./-]+)`:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MARCH = {"since": "2026-03-01", "until": "2026-04-01"}
PAGES = {"incidents.md": ["PagerDuty", "Opsgenie", "Jira"], "deployments.md": ["Argo CD", "Vercel"]}


def part(page: str, title: str) -> str:
    return (DOCS / page).read_text("utf-8").split(f"\n## {title}\n")[1].split("\n## ")[0]


def examples(page: str, title: str) -> list[tuple[str, str]]:
    shared = part(page, "The examples") if page == "incidents.md" else ""
    return FENCE.findall(shared) + FENCE.findall(part(page, title))


class Lab:
    """A page's example, written to a folder with the clones it names, and synced."""

    def __init__(self, folder: Path, page: str, title: str, *tags: str) -> None:
        self.folder, self.text, self.said = folder, part(page, title), []
        (folder / "clones").mkdir()
        for service in ("checkout", "billing"):
            made_clone(folder / "clones" / service, *tags)
        for name, text in examples(page, title):
            place = folder / name
            place.parent.mkdir(exist_ok=True)
            with place.open("a", encoding="utf-8") as file:
                file.write(text + "\n" * (place.suffix == ".toml"))
        self.sync()

    def sync(self) -> None:
        self.store = dl.Store(self.folder / "lab")
        self.outcomes = dl.sync(self.store, dl.load(self.folder / "lab.toml"), say=self.said.append)
        assert [one.problem for one in self.outcomes] == [None] * len(self.outcomes)
        self.notes = [note for one in self.outcomes for note in one.notes]

    def rows(self, name: str, service: str = "checkout") -> dict:
        """id → value of the rows that count in March."""
        found = dl.metrics.find(name).observations(self.store, service=service, **MARCH)
        found = found[found["excluded"].isna()]
        return dict(zip(found["id"], found["value"], strict=True))

    def left_out(self, name: str, service: str = "checkout") -> dict:
        found = dl.metrics.find(name).observations(self.store, service=service, **MARCH)
        found = found[found["excluded"].notna()]
        return dict(zip(found["id"], found["excluded"], strict=True))

    def value(self, name: str, service: str = "checkout") -> float:
        [row] = dl.metrics.find(name).window(self.store, service=service, **MARCH).to_dict("records")
        return row["value"]

    def gives(self, failed: int, deployments: int, hours: list[float], service: str = "checkout") -> None:
        """The two numbers are those worked out by hand, in the rows, in the sum, and as the page tells them."""
        rate, recovery = self.rows("change_fail_rate", service), self.rows("failed_deployment_recovery_time", service)
        assert (sum(rate.values()), len(rate)) == (failed, deployments)
        assert sorted(recovery.values()) == hours
        assert self.value("change_fail_rate", service) == pytest.approx(failed / deployments)
        assert self.value("failed_deployment_recovery_time", service) == pytest.approx(median(hours))
        told = f"{service}: change fail rate {failed} of {deployments}, recovery time {median(hours):g} h"
        assert told in re.sub(r"\s+", " ", self.text)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The lab of an example, made once."""
    labs = {}

    def of(title: str) -> Lab:
        if title not in labs:
            page = next(page for page, titles in PAGES.items() if title in titles)
            labs[title] = Lab(tmp_path_factory.mktemp("elsewhere"), page, title)
        return labs[title]

    return of


def test_pagerduty(made):
    """101: deployed 9 March 10:00, over at 14:00+01:00 = 13:00: 3 h.  102: deployed 16 March 10:00, over at 11:00: 1 h.

    103 is billing's, 8 days after billing was deployed, 104 is of low urgency, 105 is nobody's.
    """
    lab = made("PagerDuty")
    lab.gives(2, 4, [1, 3])
    assert lab.rows("change_fail_rate") == {"1001-1": 0, "1002-1": 1, "1003-1": 1, "1004-1": 0}
    assert lab.rows("change_fail_rate", "billing") == {"1005-1": 0}
    assert lab.left_out("change_fail_rate", "billing") == {"incident:Q2A1B2C3D4E5F6": "unattributed"}
    [note] = lab.notes
    assert "pagerduty-2026-03.csv: 1 row is of no service of lab.toml: 'Legacy Mail' (1)" in note


def test_opsgenie(made):
    """12: 9 March 10:00 to 12:30: 2.5 h.  13: 16 March 10:00 to 14:30: 4.5 h; billing, from 9:00: 5.5 h.

    14 is the provider's doing.
    """
    lab = made("Opsgenie")
    lab.gives(2, 4, [2.5, 4.5])
    lab.gives(1, 1, [5.5], "billing")
    assert lab.left_out("change_fail_rate") == {"incident:9d3f7a10-5c1e-4b60-9a55-0f6d2b7c8e21": "not a change"}
    assert lab.notes == []


def test_jira(made):
    """OPS-41: 9 March 10:00 to 15:00 in Berlin = 14:00: 4 h.  OPS-42 names v1.6.0 of 16 March 10:00, to 18 March
    11:00 in Berlin = 10:00: 48 h; without its name nobody would be charged, two days later."""
    lab = made("Jira")
    lab.gives(2, 4, [4, 48])
    assert lab.left_out("change_fail_rate") == {"incident:OPS-43": "not a change", "incident:OPS-44": "duplicate"}
    grades = {row["incident_id"]: row["grade"] for row in lab.store.rows("select * from failures")}
    assert (grades["OPS-41"], grades["OPS-42"], "OPS-45" in grades) == ("window", "link", False)
    assert lab.notes == []  # Search is no service, but the incident has one


def test_argo_cd(made):
    """INC-7: 9 March 10:00 to 12:00: 2 h.  What was deployed 16 March 10:00 was rolled back at 11:30: 1.5 h."""
    lab = made("Argo CD")
    lab.gives(2, 4, [1.5, 2])
    assert lab.rows("change_fail_rate") == {"0": 0, "1": 1, "2": 1, "3": 0}
    assert lab.rows("rollback_rate") == {"0": 0, "1": 0, "2": 0, "3": 1}
    assert lab.rows("change_fail_rate", "billing") == {"0": 0}


def test_vercel(made):
    """INC-8 and INC-9 are of the deployment that was ready on 16 March 10:00; the last was over at 12:15: 2.25 h."""
    lab = made("Vercel")
    lab.gives(1, 3, [2.25])
    assert lab.value("deployment_success_rate") == pytest.approx(3 / 4)
    assert lab.left_out("change_fail_rate") == {"dpl_2qVk9pU6dBkf": "unsuccessful"}
    assert "3 of 4" in lab.text


CARRIED = {"PagerDuty": [1, 1, 2, 2], "Opsgenie": [1, 1, 2, 2], "Jira": [1, 1, 2, 2], "Argo CD": [1, 1, 2]}
CARRIED["Vercel"] = [1, 3, 2]  # v1.5.0 was not built, so v1.6.0 carried it too


@pytest.mark.parametrize("title", CARRIED)
def test_each_deployment_means_the_commit_it_names(made, title):
    """Sha, shortened sha, version and tag: of six commits, tagged after the 1st, 2nd, 4th and 6th."""
    lab = made(title)
    carried = lab.store.rows(
        "select d.finished_at, count(*) as n from changes c join deployments d on d.id = c.deployment_id "
        "and d.service = c.service where c.service = 'checkout' group by d.finished_at order by d.finished_at"
    )
    assert [row["n"] for row in carried] == CARRIED[title]
    assert not [text for text in lab.said if "no one commit" in text]


def test_a_sync_again_changes_nothing(made):
    lab = made("Opsgenie")
    lab.sync()
    written = [one.rows for one in lab.outcomes if one.source == "file"]
    assert len(written) == 4
    assert [(one.inserted, one.updated) for one in written] == [(0, 0)] * 4


def test_a_corrected_name_takes_the_row_to_its_service(tmp_path):
    """Search's incident was checkout's by mistake: once the rule knows, checkout has it no more."""
    lab = Lab(tmp_path, "incidents.md", "PagerDuty")
    assert lab.rows("incident_count").keys() == {"Q0A1B2C3D4E5F6", "Q1A1B2C3D4E5F6"}
    rule = lab.folder / "lab.toml"
    rule.write_text(rule.read_text().replace('["Checkout API", "Checkout Worker"]', '["Checkout API"]'))
    rule.write_text(rule.read_text() + 'billing = ["Billing", "Checkout Worker"]\n')
    lab.sync()
    assert lab.rows("incident_count").keys() == {"Q0A1B2C3D4E5F6"}
    assert lab.rows("incident_count", "billing").keys() == {"Q1A1B2C3D4E5F6", "Q2A1B2C3D4E5F6"}


def test_a_row_that_vanishes_stays(tmp_path):
    lab = Lab(tmp_path, "incidents.md", "PagerDuty")
    export = lab.folder / "incidents" / "pagerduty-2026-03.csv"
    lines = export.read_text().splitlines(keepends=True)
    export.write_text(lines[0] + lines[2].replace("12:00:00+01:00", "13:00:00+01:00"))
    lab.sync()
    assert sorted(lab.rows("failed_deployment_recovery_time").values()) == [2, 3]  # 102: over at 12:00 now


def test_what_names_no_commit_is_said(tmp_path):
    lab = Lab(tmp_path, "incidents.md", "PagerDuty", "checkout/v1.6.0")
    [said] = [text for text in lab.said if "no one commit" in text and "'checkout'" in text]
    assert "name no one commit that is known of checkout (1)" in said
    assert "'1003-1' (1.6.0)" in said


def test_every_setting_of_the_rule_is_told():
    """The page's table names each setting; what only deployments have is told on theirs."""
    told = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`[^|]+) \|", part("incidents.md", "The rule"), re.M))))
    told |= {name for name in ("environments", "rollbacks") if name in (DOCS / "deployments.md").read_text("utf-8")}
    assert told | {"kind"} >= set(File.model_fields)


def test_the_rules_for_recorded_files_are_settings():
    for page in PAGES:
        rules = re.findall(r"^The rule for it: `(.+)`", (DOCS / page).read_text("utf-8"), re.MULTILINE)
        assert rules
        for rule in rules:
            [said] = tomllib.loads(rule).values()
            assert File.model_validate(said).path
