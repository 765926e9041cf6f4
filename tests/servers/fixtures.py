"""Fixtures of PostgreSQL. A run of tests has one server, which the first test that needs it starts.

| fixture | lives for | is |
| --- | --- | --- |
| `postgres` | the run | the server's PostgresAddress: `conninfo()`, `url()`, `run_sql()` |
| `pg_database` | a module | an empty database of the role molt: `pg_database.url(tls="require")` |
| `pg_url` | a module | its URL, over the Unix socket |
| `pg_schema` | a test | an empty schema in it, by name: `url(options=f"-c search_path={pg_schema}")` |
| `pgbouncer` | a worker's run | a PgBouncer in transaction mode before the server |
| `pg_proxy` | a test | a FaultProxy before it: `pg_database.url(tls="disable", **pg_proxy.address)` |
| `own_postgres` | a test | a PostgresServer that may be stopped, restarted and broken |

Under `postgres.py run` all of them use the server that is there already.
"""

from __future__ import annotations

import json
import os
import re
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from servers.fault_proxy import FaultProxy
from servers.pgbouncer import PgBouncer
from servers.postgres import PostgresAddress, PostgresServer, Tls
from servers.processes import ServerError

NAMES = count(1)
LENDS_WITHIN_S = 180


class Lender:
    """In the process that controls a run's workers: starts the server for the first that asks.

    It is asked over a Unix socket, and answers with the server's environment, or with "error".
    """

    def __init__(self) -> None:
        self._resources = ExitStack()
        folder = self._resources.enter_context(TemporaryDirectory(prefix="molt-lend-", dir="/tmp"))
        self.path = str(Path(folder) / "socket")
        self._answer: bytes | None = None
        lender = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self.wfile.write(lender._lend())

        class Server(socketserver.UnixStreamServer):
            request_queue_size = 128  # who finds it full is refused at once

        # One after the other: who comes while the server is starting waits for it.
        self._server = Server(self.path, Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def _lend(self) -> bytes:
        if self._answer is None:
            try:
                server = self._resources.enter_context(PostgresServer())
                answer = server.environment()
            except Exception as error:  # each test that asks is told
                answer = {"error": str(error) or repr(error)}
            self._answer = json.dumps(answer).encode()
        return self._answer

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._resources.close()


def borrow(path: str) -> PostgresAddress:
    with socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(LENDS_WITHIN_S)
        asking.connect(path)
        with asking.makefile("rb") as answer:
            env = json.load(answer)
    if "error" in env:
        raise ServerError(env["error"])
    return PostgresAddress.from_environment(env)


LENDER = pytest.StashKey[Lender]()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Called by pytest-xdist in the controlling process, for each worker that it starts."""
    stash = node.config.stash
    if LENDER not in stash:
        stash[LENDER] = Lender()
    node.workerinput["postgres_lender"] = stash[LENDER].path


def pytest_unconfigure(config: pytest.Config) -> None:
    if lender := config.stash.get(LENDER, None):
        lender.close()


@contextmanager
def failing() -> Iterator[None]:
    """A server that is missing fails the test, with what to do about it and nothing else."""
    try:
        yield
        return
    except ServerError as error:
        message = str(error)
    pytest.fail(message, pytrace=False)


# Under a name of its own, as other fixtures need it where a test module has its own `postgres`.
@pytest.fixture(scope="session")
def postgres_of_the_run(request: pytest.FixtureRequest) -> Iterator[PostgresAddress]:
    with failing():
        if "MOLT_TEST_POSTGRES" in os.environ:
            yield PostgresAddress.from_environment()
        elif lender := getattr(request.config, "workerinput", {}).get("postgres_lender"):
            yield borrow(lender)
        else:
            with PostgresServer() as server:
                yield server


@pytest.fixture(scope="session")
def postgres(postgres_of_the_run: PostgresAddress) -> PostgresAddress:
    return postgres_of_the_run


class PostgresDatabase:
    """A database on the run's server."""

    def __init__(self, server: PostgresAddress, name: str) -> None:
        self.server = server
        self.name = name

    def conninfo(self, user: str = "molt", tls: Tls | None = None, **more: object) -> str:
        return self.server.conninfo(user, self.name, tls, **more)

    def url(self, user: str = "molt", tls: Tls | None = None, **more: object) -> str:
        return self.server.url(user, self.name, tls, **more)

    def run_sql(self, sql: str) -> str:
        """As the superuser."""
        return self.server.run_sql(sql, self.name)


@pytest.fixture(scope="module")
def pg_database(
    request: pytest.FixtureRequest, postgres_of_the_run: PostgresAddress
) -> Iterator[PostgresDatabase]:
    server = postgres_of_the_run
    module = re.sub(r"\W", "_", Path(request.path).stem)[:30]
    # Unique among processes, also among runs that share a server.
    name = f"{module}_{os.getpid()}_{next(NAMES)}"
    with failing():
        server.run_sql(f'create database "{name}" owner molt')
        yield PostgresDatabase(server, name)
        server.run_sql(f'drop database "{name}" with (force)')


@pytest.fixture(scope="module")
def pg_url(pg_database: PostgresDatabase) -> str:
    return pg_database.url()


@pytest.fixture
def pg_schema(pg_database: PostgresDatabase) -> Iterator[str]:
    name = f"s{next(NAMES)}"
    with failing():
        pg_database.run_sql(f"create schema {name} authorization molt")
        yield name
        pg_database.run_sql(
            f"set lock_timeout = '10s'; set client_min_messages = warning; drop schema {name} cascade"
        )


@pytest.fixture(scope="session")
def pgbouncer(postgres_of_the_run: PostgresAddress) -> Iterator[PgBouncer]:
    with failing(), PgBouncer(postgres_of_the_run) as bouncer:
        yield bouncer


@pytest.fixture
def pg_proxy(postgres_of_the_run: PostgresAddress) -> Iterator[FaultProxy]:
    with FaultProxy(postgres_of_the_run.tcp) as proxy:
        yield proxy


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    with failing(), PostgresServer() as server:
        yield server
