"""Connecting, and the database that queries use when they name none."""

import os
import threading
import typing

from ._errors import InvalidQueryError, MoltError
from ._molt import Database
from ._worker import WORKER, worker_binary

_lock = threading.Lock()
_default: Database | None = None


def connect(
    url: str,
    *,
    timeout: float | None = None,
    max_readers: int = 4,
    statement_cache_size: int = 256,
    max_connections: int = 10,
    min_connections: int = 0,
    connect_timeout: float = 10.0,
    max_wait: float = 30.0,
    max_idle: float = 600.0,
    max_lifetime: float = 3600.0,
    allow_superuser: bool = False,
) -> Database:
    """Opens a database. All times are in seconds.

    SQLite: `sqlite:///app.db` (relative), `sqlite:////srv/app.db` (absolute) or
    `sqlite:///:memory:`. With `?mode=rwc` a missing file is created, with `?mode=ro` nothing can be
    written. `max_readers` connections read at a time.

    PostgreSQL: all that libpq takes, so `postgresql://user:password@host:5432/database?sslmode=…`,
    several hosts, or `host=… dbname=…`; what is left out comes from `PG*` variables, service files
    and `.pgpass`. Between `min_connections` and `max_connections` are kept; a request waits
    `max_wait` for one and then fails with BusyError. One is closed after `max_idle` without use, or
    `max_lifetime` in all. `statement_cache_size=0` is for poolers such as PgBouncer in transaction
    mode. Reads as a superuser are refused unless `allow_superuser` is set.

    Through a worker: `molt+unix:///run/molt.sock?alias=reports` is a database of the worker that
    listens there, `molt+stdio:URL` that of the URL behind a worker which is started, and owned, by
    this process. Transactions, bulk inserts and parallel reads need the database itself.

    `timeout` is the deadline of requests that have none of their own.
    """
    try:
        return Database(
            url,
            timeout=timeout,
            max_readers=max_readers,
            statement_cache_size=statement_cache_size,
            max_connections=max_connections,
            min_connections=min_connections,
            connect_timeout=connect_timeout,
            max_wait=max_wait,
            max_idle=max_idle,
            max_lifetime=max_lifetime,
            allow_superuser=allow_superuser,
            worker_binary=worker_binary() if url.startswith("molt+stdio:") else WORKER,
        )
    except MoltError:
        # Error reporters show the variables of each frame, and this one may hold a password.
        del url
        raise


@typing.overload
def configure(database: str | Database, *, timeout: float | None = None) -> Database: ...
@typing.overload
def configure(database: None) -> None: ...
def configure(database: str | Database | None, *, timeout: float | None = None) -> Database | None:
    """Sets the database of queries without `.on(db)`: a URL, a Database, or None for none."""
    global _default
    opened = connect(database, timeout=timeout) if isinstance(database, str) else database
    with _lock:
        _default = opened
    return opened


def default_database() -> Database:
    """The configured database, else that of the environment variable DATABASE_URL."""
    global _default
    with _lock:
        if _default is None:
            url = os.environ.get("DATABASE_URL")
            if not url:
                raise InvalidQueryError(
                    "no database to run on: use query.on(connect(url)), call "
                    "molt_sql.configure(url), or set DATABASE_URL"
                )
            _default = connect(url)
        return _default
