"""Every chaos test is bounded in time; servers that may be broken; a look from outside."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from chaos.tools import Watcher, opened
from molt_sql import Database
from servers.bounded import bounded_in_time
from servers.fault_proxy import FaultProxy
from servers.fixtures import PostgresDatabase, failing
from servers.postgres import PostgresServer

HANGS_AFTER_S = 60


@pytest.fixture(autouse=True)
def bounded() -> Iterator[None]:
    """A test that hangs fails, with the place where it hangs, and the run goes on."""
    with bounded_in_time(int(os.environ.get("MOLT_CHAOS_HANGS_AFTER_S", HANGS_AFTER_S))):
        yield


@pytest.fixture
def watcher(pg_database: PostgresDatabase) -> Iterator[Watcher]:
    """A superuser in the module's database, on a connection of psycopg."""
    watching = Watcher(pg_database.conninfo("postgres"))
    yield watching
    watching.close()


@pytest.fixture
def pg(pg_url: str) -> Iterator[Database]:
    """Three connections over the Unix socket."""
    with opened(pg_url) as db:
        yield db


@pytest.fixture
def through(pg_database: PostgresDatabase, pg_proxy: FaultProxy) -> Iterator[Callable[..., Any]]:
    """Opens databases through `pg_proxy`."""
    with ExitStack() as stack:

        def connect_through(**options: Any) -> Database:
            url = pg_database.url(tls="disable", **pg_proxy.address)
            return stack.enter_context(opened(url, **options))

        yield connect_through
        pg_proxy.clear()


@pytest.fixture(scope="module")
def breakable() -> Iterator[PostgresServer]:
    """A server of the module's own. Each test leaves it running."""
    with failing(), PostgresServer() as server:
        yield server
