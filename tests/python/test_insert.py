"""Bulk insert: rows from anywhere, in one transaction, all or nothing."""

# Long because: every source of rows and every way to fail is a short test of its own.

import datetime
import decimal
import itertools
import sqlite3
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from molt_sql import (
    BusyError,
    ClosedError,
    Database,
    DatabaseError,
    InvalidQueryError,
    connect,
    raw,
    table,
)


@pytest.fixture
def people(db: Database) -> Database:
    """Table people(id, name, age) with an age that is checked."""
    raw(
        "create table people (id integer primary key, name text not null, age integer"
        " check (age >= 0))"
    ).on(db).execute().result()
    return db


def everyone(db: Database) -> list[tuple[Any, ...]]:
    p = table("people")
    return list(p.order_by(p.id).on(db).fetch_all().result())


def count(db: Database) -> int:
    return len(everyone(db))


# -- Kinds of rows ---------------------------------------------------------------------------------


def test_tuples_follow_the_table(people: Database) -> None:
    assert people.insert("people", [(1, "Ann", 30), (2, "Bob", None)]).result() == 2
    assert everyone(people) == [(1, "Ann", 30), (2, "Bob", None)]


def test_columns_say_which_the_tuples_hold(people: Database) -> None:
    rows = [("Ann", 1), ["Bob", 2]]
    assert people.insert("people", rows, columns=["name", "id"]).result() == 2
    assert everyone(people) == [(1, "Ann", None), (2, "Bob", None)]


def test_dicts_name_their_columns_in_any_order(people: Database) -> None:
    rows = [{"id": 1, "name": "Ann"}, {"name": "Bob", "id": 2}]
    assert people.insert("people", rows).result() == 2
    assert everyone(people) == [(1, "Ann", None), (2, "Bob", None)]


def test_rows_of_a_result_can_be_inserted(people: Database) -> None:
    people.insert("people", [(1, "Ann", 30), (2, "Bob", None)]).result()
    raw("create table copy (id integer, name text, age integer)").on(people).execute().result()
    p, c = table("people"), table("copy")
    rows = p.order_by(p.id).on(people).fetch_all().result()
    assert people.insert("copy", rows).result() == 2
    assert people.insert("copy", list(rows)).result() == 2
    assert c.order_by(c.id).on(people).fetch_all().result() == [
        (1, "Ann", 30),
        (1, "Ann", 30),
        (2, "Bob", None),
        (2, "Bob", None),
    ]


def test_a_table_object_names_the_table(people: Database) -> None:
    assert people.insert(table("people"), [(1, "Ann", 30)]).result() == 1
    assert people.insert("main.people", [(2, "Bob", 30)]).result() == 1
    assert people.insert(table("main.people"), [(3, "Eve", 30)]).result() == 1
    assert count(people) == 3


FRAME = {"id": [1, 2, 3], "name": ["Ann", "Bob", "Eve"], "age": [30, None, 7]}


@pytest.mark.parametrize(
    "data",
    [
        pa.table(FRAME),
        pa.table(FRAME).to_reader(max_chunksize=1),
        pa.record_batch(FRAME),
        pl.DataFrame(FRAME),
        pd.DataFrame(FRAME).astype({"age": "Int64"}),
    ],
    ids=["pyarrow.Table", "pyarrow.RecordBatchReader", "pyarrow.RecordBatch", "polars", "pandas"],
)
def test_arrow_data_brings_its_columns(people: Database, data: Any) -> None:
    if isinstance(data, pa.RecordBatch):
        data = pa.table(data)
    assert people.insert("people", data).result() == 3
    assert everyone(people) == [(1, "Ann", 30), (2, "Bob", None), (3, "Eve", 7)]


def test_arrow_columns_are_matched_by_name_or_renamed(people: Database) -> None:
    swapped = pa.table({"age": [30], "name": ["Ann"], "id": [1]})
    assert people.insert("people", swapped).result() == 1
    renamed = pa.table({"x": [2], "y": ["Bob"]})
    assert people.insert("people", renamed, columns=["id", "name"]).result() == 1
    assert everyone(people) == [(1, "Ann", 30), (2, "Bob", None)]


def test_sliced_and_chunked_arrow_data_arrives_whole(people: Database) -> None:
    ids = pa.chunked_array([list(range(100)), list(range(100, 150))])
    data = pa.table({"id": ids, "name": pa.array([f"n{i}" for i in range(150)])})
    assert people.insert("people", data.slice(37, 100)).result() == 100
    assert [(row[0], row[1]) for row in everyone(people)] == [(i, f"n{i}") for i in range(37, 137)]


def test_arrow_types_arrive_as_what_they_mean(db: Database) -> None:
    day, moment = datetime.date(1, 1, 1), datetime.datetime(1969, 12, 31, 23, 59, 59, 500)
    data = pa.table(
        {
            "i8": pa.array([-1], pa.int8()),
            "u32": pa.array([2**32 - 1], pa.uint32()),
            "f32": pa.array([0.5], pa.float32()),
            "large": pa.array(["text"], pa.large_string()),
            "b": pa.array([True]),
            "bin": pa.array([b"\0\xff"], pa.large_binary()),
            "day": pa.array([day]),
            "moment": pa.array([moment], pa.timestamp("us")),
            "at": pa.array([datetime.time(1, 2, 3)], pa.time64("us")),
            "nil": pa.nulls(1),
        }
    )
    raw(
        "create table t (i8 int, u32 int, f32 real, large text, b bool, bin blob, day date,"
        " moment timestamp, at time, nil text)"
    ).on(db).execute().result()
    assert db.insert("t", data).result() == 1
    assert table("t").query().on(db).fetch_one().result() == (
        -1,
        2**32 - 1,
        0.5,
        "text",
        True,
        b"\0\xff",
        day,
        moment,
        datetime.time(1, 2, 3),
        None,
    )


def test_python_values_of_every_kind_are_stored(db: Database) -> None:
    key = uuid.UUID(int=7)
    raw("create table t (i int, f real, b bool, s text, x blob, d date, u text, n numeric)").on(
        db
    ).execute().result()
    row = (
        2**63 - 1,
        1e300,
        False,
        "",
        b"",
        datetime.date(2024, 2, 29),
        key,
        decimal.Decimal("1.5"),
    )
    assert db.insert("t", [row, (-(2**63), -0.0, *[None] * 6)]).result() == 2
    first, second = table("t").query().on(db).fetch_all().result()
    assert first == (*row[:6], str(key), 1.5)
    assert second == (-(2**63), -0.0, *[None] * 6)


def test_empty_input_inserts_nothing(people: Database) -> None:
    assert people.insert("people", []).result() == 0
    assert people.insert("people", iter(())).result() == 0
    assert people.insert("people", [], columns=["id"]).result() == 0
    assert people.insert("people", pa.table(FRAME).slice(0, 0)).result() == 0
    assert people.insert("people", pl.DataFrame(FRAME).clear()).result() == 0
    assert count(people) == 0


def test_a_generator_is_read_as_it_goes(people: Database) -> None:
    def rows() -> Iterator[tuple[int, str, None]]:
        for number in range(25_000):
            yield (number, "x", None)

    assert people.insert("people", rows(), batch_rows=1000).result() == 25_000
    assert count(people) == 25_000


async def test_an_insert_is_awaited(people: Database) -> None:
    assert await people.insert("people", ((n, "x", n) for n in range(1000)), batch_rows=7) == 1000
    assert count(people) == 1000


def test_a_large_insert_is_quick_and_complete(people: Database) -> None:
    start = time.perf_counter()
    rows = ((n, "name", n % 90) for n in range(300_000))
    assert people.insert("people", rows).result() == 300_000
    assert time.perf_counter() - start < 20
    total = raw("select sum(id) from people").on(people).fetch_value().result()
    assert total == 300_000 * 299_999 // 2


@pytest.mark.parametrize("batch_rows", [1, 2, 3, 1000])
def test_the_size_of_batches_does_not_matter(people: Database, batch_rows: int) -> None:
    given = [(n, f"n{n}", None) for n in range(7)]
    assert people.insert("people", given, batch_rows=batch_rows).result() == 7
    assert everyone(people) == given


def test_odd_names_are_quoted(db: Database) -> None:
    raw('create table "odd ""table" ("a b" integer, "from" text, "x""y" text)').on(
        db
    ).execute().result()
    columns = ["a b", "from", 'x"y']
    assert db.insert(table('odd "table'), [(1, "f", "q")], columns=columns).result() == 1
    found = raw('select * from "odd ""table"').on(db).fetch_all().result()
    assert found == [(1, "f", "q")]


# -- Progress --------------------------------------------------------------------------------------


def test_progress_counts_up_to_all_rows(people: Database) -> None:
    seen: list[int] = []
    rows = [(n, "x", None) for n in range(10)]
    people.insert("people", rows, batch_rows=4, on_progress=seen.append).result()
    assert seen == sorted(seen)
    assert seen[-1] == 10
    assert {4, 8} <= set(seen)


def test_progress_is_told_for_arrow_data(people: Database) -> None:
    seen: list[int] = []
    reader = pa.table(FRAME).to_reader(max_chunksize=1)
    people.insert("people", reader, on_progress=seen.append).result()
    assert seen[-1] == 3


async def test_progress_is_told_while_awaiting(people: Database) -> None:
    seen: list[int] = []
    rows = [(n, "x", None) for n in range(10)]
    await people.insert("people", rows, batch_rows=5, on_progress=seen.append)
    assert seen[-1] == 10


class Stop(Exception):  # noqa: N818
    pass


@pytest.mark.parametrize("as_arrow", [False, True])
def test_progress_that_raises_stops_and_undoes_the_insert(people: Database, as_arrow: bool) -> None:
    def stop(rows: int) -> None:
        if rows >= 2:
            raise Stop(f"at {rows}")

    rows: Any = [(n, "x", None) for n in range(10)]
    if as_arrow:
        rows = pa.table({"id": range(10), "name": ["x"] * 10}).to_reader(max_chunksize=2)
    with pytest.raises(Stop, match="at 2"):
        people.insert("people", rows, batch_rows=2, on_progress=stop).result()
    assert count(people) == 0


# -- What goes wrong -------------------------------------------------------------------------------


def test_a_generator_that_raises_undoes_the_insert(people: Database) -> None:
    def rows() -> Iterator[tuple[int, str, None]]:
        for number in range(100):
            if number == 55:
                raise Stop("no more")
            yield (number, "x", None)

    with pytest.raises(Stop, match="no more"):
        people.insert("people", rows(), batch_rows=10).result()
    assert count(people) == 0
    assert people.insert("people", [(1, "Ann", 3)]).result() == 1


async def test_a_generator_that_raises_while_awaited_undoes_the_insert(people: Database) -> None:
    def rows() -> Iterator[tuple[int, str, None]]:
        yield (1, "x", None)
        yield (2, "x", None)
        raise Stop("no more")

    with pytest.raises(Stop, match="no more"):
        await people.insert("people", rows(), batch_rows=1)
    assert count(people) == 0


def test_a_generator_that_raises_at_once_comes_through(people: Database) -> None:
    def rows() -> Iterator[tuple[int, str, None]]:
        raise Stop("nothing at all")
        yield (1, "x", None)

    with pytest.raises(Stop, match="nothing at all"):
        people.insert("people", rows()).result()
    assert count(people) == 0


def test_an_arrow_stream_that_fails_undoes_the_insert(people: Database) -> None:
    schema = pa.schema([("id", pa.int64()), ("name", pa.string())])

    def batches() -> Iterator[pa.RecordBatch]:
        yield pa.record_batch({"id": [1], "name": ["x"]}, schema=schema)
        raise Stop("the source broke")

    reader = pa.RecordBatchReader.from_batches(schema, batches())
    with pytest.raises(Exception, match="the source broke"):
        people.insert("people", reader).result()
    assert count(people) == 0


@pytest.mark.parametrize("row", [(3, "Eve"), (3, "Eve", 4, 5), ()])
def test_a_row_of_the_wrong_width_is_named(people: Database, row: tuple[Any, ...]) -> None:
    rows = [(1, "Ann", 3), (2, "Bob", 4), row]
    with pytest.raises(InvalidQueryError, match=rf"row 3 has {len(row)} values for 3 columns"):
        people.insert("people", rows).result()
    assert count(people) == 0


def test_a_missing_key_names_row_and_column(people: Database) -> None:
    with pytest.raises(InvalidQueryError, match='row 2 has no "name"'):
        people.insert("people", [{"id": 1, "name": "Ann"}, {"id": 2}]).result()
    assert count(people) == 0


def test_an_extra_key_names_row_and_key(people: Database) -> None:
    rows = [{"id": 1, "name": "Ann"}, {"id": 2, "name": "Bob", "nick": "B"}]
    with pytest.raises(InvalidQueryError, match=r"row 2 .*nick"):
        people.insert("people", rows).result()
    assert count(people) == 0


def test_a_key_that_is_no_name_is_refused(people: Database) -> None:
    with pytest.raises(InvalidQueryError, match="keys must be column names"):
        people.insert("people", [{1: 2}]).result()


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (object(), "type object cannot be bound"),
        ({1}, "type set cannot be bound"),
        ([object()], "type object cannot be bound"),
        (2**63, "beyond 64 bits"),
        ("\ud800", "surrogate"),
        (1j, "type complex"),
    ],
)
def test_a_value_of_no_known_type_names_row_and_column(
    people: Database, value: Any, reason: str
) -> None:
    with pytest.raises(InvalidQueryError, match=rf'row 2, column "name": .*{reason}'):
        people.insert("people", [(1, "Ann", 3), (2, value, 4)]).result()
    assert count(people) == 0


def test_nan_and_unstorable_decimals_name_the_column_and_row(db: Database) -> None:
    raw("create table t (x real)").on(db).execute().result()
    with pytest.raises(InvalidQueryError, match=r'"x".*NaN.*row 2'):
        db.insert("t", [(1.0,), (float("nan"),)]).result()
    with pytest.raises(InvalidQueryError, match=r'"x".*decimal.*row 1'):
        db.insert("t", [(decimal.Decimal("1.00000000000000000001"),)]).result()
    assert table("t").query().on(db).fetch_all().result() == []


@pytest.mark.parametrize("rows", [5, None, object()])
def test_what_is_not_iterable_is_refused(people: Database, rows: Any) -> None:
    with pytest.raises(InvalidQueryError, match="iterable of tuples or dicts"):
        people.insert("people", rows)


@pytest.mark.parametrize("row", [5, "abc", b"abc", None])
def test_what_is_no_row_is_refused_by_its_number(people: Database, row: Any) -> None:
    with pytest.raises(InvalidQueryError, match=r"row 2 is a .*; a row is a tuple"):
        people.insert("people", [(1, "Ann", 3), row]).result()
    assert count(people) == 0


def test_unknown_tables_and_columns_are_named_with_the_nearest(people: Database) -> None:
    with pytest.raises(InvalidQueryError, match=r'"?poeple"?.*people'):
        people.insert("poeple", [(1,)]).result()
    with pytest.raises(InvalidQueryError, match=r'"?nmae"?.*name'):
        people.insert("people", [{"id": 1, "nmae": "Ann"}]).result()
    with pytest.raises(InvalidQueryError, match="nmae"):
        people.insert("people", [(1, "Ann")], columns=["id", "nmae"]).result()
    with pytest.raises(InvalidQueryError, match="columns"):
        people.insert("people", [(1, "Ann")], columns=[]).result()
    with pytest.raises(InvalidQueryError, match="names 2"):
        people.insert("people", pa.table(FRAME), columns=["id", "name"])
    assert count(people) == 0


def test_a_column_named_twice_is_refused(people: Database) -> None:
    with pytest.raises(InvalidQueryError, match="id"):
        people.insert("people", [(1, 2, "x")], columns=["id", "id", "name"]).result()
    assert count(people) == 0


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        ((4, None, 3), "SQLITE_CONSTRAINT_NOTNULL"),
        ((1, "again", 3), "SQLITE_CONSTRAINT_PRIMARYKEY"),
        ((4, "young", -1), "SQLITE_CONSTRAINT_CHECK"),
        (("four", "Eve", 1), "SQLITE_MISMATCH"),
    ],
)
@pytest.mark.parametrize("batch_rows", [1, 2, 10_000])
def test_a_violated_constraint_names_the_row_and_undoes_all(
    people: Database, bad: tuple[Any, ...], code: str, batch_rows: int
) -> None:
    rows = [(1, "Ann", 30), (2, "Bob", None), (3, "Eve", 1), bad, (5, "Max", 2)]
    with pytest.raises(DatabaseError, match=r"\(row 4\)") as caught:
        people.insert("people", rows, batch_rows=batch_rows).result()
    assert caught.value.code == code
    assert count(people) == 0
    assert people.insert("people", rows[:3]).result() == 3


def test_a_violated_constraint_does_not_show_the_values(people: Database) -> None:
    with pytest.raises(DatabaseError) as caught:
        people.insert("people", [(1, "secret-word", -5)]).result()
    assert "secret-word" not in str(caught.value)


def test_a_failed_insert_keeps_what_was_there_before(people: Database) -> None:
    people.insert("people", [(1, "Ann", 30)]).result()
    with pytest.raises(DatabaseError, match=r"\(row 20001\)"):
        people.insert(
            "people",
            itertools.chain(((n, "x", None) for n in range(10, 20_010)), [(1, "again", None)]),
        ).result()
    assert everyone(people) == [(1, "Ann", 30)]


def test_nobody_sees_half_an_insert(path: Path) -> None:
    with connect(f"sqlite:///{path}?mode=rwc") as db:
        raw("create table t (n integer)").on(db).execute().result()
        half, go_on = threading.Event(), threading.Event()

        def rows() -> Iterator[tuple[int]]:
            for number in range(10):
                if number == 5:
                    half.set()
                    assert go_on.wait(20)
                yield (number,)

        done: list[int] = []
        thread = threading.Thread(
            target=lambda: done.append(db.insert("t", rows(), batch_rows=1).result())
        )
        thread.start()
        assert half.wait(20)
        assert raw("select count(*) from t").on(db).fetch_value().result() == 0
        with sqlite3.connect(path) as other:
            assert other.execute("select count(*) from t").fetchone() == (0,)
        other.close()
        go_on.set()
        thread.join(20)
        assert done == [10]
        assert raw("select count(*) from t").on(db).fetch_value().result() == 10


def test_a_generator_may_read_from_the_same_database(file_db: Database) -> None:
    raw("create table a (n integer)").on(file_db).execute().result()
    raw("create table b (n integer)").on(file_db).execute().result()
    file_db.insert("a", [(1,), (2,), (3,)]).result()

    def rows() -> Iterator[tuple[int]]:
        for batch in table("a").query().on(file_db).stream(batch_rows=1):
            yield (batch[0].n * 10,)

    assert file_db.insert("b", rows()).result() == 3
    b = table("b")
    assert b.order_by(b.n).on(file_db).fetch_all().result() == [(10,), (20,), (30,)]


def test_a_generator_that_writes_to_the_same_database_ends_in_busy(path: Path) -> None:
    with connect(f"sqlite:///{path}?mode=rwc") as db:
        raw("create table t (n integer)").on(db).execute().result()

        def rows() -> Iterator[tuple[int]]:
            yield (1,)
            raw("insert into t values (2)").on(db).execute(timeout=0.2).result()
            yield (3,)

        start = time.perf_counter()
        with pytest.raises((BusyError, TimeoutError)):
            db.insert("t", rows(), batch_rows=1).result()
        assert time.perf_counter() - start < 10
        assert raw("select count(*) from t").on(db).fetch_value().result() == 0


def test_batch_rows_must_be_positive(people: Database) -> None:
    with pytest.raises(InvalidQueryError, match="batch_rows must be at least 1"):
        people.insert("people", [(1, "Ann", 3)], batch_rows=0)


def test_inserting_into_a_closed_or_read_only_database_is_refused(
    people: Database, path: Path
) -> None:
    people.close()
    with pytest.raises(ClosedError):
        people.insert("people", [(1, "Ann", 3)], columns=["id", "name", "age"]).result()
    sqlite3.connect(path).execute("create table t (n integer)").connection.close()
    with connect(f"sqlite:///{path}?mode=ro") as db, pytest.raises(InvalidQueryError, match="ro"):
        db.insert("t", [(1,)]).result()


def test_triggers_and_generated_columns_do_their_part(db: Database) -> None:
    raw("create table t (n integer, twice integer generated always as (n * 2) stored)").on(
        db
    ).execute().result()
    raw("create table log (n integer)").on(db).execute().result()
    raw("create trigger note after insert on t begin insert into log values (new.n); end").on(
        db
    ).execute().result()
    assert db.insert("t", [{"n": 1}, {"n": 2}]).result() == 2
    assert table("t").query().on(db).fetch_all().result() == [(1, 2), (2, 4)]
    assert table("log").query().on(db).fetch_all().result() == [(1,), (2,)]
