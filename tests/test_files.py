import json
from datetime import UTC, datetime, timedelta, timezone

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from devops_lab import config
from devops_lab.errors import AccessError, RowError
from devops_lab.rows import checked, defused
from devops_lab.sources.files import Files, paths, read_rows
from devops_lab.tables import TABLES

INCIDENTS, REPORTED = TABLES["incidents"], TABLES["reported_deployments"]
UNTIL = datetime(2026, 6, 1)
NOON = datetime(2026, 1, 31, 12)


def incidents(path, columns=None):
    return read_rows(path, INCIDENTS, columns, {"service": "checkout"})


def written(path, text):
    path.write_text(text, "utf-8")
    return path


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-31T12:00:00",
        "2026-01-31 12:00",
        "2026-01-31T12:00:00Z",
        "2026-01-31T13:00:00+01:00",
        "2026-01-31T06:30:00.000-05:30",
        "1769860800",
        "1769860800.000",
    ],
)
def test_a_date_is_iso_with_or_without_offset_or_seconds(tmp_path, text):
    path = written(tmp_path / "a.csv", f"id,started_at\n1,{text}\n")
    assert incidents(path) == [{"service": "checkout", "id": "1", "started_at": NOON}]


def test_a_wrong_date_in_row_7_names_file_row_column_and_value(tmp_path):
    lines = ["id,started_at", *(f"{number},2026-01-0{number}" for number in range(1, 7)), "7,soon", "8,2026-01-08"]
    path = written(tmp_path / "incidents.csv", "\n".join(lines))
    with pytest.raises(RowError) as raised:
        incidents(path)
    (problem,) = raised.value.problems
    assert problem == (
        "incidents.csv, row 7 (line 8), column started_at: 'soon' is no date; write a date such as "
        "2026-01-31T12:00:00+00:00, or seconds since 1970"
    )
    assert "nothing was written" in str(raised.value)


def test_all_problems_are_named_ten_are_shown(tmp_path):
    path = written(tmp_path / "a.csv", "id,started_at,not_a_change\n" + "1,never,perhaps\n" * 6 + ",1769860800,\n")
    with pytest.raises(RowError) as raised:
        incidents(path)
    assert len(raised.value.problems) == 13
    assert raised.value.problems[-1] == "a.csv, row 7 (line 8), column id: is empty; text is needed"
    assert "column not_a_change: 'perhaps' is no boolean; write true or false" in raised.value.problems[1]
    assert str(raised.value).count("\n") == 11
    assert "and 3 more" in str(raised.value)


def test_milliseconds_are_not_taken_for_seconds(tmp_path):
    path = written(tmp_path / "a.csv", "id,started_at\n1,1769860800000\n")
    with pytest.raises(RowError, match="is no date"):
        incidents(path)
    path = written(tmp_path / "a.json", '[{"id": 1, "started_at": 1769860800000}]')
    with pytest.raises(RowError, match="milliseconds are divided by 1000"):
        incidents(path)


def test_columns_are_mapped_and_others_ignored(tmp_path):
    path = written(tmp_path / "a.csv", "Key;Opened;Colour\nINC-1;2026-01-31 12:00;red\n")
    assert incidents(path, {"id": "Key", "started_at": "Opened"}) == [
        {"service": "checkout", "id": "INC-1", "started_at": NOON}
    ]


def test_missing_columns_are_said_all_at_once(tmp_path):
    path = written(tmp_path / "a.csv", "Key,Opened\n1,2026-01-31\n")
    with pytest.raises(RowError) as raised:
        incidents(path, {"started_at": "Start", "begun_at": "Opened"})
    first, second, third = raised.value.problems
    assert "'begun_at', which incidents does not have" in first
    assert "the column 'id' is missing" in second
    assert "columns: Key, Opened" in second
    assert "no column 'Start' for started_at" in third


def test_types_are_those_of_the_table(tmp_path):
    path = written(
        tmp_path / "a.csv", "repository,number,title,state,is_bot,created_at\na/b, 12 ,x,open,yes,2026-01-31\n"
    )
    assert read_rows(path, TABLES["issues"]) == [
        {
            "repository": "a/b",
            "number": 12,
            "title": "x",
            "state": "open",
            "is_bot": True,
            "created_at": datetime(2026, 1, 31),
        }
    ]


def test_json_lines_and_parquet_give_the_same_rows(tmp_path):
    expected = [{"service": "checkout", "id": "7", "started_at": NOON, "not_a_change": True, "caused_by": "#1 #2"}]
    row = {"id": 7, "started_at": 1769860800, "not_a_change": True, "caused_by": ["#1", "#2"], "more": {"a": 1}}
    assert incidents(written(tmp_path / "a.json", json.dumps([row]))) == expected
    assert incidents(written(tmp_path / "a.jsonl", json.dumps(row) + "\n\n")) == expected
    at = NOON.replace(tzinfo=UTC).astimezone(timezone(timedelta(hours=3)))
    columns = {
        "id": pa.array([7]),
        "started_at": pa.array([at], pa.timestamp("ns", "Europe/Berlin")),
        "not_a_change": [True],
        "caused_by": ["#1 #2"],
        "title": pa.array([None], pa.string()),
    }
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    assert incidents(tmp_path / "a.parquet") == [{**expected[0], "title": None}]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.json", '{"id": 1}', "a list of objects is needed"),
        ("a.json", "[1]", "a list of objects is needed"),
        ("a.json", "[{]", "Expecting property name"),
        ("a.csv", 'id,started_at\n"1,2026-01-31\n', "unexpected end of data"),
        ("a.csv", "", "the column 'id' is missing"),
        ("a.parquet", "no parquet", "Parquet"),
    ],
)
def test_files_that_cannot_be_read_are_named(tmp_path, name, text, said):
    with pytest.raises(RowError, match=said) as raised:
        incidents(written(tmp_path / name, text))
    assert name in str(raised.value)


def test_bytes_that_are_no_utf_8_are_said(tmp_path):
    (tmp_path / "a.csv").write_bytes("id,started_at,title\n1,2026-01-31,größer\n".encode("latin-1"))
    with pytest.raises(RowError, match="save the file as UTF-8"):
        incidents(tmp_path / "a.csv")


def test_a_byte_order_mark_and_quoted_lines_are_no_trouble(tmp_path):
    path = written(tmp_path / "a.csv", '\ufeffid,started_at,title\n1,2026-01-31 12:00,"two\nlines, quoted"\n2,x,\n')
    with pytest.raises(RowError, match=r"row 2 \(line 4\), column started_at"):
        incidents(path)


@pytest.mark.parametrize("name", ["a.xlsx", "none.csv"])
def test_other_kinds_and_missing_files_are_said(tmp_path, name):
    with pytest.raises(AccessError, match=name):
        incidents(tmp_path / name)


@pytest.mark.parametrize("text", ["=cmd()", "+1", "-1", "@x", "'=x", "''@x", "plain", "'plain", "a=b", ""])
def test_formula_cells_are_defused_and_come_back(tmp_path, text):
    safe = defused(text)
    assert not safe.startswith(("=", "+", "-", "@"))
    path = written(tmp_path / "a.csv", f'id,started_at,title\n1,2026-01-31,"{safe}"\n')
    assert incidents(path)[0]["title"] == (text or None)


def files(folder, table, path, columns=None, **more):
    """The source of one rule about one file or pattern."""
    said = {key: more.pop(key) for key in ("known", "elsewhere") if key in more}
    rule = config.File.model_validate({"from": "file", "path": path, "columns": columns or {}, **more})
    return Files(folder, "checkout", table, [rule], **said)


def pulled(source):
    batches = dict(source.pull(None, UNTIL))
    for name, rows in batches.items():
        fits = [row | {"recorded_at": UNTIL} for row in rows] if name == "sync_ledger" else rows
        checked(TABLES[name], fits, UNTIL, "file")
    return batches


def test_files_of_a_pattern_are_one_table_and_the_later_row_stays(tmp_path):
    folder = tmp_path / "a [lab]"
    (folder / "incidents").mkdir(parents=True)
    written(folder / "incidents" / "b.csv", "id,started_at,title,source\n1,2026-01-31 12:00,newer,pager\n")
    written(folder / "incidents" / "a.csv", "id,started_at,title\n1,2026-01-30,older\n2,2026-01-29,other\n")
    batches = pulled(files(folder, "incidents", "incidents/*.csv"))
    assert [(row["id"], row["title"]) for row in batches["incidents"]] == [("1", "newer"), ("2", "other")]
    assert "source" not in batches["incidents"][0]
    (ledger,) = batches["sync_ledger"]
    assert (ledger["table_name"], ledger["window_start"], ledger["window_end"]) == (
        "incidents",
        datetime(1970, 1, 1),
        UNTIL,
    )


def test_a_file_of_deployments_speaks_from_its_first_row_on(tmp_path):
    text = "number,commit,done,outcome\n1,abc,2026-03-01T10:00:00Z,success\n2,def,2026-02-01T10:00:00Z,failure\n"
    written(tmp_path / "deployments.csv", text)
    columns = {"id": "number", "sha": "commit", "finished_at": "done", "result": "outcome"}
    batches = pulled(files(tmp_path, "reported_deployments", "deployments.csv", columns))
    assert batches["reported_deployments"][1] == {
        "service": "checkout",
        "id": "2",
        "sha": "def",
        "finished_at": datetime(2026, 2, 1, 10),
        "result": "failure",
    }
    (ledger,) = batches["sync_ledger"]
    assert (ledger["repository"], ledger["window_start"], ledger["fetched"]) == (
        "checkout",
        datetime(2026, 2, 1, 10),
        2,
    )


def test_a_pattern_without_files_shows_the_nearest(tmp_path):
    written(tmp_path / "incident.csv", "")
    with pytest.raises(AccessError, match=r"no file matches 'incidents\.csv'.*nearest there: incident\.csv"):
        pulled(files(tmp_path, "incidents", "incidents.csv"))
    with pytest.raises(AccessError, match="no file matches 'none/"):
        pulled(files(tmp_path, "incidents", "none/*.csv"))


def test_an_absolute_pattern_is_taken_as_it_is(tmp_path):
    path = written(tmp_path / "a.csv", "id,started_at\n1,2026-01-31\n")
    assert paths(tmp_path / "other", str(path), "checkout") == [path]


def test_reported_deployments_need_a_result(tmp_path):
    path = written(tmp_path / "a.csv", "id,finished_at\n1,2026-01-31\n")
    with pytest.raises(RowError, match="the column 'result' is missing"):
        read_rows(path, REPORTED, None, {"service": "checkout"})
