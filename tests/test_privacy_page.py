"""docs/privacy.md names each stored field that tells of a person, and none that is not there."""

import re
from pathlib import Path

from devops_lab.tables import TABLES

PAGE = (Path(__file__).parent.parent / "docs" / "privacy.md").read_text("utf-8")
ALWAYS = {("actions", "login"), ("actions", "person")}  # kept whatever [privacy] says


def part(title: str) -> str:
    return PAGE.split(f"## {title}\n")[1].split("\n## ")[0]


def test_each_personal_field_has_a_row():
    said = set(re.findall(r"^\| `(\w+)\.(\w+)` \|", part("Each personal field"), re.MULTILINE))
    personal = {(table.name, column.name) for table in TABLES.values() for column in table.columns if column.personal}
    assert said == personal | ALWAYS
    assert all(TABLES[table].names for table, _ in said)


def test_each_text_that_people_typed_is_named():
    said = set()
    for tables, texts in re.findall(r"^\| (`.+?`) \| (`\w+`)", part("Text that people typed"), re.MULTILINE):
        said |= {(table, texts.strip("`")) for table in re.findall(r"`(\w+)`", tables)}
    assert said == {(table.name, column.name) for table in TABLES.values() for column in table.columns if column.free}
