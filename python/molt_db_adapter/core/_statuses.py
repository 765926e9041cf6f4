"""Errors of molt_sql as HTTP has them."""

from dataclasses import dataclass, field

import molt_sql
from molt_sql import MoltError

_RETRY_AFTER_S = 1


@dataclass(frozen=True, slots=True)
class HttpProblem:
    """An answer for a request that failed; the message is safe to show."""

    status: int
    message: str
    headers: dict[str, str] = field(default_factory=dict[str, str])


# The first that fits. What the database says may name tables and values, so it is not passed on.
_PROBLEMS: tuple[tuple[type[MoltError], HttpProblem], ...] = (
    (
        molt_sql.InvalidQueryError,
        HttpProblem(400, "the request asks for something that is not possible"),
    ),
    (
        molt_sql.UnsupportedError,
        HttpProblem(400, "the request asks for something that is not supported"),
    ),
    (
        molt_sql.BusyError,
        HttpProblem(
            429, "too many requests; try again later", {"Retry-After": str(_RETRY_AFTER_S)}
        ),
    ),
    (molt_sql.TimeoutError, HttpProblem(504, "the database did not answer in time")),
    (molt_sql.CancelledError, HttpProblem(499, "the request was cancelled")),
    (
        molt_sql.WorkerUnavailableError,
        HttpProblem(503, "the database cannot be reached; try again later"),
    ),
)
_INTERNAL = HttpProblem(500, "the request failed")


def problem_of(error: MoltError) -> HttpProblem:
    """The status, a message without details, and headers."""
    for kind, problem in _PROBLEMS:
        if isinstance(error, kind):
            return problem
    return _INTERNAL
