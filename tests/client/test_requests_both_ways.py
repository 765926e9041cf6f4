"""All that a Database does through a worker: streams, plans, tables, writes, and what it refuses."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

import molt_sql
from client.tools import Way, Ways, arrow_of, open_ways, outcome, rows_of, value
from golden.test_golden import User, database_path, pg_dataset
from molt_sql import Database, Table, UnsupportedError, connect, raw, table

__all__ = ["database_path", "pg_dataset"]  # fixtures


@pytest.fixture(scope="module")
def on_sqlite(database_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ways]:
    copy = shutil.copy(database_path, tmp_path_factory.mktemp("requests") / "own.db")
    with open_ways(f"sqlite:///{copy}?mode=rw") as ways:
        yield ways


@pytest.fixture(scope="module")
def on_postgres(pg_dataset: str) -> Iterator[Ways]:
    with open_ways(pg_dataset) as ways:
        yield ways


@pytest.fixture(params=["sqlite", "postgres"])
def ways(request: pytest.FixtureRequest) -> Ways:
    found: Ways = request.getfixturevalue(f"on_{request.param}")
    return found


NUMBERS = {
    "sqlite": "with recursive c(n) as (select 1 union all select n + 1 from c where n < {r})"
    " select n, 'row ' || n as s, n / 4.0 as f from c",
    "postgres": "select n, 'row ' || n as s, n / 4.0::float8 as f from generate_series(1, {r}) n",
}


def batches(db: Database, rows: int, batch_rows: int | None) -> list[Any]:
    query = raw(NUMBERS[db.dialect], r=rows).on(db)
    with query.stream(batch_rows=batch_rows) as stream:
        return [rows_of(batch) for batch in stream]


@pytest.mark.parametrize(
    ("rows", "batch_rows"),
    [
        (0, 10),
        (1, 10),
        (10, 10),
        (25, 10),
        (1000, 1),
        (70_000, 65_536),
        (100_000, None),
        (100_000, 100_000),
    ],
)
def test_a_stream_has_the_same_batches(
    ways: Ways, way: Way, rows: int, batch_rows: int | None
) -> None:
    expected = batches(ways.direct, rows, batch_rows)
    assert batches(ways.through(way), rows, batch_rows) == expected


async def test_a_stream_is_awaited(ways: Ways, way: Way) -> None:
    db = ways.through(way)
    found = []
    async with raw(NUMBERS[db.dialect], r=95).on(db).stream(batch_rows=10) as stream:
        async for batch in stream:
            found.append([tuple(row) for row in batch])
    assert [len(batch) for batch in found] == [10] * 9 + [5]
    assert found[-1][-1] == (95, "row 95", 23.75)


def test_a_stream_may_be_left(ways: Ways, way: Way) -> None:
    db = ways.through(way)
    for _ in range(30):
        with raw(NUMBERS[db.dialect], r=1_000_000).on(db).stream(batch_rows=100) as stream:
            assert len(next(iter(stream))) == 100
    assert value(db, "select 1") == 1


def test_plans_are_the_same(ways: Ways, way: Way) -> None:
    query = User.where(User.age > 30).order_by(User.id)
    expected = outcome(query.on(ways.direct).explain().result)
    assert outcome(query.on(ways.through(way)).explain().result) == expected
    broken = raw("select * from nowhere")
    expected = outcome(broken.on(ways.direct).explain().result)
    assert outcome(broken.on(ways.through(way)).explain().result) == expected
    plan = outcome(lambda: query.on(ways.through(way)).explain(analyze=True).result())
    if ways.direct.dialect == "sqlite":  # which does not measure its plans
        assert plan == outcome(lambda: query.on(ways.direct).explain(analyze=True).result())
    else:
        assert "actual" in plan[1]


def test_tables_are_the_same(ways: Ways, way: Way) -> None:
    db = ways.through(way)
    assert db.table_names() == ways.direct.table_names()
    assert "users" in db.table_names()
    assert db.dialect == ways.direct.dialect
    for name in ("users", "orders", "items", "parts"):
        ours, theirs = Table.reflect(db, name), Table.reflect(ways.direct, name)
        assert ours.__molt_columns__ == theirs.__molt_columns__
    expected = outcome(lambda: Table.reflect(ways.direct, "nowhere"))
    assert outcome(lambda: Table.reflect(db, "nowhere")) == expected


@pytest.fixture
def fresh(ways: Ways, way: Way) -> Iterator[tuple[Database, Database]]:
    """A table each in the same database, `direct_t` and `through_t`, for writes."""
    db = ways.through(way)
    serial = "integer primary key" if db.dialect == "sqlite" else "serial primary key"
    for name in ("direct_t", "through_t"):
        raw(f"create table {name} (id {serial}, n integer check (n < 1000), s text unique)").on(
            ways.direct
        ).execute().result()
    yield ways.direct, db
    for name in ("direct_t", "through_t"):
        raw(f"drop table {name}").on(ways.direct).execute().result()


WRITES: list[tuple[str, dict[str, Any]]] = [
    ("insert into {t} (n, s) values ({a}, {b})", {"a": 1, "b": "one"}),
    ("insert into {t} (n, s) values ({a}, {b}), (5, null)", {"a": 2, "b": None}),
    ("insert into {t} (n, s) values ({a}, {b})", {"a": 3, "b": "one"}),  # not unique
    ("insert into {t} (n, s) values ({a}, {b})", {"a": 5000, "b": "check"}),
    ("update {t} set n = n + {a}", {"a": 10}),
    ("update {t} set n = n + {a}", {"a": 990}),
    ("delete from {t} where n = {a}", {"a": 12345}),
    ("alter table {t} add column x text", {}),
    ("update {t} set x = {a} where n > 0", {"a": "ä"}),
    ("delete from {t}", {}),
    ("delete from {t}_nowhere", {}),
    ("selct 1", {}),
    ("begin", {}),
]


def shown(found: Any) -> str:
    return repr(found).replace("through_t", "direct_t")


def write(db: Database, text: str, values: dict[str, Any]) -> Any:
    return outcome(lambda: repr(raw(text, **values).on(db).execute().result()))


def test_writes_do_the_same(fresh: tuple[Database, Database]) -> None:
    direct, through = fresh
    for text, values in WRITES:
        one = write(direct, text.replace("{t}", "direct_t"), values)
        other = write(through, text.replace("{t}", "through_t"), values)
        assert shown(other) == shown(one), text
        rows = [
            list(raw(f"select * from {name} order by id").on(direct).fetch_all().result())
            for name in ("direct_t", "through_t")
        ]
        assert rows[0] == rows[1], text


SETS: list[list[dict[str, Any]]] = [
    [{"n": n, "s": f"row {n}"} for n in range(200)],
    [],
    [{"n": n, "s": None if n % 2 else "even" + str(n)} for n in range(3)],
    [{"n": 1, "s": "a"}, {"n": 2, "s": "a"}],  # not unique: none is kept
    [{"n": n, "s": str(n)} for n in (1, 2, 3000)],
    [{"n": 1, "s": "a"}, {"n": "x", "s": "b"}],
    [{"n": 1}],
]


@pytest.mark.parametrize("number", range(len(SETS)))
def test_many_are_executed_all_or_nothing(fresh: tuple[Database, Database], number: int) -> None:
    direct, through = fresh
    found = []
    for db, name in ((direct, "direct_t"), (through, "through_t")):
        text = f"insert into {name} (n, s) values ({{n}}, {{s}})"
        said = outcome(lambda db=db, text=text: repr(db.execute_many(text, SETS[number]).result()))
        rows = raw(f"select n, s from {name} order by id").on(direct).fetch_all().result()
        found.append((shown(said), [tuple(row) for row in rows]))
    assert found[0] == found[1]
    whole = len(found[1][1])
    assert whole in (0, len(SETS[number]))


def test_returning_gives_rows_as_it_does_directly(fresh: tuple[Database, Database]) -> None:
    direct, through = fresh
    text = "insert into {} (n, s) values (7, 'seven') returning n, s"
    one = outcome(raw(text.format("direct_t")).on(direct).fetch_all().result)
    other = outcome(raw(text.format("through_t")).on(through).fetch_all().result)
    assert shown(other) == shown(one)


NOT_THROUGH_A_WORKER: dict[str, Callable[[Database], Any]] = {
    "insert": lambda db: db.insert("users", [(1,)], columns=["id"]).result(),
    "copy_in": lambda db: db.copy_in("users", [(1,)], columns=["id"]).result(),
    "transaction": lambda db: db.transaction().__enter__(),
    "parallel": lambda db: table("users").query().on(db).fetch_arrow(parallel=2).result(),
}


@pytest.mark.parametrize("what", NOT_THROUGH_A_WORKER)
def test_what_a_worker_does_not_do_is_said_clearly(ways: Ways, way: Way, what: str) -> None:
    db = ways.through(way)
    with pytest.raises(UnsupportedError, match="worker does not lend"):
        NOT_THROUGH_A_WORKER[what](db)
    assert value(db, "select count(*) from users") == 10


def test_rows_of_ones_own_type(ways: Ways, way: Way) -> None:
    import dataclasses

    @dataclasses.dataclass
    class Person:
        id: int
        name: str

    query = User.select(User.id, User.name).order_by(User.id)
    expected = query.on(ways.direct).fetch_all(into=Person).result()
    assert query.on(ways.through(way)).fetch_all(into=Person).result() == expected


def test_an_unknown_alias_is_named_with_those_that_are_there(ways: Ways) -> None:
    url = ways.socket.url.replace("alias=default", "alias=nothere")
    with pytest.raises(molt_sql.InvalidQueryError, match=r'"nothere".*default'):
        connect(url)


def test_a_table_that_is_changed_behind_is_seen(way: Way, pg_url: str) -> None:
    """Columns are known anew when the database says that they are others."""
    with open_ways(pg_url) as ways, psycopg.connect(pg_url, autocommit=True) as behind:
        db = ways.through(way)
        behind.execute("create table changing (a int)")
        query = table("changing").query().on(db)
        assert query.fetch_all().result().columns == ["a"]
        behind.execute("alter table changing add column b text")
        behind.execute("insert into changing values (1, 'x')")
        assert [
            tuple(row) for row in raw("select * from changing").on(db).fetch_all().result()
        ] == [(1, "x")]
        behind.execute("drop table changing")


def test_arrow_of_a_large_result_is_the_same(ways: Ways, way: Way) -> None:
    query = raw(NUMBERS[ways.direct.dialect], r=300_000)
    expected = arrow_of(query.on(ways.direct).fetch_arrow().result())
    assert arrow_of(query.on(ways.through(way)).fetch_arrow().result()) == expected
