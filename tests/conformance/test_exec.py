"""db_exec: one write, completely or not at all, and only where it is allowed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from conformance.client import Client
from conformance.codec import Wire
from conformance.conftest import Shared, Start
from conformance.data import ENDLESS, read_rows
from servers.fixtures import PostgresDatabase
from servers.processes import wait_until

SETUP = "create table things (id integer primary key, name text unique not null, n integer)"


@pytest.fixture
def writer(start: Start, own_items: Path, wire: Wire) -> Client:
    """Of a worker whose SQLite file may be written; it has an empty table `things`."""
    env = {"MOLT_DB_SQLITE_PATH": own_items, "MOLT_DB_SQLITE_READWRITE": "1"}
    client = start(env=env).client(wire)
    assert client.execute(SETUP).value == {"rows_affected": 0}
    return client


def things(client: Client) -> list[list[Any]]:
    rows: list[list[Any]] = client.query("select id, name, n from things order by id").value["rows"]
    return rows


def test_an_insert_says_the_last_id(writer: Client) -> None:
    reply = writer.execute("insert into things (name) values (?)", "a")
    assert reply.value == {"rows_affected": 1, "last_insert_id": 1}
    assert reply.metrics["db_rows_affected"] == 1
    assert reply.metrics["db_last_insert_id"] == 1
    reply = writer.execute("insert into things (id, name) values (77, 'b'), (78, 'c')")
    assert reply.value == {"rows_affected": 2, "last_insert_id": 78}
    assert things(writer) == [[1, "a", None], [77, "b", None], [78, "c", None]]


@pytest.mark.parametrize("result_format", ["json", "msgpack"])
def test_the_result_has_the_format_that_was_asked_for(writer: Client, result_format: str) -> None:
    reply = writer.execute("insert into things (name) values ('a')", result_format=result_format)
    assert reply.codec == result_format
    assert reply.value == {"rows_affected": 1, "last_insert_id": 1}


@pytest.mark.parametrize("result_format", ["arrow_ipc", "json_rows", "jsonl", "csv", "xml"])
def test_other_formats_are_invalid_and_nothing_is_written(
    writer: Client, result_format: str
) -> None:
    reply = writer.execute("insert into things (name) values ('a')", result_format=result_format)
    assert reply.status == "InvalidInput"
    assert things(writer) == []


def test_updates_and_deletes_say_how_many_and_no_id(writer: Client) -> None:
    writer.execute("insert into things (name, n) values ('a', 1), ('b', 2), ('c', 3)")
    reply = writer.execute("update things set n = n + ?1 where n > ?1", 1)
    assert reply.value == {"rows_affected": 2}
    assert "db_last_insert_id" not in reply.metrics
    assert writer.execute("update things set n = 0 where n > 100").value == {"rows_affected": 0}
    assert writer.execute("delete from things where n = 1").value == {"rows_affected": 1}
    assert writer.execute("delete from things").value == {"rows_affected": 2}


def test_an_insert_that_inserted_nothing_has_no_id(writer: Client) -> None:
    writer.execute("insert into things (name) values ('a')")
    reply = writer.execute("insert or ignore into things (name) values ('a')")
    assert reply.value == {"rows_affected": 0}
    reply = writer.execute("insert into things (name) select name from things where 0")
    assert reply.value == {"rows_affected": 0}


WITH = "with new(name) as (values ('a'), ('b')) "


def test_writes_may_stand_behind_with(writer: Client) -> None:
    reply = writer.execute(f"{WITH} insert into things (name) select name from new")
    assert reply.value == {"rows_affected": 2, "last_insert_id": 2}
    sql = f"{WITH} update things set n = 5 where name in (select name from new)"
    assert writer.execute(sql).value == {"rows_affected": 2}
    sql = "with gone as (select 1 as id) delete from things where id in (select id from gone)"
    assert writer.execute(sql).value == {"rows_affected": 1}


def test_replace_writes(writer: Client) -> None:
    writer.execute("insert into things (name, n) values ('a', 1)")
    assert writer.execute("replace into things (id, name, n) values (1, 'a', 2)").status == "Ok"
    assert things(writer) == [[1, "a", 2]]


@pytest.mark.parametrize("sql", [
    "create table more (a)",
    "create index things_n on things (n)",
    "alter table things add column more text",
    "create view seen as select * from things",
    "drop table things",
])  # fmt: skip
def test_ddl_affects_no_rows(writer: Client, sql: str) -> None:
    writer.execute("insert into things (name) values ('a')")
    assert writer.execute(sql).value == {"rows_affected": 0}


def test_names_of_parameters_work_in_writes(writer: Client) -> None:
    values = [{"name": "n", "value": 5}, {"name": "name", "value": "ä"}]
    payload = {
        "sql": "insert into things (name, n) values (:name, :n)",
        "params": {"mode": "named", "values": values},
        "allow_write": True,
    }
    assert writer.call("db_exec", payload).status == "Ok"
    assert things(writer) == [[1, "ä", 5]]


REFUSED = [
    "select 1",
    "values (1)",
    "with a as (select 1) select * from a",
    "begin",
    "begin immediate",
    "commit",
    "end",
    "rollback",
    "savepoint s",
    "release s",
    "attach 'other.db' as other",
    "attach ':memory:' as other",
    "detach main",
    "pragma journal_mode = delete",
    "pragma user_version = 5",
    "pragma table_info(things)",
    "vacuum",
    "vacuum into 'copy.db'",
    "explain insert into things (name) values ('a')",
    "insert into things (name) values ('a'); insert into things (name) values ('b')",
    "insert into things (name) values ('a'); select 1",
    "",
    "insert into no_such_table values (1)",
    "insert into things (no_such_column) values (1)",
    "insert in things",
]


@pytest.mark.parametrize("sql", REFUSED)
def test_anything_but_one_write_is_invalid(writer: Client, sql: str) -> None:
    assert writer.execute(sql).status == "InvalidInput"
    assert things(writer) == []


@pytest.mark.parametrize("allow_write", [False, None, "missing"])
def test_a_write_needs_allow_write(writer: Client, allow_write: object) -> None:
    payload = {"sql": "insert into things (name) values ('a')", "allow_write": allow_write}
    if allow_write == "missing":
        del payload["allow_write"]
    assert writer.call("db_exec", payload).status == "InvalidInput"
    assert things(writer) == []


@pytest.mark.parametrize("allow_write", [1, "true", [], {}], ids=repr)
def test_allow_write_is_a_boolean(writer: Client, allow_write: object) -> None:
    sql = "insert into things (name) values ('a')"
    assert writer.execute(sql, allow_write=allow_write).status == "InvalidInput"
    assert things(writer) == []


def test_an_alias_for_reading_is_not_written(start: Start, own_items: Path) -> None:
    before = own_items.read_bytes()
    settings: list[dict[str, object]] = [
        {"MOLT_DB_SQLITE_PATH": own_items},
        {"MOLT_DATABASES": json.dumps({"default": f"sqlite:///{own_items}"})},
        {"MOLT_DATABASES": json.dumps({"default": {"url": f"sqlite:///{own_items}"}})},
    ]
    for env in settings:
        client = start(env=env).client()
        assert client.execute("delete from items").status == "InvalidInput"
    assert own_items.read_bytes() == before


def test_a_statement_that_fails_leaves_nothing_behind(writer: Client) -> None:
    writer.execute("insert into things (name) values ('b')")
    reply = writer.execute("insert into things (name) values ('a'), ('b')")
    assert reply.status in ("InvalidInput", "InternalError")
    reply = writer.execute("insert into things (name) values ('c'), (null)")
    assert reply.status in ("InvalidInput", "InternalError")
    assert things(writer) == [[1, "b", None]]
    assert writer.execute("insert into things (name) values ('d')").status == "Ok"


ENDLESS_INSERT = (
    "insert into things (name) with recursive c(n) as (select 1 union all select n + 1 from c)"
    " select n from c"
)


def test_a_write_that_times_out_leaves_nothing_behind(writer: Client) -> None:
    reply = writer.execute(ENDLESS_INSERT, envelope={"timeout_ms": 200})
    assert reply.status == "Timeout"
    assert things(writer) == []
    assert writer.execute("insert into things (name) values ('a')").status == "Ok"


def test_a_write_that_is_cancelled_leaves_nothing_behind(writer: Client) -> None:
    target = writer.send("db_exec", {"sql": ENDLESS_INSERT, "allow_write": True})
    assert writer.cancel(target).status == "Ok"
    assert writer.reply_to(target).status == "Cancelled"
    assert things(writer) == []
    assert writer.execute("insert into things (name) values ('a')").status == "Ok"


def test_a_write_of_a_client_that_goes_away_leaves_nothing_behind(
    start: Start, own_items: Path
) -> None:
    env = {"MOLT_DB_SQLITE_PATH": own_items, "MOLT_DB_SQLITE_READWRITE": "1"}
    running = start(env=env)
    gone, client = running.client(), running.client()
    sql = f"insert into mixed select * from ({ENDLESS})"
    gone.send("db_exec", {"sql": sql, "allow_write": True})
    gone.ping()
    gone.close()
    wait_until(lambda: client.execute("insert into mixed values ('mine')").status == "Ok", 10)
    assert read_rows(own_items, "select count(*) from mixed") == [(4,)]


def test_a_write_is_seen_by_others_when_it_is_answered(writer: Client, own_items: Path) -> None:
    for n in range(10):
        assert writer.execute("insert into things (name) values (?)", str(n)).status == "Ok"
        assert read_rows(own_items, "select count(*) from things") == [(n + 1,)]


@pytest.fixture(scope="module")
def pg_writer_worker(pg_database: PostgresDatabase) -> Iterator[Shared]:
    databases = {"default": {"url": pg_database.url(), "write": True}}
    shared = Shared({"MOLT_DATABASES": json.dumps(databases)})
    yield shared
    shared.close()


@pytest.fixture
def pg_writer(
    wire: Wire, pg_writer_worker: Shared, pg_database: PostgresDatabase
) -> Iterator[Client]:
    with psycopg.connect(pg_database.conninfo(), autocommit=True) as connection:
        connection.execute("drop table if exists things")
        connection.execute("create table things (id serial primary key, name text unique, n int)")
    with pg_writer_worker.client(wire) as client:
        yield client


def test_postgresql_writes(pg_writer: Client) -> None:
    reply = pg_writer.execute("insert into things (name, n) values ($1, 1), ('b', 2)", "a")
    assert reply.value["rows_affected"] == 2
    reply = pg_writer.execute("update things set n = $1 where name = $2", 5, "a")
    assert reply.value == {"rows_affected": 1}
    sql = "with new as (select 'c' as name) insert into things (name) select name from new"
    assert pg_writer.execute(sql).value["rows_affected"] == 1
    assert pg_writer.execute("create table if not exists t (a int)").value == {"rows_affected": 0}
    assert pg_writer.execute("drop table t").value == {"rows_affected": 0}
    assert pg_writer.execute("delete from things").value == {"rows_affected": 3}


@pytest.mark.parametrize("sql", [
    "select 1", "begin", "commit", "rollback", "savepoint s", "start transaction",
    "prepare transaction 'x'", "insert into things (name) values ('a'); select 1",
    "with a as (select 1) select * from a", "insert into no_such_table values (1)",
])  # fmt: skip
def test_postgresql_refuses_anything_but_one_write(pg_writer: Client, sql: str) -> None:
    assert pg_writer.execute(sql).status == "InvalidInput"
    assert pg_writer.query("select count(*) as n from things").value["rows"] == [[0]]


def test_a_write_on_postgresql_that_ends_early_leaves_nothing_behind(
    pg_writer: Client, pg_database: PostgresDatabase
) -> None:
    sql = "insert into things (n) select n from generate_series(1, 10) n, pg_sleep(30)"
    reply = pg_writer.execute(sql, envelope={"timeout_ms": 200})
    assert reply.status == "Timeout"
    target = pg_writer.send("db_exec", {"sql": sql, "allow_write": True})
    assert pg_writer.cancel(target).status == "Ok"
    reply = pg_writer.reply_to(target)
    assert reply.status == "Cancelled", reply.error
    reply = pg_writer.execute("insert into things (name) values ('a'), ('a')")
    assert reply.status in ("InvalidInput", "InternalError")
    assert pg_writer.query("select count(*) as n from things").value["rows"] == [[0]]
    with psycopg.connect(pg_database.conninfo(), autocommit=True) as connection:
        wait_until(lambda: not open_transactions(connection), 10, "no transaction is left open")


def open_transactions(connection: psycopg.Connection[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Of other sessions of this database."""
    return connection.execute(
        "select pid, state from pg_stat_activity where datname = current_database()"
        " and pid <> pg_backend_pid() and (state like 'idle in%' or xact_start is not null)"
    ).fetchall()
