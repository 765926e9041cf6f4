"""Random values on PostgreSQL: there and back they are the same, and psycopg reads the same."""

import copy
import datetime
import ipaddress
import os
import pickle
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from molt_sql import Range
from postgres_cells import OPTIONS, Both, canonical, connect_both, query
from servers.fixtures import PostgresDatabase

# The same examples on every run, so that CI is steady.
EXAMPLES = os.environ.get("MOLT_PROPERTY_EXAMPLES")
SETTINGS = settings(
    derandomize=EXAMPLES is None,
    max_examples=int(EXAMPLES or 40),
    database=None,
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.function_scoped_fixture,
    ],
)


@pytest.fixture(scope="module")
def both(pg_database: PostgresDatabase) -> Iterator[Both]:
    url, conninfo = pg_database.url(options=OPTIONS), pg_database.conninfo(options=OPTIONS)
    with connect_both(url, conninfo) as databases:
        databases.run("create type mood as enum ('sad', 'ok', 'fine')")
        yield databases


def decimals(precision: int, scales: st.SearchStrategy[int]) -> st.SearchStrategy[Decimal]:
    """Each with its scale, zeros included."""
    limit = 10**precision - 1

    def make(number: int, scale: int) -> Decimal:
        return Decimal((int(number < 0), tuple(map(int, str(abs(number)))), -scale))

    return st.builds(make, st.integers(-limit, limit), scales)


def ranges(bounds: st.SearchStrategy[Any], *kinds: str) -> st.SearchStrategy[Any]:
    """Ranges that the server leaves as they are, so those of ints and dates are of kind `[)`."""

    def make(a: Any, b: Any, kind: Any) -> Range[Any]:
        if a is not None and b is not None and a >= b:
            return Range(empty=True)
        return Range(a, b, kind)

    bound = st.none() | bounds
    return st.builds(make, bound, bound, st.sampled_from(kinds))


def arrays(items: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    """Of one dimension with NULLs, or of two."""
    cells = st.none() | items
    rectangles = st.integers(1, 3).flatmap(
        lambda width: st.lists(
            st.lists(cells, min_size=width, max_size=width), min_size=1, max_size=3
        )
    )
    return st.lists(cells, max_size=6) | rectangles


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
DATES = st.dates()
# The second of two equal times is not the server's.
TIMES = st.times().map(lambda time: time.replace(fold=0))
DATETIMES = st.datetimes().map(lambda time: time.replace(fold=0))
ZONES = st.integers(-15 * 3600, 15 * 3600).map(
    lambda seconds: datetime.timezone(datetime.timedelta(seconds=seconds))
)
INSTANTS = st.datetimes(timezones=st.just(datetime.UTC))
NETWORKS = st.builds(
    lambda address, bits: ipaddress.ip_network(f"{address}/{bits}", strict=False),
    st.ip_addresses(),
    st.integers(0, 32),
)
INTERFACES = st.builds(
    lambda address, bits: ipaddress.ip_interface(f"{address}/{bits}"),
    st.ip_addresses(),
    st.integers(0, 31),
)
NUMBERS = st.floats(-1e9, 1e9).map(lambda number: number + 0.0)  # 0.0 for -0.0, as the server
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=10,
)

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "bool": st.booleans(),
    "int2": st.integers(-(2**15), 2**15 - 1),
    "int4": st.integers(-(2**31), 2**31 - 1),
    "int8": st.integers(-(2**63), 2**63 - 1),
    "oid": st.integers(0, 2**32 - 1),
    "float4": st.floats(width=32),
    "float8": st.floats(),
    "numeric": decimals(60, st.integers(0, 80)),
    "numeric(12,2)": decimals(12, st.just(2)),
    "numeric(18,9)": decimals(18, st.just(9)),
    "numeric(38,10)": decimals(38, st.just(10)),
    "numeric(38,38)": decimals(38, st.just(38)),
    "numeric(60,20)": decimals(60, st.just(20)),
    "text": TEXTS,
    "bytea": st.binary(max_size=50),
    "date": DATES,
    "time": TIMES,
    "timetz": st.builds(lambda time, zone: time.replace(tzinfo=zone), TIMES, ZONES),
    "timestamp": DATETIMES,
    "timestamptz": INSTANTS,
    "interval": st.timedeltas(),
    "uuid": st.uuids(),
    "jsonb": st.dictionaries(TEXTS, DOCUMENTS, max_size=3),
    "inet": st.ip_addresses() | INTERFACES,
    "cidr": NETWORKS,
    "mood": st.sampled_from(["sad", "ok", "fine"]),
    "varbit": st.text("01", max_size=70),
    "int4range": ranges(st.integers(-(2**31), 2**31 - 1), "[)"),
    "int8range": ranges(st.integers(-(2**63), 2**63 - 1), "[)"),
    "numrange": ranges(decimals(30, st.integers(0, 10)), "[)", "(]", "[]", "()"),
    "daterange": ranges(DATES, "[)"),
    "tsrange": ranges(DATETIMES, "[)", "(]", "[]", "()"),
    "tstzrange": ranges(INSTANTS, "[)", "(]", "[]", "()"),
}
# Types whose arrays psycopg reads as text, and those of which a list of dicts would be JSON itself.
NO_ARRAYS = {"mood"}
# As the server reorders the keys.
REORDERED = {"jsonb"}


def assert_same(type_name: str, ours: list[Any], expected: list[Any]) -> None:
    if type_name in REORDERED:
        assert ours == expected
    else:
        assert [canonical(cell) for cell in ours] == [canonical(cell) for cell in expected]


@pytest.mark.parametrize("type_name", VALUES)
def test_random_values_are_the_same_there_and_back(
    both: Both, pg_schema: str, type_name: str
) -> None:
    """As molt_sql reads them, as psycopg does, and from Arrow."""
    table = f"{pg_schema}.cells"
    both.run(f"create table {table} (i int, v {type_name})")
    insert = f"insert into {table} values ({{i}}, {{v}})"
    select = f"select v from {table} order by i"

    @SETTINGS
    @given(st.lists(st.none() | VALUES[type_name], min_size=1, max_size=8))
    def check(values: list[Any]) -> None:
        both.run(f"truncate {table}")
        rows = [{"i": i, "v": value} for i, value in enumerate(values)]
        both.ours.execute_many(insert, rows).result()
        ours, theirs = both.columns(select, binary=type_name == "float4")
        assert_same(type_name, ours, values)
        assert [canonical(cell) for cell in ours] == [canonical(cell) for cell in theirs]
        if type_name != "interval":  # some are too long for Arrow's nanoseconds
            arrow = pa.table(query(select).on(both.ours).fetch_arrow().result())
            arrow.validate(full=True)
            assert arrow.column(0).null_count == values.count(None)

    check()


@pytest.mark.parametrize("type_name", [name for name in VALUES if name not in NO_ARRAYS])
def test_random_arrays_are_the_same_there_and_back(both: Both, type_name: str) -> None:
    @SETTINGS
    @given(arrays(VALUES[type_name]))
    def check(values: list[Any]) -> None:
        result = both.fetch(f"select {{v}}::{type_name}[], {{v}}::{type_name}[]::text", v=values)
        ((ours, text),) = result
        assert_same(type_name, [ours], [values])
        binary = type_name == "float4"
        theirs = both.their_value(f"select %s::{type_name}[]", text, binary=binary)
        assert canonical(ours) == canonical(theirs)

    check()


@pytest.mark.parametrize("type_name", VALUES)
def test_random_values_are_found_by_themselves(both: Both, type_name: str) -> None:
    """Whatever type they are sent as."""

    @SETTINGS
    @given(VALUES[type_name])
    def check(value: Any) -> None:
        assert both.value(f"select {{v}}::{type_name} = {{v}}", v=value) is True
        if type_name not in NO_ARRAYS:
            same = f"select {{v}}::{type_name} = any({{many}})"
            assert both.value(same, v=value, many=[value, None]) is True

    check()


@SETTINGS
@given(
    st.datetimes(
        datetime.datetime(1, 1, 3), datetime.datetime(9999, 12, 29), timezones=st.timezones()
    )
)
def test_an_instant_of_any_zone_is_that_instant(both: Both, instant: datetime.datetime) -> None:
    assert both.value("select {v}::timestamptz", v=instant) == instant.astimezone(datetime.UTC)


@SETTINGS
@given(
    st.none() | st.integers(-9, 9),
    st.none() | st.integers(-9, 9),
    st.sampled_from(["[)", "(]", "[]", "()"]),
    st.integers(-10, 10),
)
def test_what_lies_in_a_range_is_what_the_server_finds_there(
    both: Both, a: int | None, b: int | None, bounds: Any, value: int
) -> None:
    if a is not None and b is not None and a > b:
        a, b = b, a
    given_range = Range(a, b, bounds)
    sql = (
        "select {r}::numrange @> {v}::numeric, {r}::numrange, lower_inc({r}::numrange),"
        " upper_inc({r}::numrange), lower_inf({r}::numrange), upper_inf({r}::numrange)"
    )
    ((contains, cell, *flags),) = both.fetch(sql, r=given_range, v=value)
    assert (value in given_range) is (value in cell) is contains
    assert flags == [cell.lower_inc, cell.upper_inc, cell.lower_inf, cell.upper_inf]
    if not cell.isempty:  # which Range(1, 1) is to the server only
        assert cell == given_range
        assert hash(cell) == hash(given_range)
    assert pickle.loads(pickle.dumps(cell)) == copy.deepcopy(cell) == cell
