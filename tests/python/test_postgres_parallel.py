"""fetch_arrow(parallel=n): a table read on several connections is the table read on one."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pytest

import molt_sql
from molt_sql import Database, InvalidQueryError, Query, connect, fn, raw, table
from servers.fixtures import PostgresDatabase

ROWS = 60_000

readings = table("readings")
grown = table("grown")


@pytest.fixture(params=["result", "await"])
def ask(request: pytest.FixtureRequest) -> Callable[[Any], Any]:
    """Runs a request, by `.result()` or awaited."""
    if request.param == "result":
        return lambda pending: pending.result()

    async def wait(pending: Any) -> Any:
        return await pending

    return lambda pending: asyncio.run(wait(pending))


@pytest.fixture(scope="module")
def pg(pg_database: PostgresDatabase) -> Iterator[Database]:
    """With a table readings of some hundred pages, with holes in it."""
    with connect(pg_database.url(), max_connections=6) as db:
        for ddl in (
            "create table readings (id int, name text, price numeric(12,2), tags int[])",
            f"insert into readings select n, case when n % 7 > 0 then 'name ' || n end, n / 100.0,"
            f" array[n, null] from generate_series(1, {ROWS}) n",
            "delete from readings where id between 20000 and 40000",
            "insert into readings select 1, 'twice', 0, null from generate_series(1, 5)",
            "create table nothing (id int)",
            "create materialized view kept as select * from readings where id < 1000",
            "create view seen as select * from readings",
            "create table parted (id int) partition by range (id)",
            "create table parted_1 partition of parted for values from (0) to (10)",
            "create sequence numbers",
            'create table "Odd ""T""" ("a b" int)',
            'insert into "Odd ""T""" select generate_series(1, 5000)',
        ):
            raw(ddl).on(db).execute().result()
        yield db


def content(rows: Any) -> Counter[str]:
    return Counter(repr(row) for row in rows)


@pytest.mark.parametrize("parallel", [1, 2, 3, 4, 16])
def test_the_rows_are_those_of_a_serial_read(
    pg: Database, ask: Callable[[Any], Any], parallel: int
) -> None:
    q = readings.query().on(pg)
    serial = q.fetch_arrow().result()
    got = ask(q.fetch_arrow(parallel=parallel))
    assert got.schema == serial.schema
    assert content(got) == content(serial)
    arrow = pa.table(got)
    arrow.validate(full=True)
    assert arrow.num_rows == len(serial)


@pytest.mark.parametrize(
    "query",
    [
        readings.where(readings.id > 45_000, readings.name.contains("9")),
        readings.where(readings.id < 0),
        readings.select(readings.price, (readings.id + 1).as_("next")),
        readings.as_("r").query(),
        readings.where(readings.id.in_([1, 5, 50_000])),
        table("nothing").query(),
        table("kept").query(),
        table("public.readings").query(),
        table('Odd "T"').query(),
    ],
    ids=["where", "no row", "select", "alias", "in", "empty", "matview", "schema", "odd name"],
)
def test_conditions_and_columns_are_kept(pg: Database, query: Query) -> None:
    q = query.on(pg)
    serial = q.fetch_arrow().result()
    got = q.fetch_arrow(parallel=3).result()
    assert got.schema == serial.schema
    assert content(got) == content(serial)


REFUSED = {
    "joins": (readings.join(table("nothing"), table("nothing").id == readings.id), "joins"),
    "orders": (readings.order_by(readings.id), "orders"),
    "limit": (readings.limit(5), "limit"),
    "offset": (readings.offset(5), "limit or offset"),
    "group": (readings.group_by(readings.name).select(readings.name), "groups"),
    "aggregate": (readings.select(fn.count()), "aggregates"),
    "distinct": (readings.select(readings.name).distinct(), "distinct"),
    "raw": (raw("select * from readings"), "by hand"),
    "raw condition": (readings.where(raw("random() > {p}", p=0.5)), "by hand"),
    "raw column": (readings.select(raw("abs({c})", c=readings.id).as_("n")), "by hand"),
    "view": (table("seen").query(), '"seen" is a view'),
    "partitioned": (table("parted").query(), '"parted" is a partitioned table'),
    "sequence": (table("numbers").query(), "something else"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_cut_into_parts_is_refused(
    pg: Database, ask: Callable[[Any], Any], name: str
) -> None:
    query, reason = REFUSED[name]
    with pytest.raises(InvalidQueryError, match=f"(?s){reason}.*leave parallel out"):
        ask(query.on(pg).fetch_arrow(parallel=2))
    assert ask(query.on(pg).fetch_arrow()) is not None


def test_a_transaction_reads_on_its_one_connection(pg: Database) -> None:
    with pg.transaction() as tx:
        with pytest.raises(InvalidQueryError, match="transaction"):
            readings.query().on(tx).fetch_arrow(parallel=2).result()
        assert readings.select(fn.count()).on(tx).fetch_value().result() > 0


@pytest.mark.parametrize("parallel", [0, -1])
def test_less_than_one_reader_is_refused(pg: Database, parallel: int) -> None:
    with pytest.raises(InvalidQueryError, match="at least 1"):
        readings.query().on(pg).fetch_arrow(parallel=parallel)


def test_sqlite_reads_alone() -> None:
    with connect("sqlite:///:memory:") as db:
        raw("create table readings (id integer)").on(db).execute().result()
        with pytest.raises(molt_sql.UnsupportedError, match="parallel"):
            readings.query().on(db).fetch_arrow(parallel=2).result()


def test_a_table_that_is_not_there_is_named_with_the_nearest(pg: Database) -> None:
    with pytest.raises(InvalidQueryError, match=r'"readins".*readings'):
        table("readins").query().on(pg).fetch_arrow(parallel=2).result()


def test_an_error_in_one_part_is_the_error_of_all(pg: Database) -> None:
    cubes = readings.where(readings.id * readings.id * readings.id > 0).on(pg)
    with pytest.raises(molt_sql.DatabaseError, match="out of range") as caught:
        cubes.fetch_arrow(parallel=4).result()
    assert caught.value.code == "22003"
    assert len(readings.query().on(pg).fetch_arrow(parallel=4).result()) > 0


def test_all_parts_see_one_state_while_a_writer_goes_on(pg: Database) -> None:
    """Every change adds a row and keeps the sum of delta at 0, so torn reads show."""
    raw("drop table if exists moving").on(pg).execute().result()
    raw("create table moving (delta int, pad text)").on(pg).execute().result()
    pairs = "insert into moving select d, repeat('x', 500) from (values (-1), (1)) as v(d)"
    raw(f"{pairs}, generate_series(1, 2000)").on(pg).execute().result()
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            raw(pairs).on(pg).execute().result()
            move = "update moving set pad = pad where ctid in (select ctid from moving limit 20)"
            raw(move).on(pg).execute().result()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        moving = table("moving")
        for parallel in (1, 2, 3, 4) * 5:
            got = moving.select(moving.delta).on(pg).fetch_arrow(parallel=parallel).result()
            deltas = got.column("delta")
            assert len(deltas) >= 4000
            assert sum(deltas) == 0
    finally:
        stop.set()
        writer.join()


@pytest.mark.usefixtures("pg")  # for its tables
def test_a_pool_with_one_connection_reads_it_alone(pg_database: PostgresDatabase) -> None:
    with connect(pg_database.url(), max_connections=1) as db:
        serial = readings.select(fn.count()).on(db).fetch_value().result()
        assert len(readings.query().on(db).fetch_arrow(parallel=4).result()) == serial
        assert len(readings.query().on(db).fetch_arrow(parallel=4).result()) == serial


@pytest.mark.usefixtures("pg")  # for its tables
def test_many_parallel_reads_at_once_come_to_their_end(pg_database: PostgresDatabase) -> None:
    async def main() -> list[int]:
        # Of a database that has yet to learn what the table looks like.
        with connect(pg_database.url(), max_connections=4) as db:

            async def one() -> int:
                return len(await readings.select(readings.id).on(db).fetch_arrow(parallel=4))

            return await asyncio.gather(*[one() for _ in range(12)])

    assert len(set(asyncio.run(main()))) == 1


def test_a_parallel_read_ends_at_its_deadline_and_when_cancelled(
    pg: Database, pg_database: PostgresDatabase
) -> None:
    async def main() -> None:
        async def read() -> int:
            return len(await readings.query().on(pg).fetch_arrow(parallel=3))

        with connect(pg_database.url()) as other:
            async with other.transaction() as tx:
                await tx.execute(raw("lock table readings in access exclusive mode"))
                with pytest.raises(molt_sql.TimeoutError):
                    await readings.query().on(pg).fetch_arrow(parallel=3, timeout=0.1)
                task = asyncio.ensure_future(read())
                await asyncio.sleep(0.1)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await asyncio.wait_for(task, 5)
        for delay in (0.0, 0.002, 0.005, 0.01):
            task = asyncio.ensure_future(read())
            await asyncio.sleep(delay)
            task.cancel()
            await asyncio.wait([task], timeout=5)
            assert task.done()
        assert await read() > 0

    asyncio.run(main())


def test_the_connections_come_back_clean(pg: Database, pg_database: PostgresDatabase) -> None:
    for _ in range(3):
        readings.query().on(pg).fetch_arrow(parallel=4).result()
    left = pg_database.run_sql(
        "select count(*) from pg_stat_activity where datname = current_database()"
        " and state <> 'idle' and pid <> pg_backend_pid()"
    )
    assert left == "0"
