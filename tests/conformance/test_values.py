"""Cells of PostgreSQL in JSON and MsgPack, compared with what psycopg reads for the same cell."""

# Psycopg's ranges are not typed, so:
# pyright: basic
from __future__ import annotations

import datetime
import ipaddress
import json
import math
import uuid
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg.types.multirange import Multirange
from psycopg.types.range import Range

from conformance.client import Client
from servers.fixtures import PostgresDatabase

MOOD = "create type mood as enum ('sad', 'it''s, \"fine\"', ''); create domain positive as int;"

# Of each type, literals of cells.
CELLS: dict[str, list[str]] = {
    "bool": ["true", "false"],
    "int2": ["0", "-32768", "32767"],
    "int4": ["0", "'-2147483648'", "2147483647"],
    "int8": ["0", "'-9223372036854775808'", "9223372036854775807"],
    "oid": ["0", "4294967295"],
    "float4": ["0", "1.5", "-2.25", "'NaN'", "'Infinity'", "'-Infinity'"],
    "float8": ["0", "1", "1.1", "1.7976931348623157e308", "5e-324", "'NaN'", "'Infinity'"],
    "numeric": ["0", "0.000", "1.50", "-1.50", "10000", "1e100", "1e-100", "'NaN'", "'Infinity'"],
    "numeric(12,2)": ["0", "0.1", "-9999999999.99"],
    "text": ["''", "'Zoë 猫'", "e'a\\tb\\n\\\\\"'"],
    "varchar(5)": ["'ab'"],
    "char(5)": ["'ab'"],
    "bytea": ["''", "'\\x0001ff'"],
    "date": ["'2024-02-29'", "'0001-01-01'", "'9999-12-31'"],
    "time": ["'10:34:56'", "'00:00'", "'23:59:59.999999'", "'10:34:56.5'"],
    "timetz": ["'10:34:56+02'", "'10:34:56.25-03:30'", "'00:00+00'"],
    "timestamp": ["'2024-02-29 10:34:56'", "'1969-12-31 23:59:59.999999'", "'0001-01-01'"],
    "timestamptz": ["'2024-02-29 12:34:56+02'", "'2024-12-31 23:59:59.000001-08'"],
    "uuid": ["'00010203-0405-0607-0809-0A0B0C0D0EFF'"],
    "json": ["'null'", "'[1, 2.5, \"a\", null]'", '\'{"b": 1, "a": {}}\'', "'\"text\"'"],
    "jsonb": ["'null'", "'[1, 2.5, \"a\", null]'", '\'{"b": {"ß": "\\u00e9"}}\'', "'3'"],
    "inet": ["'192.168.0.1'", "'192.168.0.1/24'", "'::1'"],
    "cidr": ["'10.0.0.0/8'"],
    "mood": ["'sad'", "'it''s, \"fine\"'", "''"],
    "positive": ["7"],
    "point": ["'(1,2)'"],
    "money": ["'1.50'"],
    "bit(3)": ["'101'"],
    "int[]": ["'{}'", "'{1,NULL,3}'", "'{{1,2},{3,4}}'", "'{{{1}},{{2}}}'"],
    "text[]": ["'{}'", "array['a', null, '', 'x,\"y\"']"],
    "bytea[]": ["array['\\x00'::bytea, null]"],
    "float8[]": ["'{1,NaN,0.5}'"],
    "numeric[]": ["'{1.50,NaN}'"],
    "timestamptz[]": ["array['2024-02-29 12:34:56+02'::timestamptz]"],
    "jsonb[]": ["array['{\"a\": 1}'::jsonb]"],
    "mood[]": ["'{sad}'"],
    "int4range": ["'[1,5)'", "'[1,5]'", "'(,5)'", "'[1,)'", "'(,)'", "'empty'"],
    "int8range": ["'[1,9223372036854775807)'"],
    "numrange": ["'[1.50,2.5]'", "'(1,2)'", "'empty'"],
    "daterange": ["'[2024-02-29,2024-03-01]'"],
    "tsrange": ["'(2024-02-29 10:34:56,2024-02-29 10:34:57]'"],
    "tstzrange": ["'[2024-02-29 12:34:56+02,)'"],
    "int4multirange": ["'{}'", "'{[1,2],[5,)}'"],
    "int4range[]": ["array['[1,5)'::int4range, null]"],
}


@pytest.fixture(scope="module")
def theirs(pg_database: PostgresDatabase) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    conninfo = pg_database.conninfo(options="-c TimeZone=UTC -c lc_monetary=C")
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(MOOD.encode())
        yield connection


def encoded(value: Any, result_format: str) -> Any:
    """What the page makes of a cell that psycopg reads as `value`."""
    match value:
        case bool() | int() | str() | None:
            return value
        case float():
            return value if result_format == "msgpack" or math.isfinite(value) else None
        case Decimal():
            return format(value, "f") if value.is_finite() else str(value)
        case bytes():
            return value if result_format == "msgpack" else list(value)
        case datetime.datetime() if value.tzinfo is not None:
            return value.astimezone(datetime.UTC).isoformat()
        case datetime.date() | datetime.time():
            return value.isoformat()
        case uuid.UUID():
            return str(value)
        case Multirange():
            return [encoded(item, result_format) for item in value]
        case Range():
            lower, upper = (
                bound(value.lower, value.lower_inc, result_format),
                bound(value.upper, value.upper_inc, result_format),
            )
            return {"empty": value.isempty, "lower": lower, "upper": upper}
        case list():
            return [encoded(item, result_format) for item in value]
        case dict():
            return value
        case _:
            assert type(value).__module__ == ipaddress.__name__, f"no rule for {value!r}"
            return str(value)


def bound(value: Any, inclusive: bool, result_format: str) -> Any:
    if value is None:
        return None
    return {"value": encoded(value, result_format), "inclusive": inclusive}


def comparable(value: Any) -> Any:
    """With types, and NaN equal to itself."""
    match value:
        case list():
            return [comparable(item) for item in value]
        case dict():
            return {key: comparable(item) for key, item in value.items()}
        case _:
            return type(value).__name__, repr(value)


@pytest.mark.parametrize("result_format", ["json", "msgpack"])
@pytest.mark.parametrize("type_", CELLS)
def test_cells_equal_what_psycopg_reads(
    pg: Client, theirs: psycopg.Connection[tuple[Any, ...]], type_: str, result_format: str
) -> None:
    cells = ", ".join(f"({cell})::{type_} as v{i}" for i, cell in enumerate(CELLS[type_]))
    sql = f"select {cells}, null::{type_} as missing"
    reply = pg.query(sql, result_format=result_format)
    assert reply.status == "Ok", reply.error
    (ours,) = reply.value["rows"]
    row = theirs.execute(sql.encode()).fetchone()
    assert row is not None
    if type_.startswith("json") and result_format == "msgpack":
        ours = [_documents(cell) for cell in ours]
    assert comparable(ours) == comparable([encoded(cell, result_format) for cell in row])


def _documents(cell: Any) -> Any:
    """In MsgPack a document is its text, also as an item of an array."""
    if isinstance(cell, list):
        return [_documents(item) for item in cell]
    assert cell is None or isinstance(cell, str)
    return None if cell is None else json.loads(cell)


INTERVALS = {
    "'0'": (0, 0, 0),
    "'1 year 2 mons 3 days 1.5 secs'": (14, 3, 1_500_000),
    "'-1 mons +2 days -00:00:00.000001'": (-1, 2, -1),
    "'100 years'": (1200, 0, 0),
    "'48:00'": (0, 0, 172_800_000_000),
}


@pytest.mark.parametrize("result_format", ["json", "msgpack"])
def test_an_interval_has_three_parts_of_their_own_sign(pg: Client, result_format: str) -> None:
    """psycopg makes a timedelta of it, in which months are days."""
    cells = ", ".join(f"interval {text} as v{i}" for i, text in enumerate(INTERVALS))
    reply = pg.query(f"select {cells}", result_format=result_format)
    parts = [dict(zip(("months", "days", "micros"), p, strict=True)) for p in INTERVALS.values()]
    assert reply.value["rows"] == [parts]


LOWER_BOUNDS: dict[str, Any] = {
    "'[0:1]={1,2}'::int[]": {"lower_bounds": [0], "values": [1, 2]},
    "'[-3:-3]={a}'::text[]": {"lower_bounds": [-3], "values": ["a"]},
    "'[1:1][5:6]={{1,2}}'::int[]": {"lower_bounds": [1, 5], "values": [[1, 2]]},
    "'[1:2]={1,2}'::int[]": [1, 2],
}


def test_an_array_that_does_not_begin_at_1_says_where(pg: Client) -> None:
    cells = ", ".join(f"{text} as v{i}" for i, text in enumerate(LOWER_BOUNDS))
    for result_format in ("json", "msgpack"):
        reply = pg.query(f"select {cells}", result_format=result_format)
        assert reply.value["rows"] == [list(LOWER_BOUNDS.values())]


@pytest.mark.parametrize("type_", ["date", "timestamp", "timestamptz"])
def test_infinite_dates_are_text(pg: Client, type_: str) -> None:
    sql = f"select 'infinity'::{type_} as a, '-infinity'::{type_} as b"
    for result_format in ("json", "msgpack"):
        reply = pg.query(sql, result_format=result_format)
        assert reply.value["rows"] == [["infinity", "-infinity"]]


def test_json_documents_are_values_in_json_and_text_in_msgpack(pg: Client) -> None:
    sql = "select '{\"a\": [1, null, 12345678901234567890.10]}'::json as v"
    assert b'"rows":[[{"a":' in pg.query(sql).payload
    ((text,),) = pg.query(sql, result_format="msgpack").value["rows"]
    assert text == '{"a": [1, null, 12345678901234567890.10]}'


def test_a_document_of_several_lines_stays_on_its_own(pg: Client) -> None:
    """A reader of lines would otherwise see half of it."""
    sql = "select e'{\\n\"a\": [1,\\r\\n2]\\n}'::json as v union all select '{}'"
    reply = pg.query(sql, result_format="jsonl")
    lines = reply.payload.decode().splitlines()
    assert [json.loads(line) for line in lines] == [{"v": {"a": [1, 2]}}, {"v": {}}]


def test_columns_without_rows_keep_their_names(pg: Client) -> None:
    reply = pg.query("select 1 as a, now() as b, '{1}'::int[] as a where false")
    assert reply.value == {"columns": ["a", "b", "a"], "rows": [], "row_count": 0}


def test_a_query_without_columns_has_rows(pg: Client) -> None:
    reply = pg.query("select from generate_series(1, 3)")
    assert reply.value == {"columns": [], "rows": [[], [], []], "row_count": 3}
