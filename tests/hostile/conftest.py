"""A server on which nobody else is at work, so that whatever changes was changed by the test."""

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from hostile.state import Observer
from servers.fixtures import PostgresDatabase, failing
from servers.postgres import PostgresServer

# The server itself then writes nothing for as long as the tests run.
QUIET = {"checkpoint_timeout": "1h", "bgwriter_lru_maxpages": "0"}


class Place(NamedTuple):
    """A database named test, and who looks on."""

    database: PostgresDatabase
    observer: Observer


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with failing(), PostgresServer(QUIET) as server:
        server.run_sql("create database test owner molt")
        with Observer(server, "test") as observer:
            yield Place(PostgresDatabase(server, "test"), observer)
