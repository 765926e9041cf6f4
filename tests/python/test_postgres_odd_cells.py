"""Cells that psycopg 3 has no value for, or another than molt_sql, and settings that change no cell."""

import datetime
import struct
from collections.abc import Iterator

import psycopg
import pytest

from molt_sql import InvalidQueryError, Range, connect, raw
from postgres_cells import OPTIONS, Both, assert_same, canonical, column_sql, connect_both
from servers.fixtures import PostgresDatabase


@pytest.fixture(scope="module")
def both(pg_database: PostgresDatabase) -> Iterator[Both]:
    url, conninfo = pg_database.url(options=OPTIONS), pg_database.conninfo(options=OPTIONS)
    with connect_both(url, conninfo) as databases:
        yield databases


INFINITE = ["date", "timestamp", "timestamptz"]


@pytest.mark.parametrize("type_name", INFINITE)
@pytest.mark.parametrize("infinity", ["infinity", "-infinity"])
def test_infinity_is_the_text_of_it_and_no_date(both: Both, type_name: str, infinity: str) -> None:
    literal = f"'{infinity}'::{type_name}"
    assert both.value(f"select {literal}") == infinity
    assert both.value(f"select array[{literal}, null]") == [infinity, None]
    range_type = {"date": "daterange", "timestamp": "tsrange", "timestamptz": "tstzrange"}[
        type_name
    ]
    finite = f"'2024-02-29'::{type_name}"
    cell = both.value(
        f"select {range_type}(least({literal}, {finite}), greatest({literal}, {finite}))"
    )
    assert infinity in (cell.lower, cell.upper)
    assert None not in (cell.lower, cell.upper)


@pytest.mark.parametrize("type_name", INFINITE)
def test_infinity_leaves_the_other_cells_of_its_column_as_they_are(
    both: Both, type_name: str
) -> None:
    dates = ["'2024-02-29'", "null", "'0001-01-01'"]
    expected = [cell for (cell,) in both.fetch(column_sql(type_name, dates))]
    mixed = both.fetch(column_sql(type_name, [*dates, "'infinity'", *dates, "'-infinity'"]))
    cells = [cell for (cell,) in mixed]
    assert cells == [*expected, "infinity", *expected, "-infinity"]
    assert mixed.schema == both.fetch(column_sql(type_name, dates)).schema


@pytest.mark.parametrize(
    "literal",
    [
        "date '10000-01-01'",
        "date '5874897-12-31'",
        "date '0001-12-31 BC'",
        "date '4714-11-24 BC'",
        "timestamp '10000-01-01'",
        "timestamp '294246-12-31'",
        "timestamp '0001-12-31 23:59:59.999999 BC'",
        "timestamp '4714-11-24 00:00:00 BC'",
        "timestamptz '10000-01-01Z'",
        "timestamptz '294246-12-31Z'",
        "timestamptz '4714-11-24 00:00:00Z BC'",
        "array[date '10000-01-01']",
        "daterange('10000-01-01', null)",
        "datemultirange(daterange('10000-01-01', null))",
        "interval '178000000 years'",
        "interval '-178000000 years'",
        "interval '1000000000 days'",
        "interval '-999999999 days -1 us'",
        "timetz '24:00+02'",
    ],
)
def test_what_python_has_no_value_for_says_to_cast_it(both: Both, literal: str) -> None:
    if not literal.startswith("interval"):  # of which psycopg makes a wrong one
        with pytest.raises(psycopg.DataError):
            both.their_value(f"select {literal}")
    with pytest.raises(InvalidQueryError, match="cast the column to text"):
        both.value(f"select {literal}")
    as_text = f"select ({literal})::text"
    assert both.value(as_text) == both.their_value(as_text)
    assert both.fetch(f"select 1, {literal}").schema  # and only who asks for the cell is told


@pytest.mark.parametrize("type_name", ["timestamp", "timestamptz"])
def test_the_last_years_of_timestamps_are_their_text(both: Both, type_name: str) -> None:
    """They are more microseconds after 1970 than 64 bits count."""
    cell = both.value(f"select {type_name} '294276-12-31 23:59:59.999999Z'")
    zone = "" if type_name == "timestamp" else "+00:00"
    assert cell == "294276-12-31 23:59:59.999999" + zone


def test_the_end_of_a_day_is_its_text(both: Both) -> None:
    assert both.value("select time '24:00'") == "24:00:00"
    cells = both.fetch(column_sql("time", ["'23:59'", "'24:00'", "null"]))
    assert cells == [(datetime.time(23, 59),), ("24:00:00",), (None,)]


def test_float4_has_its_exact_value(both: Both) -> None:
    """As psycopg reads it in binary. In text it reads the shortest digits: 1.1."""
    assert both.value("select 1.1::float4") == struct.unpack("f", struct.pack("f", 1.1))[0]


def test_a_row_of_no_type_is_its_text(both: Both) -> None:
    """Which psycopg reads as a tuple of texts."""
    sql = "select row(1, 'a b', null, row(2))"
    assert both.value(sql) == '(1,"a b",,"(2)")'
    assert both.fetch(sql + " as v").schema == [("v", "other")]


def test_a_multirange_is_a_list_of_ranges(both: Both) -> None:
    cell = both.value("select int4multirange(int4range(1, 5), int4range(7, null))")
    assert cell == [Range(1, 5), Range(7, None)]
    assert type(cell) is list


def test_a_void_function_gives_an_empty_text(both: Both) -> None:
    assert_same(both, "select pg_sleep(0)")
    both.run("create function nothing() returns void language sql as ''")
    assert_same(both, "select nothing()")


def test_literals_of_no_type_are_text(both: Both) -> None:
    for sql in ("select null", "select 'a'", "select array['a', null]", "values (null), ('b')"):
        assert_same(both, sql)


def test_hstore_is_its_text(both: Both, pg_database: PostgresDatabase) -> None:
    available = "select count(*) from pg_available_extensions where name = 'hstore'"
    if both.value(available) == 0:
        pytest.skip("the server has no extension hstore")
    pg_database.run_sql("create extension if not exists hstore")
    cells = ["''", """'a=>1, "b c"=>NULL, "d\\""=>"\\\\"'""", "null"]
    assert_same(both, column_sql("hstore", cells))
    assert both.fetch(column_sql("hstore", cells)).schema == [("v", "other")]
    assert_same(both, "select array['a=>1'::hstore]")


def test_a_timestamptz_is_utc_whatever_the_sessions_zone(pg_database: PostgresDatabase) -> None:
    sql = "select timestamptz '2024-07-01 12:00Z'"
    expected = datetime.datetime(2024, 7, 1, 12, tzinfo=datetime.UTC)
    for zone in ("UTC", "Asia/Kolkata", "America/St_Johns"):
        with connect(pg_database.url(options=f"-c TimeZone={zone}")) as db:
            cell = raw(sql).on(db).fetch_value().result()
            assert cell == expected
            assert cell.tzinfo is datetime.UTC


@pytest.mark.parametrize(
    "settings",
    [
        "-c DateStyle=German,DMY -c IntervalStyle=iso_8601",
        "-c DateStyle=SQL,MDY -c IntervalStyle=sql_standard",
        "-c bytea_output=escape -c extra_float_digits=-10",
    ],
)
def test_settings_of_output_change_no_value(pg_database: PostgresDatabase, settings: str) -> None:
    cells = {
        "date '2024-02-29'": datetime.date(2024, 2, 29),
        "timestamp '2024-02-01 12:00'": datetime.datetime(2024, 2, 1, 12),
        "interval '-1 mon 2 days -03:00'": datetime.timedelta(days=-28, hours=-3),
        r"'\x00ff'::bytea": b"\x00\xff",
        "0.1::float8 + 0.2": 0.1 + 0.2,
        "array[interval '1 day']": [datetime.timedelta(days=1)],
        "daterange('2024-02-29', null)": Range(datetime.date(2024, 2, 29)),
        "timetz '10:00+05:30'": datetime.time(
            10, tzinfo=datetime.timezone(datetime.timedelta(hours=5, minutes=30))
        ),
    }
    with connect(pg_database.url(options=settings)) as db:
        rows = raw("select " + ", ".join(cells)).on(db).fetch_all().result()
        assert rows == [tuple(cells.values())]


# -- Odd JSON --------------------------------------------------------------------------------------


def test_numbers_in_json_beyond_floats_are_what_json_makes_of_them(both: Both) -> None:
    assert_same(both, "select '1e400'::json")
    assert_same(both, "select ('[' || repeat('1', 4000) || ']')::json")


@pytest.mark.parametrize(
    "document",
    ["repeat('1', 5000)", "repeat('[', 5000) || repeat(']', 5000)"],
    ids=["int", "depth"],
)
def test_json_that_python_refuses_is_an_error_and_no_crash(both: Both, document: str) -> None:
    with pytest.raises((ValueError, RecursionError)):
        both.their_value(f"select ({document})::json")
    with pytest.raises(InvalidQueryError, match="cast the column to text"):
        both.value(f"select ({document})::json")
    assert len(both.value(f"select ({document})::json::text")) >= 5000


# -- Many rows -------------------------------------------------------------------------------------


def test_a_cell_that_fits_no_column_may_come_late(both: Both) -> None:
    """Of the second batch or a later one."""
    sql = (
        "select case when i = 150000 then 'NaN' else i / 100.0 end::numeric(12, 2),"
        " case when i = 150000 then array[array[i]] else array[i] end,"
        " repeat('x', 100) from generate_series(1, 200000) i"
    )
    ours = [tuple(map(canonical, row)) for row in both.fetch(sql)]
    theirs = [tuple(map(canonical, row)) for row in both.theirs.execute(sql.encode())]
    assert ours == theirs
