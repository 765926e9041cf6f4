"""Results: a sequence of rows, an Arrow stream, and text for people."""

# Long because: every way out of a result is a short test of its own.

import collections.abc
import copy
import datetime
import gc
import pickle
import subprocess
import sys
import threading

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from molt_sql import Database, InvalidQueryError, ResultSet, Row, raw, table

DAY = datetime.date(2024, 2, 29)
NOON = datetime.time(12, 30, 15, 250)
MOMENT = datetime.datetime(1969, 12, 31, 23, 59, 59, 999999)
ZONED = datetime.datetime(2024, 2, 29, 12, tzinfo=datetime.UTC)
FULL = (1, -2.5, True, "zwölf\0€", b"\x00\xff", DAY, NOON, MOMENT, ZONED)
EMPTY = (None,) * len(FULL)
ARROW_SCHEMA = pa.schema(
    [
        ("i", pa.int64()),
        ("f", pa.float64()),
        ("b", pa.bool_()),
        ("t", pa.string()),
        ("bl", pa.binary()),
        ("d", pa.date32()),
        ("tm", pa.time64("us")),
        ("ts", pa.timestamp("us")),
        ("tz", pa.timestamp("us", tz="UTC")),
    ]
)


def execute(db: Database, sql: str) -> None:
    raw(sql).on(db).execute().result()


def fetch(db: Database, sql: str) -> ResultSet:
    return raw(sql).on(db).fetch_all().result()


def numbers(db: Database, count: int) -> ResultSet:
    """1 … count, in a column n."""
    steps = "with recursive c(n) as (select 1 union all select n + 1 from c where n < {count})"
    return raw(steps + " select n from c", count=count).on(db).fetch_all().result()


@pytest.fixture
def everything(db: Database) -> Database:
    """Table `everything` with a column of each type: a full row, NULLs, a full row."""
    execute(
        db,
        "create table everything (i integer, f real, b boolean, t text, bl blob, d date, tm time,"
        " ts timestamp, tz timestamptz)",
    )
    assert db.insert("everything", [FULL, EMPTY, FULL]).result() == 3
    return db


# -- A sequence of rows ----------------------------------------------------------------------------


def test_a_result_is_a_sequence(db: Database) -> None:
    rows = numbers(db, 5)
    assert all(hasattr(rows, name) for name in dir(collections.abc.Sequence) if name[0] != "_")
    assert len(rows) == 5
    assert list(rows) == [(1,), (2,), (3,), (4,), (5,)]
    assert list(reversed(rows)) == [(5,), (4,), (3,), (2,), (1,)]
    assert (3,) in rows
    assert (6,) not in rows
    assert rows.index((4,)) == 3
    assert rows.count((2,)) == 1
    assert rows[0] == (1,)
    assert rows[-1] == (5,)


@pytest.mark.parametrize("index", [5, -6, 2**70, -(2**70)])
def test_an_index_out_of_range_is_an_index_error(db: Database, index: int) -> None:
    with pytest.raises(IndexError):
        numbers(db, 5)[index]


@pytest.mark.parametrize("key", ["n", 1.0, None])
def test_a_result_is_indexed_by_row_number_only(db: Database, key: object) -> None:
    with pytest.raises(TypeError, match="row number"):
        numbers(db, 5)[key]  # type: ignore[call-overload]


@pytest.mark.parametrize("start", [None, 0, 2, -2, 9, -9])
@pytest.mark.parametrize("stop", [None, 0, 3, -1, 9, -9])
@pytest.mark.parametrize("step", [None, 1, 2, -1, -3])
def test_slices_are_those_of_a_list(
    db: Database, start: int | None, stop: int | None, step: int | None
) -> None:
    part = numbers(db, 7)[start:stop:step]
    assert isinstance(part, list)
    assert part == [(n,) for n in range(1, 8)][start:stop:step]
    assert all(isinstance(row, Row) for row in part)


def test_a_result_of_many_batches_is_one_sequence(db: Database) -> None:
    rows = numbers(db, 150_000)
    expected = [(n,) for n in range(1, 150_001)]
    assert len(rows) == 150_000
    assert list(rows) == expected
    assert rows[65_535:65_538] == [(65_536,), (65_537,), (65_538,)]
    assert rows[149_999] == (150_000,)
    assert rows.column("n") == list(range(1, 150_001))
    assert pa.table(rows).column("n").to_pylist() == list(range(1, 150_001))


def test_iterating_needs_no_one_to_keep_the_result(db: Database) -> None:
    iterator = iter(numbers(db, 10_000))
    gc.collect()
    assert sum(row.n for row in iterator) == 50_005_000


def test_results_compare_with_lists_and_results_of_the_same_rows(db: Database) -> None:
    rows = numbers(db, 3)
    assert rows == [(1,), (2,), (3,)]
    assert rows == numbers(db, 3)
    assert rows != numbers(db, 4)
    assert rows != [(1,), (2,)]
    assert rows != [(1,), (2,), (4,)]
    assert rows != "nothing like it"
    assert numbers(db, 3) == list(rows)


def test_columns_and_schema_name_what_is_there(everything: Database) -> None:
    rows = table("everything").query().on(everything).fetch_all().result()
    assert rows.columns == ["i", "f", "b", "t", "bl", "d", "tm", "ts", "tz"]
    assert rows.schema == [
        ("i", "int64"),
        ("f", "float64"),
        ("b", "bool"),
        ("t", "utf8"),
        ("bl", "binary"),
        ("d", "date"),
        ("tm", "time"),
        ("ts", "timestamp"),
        ("tz", "timestamptz"),
    ]
    assert rows == [FULL, EMPTY, FULL]
    assert [type(value) for value in rows[0]] == [type(value) for value in FULL]


def test_a_column_is_taken_by_name_or_number(everything: Database) -> None:
    rows = table("everything").query().on(everything).fetch_all().result()
    assert rows.column("t") == rows.column(3) == rows.column(-6) == [FULL[3], None, FULL[3]]
    with pytest.raises(InvalidQueryError, match=r'no column "tt".*"t"'):
        rows.column("tt")
    with pytest.raises(IndexError):
        rows.column(9)
    with pytest.raises(IndexError):
        rows.column(-10)


def test_to_dicts_gives_a_dict_a_row(everything: Database) -> None:
    rows = table("everything").query().on(everything).fetch_all().result()
    names = rows.columns
    assert rows.to_dicts() == [dict(zip(names, row, strict=True)) for row in (FULL, EMPTY, FULL)]


# -- Rows ------------------------------------------------------------------------------------------


@pytest.fixture
def row(db: Database) -> Row:
    return fetch(db, "select 7 as id, 'a@b.c' as email, null as age")[0]


def test_a_row_is_read_by_attribute_key_and_index(row: Row) -> None:
    assert row.email == row["email"] == row[1] == row[-2] == "a@b.c"
    assert row[1:] == ("a@b.c", None)
    assert row.age is None
    assert row._fields == ("id", "email", "age")
    assert row._asdict() == {"id": 7, "email": "a@b.c", "age": None}
    assert list(row._asdict()) == ["id", "email", "age"]


def test_a_row_says_which_columns_it_has(row: Row) -> None:
    with pytest.raises(AttributeError, match="emial"):
        row.emial  # noqa: B018
    with pytest.raises(KeyError, match=r"emial.*email"):
        row["emial"]
    with pytest.raises(IndexError):
        row[3]
    with pytest.raises(TypeError):
        row[None]  # type: ignore[call-overload]


def test_a_row_is_a_tuple(row: Row) -> None:
    plain = (7, "a@b.c", None)
    assert isinstance(row, tuple)
    assert isinstance(row, Row)
    assert row == plain
    assert plain == row
    assert hash(row) == hash(plain)
    assert {plain: "found"}[row] == "found"
    assert row < (8,)
    identity, email, age = row
    assert (identity, email, age) == plain
    assert row.__add__((1,)) == (*plain, 1)
    assert repr(row) == "Row(id=7, email='a@b.c', age=None)"


def test_a_row_cannot_be_changed(row: Row) -> None:
    with pytest.raises(AttributeError):
        row.email = "x"
    with pytest.raises(AttributeError):
        row.other = "x"
    with pytest.raises(TypeError):
        row[0] = 1  # type: ignore[index]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_row_pickles_with_every_protocol(row: Row, protocol: int) -> None:
    back = pickle.loads(pickle.dumps(row, protocol))
    assert isinstance(back, Row)
    assert back == row
    assert back.email == "a@b.c"
    assert back._fields == row._fields


def test_a_row_copies(row: Row) -> None:
    for twin in (copy.copy(row), copy.deepcopy(row)):
        assert isinstance(twin, Row)
        assert twin == row
        assert twin._fields == row._fields


def test_a_pickled_row_opens_in_a_process_that_never_saw_the_query(row: Row) -> None:
    code = "import pickle, sys; r = pickle.load(sys.stdin.buffer); print(r.email, r._fields)"
    done = subprocess.run(
        [sys.executable, "-c", code], input=pickle.dumps(row), capture_output=True, timeout=60
    )
    assert done.stdout.decode() == "a@b.c ('id', 'email', 'age')\n", done.stderr


def test_of_columns_with_one_name_attribute_and_key_give_the_first(db: Database) -> None:
    rows = fetch(db, "select 1 as x, 2 as y, 3 as x")
    row = rows[0]
    assert row == (1, 2, 3)
    assert row.x == row["x"] == 1
    assert row._fields == ("x", "y", "x")
    assert row._asdict() == {"x": 1, "y": 2}
    assert rows.to_dicts() == [{"x": 1, "y": 2}]
    assert pickle.loads(pickle.dumps(row)).x == 1


def test_columns_named_like_tuple_methods_win(db: Database) -> None:
    row = fetch(db, 'select 1 as "count", 2 as "index"')[0]
    assert row.count == 1
    assert row.index == 2
    assert row["count"] == 1
    assert pickle.loads(pickle.dumps(row)) == row


def test_names_with_an_underscore_in_front_are_reached_by_key(db: Database) -> None:
    row = fetch(db, 'select 1 as "_x", 2 as "__class__", 3 as "_fields", 4 as "_asdict"')[0]
    assert [row["_x"], row["__class__"], row["_fields"], row["_asdict"]] == [1, 2, 3, 4]
    assert row._fields == ("_x", "__class__", "_fields", "_asdict")
    assert row._asdict()["_asdict"] == 4
    assert isinstance(row, Row)
    with pytest.raises(AttributeError):
        row._x  # noqa: B018


def test_odd_column_names_are_kept(db: Database) -> None:
    row = fetch(db, 'select 1 as "odd name", 2 as "from", 3 as "Ünïcode", 4 as "", 5 as "a""b"')[0]
    assert row._fields == ("odd name", "from", "Ünïcode", "", 'a"b')
    assert row["odd name"] == getattr(row, "odd name") == 1
    assert getattr(row, "from") == 2
    assert row.Ünïcode == 3
    assert row[""] == 4
    assert row['a"b'] == 5


def test_rows_of_one_shape_share_a_class(db: Database) -> None:
    first = fetch(db, "select 1 as a, 2 as b")[0]
    second = fetch(db, "select 'x' as a, null as b")[0]
    assert type(first) is type(second)


def test_rows_survive_their_result_and_database(db: Database) -> None:
    rows = fetch(db, "select 'kept' as word, x'00ff' as data")
    row = rows[0]
    del rows
    db.close()
    gc.collect()
    assert (row.word, row.data) == ("kept", b"\x00\xff")


# -- Text ------------------------------------------------------------------------------------------


def test_repr_is_a_table_with_nulls_and_a_count(db: Database) -> None:
    text = repr(fetch(db, "select 1 as id, 'Zoë' as name union all select 20, null"))
    assert text.splitlines() == [
        "id │ name",
        "───┼─────",
        " 1 │ Zoë",
        "20 │ NULL",
        "(2 rows)",
    ]


def test_repr_shows_the_beginning_of_long_results_and_values(db: Database) -> None:
    assert repr(numbers(db, 100)).endswith("20\n(100 rows, the first 20 shown)")
    text = repr(fetch(db, "select replace(hex(zeroblob(500)), '0', 'y') as long, 'a\nb' as lines"))
    assert "y" * 39 + "…" in text
    assert "y" * 40 not in text
    assert "a\\nb" in text
    assert len(text.splitlines()) == 4


def test_html_escapes_names_and_values(db: Database) -> None:
    html = fetch(db, "select '<script>' as \"<b>\", 'a & b' as \"x&y\"")._repr_html_()
    assert html.startswith("<table>")
    assert "&lt;script&gt;" in html
    assert "&lt;b&gt;" in html
    assert "a &amp; b" in html
    assert "<script>" not in html
    assert "<b>" not in html


# -- Arrow -----------------------------------------------------------------------------------------


def test_pyarrow_gets_every_type_with_nulls(everything: Database) -> None:
    rows = table("everything").query().on(everything).fetch_arrow().result()
    for arrow in (pa.table(rows), rows.to_arrow()):
        assert arrow.schema == ARROW_SCHEMA
        arrow.validate(full=True)
        assert [tuple(r.values()) for r in arrow.to_pylist()] == [FULL, EMPTY, FULL]


def test_polars_gets_every_type_with_nulls(everything: Database) -> None:
    rows = table("everything").query().on(everything).fetch_arrow().result()
    for frame in (pl.DataFrame(rows), rows.to_polars()):
        assert frame.rows() == [FULL, EMPTY, FULL]
        assert frame.schema["ts"] == pl.Datetime("us")
        assert frame.schema["d"] == pl.Date


def test_pandas_gets_every_type_with_nulls(everything: Database) -> None:
    frame = table("everything").query().on(everything).fetch_arrow().result().to_pandas()
    assert isinstance(frame, pd.DataFrame)
    assert list(frame.columns) == ARROW_SCHEMA.names
    assert frame["t"].tolist()[0] == FULL[3]
    assert frame["ts"].tolist()[0] == pd.Timestamp(MOMENT)
    assert frame["tz"].tolist()[2] == pd.Timestamp(ZONED)
    assert frame.isna().sum().tolist() == [1] * len(FULL)


def test_duckdb_queries_a_result(everything: Database) -> None:
    rows = table("everything").query().on(everything).fetch_arrow().result()
    with duckdb.connect() as duck:
        duck.register("rows", pa.RecordBatchReader.from_stream(rows))
        assert duck.sql("select * exclude (tz) from rows").fetchall() == [
            FULL[:-1],
            EMPTY[:-1],
            FULL[:-1],
        ]
        counted = numbers(everything, 100_000)
        assert duck.sql("select sum(n) from counted").fetchone() == (5_000_050_000,)
        assert len(counted) == 100_000


def test_an_empty_result_keeps_names_and_types(everything: Database) -> None:
    t = table("everything")
    rows = t.where(t.i == 99).on(everything).fetch_arrow().result()
    assert len(rows) == 0
    assert rows == []
    assert list(rows) == []
    assert rows.schema == t.query().on(everything).fetch_all().result().schema
    assert pa.table(rows).schema == ARROW_SCHEMA
    assert (
        rows.to_polars().schema
        == t.query().on(everything).fetch_arrow().result().to_polars().schema
    )
    assert list(rows.to_pandas().columns) == ARROW_SCHEMA.names
    assert rows.to_dicts() == []
    assert repr(rows).endswith("(0 rows)")
    assert "(0 rows)" in rows._repr_html_()


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 63, 64, 65, 4097])
def test_null_bitmaps_are_right_at_every_length(db: Database, count: int) -> None:
    execute(db, "create table t (i integer, b boolean, s text)")
    given = [
        (None if n % 3 == 0 else n, None if n % 5 == 0 else n % 2 == 0, None if n % 7 else "s")
        for n in range(count)
    ]
    db.insert("t", given).result()
    rows = table("t").query().on(db).fetch_arrow().result()
    assert rows == given
    arrow = pa.table(rows)
    arrow.validate(full=True)
    assert [tuple(r.values()) for r in arrow.to_pylist()] == given
    assert arrow.column("i").null_count == sum(row[0] is None for row in given)


def test_a_result_is_exported_as_often_as_wanted(everything: Database) -> None:
    rows = table("everything").query().on(everything).fetch_arrow().result()
    first, second = pa.table(rows), pa.table(rows)
    assert first == second
    assert rows == [FULL, EMPTY, FULL]


def test_arrow_data_outlives_the_result(db: Database) -> None:
    rows = numbers(db, 150_000)
    arrow = pa.table(rows)
    capsule = rows.__arrow_c_stream__()
    del rows
    db.close()
    gc.collect()
    assert pa.compute.sum(arrow.column("n")).as_py() == 11_250_075_000
    reader = pa.RecordBatchReader._import_from_c_capsule(capsule)
    assert sum(batch.num_rows for batch in reader) == 150_000


def test_one_column_kept_of_an_export_stays_whole(db: Database) -> None:
    arrow = pa.table(fetch(db, "select 'first' as a, 'second' as b union all select 'x', 'y'"))
    column = arrow.column("b").chunk(0)
    del arrow
    gc.collect()
    assert column.to_pylist() == ["second", "y"]


def test_a_capsule_nobody_takes_is_freed(db: Database) -> None:
    rows = numbers(db, 10)
    for _ in range(1000):
        rows.__arrow_c_stream__()
    assert pa.table(rows).num_rows == 10


def test_threads_may_read_and_export_one_result(everything: Database) -> None:
    rows = numbers(everything, 20_000)
    sums: list[int] = []

    def work() -> None:
        for _ in range(5):
            sums.append(pa.compute.sum(pa.table(rows).column("n")).as_py())
            sums.append(sum(row.n for row in rows))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sums == [200_010_000] * 40


def test_a_missing_data_library_is_named(
    everything: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = numbers(everything, 1)
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(Exception, match="pip install polars"):
        rows.to_polars()


def test_making_many_rows_leaves_the_collector_as_it_was(db: Database) -> None:
    assert gc.isenabled()
    assert len(list(numbers(db, 5000))) == 5000
    assert gc.isenabled()
    gc.disable()
    try:
        assert len(list(numbers(db, 5000))) == 5000
        assert not gc.isenabled()
    finally:
        gc.enable()
