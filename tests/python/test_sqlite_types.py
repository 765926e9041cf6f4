"""What SQLite's loose types become: by declaration, by the builder, by the values, without loss."""

# Long because: every kind of column and of cell is a short test of its own.

import datetime
import decimal
import sqlite3
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from molt_sql import Database, InvalidQueryError, MoltError, ResultSet, connect, fn, raw, table


def execute(db: Database, sql: str) -> None:
    raw(sql).on(db).execute().result()


def fetch(db: Database, sql: str) -> ResultSet:
    return raw(sql).on(db).fetch_all().result()


def kind(rows: ResultSet) -> str:
    ((_, name),) = rows.schema
    return name


def column_of(db: Database, declared: str, values: str) -> ResultSet:
    """All of a one-column table declared so, holding these SQL literals."""
    execute(db, f"create table t (v {declared})")
    if values:
        literals = ", ".join(f"({literal})" for literal in values.split(" | "))
        execute(db, f"insert into t values {literals}")
    return table("t").query().on(db).fetch_all().result()


# -- Declared types --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ("integer", "int64"),
        ("INT", "int64"),
        ("tinyint", "int64"),
        ("unsigned big int", "int64"),
        ("int8", "int64"),
        ("text", "utf8"),
        ("varchar(30)", "utf8"),
        ("nchar(5)", "utf8"),
        ("native character(70)", "utf8"),
        ("clob", "utf8"),
        ("blob", "binary"),
        ("real", "float64"),
        ("double", "float64"),
        ("double precision", "float64"),
        ("float", "float64"),
        ("numeric", "float64"),
        ("decimal(10, 2)", "float64"),
        ("bool", "bool"),
        ("boolean", "bool"),
        ("date", "date"),
        ("datetime", "timestamp"),
        ("timestamp", "timestamp"),
        ("timestamp with time zone", "timestamptz"),
        ("timestamptz", "timestamptz"),
        ("time", "time"),
    ],
)
def test_a_declared_type_gives_the_columns_type_with_or_without_rows(
    db: Database, declared: str, expected: str
) -> None:
    assert kind(column_of(db, declared, "")) == expected
    execute(db, "insert into t values (null)")
    t = table("t")
    assert kind(t.query().on(db).fetch_all().result()) == expected
    assert kind(fetch(db, "select v from t")) == expected
    assert kind(fetch(db, "select v from t where false")) == expected
    assert t.query().on(db).fetch_all().result() == [(None,)]
    assert pa.table(fetch(db, "select v from t")).column(0).null_count == 1


def test_a_column_without_a_type_takes_that_of_its_first_value(db: Database) -> None:
    execute(db, "create table t (v)")
    assert fetch(db, "select v from t") == []
    execute(db, "insert into t values (null), ('a'), ('b')")
    rows = fetch(db, "select v from t")
    assert kind(rows) == "utf8"
    assert rows == [(None,), ("a",), ("b",)]


def test_only_nulls_are_a_column_of_nulls(db: Database) -> None:
    rows = fetch(db, "select null as v union all select null")
    assert kind(rows) == "null"
    assert rows == [(None,), (None,)]
    assert pa.table(rows).schema.field("v").type == pa.null()


# -- Values that fit, and how ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("declared", "literals", "expected"),
    [
        ("integer", "1 | -9223372036854775808 | 9223372036854775807", [1, -(2**63), 2**63 - 1]),
        ("real", "1 | 2.5 | -0.0", [1.0, 2.5, 0.0]),
        ("numeric", "1 | 2.5", [1.0, 2.5]),
        ("decimal(10,2)", "'1.50' | 2", [1.5, 2.0]),
        ("boolean", "0 | 1 | true | false", [False, True, True, False]),
        ("date", "'2024-02-29' | '0001-01-01' | '9999-12-31'",
         [datetime.date(2024, 2, 29), datetime.date.min, datetime.date.max]),
        ("time", "'01:02:03' | '23:59:59.999999' | '01:02'",
         [datetime.time(1, 2, 3), datetime.time.max, datetime.time(1, 2)]),
        ("datetime", "'2024-02-29 12:30:00' | '2024-02-29T12:30:00.5' | '1969-12-31 23:59:59.999999'",
         [datetime.datetime(2024, 2, 29, 12, 30),
          datetime.datetime(2024, 2, 29, 12, 30, 0, 500_000),
          datetime.datetime(1969, 12, 31, 23, 59, 59, 999_999)]),
        ("timestamptz", "'2024-02-29 12:30:00Z' | '2024-02-29 12:30:00+02:00'",
         [datetime.datetime(2024, 2, 29, 12, 30, tzinfo=datetime.UTC),
          datetime.datetime(2024, 2, 29, 10, 30, tzinfo=datetime.UTC)]),
        ("text", "'' | 'ä€😀' | 'a' || char(0) || 'b'", ["", "ä€😀", "a\0b"]),
        ("blob", "x'' | x'00ff'", [b"", b"\0\xff"]),
    ],
)  # fmt: skip
def test_values_that_fit_their_column_become_python_values_and_arrow(
    db: Database, declared: str, literals: str, expected: list[Any]
) -> None:
    rows = column_of(db, declared, literals)
    assert rows.column("v") == expected
    assert [type(value) for value in rows.column("v")] == [type(value) for value in expected]
    assert pa.table(rows).column("v").to_pylist() == expected


def test_current_timestamp_is_a_timestamp(db: Database) -> None:
    execute(db, "create table t (n integer, at timestamp default current_timestamp)")
    execute(db, "insert into t (n) values (1)")
    at = table("t").select(table("t").at).on(db).fetch_value().result()
    assert abs(at - datetime.datetime.now(datetime.UTC).replace(tzinfo=None)) < datetime.timedelta(
        minutes=5
    )


# -- Values that do not fit: kept as stored --------------------------------------------------------

MIXED = [
    ("integer", "1 | 'two' | 3", [1, "two", 3]),
    ("integer", "1 | x'02'", [1, b"\x02"]),
    ("text", "'a' | x'ff'", ["a", b"\xff"]),
    ("blob", "x'01' | 'text' | 5", [b"\x01", "text", 5]),
    ("real", "1.5 | 'n/a'", [1.5, "n/a"]),
    ("boolean", "0 | 1 | 2", [False, True, 2]),
    ("boolean", "1 | 'yes'", [True, "yes"]),
    ("date", "'2024-02-29' | 'soon'", [datetime.date(2024, 2, 29), "soon"]),
    ("date", "'2024-02-29' | '2023-02-29'", [datetime.date(2024, 2, 29), "2023-02-29"]),
    ("date", "'2024-02-29' | '0000-00-00'", [datetime.date(2024, 2, 29), "0000-00-00"]),
    ("date", "'2024-02-29' | 20240229", [datetime.date(2024, 2, 29), 20240229]),
    ("time", "'01:02:03' | '25:00:00'", [datetime.time(1, 2, 3), "25:00:00"]),
    ("datetime", "'2024-02-29 12:30:00' | 'never'",
     [datetime.datetime(2024, 2, 29, 12, 30), "never"]),
    ("datetime", "'2024-02-29 12:30:00' | 1709210000",
     [datetime.datetime(2024, 2, 29, 12, 30), 1709210000]),
    ("datetime", "'2024-02-29 12:30:00' | '2024-02-29 12:30:00Z'",
     [datetime.datetime(2024, 2, 29, 12, 30), "2024-02-29 12:30:00Z"]),
]  # fmt: skip


@pytest.mark.parametrize(("declared", "literals", "expected"), MIXED)
def test_a_value_that_does_not_fit_is_given_as_stored(
    db: Database, declared: str, literals: str, expected: list[Any]
) -> None:
    rows = column_of(db, declared, literals)
    assert rows.column("v") == expected
    assert [type(value) for value in rows.column("v")] == [type(value) for value in expected]


@pytest.mark.parametrize(("declared", "literals", "expected"), MIXED)
def test_arrow_of_a_mixed_column_is_an_error_that_names_column_and_row(
    db: Database, declared: str, literals: str, expected: list[Any]
) -> None:
    rows = column_of(db, declared, literals)
    bad = next(i for i, value in enumerate(expected) if type(value) is not type(expected[0]))
    query = table("t").query().on(db)
    with pytest.raises(InvalidQueryError, match=rf'"v".*row {bad}\b|row {bad}\b.*"v"'):
        query.fetch_arrow().result()
    with pytest.raises(InvalidQueryError, match='"v"'):
        rows.__arrow_c_stream__()
    with pytest.raises(MoltError, match='"v"'):
        rows.to_polars()
    assert rows.column("v") == expected


def test_nulls_among_mixed_values_stay_nulls(db: Database) -> None:
    rows = column_of(db, "integer", "null | 1 | null | 'x' | null")
    assert rows.column("v") == [None, 1, None, "x", None]


def test_a_mixed_column_leaves_the_others_alone(db: Database) -> None:
    rows = fetch(db, "select 1 as a, 2 as b union all select 'x', 3")
    assert rows == [(1, 2), ("x", 3)]
    assert pa.table(fetch(db, "select b from (select 1 as a, 2 as b union all select 'x', 3)"))


def test_a_column_that_mixes_in_a_later_batch_loses_nothing(db: Database) -> None:
    steps = "with recursive c(n) as (select 1 union all select n + 1 from c where n < 70000)"
    rows = fetch(db, f"{steps} select case n when 69000 then 'odd' else n end as v from c")
    values = rows.column("v")
    assert len(values) == 70_000
    assert values[68_999] == "odd"
    assert [v for v in values if v != "odd"] == [n for n in range(1, 70_001) if n != 69_000]
    with pytest.raises(InvalidQueryError, match=r"68999"):
        rows.to_arrow()


# -- Numbers ---------------------------------------------------------------------------------------


def test_ints_and_floats_in_an_undeclared_column_widen_to_float(db: Database) -> None:
    for sql in ("select 1 as v union all select 2.5", "select 2.5 as v union all select 1"):
        rows = fetch(db, sql)
        assert kind(rows) == "float64"
        assert sorted(rows.column("v")) == [1.0, 2.5]
        assert all(type(value) is float for value in rows.column("v"))
        assert sorted(pa.table(rows).column("v").to_pylist()) == [1.0, 2.5]


def test_a_float_in_an_integer_column_is_kept_and_goes_to_arrow_as_float(db: Database) -> None:
    rows = column_of(db, "integer", "1 | 2.5 | null")
    assert rows.column("v") == [1, 2.5, None]
    assert pa.table(rows).schema.field("v").type == pa.float64()
    assert pa.table(rows).column("v").to_pylist() == [1.0, 2.5, None]


def test_ints_that_a_float_cannot_hold_are_not_widened(db: Database) -> None:
    big = 2**53 + 1
    rows = fetch(db, f"select {big} as v union all select 0.5")
    assert rows.column("v") == [big, 0.5]
    assert type(rows.column("v")[0]) is int
    with pytest.raises(InvalidQueryError, match='"v"'):
        rows.to_arrow()


@pytest.mark.parametrize("exact", [2**53, -(2**53)])
def test_the_largest_exact_ints_are_widened(db: Database, exact: int) -> None:
    rows = fetch(db, f"select {exact} as v union all select 0.5")
    assert rows.column("v") == [float(exact), 0.5]
    assert kind(rows) == "float64"


def test_a_big_int_in_a_numeric_column_is_kept_exactly(db: Database) -> None:
    big = 2**53 + 1
    rows = column_of(db, "numeric", f"{big} | 0.5")
    assert rows.column("v") == [big, 0.5]
    assert type(rows.column("v")[0]) is int
    with pytest.raises(InvalidQueryError, match='"v"'):
        rows.to_arrow()


def test_a_real_column_stores_big_ints_as_floats_itself(db: Database) -> None:
    assert column_of(db, "real", f"{2**53 + 1}").column("v") == [float(2**53)]


def test_infinity_is_a_float(db: Database) -> None:
    assert fetch(db, "select 9e999 as v").column("v") == [float("inf")]
    execute(db, "create table t (x real)")
    db.insert("t", [(float("inf"),), (float("-inf"),)]).result()
    rows = table("t").query().on(db).fetch_all().result()
    assert rows == [(float("inf"),), (float("-inf"),)]


def test_not_a_number_cannot_be_bound(db: Database) -> None:
    with pytest.raises(InvalidQueryError, match="NaN"):
        raw("select {x}", x=float("nan")).on(db).fetch_value().result()


# -- Text that is not ------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", ["ff", "c328", "eda080", "61c3", "f8888080"])
def test_text_that_is_not_utf8_comes_as_bytes(db: Database, bad: str) -> None:
    rows = fetch(db, f"select 'fine' as v union all select cast(x'{bad}' as text)")
    assert rows.column("v") == ["fine", bytes.fromhex(bad)]
    with pytest.raises(InvalidQueryError, match=r'"v".*row 1|row 1.*"v"'):
        rows.to_arrow()
    assert "fine" in repr(rows)


def test_a_column_name_that_is_not_utf8_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "names.db"
    other = sqlite3.connect(path)
    other.execute("create table t (naXXme integer)")
    other.execute("insert into t values (5)")
    other.commit()
    other.close()
    data = path.read_bytes()
    path.write_bytes(data.replace(b"naXXme", b"na\xff\xfeme"))
    with connect(f"sqlite:///{path}") as db:
        rows = fetch(db, "select * from t")
        assert len(rows) == 1
        assert rows[0][0] == 5
        assert isinstance(repr(rows), str)
        assert len(rows.columns) == 1
        assert len(rows.schema) == 1
        assert list(rows[0]._asdict()) == rows.columns == list(rows.to_dicts()[0])


# -- Expressions -----------------------------------------------------------------------------------


@pytest.fixture
def sales(db: Database) -> Database:
    execute(db, "create table sales (id integer, price real, name text, day date, ok boolean)")
    rows: list[tuple[Any, ...]] = [
        (1, 2.5, "a", datetime.date(2024, 1, 1), True),
        (2, 7, "b", None, False),
    ]
    db.insert("sales", rows).result()
    return db


def test_the_builder_knows_the_types_of_expressions(sales: Database) -> None:
    s = table("sales")
    query = s.select(
        fn.count().as_("rows"),
        s.id.sum().as_("ids"),
        s.price.sum().as_("total"),
        s.id.avg().as_("mean"),
        s.day.max().as_("last"),
        s.name.min().as_("first"),
        s.id.max().as_("top"),
    )
    expected = [
        ("rows", "int64"),
        ("ids", "int64"),
        ("total", "float64"),
        ("mean", "float64"),
        ("last", "date"),
        ("first", "utf8"),
        ("top", "int64"),
    ]
    rows = query.on(sales).fetch_all().result()
    assert rows.schema == expected
    assert rows == [(2, 3, 9.5, 1.5, datetime.date(2024, 1, 1), "a", 2)]
    empty = query.where(s.id == 99).on(sales).fetch_all().result()
    assert empty.schema == expected
    assert empty == [(0, None, None, None, None, None, None)]


def test_arithmetic_and_comparisons_have_types(sales: Database) -> None:
    s = table("sales")
    query = s.select(
        (s.id + 1).as_("next"),
        (s.id * s.price).as_("times"),
        (s.id / 2).as_("half"),
        (s.price > 3).as_("dear"),
        s.name.is_null().as_("unnamed"),
        s.ok,
    ).order_by(s.id)
    expected = [
        ("next", "int64"),
        ("times", "float64"),
        ("half", "float64"),
        ("dear", "bool"),
        ("unnamed", "bool"),
        ("ok", "bool"),
    ]
    rows = query.on(sales).fetch_all().result()
    assert rows.schema == expected
    assert rows == [(2, 2.5, 0.5, False, False, True), (3, 14.0, 1.0, True, False, False)]
    assert [type(v) for v in rows[0]] == [int, float, float, bool, bool, bool]
    assert query.where(s.id == 99).on(sales).fetch_all().result().schema == expected


def test_declared_types_of_the_query_count(sales: Database) -> None:
    typed = table("sales", id=int, price=decimal.Decimal, day=datetime.date, name=str)
    rows = typed.select(typed.id, typed.day, typed.name).order_by(typed.id).on(sales)
    assert rows.fetch_all().result() == [(1, datetime.date(2024, 1, 1), "a"), (2, None, "b")]


def test_expressions_by_hand_take_the_type_of_their_first_value(sales: Database) -> None:
    assert kind(fetch(sales, "select id + 1 as v from sales")) == "int64"
    assert kind(fetch(sales, "select price * 2 as v from sales")) == "float64"
    assert kind(fetch(sales, "select name || 'x' as v from sales")) == "utf8"
    assert kind(fetch(sales, "select cast(name as blob) as v from sales")) == "binary"
    assert kind(fetch(sales, "select case id when 1 then null else id end as v from sales")) == (
        "int64"
    )


def test_columns_through_subqueries_and_views_keep_their_types(sales: Database) -> None:
    execute(sales, "create view v as select day, ok from sales")
    assert fetch(sales, "select day, ok from (select * from sales) where id = 1") == [
        (datetime.date(2024, 1, 1), True)
    ]
    rows = table("v").query().on(sales).fetch_all().result()
    assert rows.schema == [("day", "date"), ("ok", "bool")]


def test_outer_joins_give_nulls_of_the_columns_type(sales: Database) -> None:
    execute(sales, "create table notes (sale integer, at timestamp)")
    s, n = table("sales"), table("notes")
    query = s.left_join(n, n.sale == s.id).select(s.id, n.at).order_by(s.id).on(sales)
    rows = query.fetch_arrow().result()
    assert rows.schema == [("id", "int64"), ("at", "timestamp")]
    assert rows == [(1, None), (2, None)]
    assert pa.table(rows).schema.field("at").type == pa.timestamp("us")


# -- Streams ---------------------------------------------------------------------------------------


def test_batches_of_a_stream_keep_the_first_ones_schema(db: Database) -> None:
    execute(db, "create table t (a integer, b real, c date, d text, e)")
    rows: list[tuple[Any, ...]] = [(n, n / 2, datetime.date(2024, 1, 1), "x", n) for n in range(10)]
    rows[3] = (None,) * 5
    rows[4] = (None,) * 5
    rows[5] = (None,) * 5
    db.insert("t", rows).result()
    batches = list(table("t").query().on(db).stream(batch_rows=3))
    assert [row for batch in batches for row in batch] == rows
    assert len({tuple(batch.schema) for batch in batches}) == 1
    tables = [batch.to_arrow() for batch in batches]
    assert pa.concat_tables(tables).num_rows == 10


def test_a_stream_that_begins_with_nulls_gives_every_value_later(db: Database) -> None:
    execute(db, "create table t (v)")
    db.insert("t", [(None,)] * 5 + [(1,), (2,), ("three",)]).result()
    batches = list(table("t").query().on(db).stream(batch_rows=3))
    assert [row.v for batch in batches for row in batch] == [None] * 5 + [1, 2, "three"]
    assert len({tuple(batch.schema) for batch in batches}) == 1


def test_a_value_that_fits_no_more_in_a_later_batch_is_kept(db: Database) -> None:
    execute(db, "create table t (v integer)")
    db.insert("t", [(1,), (2,), ("three",), (4,)]).result()
    batches = list(table("t").query().on(db).stream(batch_rows=2))
    assert [list(batch.column("v")) for batch in batches] == [[1, 2], ["three", 4]]
    assert batches[0].to_arrow().column("v").to_pylist() == [1, 2]
    with pytest.raises(InvalidQueryError, match='"v"'):
        batches[1].to_arrow()


def test_whole_results_widen_over_all_batches(db: Database) -> None:
    """A float after the first batch does not change the type of what came before."""
    steps = "with recursive c(n) as (select 1 union all select n + 1 from c where n < 70000)"
    rows = fetch(db, f"{steps} select case n when 70000 then 0.5 else n end as v from c")
    values = rows.column("v")
    assert values[:2] == [1, 2]
    assert values[-1] == 0.5
    arrow = rows.to_arrow().column("v")
    assert arrow.type == pa.float64()
    assert arrow[0].as_py() == 1.0
    assert arrow[69_999].as_py() == 0.5
