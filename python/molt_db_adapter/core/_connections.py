"""Databases by URL, opened when they are first needed."""

import threading

import molt_sql
from molt_sql import Database


class Connections:
    """One Database for each URL and its options, shared by all threads.

    Nothing is opened before it is asked for. What could not be opened is tried again the next time.
    After a fork the child's databases open connections of their own.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._databases: dict[tuple[str, bool], Database] = {}

    def get(self, url: str, *, allow_superuser: bool = False) -> Database:
        """Raises what molt_sql.connect raises."""
        key = (url, allow_superuser)
        found = self._databases.get(key)
        if found is not None:
            return found
        with self._lock:
            found = self._databases.get(key)
            if found is None:
                found = molt_sql.connect(url, allow_superuser=allow_superuser)
                self._databases[key] = found
            return found

    def close(self) -> None:
        """Closes all; they are opened again when they are asked for."""
        with self._lock:
            for database in self._databases.values():
                database.close()
            self._databases.clear()
