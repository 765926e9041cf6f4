"""The contract's page: every example decodes to what it says, and a worker answers as it says."""

from __future__ import annotations

import base64
import math
import re
import struct
import subprocess
from pathlib import Path
from typing import Any

import pytest

from conformance.client import Client
from conformance.codec import (
    FRAME_BYTES_MAX,
    METRICS,
    STATUSES,
    Reply,
    decode,
    decode_reply,
    from_json,
    unpack,
)
from conformance.columns import KINDS, decode_columns
from conformance.spec_page import PAGE, Example, examples, fences, table, table_names
from conformance.test_catalog import CODES
from servers.worker import worker_binary

EXAMPLES = examples()


def frames_of(data: bytes) -> list[bytes]:
    bodies: list[bytes] = []
    while data:
        (size,) = struct.unpack_from("<I", data)
        bodies.append(data[4 : 4 + size])
        assert len(bodies[-1]) == size, "the example ends within a frame"
        data = data[4 + size :]
    return bodies


def read_envelope(body: bytes) -> dict[str, Any]:
    """In the form of the page's json blocks."""
    wire = "json" if body[:1] == b"{" else "msgpack"
    envelope = from_json(body) if wire == "json" else unpack(body)
    found: dict[str, Any] = {"wire": wire, "body": envelope}
    if "payload_b64" in envelope:
        payload = base64.b64decode(envelope.pop("payload_b64"), validate=True)
    elif "payload" in envelope:
        payload = envelope.pop("payload")
    else:
        return found
    codec = envelope["codec"]
    readable = codec in ("json", "msgpack")
    return found | {"payload": written(decode(payload, codec)) if readable else payload.hex()}


def written(value: Any) -> Any:
    """Binary as the page writes it."""
    match value:
        case bytes():
            return {"$bin": value.hex()}
        case dict():
            return {key: written(item) for key, item in value.items()}
        case list():
            return [written(item) for item in value]
    return value


def test_the_page_has_the_examples_that_it_must() -> None:
    names = "ping-msgpack pong-msgpack ping-json pong-json query query-result unknown-entry"
    assert EXAMPLES.keys() >= set(names.split())
    assert EXAMPLES.keys() >= {"cancel", "cancelled", "stream", "stream-credit", "stream-last"}
    assert EXAMPLES.keys() >= {"columns", "columns-result"}
    tables = ["undecodable", "params", "values-sqlite", "values-postgres"]
    assert table_names() == tables
    hexes = [info for info in fences() if info.startswith("hex")]
    assert len(hexes) == len(EXAMPLES), "a hex block has no json block after it"


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES.keys())
def test_an_example_decodes_to_what_the_page_says(example: Example) -> None:
    assert [read_envelope(body) for body in frames_of(example.data)] == example.frames
    assert example.answered_by is None or example.answered_by in EXAMPLES


@pytest.mark.parametrize(
    "example", [e for e in EXAMPLES.values() if "status" in e.frames[0]["body"]]
)
def test_an_example_of_a_reply_is_one(example: Example) -> None:
    for body in frames_of(example.data):
        decode_reply(body)


@pytest.mark.parametrize(
    "example", [e for e in EXAMPLES.values() if e.answered_by], ids=lambda e: e.name
)
def test_a_worker_answers_an_example_as_the_page_says(client: Client, example: Example) -> None:
    assert example.answered_by is not None
    client.channel.send(example.data)
    expected = [decode_reply(body) for body in frames_of(EXAMPLES[example.answered_by].data)]
    for reply in expected:
        assert essence(client.reply_to(reply.request_id)) == essence(reply)
    client.expect_silence()


def essence(reply: Reply) -> dict[str, Any]:
    """Without what differs from time to time: numbers of metrics, words of errors."""
    texts = {key: value for key, value in reply.metrics.items() if isinstance(value, str)}
    return {
        "wire": reply.wire,
        "status": reply.status,
        "codec": reply.codec,
        "payload": reply.payload,
        "entry": reply.entry,
        "stream": (reply.seq, reply.more),
        "metrics": texts if reply.status == "Ok" else {},
    }


def test_a_worker_streams_the_example_in_either_way(client: Client) -> None:
    client.channel.send(EXAMPLES["stream"].data)
    replies = [client.reply_to(6)]
    while replies[-1].more:
        client.channel.send(EXAMPLES["stream-credit"].data)
        replies.append(client.reply_to(6))
    names = ("stream-first", "stream-last")
    payload = b"".join(bytes.fromhex(EXAMPLES[name].frames[0]["payload"]) for name in names)
    assert b"".join(reply.payload for reply in replies) == payload
    client.expect_silence()


@pytest.mark.parametrize("row", table("undecodable"), ids=lambda row: row["why"])
def test_a_body_that_cannot_be_decoded_is_answered(client: Client, row: dict[str, Any]) -> None:
    body = bytes.fromhex(row["hex"]) if "hex" in row else row["body"].encode()
    client.send_body(body)
    reply = client.receive()
    assert reply.status == "InvalidInput"
    assert reply.request_id in row["ids"]
    assert reply.wire == ("json" if body[:1] == b"{" else "msgpack")
    client.ping()


@pytest.mark.parametrize("row", table("params"), ids=lambda row: str(row["params"])[:60])
def test_parameters_are_as_the_page_says(socket_client: Client, row: dict[str, Any]) -> None:
    reply = socket_client.call("db_query", {"sql": row["sql"], "params": row["params"]})
    if "status" in row:
        assert reply.status == row["status"]
    else:
        assert reply.status == "Ok", reply.error
        assert reply.value["rows"] == row["rows"]


def assert_value(client: Client, row: dict[str, Any]) -> None:
    reply = client.query(row["sql"])
    assert reply.status == "Ok", reply.error
    text = f'{{"columns":["v"],"rows":[[{row["json"]}]],"row_count":1}}'
    assert reply.payload.decode() == text
    ((cell,),) = client.query(row["sql"], result_format="msgpack").value["rows"]
    match row["msgpack"]:
        case {"$bin": digits}:
            assert cell == bytes.fromhex(digits)
        case {"$float": name}:
            assert type(cell) is float
            assert cell == float(name) or (math.isnan(cell) and name == "nan")
        case expected:
            assert (type(cell), cell) == (type(expected), expected)


@pytest.mark.parametrize("row", table("values-sqlite"), ids=lambda row: row["sql"])
def test_values_of_sqlite_are_as_the_page_says(socket_client: Client, row: dict[str, Any]) -> None:
    assert_value(socket_client, row)


@pytest.mark.parametrize("row", table("values-postgres"), ids=lambda row: row["sql"])
def test_values_of_postgresql_are_as_the_page_says(pg: Client, row: dict[str, Any]) -> None:
    assert_value(pg, row)


def test_the_page_names_every_status_and_metric() -> None:
    text = PAGE.read_text()
    for name in sorted(STATUSES | METRICS):
        assert f"`{name}`" in text, f"the page does not explain {name}"
    assert f"{FRAME_BYTES_MAX:,}" in text


def test_the_worker_knows_the_flags_that_the_page_names() -> None:
    named = set(re.findall(r"^\| `(--[a-z-]+)", PAGE.read_text(), re.MULTILINE))
    assert len(named) >= 9
    done = subprocess.run(
        [worker_binary(), "--help"], capture_output=True, text=True, timeout=15, check=True
    )
    assert {flag for flag in named if flag not in done.stdout} == set()


def test_links_of_the_page_lead_somewhere() -> None:
    text = PAGE.read_text()
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in headings}
    for target in re.findall(r"\]\(([^)]+)\)", text):
        if target.startswith("#"):
            assert target[1:] in anchors, target
        else:
            assert (Path(PAGE.parent) / target).exists(), target


def test_the_columns_of_the_page_are_what_it_says() -> None:
    payload = bytes.fromhex(EXAMPLES["columns-result"].frames[0]["payload"])
    fields, batches = decode_columns(payload)
    assert [(field.name, field.type.name) for field in fields] == [("n", "int64"), ("name", "utf8")]
    assert batches == [[(42, "Zoë")]]


def test_the_page_names_every_kind_of_value_and_code_of_errors() -> None:
    rows = dict(re.findall(r"^\| (\d+) \| (\w+) \|", PAGE.read_text(), re.MULTILINE))
    assert [rows[str(number)] for number in range(len(KINDS))] == KINDS
    for code in CODES:
        assert f"`{code}`" in PAGE.read_text()
