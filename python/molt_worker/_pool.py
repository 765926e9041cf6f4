"""Several workers that serve the same."""

import itertools
import threading
import time
import typing
from collections.abc import Generator, Iterator, Mapping, Sequence

from molt_sql import BusyError, InvalidQueryError, Pending, WorkerUnavailableError

from ._client import Client

_AWAY_S = 1.0  # a worker that did not answer is asked last for so long


class PooledCall:
    """Not yet sent: awaited, or run by `.result()`."""

    def __init__(
        self,
        pool: "MoltPool",
        entry: str,
        payload: Mapping[str, typing.Any] | None,
        timeout: float | None,
        retries: bool | None,
    ) -> None:
        self._pool = pool
        self._entry = entry
        self._payload = payload
        self._timeout = timeout
        self._retries = retries

    def result(self) -> typing.Any:
        """Runs it on this thread, which waits."""
        until = self._pool._until(self._timeout)
        for worker, is_last in self._pool._in_turn():
            try:
                return self._on(worker, until).result()
            except (BusyError, WorkerUnavailableError) as error:
                worker.note(error)
                if is_last:
                    raise
        raise AssertionError("a pool has at least one worker")

    def __await__(self) -> Generator[typing.Any, typing.Any, typing.Any]:
        return self._run().__await__()

    async def _run(self) -> typing.Any:
        until = self._pool._until(self._timeout)
        for worker, is_last in self._pool._in_turn():
            try:
                return await self._on(worker, until)
            except (BusyError, WorkerUnavailableError) as error:
                worker.note(error)
                if is_last:
                    raise
        raise AssertionError("a pool has at least one worker")

    # A busy worker has not begun, and WorkerUnavailableError is raised for what writes only while
    # nothing was sent, so that another worker may always be asked.
    def _on(self, worker: "_Worker", until: float | None) -> Pending[typing.Any]:
        left = None if until is None else max(0.0, until - time.monotonic())
        return worker.client().call(self._entry, self._payload, timeout=left, retries=self._retries)


class _Worker:
    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = threading.Lock()
        self._client: Client | None = None
        self.away_until = 0.0

    def client(self) -> Client:
        with self._lock:
            if self._client is None:
                self._client = Client(self._url)
            return self._client

    def note(self, error: BusyError | WorkerUnavailableError) -> None:
        if isinstance(error, WorkerUnavailableError):
            self.away_until = time.monotonic() + _AWAY_S

    def close(self) -> None:
        with self._lock:
            if self._client is not None:
                self._client.close()


class MoltPool:
    """Calls go to its workers in turn: past those that are busy, and one that does not answer is
    asked last for a while.

    Workers are connected to when they are first needed. A timeout, in seconds, is for the call as a
    whole, however many workers are asked.
    """

    def __init__(self, urls: Sequence[str], *, timeout: float | None = None) -> None:
        if not urls:
            raise InvalidQueryError("a pool needs the URL of at least one worker")
        self._workers = [_Worker(url) for url in urls]
        self._timeout = timeout
        self._turns = itertools.count()

    def call(
        self,
        entry: str,
        payload: Mapping[str, typing.Any] | None = None,
        *,
        timeout: float | None = None,
        retries: bool | None = None,
    ) -> PooledCall:
        """As Client.call, by the next worker that answers."""
        return PooledCall(self, entry, payload, timeout, retries)

    def _in_turn(self) -> Iterator[tuple[_Worker, bool]]:
        start = next(self._turns) % len(self._workers)
        turn = self._workers[start:] + self._workers[:start]
        now = time.monotonic()
        turn.sort(key=lambda worker: worker.away_until > now)
        for worker in turn:
            yield worker, worker is turn[-1]

    def _until(self, timeout: float | None) -> float | None:
        seconds = self._timeout if timeout is None else timeout
        return None if seconds is None else time.monotonic() + seconds

    def close(self) -> None:
        """Closes the clients of all its workers."""
        for worker in self._workers:
            worker.close()

    def __enter__(self) -> typing.Self:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()
