"""Envelopes: every width and order of MsgPack, both wires, and bodies that are none.

The table of bodies that cannot be decoded is the page's own, see test_spec_examples.py.
"""

from __future__ import annotations

import itertools
import json
import struct
from typing import Any

import pytest

from conformance.client import Client
from conformance.codec import Wire, encode_body, envelope, frame, pack
from conformance.data import ENDLESS

PING: dict[str, Any] = {"request_id": 7, "entry": "__ping__", "timeout_ms": 0, "codec": "raw"}


def map_of(*pairs: tuple[bytes, bytes], head: bytes | None = None) -> bytes:
    return (head or bytes([0x80 | len(pairs)])) + b"".join(key + value for key, value in pairs)


def strings(text: str) -> list[bytes]:
    data = text.encode()
    wide = [
        b"\xd9" + struct.pack(">B", len(data)) + data,
        b"\xda" + struct.pack(">H", len(data)) + data,
        b"\xdb" + struct.pack(">I", len(data)) + data,
    ]
    return [bytes([0xA0 | len(data)]) + data, *wide]


WIDE_INTEGERS = {
    "fixint": b"\x07",
    "uint8": b"\xcc\x07",
    "uint16": b"\xcd\x00\x07",
    "uint32": b"\xce" + struct.pack(">I", 7),
    "uint64": b"\xcf" + struct.pack(">Q", 7),
    "int8": b"\xd0\x07",
    "int16": b"\xd1\x00\x07",
    "int32": b"\xd2" + struct.pack(">i", 7),
    "int64": b"\xd3" + struct.pack(">q", 7),
}


@pytest.mark.parametrize("width", WIDE_INTEGERS)
def test_an_integer_may_have_any_width(socket_client: Client, width: str) -> None:
    integer = WIDE_INTEGERS[width]
    socket_client.send_body(
        map_of(
            (pack("request_id"), integer),
            (pack("entry"), pack("__ping__")),
            (pack("timeout_ms"), integer.replace(b"\x07", b"\x00")),
            (pack("codec"), pack("raw")),
        )
    )
    reply = socket_client.receive()
    assert (reply.request_id, reply.status) == (7, "Ok")


@pytest.mark.parametrize("width", range(4), ids=["fixstr", "str8", "str16", "str32"])
def test_a_text_may_have_any_width(socket_client: Client, width: int) -> None:
    socket_client.send_body(
        map_of(
            (strings("request_id")[width], b"\x07"),
            (strings("entry")[width], strings("__ping__")[width]),
            (strings("timeout_ms")[width], b"\x00"),
            (strings("codec")[width], strings("raw")[width]),
        )
    )
    reply = socket_client.receive()
    assert (reply.request_id, reply.status) == (7, "Ok")


@pytest.mark.parametrize("head", [b"\xde\x00\x05", b"\xdf\x00\x00\x00\x05"], ids=["map16", "map32"])
@pytest.mark.parametrize("binary", [b"\xc4\x00", b"\xc5\x00\x00", b"\xc6\x00\x00\x00\x00"])
def test_a_map_and_a_binary_may_have_any_width(
    socket_client: Client, head: bytes, binary: bytes
) -> None:
    pairs = [(pack(key), pack(value)) for key, value in PING.items()]
    socket_client.send_body(map_of(*pairs, (pack("payload"), binary), head=head))
    reply = socket_client.receive()
    assert (reply.request_id, reply.status) == (7, "Ok")


@pytest.mark.parametrize("order", list(itertools.permutations(PING)), ids="-".join)
def test_keys_may_come_in_any_order(socket_client: Client, wire: Wire, order: list[str]) -> None:
    socket_client.send_body(encode_body(wire, {key: PING[key] for key in order}))
    reply = socket_client.receive()
    assert (reply.request_id, reply.status) == (7, "Ok")


UNKNOWN: list[object] = [None, True, -1, 2**63, 1.5, "", "text", [], {}, [[1, {"a": [None]}]]]


@pytest.mark.parametrize("value", UNKNOWN, ids=repr)
def test_a_field_that_is_not_known_is_ignored(client: Client, wire: Wire, value: object) -> None:
    for body in ({"x": value} | PING, PING | {"zzz": value}, PING | {"": value, "Entry": value}):
        client.send_body(encode_body(wire, body))
        reply = client.receive()
        assert (reply.request_id, reply.status) == (7, "Ok")


@pytest.mark.parametrize("request_id", [0, 1, 127, 128, 2**31, 2**32, 2**63 - 1, 2**63, 2**64 - 1])
def test_an_id_may_be_any_u64(client: Client, request_id: int) -> None:
    assert client.call("__ping__", request_id=request_id).request_id == request_id
    assert client.call("no_such", request_id=request_id).request_id == request_id


@pytest.mark.parametrize("timeout_ms", [0, 1, 60_000, 2**32 - 1])
def test_a_timeout_may_be_any_u32(client: Client, timeout_ms: int) -> None:
    assert client.call("__ping__", timeout_ms=timeout_ms).status == "Ok"
    if timeout_ms != 1:
        reply = client.query("select 1 as n", envelope={"timeout_ms": timeout_ms})
        assert reply.status == "Ok"


@pytest.mark.parametrize("entry", ["__ping__", "health", "db_query", "no_such"])
def test_request_id_is_the_first_key_of_every_reply(client: Client, entry: str) -> None:
    reply = client.call(entry, {"sql": "select 1 as n"}, request_id=5)
    if reply.wire == "json":
        assert reply.raw.startswith(b'{"request_id":5,')
    else:
        # After the map's head, which is one byte, or three or five for a wider one.
        at = {0xDE: 3, 0xDF: 5}.get(reply.raw[0], 1)
        assert reply.raw[at:].startswith(tuple(text + b"\x05" for text in strings("request_id")))


def test_a_reply_names_the_entry_of_its_request(client: Client) -> None:
    for entry in ("__ping__", "health", "no_such"):
        assert client.call(entry).entry == entry


def test_both_wires_may_be_mixed_on_one_connection(client: Client) -> None:
    for i in range(20):
        wire: Wire = "json" if i % 3 else "msgpack"
        client.send("db_query", {"sql": f"select {i} as n"}, wire=wire, codec="json", request_id=i)
    for i in range(20):
        reply = client.reply_to(i)
        assert reply.wire == ("json" if i % 3 else "msgpack")
        assert reply.value["rows"] == [[i]]


@pytest.mark.parametrize("codec", ["json", "msgpack"])
@pytest.mark.parametrize("result_format", ["json", "msgpack"])
def test_codecs_of_payload_and_result_are_independent_of_the_wire(
    client: Client, codec: str, result_format: str
) -> None:
    payload = {"sql": "select 'Zoë' as v", "result_format": result_format}
    reply = client.call("db_query", payload, codec=codec)
    assert reply.codec == result_format
    assert reply.value == {"columns": ["v"], "rows": [["Zoë"]], "row_count": 1}


def test_a_payload_that_is_missing_is_empty(client: Client, wire: Wire) -> None:
    for payload in (None, b""):
        client.send_body(encode_body(wire, envelope(wire, 7, "health", 0, "raw", payload)))
        assert client.receive().status == "Ok"
    client.send_body(encode_body(wire, envelope(wire, 8, "db_query", 0, "json", None)))
    assert client.receive().status == "InvalidInput"


def test_json_may_be_written_with_blanks_and_escapes(client: Client) -> None:
    text = json.dumps(PING, indent=2).replace("__ping__", "\\u005f_ping\\u005f_")
    client.send_body(text.encode() + b" \r\n\t")
    reply = client.receive()
    assert (reply.request_id, reply.status, reply.wire) == (7, "Ok", "json")


@pytest.mark.parametrize(("depth", "status"), [(50, "Ok"), (100, "InvalidInput")])
@pytest.mark.parametrize("kind", ["array", "map"])
def test_nesting_is_accepted_up_to_a_depth_of_64(
    client: Client, wire: Wire, depth: int, status: str, kind: str
) -> None:
    value: object = 1
    for _ in range(depth):
        value = [value] if kind == "array" else {"x": value}
    client.send_body(encode_body(wire, PING | {"x": value}))
    assert client.receive().status == status
    client.ping()


BOMBS = {
    "nested arrays of MsgPack": b"\x81\xa1x" + b"\x91" * 1_000_000,
    "nested maps of MsgPack": b"\x81\xa1x" + b"\x81\xa1x" * 300_000,
    "nested arrays after all fields": b"\x85" + pack(PING)[1:] + b"\xa1x" + b"\x91" * 1_000_000,
    "nested arrays of JSON": b'{"x":' + b"[" * 1_000_000,
    "nested arrays of JSON, closed": b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "nested objects of JSON": b'{"x":' * 200_000,
    "counted arrays in arrays": b"\x81\xa1x" + b"\xdd\xff\xff\xff\xff" * 1000,
    "counted maps in maps": b"\x81\xa1x" + b"\xdf\xff\xff\xff\xff\xa1x" * 1000,
    "a binary of 4 GiB": b"\x81\xa1x\xc6\xff\xff\xff\xff",
    "a million empty arrays": b"\x81\xa1x\xdd\x00\x4c\x4b\x40" + b"\x90" * 10,
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_nested_and_counted_bombs_are_refused(client: Client, bomb: str) -> None:
    client.send_body(BOMBS[bomb])
    reply = client.receive()
    assert reply.status == "InvalidInput"
    assert reply.request_id in (0, 7)
    assert reply.wire == ("json" if BOMBS[bomb][:1] == b"{" else "msgpack")
    client.ping()


@pytest.mark.parametrize("bomb", [b"\x91" * 1_000_000, b"[" * 1_000_000, b"\xdd\xff\xff\xff\xff"])
@pytest.mark.parametrize("codec", ["msgpack", "json"])
def test_bombs_in_a_payload_are_refused_with_the_requests_id(
    client: Client, bomb: bytes, codec: str
) -> None:
    reply = client.call("db_query", bomb, codec=codec, request_id=9)
    assert (reply.request_id, reply.status) == (9, "InvalidInput")
    client.ping()


def test_bodies_that_are_none_leave_other_requests_alone(client: Client, wire: Wire) -> None:
    running = client.send("db_query", {"sql": ENDLESS})
    bad = [b"", b"\xc1", b"{", pack([]), encode_body(wire, {"request_id": "x"})]
    good = [client.encode("__ping__", request_id=1000 + i) for i in range(len(bad))]
    mixed = zip(map(frame, bad), good, strict=True)
    client.channel.send(b"".join(itertools.chain.from_iterable(mixed)))
    replies = [client.receive() for _ in range(2 * len(bad))]
    assert sum(reply.status == "InvalidInput" for reply in replies) == len(bad)
    assert {reply.request_id for reply in replies if reply.status == "Ok"} == {
        1000 + i for i in range(len(bad))
    }
    client.cancel(running)
    assert client.reply_to(running).status == "Cancelled"


def test_an_id_in_flight_is_refused_and_the_first_request_goes_on(client: Client) -> None:
    client.send("db_query", {"sql": ENDLESS}, request_id=5)
    second = client.call("db_query", {"sql": "select 1 as n"}, request_id=5)
    assert (second.request_id, second.status) == (5, "InvalidInput")
    client.send("__cancel__", {"request_id": 5}, request_id=6)
    assert client.reply_to(5).status == "Cancelled"
    assert client.reply_to(6).status == "Ok"
    assert client.call("db_query", {"sql": "select 1 as n"}, request_id=5).status == "Ok"


def test_two_connections_may_use_the_same_id(client: Client, socket_client: Client) -> None:
    client.send("db_query", {"sql": ENDLESS}, request_id=5)
    assert socket_client.call("db_query", {"sql": "select 1 as n"}, request_id=5).status == "Ok"
    client.cancel(5)
    assert client.reply_to(5).status == "Cancelled"
