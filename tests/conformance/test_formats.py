"""Result formats: the bytes of each, their types, and columns that mix kinds."""

# Pyarrow is not typed, so:
# pyright: basic
from __future__ import annotations

import csv
import io
import json
import re
from typing import Any

import pyarrow
import pytest

from conformance.arrow import arrow_table
from conformance.client import Client

FORMATS = {
    "json": "json",
    "msgpack": "msgpack",
    "arrow_ipc": "arrow_ipc",
    "json_rows": "json",
    "jsonl": "raw",
    "csv": "raw",
}
ROWS = "select id, title, score, unread from items where user_id = 1 order by id limit 3"


@pytest.mark.parametrize("result_format", FORMATS)
def test_a_format_has_its_codec_and_is_named_in_the_metrics(
    client: Client, result_format: str
) -> None:
    reply = client.query("select 1 as n", result_format=result_format)
    assert (reply.status, reply.codec) == ("Ok", FORMATS[result_format])
    assert reply.metrics["db_result_format"] == result_format
    assert reply.metrics["db_row_count"] == 1


def test_json_rows_is_an_array_of_objects(client: Client) -> None:
    reply = client.query("select 1 as a, 'Zoë' as b, null as c", result_format="json_rows")
    assert reply.payload == '[{"a":1,"b":"Zoë","c":null}]'.encode()
    assert client.query("select 1 as a where 0", result_format="json_rows").payload == b"[]"


def test_jsonl_is_an_object_a_line(client: Client) -> None:
    reply = client.query("select 1 as a union all select 2", result_format="jsonl")
    assert reply.payload == b'{"a":1}\n{"a":2}\n'
    assert client.query("select 1 as a where 0", result_format="jsonl").payload == b""


def test_csv_has_a_header_and_ends_lines_with_crlf(client: Client) -> None:
    reply = client.query("select 1 as a, 'Zoë' as b, null as c, 1.0 as d", result_format="csv")
    assert reply.payload == "a,b,c,d\r\n1,Zoë,,1.0\r\n".encode()
    assert client.query("select 1 as a where 0", result_format="csv").payload == b"a\r\n"


AWKWARD = ["a,b", 'say "hi"', "two\nlines", "two\r\nlines", " blank ", "plain", '"', ",", "ß;"]


def test_csv_quotes_what_needs_it(client: Client) -> None:
    sql = "select " + ", ".join(f'? as "c,{i}"""' for i in range(len(AWKWARD)))
    reply = client.query(sql, *AWKWARD, result_format="csv")
    header, row = csv.reader(io.StringIO(reply.payload.decode(), newline=""), strict=True)
    assert header == [f'c,{i}"' for i in range(len(AWKWARD))]
    assert row == AWKWARD
    assert b"plain" in reply.payload
    assert b'"plain"' not in reply.payload


def test_arrow_is_one_whole_stream(client: Client) -> None:
    reply = client.query(ROWS, result_format="arrow_ipc")
    table = arrow_table(reply.payload)
    assert table.column_names == ["id", "title", "score", "unread"]
    assert table.column("id").to_pylist() == [1, 3, 5]
    assert table.column("score").to_pylist() == [0.0, 0.5, 1.0]
    assert table.column("unread").to_pylist() == [True, False, True]


def test_all_formats_agree(client: Client) -> None:
    sql = "select id, title, score from items order by id limit 500"

    def answer(result_format: str) -> Any:
        return client.query(sql, result_format=result_format)

    rows = answer("json").value["rows"]
    names = ["id", "title", "score"]
    objects = [dict(zip(names, row, strict=True)) for row in rows]
    assert answer("msgpack").value["rows"] == rows
    assert answer("json_rows").value == objects
    lines = answer("jsonl").payload.decode().splitlines()
    assert [json.loads(line) for line in lines] == objects
    text = io.StringIO(answer("csv").payload.decode(), newline="")
    cells = list(csv.reader(text))
    assert cells == [names, *([str(i), title, str(score)] for i, title, score in rows)]
    assert arrow_table(answer("arrow_ipc").payload).to_pylist() == objects


@pytest.mark.parametrize(("column", "type_"), [
    ("id", pyarrow.int64()),
    ("title", pyarrow.string()),
    ("score", pyarrow.float64()),
    ("unread", pyarrow.bool_()),
])  # fmt: skip
def test_types_do_not_depend_on_the_rows(client: Client, column: str, type_: Any) -> None:
    for where in ("0", "id < 0", "id = 1", "1"):
        reply = client.query(f"select {column} from items where {where}", result_format="arrow_ipc")
        assert arrow_table(reply.payload).schema.field(0).type == type_


def test_ints_and_floats_of_a_column_widen(client: Client) -> None:
    for sql in ("select v from widened order by v", "select 1 as v union all select 2.5"):
        assert client.query(sql).payload.endswith(b'"rows":[[1.0],[2.5]],"row_count":2}')
        ((first,), (second,)) = client.query(sql, result_format="msgpack").value["rows"]
        assert (type(first), first, type(second), second) == (float, 1.0, float, 2.5)
        table = arrow_table(client.query(sql, result_format="arrow_ipc").payload)
        assert table.column(0).to_pylist() == [1.0, 2.5]
        assert table.schema.field(0).type == pyarrow.float64()


def test_a_column_that_mixes_kinds_keeps_each_in_rows(client: Client) -> None:
    sql = "select v as mixture from mixed"
    assert client.query(sql).value["rows"] == [[1], ["a"], [[0]]]
    packed = client.query(sql, result_format="msgpack").value["rows"]
    assert packed == [[1], ["a"], [b"\x00"]]


def test_a_column_that_mixes_kinds_is_invalid_in_arrow_by_name(client: Client) -> None:
    reply = client.query("select 1 as good, v as mixture from mixed", result_format="arrow_ipc")
    assert reply.status == "InvalidInput"
    assert "mixture" in reply.error
    client.ping()


DOUBLES = [
    1.0, -1.0, 0.1, 0.5, 1e15, 1e16, 1e17, 123456789.125, 1e21, 1e22, 1e100, 1.5e-7, 1e-5,
    5e-324, 1.7976931348623157e308, 2.2250738585072014e-308, 0.1 + 0.2, 9007199254740993.0,
]  # fmt: skip


@pytest.mark.parametrize("number", DOUBLES, ids=repr)
def test_a_double_has_its_shortest_digits_and_a_point_or_exponent(
    socket_client: Client, number: float
) -> None:
    payload = socket_client.query("select ? as v", number).payload
    found = re.search(rb'"rows":\[\[(.*?)\]\]', payload)
    assert found is not None
    text = found[1].decode()
    assert float(text) == number
    assert re.search("[.eE]", text)
    assert digits(text) == digits(repr(number))


def digits(text: str) -> str:
    """The significant ones."""
    mantissa = re.split("[eE]", text)[0].replace(".", "").replace("-", "")
    return mantissa.strip("0")


def test_a_result_beyond_the_frame_limit_is_an_error(client: Client) -> None:
    big = "with recursive c(n) as (select 1 union all select n + 1 from c where n < 9)"
    sql = f"{big} select hex(zeroblob(4000000)) as v from c"
    reply = client.query(sql)
    assert reply.status in ("InvalidInput", "InternalError")
    assert reply.payload == b""
    client.ping()
