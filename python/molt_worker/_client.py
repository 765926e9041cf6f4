"""One worker."""

import json
import threading
import typing
from collections.abc import Mapping

from molt_sql import Database, InvalidQueryError, Pending
from molt_sql import connect as connect_database
from molt_sql._molt import _call_entry, _worker_process

from ._replies import Reply, ReplyStream, reply_of

# What may have had an effect is not sent a second time.
_WRITES = frozenset({"db_exec"})


def _encoded(payload: Mapping[str, typing.Any] | None) -> bytes:
    return b"" if payload is None else json.dumps(payload).encode()


def _sent_again(entry: str, retries: bool | None) -> bool:
    return entry not in _WRITES if retries is None else retries


def _value(parts: tuple[str, bytes, dict[str, int | str]]) -> typing.Any:
    return json.loads(parts[1]) if parts[0] == "json" else parts[1]


class Client:
    """Any number of requests may be under way at a time, of any thread and event loop.

    It connects again when the worker was restarted, and starts the worker anew if it is its own. A
    request that the worker went away with is sent once more, unless it writes. After a fork the
    child has a connection, or a worker, of its own.
    """

    def __init__(
        self, url: str, *, timeout: float | None = None, connect_timeout: float = 10.0
    ) -> None:
        if not url.startswith(("molt+unix:", "molt+stdio:")):
            raise InvalidQueryError(
                "a worker's URL is molt+unix:///path/of.sock, or molt+stdio: for a worker of one's "
                "own"
            )
        if "alias=" in url:
            raise InvalidQueryError(
                "a client is for all databases of the worker; name one with .database(alias)"
            )
        self._is_own = url.startswith("molt+stdio:")
        # A worker that was given one database by its URL has it under this name.
        self._serves_url = self._is_own and url not in ("molt+stdio:",) and "?config=" not in url
        options = url if self._serves_url else url + ("&" if "?" in url else "?") + "alias="
        self._url = url
        self._connect_timeout = connect_timeout
        self._database = connect_database(options, timeout=timeout, connect_timeout=connect_timeout)
        self._lock = threading.Lock()
        self._databases: dict[str, Database] = {}

    @property
    def url(self) -> str:
        """The URL, without a password."""
        return self._database.url

    @property
    def pid(self) -> int | None:
        """Of the worker that was started; None if it was not, or is gone."""
        process = _worker_process(self._database)
        return process if process > 0 else None

    def call(
        self,
        entry: str,
        payload: Mapping[str, typing.Any] | None = None,
        *,
        timeout: float | None = None,
        retries: bool | None = None,
    ) -> Pending[typing.Any]:
        """Calls an entry with a JSON payload; gives the value of a JSON reply, else its bytes.

        `timeout` is in seconds. `retries`: whether it may be sent a second time if the worker went
        away with it; all but db_exec are, if nothing is said.
        """
        return self._send(entry, _encoded(payload), "json", _value, timeout, retries)

    def request(
        self,
        entry: str,
        payload: bytes = b"",
        codec: str = "raw",
        *,
        timeout: float | None = None,
        retries: bool | None = None,
    ) -> Pending[Reply]:
        """The same with a payload that is encoded already, and the whole reply."""
        return self._send(entry, payload, codec, reply_of, timeout, retries)

    def _send(
        self,
        entry: str,
        payload: bytes,
        codec: str,
        convert: typing.Any,
        timeout: float | None,
        retries: bool | None,
    ) -> Pending[typing.Any]:
        again = _sent_again(entry, retries)
        return _call_entry(self._database, entry, payload, codec, again, convert, timeout)

    def stream(
        self,
        entry: str,
        payload: Mapping[str, typing.Any] | bytes | None = None,
        codec: str = "json",
        *,
        window: int = 4,
        timeout: float | None = None,
        retries: bool | None = None,
    ) -> ReplyStream:
        """The reply in parts, as they come: `for part in …` or `async for part in …`.

        For results of any size: the worker reads no further than `window` parts ahead of what is
        taken here, each about a megabyte; more are kept waiting on neither side. An entry that has
        no parts gives its one reply. `payload` is what call() takes, or bytes that are `codec`.
        `timeout` is for the whole stream. A worker that went away is asked once more only before
        the first part.
        """
        body = payload if isinstance(payload, bytes) else _encoded(payload)
        again = _sent_again(entry, retries)
        return ReplyStream(self._database, entry, body, codec, again, window, timeout)

    def ping(self, *, timeout: float | None = None) -> Pending[typing.Any]:
        """An empty request there and back."""
        return self.request("__ping__", timeout=timeout)

    def hello(self, *, timeout: float | None = None) -> Pending[typing.Any]:
        """What the worker is and serves: protocol, server, entries, aliases, limits."""
        return self.call("__hello__", timeout=timeout)

    def database(self, alias: str = "default") -> Database:
        """One of its databases, for the queries of molt_sql."""
        if self._serves_url:
            if alias != "default":
                raise InvalidQueryError('a worker of molt+stdio:URL has one database, "default"')
            return self._database
        if self._is_own:
            raise InvalidQueryError(
                "a worker on stdio has one client: connect a database of it by "
                f'molt_sql.connect("{self._url}{"&" if "?" in self._url else "?"}alias={alias}")'
            )
        with self._lock:
            if alias not in self._databases:
                separator = "&" if "?" in self._url else "?"
                self._databases[alias] = connect_database(
                    f"{self._url}{separator}alias={alias}", connect_timeout=self._connect_timeout
                )
            return self._databases[alias]

    def close(self) -> None:
        """Later calls raise ClosedError; a worker of its own ends."""
        for database in (*self._databases.values(), self._database):
            database.close()

    def __enter__(self) -> typing.Self:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()

    async def __aenter__(self) -> typing.Self:
        return self

    async def __aexit__(self, *args: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<molt_worker.Client {self.url}>"


def connect(url: str, *, timeout: float | None = None, connect_timeout: float = 10.0) -> Client:
    """Connects to a worker: `molt+unix:///run/molt.sock`, or one that it starts and owns.

    `molt+stdio:` starts one that finds its databases as it does when it is started by hand,
    `molt+stdio:?config=FILE` one with a configuration, and `molt+stdio:URL` one for the database of
    that URL. Times are in seconds; `timeout` is the deadline of requests without one of their own.
    """
    return Client(url, timeout=timeout, connect_timeout=connect_timeout)
