"""One database in this process and through workers; every test is bounded in time."""

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from molt_sql import Database, connect
from servers.bounded import bounded_in_time
from servers.worker import worker_binary

HANGS_AFTER_S = 60
GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.fixture(autouse=True)
def bounded(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("MOLT_WORKER_BINARY", str(worker_binary()))
    with bounded_in_time(HANGS_AFTER_S):
        yield


@pytest.fixture(scope="module")
def golden_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("golden") / "golden.db"
    connection = sqlite3.connect(path)
    connection.executescript((GOLDEN / "dataset.sql").read_text())
    connection.close()
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with a table `t` of a hundred rows."""
    made = tmp_path / "app.db"
    connection = sqlite3.connect(made)
    with connection:
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT UNIQUE, any)")
        connection.executemany(
            "INSERT INTO t VALUES (?, ?, ?)",
            [(i, f"n{i}", [1, "text", 2.5, None, b"\xff"][i % 5]) for i in range(100)],
        )
    connection.close()
    return made


@pytest.fixture
def local(path: Path) -> Iterator[Database]:
    with connect(f"sqlite:///{path}?mode=rw") as database:
        yield database


@pytest.fixture
def remote(path: Path) -> Iterator[Database]:
    """Through a worker of its own."""
    with connect(f"molt+stdio:sqlite:///{path}?mode=rw") as database:
        yield database


def worker_of(database: Database) -> int:
    """Its process, which must be there."""
    from molt_sql._molt import _worker_process

    process = _worker_process(database)
    assert process > 0
    return process


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
