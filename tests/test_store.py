"""The store: merge by key, row checks, snapshots that readers keep, migration, damage, other processes."""

import multiprocessing
import random
import shutil
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devops_lab.errors import QuestionError, RowError, StoreError, UserError
from devops_lab.privacy import People
from devops_lab.store import Store, Written
from devops_lab.tables import TABLES

MONDAY = datetime(2026, 3, 2, 9)


def tag(name: str, sha: str = "a1", moment: datetime | None = MONDAY) -> dict:
    return {"repository": "acme/checkout", "tag": name, "sha": sha, "annotated": False, "tagged_at": moment}


def issue(number: int, month: int = 1, **more) -> dict:
    created = datetime(2026, month, 1)
    return {"repository": "a/b", "number": number, "state": "open", "created_at": created, **more}


def test_written_twice_is_written_once(store):
    rows = [tag("v1"), tag("v2")]
    assert store.write("tags", rows, "git") == Written(inserted=2)
    before = store.tags.rows()
    version = DeltaTable(f"{store.path}/tags").version()
    assert store.write("tags", list(reversed(rows)), "git") == Written(unchanged=2)
    assert store.tags.rows() == before
    assert DeltaTable(f"{store.path}/tags").version() == version


def test_only_what_differs_is_touched(store):
    store.write("tags", [tag("v1"), tag("v2")], "git")
    first = {row["tag"]: row["fetched_at"] for row in store.tags.rows()}
    assert store.write("tags", [tag("v1"), tag("v2", "b2"), tag("v3")], "git") == Written(1, 1, 1)
    then = {row["tag"]: row for row in store.tags.rows()}
    assert then["v1"]["fetched_at"] == first["v1"]
    assert then["v2"]["fetched_at"] > first["v2"]
    assert then["v2"]["sha"] == "b2"


def test_a_value_may_become_empty_again_and_move_to_another_month(store):
    store.write("issues", [issue(1, closed_at=MONDAY)], "github")
    store.write("issues", [issue(1)], "github")
    assert store.issues.rows()[0]["closed_at"] is None
    store.write("issues", [issue(1, month=5)], "github")
    assert [row["created_at"].month for row in store.issues.rows()] == [5]


def test_of_two_rows_with_one_key_the_later_stays(store):
    store.write("tags", [tag("v1", "old"), tag("v1", "new")], "git")
    assert [row["sha"] for row in store.tags.rows()] == ["new"]


def test_a_row_that_does_not_fit_is_named_and_nothing_is_written(store):
    rows = [tag("v1"), {**tag("v2"), "annotated": "no"}, {**tag("v3"), "sha": None}]
    with pytest.raises(RowError) as caught:
        store.write("tags", rows, "git")
    assert "row 2, column annotated: 'no' is no boolean" in str(caught.value)
    assert "row 3, column sha: is empty" in str(caught.value)
    assert store.tags.rows() == []
    with pytest.raises(RowError, match="colour: no such column"):
        store.write("tags", [{**tag("v1"), "colour": "red"}], "git")
    with pytest.raises(QuestionError, match="no table 'tag'"):
        store.write("tag", [], "git")


def test_instants_with_a_zone_are_stored_as_naive_utc(store):
    zoned = datetime(2026, 3, 2, 9, tzinfo=timezone(timedelta(hours=7)))
    store.write("tags", [tag("v1", moment=zoned)], "git")
    assert store.tags.rows()[0]["tagged_at"] == datetime(2026, 3, 2, 2)


def test_a_broken_character_does_not_stop_a_row(store):
    store.write("issues", [issue(1, title="half a \ud83d pair")], "github")
    assert "half a" in store.issues.rows()[0]["title"]


def test_a_handle_reads_the_last_complete_snapshot(store):
    reader = Store(store.path)
    assert reader.as_of is None
    store.write("tags", [tag("v1")], "git")
    assert reader.tags.rows() == []
    store.commit_snapshot(MONDAY)
    assert reader.tags.rows() == []
    reader.refresh()
    assert (reader.as_of, len(reader.tags.rows())) == (MONDAY, 1)
    store.write("tags", [tag("v2")], "git")
    assert len(reader.tags.rows()) == 1
    assert len(Store(store.path).tags.rows()) == 1
    assert len(store.tags.rows()) == 2
    store.commit_snapshot(MONDAY + timedelta(days=1))
    assert len(reader.tags.rows()) == 1
    reader.refresh()
    assert len(reader.tags.rows()) == 2


def test_replace_keeps_what_stayed_and_other_sources(store):
    store.write("incidents", [{"service": "s", "id": "file", "started_at": MONDAY}], "file")
    made = [{"service": "s", "id": str(number), "started_at": MONDAY} for number in range(3)]
    assert store.replace("incidents", made, only_source=True)
    kept = {row["id"]: row["fetched_at"] for row in store.incidents.rows()}
    assert not store.replace("incidents", list(reversed(made)), only_source=True)
    assert store.replace("incidents", made[:1], only_source=True)
    assert {row["id"]: row["fetched_at"] for row in store.incidents.rows()} == {key: kept[key] for key in ("file", "0")}
    assert store.replace("incidents", [], only_source=True)
    assert [row["id"] for row in store.incidents.rows()] == ["file"]


def test_a_question_as_of_an_instant_sees_what_was_known_then(store):
    row = {
        "service": "s",
        "repository": "r",
        "id": "d",
        "environment": "production",
        "started_at": MONDAY,
        "finished_at": MONDAY + timedelta(hours=2),
        "result": "success",
        "rule": "tags",
    }
    store.replace("deployments", [row])
    ask = "select result, finished_at from deployments"
    assert store.query(ask, as_of=MONDAY - timedelta(seconds=1)).empty
    during = store.query(ask, as_of=MONDAY + timedelta(hours=1))
    assert during["result"].isna().all()
    assert during["finished_at"].isna().all()
    assert list(store.query(ask, as_of=MONDAY + timedelta(hours=2))["result"]) == ["success"]


def test_parameters_are_bound_never_pasted(store):
    hostile = "v1'; drop table tags; --"
    store.write("tags", [tag(hostile), tag("v2")], "git")
    assert store.rows("select tag from tags where tag = $tag", tag=hostile) == [{"tag": hostile}]
    assert len(store.tags.rows()) == 2
    with pytest.raises(QuestionError, match=r"needs \$tag"):
        store.sql("select * from tags where tag = $tag")
    with pytest.raises(QuestionError, match="cannot be run"):
        store.sql("select * from nothing_like_it")


@pytest.mark.parametrize("name", ["a space", "it's", "100% *?#b", "ünïcode"])
def test_any_folder_name_works(tmp_path, name):
    store = Store(tmp_path / name / "lab", latest=True)
    store.write("issues", [issue(1), issue(2, 2)], "github")
    store.write("issues", [issue(3, 3)], "github")
    assert len(store.issues.rows()) == 3


def test_a_folder_that_delta_cannot_address_is_refused(tmp_path):
    with pytest.raises(UserError, match="cannot lie in a folder"):
        Store(tmp_path / "a [b]")


def test_an_older_store_gets_the_new_columns_and_a_newer_one_is_refused(store):
    moment = pa.array([MONDAY], pa.timestamp("us"))
    columns = {"repository": ["r"], "branch": ["main"], "sha": ["a"], "fetched_at": moment}
    write_deltalake(f"{store.path}/branches", pa.table(columns))
    assert store.branches.rows()[0]["source"] is None
    store.write("branches", [{"repository": "r", "branch": "next", "sha": "b"}], "git")
    assert {row["branch"]: row["source"] for row in store.branches.rows()} == {"main": None, "next": "git"}
    write_deltalake(f"{store.path}/tags", pa.table({**columns, "tag": ["v1"], "mood": ["good"]}))
    with pytest.raises(StoreError, match=r"mood.*newer lab"):
        store.write("tags", [tag("v1")], "git")


def test_damage_is_said_with_the_way_out(store):
    store.write("tags", [tag("v1")], "git")
    store.commit_snapshot(MONDAY)
    reader = Store(store.path)
    for file in Path(store.path, "tags").glob("*.parquet"):
        file.unlink()
    with pytest.raises(StoreError, match=r"missing or damaged.*sync again"):
        reader.tags.rows()
    shutil.rmtree(Path(store.path, "tags", "_delta_log"))
    with pytest.raises(StoreError, match=r"the table tags in .* cannot be read"):
        Store(store.path).tags.rows()


def test_a_table_whose_first_write_was_killed_is_no_table_yet(store):
    store.write("tags", [tag("v1")], "git")
    shutil.rmtree(Path(store.path, "tags", "_delta_log"))
    Path(store.path, "tags", "_delta_log").mkdir()
    Path(store.path, "tags", "_delta_log", "_commit_1f0e.json.tmp").write_text("{")
    assert Store(store.path, latest=True).tags.rows() == []
    assert store.write("tags", [tag("v1")], "git") == Written(inserted=1)
    assert len(store.tags.rows()) == 1


def test_one_sync_at_a_time_and_a_crash_lets_go(store):
    with store.lock(), pytest.raises(StoreError, match="another sync"), Store(store.path).lock():
        pass
    process = multiprocessing.get_context("spawn").Process(target=_hold_and_die, args=(store.path,))
    process.start()
    process.join()
    with store.lock():
        pass


def _hold_and_die(path: str) -> None:
    import os

    with Store(path).lock():
        os._exit(1)


def _read_many(path: str, counts) -> None:
    for _ in range(15):
        reader = Store(path)
        counts.put((reader.snapshot_name, len(reader.tags.rows())))


def test_readers_in_other_processes_see_whole_snapshots_while_a_sync_writes(store):
    store.write("tags", [tag("v0")], "git")
    sizes = {store.commit_snapshot(MONDAY): 1}
    context = multiprocessing.get_context("spawn")
    counts = context.Queue()
    readers = [context.Process(target=_read_many, args=(store.path, counts)) for _ in range(2)]
    for reader in readers:
        reader.start()
    for number in range(1, 15):
        store.write("tags", [tag(f"v{number}.{part}") for part in range(10)], "git")
        sizes[store.commit_snapshot(MONDAY + timedelta(hours=number))] = 1 + 10 * number
    seen = [counts.get(timeout=60) for _ in range(30)]
    for reader in readers:
        reader.join()
    assert all(sizes[snapshot] == count for snapshot, count in seen)


def test_many_small_files_are_put_together(store):
    for number in range(45):
        store.write("tags", [tag(f"v{number}")], "git")
    store.tidy()
    assert len(DeltaTable(f"{store.path}/tags").file_uris()) < 5
    assert len(store.tags.rows()) == 45


def test_every_table_can_be_written_and_read_empty(store):
    for name in TABLES:
        assert list(getattr(store, name).df().columns) == list(TABLES[name].names)
        assert getattr(store, name).df().empty


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(1, 9), texts), min_size=1, max_size=20))
def test_any_text_comes_back_as_it_was(tmp_path_factory, pairs):
    store = Store(tmp_path_factory.mktemp("any") / "lab", latest=True)
    store.write("workflows", [{"repository": "r", "id": number, "name": text} for number, text in pairs], "github")
    assert {row["id"]: row["name"] for row in store.workflows.rows()} == dict(pairs)


# ------------------------------------------------------------------ Arrow tables


def levels(good: list[float], first: datetime = MONDAY, **more) -> pa.Table:
    """Service levels of one service, a step of 5 minutes after another."""
    starts = [first + timedelta(minutes=5 * number) for number in range(len(good))]
    columns = {"service": ["shop"] * len(good), "started_at": pa.array(starts, pa.timestamp("us"))}
    columns["ended_at"] = pa.array([start + timedelta(minutes=5) for start in starts], pa.timestamp("us"))
    return pa.table({**columns, "good": good, "total": [10.0] * len(good), **more})


def test_an_arrow_table_is_stored_as_its_rows_would_be(tmp_path, store):
    january = datetime(2026, 1, 31, 23, 50)  # the third step is in February
    given = levels([1.0, 2.0, 3.0], january, objective=[0.9, None, 0.5])
    assert store.write("service_levels", given, "prometheus") == Written(inserted=3)
    assert store.write("service_levels", given, "prometheus") == Written(unchanged=3)
    other = Store(tmp_path / "other", latest=True)
    other.write("service_levels", given.to_pylist(), "prometheus")
    every = "select * exclude (fetched_at) from service_levels order by started_at"
    assert store.rows(every) == other.rows(every)
    folders = {path.name for path in Path(store.path, "service_levels").glob("month=*")}
    assert folders == {"month=2026-01", "month=2026-02"}


def test_a_merge_leaves_the_files_of_other_months_alone(store):
    store.write("service_levels", levels([1.0, 2.0], datetime(2026, 1, 1)), "prometheus")
    store.write("service_levels", levels([1.0, 2.0], datetime(2026, 2, 1)), "prometheus")
    january = [("month", "in", ["2026-01"])]
    before = set(DeltaTable(f"{store.path}/service_levels").file_uris(file_pruning_predicate=january))
    changed = levels([9.0, 2.0, 3.0], datetime(2026, 2, 1))
    assert store.write("service_levels", changed, "prometheus") == Written(1, 1, 1)
    delta = DeltaTable(f"{store.path}/service_levels")
    assert set(delta.file_uris(file_pruning_predicate=january)) == before
    assert delta.history(1)[0]["operationMetrics"]["num_target_files_scanned"] == 1
    good = store.rows("select good from service_levels order by started_at")
    assert [row["good"] for row in good] == [1, 2, 9, 2, 3]


def test_of_two_arrow_rows_with_one_key_the_later_stays(store):
    twice = pa.concat_tables([levels([1.0, 2.0]), levels([3.0])])
    assert store.write("service_levels", twice, "prometheus") == Written(inserted=2)
    assert [row["good"] for row in store.rows("select good from service_levels order by started_at")] == [3, 2]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (levels([1.0, None]), "row 2, column good: is empty; number is needed"),
        (levels(["much"]), "column good: string is no number"),
        (levels([1.0]).drop_columns(["total"]), "row 1, column total: is empty"),
        (levels([1.0], colour=["red"]), "colour: no such column"),
        (levels([1.0]).set_column(1, "started_at", pa.array([1])), "column started_at: int64 is no instant"),
    ],
)
def test_an_arrow_table_that_does_not_fit_is_refused(store, wrong, words):
    with pytest.raises(RowError) as caught:
        store.write("service_levels", wrong, "prometheus")
    assert words in str(caught.value) and store.service_levels.rows() == []


def test_arrow_values_become_the_stores_types(store):
    zone = pa.array([datetime(2026, 3, 2, 9, tzinfo=timezone(timedelta(hours=7)))], pa.timestamp("ms", "Asia/Jakarta"))
    given = pa.table(
        {"repository": pa.array(["a/b"]).dictionary_encode(), "tag": ["v1"], "sha": ["a1"], "annotated": [False],
         "tagged_at": zone}
    )  # fmt: skip
    store.write("tags", given, "git")
    assert store.tags.rows()[0]["tagged_at"] == datetime(2026, 3, 2, 2)
    given = levels([1.0]).set_column(3, "good", pa.array([7]))
    store.write("service_levels", given, "prometheus")
    assert store.service_levels.rows()[0]["good"] == 7.0
    assert store.service_levels.rows()[0]["source"] == "prometheus"


def test_people_in_an_arrow_table_are_stored_as_the_policy_says(store):
    text = {"repository": "a/b", "state": "open", "author": "ann", "title": "ask ann@example.com"}
    given = pa.table({**{name: [value] for name, value in text.items()}, "number": [1], "created_at": [MONDAY]})
    store.write("issues", given, "github", people=People("pseudonym", b"key"))
    (row,) = store.issues.rows()
    assert row["author"].startswith("person-") and "ann" not in row["title"]


def test_row_order_does_not_matter(tmp_path):
    rows = [issue(number, 1 + number % 12, title=f"t{number}") for number in range(60)]
    shuffled = random.Random(1).sample(rows, len(rows))
    read = []
    for name, given_rows in (("one", rows), ("two", shuffled)):
        store = Store(tmp_path / name, latest=True)
        store.write("issues", given_rows, "github")
        read.append(store.rows("select * exclude (fetched_at) from issues order by number"))
    assert read[0] == read[1]
