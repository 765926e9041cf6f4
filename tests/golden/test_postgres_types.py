"""PostgreSQL's own types: what SQLite's data cannot show.

The types of the results are those that the builder promises (int64 sums, float averages, decimals
that stay decimals), whatever the width of the columns, and values meet columns of every type.
"""

import datetime
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
import pytest

import molt_sql
from molt_sql import Column, Query, Table, fn, raw, table

SCHEMA = """
CREATE TABLE kinds (
  id INT PRIMARY KEY, i2 SMALLINT, i4 INT, i8 BIGINT, f4 REAL, f8 DOUBLE PRECISION,
  n NUMERIC(12, 2), free NUMERIC, s TEXT, c CHAR(4), b BOOLEAN, d DATE, t TIME, ts TIMESTAMP,
  tz TIMESTAMPTZ, u UUID, y BYTEA
);
INSERT INTO kinds VALUES
  (1, 32767, 2147483647, 9223372036854775807, 1.5, 'Infinity', 3.25, 1.10, 'a', 'a', TRUE,
   '2024-01-05', '10:00', '2024-01-05 10:00', '2024-01-05 10:00+00',
   '0a000000-0000-0000-0000-00000000000f', '\\x01ff'),
  (2, -7, -7, -7, -2.25, 'NaN', -0.50, 'NaN', 'B', 'b', FALSE,
   '2024-01-06', '23:59', '2024-01-06 00:00', '2024-01-06 02:00+02',
   'f0000000-0000-0000-0000-00000000000f', '\\x01'),
  (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
   NULL);
"""


class Kind(Table, name="kinds"):
    id: Column[int]
    i2: Column[int | None]
    i4: Column[int | None]
    i8: Column[int | None]
    f4: Column[float | None]
    f8: Column[float | None]
    n: Column[Decimal | None]
    free: Column[Decimal | None]
    s: Column[str | None]
    c: Column[str | None]
    b: Column[bool | None]
    d: Column[datetime.date | None]
    t: Column[datetime.time | None]
    ts: Column[datetime.datetime | None]
    u: Column[UUID | None]
    y: Column[bytes | None]


K = Kind
OPEN = table("kinds")  # types unknown
LOW, HIGH = UUID("0a000000-0000-0000-0000-00000000000f"), UUID("f" + "0" * 30 + "f")

ONE = {  # of the row with id 1
    "int2 + 1": (K.i2 + 1, 32768),
    "int2 * 100000": (K.i2 * 100_000, 3_276_700_000),
    "int4 + 1": (K.i4 + 1, 2**31),
    "2 - int4": (2 - K.i4, 2 - (2**31 - 1)),
    "int4 + 2**40": (K.i4 + 2**40, 2**31 - 1 + 2**40),
    "int2 + 0.5": (K.i2 + 0.5, 32767.5),
    "int2 + decimal": (K.i2 + Decimal("0.5"), Decimal("32767.5")),
    "int2 / 2": (K.i2 / 2, 16383.5),
    "int8 % 10": (K.i8 % 10, 7),
    "int2 % 0": (K.i2 % 0, None),
    "float4 + 1": (K.f4 + 1, 2.5),
    "float4 * 0.1": (K.f4 * 0.1, 1.5 * 0.1),
    "numeric + 1": (K.n + 1, Decimal("4.25")),
    "numeric * 2.5": (K.n * 2.5, 8.125),
    "numeric * decimal": (K.n * Decimal("0.1"), Decimal("0.325")),
    "numeric % 2": (K.n % 2, Decimal("1.25")),
    "numeric / 2": (K.n / 2, 1.625),
    "numeric / decimal": (K.n / Decimal("0.5"), 6.5),
    "decimal / numeric": (Decimal("6.5") / K.n, 2.0),
    "numeric + float8": (K.n + K.f8, float("inf")),
    "uuid as text": (K.u + "!", f"{LOW}!"),
    "text and char": (K.s + "-" + K.c, "a-a"),
    "a date": (K.d, datetime.date(2024, 1, 5)),
    "a value alone": (raw("{x}", x=7), 7),
    "a coalesced value": (raw("coalesce({a}, {b})", a=K.i2, b=0.5), 32767.0),
}
AGGREGATES = {
    "sum of int2": (K.i2.sum(), 32760),
    "sum of int4": (K.i4.sum(), 2**31 - 8),
    "sum of int8": (K.i8.sum(), 2**63 - 8),
    "sum of int2 + 1": ((K.i2 + 1).sum(), 32762),
    "sum of float4": (K.f4.sum(), -0.75),
    "sum of numeric": (K.n.sum(), Decimal("2.75")),
    "sum with NaN": (K.f8.sum(), float("nan")),
    "avg of int4": (K.i4.avg(), 1073741820.0),
    "avg of numeric": (K.n.avg(), 1.375),
    "stddev of int2": (K.i4.stddev() > 0, True),
    "max of numeric": (K.n.max(), Decimal("3.25")),
    "max of free numeric": (K.free.max(), Decimal("NaN")),  # greater than all numbers
    "min of booleans": (K.b.min(), False),
    "max of a condition": ((K.i4 > 0).max(), True),
    "min of uuid": (K.u.min(), LOW),
    "max of uuid": (K.u.max(distinct=True), HIGH),
    "min of bytea": (K.y.min(), b"\x01"),
    "max of bytea": (K.y.max(), b"\x01\xff"),
    "max of time": (K.t.max(), datetime.time(23, 59)),
    "uuids joined": (K.u.string_agg(",", distinct=True), f"{LOW},{HIGH}"),
    "ratio of sums": (K.i2.sum() / fn.count(), 10920.0),
}
CONDITIONS = {
    "int2 = 2**40": (K.i2 == 2**40, []),
    "int4 > 0.5": (K.i4 > 0.5, [1]),
    "int4 among widths": (K.i4.in_([-7, 0.5, 2**40, Decimal("1.5")]), [2]),
    "int2 between": (K.i2.between(-(2**20), 2**40), [1, 2]),
    "int2 = decimal": (K.i2 == Decimal("-7.0"), [2]),
    "float4 = 1.5": (K.f4 == 1.5, [1]),
    "float8 = infinity": (K.f8 == float("inf"), [1]),
    "float8 > a number": (K.f8 > 2.5, [1, 2]),
    "float8 < a large int": (K.f8 < 2**63 - 1, []),
    "numeric = float": (K.n == 3.25, [1]),
    "numeric = decimal": (K.n == Decimal("-0.5"), [2]),
    "boolean = 1": (K.b == 1, [1]),
    "boolean < int2": (K.b < K.i2, [1]),
    "int4 as a condition": (K.i4 & K.b, [1]),
    "date = text": (K.d == "2024-01-05", [1]),
    "timestamp = text": (K.ts == "2024-01-05 10:00:00", [1]),
    "timestamp > date": (K.ts > datetime.date(2024, 1, 5), [1, 2]),
    "time > time": (K.t > datetime.time(12), [2]),
    "uuid = uuid": (K.u == HIGH, [2]),
    "uuid = text": (K.u == str(HIGH), [2]),
    "uuid > text column": (K.u > K.s, [2]),
    "text column <> uuid": (K.s != LOW, [1, 2]),
    "uuid like": (K.u.like("0a%"), [1]),
    "text contains uuid column": (K.s.contains(K.u), []),
    "bytea = bytes": (K.y == b"\x01", [2]),
    "char = text": (K.c == "a", [1]),
}
ON_UNKNOWN_TYPES = {
    "timestamp > date": (OPEN.ts > datetime.date(2024, 1, 5), [1, 2]),
    "timestamptz = aware": (OPEN.tz == datetime.datetime(2024, 1, 6, tzinfo=datetime.UTC), [2]),
    "timestamptz < text": (OPEN.tz < "2024-01-05 14:00+02", [1]),
    "int2 = float": (OPEN.i2 == -7.0, [2]),
    "int2 < large int": (OPEN.i2 < 2**40, [1, 2]),
    "int4 + float": (OPEN.i4 + 0.5 < 0, [2]),
    "boolean = true": (OPEN.b == True, [1]),  # noqa: E712
    "uuid = uuid": (OPEN.u == HIGH, [2]),
    "ilike": (OPEN.s.ilike("b"), [2]),
}


@pytest.fixture(scope="module")
def kinds(pg_url: str) -> str:
    """The URL of a database with the table."""
    with psycopg.connect(pg_url) as connection:
        connection.execute(SCHEMA)
    return pg_url


@pytest.fixture(scope="module", params=["psycopg", "molt_sql"])
def run(request: pytest.FixtureRequest, kinds: str) -> Iterator[Any]:
    """Runs a query and gives its rows."""
    if request.param == "molt_sql":
        with molt_sql.connect(kinds) as db:
            yield lambda query: [tuple(row) for row in query.on(db).fetch_all().result()]
        return
    with psycopg.connect(kinds, autocommit=True) as connection:

        def by_psycopg(query: Query) -> list[tuple[Any, ...]]:
            text, params = query.sql("postgres")
            return psycopg.RawCursor(connection).execute(text, params).fetchall()

        yield by_psycopg


def assert_is(value: object, expected: object) -> None:
    assert type(value) is type(expected)
    assert value == expected or str(value) == str(expected)  # NaN


@pytest.mark.parametrize("name", ONE)
def test_an_expression_has_its_value_and_type(run: Any, name: str) -> None:
    expr, expected = ONE[name]
    ((value,),) = run(Kind.where(K.id == 1).select(expr.as_("v")))
    assert_is(value, expected)


@pytest.mark.parametrize("name", AGGREGATES)
def test_an_aggregate_has_its_value_and_type(run: Any, name: str) -> None:
    expr, expected = AGGREGATES[name]
    ((value,),) = run(Kind.select(expr.as_("v")))
    assert_is(value, expected)


@pytest.mark.parametrize("name", CONDITIONS)
def test_a_condition_finds_its_rows(run: Any, name: str) -> None:
    condition, expected = CONDITIONS[name]
    assert run(Kind.where(condition).select(K.id).order_by(K.id)) == [(n,) for n in expected]


@pytest.mark.parametrize("name", ON_UNKNOWN_TYPES)
def test_a_condition_on_columns_of_unknown_types_finds_its_rows(run: Any, name: str) -> None:
    condition, expected = ON_UNKNOWN_TYPES[name]
    assert run(OPEN.where(condition).select(OPEN.id).order_by(OPEN.id)) == [(n,) for n in expected]


def test_a_sum_beyond_64_bits_is_an_error_and_no_other_number(run: Any) -> None:
    query = Kind.where(K.i8 > 0).select((K.i8.sum() + K.i8.sum()).as_("v"))
    with pytest.raises((psycopg.errors.NumericValueOutOfRange, molt_sql.MoltError)):
        run(query)
