"""Parameters: what of the SQL is a name, and that values arrive as what they are.

The shapes that are refused are the page's own table, see test_spec_examples.py.
"""

from __future__ import annotations

from typing import Any

import pytest

from conformance.client import Client
from conformance.codec import Reply


def named(client: Client, sql: str, /, **values: object) -> Reply:
    items = [{"name": name, "value": value} for name, value in values.items()]
    payload = {"sql": sql, "params": {"mode": "named", "values": items}}
    return client.call("db_query", payload)


# SQL with the names a=1 and b=2, and the row that it gives on either engine.
NAMED: list[tuple[str, list[Any]]] = [
    ("select :a + 0 as x, :b + 0 as y", [1, 2]),
    ("select :b + 0 as x, :a + 0 as y", [2, 1]),
    ("select :a + :b + :a + :b as x", [6]),
    ("select (:a+:b)as x", [3]),
    ("select :a-:b as x", [-1]),
    ("select ':c' as x, :a + :b as y", [":c", 3]),
    ("select 'it''s :c' as x, :a + :b as y", ["it's :c", 3]),
    ('select :a + :b as ":c"', [3]),
    ('select :a + :b as "a "":c"', [3]),
    ("select :a /* :c ' */ + :b as x", [3]),
    ("select :a + :b as x -- :c '", [3]),
    ("-- :c '\nselect :a + :b as x", [3]),
    ("/* :c \n ' */ select :a + :b as x", [3]),
    ("select cast(:a + :b as integer) as x", [3]),
    ("select 'Zoë :c' as x, :a + :b as y", ["Zoë :c", 3]),
    ("select case when :a < :b then 'ja' else 'nein' end as x", ["ja"]),
]
POSTGRES_NAMED: list[tuple[str, list[Any]]] = [
    ("select :a::int + :b::int as x", [3]),
    ("select '5'::int + :a + :b as x", [8]),
    ("select (:a + :b)::int8::int4 as x", [3]),
    ("select e'it\\':c' as x, :a + :b as y", ["it':c", 3]),
    ("select $$ :c $$ as x, :a + :b as y", [" :c ", 3]),
    ("select $t$ :c $$ $t$ as x, :a + :b as y", [" :c $$ ", 3]),
    ("select :a /* one /* :c */ ' */ + :b as x", [3]),
    ("select (array[10,20,30])[:a] + :b as x", [12]),
    ("select (array[10,20,30])[1:2] as x, :a + :b as y", [[10, 20], 3]),
    ("select U&'\\0061:c' as x, :a + :b as y", ["a:c", 3]),
]


@pytest.mark.parametrize(("sql", "row"), NAMED)
def test_names_are_found_in_sql_of_sqlite(
    socket_client: Client, sql: str, row: list[object]
) -> None:
    reply = named(socket_client, sql, a=1, b=2)
    assert reply.status == "Ok", reply.error
    assert reply.value["rows"] == [row]


@pytest.mark.parametrize(("sql", "row"), NAMED + POSTGRES_NAMED)
def test_names_are_found_in_sql_of_postgresql(pg: Client, sql: str, row: list[object]) -> None:
    reply = named(pg, sql, a=1, b=2)
    assert reply.status == "Ok", reply.error
    assert reply.value["rows"] == [row]


@pytest.mark.parametrize(
    "values", [{}, {"a": 1}, {"b": 1}, {"a": 1, "b": 2, "c": 3}, {"A": 1, "b": 2}], ids=str
)
def test_a_name_that_is_missing_or_not_used_is_invalid(
    client: Client, pg: Client, values: dict[str, int]
) -> None:
    for each in (client, pg):
        reply = named(each, "select :a + :b as x", **values)
        assert reply.status == "InvalidInput"


def test_an_error_names_the_parameter(client: Client) -> None:
    assert "needed" in named(client, "select :needed + :b as x", b=1).error
    assert "spare" in named(client, "select :b as x", b=1, spare=2).error


def test_values_of_names_may_come_in_any_order(client: Client) -> None:
    assert named(client, "select :a as x, :b as y", b=2, a=1).value["rows"] == [[1, 2]]


def test_names_may_have_letters_digits_and_underscores(client: Client) -> None:
    names = {"a1": 1, "_b": 2, "C_c": 3, "a": 4, "a11": 5}
    sql = "select " + ", ".join(f":{name} as v{i}" for i, name in enumerate(names))
    assert named(client, sql, **names).value["rows"] == [[1, 2, 3, 4, 5]]


def test_many_values_may_be_given(client: Client, pg: Client) -> None:
    values = list(range(300))
    sql = "select " + " + ".join(f"?{i + 1}" for i in values) + " as n"
    assert client.query(sql, *values).value["rows"] == [[sum(values)]]
    sql = "select " + " + ".join(f"${i + 1}::int8" for i in values) + " as n"
    assert pg.query(sql, *values).value["rows"] == [[sum(values)]]


def test_a_value_is_never_sql(client: Client, pg: Client) -> None:
    hostile = "x'; drop table items; --"
    assert client.query("select ? as v", hostile).value["rows"] == [[hostile]]
    assert pg.query("select $1::text as v", hostile).value["rows"] == [[hostile]]
    assert named(client, "select :v as v", v=":v").value["rows"] == [[":v"]]


VALUES: list[object] = [
    0,
    -1,
    9223372036854775807,
    -9223372036854775808,
    0.5,
    -1e300,
    5e-324,
    "",
    "Zoë 猫 \U0001f600",
    "a\tb\n\\\"'",
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_value_comes_back_as_it_was_given(client: Client, value: object) -> None:
    ((back,),) = client.query("select ? as v", value).value["rows"]
    assert (type(back), back) == (type(value), value)


# A cast on PostgreSQL, the type in the request, a value of it, and as it comes back in JSON.
TYPED: list[tuple[str, str, object, object]] = [
    ("bool", "bool", True, True),
    ("bool", "boolean", False, False),
    ("int2", "int16", 7, 7),
    ("int4", "int32", 7, 7),
    ("int8", "int64", 7, 7),
    ("int8", "i64", 7, 7),
    ("int8", "int", 7, 7),
    ("int8", "integer", 7, 7),
    ("int8", "bigint", 7, 7),
    ("float4", "float32", 1.5, 1.5),
    ("float8", "float64", 1.5, 1.5),
    ("float8", "float", 1.5, 1.5),
    ("float8", "f64", 2, 2.0),
    ("float8", "double", 1.5, 1.5),
    ("numeric", "decimal", "12.50", "12.50"),
    ("numeric", "numeric", "-0.010", "-0.010"),
    ("text", "utf8", "ß", "ß"),
    ("text", "text", "ß", "ß"),
    ("text", "str", "ß", "ß"),
    ("text", "string", "ß", "ß"),
    ("bytea", "binary", "AAH/", [0, 1, 255]),
    ("bytea", "bytes", "", []),
    ("bytea", "blob", "AA==", [0]),
    ("date", "date", "2024-02-29", "2024-02-29"),
    ("time", "time", "10:34:56", "10:34:56"),
    ("timetz", "timetz", "10:34:56+02:00", "10:34:56+02:00"),
    ("timestamp", "timestamp", "2024-02-29T10:34:56", "2024-02-29T10:34:56"),
    ("timestamptz", "timestamptz", "2024-02-29T12:34:56+02:00", "2024-02-29T10:34:56+00:00"),
    (
        "uuid",
        "uuid",
        "00010203-0405-0607-0809-0a0b0c0d0eff",
        "00010203-0405-0607-0809-0a0b0c0d0eff",
    ),
    ("jsonb", "json", '{"a": [1, null]}', {"a": [1, None]}),
    ("interval", "interval", [14, 3, 1500000], {"months": 14, "days": 3, "micros": 1500000}),
]


@pytest.mark.parametrize(("cast", "type_", "value", "back"), TYPED, ids=lambda item: str(item)[:20])
def test_a_typed_value_arrives_as_that_type(
    pg: Client, cast: str, type_: str, value: object, back: object
) -> None:
    reply = pg.query(f"select $1::{cast} as v", {"value": value, "type": type_})
    assert reply.status == "Ok", reply.error
    ((cell,),) = reply.value["rows"]
    assert (type(cell), cell) == (type(back), back)


@pytest.mark.parametrize(("cast", "type_"), [(cast, type_) for cast, type_, *_ in TYPED])
def test_a_null_has_any_type(pg: Client, cast: str, type_: str) -> None:
    reply = pg.query(f"select $1::{cast} as v", {"value": None, "type": type_})
    assert reply.value["rows"] == [[None]]


def test_bytes_of_msgpack_are_bytes(client: Client, pg: Client) -> None:
    for each, sql in ((client, "select ? as v"), (pg, "select $1::bytea as v")):
        values: dict[str, Any] = {"mode": "positional", "values": [b"\x00\x01\xff"]}
        payload = {"sql": sql, "params": values, "result_format": "msgpack"}
        reply = each.call("db_query", payload, codec="msgpack")
        assert reply.value["rows"] == [[b"\x00\x01\xff"]]


def test_postgresql_counts_its_parameters(pg: Client) -> None:
    assert pg.query("select $2::int as a, $1::int as b", 1, 2).value["rows"] == [[2, 1]]
    for values in ((), (1,), (1, 2, 3)):
        assert pg.query("select $1::int + $2::int as n", *values).status == "InvalidInput"


@pytest.mark.parametrize("value", [None, {"value": None}, [1], {}, {"type": "int"}], ids=repr)
def test_a_shape_that_is_no_value_is_invalid_on_postgresql(pg: Client, value: object) -> None:
    payload = {"sql": "select $1 as v", "params": {"mode": "positional", "values": [value]}}
    assert pg.call("db_query", payload).status == "InvalidInput"
