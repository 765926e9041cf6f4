"""Databases that every test gets anew, and waiting with a bound."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from molt_sql import Database, connect


@pytest.fixture
def db() -> Iterator[Database]:
    """An empty database in memory."""
    with connect("sqlite:///:memory:") as database:
        yield database


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a database file may be made."""
    return tmp_path / "app.db"


@pytest.fixture
def file_db(path: Path) -> Iterator[Database]:
    """An empty database in the file `path`."""
    with connect(f"sqlite:///{path}?mode=rwc") as database:
        yield database


@pytest.fixture
def until() -> Callable[[Callable[[], object]], None]:
    """Polls until the condition holds; fails after a generous while."""

    def poll(condition: Callable[[], object], seconds: float = 10.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "the condition was not met in time"
            time.sleep(0.002)

    return poll
