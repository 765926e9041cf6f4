"""Rows in batches, as a synchronous and an asynchronous iterator."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ._errors import ClosedError

if TYPE_CHECKING:
    from ._molt import Query, ResultSet, _Cursor


class Stream:
    """The rows of a query in batches, at most one of them in memory; from `Query.stream()`.

    Iterate once, with `for` or `async for`. Leaving the loop early leaves the query open until the
    stream is closed or collected: use it in `with` or `async with` then. `timeout` (seconds)
    counts for the whole stream, from the first batch asked for.
    """

    def __init__(self, query: Query, batch_rows: int, timeout: float | None) -> None:
        self._query = query
        self._batch_rows = batch_rows
        self._timeout = timeout
        self._deadline: float | None = None
        self._cursor: _Cursor | None = None
        self._closed = False

    def _remaining(self) -> float | None:
        if self._closed:
            raise ClosedError("the stream is closed")
        if self._timeout is None:
            return None
        now = time.monotonic()
        if self._deadline is None:
            self._deadline = now + self._timeout
        return max(self._deadline - now, 0.0)

    def close(self) -> None:
        """Ends the query and gives its connection back. May be called again."""
        self._closed = True
        if self._cursor is not None:
            self._cursor.close()
            self._cursor = None

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> ResultSet:
        remaining = self._remaining()
        try:
            if self._cursor is None:
                self._cursor = self._query._open(self._batch_rows, remaining).result()
            batch = self._cursor.next(remaining).result()
        except BaseException:
            self.close()
            raise
        if batch is None:
            self._cursor.close()
            raise StopIteration
        return batch

    def __aiter__(self) -> Stream:
        return self

    async def __anext__(self) -> ResultSet:
        remaining = self._remaining()
        try:
            if self._cursor is None:
                self._cursor = await self._query._open(self._batch_rows, remaining)
            batch = await self._cursor.next(remaining)
        except BaseException:
            self.close()
            raise
        if batch is None:
            self._cursor.close()
            raise StopAsyncIteration
        return batch

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Stream:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()
