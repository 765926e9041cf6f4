"""The builder's suite, in this process and through a worker: rows, types, Arrow and errors agree."""

import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pyarrow
import pytest

from golden.test_golden import NAMES, PATHS, Case
from molt_sql import Database, MoltError, Query, connect, raw, table

GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.fixture(scope="module")
def sqlite_both(golden_file: Path) -> Iterator[tuple[Database, Database]]:
    os.environ.setdefault("MOLT_WORKER_BINARY", _binary())
    url = f"sqlite:///{golden_file}?mode=ro"
    with connect(url) as local, connect(f"molt+stdio:{url}") as remote:
        yield local, remote


@pytest.fixture(scope="module")
def postgres_both(pg_url: str) -> Iterator[tuple[Database, Database]]:
    os.environ.setdefault("MOLT_WORKER_BINARY", _binary())
    with psycopg.connect(pg_url) as connection:
        connection.execute((GOLDEN / "dataset.sql").read_text())
        connection.execute("CREATE SCHEMA main")
        connection.execute("CREATE VIEW main.users AS TABLE users")
    with connect(pg_url) as local, connect(f"molt+stdio:{pg_url}") as remote:
        yield local, remote


def _binary() -> str:
    from servers.worker import worker_binary

    return str(worker_binary())


def outcome(query: Query, database: Database) -> Any:
    """Rows with their types, or the error."""
    try:
        result = query.on(database).fetch_all().result()
    except MoltError as error:
        return type(error), str(error), getattr(error, "code", None)
    return (
        result.schema,
        [tuple(map(repr, row)) for row in result],
        [tuple(type(cell) for cell in row) for row in result],
    )


def arrow(query: Query, database: Database) -> Any:
    """The bytes of its Arrow stream, or the error."""
    try:
        rows = query.on(database).fetch_arrow().result().to_arrow()
    except MoltError as error:
        return type(error), str(error)
    sink = pyarrow.BufferOutputStream()
    with pyarrow.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows.combine_chunks())
    return sink.getvalue().to_pybytes()


def assert_same(query: Query, both: tuple[Database, Database]) -> None:
    local, remote = both
    assert outcome(query, remote) == outcome(query, local)
    assert arrow(query, remote) == arrow(query, local)


@pytest.fixture(params=PATHS, ids=lambda path: path.stem)
def query(request: pytest.FixtureRequest) -> Query:
    return Case.read(request.param).query()


def test_golden_cases_on_sqlite(query: Query, sqlite_both: tuple[Database, Database]) -> None:
    assert_same(query, sqlite_both)


def test_golden_cases_on_postgres(query: Query, postgres_both: tuple[Database, Database]) -> None:
    assert_same(query, postgres_both)


POSTGRES_CELLS = (
    "null::int, 1::int2, -1::int4, 9223372036854775807::int8, 'NaN'::float8, 1.5::float4",
    "1.20::numeric, 'NaN'::numeric, 1e30::numeric, 12.345::numeric(10,3)",
    "''::text, 'é日🚚'::text, '\\x00ff'::bytea, 'a'::char(3), true, null::bool",
    "'0001-01-01'::date, '24:00'::time, '10:00+02'::timetz, '2024-02-29 10:11:12.123456'::timestamp",
    "'2024-02-29 10:11:12+05'::timestamptz, '1 mon 2 days 3.5 s'::interval",
    "'{\"a\": [1, null]}'::jsonb, '{ }'::json, '10.0.0.1/8'::inet, '10.0.0.0/8'::cidr",
    "'00000000-0000-0000-0000-000000000007'::uuid, '$5.00'::money, 'a & b'::tsquery, '(1,2)'::point",
    "array[1,null,3], array[['a','b'],['c','d']], '[2:3]={7,8}'::int[], '{}'::text[]",
    "'[1,5)'::int4range, 'empty'::int8range, '(,2.5]'::numrange, '{[1,2],[5,6]}'::int4multirange",
    "array['[1,2)'::int4range], array[now() - now()], array['{}'::jsonb]",
)


@pytest.mark.parametrize("cells", POSTGRES_CELLS)
def test_every_type_of_postgres(cells: str, postgres_both: tuple[Database, Database]) -> None:
    text = f"select {cells}".replace("{", "{{").replace("}", "}}")
    assert_same(raw(text).on(postgres_both[0]), postgres_both)
    none = text + " where false"
    assert_same(raw(none).on(postgres_both[0]), postgres_both)


def test_cells_of_mixed_kinds(local: Database, remote: Database) -> None:
    for text in (
        'select "any" from t',
        'select "any" from t where false',
        "select 1, 'x', null, 2.5",
    ):
        assert_same(raw(text).on(local), (local, remote))


def test_parameters_of_every_kind(postgres_both: tuple[Database, Database]) -> None:
    values: list[tuple[str, Any]] = [
        ("int8", -(2**63)),
        ("float8", float("-inf")),
        ("text", "é\U0001f69a"),
        ("bytea", b"\x00\xff"),
        ("numeric", Decimal("1.200")),
        ("bool", False),
        ("int8[]", [1, None, 3]),
    ]
    for kind, value in values:
        assert_same(raw(f"select {{v}}::{kind} as v", v=value).on(postgres_both[0]), postgres_both)


@pytest.mark.parametrize(
    "text",
    [
        "select nope from t",
        "select * from nothing",
        "select",
        "insert into t (id) values (200)",
        "select 1; select 2",
        "attach 'x' as y",
        "select abs(-9223372036854775807 - 1)",
    ],
)
def test_errors_are_the_same(text: str, local: Database, remote: Database) -> None:
    assert_same(raw(text).on(local), (local, remote))


def test_streams_have_the_same_batches(local: Database, remote: Database) -> None:
    query = table("t").query()
    for rows in (1, 7, 99, 100, 1000):
        sizes = [len(batch) for batch in query.on(remote).stream(rows)]
        assert sizes == [len(batch) for batch in query.on(local).stream(rows)]


def test_tables_and_plans_are_the_same(local: Database, remote: Database) -> None:
    query = table("t").query().limit(3)
    assert remote.table_names() == local.table_names() == ["t"]
    assert query.on(remote).explain().result() == query.on(local).explain().result()
    assert remote.dialect == local.dialect


def test_writes_have_the_same_outcome(local: Database, remote: Database) -> None:
    insert = raw("insert into t (name) values ({name})", name="new")
    done = remote.execute(insert).result()
    assert (done.rows_affected, done.last_insert_id) == (1, 100)
    with pytest.raises(MoltError) as by_worker:
        remote.execute(insert).result()
    with pytest.raises(MoltError) as here:
        local.execute(insert).result()
    assert (type(by_worker.value), str(by_worker.value)) == (type(here.value), str(here.value))
    assert by_worker.value.code == here.value.code  # type: ignore[attr-defined]


def test_many_sets_are_all_or_nothing(local: Database, remote: Database) -> None:
    statement = "insert into t (id, name) values ({id}, {name})"
    with pytest.raises(MoltError):
        remote.execute_many(statement, [{"id": 500, "name": "a"}, {"id": 1, "name": "b"}]).result()
    count = raw("select count(*) from t")
    assert count.on(local).fetch_value().result() == 100
    rows = [{"id": 500 + i, "name": f"many{i}"} for i in range(50)]
    assert remote.execute_many(statement, rows).result().rows_affected == 50
    assert count.on(local).fetch_value().result() == 150


def test_what_needs_a_connection_of_ones_own_says_so(remote: Database) -> None:
    with pytest.raises(MoltError, match="connection of its own"), remote.transaction():
        pass
    with pytest.raises(MoltError, match="connection of its own"):
        remote.insert("t", [(1000, "a", None)]).result()


def test_the_golden_names_are_those_of_the_suite() -> None:
    assert {"User", "raw", "fn"} <= NAMES.keys()
    assert len(PATHS) > 100


@pytest.mark.parametrize("rows", [1, 7, 1000, 30_000])
def test_streams_of_postgres_have_the_same_batches(
    rows: int, postgres_both: tuple[Database, Database]
) -> None:
    local, remote = postgres_both
    query = raw("select i, 'text' || i as t from generate_series(1, 20000) as i")
    sizes = [len(batch) for batch in query.on(remote).stream(rows)]
    assert sizes == [len(batch) for batch in query.on(local).stream(rows)]
    assert sum(sizes) == 20_000
