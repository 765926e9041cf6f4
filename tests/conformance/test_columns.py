"""The format "columns", encoded parameters, batch_rows and column_types."""

from __future__ import annotations

import math
import struct
from pathlib import Path
from typing import Any

import pytest

from conformance.client import Client
from conformance.codec import Reply
from conformance.columns import Field, Type, decode_columns, encode_value, encoded
from conformance.conftest import Start
from conformance.data import ITEMS_OF_A_USER, USERS, items_of, rows_of_text
from conformance.test_stream import collect

ROWS = len(USERS) * ITEMS_OF_A_USER


def columns(reply: Reply) -> tuple[list[Field], list[tuple[Any, ...]]]:
    assert (reply.status, reply.codec) == ("Ok", "raw"), reply.error
    fields, batches = decode_columns(reply.payload)
    assert len(batches) >= 1, "there is always a batch, so that there is always a schema"
    return fields, [row for batch in batches for row in batch]


def test_a_table_of_sqlite(client: Client) -> None:
    sql = "select id, created_at, title, score, unread, null as n from items order by id"
    fields, rows = columns(client.query(sql, result_format="columns", max_rows=5000))
    names = ["id", "created_at", "title", "score", "unread", "n"]
    assert [field.name for field in fields] == names
    types = [field.type.name for field in fields]
    assert types[:5] == ["int64", "utf8", "utf8", "float64", "bool"]
    expected = sorted(
        (i["id"], i["created_at"], i["title"], i["score"], i["unread"], None)
        for user in USERS
        for i in items_of(user)
    )
    assert rows == expected


@pytest.mark.parametrize("sql", ["select 1 as n where 0", "select id, title from items where 0"])
def test_no_rows_have_their_columns(client: Client, sql: str) -> None:
    fields, rows = columns(client.query(sql, result_format="columns"))
    assert rows == []
    assert len(fields) == 1 + sql.count(",")
    fields, rows = columns(client.query(sql, result_format="columns", max_rows=0))
    assert rows == []


def test_a_mixed_column_keeps_each_value(client: Client) -> None:
    _, rows = columns(client.query("select v from mixed", result_format="columns"))
    assert rows == [(1,), ("a",), (b"\0",)]


def test_as_many_rows_as_max_rows(client: Client) -> None:
    reply = client.query("select id from items order by id", result_format="columns", max_rows=7)
    _, rows = columns(reply)
    assert [n for (n,) in rows] == list(range(1, 8))
    assert reply.metrics["db_row_count"] == 7
    assert reply.metrics["db_result_format"] == "columns"


def test_the_pieces_of_a_stream_are_the_result(client: Client) -> None:
    sql = rows_of_text(2000, 4096)
    payload = {"sql": sql, "max_rows": 10_000, "result_format": "columns"}
    replies = collect(client, client.send("db_query", payload, stream={"window": 1}))
    assert len(replies) > 2
    _, batches = decode_columns(b"".join(reply.payload for reply in replies))
    assert [n for batch in batches for n, _ in batch] == list(range(1, 2001))
    so_far = b""
    for reply in replies:  # each ends after a batch
        so_far += reply.payload
        decode_columns(so_far)


@pytest.mark.parametrize("rows", [1, 7, 1000])
@pytest.mark.parametrize("streamed", [False, True])
def test_batch_rows_bounds_the_batches(client: Client, rows: int, streamed: bool) -> None:
    payload = {
        "sql": "select id from items order by id",
        "result_format": "columns",
        "max_rows": ROWS,
        "batch_rows": rows,
    }
    if streamed:
        replies = collect(client, client.send("db_query", payload, stream={"window": 1000}))
    else:
        replies = [client.call("db_query", payload)]
    _, batches = decode_columns(b"".join(reply.payload for reply in replies))
    assert max(map(len, batches)) <= rows
    assert sum(map(len, batches)) == ROWS


@pytest.mark.parametrize("rows", [0, -1, 1.0, "1", True, [1]], ids=repr)
def test_batch_rows_is_1_or_more(client: Client, rows: object) -> None:
    reply = client.query("select 1 as n", result_format="columns", batch_rows=rows)
    assert reply.status == "InvalidInput"
    assert "batch_rows" in reply.error


# -- column_types -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("types", "expected"),
    [
        (["bool"], ("bool", True)),
        (["int64"], ("int64", 1)),
        ([], (None, 1)),
        (["unknown"], (None, 1)),
        (["bool", "utf8"], ("bool", True)),  # more than there are columns
    ],
)
def test_column_types_say_what_sqlite_does_not(
    client: Client, types: list[str], expected: tuple[str | None, Any]
) -> None:
    reply = client.query("select 1 + 0 as v", result_format="columns", column_types=types)
    (field,), ((cell,),) = columns(reply)
    name, value = expected
    assert name is None or field.type.name == name
    assert (type(cell), cell) == (type(value), value)


@pytest.mark.parametrize("types", ["bool", [1], ["no such type"], {"v": "bool"}], ids=repr)
def test_column_types_are_names_of_types(client: Client, types: object) -> None:
    reply = client.query("select 1 as v", column_types=types)
    assert reply.status == "InvalidInput"
    assert "column_types" in reply.error


# -- PostgreSQL -------------------------------------------------------------------------------------

CELLS: list[tuple[str, Type, Any]] = [
    ("true", Type("bool"), True),
    ("7::int2", Type("int16"), 7),
    ("7::int4", Type("int32"), 7),
    ("-7::int8", Type("int64"), -7),
    ("1.5::float4", Type("float32"), 1.5),
    ("'-Infinity'::float8", Type("float64"), -math.inf),
    ("12.50::numeric(10,2)", Type("decimal128", 10, 2), ("decimal128", 1250, 2)),
    ("12.50::numeric", Type("decimal"), ("decimal", "12.50")),
    ("'Zoë'::text", Type("utf8"), "Zoë"),
    ("'\\x00ff'::bytea", Type("binary"), b"\x00\xff"),
    ("'1970-01-11'::date", Type("date"), ("date", 10)),
    ("'00:00:01'::time", Type("time"), ("time", 1_000_000)),
    ("'1970-01-01 00:00:01'::timestamp", Type("timestamp"), ("timestamp", 1_000_000)),
    ("'1970-01-01 05:30:01+05:30'::timestamptz", Type("timestamptz"), ("timestamptz", 1_000_000)),
    (
        "'00112233-4455-6677-8899-aabbccddeeff'::uuid",
        Type("uuid"),
        ("uuid", bytes.fromhex("00112233445566778899aabbccddeeff")),
    ),
    ("'1 mon 2 days 3 us'::interval", Type("interval"), ("interval", 1, 2, 3)),
    ("'[1, 2]'::json", Type("json"), ("json", "[1, 2]")),
    ("'10.0.0.1/24'::inet", Type("inet"), ("inet", "10.0.0.1/24")),
    ("'10.0.0.0/8'::cidr", Type("inet", is_network=True), ("inet", "10.0.0.0/8")),
    ("'(1,2)'::point", Type("other", other_name="point"), ("other", "(1,2)")),
    ("array[1, null]", Type("list", element=Type("int32")), [1, None]),
    (
        "int4range(1, 10)",
        Type("range", element=Type("int32")),
        ("range", 2, 1, 10),
    ),
    ("'empty'::int4range", Type("range", element=Type("int32")), ("range", 1, None, None)),
    ("null::int8", Type("int64"), None),
    (
        "array_fill(7, array[2], array[-3])",
        Type("list", element=Type("int32")),
        ("list", [-3], [7, 7]),
    ),
]


@pytest.mark.parametrize(("sql", "type_", "cell"), CELLS, ids=[sql for sql, _, _ in CELLS])
def test_a_cell_of_postgresql(pg: Client, sql: str, type_: Type, cell: Any) -> None:
    reply = pg.query(f"select {sql} as v", result_format="columns")
    (field,), ((found,),) = columns(reply)
    assert field.name == "v"
    assert (field.type.name, field.type.element) == (type_.name, type_.element)
    assert (field.type.precision, field.type.scale) == (type_.precision, type_.scale)
    assert field.type.is_network == type_.is_network
    if type_.other_name:
        assert field.type.other_name == type_.other_name
    assert found == cell


def test_timetz_and_late_mixed_cells_of_postgresql(pg: Client) -> None:
    reply = pg.query("select '10:00+05:30'::timetz as v", result_format="columns")
    (field,), ((found,),) = columns(reply)
    assert field.type.name == "timetz"
    assert found[0] == "timetz"
    sql = (
        "select case when n = 5 then 'NaN' else n::numeric end::numeric(4, 1) as v"
        " from generate_series(1, 5) n"
    )
    (field,), rows = columns(pg.query(sql, result_format="columns"))
    assert field.type == Type("decimal128", 4, 1)
    assert rows[4] == (("decimal", "NaN"),)
    assert rows[0] in [(("decimal", "1.0"),), (("decimal128", 10, 1),)]


# -- Encoded parameters -------------------------------------------------------------------------------

VALUES: list[Any] = [None, True, -(2**63), 0.1, "Zoë", b"\x00\xff"]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_an_encoded_value_of_sqlite(socket_client: Client, value: Any) -> None:
    payload = {"sql": "select ?1 as v", "params": encoded(value), "result_format": "columns"}
    _, ((found,),) = columns(socket_client.call("db_query", payload, codec="msgpack"))
    assert found == value


POSTGRES_VALUES: list[tuple[str, Any]] = [
    ("date", ("date", 10)),
    ("time", ("time", 1)),
    ("timestamp", ("timestamp", -1)),
    ("timestamptz", ("timestamptz", 86_400_000_000)),
    ("uuid", ("uuid", bytes(range(16)))),
    ("interval", ("interval", -1, 2, -3)),
    ("numeric", ("decimal", "1.10")),
    ("jsonb", ("json", '{"a": 1}')),
    ("text", "a"),
    ("bytea", b"\0"),
    ("float8", -0.0),
]


@pytest.mark.parametrize(("type_name", "value"), POSTGRES_VALUES, ids=repr)
def test_an_encoded_value_of_postgresql(pg: Client, type_name: str, value: Any) -> None:
    payload = {
        "sql": f"select $1::{type_name} as v, $2::int8 as w",
        "params": encoded(value, 7),
        "result_format": "columns",
    }
    _, (row,) = columns(pg.call("db_query", payload, codec="msgpack"))
    assert row == (value, 7)


def test_encoded_lists_and_ranges_of_postgresql(pg: Client) -> None:
    payload = {
        "sql": "select $1::int8[] as a, $2::int8range as r, $3::inet as i, $4::timetz as t",
        "params": encoded(
            ("list", [1], [1, None, 3]), ("range", 2, 1, 10), ("inet", "10.0.0.1/24", False),
            ("timetz", 36_000_000_000, 19_800),
        ),
    }  # fmt: skip
    reply = pg.call("db_query", payload, codec="msgpack")
    (row,) = reply.value["rows"]
    assert row[0] == [1, None, 3]
    assert row[1]["lower"] == {"value": 1, "inclusive": True}
    assert row[2:] == ["10.0.0.1/24", "10:00:00+05:30"]


WRONG: dict[str, bytes] = {
    "an unknown kind": b"\xff",
    "cut short": encode_value("abc")[:-1],
    "a size beyond the end": b"\x04\xff\xff\xff\xff",
    "a count beyond the end": b"\x10\0\0\0\0\xff\xff\xff\x7f",
    "too deep": (struct.pack("<BII", 16, 0, 1)) * 1000 + b"\0",
    "one more value": encode_value(1) * 2,
    "none": b"",
}


@pytest.mark.parametrize("kind", WRONG)
def test_encoded_values_that_are_wrong_are_refused(socket_client: Client, kind: str) -> None:
    params = {"mode": "encoded", "values": WRONG[kind]}
    payload = {"sql": "select ?1 as v", "params": params}
    reply = socket_client.call("db_query", payload, codec="msgpack")
    assert reply.status == "InvalidInput"
    socket_client.ping()


@pytest.mark.parametrize("values", ["AAAA", [1], 5, None], ids=repr)
def test_encoded_values_are_bytes(socket_client: Client, values: object) -> None:
    """JSON has none."""
    params = {"mode": "encoded", "values": values}
    reply = socket_client.call("db_query", {"sql": "select ?1 as v", "params": params})
    assert reply.status == "InvalidInput"


def test_encoded_values_after_a_million_are_refused(start: Start, items_path: Path) -> None:
    client = start(env={"MOLT_DB_SQLITE_PATH": items_path}).client()
    params = {"mode": "encoded", "values": b"\0" * ((1 << 20) + 1)}
    reply = client.call("db_query", {"sql": "select ?1 as v", "params": params})
    assert reply.status == "InvalidInput"
    client.ping()
