"""Querysets run by Molt, or by Django's own connection where only that is right."""

import contextvars
import logging
import threading
import typing
from collections.abc import Generator
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from asgiref.sync import sync_to_async
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from molt_db_adapter.core import Connections
from molt_sql import (
    CancelledError,
    Database,
    InvalidQueryError,
    MoltError,
    Pending,
    ResultSet,
    UnsupportedError,
)

from ._compile import AnyQuerySet, Compiled, NotOffloadableError, compile_queryset, values_queryset
from ._response import OffloadedJsonResponse
from ._rows import Rows
from ._settings import MoltSettings, molt_settings
from ._urls import url_of

_log = logging.getLogger("molt_db_adapter")
_databases = Connections()
_told: set[str] = set()
_told_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Overrides:
    """What a decorated view says otherwise than the settings."""

    timeout_ms: int | None = None
    fallback: bool | None = None


_NOTHING_ELSE = Overrides()
overrides: contextvars.ContextVar[Overrides] = contextvars.ContextVar(
    "molt_overrides", default=_NOTHING_ELSE
)


class Offloaded:
    """Not yet run: `.fetch()` runs it on this thread, `await` on the event loop."""

    def __init__(self, queryset: AnyQuerySet, using: str) -> None:
        self._settings = molt_settings(using)
        self._refusal: NotOffloadableError | None = None
        self._queryset = queryset
        try:
            self._queryset = values_queryset(queryset)
        except NotOffloadableError as refusal:
            self._refusal = refusal

    def fetch(self) -> Rows:
        """The rows."""
        try:
            compiled, pending = self._begin()
            return self._rows(compiled, pending.result() if pending is not None else None)
        except (MoltError, NotOffloadableError) as error:
            self._check_fallback(error)
        return self._inline()

    def __await__(self) -> Generator[typing.Any, None, Rows]:
        return self._fetch_async().__await__()

    async def _fetch_async(self) -> Rows:
        try:
            compiled, pending = self._begin()
            return self._rows(compiled, await pending if pending is not None else None)
        except (MoltError, NotOffloadableError) as error:
            self._check_fallback(error)
        return await sync_to_async(self._inline)()

    def dicts(self) -> list[dict[str, typing.Any]]:
        """What list(queryset.values(…)) gives."""
        return self.fetch().dicts()

    async def adicts(self) -> list[dict[str, typing.Any]]:
        """The same, awaited."""
        return (await self).dicts()

    def json_response(self, **options: typing.Any) -> OffloadedJsonResponse:
        """What JsonResponse(list(queryset.values(…)), safe=False) is, byte for byte."""
        return OffloadedJsonResponse(self.fetch(), **options)

    async def ajson_response(self, **options: typing.Any) -> OffloadedJsonResponse:
        """The same, awaited."""
        return OffloadedJsonResponse(await self, **options)

    def explain(self) -> str:
        """Why it would run on Django's own connection; or "" if Molt runs it."""
        try:
            self._check_offloadable()
            compile_queryset(self._queryset)
        except NotOffloadableError as error:
            return str(error)
        return ""

    def _begin(self) -> tuple[Compiled, Pending[ResultSet] | None]:
        self._check_offloadable()
        compiled = compile_queryset(self._queryset)
        if compiled.statement is None:
            return compiled, None
        database = _database_of(self._settings, connections[self._queryset.db])
        timeout_ms = overrides.get().timeout_ms or self._settings.timeout_ms
        timeout = None if timeout_ms is None else timeout_ms / 1000
        return compiled, compiled.statement.on(database).fetch_all(timeout=timeout)

    def _check_offloadable(self) -> None:
        using = self._queryset.db
        if self._refusal is not None:
            raise self._refusal
        if using != self._settings.database:
            raise NotOffloadableError(f'it is for the database "{using}"')
        # It may see what the transaction has written and nobody else does yet.
        if connections[using].in_atomic_block:
            raise NotOffloadableError("it runs in a transaction")

    def _rows(self, compiled: Compiled, result: ResultSet | None) -> Rows:
        return Rows(self._queryset.db, compiled, result)

    def _inline(self) -> Rows:
        return Rows.of_dicts(self._queryset.db, list(self._queryset.all()))

    def _check_fallback(self, error: MoltError | NotOffloadableError) -> None:
        """Raises it if Django's connection is not to take over."""
        if isinstance(error, NotOffloadableError):
            return
        wanted = overrides.get().fallback
        allowed = self._settings.fallback if wanted is None else wanted
        if not allowed or isinstance(error, (InvalidQueryError, UnsupportedError, CancelledError)):
            raise error
        _tell_once(error)


_urls: WeakKeyDictionary[
    BaseDatabaseWrapper, tuple[MoltSettings, dict[str, typing.Any], str | None]
] = WeakKeyDictionary()


def _database_of(settings: MoltSettings, connection: BaseDatabaseWrapper) -> Database:
    # Making the URL takes longer than comparing what it is made of.
    known = _urls.get(connection)
    if known is None or known[0] is not settings or known[1] != connection.settings_dict:
        # Not deeper: what else is in OPTIONS may be of any kind, and is no part of a URL.
        options = dict(connection.settings_dict.get("OPTIONS") or {})
        made_of = connection.settings_dict | {"OPTIONS": options}
        known = _urls[connection] = (settings, made_of, url_of(settings, connection))
    url = known[2]
    if url is None:
        raise NotOffloadableError("the database lives in this process, or is of another kind")
    return _databases.get(url, allow_superuser=settings.allow_superuser)


def _tell_once(error: MoltError) -> None:
    cause = type(error).__name__
    with _told_lock:
        if cause in _told:
            return
        _told.add(cause)
    _log.warning("Django's own connection takes over, which is told once: %s: %s", cause, error)


def offload(queryset: AnyQuerySet, using: str = "default") -> Offloaded:
    """Runs a queryset by Molt, as the entry `using` of the setting MOLT says.

    In a transaction (so within TestCase too), and for what only Django can read, it runs on
    Django's own connection; `.explain()` says why.
    """
    return Offloaded(queryset, using)
