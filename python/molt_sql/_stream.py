"""Rows in batches, as a synchronous and an asynchronous iterator."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from ._errors import ClosedError, InvalidQueryError

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
        self._exhausted = False
        self._turn = threading.Lock()  # held while a batch is read

    def _take_turn(self) -> None:
        if not self._turn.acquire(blocking=False):
            raise InvalidQueryError(
                "the stream is read by two callers at once; give each its own stream"
            )

    def _remaining(self) -> float | None:
        if self._closed:
            raise ClosedError("the stream is closed")
        if self._timeout is None:
            return None
        now = time.monotonic()
        if self._deadline is None:
            self._deadline = now + self._timeout
        return max(self._deadline - now, 0.0)

    def _keep(self, cursor: _Cursor) -> _Cursor:
        if self._closed:  # while it was opened
            cursor.close()
            raise ClosedError("the stream is closed")
        self._cursor = cursor
        return cursor

    def _end(self) -> None:
        self._exhausted = True
        self._drop()

    def _drop(self) -> None:
        cursor, self._cursor = self._cursor, None
        if cursor is not None:
            cursor.close()

    def close(self) -> None:
        """Ends the query and gives its connection back. May be called again."""
        self._closed = True
        self._drop()

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> ResultSet:
        self._take_turn()
        try:
            left = self._remaining()
            if self._exhausted:
                raise StopIteration
            cursor = self._cursor
            if cursor is None:
                cursor = self._keep(self._query._open(self._batch_rows, left).result())
                left = self._remaining()
            batch = cursor.next(left).result()
            if batch is None:
                self._end()
                raise StopIteration
            return batch
        except StopIteration:
            raise
        except BaseException:
            self.close()
            raise
        finally:
            self._turn.release()

    def __aiter__(self) -> Stream:
        return self

    async def __anext__(self) -> ResultSet:
        self._take_turn()
        try:
            left = self._remaining()
            if self._exhausted:
                raise StopAsyncIteration
            cursor = self._cursor
            if cursor is None:
                cursor = self._keep(await self._query._open(self._batch_rows, left))
                left = self._remaining()
            batch = await cursor.next(left)
            if batch is None:
                self._end()
                raise StopAsyncIteration
            return batch
        except StopAsyncIteration:
            raise
        except BaseException:
            self.close()
            raise
        finally:
            self._turn.release()

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Stream:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()
