"""Results part by part, as a synchronous and an asynchronous iterator."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar

from ._errors import ClosedError, InvalidQueryError

if TYPE_CHECKING:
    from ._molt import Pending, Query, ResultSet  # noqa: F401 (named in a base class below)

P = TypeVar("P")


class Parts(Protocol[P]):
    """What is read part by part, once it has begun."""

    def next(self, timeout: float | None = None) -> Pending[P | None]:
        """The next part, or None after the last."""
        ...

    def close(self) -> None:
        """Ends it. May be called again."""
        ...


class PartStream(Generic[P]):
    """What all streams are: begun by the first part asked for, iterated once, closed early or not.

    `timeout` (seconds) counts for the whole stream, from the first part asked for.
    """

    def __init__(self, timeout: float | None) -> None:
        self._timeout = timeout
        self._deadline: float | None = None
        self._parts: Parts[P] | None = None
        self._closed = False
        self._exhausted = False
        self._turn = threading.Lock()  # held while a batch is read

    def _begin(self, timeout: float | None) -> Pending[Any]:
        """Gives Parts[P]."""
        raise NotImplementedError

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

    def _keep(self, parts: Parts[P]) -> Parts[P]:
        if self._closed:  # while it was begun
            parts.close()
            raise ClosedError("the stream is closed")
        self._parts = parts
        return parts

    def _end(self) -> None:
        self._exhausted = True
        self._drop()

    def _drop(self) -> None:
        parts, self._parts = self._parts, None
        if parts is not None:
            parts.close()

    def close(self) -> None:
        """Ends what runs and gives its connection back. May be called again."""
        self._closed = True
        self._drop()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> P:
        self._take_turn()
        try:
            left = self._remaining()
            if self._exhausted:
                raise StopIteration
            parts = self._parts
            if parts is None:
                parts = self._keep(self._begin(left).result())
                left = self._remaining()
            part = parts.next(left).result()
            if part is None:
                self._end()
                raise StopIteration
            return part
        except StopIteration:
            raise
        except BaseException:
            self.close()
            raise
        finally:
            self._turn.release()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> P:
        self._take_turn()
        try:
            left = self._remaining()
            if self._exhausted:
                raise StopAsyncIteration
            parts = self._parts
            if parts is None:
                parts = self._keep(await self._begin(left))
                left = self._remaining()
            part = await parts.next(left)
            if part is None:
                self._end()
                raise StopAsyncIteration
            return part
        except StopAsyncIteration:
            raise
        except BaseException:
            self.close()
            raise
        finally:
            self._turn.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()


class Stream(PartStream["ResultSet"]):
    """The rows of a query in batches, at most one of them in memory; from `Query.stream()`.

    Iterate once, with `for` or `async for`. Leaving the loop early leaves the query open until the
    stream is closed or collected: use it in `with` or `async with` then. `timeout` (seconds)
    counts for the whole stream, from the first batch asked for.
    """

    def __init__(self, query: Query, batch_rows: int | None, timeout: float | None) -> None:
        super().__init__(timeout)
        self._query = query
        self._batch_rows = batch_rows

    def _begin(self, timeout: float | None) -> Pending[Any]:
        return self._query._open(self._batch_rows, timeout)
