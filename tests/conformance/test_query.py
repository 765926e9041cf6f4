"""db_query on SQLite: what is accepted, cut and refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from conformance.client import Client
from conformance.conftest import Start
from conformance.data import NO_WRITE, items_of, read_rows


def test_rows_come_with_their_columns_and_count(client: Client) -> None:
    reply = client.query("select id, title, score from items where user_id = 1 order by id limit 3")
    rows = [[item["id"], item["title"], item["score"]] for item in items_of(1)[:3]]
    assert reply.value == {"columns": ["id", "title", "score"], "rows": rows, "row_count": 3}


def test_json_is_compact_and_in_order(client: Client) -> None:
    reply = client.query("select 1 as a, 'Zoë' as \"ß\", null as c")
    assert reply.codec == "json"
    expected = '{"columns":["a","ß","c"],"rows":[[1,"Zoë",null]],"row_count":1}'
    assert reply.payload == expected.encode()


@pytest.mark.parametrize("result_format", ["json", "msgpack"])
def test_names_that_repeat_are_kept(client: Client, result_format: str) -> None:
    reply = client.query("select 1 as a, 2 as a, 3 as b, 4 as a", result_format=result_format)
    assert reply.value == {"columns": ["a", "a", "b", "a"], "rows": [[1, 2, 3, 4]], "row_count": 1}


@pytest.mark.parametrize("result_format", ["json", "msgpack"])
def test_a_result_without_rows_has_its_columns(client: Client, result_format: str) -> None:
    reply = client.query("select id, title from items where 0", result_format=result_format)
    assert reply.value == {"columns": ["id", "title"], "rows": [], "row_count": 0}


ACCEPTED = [
    "select 1 as v;",
    "  select 1 as v ; -- done",
    "/* first */ select 1 as v /* last */",
    "SELECT 1 AS v\n\n",
    "values (1)",
    "with a as (select 1 as v) select v from a",
    "with recursive c(n) as (select 1 union all select n + 1 from c where n < 1) select n from c",
    "select 1 as v union select 1",
    "select ';' is ';' as v",
    "select 1 as v -- ; select 2",
    'select 1 as "a;b"',
    "select count(*) over () as v from items limit 1 offset 600 - 1200 + 600",
    "select v from (select 1 as v) order by v limit 1",
    "select case when 'ä' = 'ä' then 1 end as \"größe\"",
    "select 1 as 数",
    "select iif(1, 1, 2) as v where 1 is not distinct from 1",
    "select value as v from json_each('[1]')",
    "select 1 as v where 'Zoë' in ('Zoë') and 'delete from items' <> ''",
    "select 1 as [select]",
]


@pytest.mark.parametrize("sql", ACCEPTED)
def test_a_select_that_the_engine_accepts_is_accepted(client: Client, sql: str) -> None:
    reply = client.query(sql)
    assert reply.status == "Ok", reply.error
    assert reply.value["row_count"] == 1


INVALID = [
    "",
    "   ",
    "-- nothing",
    ";",
    "selec 1",
    "select",
    "select * from no_such_table",
    "select no_such_column from items",
    "select no_such_function(1)",
    "select 'open",
    "select 1; select 2",
    "select 1 as v; delete from items where id < 0",
    "select 1 \x00 as v",
]
WRITES = [
    "insert into mixed values (1)",
    "insert into mixed values (1) returning v",
    "update items set score = 0 where id < 0",
    NO_WRITE,
    "replace into mixed values (1)",
    "with a as (select 1) insert into mixed select * from a",
    "with a as (select 1) delete from items where id < 0",
    "create table t (a)",
    "create temp table t (a)",
    "drop table items",
    "alter table items add column x",
    "create index i on items (title)",
    "begin",
    "commit",
    "rollback",
    "savepoint s",
    "release s",
    "attach ':memory:' as other",
    "attach 'other.db' as other",
    "detach main",
    "pragma journal_mode = wal",
    "pragma writable_schema = 1",
    "vacuum",
    "vacuum into 'copy.db'",
    "reindex",
    "analyze",
    "select load_extension('x')",
    "select writefile('x', 'y')",
]


@pytest.mark.parametrize("sql", INVALID + WRITES)
def test_anything_but_one_read_is_invalid(client: Client, sql: str) -> None:
    reply = client.query(sql)
    assert reply.status == "InvalidInput"
    assert client.query("select count(*) as n from items").value["rows"] == [[1200]]


@pytest.mark.parametrize("sql", WRITES)
def test_a_query_writes_nothing_though_the_alias_may_be_written(
    start: Start, own_items: Path, sql: str
) -> None:
    before = own_items.read_bytes()
    env = {"MOLT_DB_SQLITE_PATH": own_items, "MOLT_DB_SQLITE_READWRITE": "1"}
    client = start(env=env).client()
    assert client.query(sql).status == "InvalidInput"
    assert client.query(sql, allow_write=True).status == "InvalidInput"
    assert own_items.read_bytes() == before
    assert read_rows(own_items, "select count(*) from items") == [(1200,)]
    assert list(own_items.parent.glob("*.db")) == [own_items]


def test_an_error_of_the_database_says_what_is_wrong(client: Client) -> None:
    assert "no_such_table" in client.query("select * from no_such_table").error
    assert "no_such_column" in client.query("select no_such_column from items").error


def test_an_error_does_not_repeat_a_value(client: Client) -> None:
    reply = client.query("select ?1 as v, no_such_column", "s3cret-value")
    assert reply.status == "InvalidInput"
    assert "s3cret" not in reply.error


@pytest.mark.parametrize("max_rows", [0, 1, 5, 1200, 2**31])
def test_a_result_is_cut_at_max_rows(client: Client, max_rows: int) -> None:
    reply = client.query("select id from items", max_rows=max_rows)
    rows = min(max_rows, 1200)
    assert reply.value["row_count"] == len(reply.value["rows"]) == rows
    assert reply.value["columns"] == ["id"]
    assert reply.metrics["db_row_count"] == rows


def test_a_result_is_cut_at_1000_rows_by_default(client: Client) -> None:
    assert client.query("select id from items").value["row_count"] == 1000


def test_max_rows_ends_a_read_that_would_not_end(client: Client) -> None:
    endless = "with recursive c(n) as (select 1 union all select n + 1 from c) select n from c"
    assert client.query(endless, max_rows=3).value["rows"] == [[1], [2], [3]]


def test_a_field_that_is_null_is_absent(client: Client) -> None:
    fields = [
        "params",
        "db_alias",
        "max_rows",
        "result_format",
        "allow_write",
        "tag",
        "query",
        "arrow_types",
    ]
    reply = client.query("select 1 as n", **dict.fromkeys(fields))
    assert reply.value == {"columns": ["n"], "rows": [[1]], "row_count": 1}


def test_a_field_that_is_not_known_is_ignored(client: Client) -> None:
    reply = client.query("select 1 as n", no_such_field={"a": [1]}, SQL="select 2")
    assert reply.value["rows"] == [[1]]


WRONG: list[dict[str, Any]] = [
    {"sql": None},
    {"sql": 1},
    {"sql": ["select 1"]},
    {"sql": "select 1 as n", "db_alias": 1},
    {"sql": "select 1 as n", "max_rows": "10"},
    {"sql": "select 1 as n", "max_rows": -1},
    {"sql": "select 1 as n", "max_rows": 1.5},
    {"sql": "select 1 as n", "max_rows": True},
    {"sql": "select 1 as n", "result_format": 1},
    {"sql": "select 1 as n", "result_format": "xml"},
    {"sql": "select 1 as n", "result_format": "raw"},
    {"sql": "select 1 as n", "result_format": "JSON"},
    {"sql": "select 1 as n", "allow_write": "yes"},
    {"sql": "select 1 as n", "allow_write": 1},
    {"sql": "select 1 as n", "tag": 1},
    {"sql": "select 1 as n", "query": 1},
    {"sql": "select 1 as n", "arrow_types": "old"},
    {"sql": "select 1 as n", "arrow_types": True},
    {},
]


@pytest.mark.parametrize("payload", WRONG, ids=str)
def test_a_field_of_a_wrong_type_is_invalid(client: Client, payload: dict[str, Any]) -> None:
    assert client.call("db_query", payload).status == "InvalidInput"
    client.ping()


@pytest.mark.parametrize("payload", [[], "select 1", 1, None, [["sql", "select 1"]]], ids=repr)
def test_a_payload_that_is_no_map_is_invalid(client: Client, payload: object) -> None:
    data = b"" if payload is None else payload
    assert client.call("db_query", data, codec=client.wire).status == "InvalidInput"


@pytest.mark.parametrize("codec", ["raw", "arrow_ipc"])
def test_a_payload_in_a_codec_without_maps_is_invalid(client: Client, codec: str) -> None:
    reply = client.call("db_query", b'{"sql":"select 1 as n"}', codec=codec)
    assert reply.status == "InvalidInput"


def test_a_payload_in_another_codec_than_it_says_is_invalid(client: Client) -> None:
    assert client.call("db_query", b'{"sql":"select 1"}', codec="msgpack").status == "InvalidInput"
    assert client.call("db_query", b"\x80", codec="json").status == "InvalidInput"


def test_an_unknown_alias_is_named(client: Client) -> None:
    reply = client.query("select 1 as n", db_alias="elsewhere")
    assert reply.status == "InvalidInput"
    assert "elsewhere" in reply.error


def test_without_a_database_a_query_is_invalid(start: Start) -> None:
    client = start().client()
    assert client.query("select 1 as n").status == "InvalidInput"
    assert client.call("health").status == "Ok"


def test_the_ir_may_take_the_place_of_sql(client: Client) -> None:
    document = {
        "molt_ir": 1,
        "query": {
            "from": {"name": "items"},
            "select": [{"op": "column", "table": "items", "name": "title"}],
            "where": [
                {
                    "op": "eq",
                    "args": [
                        {"op": "column", "table": "items", "name": "id"},
                        {"op": "value", "type": "int64", "value": 1},
                    ],
                }
            ],
        },
    }
    for codec in ("msgpack", "json"):
        reply = client.call("db_query", {"query": document}, codec=codec)
        assert reply.value == {"columns": ["title"], "rows": [["Apple 100% 0"]], "row_count": 1}
    assert client.query("select 1 as n", query=document).status == "InvalidInput"
    wrong = client.call("db_query", {"query": {"molt_ir": 1, "query": {"form": 1}}})
    assert wrong.status == "InvalidInput"
