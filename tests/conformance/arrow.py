"""Arrow payloads as pyarrow reads them, whose types are not for type checkers."""

# Pyarrow is not typed, so:
# pyright: basic
from __future__ import annotations

from typing import Any

import pyarrow
from pyarrow import ipc


def arrow_table(payload: bytes) -> Any:
    """All of the payload must be one stream, with its end."""
    source = pyarrow.BufferReader(payload)
    with ipc.open_stream(source) as reader:
        table = reader.read_all()
    assert source.tell() == len(payload), "bytes follow the stream's end"
    return table


def arrow_messages(chunk: bytes) -> int:
    """How many whole messages the bytes are; whatever is cut or left over is an error."""
    at = count = 0
    while at < len(chunk):
        assert chunk[at : at + 4] == b"\xff\xff\xff\xff", "a message begins with a continuation"
        if chunk[at + 4 : at + 8] == b"\x00\x00\x00\x00":
            at += 8
            continue
        source = pyarrow.BufferReader(chunk[at:])
        assert ipc.read_message(source) is not None
        at += source.tell()
        count += 1
    assert at == len(chunk)
    return count


def list_type(item: Any) -> Any:
    return pyarrow.list_(item)


def same_type(a: Any, b: Any) -> bool:
    """Whether two types are equal but for the names that lists give their items."""
    if pyarrow.types.is_list(a) and pyarrow.types.is_list(b):
        return same_type(a.value_type, b.value_type)
    if pyarrow.types.is_struct(a) and pyarrow.types.is_struct(b):
        fields = list(zip(a.fields, b.fields, strict=False))
        return len(a.fields) == len(b.fields) and all(
            x.name == y.name and same_type(x.type, y.type) for x, y in fields
        )
    return bool(a == b)
