"""Every test is bounded in time. Databases behind workers are in tools.py."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from client.tools import WAYS, SocketWorker, Way
from molt_sql import Database, connect
from servers.bounded import bounded_in_time

HANGS_AFTER_S = 90


@pytest.fixture(autouse=True)
def bounded() -> Iterator[None]:
    """A test that hangs fails, with the place where it hangs, and the run goes on."""
    with bounded_in_time(int(os.environ.get("MOLT_CLIENT_HANGS_AFTER_S", HANGS_AFTER_S))):
        yield


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> Way:
    chosen: Way = request.param
    return chosen


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database with the table `t` of the numbers 0 to 99."""
    path = tmp_path / "app.db"
    connection = sqlite3.connect(path)
    connection.execute("create table t (n integer primary key, s text)")
    connection.executemany("insert into t values (?, ?)", [(n, f"row {n}") for n in range(100)])
    connection.commit()
    connection.close()
    return path


@pytest.fixture
def url(path: Path) -> str:
    return f"sqlite:///{path}?mode=rw"


@pytest.fixture
def worker(url: str) -> Iterator[SocketWorker]:
    """Serves it at a socket."""
    with SocketWorker({"default": url}, "--max-queue", 1024) as started:
        yield started


@pytest.fixture
def own(url: str) -> Iterator[Database]:
    """Through a worker of this process's own."""
    with connect("molt+stdio:" + url) as database:
        yield database


@pytest.fixture
def database(way: Way, request: pytest.FixtureRequest) -> Iterator[Database]:
    """By each way."""
    if way == "stdio":
        yield request.getfixturevalue("own")
        return
    with connect(request.getfixturevalue("worker").url()) as opened:
        yield opened
