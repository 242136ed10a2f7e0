"""Row dicts become Arrow tables of the declared types; a value that does not fit is named with its row and column.

Rows that come as an Arrow table are checked by whole columns.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from devops_lab.errors import RowError
from devops_lab.tables import Column, Table

_FORMULA = re.compile(r"'*[=+\-@\t\r]")
ARROW_TYPES = {
    "text": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "instant": pa.timestamp("us"),
}
_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "text": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "instant": (datetime,),
}


def schema(table: Table) -> pa.Schema:
    """Return the Arrow schema of `table`, with the partition column ``month`` where it has one."""
    fields = [pa.field(column.name, ARROW_TYPES[column.type]) for column in table.columns]
    if table.month:
        fields.append(pa.field("month", pa.string()))
    return pa.schema(fields)


def checked(table: Table, rows: Iterable[Mapping[str, Any]], now: datetime, source: str) -> pa.Table:
    """Return `rows` as an Arrow table of `table`'s columns; of two rows with one key the later one stays.

    An empty text is null where null may be, so that files that cannot tell the two apart bring back the same rows.

    Errors: RowError names row (from 1), column, value and what would be right; unknown columns are problems too.
    """
    given = list(rows)
    unique = {tuple(row.get(name) for name in table.key): row for row in given}
    kept = list(unique.values()) if len(unique) < len(given) else given
    problems = _unknown(table, given)
    arrays = []
    for column in table.columns:
        if column.name == "fetched_at":
            arrays.append(pa.repeat(pa.scalar(now, pa.timestamp("us")), len(kept)))
            continue
        values = [row.get(column.name) for row in kept]
        if column.name == "source":
            values = [value or source for value in values]
        elif column.type == "text" and not column.required:
            values = [value or None if isinstance(value, str) else value for value in values]
        array = _array(column, values)
        if array is None or (column.required and array.null_count):
            problems += _problems(column, [row.get(column.name) for row in given])
        else:
            arrays.append(array)
    if problems:
        raise RowError(table.name, problems)
    return _complete(table, arrays)


def fitted(table: Table, given: pa.Table, now: datetime, source: str) -> pa.Table:
    """Return `given` as `checked` returns row dicts: all columns, of two rows with one key the later one, no "".

    Columns may lack where null may be.  Integers do for numbers, and any timestamp that microseconds can hold.

    Errors: RowError names the column, and the first row (from 1) that is empty and must not be.
    """
    extra = sorted(set(given.column_names) - set(table.names))
    if extra:
        raise RowError(table.name, [f"{', '.join(extra)}: no such column; {table.name} has {', '.join(table.names)}"])
    given = _last_of_each_key(table, given)
    problems: list[str] = []
    arrays = []
    for column in table.columns:
        if column.name == "fetched_at":
            arrays.append(pa.repeat(pa.scalar(now, pa.timestamp("us")), len(given)))
            continue
        whole = given[column.name] if column.name in given.column_names else pa.nulls(len(given))
        if column.name == "source":
            whole = pc.fill_null(whole.cast(pa.string()), source)
        fit = _column(column, whole)
        if isinstance(fit, str):
            problems.append(fit)
        else:
            arrays.append(fit)
    if problems:
        raise RowError(table.name, problems)
    return _complete(table, arrays)


def _column(column: Column, whole: pa.ChunkedArray | pa.Array) -> pa.ChunkedArray | pa.Array | str:
    """Return a column in its declared type, or what is wrong with it."""
    wanted, kind = ARROW_TYPES[column.type], whole.type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    fits = {
        "text": pa.types.is_string(kind) or pa.types.is_large_string(kind),
        "integer": pa.types.is_integer(kind),
        "number": pa.types.is_floating(kind) or pa.types.is_integer(kind),
        "boolean": pa.types.is_boolean(kind),
        "instant": pa.types.is_timestamp(kind),
    }[column.type]
    if not fits and not pa.types.is_null(kind):
        return f"column {column.name}: {kind} is no {column.type}"
    try:
        fit = whole.cast(wanted)
    except pa.ArrowInvalid as problem:
        return f"column {column.name}: {str(problem).partition(chr(10))[0]:.120}"
    if column.required and fit.null_count:
        row = pc.index(pc.is_null(fit), True).as_py() + 1
        return f"row {row}, column {column.name}: is empty; {column.type} is needed"
    if column.type == "text" and not column.required and pc.any(pc.equal(fit, "")).as_py():
        fit = pc.if_else(pc.equal(fit, ""), None, fit)
    return fit


def _last_of_each_key(table: Table, given: pa.Table) -> pa.Table:
    key = [name for name in table.key if name in given.column_names]
    place = pa.array(np.arange(len(given)))
    last = given.select(key).append_column("place", place).group_by(key).aggregate([("place", "max")])["place_max"]
    return given if len(last) == len(given) else given.take(np.sort(last.to_numpy()))


def _complete(table: Table, arrays: list[Any]) -> pa.Table:
    """Return the columns as a table, with the months where it is partitioned by them."""
    if table.month:
        arrays = [*arrays, _months(arrays[table.names.index(table.month)])]
    return pa.Table.from_arrays(arrays, schema=schema(table))


def defused(text: str) -> str:
    """Return text for a CSV cell; one that a spreadsheet would run as a formula gets an apostrophe in front."""
    return f"'{text}" if _FORMULA.match(text) else text


def restored(text: str) -> str:
    """Return the text that `defused` was given."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def _array(column: Column, values: Sequence[Any]) -> pa.Array | None:
    """Return the values as one array, or None where one of them does not fit."""
    fits = _PYTHON_TYPES[column.type]
    for value in values:
        if value is not None and (
            not isinstance(value, fits) or (value.__class__ is bool and column.type != "boolean")
        ):
            return None
    try:
        if column.type == "instant":
            values = [_naive(value) for value in values]
        return pa.array(values, ARROW_TYPES[column.type])
    except UnicodeEncodeError:  # lone surrogates, as broken JSON carries them
        safe = [value.encode("utf-8", "replace").decode() if value else value for value in values]
        return pa.array(safe, ARROW_TYPES[column.type])
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return None


def _naive(value: datetime | None) -> datetime | None:
    return value if value is None or value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)


def _months(instants: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Return the month of each instant as "2026-01"."""
    if isinstance(instants, pa.ChunkedArray):
        instants = instants.combine_chunks()
    moments = instants.to_numpy(zero_copy_only=False).astype("datetime64[M]")
    months, places = np.unique(moments, return_inverse=True)
    names = ["unknown" if np.isnat(month) else str(month) for month in months]
    return pa.DictionaryArray.from_arrays(pa.array(places), pa.array(names, pa.string())).cast(pa.string())


def _unknown(table: Table, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    known = set(table.names)
    for number, row in enumerate(rows, 1):
        extra = sorted(map(str, row.keys() - known))
        if extra:
            return [f"row {number}: {', '.join(extra)}: no such column; {table.name} has {', '.join(table.names)}"]
    return []


def _problems(column: Column, values: Sequence[Any]) -> list[str]:
    found = []
    for number, value in enumerate(values, 1):
        if value is None:
            if column.required:
                found.append(f"row {number}, column {column.name}: is empty; {column.type} is needed")
        elif _array(column, [value]) is None:
            found.append(f"row {number}, column {column.name}: {value!r:.80} is no {column.type}")
    return found
