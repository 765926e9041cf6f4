"""Arrow payloads of PostgreSQL, read with pyarrow: types and values."""

# Pyarrow is not typed, so:
# pyright: basic
from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import pyarrow
import pytest

from conformance.arrow import arrow_table, list_type, same_type
from conformance.client import Client

INTERVAL = pyarrow.struct(
    [("months", pyarrow.int32()), ("days", pyarrow.int32()), ("micros", pyarrow.int64())]
)


def array_type(item: Any) -> Any:
    lower_bounds = ("lower_bounds", list_type(pyarrow.int32()))
    return pyarrow.struct([lower_bounds, ("values", list_type(item))])


def range_type(item: Any) -> Any:
    bound = pyarrow.struct([("value", item), ("inclusive", pyarrow.bool_())])
    return pyarrow.struct([("empty", pyarrow.bool_()), ("lower", bound), ("upper", bound)])


def bound(value: object, inclusive: bool) -> dict[str, object]:
    return {"value": value, "inclusive": inclusive}


UTC = datetime.UTC
# A cell, its type in Arrow, its value as pyarrow gives it.
SCALARS: list[tuple[str, Any, Any]] = [
    ("true", pyarrow.bool_(), True),
    ("7::int2", pyarrow.int16(), 7),
    ("7::int4", pyarrow.int32(), 7),
    ("7::int8", pyarrow.int64(), 7),
    ("1.5::float4", pyarrow.float32(), 1.5),
    ("1.5::float8", pyarrow.float64(), 1.5),
    ("'Zoë'::text", pyarrow.string(), "Zoë"),
    ("'\\x0001ff'::bytea", pyarrow.binary(), b"\x00\x01\xff"),
    ("date '2024-02-29'", pyarrow.date32(), datetime.date(2024, 2, 29)),
    ("time '10:34:56'", pyarrow.time64("us"), datetime.time(10, 34, 56)),
    (
        "timestamp '2024-02-29 10:34:56'",
        pyarrow.timestamp("us"),
        datetime.datetime(2024, 2, 29, 10, 34, 56),
    ),
    (
        "timestamptz '2024-02-29 12:34:56+02'",
        pyarrow.timestamp("us", "UTC"),
        datetime.datetime(2024, 2, 29, 10, 34, 56, tzinfo=UTC),
    ),
    ("12.50::numeric(12,2)", pyarrow.decimal128(12, 2), Decimal("12.50")),
    ("12.500::numeric", pyarrow.string(), "12.500"),
    ("interval '1 year 3 days 1.5 secs'", INTERVAL, {"months": 12, "days": 3, "micros": 1500000}),
]
NESTED: list[tuple[str, Any, Any]] = [
    ("'{1,NULL,3}'::int4[]", array_type(pyarrow.int32()), ([1], [1, None, 3])),
    ("'[0:1]={1,2}'::int8[]", array_type(pyarrow.int64()), ([0], [1, 2])),
    ("array['a','ß']", array_type(pyarrow.string()), ([1], ["a", "ß"])),
    ("'{}'::float8[]", array_type(pyarrow.float64()), (None, [])),
]
RANGES: list[tuple[str, Any, Any]] = [
    (
        "'[1,5)'::int4range",
        range_type(pyarrow.int32()),
        {"empty": False, "lower": bound(1, True), "upper": bound(5, False)},
    ),
    (
        "'(,5)'::int8range",
        range_type(pyarrow.int64()),
        {"empty": False, "lower": None, "upper": bound(5, False)},
    ),
    (
        "'[2024-02-29,)'::daterange",
        range_type(pyarrow.date32()),
        {"empty": False, "lower": bound(datetime.date(2024, 2, 29), True), "upper": None},
    ),
    (
        "'empty'::int4range",
        range_type(pyarrow.int32()),
        {"empty": True, "lower": None, "upper": None},
    ),
]


def column(pg: Client, sql: str, **options: object) -> Any:
    reply = pg.query(sql, result_format="arrow_ipc", **options)
    assert reply.status == "Ok", reply.error
    assert reply.codec == "arrow_ipc"
    return arrow_table(reply.payload).column(0)


@pytest.mark.parametrize(("cell", "type_", "value"), SCALARS + RANGES, ids=str)
def test_a_cell_has_its_type_and_value(pg: Client, cell: str, type_: Any, value: Any) -> None:
    found = column(pg, f"select {cell} as v")
    assert same_type(found.type, type_), f"{found.type} is not {type_}"
    assert found.to_pylist() == [value]


@pytest.mark.parametrize(("cell", "type_", "value"), NESTED, ids=str)
def test_an_array_has_lower_bounds_and_values(
    pg: Client, cell: str, type_: Any, value: tuple[list[int] | None, list[Any]]
) -> None:
    found = column(pg, f"select {cell} as v")
    assert same_type(found.type, type_), f"{found.type} is not {type_}"
    lower_bounds, values = value
    (row,) = found.to_pylist()
    assert row["values"] == values
    if lower_bounds is not None:
        assert row["lower_bounds"] == lower_bounds


@pytest.mark.parametrize(
    ("cell", "type_"), [(cell, type_) for cell, type_, _ in SCALARS + NESTED + RANGES], ids=str
)
def test_types_are_the_same_with_null_and_without_rows(pg: Client, cell: str, type_: Any) -> None:
    # A subquery keeps the precision of a numeric, which a CASE would lose.
    found = column(pg, f"select (select {cell} where n = 0) as v from generate_series(1, 2) n")
    assert same_type(found.type, type_)
    assert found.to_pylist() == [None, None]
    empty = column(pg, f"select {cell} as v where false")
    assert same_type(empty.type, type_)
    assert empty.to_pylist() == []


def test_native_types_are_plain_lists_and_intervals(pg: Client) -> None:
    found = column(pg, "select '{1,NULL}'::int4[] as v", arrow_types="native")
    assert same_type(found.type, list_type(pyarrow.int32()))
    assert found.to_pylist() == [[1, None]]
    found = column(pg, "select interval '14 mons 3 days 1.5 secs' as v", arrow_types="native")
    assert found.type == pyarrow.month_day_nano_interval()
    assert tuple(found.to_pylist()[0]) == (14, 3, 1_500_000_000)


def test_a_uuid_and_a_document_are_read_back(pg: Client) -> None:
    text = "00010203-0405-0607-0809-0a0b0c0d0eff"
    (cell,) = column(pg, f"select '{text}'::uuid as v").to_pylist()
    assert str(cell) == text or bytes(cell).hex() == text.replace("-", "")
    (cell,) = column(pg, "select '[1, null]'::jsonb as v").to_pylist()
    assert cell == "[1, null]"


def test_what_arrow_cannot_hold_is_invalid_by_the_columns_name(pg: Client) -> None:
    reply = pg.query("select 1 as good, 'infinity'::date as day", result_format="arrow_ipc")
    assert reply.status == "InvalidInput"
    assert "day" in reply.error


def test_many_rows_are_read_back(pg: Client) -> None:
    sql = "select n, n::text as t, n / 2.0::float8 as f from generate_series(1, 20000) n"
    reply = pg.query(sql, result_format="arrow_ipc", max_rows=20_000)
    table = arrow_table(reply.payload)
    assert table.column("n").to_pylist() == list(range(1, 20_001))
    assert table.column("t").to_pylist()[-1] == "20000"
    assert table.column("f").to_pylist()[-1] == 10_000.0
    assert reply.metrics["db_row_count"] == 20_000
