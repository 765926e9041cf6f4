"""db_query on PostgreSQL: reads of every shape, and nothing that writes or outlives its request."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from conformance.client import Client
from servers.fixtures import PostgresDatabase


@pytest.fixture(scope="module", autouse=True)
def table(pg_database: PostgresDatabase) -> Iterator[None]:
    with psycopg.connect(pg_database.conninfo(), autocommit=True) as connection:
        connection.execute("create table things (id serial primary key, name text)")
        connection.execute("insert into things (name) values ('a'), ('b')")
        connection.execute("create sequence numbers")
        connection.execute(
            "create function writes() returns int language sql as"
            " $$ insert into things (name) values ('hidden') returning 1 $$"
        )
        yield


ACCEPTED = [
    "select count(*) from things;",
    "/* a */ select 1 -- b",
    "values (1)",
    "with a as (select 1) select * from a",
    "with recursive c(n) as (select 1 union all select n + 1 from c where n < 1) select n from c",
    "select 1 as \"größe\" where 'ä' = 'ä'",
    "select row_number() over (order by id) from things limit 1",
    "select x from lateral (select 1 as x) t",
    "select distinct on (name) name from things order by name limit 1",
    "select 1 from things tablesample bernoulli (100) limit 1",
    "select * from generate_series(1, 3) with ordinality limit 1",
    "select '{\"a\": 1}'::jsonb @? '$.a'",
    "select 1 union all select 2 except select 2",
    "select count(*) filter (where id > 0), array_agg(name order by id desc) from things",
    "select grouping(name), count(*) from things group by rollup (name) limit 1",
    "table things limit 1",
    "select e'\\';' as v",
    "select 1 as 数",
]


@pytest.mark.parametrize("sql", ACCEPTED)
def test_a_select_that_the_server_accepts_is_accepted(pg: Client, sql: str) -> None:
    reply = pg.query(sql)
    assert reply.status == "Ok", reply.error
    assert reply.value["row_count"] == 1


REFUSED = [
    "",
    "-- nothing",
    "selec 1",
    "select * from no_such_table",
    "select no_such_column from things",
    "select no_such_function()",
    "select 1; select 2",
    "select 1; delete from things",
    "insert into things (name) values ('x')",
    "insert into things (name) values ('x') returning id",
    "update things set name = 'x'",
    "delete from things",
    "truncate things",
    "create table t (a int)",
    "create temp table t (a int)",
    "drop table things",
    "alter table things add column x int",
    "with a as (insert into things (name) values ('x') returning id) select * from a",
    "with a as (delete from things returning id) select * from a",
    "select * into copied from things",
    "create table copied as select * from things",
    "select * from things for update",
    "select * from things for share",
    "explain analyze delete from things",
    "select nextval('numbers')",
    "select setval('numbers', 7)",
    "select writes()",
    "copy things to stdout",
    "copy things from stdin",
    "copy (select 1) to program 'true'",
    "lock table things",
    "set search_path = pg_catalog",
    "select set_config('search_path', 'pg_catalog', false)",
    "select pg_advisory_lock(1)",
    "listen channel",
    "notify channel",
    "do $$ begin delete from things; end $$",
    "call no_such_procedure()",
    "prepare p as select 1",
    "execute p",
    "deallocate all",
    "discard all",
    "begin",
    "commit",
    "rollback",
    "savepoint s",
    "vacuum",
    "reindex table things",
    "refresh materialized view m",
    "grant select on things to public",
    "select lo_create(0)",
    "commit; insert into things (name) values ('x')",
]


@pytest.mark.parametrize("sql", REFUSED)
def test_anything_but_one_read_is_invalid(pg: Client, sql: str) -> None:
    reply = pg.query(sql)
    assert reply.status == "InvalidInput", reply
    assert pg.query("select count(*)::int as n from things").value["rows"] == [[2]]


def test_an_error_of_the_server_says_what_is_wrong_and_no_value(pg: Client) -> None:
    assert "no_such_table" in pg.query("select * from no_such_table").error
    reply = pg.query("select $1::int as v", {"value": "s3cret", "type": "text"})
    assert reply.status in ("InvalidInput", "InternalError")
    assert "s3cret" not in reply.error


def test_an_error_while_it_runs_ends_that_request_alone(pg: Client) -> None:
    reply = pg.query("select 1 / (n - 3) as v from generate_series(1, 5) n")
    assert reply.status in ("InvalidInput", "InternalError")
    assert pg.query("select 1 as v").value["rows"] == [[1]]


@pytest.mark.parametrize("max_rows", [2**31 - 1, 2**31, 2**32 + 5, 2**63 - 1])
def test_a_limit_larger_than_any_result_cuts_nothing(pg: Client, max_rows: int) -> None:
    value = pg.query("select generate_series(1, 2000) as n", max_rows=max_rows).value
    assert value["row_count"] == 2000


def test_a_result_is_cut_at_max_rows(pg: Client) -> None:
    sql = "select n from generate_series(1, 5000) n"
    assert pg.query(sql).value["row_count"] == 1000
    assert pg.query(sql, max_rows=2).value["rows"] == [[1], [2]]
    assert pg.query(sql, max_rows=5000).value["row_count"] == 5000


def test_many_requests_are_answered_each_with_its_own(pg: Client) -> None:
    ids = [pg.send("db_query", {"sql": f"select {n} as n"}) for n in range(60)]
    for n, request_id in enumerate(ids):
        reply = pg.reply_to(request_id)
        assert reply.status == "Ok", reply.error
        assert reply.value["rows"] == [[n]]


def test_metrics_name_the_pool(pg: Client) -> None:
    metrics = pg.query("select 1 as n", tag="t").metrics
    assert metrics["db_alias"] == "default"
    assert metrics["db_tag"] == "t"
    assert metrics["pool_in_flight"] + metrics["pool_idle"] >= 1


def test_hello_names_the_engine(pg: Client) -> None:
    hello = pg.call("__hello__", b"", codec="json").value
    assert hello["aliases"] == {"default": "postgres"}


def test_the_ir_is_compiled_for_the_alias(pg: Client) -> None:
    name = {"op": "column", "table": "things", "name": "name"}
    like = {"op": "icontains", "args": [name, {"op": "value", "type": "utf8", "value": "B"}]}
    query = {"from": {"name": "things"}, "select": [name], "where": [like]}
    for codec in ("json", "msgpack"):
        payload = {"query": {"molt_ir": 1, "query": query}}
        reply = pg.call("db_query", payload, codec=codec)
        assert reply.value == {"columns": ["name"], "rows": [["b"]], "row_count": 1}
