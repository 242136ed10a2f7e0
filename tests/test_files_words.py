"""Other systems' words: services, rows that count, values, dates, lists in documents; what does not fit is named."""

import json
from datetime import datetime

import pytest
from test_files import files, incidents, pulled, written

from devops_lab import config
from devops_lab.errors import AccessError, ConfigError, RowError
from devops_lab.sources.files import read
from devops_lab.tables import TABLES

NOON = datetime(2026, 1, 31, 12)


def ids(folder, path="a.csv", table="incidents", **rule):
    return [row["id"] for row in pulled(files(folder, table, path, **rule))[table]]


def row(folder, text, path="a.csv", table="incidents", **rule):
    """The one row of a file of that text."""
    written(folder / path, text)
    [found] = pulled(files(folder, table, path, **rule))[table]
    return found


class TestServices:
    FILE = "id,team,started_at\n1,Checkout API,2026-01-31\n2,Billing,2026-01-31\n3,checkout,2026-01-31\n4,,2026-01-31\n"

    def test_a_service_is_called_as_the_rule_says_else_as_here(self, tmp_path):
        written(tmp_path / "a.csv", self.FILE)
        columns = {"service": "team"}
        assert ids(tmp_path, columns=columns) == ["3"]
        assert ids(tmp_path, columns=columns, services={"checkout": "checkout *"}) == ["1"]
        assert ids(tmp_path, columns=columns, services={"checkout": ["Checkout*", "Billing"]}) == ["1", "2", "3"]
        assert ids(tmp_path) == ["1", "2", "3", "4"]

    def test_a_column_service_is_looked_at_without_being_named(self, tmp_path):
        written(tmp_path / "a.csv", self.FILE.replace("team", "service"))
        assert ids(tmp_path) == ["3"]

    def test_rows_of_nobody_are_told_once_with_their_names(self, tmp_path):
        written(tmp_path / "a.csv", self.FILE + "5,Legacy,2026-01-31\n6,Legacy,2026-01-31\n")
        source = files(tmp_path, "incidents", "a.csv", {"service": "team"}, elsewhere=["checkout", "bill*"])
        pulled(source)
        [note] = source.notes
        assert "a.csv: 4 rows are of no service of lab.toml: 'Legacy' (2), 'Checkout API' (1), '(no name)' (1)" in note
        source = files(tmp_path, "incidents", "a.csv", {"service": "team"}, elsewhere=None)
        pulled(source)
        assert source.notes == []

    def test_what_is_wrong_in_rows_of_others_is_not_our_trouble(self, tmp_path):
        written(tmp_path / "a.csv", self.FILE.replace("2,Billing,2026-01-31", "2,Billing,soon"))
        assert ids(tmp_path, columns={"service": "team"}) == ["3"]
        with pytest.raises(RowError, match="'soon' is no date"):
            ids(tmp_path)

    def test_one_incident_may_hurt_several(self, tmp_path):
        text = json.dumps([{"id": 1, "started_at": "2026-01-31", "service": ["billing", "checkout"]}])
        assert row(tmp_path, text, "a.json")["service"] == "checkout"

    def test_an_object_is_no_name(self, tmp_path):
        written(tmp_path / "a.json", json.dumps([{"id": 1, "started_at": "2026-01-31", "service": {"id": "P1"}}]))
        with pytest.raises(RowError, match=r"a.json, row 1: whose row it is cannot be told: .* is no text"):
            ids(tmp_path, "a.json")
        assert ids(tmp_path, "a.json", columns={"service": "service.id"}, services={"checkout": "p1"}) == ["1"]

    def test_rows_that_are_not_ours_any_more_are_gone_if_they_were_ours(self, tmp_path):
        written(tmp_path / "a.csv", self.FILE)
        stored = {("1",): ("file",), ("2",): ("issues",), ("3",): ("file",), ("vanished",): ("file",)}
        source = files(tmp_path, "incidents", "a.csv", {"service": "team"}, known=lambda table, columns: stored)
        pulled(source)
        assert source.gone == {"incidents": [{"service": "checkout", "id": "1"}]}


class TestOnly:
    def test_a_row_needs_each_value_without_case(self, tmp_path):
        written(
            tmp_path / "a.csv",
            "id,started_at,urgency,kind\n1,2026-01-31,High,a\n2,2026-01-31,low,a\n3,2026-01-31,high,b\n",
        )
        assert ids(tmp_path, only={"urgency": "high"}) == ["1", "3"]
        assert ids(tmp_path, only={"urgency": ["*", "!low"], "kind": "a"}) == ["1"]

    def test_a_column_that_is_not_there_is_said(self, tmp_path):
        written(tmp_path / "a.csv", "id,started_at\n1,2026-01-31\n")
        with pytest.raises(RowError, match="there is no column 'urgency', which the setting only asks for"):
            ids(tmp_path, only={"urgency": "high"})

    def test_what_an_object_does_not_have_is_empty(self, tmp_path):
        written(tmp_path / "a.json", json.dumps([{"id": 1, "started_at": "2026-01-31"}]))
        assert ids(tmp_path, "a.json", only={"urgency": "high"}) == []


class TestValues:
    def test_theirs_become_ours_and_others_stay(self, tmp_path):
        text = "id,started_at,resolved_at,severity\n1,2026-01-31,-,P1\n"
        values = {"resolved_at": {"-": ""}, "severity": {"P2": "bad", "P?": "worse"}}
        found = row(tmp_path, text, values=values)
        assert (found["resolved_at"], found["severity"]) == (None, "P1")
        assert row(tmp_path, text, values={"severity": {"P[0-9]": "bad"}, **values})["severity"] == "P1"
        values = {"resolved_at": {"-": ""}, "severity": {"P[0-9]": "bad", "P1": "worst", "**": "other"}}
        assert row(tmp_path, text, values=values)["severity"] == "worst"

    @pytest.mark.parametrize(("labels", "said"), [("sev1,", False), ("sev1,provider", True), (",", False)])
    def test_one_of_several_labels_tells(self, tmp_path, labels, said):
        text = f"id,started_at,Labels,Labels\n1,2026-01-31,{labels}\n"
        rule = {"columns": {"not_a_change": "Labels"}, "values": {"not_a_change": {"provider": True, "**": False}}}
        assert row(tmp_path, text, **rule)["not_a_change"] is said

    def test_one_value_for_every_row_needs_no_column(self, tmp_path):
        text = "id,finished_at\n1,2026-01-31\n"
        assert row(tmp_path, text, table="reported_deployments", values={"result": "success"})["result"] == "success"

    def test_a_result_is_one_of_ours(self, tmp_path):
        """ "Succeeded" is no failure, and nobody guesses that it is a success."""
        text = "id,finished_at,result\n1,2026-01-31,Succeeded\n"
        with pytest.raises(RowError, match=r"'Succeeded' is no result; .* say values = \{ result = \{ \"Succeeded\" ="):
            row(tmp_path, text, table="reported_deployments")
        rule = {"table": "reported_deployments", "values": {"result": {"Succeeded": "success"}}}
        assert row(tmp_path, text, **rule)["result"] == "success"

    def test_values_of_a_column_that_is_not_ours_are_said(self, tmp_path):
        with pytest.raises(RowError, match="the setting values names 'outcome', which incidents does not have"):
            row(tmp_path, "id,started_at\n1,2026-01-31\n", values={"outcome": "success"})


class TestColumns:
    def test_the_first_that_is_not_empty_tells(self, tmp_path):
        written(tmp_path / "a.csv", "id,began,created\n1,2026-01-30,2026-01-31\n2,,2026-01-31\n")
        rule = {"columns": {"started_at": ["began", "noticed", "created"]}}
        found = pulled(files(tmp_path, "incidents", "a.csv", **rule))["incidents"]
        assert [one["started_at"].day for one in found] == [30, 31]

    def test_repeated_columns_are_one_list(self, tmp_path):
        assert row(tmp_path, "id,started_at,title,title\n1,2026-01-31,a,b\n")["title"] == "a b"
        with pytest.raises(RowError, match=r"column started_at: .* is no date"):
            row(tmp_path, "id,started_at,started_at\n1,2026-01-30,2026-01-31\n")

    def test_an_optional_column_may_lack_in_objects_not_in_a_header(self, tmp_path):
        text = json.dumps([{"id": 1, "started_at": "2026-01-31"}])
        assert row(tmp_path, text, "a.json", columns={"resolved_at": "impactEndDate"})["id"] == "1"
        with pytest.raises(RowError, match="there is no column 'impactEndDate' for resolved_at"):
            row(tmp_path, "id,started_at\n1,2026-01-31\n", columns={"resolved_at": "impactEndDate"})
        with pytest.raises(RowError, match="there is no column 'start' for started_at"):
            row(tmp_path, text, "a.json", columns={"started_at": "start"})

    def test_lines_end_where_csv_ends_them(self, tmp_path):
        written(tmp_path / "a.csv", "id,started_at,title\n1,2026-01-31,a\u2028b\x0bc\n2,2026-01-31,\n")
        assert ids(tmp_path) == ["1", "2"]
        text = json.dumps({"id": "1", "started_at": "2026-01-31", "title": "a\u2028b"}, ensure_ascii=False)
        assert row(tmp_path, text, "a.jsonl")["title"] == "a\u2028b"


class TestDates:
    @pytest.mark.parametrize(
        ("text", "rule", "wanted"),
        [
            ("31/Jan/26 12:00 PM", {"dates": "%d/%b/%y %I:%M %p"}, NOON),
            ("31/Jan/26 1:00 PM", {"dates": "%d/%b/%y %I:%M %p", "timezone": "Europe/Berlin"}, NOON),
            (
                "01/Jul/26 2:00 PM",
                {"dates": "%d/%b/%y %I:%M %p", "timezone": "Europe/Berlin"},
                datetime(2026, 7, 1, 12),
            ),
            ("2026-01-31 13:00", {"timezone": "Europe/Berlin"}, NOON),
            ("2026-01-31T12:00:00Z", {"timezone": "Europe/Berlin"}, NOON),
            ("1769860800", {"timezone": "Europe/Berlin"}, NOON),
            ("1769860800000", {"dates": "milliseconds"}, NOON),
            ("31.01.2026", {"dates": "%d.%m.%Y"}, datetime(2026, 1, 31)),
            ("31.01.2026 14:00 +0200", {"dates": "%d.%m.%Y %H:%M %z", "timezone": "Asia/Jakarta"}, NOON),
        ],
    )
    def test_dates_are_read_as_the_rule_says(self, tmp_path, text, rule, wanted):
        assert row(tmp_path, f"id,started_at\n1,{text}\n", **rule)["started_at"] == wanted

    def test_a_date_of_another_form_is_named(self, tmp_path):
        with pytest.raises(RowError, match=r"'2026-01-31' is no date of the form '%d/%b/%y %I:%M %p'"):
            row(tmp_path, "id,started_at\n1,2026-01-31\n", dates="%d/%b/%y %I:%M %p")
        with pytest.raises(RowError, match="'soon' is no number"):
            row(tmp_path, "id,started_at\n1,soon\n", dates="milliseconds")

    @pytest.mark.parametrize(
        ("rule", "said"),
        [
            ({"dates": "%d/%b/%y %I:%M"}, "does not bring a date and its time back"),
            ({"dates": "%H:%M"}, "does not bring a date and its time back"),
            ({"dates": "dd/MMM/yy"}, "does not bring a date and its time back"),
            ({"timezone": "Berlin"}, "'Berlin' is no time zone"),
            ({"values": {"result": {"[": "success"}}}, r"'\[' is not closed"),
            ({"only": {"a": "["}}, r"'\[' is not closed"),
            ({"column": {}}, r"'column' is no setting here \(did you mean 'columns'\?\)"),
            ({"columns": {"id": []}}, "at least 1 item"),
        ],
    )
    def test_wrong_settings_are_said_before_any_file_is_read(self, tmp_path, rule, said):
        one = {"name": "checkout", "repository": "acme/checkout", "incident": {"from": "file", "path": "a.csv", **rule}}
        with pytest.raises(ConfigError, match=said):
            config.settings({"service": [one]}, tmp_path / "lab.toml")


class TestDocuments:
    APPS = [
        {
            "metadata": {"name": "checkout"},
            "id": "app",
            "status": {"history": [{"id": 1, "at": "2026-01-31"}, {"at": "2026-02-01"}]},
        },
        {"metadata": {"name": "new"}, "status": {}},
    ]
    RULE = {"columns": {"service": "metadata.name", "started_at": "at"}}

    def test_the_list_lies_where_the_rule_says_and_what_encloses_it_has_names(self, tmp_path):
        whole = {"items": self.APPS, "kind": "List", "metadata": {"name": "other"}}
        apps = [{**self.APPS[0], "status": {"history": self.APPS[0]["status"]["history"][:1]}}, self.APPS[1]]
        assert row(tmp_path, json.dumps(apps), "a.json", rows="status.history", **self.RULE)["id"] == "1"
        whole["items"] = apps
        assert row(tmp_path, json.dumps(whole), "a.json", rows="items.status.history", **self.RULE)["id"] == "1"

    def test_what_a_row_lacks_is_not_taken_from_around_it(self, tmp_path):
        """The second sync has no id; the application's own id is none of a sync."""
        written(tmp_path / "a.json", json.dumps(self.APPS))
        with pytest.raises(RowError, match="row 2, column id: is empty"):
            ids(tmp_path, "a.json", rows="status.history", **self.RULE)

    @pytest.mark.parametrize(
        ("text", "rows", "said"),
        [
            (
                '{"data": []}',
                None,
                "a list of objects is needed, one object a row; if it lies deeper, say rows = 'data'",
            ),
            ('{"data": []}', "items", "there is no 'items' in it; there are data"),
            ('{"data": [1]}', "data", "a list of objects is needed"),
            ("[" * 100_000, "data", "too deep"),
            ("[" * 100_000, None, "too deep"),
        ],
    )
    def test_documents_of_another_shape_are_said(self, tmp_path, text, rows, said):
        written(tmp_path / "a.json", text)
        with pytest.raises(RowError, match=said):
            ids(tmp_path, "a.json", **({"rows": rows} if rows else {}))

    def test_an_empty_list_is_no_incident(self, tmp_path):
        written(tmp_path / "a.json", '{"data": []}')
        assert ids(tmp_path, "a.json", rows="data") == []
        written(tmp_path / "b.json", "[]")
        assert ids(tmp_path, "b.json") == []

    def test_rows_are_of_json_documents(self, tmp_path):
        written(tmp_path / "a.csv", "id,started_at\n")
        with pytest.raises(AccessError, match="leave it out here"):
            ids(tmp_path, rows="data")


def test_several_rules_fill_one_table_and_the_ledger_says_all_rows(tmp_path):
    written(tmp_path / "a.csv", "id,started_at\n1,2026-01-31\n")
    written(tmp_path / "b.csv", "key,started_at\n2,2026-01-31\n1,2026-02-01\n")
    source = files(tmp_path, "incidents", "a.csv")
    source.rules.append(config.File.model_validate({"from": "file", "path": "b.csv", "columns": {"id": "key"}}))
    batches = pulled(source)
    assert [(one["id"], one["started_at"].month) for one in batches["incidents"]] == [("1", 2), ("2", 1)]
    assert [one["fetched"] for one in batches["sync_ledger"]] == [2]


def test_a_rule_of_the_defaults_is_filled_for_each_service(tmp_path):
    rule = {
        "from": "file",
        "path": "$service/*.csv",
        "only": {"team": "team-$service"},
        "services": {"a": "$service-api"},
    }
    both = [{"name": name, "repository": "acme/x"} for name in ("a", "b.c")]
    found = config.settings({"defaults": {"incident": rule}, "service": both}, tmp_path / "lab.toml").service
    assert [one.incident[0].path for one in found] == ["a/*.csv", "b.c/*.csv"]
    assert [one.incident[0].only for one in found] == [{"team": ["team-a"]}, {"team": ["team-b.c"]}]
    assert found[0].incident[0].services == {"a": ["a-api"]}


def test_an_import_reads_the_source_that_an_export_wrote(tmp_path):
    path = written(tmp_path / "a.csv", "service,id,started_at,source\ncheckout,1,2026-01-31,issues\n")
    rule = config.File.model_validate({"from": "file", "path": "a.csv"})
    assert incidents(path)[0]["source"] == "issues"
    assert "source" not in read(path, TABLES["incidents"], rule, {"service": "checkout"}, ["checkout"]).rows[0]
