"""Run the same SQL on Spark, where a laptop ends: the master dialect is DuckDB's, translated here.

Translation alone is not to be trusted (it turns exact percentiles into approximate ones without a word), so metrics
keep to what travels, percentiles live in the aggregator, and a test holds every metric to the same result on both
engines.  Needs the extra ``devops-lab[spark]`` and Java; the only importer of sqlglot and pyspark.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import sqlglot
from sqlglot import expressions as sql_tree

from devops_lab import engines
from devops_lab.errors import QuestionError
from devops_lab.tables import TABLES, Table

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SPARK_TYPES = {
    "text": "string",
    "integer": "bigint",
    "number": "double",
    "boolean": "boolean",
    "instant": "timestamp_ntz",
}


def run(
    session: SparkSession,
    sql: str,
    files: Mapping[str, Sequence[str]],
    as_of: datetime | None = None,
    frames: Mapping[str, Any] | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> pa.Table:
    """Run one SELECT of DuckDB's dialect over stored tables, given by name with their Parquet `files`.

    With `as_of` each table is seen as it was known then.  `frames` are further relations (pandas or Arrow).  Instants
    stay naive UTC whatever the session's time zone is.  Errors: QuestionError when the query cannot be translated or a
    parameter is missing; Spark's own errors pass as they are.
    """
    bound = engines.bound(sql, parameters or {})
    session.conf.set("spark.sql.session.timeZone", "UTC")
    for name, paths in files.items():
        table = TABLES[name]
        rows = (
            session.read.schema(_schema(table)).parquet(*paths)
            if paths
            else session.createDataFrame([], _schema(table))
        )
        rows.createOrReplaceTempView(f"stored_{name}")
        select = f"select * from stored_{name}"  # noqa: S608 - the name is in tables.py
        if as_of is not None:
            select = engines.known_at(table, select, as_of)
        session.sql(translated(select)).createOrReplaceTempView(name)
    for name, frame in (frames or {}).items():
        given = frame if isinstance(frame, pa.Table) else pa.Table.from_pandas(frame, preserve_index=False)
        session.conf.set("spark.sql.timestampType", "TIMESTAMP_NTZ")
        session.createDataFrame(given).createOrReplaceTempView(name)
    values = {name: value.isoformat(sep=" ") if isinstance(value, datetime) else value for name, value in bound.items()}
    return session.sql(translated(sql), args=values or None).toArrow()


def translated(sql: str) -> str:
    """Return a SELECT of DuckDB's dialect in Spark's.

    ``epoch_us`` becomes ``unix_micros``; decimal literals become doubles, since Spark would divide an integer by a
    decimal in decimals and round.
    """
    try:
        tree = sqlglot.parse_one(sql, read="duckdb")
    except sqlglot.errors.ParseError as problem:
        raise QuestionError(f"the query cannot be translated for Spark: {str(problem).splitlines()[0]}") from problem
    return tree.transform(_spoken).sql(dialect="spark", comments=False)


def _spoken(node: sql_tree.Expression) -> sql_tree.Expression:
    if isinstance(node, sql_tree.Anonymous) and node.name.lower() == "epoch_us":
        moment = sql_tree.Cast(this=node.expressions[0], to=sql_tree.DataType.build("timestamp", dialect="spark"))
        return sql_tree.Anonymous(this="unix_micros", expressions=[moment])
    if isinstance(node, sql_tree.Literal) and not node.is_string and "." in node.name:
        return sql_tree.Cast(this=sql_tree.Literal.string(node.name), to=sql_tree.DataType.build("double"))
    return node


def _schema(table: Table) -> str:
    return ", ".join(f"`{column.name}` {SPARK_TYPES[column.type]}" for column in table.columns)
