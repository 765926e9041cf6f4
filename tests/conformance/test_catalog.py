"""What a client that compiles queries asks for: tables, columns, plans, and the kind of an error;
and statements that are executed with many sets of values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from conformance.client import Client
from conformance.codec import Reply, Wire, from_json, unpack
from conformance.columns import decode_columns, param_sets
from conformance.conftest import Start
from conformance.data import ENDLESS, read_rows

ITEMS_COLUMNS = ["id", "user_id", "created_at", "status", "title", "score", "unread"]


def test_tables_are_named(client: Client) -> None:
    tables = client.call("db_tables", {"db_alias": "default"}).value
    assert tables == {"tables": ["items", "mixed", "widened"]}
    assert client.call("db_tables", {}).value == tables
    assert client.call("db_tables", {"db_alias": "nowhere"}).status == "InvalidInput"
    assert client.call("db_tables", [1]).status == "InvalidInput"


def test_a_table_is_described_as_a_result_without_rows(client: Client) -> None:
    reply = client.call("db_describe", {"table": "items"})
    assert (reply.status, reply.codec) == ("Ok", "raw")
    fields, batches = decode_columns(reply.payload)
    assert batches == [[]]
    assert [field.name for field in fields] == ITEMS_COLUMNS
    types = {field.name: (field.type.name, field.nullable) for field in fields}
    assert types["user_id"] == ("int64", False)
    assert types["score"] == ("float64", True)
    assert types["unread"] == ("bool", False)
    same = client.call("db_describe", {"schema": "main", "table": "items"})
    assert same.payload == reply.payload


@pytest.mark.parametrize(
    "payload", [{}, {"table": 5}, {"table": None}, {"table": "nowhere"}, 7], ids=repr
)
def test_what_is_no_table_is_refused(client: Client, payload: object) -> None:
    assert client.call("db_describe", payload).status == "InvalidInput"


def test_a_table_of_postgresql_is_described(pg: Client) -> None:
    reply = pg.call("db_describe", {"schema": "pg_catalog", "table": "pg_class"})
    fields, _ = decode_columns(reply.payload)
    types = {field.name: field.type for field in fields}
    assert types["relnatts"].name == "int64"  # as queries compute with it
    assert pg.call("db_tables", {}).value == {"tables": []}


def test_a_plan_is_text(client: Client) -> None:
    sql = "select * from items where id = ?"
    params = {"mode": "positional", "values": [1]}
    plan = client.call("db_explain", {"sql": sql, "params": params}).value["plan"]
    assert "items" in plan
    assert client.call("db_explain", {"sql": "select * from nowhere"}).status == "InvalidInput"
    assert client.call("db_explain", {"sql": "select 1", "analyze": 1}).status == "InvalidInput"
    assert client.call("db_explain", {}).status == "InvalidInput"


def test_a_plan_of_postgresql_may_be_measured(pg: Client) -> None:
    plan = pg.call("db_explain", {"sql": "select 1 as n", "analyze": True}).value["plan"]
    assert "actual" in plan
    refused = pg.call("db_explain", {"sql": "create table planned (n int)", "analyze": True})
    assert refused.status == "InvalidInput"
    assert pg.call("db_tables", {}).value == {"tables": []}


@pytest.mark.parametrize("entry", ["db_tables", "db_describe", "db_explain"])
def test_they_are_no_control_messages(
    start: Start, items_path: Path, tmp_path: Path, entry: str
) -> None:
    """A manifest that does not export them keeps them from being called."""
    manifest = tmp_path / "manifest.json"
    manifest.write_text('{"exports": [{"name": "health", "codec_in": "raw", "codec_out": "json"}]}')
    env = {"MOLT_DB_SQLITE_PATH": items_path}
    client = start("--exports", manifest, env=env).client()
    reply = client.call(entry, {"table": "items", "sql": "select 1"})
    assert reply.status == "InvalidInput"
    assert entry in reply.error


# -- The kind of an error -----------------------------------------------------------------------------

# Of each code, the status that it comes with.
CODES = {
    "InvalidQuery": "InvalidInput",
    "Unsupported": "InvalidInput",
    "Busy": "Busy",
    "Timeout": "Timeout",
    "Cancelled": "Cancelled",
    "Database": "InternalError",
    "Closed": "InternalError",
    "Unavailable": "InternalError",
    "Protocol": "InternalError",
    "Internal": "InternalError",
}


def kind(reply: Reply) -> tuple[str, str]:
    body = from_json(reply.raw) if reply.wire == "json" else unpack(reply.raw)
    assert reply.status == CODES[body["error_code"]]
    return body["error_code"], body["sqlstate"]


def test_an_error_has_its_code(start: Start, own_items: Path, wire: Wire) -> None:
    env = {"MOLT_DB_SQLITE_PATH": own_items, "MOLT_DB_SQLITE_READWRITE": 1}
    client = start(env=env).client(wire)
    assert kind(client.query("select * from nowhere")) == ("InvalidQuery", "SQLITE_ERROR")
    assert kind(client.call("no_such_entry")) == ("InvalidQuery", "")
    client.send_body(b"{}" if wire == "json" else b"\x80")
    assert kind(client.receive()) == ("InvalidQuery", "")
    assert kind(client.query(ENDLESS, envelope={"timeout_ms": 50}))[0] == "Timeout"
    same = client.execute("insert into items select * from items")
    assert kind(same)[0] == "Database"
    explained = client.call("db_explain", {"sql": "select 1", "analyze": True})
    assert kind(explained)[0] == "Unsupported"
    target = client.send("db_query", {"sql": ENDLESS})
    client.cancel(target)
    assert kind(client.reply_to(target))[0] == "Cancelled"
    raw = client.query("select 1 as n").raw
    assert b"error_code" not in raw
    assert b"sqlstate" not in raw


@pytest.mark.parametrize(
    ("sql", "code", "state"),
    [
        ("select * from nowhere", "InvalidQuery", "42P01"),
        ("select 1 / 0", "Database", "22012"),
        ("selct", "InvalidQuery", "42601"),
        ("delete from pg_class", "InvalidQuery", None),
    ],
)
def test_an_error_of_postgresql_has_its_sqlstate(
    pg: Client, sql: str, code: str, state: str | None
) -> None:
    found = kind(pg.query(sql))
    assert found[0] == code
    assert state is None or found[1] == state


# -- Many sets of values ------------------------------------------------------------------------------


@pytest.fixture
def writer(start: Start, own_items: Path) -> Client:
    env = {"MOLT_DB_SQLITE_PATH": own_items, "MOLT_DB_SQLITE_READWRITE": 1}
    return start(env=env).client()


INSERT = "insert into widened (v) values (?)"


def write(client: Client, sets: object, **more: Any) -> Any:
    payload = {"sql": INSERT, "allow_write": True, "param_sets": sets} | more
    return client.call("db_exec", payload)


def test_a_statement_is_executed_for_each_set(writer: Client, own_items: Path) -> None:
    assert write(writer, param_sets([1.5], [2], [None])).value["rows_affected"] == 3
    assert read_rows(own_items, "select v from widened order by rowid")[2:] == [
        (1.5,),
        (2.0,),
        (None,),
    ]
    assert write(writer, b"").value["rows_affected"] == 0


def test_a_set_that_fails_keeps_all_others_from_being_written(
    writer: Client, own_items: Path
) -> None:
    before = read_rows(own_items, "select count(*) from items")
    sql = "update items set id = ? where id = ?"
    sets = param_sets([100_000, 1], [100_001, 2], [3, 4])
    reply = write(writer, sets, sql=sql)
    assert reply.status in ("InvalidInput", "InternalError")
    assert read_rows(own_items, "select count(*) from items") == before
    assert read_rows(own_items, "select count(*) from items where id >= 100000") == [(0,)]


WRONG_SETS: dict[str, tuple[object, dict[str, Any]]] = {
    "no bytes": ([[1]], {}),
    "cut short": (param_sets([1])[:-1], {}),
    "a count beyond the end": (b"\xff\xff\xff\xff", {}),
    "too few values": (param_sets([1], []), {}),
    "too many values": (param_sets([1], [1, 2]), {}),
    "beside params": (param_sets([1]), {"params": {"mode": "positional", "values": [1]}}),
    "not allowed": (param_sets([1]), {"allow_write": False}),
    "a read": (param_sets([1]), {"sql": "select ?"}),
}


@pytest.mark.parametrize("what", WRONG_SETS)
def test_sets_that_are_wrong_are_refused(writer: Client, own_items: Path, what: str) -> None:
    sets, more = WRONG_SETS[what]
    reply = write(writer, sets, **more)
    assert reply.status == "InvalidInput", reply
    assert read_rows(own_items, "select count(*) from widened") == [(2,)]


def test_sets_of_json_are_refused(start: Start, own_items: Path) -> None:
    wire: Wire = "json"
    env = {"MOLT_DB_SQLITE_PATH": own_items, "MOLT_DB_SQLITE_READWRITE": 1}
    client = start(env=env).client(wire)
    assert write(client, "AAAA").status == "InvalidInput"
