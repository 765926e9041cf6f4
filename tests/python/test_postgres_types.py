"""Cells of every type of PostgreSQL, each compared with what psycopg makes of it.

Cells that psycopg has no value for, or another, are in test_postgres_odd_cells.py, parameters in
test_postgres_params.py, Arrow in test_postgres_arrow.py.
"""

from collections.abc import Iterator

import pytest

from postgres_cells import OPTIONS, Both, assert_same, column_sql, connect_both
from servers.fixtures import PostgresDatabase

SETUP = """
create type mood as enum ('sad', 'ok', 'it''s, "fine"', '');
create type pair as (a int, b text);
create domain positive as int check (value > 0);
create domain price as numeric(12, 2);
create domain words as text[];
create domain positives as positive;
"""


@pytest.fixture(scope="module")
def both(pg_database: PostgresDatabase) -> Iterator[Both]:
    url, conninfo = pg_database.url(options=OPTIONS), pg_database.conninfo(options=OPTIONS)
    with connect_both(url, conninfo) as databases:
        databases.run(SETUP)
        yield databases


# Of each type, SQL literals of cells that Python has values for: ordinary ones, extremes, nothing
# or zero, negative ones.
SCALARS: dict[str, list[str]] = {
    "bool": ["true", "false"],
    "int2": ["0", "1", "-1", "-32768", "32767"],
    "int4": ["0", "1", "-1", "-2147483648", "2147483647"],
    "int8": ["0", "1", "-1", "-9223372036854775808", "9223372036854775807"],
    "float4": ["0", "'-0'", "1.5", "-2.25", "1.1", "3.4028235e38", "-3.4028235e38", "1e-45",
               "1.17549435e-38", "'NaN'", "'Infinity'", "'-Infinity'"],
    "float8": ["0", "'-0'", "1.5", "-2.25", "1.1", "1.7976931348623157e308", "5e-324",
               "2.2250738585072014e-308", "1e22", "0.1::float8 + 0.2", "'NaN'", "'Infinity'",
               "'-Infinity'"],
    "numeric": ["0", "0.0", "0.000", "1", "-1", "1.50", "-1.50", "10", "10000", "100000000",
                "1e100", "1e-100", "0.0001", "0.00010", "99999999", "9999.9999", "10000.0001",
                "'123456789012345678901234567890.123456789012345678901234567890'",
                "'-0.00000000000000000001'", "'NaN'", "'Infinity'", "'-Infinity'",
                "('1' || repeat('0', 131071))::numeric", "('0.' || repeat('0', 16382) || '1')::numeric",
                "power(2::numeric, 1000)"],
    "numeric(1,0)": ["0", "9", "-9"],
    "numeric(4,4)": ["0", "0.0001", "-0.9999", "0.5"],
    "numeric(5,2)": ["0", "0.01", "-0.01", "999.99", "-999.99", "1", "100", "'NaN'"],
    "numeric(12,2)": ["0", "0.1", "-0.1", "9999999999.99", "-9999999999.99", "10000", "1.5"],
    "numeric(18,0)": ["0", "999999999999999999", "-999999999999999999", "10000"],
    "numeric(18,6)": ["0", "0.000001", "-999999999999.999999", "10000.0001"],
    "numeric(19,4)": ["0", "922337203685477.5807", "-922337203685477.5808"],
    "numeric(38,0)": ["0", "'99999999999999999999999999999999999999'",
                      "'-99999999999999999999999999999999999999'", "18446744073709551616"],
    "numeric(38,19)": ["0", "'9999999999999999999.9999999999999999999'", "1", "'NaN'"],
    "numeric(38,38)": ["0", "'0.00000000000000000000000000000000000001'",
                       "'-0.99999999999999999999999999999999999999'"],
    "numeric(39,2)": ["0", "'1234567890123456789012345678901234567.89'", "'NaN'"],
    "numeric(76,30)": ["0", "-1.5", "'NaN'"],
    "numeric(1000,500)": ["0", "1e400", "1e-400"],
    "numeric(3,-2)": ["0", "12345", "-99900"],  # rounded to hundreds
    "numeric(2,5)": ["0", "0.00012", "-0.00099"],
    "text": ["''", "'a'", "' a '", "'zwölf Äpfel 🍎'", "repeat('x', 100000)", r"E'a\nb\t\\\x01'",
             "'{\"a\": [1]}'", "'null'", "'NULL'"],
    "varchar": ["''", "'abc'"],
    "varchar(5)": ["''", "'abc'", "'ä€🍎xy'"],
    "bpchar": ["''", "'a '"],
    "char(4)": ["''", "'a'", "'abcd'", "'ä'"],
    "name": ["''", "'pg_class'", "repeat('n', 63)"],
    '"char"': ["''", "'a'", "'\"'", "' '"],
    "bytea": ["''", r"'\x00'", r"'\x0001ff7f80'", "decode(repeat('fe', 70000), 'hex')"],
    "date": ["'2024-02-29'", "'0001-01-01'", "'9999-12-31'", "'1970-01-01'", "'1969-12-31'",
             "'2000-01-01'", "'1999-12-31'", "'1582-10-10'"],
    "time": ["'00:00'", "'23:59:59.999999'", "'12:34:56.7'", "'00:00:00.000001'"],
    "time(0)": ["'00:00'", "'12:34:56.7'"],
    "timetz": ["'00:00+00'", "'23:59:59.999999-15:59:59'", "'12:34:56.7+15:59:59'", "'10:00+05:30'",
               "'10:00-03:30'", "'10:00+00:00:01'", "'10:00-00:00:30'", "'10:00+14'"],
    "timestamp": ["'2024-02-29 12:34:56.789'", "'0001-01-01'", "'9999-12-31 23:59:59.999999'",
                  "'1970-01-01'", "'1969-12-31 23:59:59.999999'", "'2000-01-01'",
                  "'1999-12-31 23:59:59.999999'"],
    "timestamp(3)": ["'2024-02-29 12:34:56.789123'"],
    "timestamptz": ["'2024-02-29 12:34:56.789+05:30'", "'0001-01-01 00:00+00'", "'1970-01-01 00:00Z'",
                    "'9999-12-31 23:59:59.999999+00'", "'1969-12-31 23:59:59.999999Z'",
                    "'2024-07-01 00:00 Europe/Berlin'"],
    "interval": ["'0'", "'1 day'", "'1 mon'", "'-1 mon'", "'11 mons'", "'12 mons'", "'13 mons'",
                 "'-13 mons'", "'25 mons -3 days 04:05:06.789'", "'-25 mons 3 days -04:05:06.789'",
                 "'1 us'", "'-1 us'", "'-1 day 1 us'", "'1000000 hours'", "'-1000000 hours'",
                 "'178000 years'", "'1 mon -30 days'", "'2 years'", "'100000000 days'"],
    "interval day to second": ["'3 days 04:05:06'"],
    "interval year to month": ["'2-3'"],
    "uuid": ["'00000000-0000-0000-0000-000000000000'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'",
             "'12345678-9abc-4def-8123-456789abcdef'"],
    "json": ["'null'", "'true'", "'0'", "'-1.5e10'", "'\"\"'", r"""'"ä\u00e4\n"'""", "'[]'", "'{}'",
             """'{"b": 1, "a": [1, null, {"c": "d"}], "b": 2}'""", "'  [1 , 2]  '",
             "'123456789012345678901234567890'", "'1.0'"],
    "jsonb": ["'null'", "'true'", "'0'", "'-1.5e10'", "'\"\"'", "'\"ä\"'", "'[]'", "'{}'",
              """'{"b": 1, "a": [1, null, {"c": "d"}]}'""", "'123456789012345678901234567890'",
              "'1.0'", "'[[[[[]]]]]'"],
    "inet": ["'0.0.0.0'", "'10.0.0.1'", "'10.0.0.1/24'", "'10.0.0.0/8'", "'255.255.255.255/32'",
             "'::'", "'::1'", "'2001:db8::1/64'", "'::ffff:10.0.0.1'", "'fe80::/10'", "'0.0.0.0/0'",
             "'::/0'", "'2001:0:0:1::1'"],
    "cidr": ["'10.0.0.0/8'", "'10.0.0.1/32'", "'0.0.0.0/0'", "'2001:db8::/32'", "'::1/128'", "'::/0'"],
    "macaddr": ["'00:00:00:00:00:00'", "'08:00:2b:01:02:03'"],
    "macaddr8": ["'08:00:2b:01:02:03:04:05'"],
    "mood": ["'sad'", "'ok'", "'it''s, \"fine\"'", "''"],
    "positive": ["1", "2147483647"],
    "positives": ["1"],
    "price": ["0", "1.5", "-1.25"],
    "words": ["'{}'", "'{a,NULL}'"],
    "pair": ["row(1, 'a')", "row(null, null)", "row(-1, 'a \"quoted\", (b)')"],
    "bit(3)": ["B'000'", "B'101'"],
    "bit(9)": ["B'000000001'"],
    "varbit": ["B''", "B'1'", "B'0110'"],
    "varbit(8)": ["B''", "B'10101010'"],
    "money": ["0", "12.34", "-12.34", "'92233720368547758.07'::text", "'-92233720368547758.08'::text"],
    "oid": ["0", "1", "4294967295"],
    "xid": ["'0'", "'4294967295'"],
    "cid": ["'0'", "'4294967295'"],
    "xid8": ["'0'", "'18446744073709551615'"],
    "tid": ["'(0,1)'", "'(4294967295,65535)'"],
    "pg_lsn": ["'0/0'", "'FFFFFFFF/FFFFFFFF'"],
    "regclass": ["'pg_class'", "0"],
    "regtype": ["'int4'"],
    "regproc": ["'now'"],
    "int2vector": ["'1 2 -3'", "''"],
    "oidvector": ["'1 2'"],
    "xml": ["'<a b=\"c\">ä</a>'", "'text'", "''"],
    "tsvector": ["''", "'a:1 fat:2,4 cat'"],
    "tsquery": ["'fat & (rat | !cat)'"],
    "jsonpath": ["'$.a[*]'"],
    "point": ["'(0,0)'", "'(1.5,-2e300)'"],
    "line": ["'{1,2,3}'"],
    "lseg": ["'[(1,2),(3,4)]'"],
    "box": ["'(1,1),(0,0)'"],
    "path": ["'((1,2),(3,4))'", "'[(1,2),(3,4)]'"],
    "polygon": ["'((1,2),(3,4),(5,6))'"],
    "circle": ["'<(1,2),3>'"],
}  # fmt: skip

# Where psycopg reads text, what it reads is not the exact value.
READ_BINARY = {"float4"}

RANGES = {
    "int4range": ["1", "10", "-2147483648", "2147483647"],
    "int8range": ["1", "10", "-9223372036854775808", "9223372036854775807"],
    "numrange": ["1.50", "10", "-1e20", "1e20"],
    "daterange": ["'2024-01-01'", "'2024-02-01'", "'0001-01-01'", "'9999-12-30'"],
    "tsrange": ["'2024-01-01'", "'2024-02-01 12:00'", "'0001-01-01'", "'9999-12-31 23:59:59.999999'"],
    "tstzrange": ["'2024-01-01Z'", "'2024-02-01 12:00Z'", "'0001-01-01Z'", "'9999-12-31Z'"],
}  # fmt: skip


def range_literals(type_name: str) -> list[str]:
    low, high, least, most = RANGES[type_name]
    several = [f"{type_name}({low}, {high}, '{bounds}')" for bounds in ("[)", "(]", "[]", "()")]
    return [
        *several,
        "'empty'",
        f"{type_name}({low}, {low})",
        f"{type_name}({low}, {low}, '[]')",
        f"{type_name}(null, null)",
        f"{type_name}(null, {high})",
        f"{type_name}({low}, null, '(]')",
        f"{type_name}(null, {high}, '[]')",
        f"{type_name}({least}, {most})",
    ]


def multirange_literals(range_type: str) -> list[str]:
    low, high, least, most = RANGES[range_type]
    name = range_type.replace("range", "multirange")
    return [
        "'{}'",
        f"{name}({range_type}({low}, {high}))",
        f"{name}({range_type}({least}, {low}), {range_type}({high}, {most}))",
        f"{name}({range_type}(null, {low}), {range_type}({high}, null))",
        f"{name}({range_type}(null, null))",
    ]


LITERALS = (
    SCALARS
    | {name: range_literals(name) for name in RANGES}
    | {name.replace("range", "multirange"): multirange_literals(name) for name in RANGES}
)


@pytest.mark.parametrize("type_name", LITERALS)
def test_a_column_of_many_cells_is_what_psycopg_reads(both: Both, type_name: str) -> None:
    sql = column_sql(type_name, ["null", *LITERALS[type_name], "null"])
    assert_same(both, sql, binary=type_name in READ_BINARY)


@pytest.mark.parametrize("type_name", LITERALS)
def test_each_cell_alone_is_what_psycopg_reads(both: Both, type_name: str) -> None:
    for literal in LITERALS[type_name]:
        assert_same(both, f"select ({literal})::{type_name}", binary=type_name in READ_BINARY)


@pytest.mark.parametrize("type_name", LITERALS)
def test_nulls_and_no_rows_have_the_columns_type(
    both: Both, pg_schema: str, type_name: str
) -> None:
    cells = f"{pg_schema}.cells"
    both.run(f"create table {cells} (v {type_name}, items {type_name}[])")
    nothing = both.fetch(f"select v, items from {cells}")
    assert nothing == []
    both.run(f"insert into {cells} select null, null from generate_series(1, 2)")
    nulls = both.fetch(f"select v, items from {cells}")
    assert nulls == [(None, None)] * 2
    first = LITERALS[type_name][0]
    both.run(f"insert into {cells} values ({first}, array[({first})::{type_name}])")
    values = both.fetch(f"select v, items from {cells} where v is distinct from null")
    assert len(values) == 1
    assert nothing.schema == nulls.schema == values.schema


# -- Arrays ----------------------------------------------------------------------------------------


def array_literals(type_name: str) -> list[str]:
    literals = LITERALS[type_name]
    first, second = literals[0], literals[-1]
    a, b = f"({first})::{type_name}", f"({second})::{type_name}"
    items = ", ".join(f"({literal})::{type_name}" for literal in literals)
    return [
        "'{}'",
        f"array[{a}]",
        f"array[{items}]",
        "array[null]",
        f"array[null, {a}, null, {b}, null]",
        f"array[array[{a}, {b}], array[null, {a}]]",
        f"array[array[array[{a}], array[{b}]], array[array[null], array[{a}]]]",
        f"array_fill({a}, array[2], array[-3])",
        f"array_fill({b}, array[1, 2], array[0, 5])",
        f"array_fill({b}, array[1, 1, 1, 1, 1, 1])",
    ]


# An array of a domain over an array is one of a type of its own, which array_fill() does not make.
ITEMS = [name for name in LITERALS if name != "words"]


@pytest.mark.parametrize("item", ITEMS)
def test_arrays_are_what_psycopg_reads(both: Both, item: str) -> None:
    literals = array_literals(item)
    for literal in literals:
        assert_same(both, f"select ({literal})::{item}[]", binary=item in READ_BINARY)
    sql = column_sql(f"{item}[]", ["null", *literals, "null"])
    assert_same(both, sql, binary=item in READ_BINARY)
    assert_same(both, column_sql(f"{item}[]", literals[:5]), binary=item in READ_BINARY)
