"""Values as parameters of PostgreSQL: every kind to every type, compared with columns, and indexes.

A value goes as the type that the server expects there, if it is exactly one of that type, and else
as its own, for the server to convert or to refuse.
"""

import datetime
import enum
import ipaddress
import json
from collections.abc import Iterator
from decimal import Decimal
from types import NoneType
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.types.json import Jsonb
from psycopg.types.range import Range as TheirRange

from molt_sql import InvalidQueryError, Json, MoltError, Range, connect, raw
from postgres_cells import OPTIONS, Both, canonical, connect_both
from servers.fixtures import PostgresDatabase

DAY = datetime.date(2024, 2, 29)
NOON = datetime.datetime(2024, 2, 29, 12, 30, 0, 5)
INDIA = datetime.timezone(datetime.timedelta(hours=5, minutes=30))
ID = UUID("12345678-9abc-4def-8123-456789abcdef")
ADDRESS = ipaddress.ip_address("10.0.0.1")

SETUP = """
create type mood as enum ('sad', 'ok', 'a, "b"');
create type pair as (a int, b text);
create domain positive as int check (value > 0);
"""


@pytest.fixture(scope="module")
def both(pg_database: PostgresDatabase) -> Iterator[Both]:
    url, conninfo = pg_database.url(options=OPTIONS), pg_database.conninfo(options=OPTIONS)
    with connect_both(url, conninfo) as databases:
        databases.run(SETUP)
        yield databases


def as_theirs(value: Any) -> Any:
    """What psycopg takes for the same value."""
    if isinstance(value, Range):
        if value.isempty:
            return TheirRange(empty=True)
        return TheirRange(value.lower, value.upper, value.bounds)
    if isinstance(value, Json):
        return Jsonb(value.value)
    return Jsonb(value) if isinstance(value, dict) else value


# -- There and back --------------------------------------------------------------------------------

BACK: dict[str, list[Any]] = {
    "bool": [True, False],
    "int2": [0, -1, -(2**15), 2**15 - 1],
    "int4": [0, -1, -(2**31), 2**31 - 1],
    "int8": [0, -1, -(2**63), 2**63 - 1],
    "oid": [0, 2**32 - 1],
    "float4": [0.0, -0.0, 1.5, -2.25, float("inf"), float("-inf"), float("nan")],
    "float8": [0.0, -0.0, 1.1, 1.7976931348623157e308, 5e-324, float("inf"), float("nan")],
    "numeric": [Decimal(text) for text in ("0", "0.00", "1.50", "-1.50", "100000000000000000000", "10000.0001",
                                           "123456789012345678901234567890.12345", "NaN",
                                           "Infinity", "-Infinity", "0.000000000000000000000000000001", "-0.0001")],
    "text": ["", "a", "zwölf Äpfel 🍎", "it's \"quoted\" \\ {x} %s $1", "\n\t\x01", "x" * 100_000],
    "varchar": ["", "abc"],
    "name": ["pg_class"],
    "bytea": [b"", b"\x00\xff", bytes(range(256)), b"x" * 100_000],
    "date": [DAY, datetime.date.min, datetime.date.max, datetime.date(1970, 1, 1)],
    "time": [datetime.time(), datetime.time.max, datetime.time(12, 30, 0, 5)],
    "timetz": [datetime.time(10, tzinfo=INDIA), datetime.time.max.replace(tzinfo=datetime.UTC),
               datetime.time(10, tzinfo=datetime.timezone(datetime.timedelta(seconds=-3723)))],
    "timestamp": [NOON, datetime.datetime.min, datetime.datetime.max],
    "timestamptz": [NOON.replace(tzinfo=datetime.UTC), datetime.datetime.min.replace(tzinfo=datetime.UTC),
                    datetime.datetime.max.replace(tzinfo=datetime.UTC)],
    "interval": [datetime.timedelta(), datetime.timedelta(days=-1, microseconds=1),
                 datetime.timedelta(days=40, hours=30), datetime.timedelta(microseconds=-1),
                 datetime.timedelta.max, datetime.timedelta.min],
    "uuid": [ID, UUID(int=0), UUID(int=2**128 - 1)],
    "jsonb": [{}, {"a": [1, None, True, 1.5, "ä"], "b": {"c": {}}}, [], [1, "a", None], [[1], {"a": 2}]],
    "json": [{}, {"b": 1, "a": "\0"}, [], [1.5, "a", None]],
    "inet": [ADDRESS, ipaddress.ip_address("::1"), ipaddress.ip_interface("10.0.0.1/24"),
             ipaddress.ip_interface("2001:db8::1/64"), ipaddress.ip_address("::ffff:10.0.0.1")],
    "cidr": [ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("::/0"),
             ipaddress.ip_network("10.0.0.1/32")],
    "mood": ["sad", 'a, "b"'],
    "positive": [5],
    "pair": ["(1,a)", "(,)"],
    "bit(3)": ["101"],
    "varbit": ["", "0110"],
    "money": ["$12.34"],
    "macaddr": ["08:00:2b:01:02:03"],
    "xml": ["<a/>"],
    "tsvector": ["'a':1"],
    "point": ["(1,2)"],
    "int2[]": [[], [1, None, -1]],
    "int4[]": [[], [1], [None], [1, None, 2**31 - 1], [[1, 2], [3, None]], [[[1]], [[2]]]],
    "int8[]": [[], [2**63 - 1, -(2**63), None]],
    "float8[]": [[], [1.5, None, float("inf")], [[0.1], [0.2]]],
    "numeric[]": [[], [Decimal("1.50"), None, Decimal("NaN")]],
    "text[]": [[], ["", "a", None, "NULL", "null", "{}", 'q"\\', "a,b", " ", "ä"], [["a"], ["b"]]],
    "bytea[]": [[], [b"", b"\x00", None]],
    "bool[]": [[], [True, None, False]],
    "uuid[]": [[], [ID, None]],
    "date[]": [[], [DAY, None]],
    "timestamptz[]": [[], [NOON.replace(tzinfo=datetime.UTC), None]],
    "interval[]": [[], [datetime.timedelta(1), None]],
    "inet[]": [[], [ADDRESS, None]],
    "jsonb[]": [[], [{"a": 1}, None]],
    "varbit[]": [[], ["01", None]],
    "int4range[]": [[], [Range(1, 5), None, Range(empty=True)]],
    "int4range": [Range(1, 5), Range(empty=True), Range(), Range(None, 5), Range(-5)],
    "int8range": [Range(1, 2**62), Range(empty=True), Range()],
    "numrange": [Range(Decimal("1.50"), Decimal("2"), "[]"), Range(empty=True),
                 Range(None, Decimal(5), "()")],
    "daterange": [Range(DAY, None), Range(datetime.date.min, datetime.date(9999, 12, 30))],
    "tsrange": [Range(NOON, datetime.datetime.max, "(]")],
    "tstzrange": [Range(NOON.replace(tzinfo=datetime.UTC), None)],
    "int4multirange": [[], [Range(1, 5)], [Range(None, 1), Range(5, 7), Range(9, None)]],
    "datemultirange": [[], [Range(DAY, None)]],
}  # fmt: skip

# A str for any of these is what the server makes of it, as in a literal.
LITERAL_TEXTS: dict[str, list[str]] = {
    "date": ["2024-02-29", "February 29, 2024", "infinity"],
    "time": ["10:00", "04:05 PM"],
    "timestamp": ["2024-02-29 10:00", "-infinity"],
    "timestamptz": ["2024-02-29 10:00+05:30", "infinity"],
    "interval": ["1 mon -3 days", "P1Y"],
    "uuid": [str(ID), "{12345678-9abc-4def-8123-456789abcdef}"],
    "json": ['{"a": [1]}', "null"],
    "jsonb": ['{"a": [1]}', "5"],
    "inet": ["10.0.0.1/24", "::1"],
    "cidr": ["10/8"],
    "int4[]": ["{1,NULL,3}", "[0:1]={1,2}", "{}"],
    "text[]": ['{a,"b c"}'],
    "mood[]": ["{sad,NULL}"],
    "int4range": ["[1,5]", "empty", "(,)"],
    "int4multirange": ["{[1,5],[7,8]}"],
    "macaddr": ["08002b010203"],
    "pg_lsn": ["0/0"],
    "regclass": ["pg_class"],
}


@pytest.mark.parametrize("type_name", BACK)
def test_a_value_comes_back_as_it_went(both: Both, type_name: str) -> None:
    for value in BACK[type_name]:
        assert canonical(both.value(f"select {{v}}::{type_name}", v=value)) == canonical(value)


# What has no binary form here, which COPY needs.
ONLY_TEXT = {
    "pair", "bit(3)", "varbit", "money", "macaddr", "xml", "tsvector", "point", "varbit[]",
}  # fmt: skip


@pytest.mark.parametrize("type_name", BACK)
def test_a_value_is_inserted_and_comes_back(
    both: Both, pg_database: PostgresDatabase, pg_schema: str, type_name: str
) -> None:
    """By a statement, by one for many rows, and by COPY."""
    table = f"{pg_schema}.cells"
    both.run(f"create table {table} (how text, i int, v {type_name})")
    values = [*BACK[type_name], None]
    rows = [{"i": i, "v": value} for i, value in enumerate(values)]
    insert = raw(f"insert into {table} values ('one', {{i}}, {{v}})", **rows[0])
    insert.on(both.ours).execute().result()
    both.ours.execute_many(f"insert into {table} values ('many', {{i}}, {{v}})", rows).result()
    expected = [canonical(value) for value in values]
    counts = {"one": 1, "many": len(values), "copy": len(values)}
    with connect(pg_database.url(options=f"-c search_path={pg_schema},public")) as db:
        copied = [("copy", i, value) for i, value in enumerate(values)]
        try:
            db.insert("cells", copied, columns=["how", "i", "v"]).result()
        except MoltError:
            assert type_name in ONLY_TEXT
            counts["copy"] = 0
    for how, count in counts.items():
        cells = both.fetch(f"select v from {table} where how = {{how}} order by i", how=how)
        assert [canonical(cell) for (cell,) in cells] == expected[:count], how


@pytest.mark.parametrize("type_name", LITERAL_TEXTS)
def test_a_str_is_what_the_server_makes_of_a_literal(both: Both, type_name: str) -> None:
    for text in LITERAL_TEXTS[type_name]:
        ours = both.value(f"select {{v}}::{type_name}", v=text)
        assert canonical(ours) == canonical(both.value(f"select {{v}}::text::{type_name}", v=text))


@pytest.mark.parametrize("type_name", [*BACK, "regclass", "xid"])
def test_none_is_null_of_any_type(both: Both, type_name: str) -> None:
    assert both.value(f"select {{v}}::{type_name} is null", v=None) is True


@pytest.mark.parametrize(
    "value", [None, True, 0, 1.5, "", "a", "null", [], [1, [None]], {}], ids=repr
)
def test_json_marks_any_object_as_json(both: Both, value: Any) -> None:
    for type_name in ("json", "jsonb"):
        sql = f"select {{v}}::{type_name}, {{v}}::{type_name}::text, {{v}}::text"
        ((cell, text, own),) = both.fetch(sql, v=Json(value))
        assert cell == value
        assert text == own == json.dumps(value)
    assert both.value("select jsonb_typeof({v})", v=Json(value)) == {
        NoneType: "null", bool: "boolean", int: "number", float: "number", str: "string",
        list: "array", dict: "object",
    }[type(value)]  # fmt: skip


class Size(enum.Enum):
    SMALL = "sad"
    LARGE = 5


class Level(enum.IntEnum):
    HIGH = 5


def test_a_member_of_an_enum_is_its_value(both: Both) -> None:
    assert both.value("select {v}::mood", v=Size.SMALL) == "sad"
    assert both.value("select {v}::int4", v=Size.LARGE) == 5
    assert both.value("select {v}::int4", v=Level.HIGH) == 5
    assert both.value("select {v}::int4[]", v=[Size.LARGE, Level.HIGH]) == [5, 5]


# -- Values of one kind to types of another --------------------------------------------------------

KINDS: list[Any] = [
    True, 0, 5, 2**15, 2**31, 2**40, 2**63 - 1, 0.0, 1.5, 2.5, 1e300, Decimal("1.50"), Decimal("2"),
    Decimal("1e30"), Decimal("NaN"), "", "5", "abc", b"\x00", DAY, NOON, NOON.replace(tzinfo=INDIA),
    datetime.time(10), datetime.time(10, tzinfo=INDIA), datetime.timedelta(days=40), ID, ADDRESS,
    ipaddress.ip_interface("10.0.0.1/24"), ipaddress.ip_network("10.0.0.0/8"), [1, 2], [1.5], ["a"],
    [[1, 2], [3, 4]], [Decimal("1.5")], [ID], [DAY], {"a": [1]}, Json([1]), Range(1, 5),
    Range(DAY, None),
]  # fmt: skip
TARGETS = [
    "bool", "int2", "int4", "int8", "float4", "float8", "numeric", "numeric(5,2)", "text", "date",
    "time", "timetz", "timestamp", "timestamptz", "interval", "uuid", "jsonb", "inet", "cidr",
    "int4[]", "float8[]", "numeric[]", "text[]", "int8range", "daterange",
]  # fmt: skip


# Of these the server's input function is not asked: '5' is no number.
NO_TEXT = {"bool", "int2", "int4", "int8", "float4", "float8", "numeric", "numeric(5,2)"}


def is_refused_by_us_alone(kind: Any, target: str) -> bool:
    return isinstance(kind, str) and target in NO_TEXT


def is_refused_by_psycopg_alone(kind: Any, target: str) -> bool:
    # Small ints are int2 there, of which there is no cast to bool.
    is_flag = type(kind) is int and abs(kind) < 2**31 and target == "bool"
    is_json = isinstance(kind, list) and kind not in ([ID], [DAY]) and target == "jsonb"
    return is_flag or is_json


@pytest.mark.parametrize("target", TARGETS)
def test_a_conversion_gives_what_psycopg_gets_or_an_error_where_it_gets_one(
    both: Both, target: str
) -> None:
    for kind in KINDS:
        theirs: Any = None
        try:
            binary = target == "float4"
            theirs = both.their_value(f"select %s::{target}", as_theirs(kind), binary=binary)
            fails = is_refused_by_us_alone(kind, target)
        except psycopg.Error:
            fails = not is_refused_by_psycopg_alone(kind, target)
        sql = f"select {{v}}::{target}"
        if fails:
            with pytest.raises(MoltError):
                both.value(sql, v=kind)
        elif is_refused_by_psycopg_alone(kind, target):
            expected = json.loads(json.dumps(kind, default=float))
            assert both.value(sql, v=kind) == (bool(kind) if target == "bool" else expected)
        else:
            assert canonical(both.value(sql, v=kind)) == canonical(theirs), repr(kind)


@pytest.mark.parametrize(
    ("value", "target"),
    [
        (2**31, "numeric(5,2)"),
        (2**40, "int4"),
        (1e300, "float4"),
        ("abc", "mood"),
        (5, "uuid"),
        (ID, "int4"),
        (DAY, "int4"),
        ([1, "a"], "int4[]"),
        ([[1, 2], [3]], "int4[]"),
        ([1, [2]], "int4[]"),
        (["a"], "int4[]"),
        ({"a": 1}, "int4"),
        ({"a": "\0"}, "jsonb"),
        (Range(1, 2**40), "int4range"),
        (Range("a", "b"), "int4range"),
        (Range(5, 1), "int4range"),
        (Range(1, 5), "daterange"),
        ([Range(1, 5), 5], "int4multirange"),
    ],
    ids=repr,
)
def test_what_fits_no_type_is_an_error_and_the_next_query_runs(
    both: Both, value: Any, target: str
) -> None:
    with pytest.raises(MoltError):
        both.value(f"select {{v}}::{target}", v=value)
    assert both.value("select {v}::int4", v=1) == 1


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (2**63, "64 bits"),
        ({1, 2}, "in_"),
        ({"a": float("nan")}, "JSON"),
        ({"a": object()}, "JSON"),
        (Json([object()]), "JSON"),
        (object(), "object"),
        ("\ud800", "surrogates"),
        ([[[[[[[1]]]]]]], "nested"),
        (
            datetime.time(10, tzinfo=datetime.timezone(datetime.timedelta(microseconds=1))),
            "fraction",
        ),
    ],
    ids=lambda part: part if isinstance(part, str) else type(part).__name__,
)
def test_what_is_no_parameter_is_refused_before_it_is_sent(
    both: Both, value: Any, words: str
) -> None:
    with pytest.raises(InvalidQueryError, match=words):
        both.value("select {v}", v=value)


@pytest.mark.parametrize(
    ("instant", "hours"), [(datetime.datetime.max, -5), (datetime.datetime.min, 5)]
)
def test_the_last_instants_of_a_zone_are_sent_or_refused(
    both: Both, instant: datetime.datetime, hours: int
) -> None:
    """In UTC they are outside of the years that Python has."""
    value = instant.replace(tzinfo=datetime.timezone(datetime.timedelta(hours=hours)))
    try:
        found = both.value("select {v}::timestamptz::text", v=value)
    except InvalidQueryError:
        return
    assert found == both.their_value("select %s::timestamptz::text", value)


def test_text_with_a_nul_is_the_servers_error(both: Both) -> None:
    for type_name in ("text", "varchar", "jsonb", "date", "text[]"):
        value: Any = ["a\0b"] if type_name == "text[]" else "a\0b"
        with pytest.raises(MoltError):
            both.value(f"select {{v}}::{type_name}", v=value)
        assert both.value("select 1") == 1
