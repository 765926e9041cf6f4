"""Frames and envelopes as docs/spec/0915_MOLT_DB_IPC_CONTRACT.md has them, and nothing of ours.

Written from that page alone, so that a mistake which worker and clients of this project share is
seen here. It is strict where the page is: a reply that breaks a rule is a ProtocolViolation.
"""

# Msgpack is not typed, so:
# pyright: basic
from __future__ import annotations

import base64
import json
import struct
from dataclasses import dataclass
from typing import Any, Literal

import msgpack

Wire = Literal["msgpack", "json"]
WIRES: tuple[Wire, Wire] = ("msgpack", "json")

FRAME_BYTES_MAX = 67_108_864
STATUSES = frozenset({"Ok", "InvalidInput", "Busy", "Timeout", "Cancelled", "InternalError"})
CODECS = frozenset({"msgpack", "json", "arrow_ipc", "raw"})
TEXT_METRICS = frozenset({"db_alias", "db_tag", "db_result_format"})
METRICS = frozenset(
    [
        "queue_us",
        "handler_us",
        "exec_us",
        "decode_us",
        "queue_ms",
        "exec_ms",
        "queue_depth",
        "pool_in_flight",
        "pool_idle",
        "payload_bytes",
    ]
)
REPLY_KEYS = {"request_id", "status", "codec", "metrics", "entry", "compiled"}


class ProtocolViolation(AssertionError):  # noqa: N818 (it is what pytest shows)
    """A peer sent what the page does not allow."""


def frame(body: bytes) -> bytes:
    return struct.pack("<I", len(body)) + body


def pack(value: object) -> bytes:
    return bytes(msgpack.packb(value) or b"")


def unpack(data: bytes) -> Any:
    """One value, all of the bytes; keys that repeat are a violation."""
    return msgpack.unpackb(data, object_pairs_hook=_unique, strict_map_key=True)


def to_json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def from_json(data: bytes) -> Any:
    return json.loads(data, object_pairs_hook=_unique, parse_constant=_no_constant)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ProtocolViolation(f"a key comes twice: {[key for key, _ in pairs]}")
    return found


def _no_constant(text: str) -> Any:
    raise ProtocolViolation(f"{text} is no JSON")


def encode(value: object, codec: str) -> bytes:
    """A payload; bytes are themselves, whatever the codec."""
    if isinstance(value, bytes):
        return value
    return pack(value) if codec == "msgpack" else to_json(value)


def decode(data: bytes, codec: str) -> Any:
    match codec:
        case "msgpack":
            return unpack(data)
        case "json":
            return from_json(data)
        case _:
            return data


def envelope(
    wire: Wire, request_id: int, entry: str, timeout_ms: int, codec: str, payload: bytes | None
) -> dict[str, Any]:
    """A request as a map; without its payload key if that is None."""
    body: dict[str, Any] = {
        "request_id": request_id,
        "entry": entry,
        "timeout_ms": timeout_ms,
        "codec": codec,
    }
    if payload is not None and wire == "msgpack":
        body["payload"] = payload
    elif payload is not None:
        body["payload_b64"] = base64.b64encode(payload).decode()
    return body


def encode_body(wire: Wire, body: dict[str, Any]) -> bytes:
    return pack(body) if wire == "msgpack" else to_json(body)


@dataclass(frozen=True)
class Reply:
    """What a worker answered."""

    wire: Wire
    request_id: int
    status: str
    codec: str
    payload: bytes
    metrics: dict[str, Any]
    error: str
    entry: str
    compiled: int
    seq: int | None
    more: bool | None
    raw: bytes
    """The body as it came."""

    @property
    def value(self) -> Any:
        """The payload, decoded; an error of the worker is an error here."""
        assert self.status == "Ok", f"{self.entry}: {self.status}: {self.error}"
        return decode(self.payload, self.codec)

    @property
    def is_last(self) -> bool:
        return not self.more


def decode_reply(data: bytes) -> Reply:
    """Raises ProtocolViolation for whatever the page's grammar does not have."""
    wire: Wire = "json" if data[:1] == b"{" else "msgpack"
    body = from_json(data) if wire == "json" else unpack(data)
    _require(isinstance(body, dict), "the body is a map", body)
    _require(next(iter(body), None) == "request_id", "request_id is the first key", list(body))
    _require(body.keys() >= REPLY_KEYS, "the required keys are there", list(body))
    reply = Reply(
        wire=wire,
        request_id=body["request_id"],
        status=body["status"],
        codec=body["codec"],
        payload=_payload(wire, body),
        metrics=body["metrics"],
        error=body.get("error") or "",
        entry=body["entry"],
        compiled=body["compiled"],
        seq=body.get("seq"),
        more=body.get("more"),
        raw=data,
    )
    _check(reply)
    return reply


def _payload(wire: Wire, body: dict[str, Any]) -> bytes:
    other, own = ("payload", "payload_b64") if wire == "json" else ("payload_b64", "payload")
    _require(other not in body, f"{other} is not of the {wire} wire", list(body))
    payload = body.get(own, "" if wire == "json" else b"")
    if wire == "json":
        _require(isinstance(payload, str), "payload_b64 is text", payload)
        return base64.b64decode(payload, validate=True)
    _require(isinstance(payload, bytes), "payload is binary", payload)
    return bytes(payload)


def _check(reply: Reply) -> None:
    _require(is_unsigned(reply.request_id, 64), "request_id is a u64", reply.request_id)
    _require(reply.status in STATUSES, "a status of the table", reply.status)
    _require(reply.codec in CODECS, "a codec of the list", reply.codec)
    _require(isinstance(reply.error, str), "error is text", reply.error)
    _require(isinstance(reply.entry, str), "entry is text", reply.entry)
    _require(type(reply.compiled) is int and reply.compiled in (0, 1), "compiled is 0 or 1", reply)
    _require(reply.seq is None or is_unsigned(reply.seq, 32), "seq is a u32", reply.seq)
    _require(reply.more is None or isinstance(reply.more, bool), "more is a boolean", reply.more)
    _require(isinstance(reply.metrics, dict), "metrics is a map", reply.metrics)
    for name, value in reply.metrics.items():
        ok = isinstance(value, str) if name in TEXT_METRICS else is_unsigned(value, 64)
        _require(ok, f"metric {name} has its type", value)
    if reply.status == "Ok":
        _require(reply.error == "", "Ok has no error", reply.error)
    else:
        _require(reply.error != "", f"{reply.status} has an error", reply)
        _require(reply.codec == "raw", f"{reply.status} has the codec raw", reply.codec)
        _require(reply.payload == b"", f"{reply.status} has no payload", reply.payload)


def is_unsigned(value: object, bits: int) -> bool:
    return type(value) is int and 0 <= value < 2**bits


def _require(condition: bool, rule: str, got: object) -> None:
    if not condition:
        raise ProtocolViolation(f"the page says: {rule}; got {got!r}")
