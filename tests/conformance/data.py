"""The databases that the tests ask: rows that a test can compute by itself."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

ITEMS = """
create table items (
  id integer primary key,
  user_id integer not null,
  created_at text not null,
  status text not null,
  title text not null,
  score real,
  unread boolean not null
)
"""
USERS = (1, 2)
ITEMS_OF_A_USER = 600
STATUSES = ("open", "closed", "waiting")
TITLES = ("Apple 100%", "pear_tree", "Zoë's note", "banana", 'a "quoted" one')
MIXED = """
create table mixed (v);
insert into mixed values (1), ('a'), (x'00');
create table widened (v real);
insert into widened values (1), (2.5);
"""


def item(user_id: int, number: int) -> dict[str, Any]:
    """The item of this user with this number, from 0; ids of users alternate."""
    return {
        "id": number * len(USERS) + user_id,
        "user_id": user_id,
        "created_at": f"2024-02-{number % 28 + 1:02}T10:34:56",
        "status": STATUSES[number % len(STATUSES)],
        "title": f"{TITLES[number % len(TITLES)]} {number}",
        "score": number / 2,
        "unread": number % 2 == 0,
    }


def items_of(user_id: int) -> list[dict[str, Any]]:
    return [item(user_id, number) for number in range(ITEMS_OF_A_USER)]


def make_items(path: Path) -> Path:
    """Makes the file, with `items`, `mixed` and `widened` in it."""
    connection = sqlite3.connect(path)
    try:
        connection.execute(ITEMS)
        connection.executescript(MIXED)
        rows = [row for user_id in USERS for row in items_of(user_id)]
        keys = ", ".join(f":{key}" for key in rows[0])
        connection.executemany(f"insert into items values ({keys})", rows)
        connection.commit()
    finally:
        connection.close()
    return path


def read_rows(path: Path, sql: str) -> list[tuple[Any, ...]]:
    """By Python's own sqlite3, to see what a worker has left."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


ENDLESS = "with recursive c(n) as (select 1 union all select n + 1 from c) select count(*) from c"
"""Reads for ever; only a cancel or a deadline ends it."""


NO_WRITE = "delete from items where id < 0"
"""A write that does no harm to other tests where a worker lets it pass."""


def rows_of_text(count: int, size: int) -> str:
    """A read of so many rows `n`, `filler`, each with so many bytes of text."""
    return (
        "with recursive c(n) as (select 1 union all select n + 1 from c"
        f" where n < {count}) select n, hex(zeroblob({size // 2})) as filler from c"
    )
