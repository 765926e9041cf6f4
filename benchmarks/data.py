"""The SQLite files that are measured, made once under benchmarks/.cache (ignored by git)."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

CACHE = Path(__file__).parent / ".cache"

USERS = 10_000
AGES = 50
"""Ages are spread evenly: USERS / AGES users share one."""

EVENTS = 1_000_000
EVENTS_QUICK = 20_000

ITEMS_USERS = 1000
ITEMS_OF_A_USER = 100
"""Of the contract's table `items`: 100,000 rows."""

_USERS_SQL = """
create table users (
  id integer primary key, email text not null, name text not null, age integer not null,
  balance real not null
);
create index users_age on users (age);
"""

_EVENTS_SQL = """
create table events (
  id integer primary key, user_id int not null, status text not null, title text not null,
  score real not null, amount numeric not null, created_at datetime not null,
  unread boolean not null, note text
);
"""

_ITEMS_SQL = """
create table items (
  id integer primary key, user_id integer not null, created_at text not null, status text not null,
  title text not null, score real, unread boolean not null
);
create index items_user on items (user_id, id);
"""


def users_file() -> Path:
    """10,000 users of 5 columns, indexed by age."""
    path = CACHE / "users-v1.db"
    if not path.exists():
        _make(path, _USERS_SQL, "insert into users values (?,?,?,?,?)", _users())
    return path


def events_file(rows: int) -> Path:
    """`rows` events of 9 mixed columns, as tools/mkevents.sql makes them for PostgreSQL.

    A tenth of `note` is NULL; `amount` has two decimals, which SQLite stores as REAL, or as
    INTEGER when they are zero; `created_at` is text, `unread` is 0 or 1.
    """
    path = CACHE / f"events-{rows}-v1.db"
    if not path.exists():
        print(f"Making {path}", flush=True)
        sql = "insert into events values (?,?,?,?,?,?,?,?,?)"
        _make(path, _EVENTS_SQL, sql, _events(rows))
    return path


def items_file() -> Path:
    """The items of 1,000 users, whose ids alternate: those of one user lie on as many pages."""
    path = CACHE / "items-v1.db"
    if not path.exists():
        _make(path, _ITEMS_SQL, "insert into items values (?,?,?,?,?,?,?)", _items())
    return path


def _make(path: Path, schema: str, insert: str, rows: Iterator[tuple[object, ...]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".making")
    unfinished.unlink(missing_ok=True)
    db = sqlite3.connect(unfinished)
    try:
        db.execute("pragma journal_mode = off")
        db.execute("pragma synchronous = off")
        db.executescript(schema)
        with db:
            db.executemany(insert, rows)
        db.execute("analyze")
    finally:
        db.close()
    unfinished.rename(path)


def _users() -> Iterator[tuple[object, ...]]:
    random = Random(7)
    for i in range(1, USERS + 1):
        email = f"user{i}@{'austin.edu' if i % 3 else 'example.org'}"
        yield i, email, f"Name of {i}", 18 + i % AGES, round(random.random() * 1000, 2)


def _items() -> Iterator[tuple[object, ...]]:
    statuses = ("open", "closed", "waiting")
    titles = ("Apple", "pear", "Zoë's note", "banana", 'a "quoted" one')
    for number in range(ITEMS_OF_A_USER):
        for user in range(1, ITEMS_USERS + 1):
            yield (
                number * ITEMS_USERS + user,
                user,
                f"2024-02-{number % 28 + 1:02}T10:34:56",
                statuses[(number + user) % len(statuses)],
                f"{titles[(number + user) % len(titles)]} {number}",
                number / 2,
                number % 2 == 0,
            )


def _events(rows: int) -> Iterator[tuple[object, ...]]:
    random = Random(7)
    statuses = ("open", "closed", "pending", "archived")
    start = datetime(2024, 1, 1)
    for i in range(1, rows + 1):
        yield (
            i,
            i * 7919 % 100_000,
            statuses[i % 4],
            f"Title number {i} for the item",
            random.random() * 1000,
            round(random.random() * 10_000, 2),
            (start + timedelta(seconds=i)).isoformat(sep=" "),
            i % 3 == 0,
            None if i % 10 == 0 else f"note {i}",
        )
