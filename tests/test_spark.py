"""Both engines give the same: every metric's observations, the as-of views, and the statistics made of them."""

import importlib.util
import os
import shutil
from datetime import datetime

import pandas as pd
import pytest
from conftest import skip
from made_history import make_sample

from devops_lab import metrics
from devops_lab import sync as lab_sync
from devops_lab.config import settings
from devops_lab.errors import QuestionError
from devops_lab.store import Store
from devops_lab.tables import TABLES


@pytest.fixture(scope="module")
def session():
    if not importlib.util.find_spec("pyspark") or not importlib.util.find_spec("sqlglot"):
        skip("pyspark is not installed (uv sync --group spark)")
    if not shutil.which("java"):
        skip("Java is not installed (Debian: apt-get install default-jre-headless)")
    from pyspark.sql import SparkSession

    os.environ["TZ"] = "Asia/Jakarta"  # another zone than UTC must make no difference
    builder = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    found = builder.config("spark.sql.shuffle.partitions", "1").config("spark.log.level", "ERROR").getOrCreate()
    yield found
    found.stop()
    del os.environ["TZ"]


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two engines")
    make_sample(folder / "sample.git", datetime(2026, 10, 1))
    tags = {"from": "tags", "tags": ["v*"]}
    service = {"name": "s", "clone": "sample.git", "deployment": tags, "rework": {"patch_releases": True}}
    store = Store(folder / "lab")
    lab_sync(store, settings({"service": [service]}, folder / "lab.toml"))
    return store


@pytest.mark.parametrize("as_of", [None, datetime(2026, 6, 1, 12, 30)], ids=str)
def test_every_metric_gives_the_same_on_both_engines(session, lab, as_of):
    spark = Store(lab.path, spark=session)
    asked = {"last": "300 days", "as_of": as_of or datetime(2026, 9, 30)}
    some = [metric for metric in metrics.catalogue() if as_of is None or metric.phase in ("dora", "plan", "monitor")]
    for metric in some:  # the past is read by the same code for all of them
        ours, theirs = metric.observations(lab, **asked), metric.observations(spark, **asked)
        assert len(ours) > 0 or metric.phase != "dora"  # the phases' golden tables are asked in test_metrics_phases
        pd.testing.assert_frame_equal(ours, theirs, check_dtype=False, rtol=1e-12, obj=metric.name)
        statistic = ["median", "p90"] if metric.unit == "hours" else None
        ours, theirs = (metric.over(store, every="month", statistic=statistic, **asked) for store in (lab, spark))
        assert list(ours["n"]) == list(theirs["n"])
        pd.testing.assert_frame_equal(ours, theirs, check_dtype=False, rtol=1e-9, obj=metric.name)
    for clock in ("committed", "merged"):
        ours, theirs = (
            metrics.change_lead_time.window(store, clock=clock, bots=False, **asked) for store in (lab, spark)
        )
        pd.testing.assert_frame_equal(ours, theirs, check_dtype=False, rtol=1e-9)


def test_each_table_reads_the_same_and_an_empty_one_is_empty(session, lab):
    spark = Store(lab.path, spark=session)
    for name in ("deployments", "changes", "tags", "issues"):
        key = ", ".join(TABLES[name].key)
        ours, theirs = (store.rows(f"select * from {name} order by {key}") for store in (lab, spark))
        assert ours == theirs, name


def test_what_cannot_be_asked_is_said(session, lab):
    spark = Store(lab.path, spark=session)
    with pytest.raises(QuestionError, match="cannot be translated"):
        spark.sql("selec nothing fro tags where")
    with pytest.raises(QuestionError, match=r"needs \$tag"):
        spark.sql("select * from tags where tag = $tag")
    assert spark.rows("select tag from tags where tag = $tag", tag="v1.1.0'; drop table tags") == []
    assert spark.rows("select count(*) as n from tags where tag = $tag", tag="v1.1.0") == [{"n": 1}]
