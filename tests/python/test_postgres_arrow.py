"""Results of PostgreSQL as Arrow: each type's Arrow type, its values, and what Arrow cannot carry."""

import datetime
from collections.abc import Iterator
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from molt_sql import InvalidQueryError, ResultSet, UnsupportedError, connect
from postgres_cells import OPTIONS, Both, column_sql, connect_both, query
from servers.fixtures import PostgresDatabase

SETUP = """
create type mood as enum ('sad', 'ok');
create type pair as (a int, b text);
create domain price as numeric(12, 2);
"""


@pytest.fixture(scope="module")
def both(pg_database: PostgresDatabase) -> Iterator[Both]:
    url, conninfo = pg_database.url(options=OPTIONS), pg_database.conninfo(options=OPTIONS)
    with connect_both(url, conninfo) as databases:
        databases.run(SETUP)
        yield databases


def text(name: str) -> pa.Field:
    return pa.field("v", pa.string(), metadata={"molt.type": name})


# Of each type, its field and SQL literals that Arrow can carry.
TYPES: dict[str, tuple[pa.DataType | pa.Field, list[str]]] = {
    "bool": (pa.bool_(), ["true", "false", *["true"] * 9]),
    "int2": (pa.int16(), ["0", "-32768", "32767"]),
    "int4": (pa.int32(), ["0", "-2147483648", "2147483647"]),
    "int8": (pa.int64(), ["0", "-9223372036854775808", "9223372036854775807"]),
    "oid": (pa.int64(), ["0", "4294967295"]),
    "xid": (text("xid"), ["'0'", "'4294967295'"]),
    "float4": (pa.float32(), ["0", "1.1", "3.4028235e38", "'Infinity'"]),
    "float8": (pa.float64(), ["0", "1.1", "5e-324", "'-Infinity'"]),
    "numeric(1,0)": (pa.decimal128(1, 0), ["0", "-9"]),
    "numeric(5,2)": (pa.decimal128(5, 2), ["0", "999.99", "-0.01"]),
    "numeric(12,2)": (pa.decimal128(12, 2), ["0", "9999999999.99", "-1.5"]),
    "price": (pa.decimal128(12, 2), ["0", "1.5"]),
    "numeric(19,4)": (pa.decimal128(19, 4), ["922337203685477.5807", "-922337203685477.5808"]),
    "numeric(38,0)": (pa.decimal128(38, 0), [f"'{'9' * 38}'", f"'-{'9' * 38}'", "1"]),
    "numeric(38,38)": (pa.decimal128(38, 38), [f"'0.{'9' * 38}'", "0"]),
    "text": (pa.string(), ["''", "'zwölf Äpfel 🍎'", "repeat('x', 100000)"]),
    "varchar(5)": (pa.string(), ["''", "'abc'"]),
    "char(4)": (pa.string(), ["''", "'ä'"]),
    "name": (pa.string(), ["'pg_class'"]),
    '"char"': (pa.string(), ["'a'", "''"]),
    "bytea": (pa.binary(), ["''", r"'\x00ff'"]),
    "date": (pa.date32(), ["'0001-01-01'", "'9999-12-31'", "'1969-12-31'"]),
    "time": (pa.time64("us"), ["'00:00'", "'23:59:59.999999'"]),
    "timestamp": (pa.timestamp("us"), ["'0001-01-01'", "'9999-12-31 23:59:59.999999'"]),
    "timestamptz": (pa.timestamp("us", "UTC"), ["'0001-01-01Z'", "'2024-02-29 12:00+05:30'"]),
    "interval": (pa.month_day_nano_interval(), ["'0'", "'14 mons -3 days 04:05:06.789'", "'-1 us'"]),
    "uuid": (pa.uuid(), ["'00000000-0000-0000-0000-000000000000'",
                         "'12345678-9abc-4def-8123-456789abcdef'"]),
    "json": (pa.json_(), ["'null'", "'{\"b\" : 1}'", "'\"ä\"'"]),
    "jsonb": (pa.json_(), ["'null'", "'{\"b\" : [1, {}]}'", "'5'"]),
    "numeric": (text("decimal"), ["0.00", "1e100", "1e-100", "'NaN'", "'-Infinity'"]),
    "numeric(39,2)": (text("decimal"), ["0", f"'{'9' * 37}.99'"]),
    "numeric(3,-2)": (text("decimal"), ["12345"]),
    "timetz": (text("timetz"), ["'10:00+00'", "'10:00:00.5-03:30'", "'10:00+05:30:01'"]),
    "inet": (text("inet"), ["'10.0.0.1'", "'10.0.0.1/24'", "'::1'", "'2001:db8::/32'"]),
    "cidr": (text("inet"), ["'10.0.0.1/32'", "'2001:db8::/32'"]),
    "money": (text("money"), ["12.34", "-12.34"]),
    "bit(3)": (text("bit"), ["B'101'"]),
    "varbit": (text("varbit"), ["B''", "B'01'"]),
    "macaddr": (text("macaddr"), ["'08:00:2b:01:02:03'"]),
    "macaddr8": (text("macaddr8"), ["'08:00:2b:01:02:03:04:05'"]),
    "xml": (text("xml"), ["'<a/>'", "''"]),
    "tsvector": (text("tsvector"), ["''", "'a:1 fat:2,4'"]),
    "tsquery": (text("tsquery"), ["'a & b'"]),
    "jsonpath": (text("jsonpath"), ["'$.a'"]),
    "pg_lsn": (text("pg_lsn"), ["'FFFFFFFF/0'"]),
    "xid8": (text("xid8"), ["'18446744073709551615'"]),
    "tid": (text("tid"), ["'(0,1)'"]),
    "regclass": (text("regclass"), ["'pg_class'"]),
    "point": (text("point"), ["'(1.5,-2)'"]),
    "box": (text("box"), ["'(1,1),(0,0)'"]),
    "polygon": (text("polygon"), ["'((1,2),(3,4))'"]),
    "mood": (text("mood"), ["'sad'", "'ok'"]),
    "pair": (text("pair"), ["row(1, 'a b')", "row(null, null)"]),
    "mood[]": (text("mood[]"), ["'{sad,NULL}'", "'{}'"]),
    "int4range": (text("range"), ["'[1,5)'", "'(,5)'", "'(,)'", "'empty'"]),
    "int8range": (text("range"), ["'[1,9223372036854775807)'"]),
    "numrange": (text("range"), ["'(1.50,2.5]'", "'[1.5,)'"]),
    "daterange": (text("range"), ["'[2024-01-01,2024-02-01)'"]),
    "tsrange": (text("range"), ["'[2024-01-01,2024-02-01 12:00:00]'"]),
}  # fmt: skip

# Types whose Arrow text is what the server prints. Python makes other values of them.
PRINTED = {name for name, (field, _) in TYPES.items() if isinstance(field, pa.Field)} - {
    "inet", "cidr", "timetz",
}  # fmt: skip


def field_of(expected: pa.DataType | pa.Field) -> pa.Field:
    return expected if isinstance(expected, pa.Field) else pa.field("v", expected)


def fetch_arrow(both: Both, sql: str) -> tuple[ResultSet, pa.Table]:
    result = query(sql).on(both.ours).fetch_arrow().result()
    arrow = pa.table(result)
    arrow.validate(full=True)
    return result, arrow


def as_text(cell: Any) -> str | None:
    if cell is None:
        return None
    return cell.isoformat() if isinstance(cell, datetime.time) else str(cell)


def assert_field(arrow: pa.Table, expected: pa.Field) -> None:
    (field,) = arrow.schema
    assert field.type == expected.type
    assert (field.metadata or {}) == (expected.metadata or {})
    assert field.nullable


@pytest.mark.parametrize("type_name", TYPES)
def test_a_column_is_of_its_arrow_type(both: Both, type_name: str) -> None:
    expected, literals = TYPES[type_name]
    sql = column_sql(type_name, ["null", *literals, "null"])
    result, arrow = fetch_arrow(both, sql)
    assert_field(arrow, field_of(expected))
    cells = arrow.column(0).to_pylist()
    assert arrow.column(0).null_count == 2
    if type_name in PRINTED or type_name in ("json", "jsonb"):
        assert cells == both.columns(f"select v::text from ({sql}) as v")[1]
    elif type_name in ("inet", "cidr", "timetz"):
        assert cells == [as_text(cell) for (cell,) in result]
    elif type_name == "interval":
        assert cells == [None, (0, 0, 0), (14, -3, 14_706_789_000_000), (0, 0, -1000), None]
    else:
        assert cells == [cell for (cell,) in result]


@pytest.mark.parametrize("type_name", [name for name in TYPES if not name.endswith("[]")])
def test_a_list_is_of_its_items_arrow_type(both: Both, type_name: str) -> None:
    expected, literals = TYPES[type_name]
    items = ", ".join(f"({literal})::{type_name}" for literal in literals)
    arrays = ["null", "'{}'", f"array[{items}, null]", "array[null]", f"array[{items}]"]
    _, arrow = fetch_arrow(both, column_sql(f"{type_name}[]", arrays))
    (field,) = arrow.schema
    if type_name in ("mood", "pair", "price"):  # whose arrays are of types without a name here
        assert field.type == pa.string()
        assert field.metadata == {b"molt.type": f"{type_name}[]".encode()}
        return
    assert pa.types.is_list(field.type)
    item = field.type.value_field
    assert item.name == "item"
    assert item.type == field_of(expected).type
    assert (item.metadata or {}) == (field_of(expected).metadata or {})
    _, scalars = fetch_arrow(both, column_sql(type_name, literals))
    cells = scalars.column(0).to_pylist()
    assert arrow.column(0).to_pylist() == [None, [], [*cells, None], [None], cells]


@pytest.mark.parametrize("type_name", TYPES)
def test_no_rows_and_only_nulls_have_the_full_type(both: Both, type_name: str) -> None:
    expected, literals = TYPES[type_name]
    cells = f"(values (1, ({literals[0]})::{type_name}), (2, null::{type_name})) as cells (i, v)"
    for rows, condition in ((0, "i = 0"), (1, "i = 2")):
        _, arrow = fetch_arrow(both, f"select v from {cells} where {condition}")
        assert_field(arrow, field_of(expected))
        assert arrow.num_rows == arrow.column(0).null_count == rows


# A type that polars does not have. It panics on it.
NO_POLARS = {"interval"}


@pytest.mark.parametrize("type_name", [name for name in TYPES if name not in NO_POLARS])
def test_polars_reads_every_type(both: Both, type_name: str) -> None:
    _, literals = TYPES[type_name]
    result, arrow = fetch_arrow(both, column_sql(type_name, ["null", *literals]))
    for frame in (result.to_polars(), pl.DataFrame(result)):
        assert frame.height == len(literals) + 1
        assert frame["v"].null_count() == 1
        if arrow.schema.field(0).type not in (pa.uuid(), pa.json_()):
            assert frame["v"].to_list() == arrow.column(0).to_pylist()


@pytest.mark.parametrize("type_name", ["interval", "interval[]"])
def test_an_interval_is_no_panic_of_polars(both: Both, type_name: str) -> None:
    result, _ = fetch_arrow(both, column_sql(type_name, ["null"]))
    with pytest.raises(UnsupportedError, match="interval"):
        result.to_polars()


@pytest.mark.parametrize(
    ("type_name", "literal", "words"),
    [
        ("date", "'infinity'", "infinity"),
        ("timestamp", "'-infinity'", "-infinity"),
        ("timestamptz", "'infinity'", "infinity"),
        ("timestamp", "'294276-12-31'", "text"),
        ("time", "'24:00'", "time"),
        ("numeric(12,2)", "'NaN'", "NaN"),
        ("numeric(38,0)", "'NaN'", "NaN"),
        ("interval", "'178000000 years 1000000000:00'", "nanoseconds"),
        ("date[]", "array['infinity'::date]", "infinity"),
        ("numeric(5,2)[]", "array['NaN'::numeric(5, 2)]", "NaN"),
        ("int4[]", "array[array[1, 2]]", "a list of lists"),
        ("text[]", "array[array['a']]", "a list of lists"),
    ],
)
def test_what_arrow_cannot_carry_is_refused_with_its_row_and_what_to_do(
    both: Both, type_name: str, literal: str, words: str
) -> None:
    for cells, row in ((["null", literal], 1), ([literal], 0)):
        rows = query(column_sql(type_name, cells)).on(both.ours)
        with pytest.raises(InvalidQueryError, match=words) as caught:
            rows.fetch_arrow().result()
        with pytest.raises(InvalidQueryError, match=words):
            pa.table(rows.fetch_all().result())
        message = str(caught.value)
        assert '"v"' in message
        assert f"row {row}" in message
        assert "cast the column" in message
        assert "read it as rows" in message
    _, arrow = fetch_arrow(both, column_sql("text", [f"({literal})::{type_name}::text"]))
    assert arrow.column(0).to_pylist() == [
        both.their_value(f"select ({literal})::{type_name}::text")
    ]


def test_a_range_with_an_infinite_date_is_text_all_the_same(both: Both) -> None:
    sql = "select daterange('2024-01-01', 'infinity') as v"
    _, arrow = fetch_arrow(both, sql)
    assert arrow.column(0).to_pylist() == ["[2024-01-01,infinity)"]


def test_multiranges_are_lists_of_text(both: Both) -> None:
    _, arrow = fetch_arrow(both, column_sql("int4multirange", ["'{[1,5),[7,)}'", "'{}'", "null"]))
    assert arrow.schema.field(0).type == pa.list_(arrow.schema.field(0).type.value_field)
    assert arrow.schema.field(0).type.value_field.metadata == {b"molt.type": b"range"}
    assert arrow.column(0).to_pylist() == [["[1,5)", "[7,)"], [], None]


def test_timestamptz_ranges_are_text_in_utc(pg_database: PostgresDatabase) -> None:
    sql = "select tstzrange('2024-01-01 00:00Z', null) as v"
    with connect(pg_database.url(options="-c TimeZone=Asia/Kolkata")) as db:
        arrow = pa.table(query(sql).on(db).fetch_arrow().result())
    assert arrow.column(0).to_pylist() == ['["2024-01-01 00:00:00+00:00",)']


def test_all_types_side_by_side_in_many_batches(both: Both) -> None:
    """The whole matrix in one result, large enough for several batches."""
    columns = [
        f"case when i % 7 > 0 then (array[{', '.join(f'({cell})::{name}' for cell in cells)}])"
        f"[1 + i % {len(cells)}] end as c{position}"
        for position, (name, (_, cells)) in enumerate(TYPES.items())
        if name not in ("text", "mood[]")
    ]
    sql = f"select i, {', '.join(columns)}, repeat('x', 500) from generate_series(1, 20000) i"
    result = query(sql).on(both.ours).fetch_arrow().result()
    arrow = pa.table(result)
    arrow.validate(full=True)
    assert arrow.num_rows == 20_000
    assert arrow.column(0).to_pylist() == list(range(1, 20_001))
    assert arrow.column(0).num_chunks > 1
    for name in arrow.column_names[1:-1]:
        assert arrow.column(name).null_count == 20_000 // 7
    streamed = list(query(sql).on(both.ours).stream())
    assert sum(len(batch) for batch in streamed) == 20_000
    assert pa.concat_tables(pa.table(batch) for batch in streamed).equals(arrow)
