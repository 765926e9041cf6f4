"""The errors this package raises; all of them are MoltError."""

import builtins


class MoltError(Exception):
    """Anything that went wrong in molt_sql; raised itself only for a bug in it."""


class InvalidQueryError(MoltError, ValueError):
    """The query, a name, a value or an argument is wrong; the message says what and where."""


class UnsupportedError(MoltError):
    """Valid, but this engine lacks it; the message names the feature and the way out."""


class BusyError(MoltError):
    """No free connection, or a lock held by somebody else, within the wait allowed."""


class TimeoutError(MoltError, builtins.TimeoutError):
    """The deadline passed; the query was stopped."""


class CancelledError(MoltError):
    """The query was stopped because the caller asked for it."""


class DatabaseError(MoltError):
    """The engine failed: I/O, a damaged file, a violated constraint.

    `code` is the engine's own name of the error, such as SQLITE_CONSTRAINT_UNIQUE, or "".
    """

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code

    def __reduce__(self) -> tuple[type["DatabaseError"], tuple[str, str]]:
        return type(self), (str(self), self.code)


class WorkerUnavailableError(MoltError):
    """No worker answers, or it went away while it had the request; a write may have been done."""


class ProtocolError(MoltError):
    """The other side answered something that is no answer: another program, or a newer version."""


class ClosedError(MoltError):
    """The database or stream was closed, or belongs to the parent of this process."""
