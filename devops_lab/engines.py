"""Run SQL over stored tables with DuckDB; the only importer of duckdb.

A query sees *relations*: names that stand for a SELECT over Parquet files, and *frames* given beside it.  Parameters
are bound as ``$name``, never pasted.  Each query has a connection of its own to an empty database in memory, so threads
and processes never wait for each other and no lock outlives a question.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import duckdb
import pyarrow as pa

from devops_lab.errors import QuestionError, StoreError
from devops_lab.tables import Table

DUCKDB_TYPES = {
    "text": "VARCHAR",
    "integer": "BIGINT",
    "number": "DOUBLE",
    "boolean": "BOOLEAN",
    "instant": "TIMESTAMP",
}
_QUESTION_ERRORS = (
    duckdb.BinderException,
    duckdb.CatalogException,
    duckdb.ParserException,
    duckdb.ConversionException,
    duckdb.InvalidInputException,
    duckdb.SyntaxException,
)


def literal(value: str | datetime) -> str:
    """Return `value` as an SQL literal; for file names and instants of our own, never for text from outside."""
    if isinstance(value, datetime):
        return f"TIMESTAMP '{value.isoformat(sep=' ')}'"
    return "'" + value.replace("'", "''") + "'"


def stored(table: Table, files: Sequence[str]) -> str:
    """Return the SELECT over a table's active Parquet `files`; a column that older files lack is null there."""
    nothing = ", ".join(f'cast(null as {DUCKDB_TYPES[c.type]}) as "{c.name}"' for c in table.columns)
    if not files:
        return f"select {nothing} where false"
    columns = ", ".join(f'"{column.name}"' for column in table.columns)
    names = ", ".join(literal(file) for file in files)
    return (
        f"select {columns} from (select {nothing} where false union all by name "  # noqa: S608
        f"select * from read_parquet([{names}], hive_partitioning = false, union_by_name = true))"
    )


def known_at(table: Table, select: str, as_of: datetime) -> str:
    """Return `select` as it was known at `as_of`: later rows are not there, later values are null."""
    moment = literal(as_of)
    columns = ", ".join(
        f'case when "{column.known}" <= {moment} then "{column.name}" end as "{column.name}"'
        if column.known
        else f'"{column.name}"'
        for column in table.columns
    )
    born = f' where "{table.born}" <= {moment}' if table.born else ""
    return f"select {columns} from ({select}){born}"  # noqa: S608 - names come from tables.py


def names_in(sql: str) -> set[str]:
    """Return every word of a query that could name a relation."""
    return set(re.findall(r"[A-Za-z_][A-Za-z0-9_]*", sql))


def bound(sql: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the `parameters` that a query names; QuestionError when one is missing."""
    asked = set(re.findall(r"\$([A-Za-z_][A-Za-z0-9_]*)", sql))
    missing = sorted(asked - parameters.keys())
    if missing:
        raise QuestionError(f"the query needs ${', $'.join(missing)}; give it as a parameter of that name")
    return {name: value for name, value in parameters.items() if name in asked}


def run(
    sql: str,
    relations: Mapping[str, str],
    frames: Mapping[str, Any] | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> pa.Table:
    """Run one SELECT and return an Arrow table.

    Errors: QuestionError when the query cannot be read or names what is not there; StoreError when a file of the
    store is missing or damaged.
    """
    values = bound(sql, parameters or {})
    connection = _database(os.getpid()).cursor()
    try:
        for name, frame in (frames or {}).items():
            connection.register(name, frame)
        for name, select in relations.items():
            connection.execute(f'create temp view "{name}" as {select}')
        return connection.sql(sql, params=values or None).to_arrow_table()
    except (*_QUESTION_ERRORS, duckdb.IOException, duckdb.HTTPException, duckdb.SerializationException) as problem:
        if isinstance(problem, _QUESTION_ERRORS) and ".parquet" not in str(problem):
            raise QuestionError(f"the query cannot be run: {_first_line(problem)}") from problem
        raise StoreError(
            f"a file of the store is missing or damaged: {_first_line(problem)}; move the store's folder away and "
            "sync again, or bring back a copy of it"
        ) from problem
    finally:
        connection.close()


@lru_cache(maxsize=1)
def _database(process: int) -> duckdb.DuckDBPyConnection:
    """Return this process' empty in-memory database; what a query makes on its own connection nobody else sees."""
    connection = duckdb.connect()
    connection.execute("set timezone = 'UTC'")
    return connection


def _first_line(problem: Exception) -> str:
    return str(problem).split("\n", 1)[0]
