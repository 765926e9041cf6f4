"""Columns of PostgreSQL compared with values of Python: the rows found, and whether by an index."""

import datetime
import ipaddress
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from molt_sql import Expr, InvalidQueryError, Json, Range, raw, table
from postgres_cells import OPTIONS, Both, connect_both
from servers.fixtures import PostgresDatabase

ROWS = 20_000
SETUP = f"""
create type mood as enum ('sad', 'ok', 'a, "b"');
create table many as
select i as i4, (i % 10000)::int2 as i2, i::int8 as i8, (i / 100.0)::numeric(12, 2) as n,
  i::numeric / 4 as free, i::float8 / 4 as f8, i::float4 / 4 as f4, 'name' || i as t,
  ('name' || i)::varchar(20) as vc, ('name' || i)::char(20) as c, ('name' || i)::bytea as y,
  date '2000-01-01' + i as d, timestamp '2024-01-01' + i * interval '1 min' as ts,
  timestamptz '2024-01-01Z' + i * interval '1 min' as tz, time '00:00' + i * interval '1 s' as tm,
  i * interval '1 s' as iv, lpad(i::text, 32, '0')::uuid as u, inet '10.0.0.0' + i as ip,
  int4range(i, i + 2) as r, array[i, i + 1] as ints
from generate_series(1, {ROWS}) i;
create table odd (
  id int, m mood, ms mood[], j json, jb jsonb, net cidr, b bool, bits bit(3), mac macaddr,
  dr daterange, nr numrange, mr int4multirange, texts text[]
);
insert into odd values
  (1, 'sad', '{{sad,ok}}', '{{"a": 1}}', '{{"a": 1}}', '10.0.0.0/8', true, '101',
   '08:00:2b:01:02:03', '[2024-01-01,2024-02-01)', '[1.5,2.5]', '{{[1,5),[7,9)}}', '{{a,"b c"}}'),
  (2, 'a, "b"', '{{}}', '[1, "x"]', '[1, "x"]', '2001:db8::/32', false, '000',
   '00:00:00:00:00:01', 'empty', '(,)', '{{}}', '{{}}'),
  (3, null, null, null, null, null, null, null, null, null, null, null, null);
"""
INDEXED = (
    "i4 i2 i8 n free f8 f4 t vc c y d ts tz tm iv u ip r ints".split()  # noqa: SIM905
)


@pytest.fixture(scope="module")
def both(pg_database: PostgresDatabase) -> Iterator[Both]:
    url, conninfo = pg_database.url(options=OPTIONS), pg_database.conninfo(options=OPTIONS)
    with connect_both(url, conninfo) as databases:
        databases.run(SETUP)
        for column in INDEXED:
            databases.run(f"create index on many ({column})")
        databases.run("analyze many")
        yield databases


INDIA = datetime.timezone(datetime.timedelta(hours=5, minutes=30))
MIDNIGHT = datetime.datetime(2024, 1, 5)
UTC_MIDNIGHT = MIDNIGHT.replace(tzinfo=datetime.UTC)

# A column, a value, the i4 of the row that has it, None for no row. All are found by an index.
FOUND: list[tuple[str, Any, int | None]] = [
    ("i4", 5, 5), ("i4", -1, None), ("i4", 2**31, None), ("i4", 2**40, None), ("i4", -(2**63), None),
    ("i2", 5, 5), ("i2", 2**15, None), ("i2", 2**40, None), ("i8", 5, 5), ("i8", 2**63 - 1, None),
    ("n", 5, 500), ("n", 1.5, 150), ("n", 0.07, 7), ("n", Decimal("1.50"), 150),
    ("n", Decimal("1.5"), 150), ("n", Decimal("1.505"), None), ("n", 2**62, None),
    ("n", 1e300, None), ("n", float("nan"), None), ("n", float("inf"), None),
    ("free", 1, 4), ("free", 1.25, 5), ("free", Decimal("1.2500"), 5),
    ("f8", 1, 4), ("f8", 1.25, 5), ("f8", Decimal("1.25"), 5), ("f8", 2**53 + 1, None),
    ("f8", float("nan"), None), ("f4", 1, 4), ("f4", 1.25, 5), ("f4", 1.1, None), ("f4", 1e300, None),
    ("f4", Decimal("1.25"), 5),
    ("t", "name5", 5), ("t", "it's", None), ("vc", "name5", 5), ("c", "name5", 5),
    ("c", "name5" + " " * 15, 5), ("y", b"name5", 5), ("y", b"", None),
    ("d", datetime.date(2000, 1, 6), 5), ("d", "2000-01-06", 5),
    ("d", datetime.datetime(2000, 1, 6), 5), ("d", datetime.datetime(2000, 1, 6, 1), None),
    ("d", datetime.datetime(2000, 1, 6, tzinfo=datetime.UTC), 5), ("d", "infinity", None),
    ("ts", MIDNIGHT, 5760), ("ts", MIDNIGHT.date(), 5760), ("ts", "2024-01-05", 5760),
    ("ts", UTC_MIDNIGHT, 5760), ("ts", datetime.datetime.max, None),
    ("tz", UTC_MIDNIGHT, 5760), ("tz", datetime.datetime(2024, 1, 5, 5, 30, tzinfo=INDIA), 5760),
    ("tz", MIDNIGHT, 5760), ("tz", MIDNIGHT.date(), 5760), ("tz", "2024-01-05 05:30+05:30", 5760),
    ("tm", datetime.time(0, 0, 5), 5), ("tm", "00:00:05", 5),
    ("iv", datetime.timedelta(seconds=5), 5), ("iv", "5 s", 5), ("iv", datetime.timedelta(-5), None),
    ("u", UUID("00000000-0000-0000-0000-000000000005"), 5), ("u", f"{5:032}", 5),
    ("ip", ipaddress.ip_address("10.0.0.5"), 5), ("ip", "10.0.0.5", 5),
    ("ip", ipaddress.ip_interface("10.0.0.5/32"), 5), ("ip", ipaddress.ip_address("::1"), None),
    ("ip", ipaddress.ip_interface("10.0.0.5/24"), None),
    ("ip", ipaddress.ip_network("10.0.0.0/24"), None),
    ("r", Range(5, 7), 5), ("r", Range(5, 6, "[]"), 5), ("r", "[5,7)", 5), ("r", Range(empty=True), None),
    ("ints", [5, 6], 5), ("ints", [5], None), ("ints", [], None), ("ints", "{5,6}", 5),
]  # fmt: skip


def plan_of(both: Both, condition: str | Expr[bool], **values: Any) -> str:
    if isinstance(condition, str):
        rows = both.fetch(f"explain (costs off) select 1 from many where {condition}", **values)
    else:
        sql = "explain (costs off) select 1 from many where {condition}"
        rows = both.fetch(sql, condition=condition)
    return "\n".join(line for (line,) in rows)


def assert_found(both: Both, condition: str, value: Any, found: int | None) -> None:
    expected = [] if found is None else [(found,)]
    assert (
        both.fetch(f"select i4 from many where {condition} order by 1 limit 1", v=value) == expected
    )
    assert "Index Cond" in plan_of(both, condition, v=value)


@pytest.mark.parametrize(("column", "value", "found"), FOUND, ids=repr)
def test_a_column_is_compared_by_its_index(
    both: Both, column: str, value: Any, found: int | None
) -> None:
    assert_found(both, f"{column} = {{v}}", value, found)
    if column != "ints":  # whose lists are items of lists
        assert_found(both, f"{column} = any({{v}})", [value], found)
        assert_found(both, f"{column} = any({{v}})", [None, value, None, value], found)


def is_of_another_kind(column: str, value: Any) -> bool:
    """Dates and times that a query does not compare, as that depends on the session's zone."""
    if isinstance(value, datetime.datetime):
        return column != ("ts" if value.tzinfo is None else "tz")
    return isinstance(value, datetime.date) and column == "tz"


@pytest.mark.parametrize(("column", "value", "found"), FOUND, ids=repr)
def test_a_query_compares_a_column_by_its_index(
    both: Both, column: str, value: Any, found: int | None
) -> None:
    many = table("many")
    conditions = [many.c[column] == value, many.c[column].in_([value, value])]
    for condition in conditions[: 1 if column == "ints" else 2]:
        q = many.where(condition).select(many.i4).order_by(many.i4).limit(1).on(both.ours)
        if is_of_another_kind(column, value):
            with pytest.raises(InvalidQueryError, match="cannot be compared"):
                q.fetch_all().result()
            continue
        assert q.fetch_all().result() == ([] if found is None else [(found,)])
        assert "Index Cond" in plan_of(both, condition)


@pytest.mark.parametrize(("column", "value", "found"), FOUND, ids=repr)
def test_no_operator_is_about_another_value(
    both: Both, column: str, value: Any, found: int | None
) -> None:
    counted = [
        both.value(f"select count(*) from many where {column} {operator} {{v}}", v=value)
        for operator in ("<", "=", ">")
    ]
    assert sum(counted) == ROWS
    assert (counted[1] > 0) == (found is not None)
    nothing = both.value(
        f"select count(*) from many where {column} is not distinct from {{v}}", v=None
    )
    assert nothing == 0


@pytest.mark.parametrize(
    ("column", "value", "found"),
    [
        ("i4", 5.0, [5]), ("i4", 5.5, []), ("i4", float("nan"), []), ("i4", 1e300, []),
        ("i4", Decimal("5.0"), [5]), ("i4", Decimal("5.5"), []), ("i4", Decimal("1e30"), []),
        ("i2", 5.0, [5, 10005]), ("i2", Decimal(5), [5, 10005]), ("i8", 5.0, [5]), ("i8", 2.0**80, []),
        ("i8", Decimal("5.00"), [5]), ("i8", Decimal(2**80), []),
    ],
)  # fmt: skip
def test_ints_are_compared_with_fractions_exactly(
    both: Both, column: str, value: Any, found: list[int]
) -> None:
    for condition, bound in ((f"{column} = {{v}}", value), (f"{column} = any({{v}})", [value])):
        rows = both.fetch(f"select i4 from many where {condition} order by 1", v=bound)
        assert [i4 for (i4,) in rows] == found
    assert both.value(f"select count(*) from many where {column} <> {{v}}", v=value) == ROWS - len(
        found
    )


@pytest.mark.parametrize(
    ("condition", "value", "found"),
    [
        ("m = {v}", "sad", [1]),
        ("m = {v}", 'a, "b"', [2]),
        ("m <> {v}", "sad", [2]),
        ("m > {v}", "sad", [2]),
        ("m = any({v})", ["sad", "ok"], [1]),
        ("m = any({v})", ['a, "b"', None], [2]),
        ("m = any({v})", [], []),
        ("m = any({v})", "{sad}", [1]),
        ("m::text = any({v})", ["sad"], [1]),
        ("ms = {v}", ["sad", "ok"], [1]),
        ("ms = {v}", [], [2]),
        ("ms @> {v}", ["ok"], [1]),
        ("{v} = any(ms)", "ok", [1]),
        ("jb = {v}", {"a": 1}, [1]),
        ("jb = {v}", [1, "x"], [2]),
        ("jb = {v}", Json([1, "x"]), [2]),
        ("jb = {v}", '{"a": 1.0}', [1]),
        ("jb @> {v}", {"a": 1}, [1]),
        ("jb @> {v}", [1], [2]),
        ("jb @> {v}", [], [2]),
        ("jb = any({v})", [{"a": 1}, {}], [1]),
        ("jb -> {v} = '1'", "a", [1]),
        ("jb -> {v} = '1'", 0, [2]),
        ("jb ->> {v} = 'x'", 1, [2]),
        ("jb ? {v}", "a", [1]),
        ("jb ?| {v}", ["a", "b"], [1]),
        ("jb #>> {v} = '1'", ["a"], [1]),
        ("j::jsonb = {v}", {"a": 1}, [1]),
        ("j::text = {v}", '{"a": 1}', [1]),
        ("net = {v}", ipaddress.ip_network("10.0.0.0/8"), [1]),
        ("net = {v}", "10/8", [1]),
        ("net = {v}", ipaddress.ip_interface("10.0.0.1/8"), []),
        ("net >> {v}", ipaddress.ip_address("10.1.2.3"), [1]),
        ("net >>= {v}", ipaddress.ip_network("2001:db8:1::/48"), [2]),
        ("net = any({v})", [ipaddress.ip_network("2001:db8::/32")], [2]),
        ("b = {v}", True, [1]),
        ("b = any({v})", [False, None], [2]),
        ("bits = {v}", "101", [1]),
        ("mac = {v}", "08-00-2b-01-02-03", [1]),
        ("mac = any({v})", ["00:00:00:00:00:01"], [2]),
        ("dr = {v}", Range(datetime.date(2024, 1, 1), datetime.date(2024, 1, 31), "[]"), [1]),
        ("dr = {v}", Range(empty=True), [2]),
        ("dr = {v}", "empty", [2]),
        ("dr @> {v}", datetime.date(2024, 1, 31), [1]),
        ("dr @> {v}", datetime.date(2024, 2, 1), []),
        ("dr && {v}", Range(None, datetime.date(2024, 1, 2)), [1]),
        ("nr @> {v}", Decimal("2.5"), [1, 2]),
        ("nr && {v}", Range(3, None), [2]),
        ("nr = {v}", Range(1.5, 2.5, "[]"), [1]),
        ("nr = {v}", Range(), [2]),
        ("mr = {v}", [Range(1, 5), Range(7, 9)], [1]),
        ("mr = {v}", [], [2]),
        ("texts = {v}", ["a", "b c"], [1]),
        ("texts = {v}", [], [2]),
        ("texts && {v}", ["b c", None], [1]),
        ("texts @> {v}", [], [1, 2]),
        ("{v} = any(texts)", "b c", [1]),
        ("id = any({v})", [], []),
        ("id = any({v})", [None], []),
        ("id = any({v})", [None, 2], [2]),
        ("id = any({v})", (1, 2**40), [1]),
        ("id = any({v})", [1, 2.5], [1]),
        ("id = any({v})", [1, 2.5, 2**53 + 1], [1]),
        ("id = any({v})", [1, Decimal("2.0")], [1, 2]),
        ("id = any({v})", [1.0, Decimal("2.0"), 2**40], [1, 2]),
        ("id <> all({v})", [1, 3], [2]),
        ("id <> all({v})", [], [1, 2, 3]),
        ("id is not distinct from {v}", None, []),
        ("b is not distinct from {v}", None, [3]),
        ("{v}::mood is not distinct from m", None, [3]),
        ("id between {v} and 2", 1.5, [2]),
        ("id in ({v}, 3)", 2**40, [3]),
        ("id + {v} = 3", 1, [2]),
        ("id * {v} = 3", 1.5, [2]),
        ("id = length({v})", "ab", [2]),
    ],
    ids=repr,
)  # fmt: skip
def test_a_condition_finds_its_rows(
    both: Both, condition: str, value: Any, found: list[int]
) -> None:
    rows = both.fetch(f"select id from odd where {condition} order by 1", v=value)
    assert [i for (i,) in rows] == found


@pytest.mark.parametrize(
    ("expression", "value", "expected"),
    [
        ("date '2024-01-01' + {v}", 5, datetime.date(2024, 1, 6)),
        ("date '2024-01-06' - {v}", 5, datetime.date(2024, 1, 1)),
        ("date '2024-01-06' - {v}", datetime.date(2024, 1, 1), 5),
        ("timestamp '2024-01-06' - {v}", datetime.timedelta(5), datetime.datetime(2024, 1, 1)),
        ("timestamp '2024-01-06' - {v}", datetime.datetime(2024, 1, 1), datetime.timedelta(5)),
        ("timestamptz '2024-01-06Z' - {v}", UTC_MIDNIGHT, datetime.timedelta(1)),
        ("interval '1 s' * {v}", 5, datetime.timedelta(seconds=5)),
        ("array[1, 2] || {v}", 3, [1, 2, 3]),
        ("array[1, 2] || {v}", [3], [1, 2, 3]),
        ("array_append(array[1::int8], {v})", 5, [1, 5]),
        ("(array['a', 'b'])[{v}]", 2, "b"),
        ("inet '10.0.0.1' + {v}", 5, ipaddress.ip_address("10.0.0.6")),
        ("'[1, 2]'::jsonb - {v}", 0, [2]),
        ("left('abc', {v})", 2, "ab"),
        ("'a' || {v}", 5, "a5"),
        ("coalesce({v}, 5)", None, 5),
        ("coalesce({v}, 5)", 2**40, 2**40),
        ("greatest({v}, 1)", 1.5, 1.5),
        ("1 + {v}", Decimal("0.5"), Decimal("1.5")),
        ("2 * {v}", 2**31, 2**32),
        ("{v} = {v}", "a", True),
        ("to_json({v})", 5, 5),
        ("date_trunc('day', {v})", datetime.datetime(2024, 1, 5, 12), MIDNIGHT),
        ("make_date({v}, 1, 1)", 2024, datetime.date(2024, 1, 1)),
        ("power(2, {v})", 3, 8.0),
    ],
    ids=repr,
)
def test_an_operand_gets_a_type_that_the_operator_takes(
    both: Both, expression: str, value: Any, expected: Any
) -> None:
    result = both.value(f"select {expression}", v=value)
    assert result == expected
    assert type(result) is type(expected)


def test_one_statement_takes_values_of_changing_types(both: Both) -> None:
    """Which the server prepares once a type, and forgets none."""
    sql = "select count(*) from many where i4 <= {v}"
    for _ in range(3):
        counts = [both.value(sql, v=v) for v in (5, 2**40, 5.5, Decimal("4.5"), None, -1, 10)]
        assert counts == [5, ROWS, 5, 4, 0, 0, 10]


def test_one_statement_takes_lists_of_changing_types(both: Both) -> None:
    sql = "select count(*) from many where i4 = any({v})"
    lists = [[5], [2**40], [], [None], [5.5, 6], [Decimal(7)], ["x"], (1, 2)]
    for _ in range(2):
        for value, count in zip(lists, [1, 0, 0, 0, 1, 1, None, 2], strict=True):
            if count is None:
                with pytest.raises(InvalidQueryError):
                    both.value(sql, v=value)
            else:
                assert both.value(sql, v=value) == count


def test_each_place_of_a_statement_has_its_own_type(both: Both) -> None:
    sql = (
        "select i4 from many where i2 = {i2} and n = {n} and t like {t} and tz >= {tz}"
        " and u = any({u}) and d <> {d}"
    )
    values: dict[str, Any] = {
        "i2": 500, "n": 5, "t": "name5%", "tz": datetime.date(2024, 1, 1),
        "u": [f"{500:032}", UUID(int=0).hex], "d": MIDNIGHT,
    }  # fmt: skip
    assert both.fetch(sql, **values) == [(500,)]
    assert both.fetch(sql, **values | {"i2": 2**40}) == []
    assert both.fetch(sql, **values | {"n": 5.0, "i2": 500.0}) == [(500,)]
    assert raw("select {v}::int4 + {w}::int8", v=1, w=2).on(both.ours).fetch_value().result() == 3
