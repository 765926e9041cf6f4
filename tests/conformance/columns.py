"""The result format "columns" and encoded values, as the contract's page has them, and nothing of ours.

Cells of types that Python has no plain value for are tuples that begin with the type's name.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

from conformance.codec import ProtocolViolation

MAGIC = b"MOLTCOL\x01"
KINDS = ["null", "bool", "int64", "float64", "utf8", "binary", "date", "time", "timestamp", "decimal", "uuid", "interval", "timetz", "json", "inet", "other", "list", "range"]
FIXED = {
    "int16": "<h",
    "int32": "<i",
    "int64": "<q",
    "float32": "<f",
    "float64": "<d",
    "date": "<i",
    "time": "<q",
    "timestamp": "<q",
    "timestamptz": "<q",
}
PLAIN = {"int16", "int32", "int64", "float32", "float64"}
TEXTS = {"utf8", "decimal", "timetz", "json", "inet", "other"}
NO_CELLS = {"unknown", "null"}


@dataclass(frozen=True)
class Type:
    name: str
    precision: int = 0
    scale: int = 0
    is_network: bool = False
    other_name: str = ""
    element: Type | None = None


@dataclass(frozen=True)
class Field:
    name: str
    nullable: bool
    type: Type


class Reader:
    """Of all bytes of a result; what is missing or wrong is a violation."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def is_at_end(self) -> bool:
        return self._at == len(self._data)

    def take(self, size: int) -> bytes:
        found = self._data[self._at : self._at + size]
        if len(found) < size:
            raise ProtocolViolation(
                f"{size} bytes are promised at {self._at}, {len(found)} are there"
            )
        self._at += size
        return found

    def number(self, form: str) -> Any:
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def flag(self) -> bool:
        value = self.number("<B")
        if value not in (0, 1):
            raise ProtocolViolation(f"a flag is {value}")
        return bool(value)

    def bytes(self) -> bytes:
        return self.take(self.number("<I"))

    def text(self) -> str:
        return self.bytes().decode()

    def type(self) -> Type:
        name, precision, scale = self.text(), self.number("<B"), self.number("<B")
        is_network, other, has_element = self.flag(), self.text(), self.flag()
        if has_element != (name in ("list", "range")):
            raise ProtocolViolation(f"a type {name} with element: {has_element}")
        return Type(name, precision, scale, is_network, other, self.type() if has_element else None)

    def value(self) -> Any:
        kind = KINDS[self.number("<B")]
        match kind:
            case "null":
                return None
            case "bool":
                return self.flag()
            case "int64":
                return self.number("<q")
            case "float64":
                return self.number("<d")
            case "utf8":
                return self.text()
            case "binary":
                return self.bytes()
            case "date":
                return kind, self.number("<i")
            case "time":
                return kind, self.number("<q")
            case "timestamp":
                micros = self.number("<q")
                return ("timestamptz" if self.flag() else kind), micros
            case "uuid":
                return kind, self.take(16)
            case "interval":
                return kind, self.number("<i"), self.number("<i"), self.number("<q")
            case "timetz":
                return kind, self.number("<q"), self.number("<i")
            case "inet":
                return kind, self.text(), self.flag()
            case "list":
                bounds = [self.number("<i") for _ in range(self.number("<I"))]
                return kind, bounds, [self.value() for _ in range(self.number("<I"))]
            case "range":
                return kind, self.number("<B"), self.value(), self.value()
            case _:
                return kind, self.text()

    def column(self) -> list[Any]:
        type_ = self.type()
        length, null_count, is_mixed = self.number("<q"), self.number("<q"), self.flag()
        if is_mixed:
            return [self.value() for _ in range(length)]
        validity, offsets, data = self.bytes(), self.bytes(), self.bytes()
        children = [self.column() for _ in range(self.number("<I"))]
        if validity:
            valid = [bool(validity[row // 8] >> row % 8 & 1) for row in range(length)]
        else:
            valid = [null_count == 0] * length
        if valid.count(False) != null_count:
            raise ProtocolViolation(f"{null_count} nulls are promised, {valid.count(False)} there")
        cells = _cells(type_, length, offsets, data, children)
        return [cell if is_valid else None for cell, is_valid in zip(cells, valid, strict=True)]


def _cells(
    type_: Type, length: int, offsets: bytes, data: bytes, children: list[list[Any]]
) -> list[Any]:
    name = type_.name
    if name in NO_CELLS or length == 0:
        return [None] * length
    if name == "bool":
        return [bool(data[row // 8] >> row % 8 & 1) for row in range(length)]
    if form := FIXED.get(name):
        cells = struct.unpack(f"<{length}{form[1]}", data[: length * struct.calcsize(form)])
        return list(cells) if name in PLAIN else [(name, cell) for cell in cells]
    if name == "decimal128":
        wholes = (
            int.from_bytes(data[at : at + 16], "little", signed=True)
            for at in range(0, length * 16, 16)
        )
        return [("decimal128", whole, type_.scale) for whole in wholes]
    if name == "uuid":
        return [("uuid", data[at : at + 16]) for at in range(0, length * 16, 16)]
    if name == "interval":
        found = struct.iter_unpack("<iiq", data[: length * 16])
        return [("interval", months, days, nanos // 1000) for months, days, nanos in found]
    ends = struct.unpack(f"<{length + 1}i", offsets[: 4 * (length + 1)])
    if name == "list":
        (items,) = children
        return [items[ends[row] : ends[row + 1]] for row in range(length)]
    parts = [data[ends[row] : ends[row + 1]] for row in range(length)]
    if name == "binary":
        return list(parts)
    if name in TEXTS:
        texts = [part.decode() for part in parts]
        return texts if name == "utf8" else [(name, text) for text in texts]
    raise ProtocolViolation(f"a column of type {name} that is not mixed")


def decode_columns(data: bytes) -> tuple[list[Field], list[list[tuple[Any, ...]]]]:
    """Fields, and the rows of each batch."""
    reader = Reader(data)
    if reader.take(len(MAGIC)) != MAGIC:
        raise ProtocolViolation("it does not begin with the magic")
    fields = [
        Field(reader.text(), reader.flag(), reader.type()) for _ in range(reader.number("<I"))
    ]
    batches = []
    while not reader.is_at_end:
        rows = reader.number("<q")
        columns = [reader.column() for _ in fields]
        if any(len(column) != rows for column in columns):
            raise ProtocolViolation("a column is not as long as its batch")
        batches.append(list(zip(*columns, strict=True)) if columns else [()] * rows)
    return fields, batches


def _text(text: str | bytes) -> bytes:
    data = text.encode() if isinstance(text, str) else text
    return struct.pack("<I", len(data)) + data


def encode_value(value: Any) -> bytes:
    """The same forms as Reader.value() gives."""
    match value:
        case None:
            return b"\0"
        case bool():
            return struct.pack("<BB", 1, value)
        case int():
            return struct.pack("<Bq", 2, value)
        case float():
            return struct.pack("<Bd", 3, value)
        case str():
            return b"\x04" + _text(value)
        case bytes():
            return b"\x05" + _text(value)
        case ("date", days):
            return struct.pack("<Bi", 6, days)
        case ("time", micros):
            return struct.pack("<Bq", 7, micros)
        case ("timestamp" | "timestamptz" as name, micros):
            return struct.pack("<BqB", 8, micros, name == "timestamptz")
        case ("uuid", data):
            return b"\x0a" + data
        case ("interval", months, days, micros):
            return struct.pack("<Biiq", 11, months, days, micros)
        case ("timetz", micros, east):
            return struct.pack("<Bqi", 12, micros, east)
        case ("inet", text, is_network):
            return b"\x0e" + _text(text) + struct.pack("<B", is_network)
        case ("list", bounds, items):
            head = struct.pack(f"<BI{len(bounds)}iI", 16, len(bounds), *bounds, len(items))
            return head + b"".join(map(encode_value, items))
        case ("range", flags, lower, upper):
            return struct.pack("<BB", 17, flags) + encode_value(lower) + encode_value(upper)
        case (name, text):
            return struct.pack("<B", KINDS.index(name)) + _text(text)
    raise AssertionError(f"no value: {value!r}")


def encoded(*values: Any) -> dict[str, Any]:
    """Of db_query and db_exec: `params`."""
    return {"mode": "encoded", "values": b"".join(map(encode_value, values))}


def param_sets(*sets: list[Any]) -> bytes:
    """Of db_exec."""
    return b"".join(struct.pack("<I", len(one)) + b"".join(map(encode_value, one)) for one in sets)
