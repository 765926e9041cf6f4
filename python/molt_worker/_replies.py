"""What a worker answers: a reply, or one in parts."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from molt_sql import Database, InvalidQueryError, Pending
from molt_sql._molt import _begin_parts
from molt_sql._stream import PartStream

_WINDOW_MAX = 1024


@dataclasses.dataclass(frozen=True, slots=True)
class Reply:
    """What a worker answered, or a part of it."""

    codec: str
    """Of the payload: json, msgpack, arrow_ipc or raw."""
    payload: bytes
    metrics: dict[str, int | str]
    """What the worker says of how it went: queue_us, handler_us, exec_us, … Of a stream's parts only
    the last has them."""

    def json(self) -> Any:
        """The payload's value. InvalidQueryError if it is not JSON."""
        if self.codec != "json":
            raise InvalidQueryError(f"the reply is {self.codec}, not json; its bytes are .payload")
        return json.loads(self.payload)


def reply_of(parts: tuple[str, bytes, dict[str, int | str]]) -> Reply:
    """From what the client in C++ gives."""
    return Reply(*parts)


class ReplyStream(PartStream[Reply]):
    """A reply in parts, as they come; from `Client.stream()`.

    Iterate once, with `for` or `async for`. The parts' payloads one after the other are the payload
    of the whole; that of the last part may be empty. Leaving the loop early leaves the worker busy
    until the stream is closed or collected: use it in `with` or `async with` then. An error may come
    at any part; what came before is then no result, but a beginning of one.
    """

    def __init__(
        self,
        database: Database,
        entry: str,
        payload: bytes,
        codec: str,
        retries: bool,
        window: int,
        timeout: float | None,
    ) -> None:
        super().__init__(timeout)
        if not 1 <= window <= _WINDOW_MAX:
            raise InvalidQueryError(f"window must be from 1 to {_WINDOW_MAX}")
        self._database = database
        self._request = (entry, payload, codec, retries, window)

    def _begin(self, timeout: float | None) -> Pending[Any]:
        return _begin_parts(self._database, *self._request, reply_of, timeout)
