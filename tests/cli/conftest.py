"""A small SQLite database for every test, and a bound for those that hang."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from servers.bounded import bounded_in_time

HANGS_AFTER_S = 90


@pytest.fixture(autouse=True)
def bounded() -> Iterator[None]:
    with bounded_in_time(HANGS_AFTER_S):
        yield


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """users (3 rows) and numbers (25,000 rows)."""
    path = tmp_path / "shop.db"
    with sqlite3.connect(path) as db:
        db.execute("create table users (id integer primary key, email text, born date, rate real)")
        db.executemany(
            "insert into users values (?, ?, ?, ?)",
            [
                (1, "ada@austin.edu", "1990-12-10", 1.5),
                (2, "brian@example.com", None, 2.0),
                (3, 'grace "the" hopper,\nrear admiral', "1986-12-09", None),
            ],
        )
        db.execute("create table numbers (n integer primary key, t text)")
        db.executemany(
            "insert into numbers values (?, ?)", [(n, f"row {n}") for n in range(25_000)]
        )
    db.close()
    return path


@pytest.fixture
def url(shop: Path) -> str:
    return f"sqlite:///{shop}?mode=ro"
