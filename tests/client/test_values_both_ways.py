"""Every type of PostgreSQL, odd cells of SQLite and parameters of every kind, the same by all ways."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from client.tools import Way, Ways, arrow_of, open_ways, outcome
from molt_sql import Json, Range, raw
from postgres_cells import OPTIONS, column_sql, verbatim
from python.test_postgres_types import ITEMS, LITERALS, SETUP, array_literals
from servers.fixtures import PostgresDatabase


@pytest.fixture(scope="module")
def on_postgres(pg_database: PostgresDatabase) -> Iterator[Ways]:
    with psycopg.connect(pg_database.conninfo(), autocommit=True) as connection:
        connection.execute(SETUP.encode())
    with open_ways(pg_database.url(options=OPTIONS)) as ways:
        yield ways


@pytest.fixture(scope="module")
def on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ways]:
    path: Path = tmp_path_factory.mktemp("values") / "values.db"
    with open_ways(f"sqlite:///{path}?mode=rwc") as ways:
        yield ways


def assert_same(ways: Ways, way: Way, sql: str, **values: Any) -> Any:
    through = ways.through(way)
    expected = outcome(lambda: raw(sql, **values).on(ways.direct).fetch_all().result())
    assert outcome(lambda: raw(sql, **values).on(through).fetch_all().result()) == expected
    arrow = outcome(lambda: arrow_of(raw(sql, **values).on(ways.direct).fetch_arrow().result()))
    again = outcome(lambda: arrow_of(raw(sql, **values).on(through).fetch_arrow().result()))
    assert again == arrow
    return expected


def is_error(found: Any) -> bool:
    return isinstance(found[0], str)


@pytest.mark.parametrize("type_name", LITERALS)
def test_cells_of_postgresql(on_postgres: Ways, way: Way, type_name: str) -> None:
    cells = ["null", *LITERALS[type_name], "null"]
    found = assert_same(on_postgres, way, verbatim(column_sql(type_name, cells)))
    assert not is_error(found)
    for literal in LITERALS[type_name]:
        assert_same(on_postgres, way, verbatim(f"select ({literal})::{type_name} as v"))
    assert_same(on_postgres, way, f"select null::{type_name} as v where false")


@pytest.mark.parametrize("item", ITEMS)
def test_arrays_of_postgresql(on_postgres: Ways, way: Way, item: str) -> None:
    literals = array_literals(item)
    sql = verbatim(column_sql(f"{item}[]", ["null", *literals, "null"]))
    assert not is_error(assert_same(on_postgres, way, sql))
    assert_same(on_postgres, way, verbatim(column_sql(f"{item}[]", literals[:5])))


ODD_OF_POSTGRES = [
    "select 'infinity'::date as v union all select '2024-02-29'",
    "select '-infinity'::timestamptz as v",
    "select timestamp '294276-12-31 23:59:59.999999' as v",
    "select time '24:00' as v",
    "select row(1, 'a b', null, row(2)) as v",
    "select null as v",
    'select 1 as a, 2 as a, 3 as """", 4 as "ä"',
    "select",
    "select from generate_series(1, 3)",
    "select case when i = 150000 then 'NaN' else i / 100.0 end::numeric(12, 2) as v,"
    " case when i = 150000 then array[array[i]] else array[i] end as w"
    " from generate_series(1, 200000) i",
]


@pytest.mark.parametrize("sql", ODD_OF_POSTGRES, ids=lambda sql: sql[:40])
def test_odd_results_of_postgresql(on_postgres: Ways, way: Way, sql: str) -> None:
    assert_same(on_postgres, way, sql)


# Of a table with this declared type, the cells.
CELLS_OF_SQLITE = {
    "integer": "1 | null | -9223372036854775808 | 9223372036854775807",
    "int, mixed": "1 | 'a' | x'00ff' | 2.5 | null",
    "real": "1 | 2.5 | null | 9e999 | -9e999 | 1e-300",
    "text": "'' | 'Zoë' | null | 'a' || char(0) || 'b' | 1",
    "blob": "x'' | x'0001ff' | null | 'text'",
    "boolean": "0 | 1 | null",
    "boolean, mixed": "0 | 1 | 2 | 'yes'",
    "date": "'2024-02-29' | null | '0001-01-01' | '9999-12-31'",
    "date, mixed": "'2024-02-29' | 'tomorrow' | 5",
    "timestamp": "'2024-02-29 12:30:00.000005' | '2024-02-29T12:30' | null",
    "timestamptz": "'2024-02-29 12:30:00+05:30' | null",
    "time": "'23:59:59.999999' | null",
    "decimal(10, 2)": "1.25 | '1.5' | null | 3",
    "": "1 | 'a' | x'00' | null | 1.5",
    "json": """'{"a": [1]}' | null""",
    "uuid": "'12345678-9abc-4def-8123-456789abcdef' | null",
}


@pytest.mark.parametrize("declared", CELLS_OF_SQLITE)
def test_cells_of_sqlite(on_sqlite: Ways, way: Way, declared: str) -> None:
    name = f'"{declared} {way}"'
    raw(verbatim(f"create table {name} (v {declared.removesuffix(', mixed')})")).on(
        on_sqlite.direct
    ).execute().result()
    assert_same(on_sqlite, way, f"select v from {name}")
    for cell in CELLS_OF_SQLITE[declared].split(" | "):
        raw(verbatim(f"insert into {name} values ({cell})")).on(on_sqlite.stdio).execute().result()
    assert not is_error(assert_same(on_sqlite, way, f"select v from {name}"))
    assert_same(on_sqlite, way, f"select v as a, v as a, 1 as b, v || 'x' from {name}")
    assert_same(on_sqlite, way, f"select max(v), count(*), sum(v) from {name}")
    assert_same(on_sqlite, way, f"select v from {name} where 0")


INDIA = datetime.timezone(datetime.timedelta(hours=5, minutes=30))
NOON = datetime.datetime(2024, 2, 29, 12, 30, 0, 5)
VALUES: dict[str, tuple[Any, str]] = {
    "none": (None, "text"),
    "true": (True, "bool"),
    "int": (-(2**63), "int8"),
    "small int": (7, "int2"),
    "float": (0.1, "float8"),
    "negative zero": (-0.0, "float8"),
    "nan": (float("nan"), "float8"),
    "infinity": (float("-inf"), "float8"),
    "text": ("Zoë 猫 \\ ' \" {}", "text"),
    "empty text": ("", "text"),
    "bytes": (bytes(range(256)), "bytea"),
    "date": (NOON.date(), "date"),
    "time": (NOON.time(), "time"),
    "timetz": (NOON.time().replace(tzinfo=INDIA), "timetz"),
    "timestamp": (NOON, "timestamp"),
    "timestamptz": (NOON.replace(tzinfo=INDIA), "timestamptz"),
    "interval": (datetime.timedelta(days=-3, microseconds=7), "interval"),
    "decimal": (Decimal("123456789012345678901234567890.10"), "numeric"),
    "decimal nan": (Decimal("NaN"), "numeric"),
    "uuid": (UUID("12345678-9abc-4def-8123-456789abcdef"), "uuid"),
    "json": (Json({"a": [1, None, "ä"]}), "jsonb"),
    "dict": ({"b": 1, "a": 2}, "json"),
    "inet": (ipaddress.ip_interface("10.0.0.1/24"), "inet"),
    "cidr": (ipaddress.ip_network("10.0.0.0/8"), "cidr"),
    "list": ([1, None, 3], "int8[]"),
    "nested list": ([["a", "b"], [None, "d"]], "text[]"),
    "empty list": ([], "text[]"),
    "list of dates": ([NOON.date(), None], "date[]"),
    "range": (Range(1, 10), "int4range"),
    "unbounded range": (Range(None, NOON, "(]"), "tsrange"),
    "empty range": (Range(empty=True), "numrange"),
    "list of ranges": ([Range(Decimal("1.5"), None)], "numrange[]"),
    "text with NUL": ("a\0b", "text"),
    "too great": (2**63, "int8"),
    "of another type": ("x", "int8"),
}
REFUSED = {"text with NUL", "too great", "of another type"}


@pytest.mark.parametrize("kind", VALUES)
def test_a_value_as_parameter_of_postgresql(on_postgres: Ways, way: Way, kind: str) -> None:
    value, type_name = VALUES[kind]
    found = assert_same(on_postgres, way, f"select {{v}}::{type_name} as v", v=value)
    assert is_error(found) == (kind in REFUSED)
    assert_same(on_postgres, way, "select {v}::text as v, {w} as w", v=value, w=1)


@pytest.mark.parametrize("kind", VALUES)
def test_a_value_as_parameter_of_sqlite(on_sqlite: Ways, way: Way, kind: str) -> None:
    value, _ = VALUES[kind]
    assert_same(on_sqlite, way, "select {v} as v, typeof({v}) as kind, {w} as w", v=value, w=1.5)


def test_many_parameters(on_sqlite: Ways, on_postgres: Ways, way: Way) -> None:
    holes = " + ".join(f"{{p{n}}}" for n in range(500))
    values = {f"p{n}": n for n in range(500)}
    assert_same(on_sqlite, way, f"select {holes} as v", **values)
    typed = holes.replace("}", "}::int8")
    assert not is_error(assert_same(on_postgres, way, f"select {typed} as v", **values))
