"""Entries of DATABASES as URLs of molt_sql."""

import typing
from urllib.parse import quote

from django.db.backends.base.base import BaseDatabaseWrapper

from ._settings import IN_PROCESS, STDIO, MoltSettings

# libpq's names of what Django calls otherwise; OPTIONS have libpq's names already.
_KEYWORDS = {
    "NAME": "dbname",
    "USER": "user",
    "PASSWORD": "password",
    "HOST": "host",
    "PORT": "port",
}
# Options of Django and of psycopg that are no parameters of a connection.
_NOT_OF_LIBPQ = frozenset(
    {
        "pool",
        "server_side_binding",
        "isolation_level",
        "assume_role",
        "cursor_factory",
        "context",
        "prepare_threshold",
        "service_name",
    }
)


def url_of(settings: MoltSettings, connection: BaseDatabaseWrapper) -> str | None:
    """What molt_sql.connect takes; None for a database that it cannot reach.

    It may hold the password, so it is never shown.
    """
    if settings.worker not in (IN_PROCESS, STDIO):
        return f"molt+{settings.worker}?alias={quote(settings.worker_alias, safe='')}"
    direct = _direct_url(connection)
    if direct is None or settings.worker == IN_PROCESS:
        return direct
    return f"molt+stdio:{direct}"


def _direct_url(connection: BaseDatabaseWrapper) -> str | None:
    if connection.vendor == "sqlite":
        return _sqlite_url(str(connection.settings_dict["NAME"]))
    if connection.vendor == "postgresql":
        return _postgres_keywords(connection.settings_dict)
    return None


def _sqlite_url(name: str) -> str | None:
    # A database in memory is Django's own.
    if not name or name.startswith((":memory:", "file:")):
        return None
    return f"sqlite:///{quote(name, safe='/')}?mode=ro"


def _postgres_keywords(entry: typing.Mapping[str, typing.Any]) -> str:
    given = {keyword: entry.get(key) for key, keyword in _KEYWORDS.items()}
    options = {k: v for k, v in entry.get("OPTIONS", {}).items() if k not in _NOT_OF_LIBPQ}
    return " ".join(
        f"{keyword}={_quoted(str(value))}"
        for keyword, value in (given | options).items()
        if value not in (None, "")
    )


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
