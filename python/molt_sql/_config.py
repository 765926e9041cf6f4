"""Connecting, and the database that queries use when they name none."""

import os
import threading
import typing

from ._errors import InvalidQueryError
from ._molt import Database

_lock = threading.Lock()
_default: Database | None = None


def connect(
    url: str,
    *,
    timeout: float | None = None,
    max_readers: int = 4,
    statement_cache_size: int = 256,
) -> Database:
    """Opens a database.

    `sqlite:///app.db` (relative), `sqlite:////srv/app.db` (absolute) or `sqlite:///:memory:`.
    With `?mode=rwc` a missing file is created, with `?mode=ro` nothing can be written. `timeout`,
    in seconds, is the deadline of requests that have none of their own.
    """
    return Database(
        url,
        timeout=timeout,
        max_readers=max_readers,
        statement_cache_size=statement_cache_size,
    )


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
