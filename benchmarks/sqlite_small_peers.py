"""The peers of the `sqlite_small` bench, each used as its documentation recommends.

Every peer keeps one connection open. Each function takes the name of the query: `point` is one
user by primary key, `list` is 50 users of one age, by id, `page` all 200 of them; all have 5
columns. `i` picks the value.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import data
import django_models
from harness import AsyncOp, Op

LIMITS = {"list": 50, "page": data.USERS // data.AGES}
"""Rows that each query but `point` returns."""

_POINT = "select id, email, name, age, balance from users where id = ?"
_LIST = "select id, email, name, age, balance from users where age = ? order by id limit ?"
SQL = {"point": _POINT, "list": _LIST, "page": _LIST}


def user_id(i: int) -> int:
    return 1 + i * 7919 % data.USERS


def age(i: int) -> int:
    return 18 + i % data.AGES


def _arguments(query: str) -> Callable[[int], tuple[int, ...]]:
    if query == "point":
        return lambda i: (user_id(i),)
    limit = LIMITS[query]
    return lambda i: (age(i), limit)


@contextmanager
def raw_sqlite3(query: str, path: Path) -> Iterator[Op]:
    """`execute().fetchall()` on one connection, with its default statement cache."""
    import sqlite3

    sql, arguments = SQL[query], _arguments(query)
    connection = sqlite3.connect(path)
    yield lambda i: connection.execute(sql, arguments(i)).fetchall()
    connection.close()


@asynccontextmanager
async def aiosqlite_cursor(query: str, path: Path) -> AsyncIterator[AsyncOp]:
    """As its README shows: `async with db.execute(…) as cursor`."""
    import aiosqlite

    sql, arguments = SQL[query], _arguments(query)
    async with aiosqlite.connect(path) as connection:

        async def ask(i: int) -> Any:
            async with connection.execute(sql, arguments(i)) as cursor:
                return await cursor.fetchall()

        yield ask


@asynccontextmanager
async def aiosqlite_fetchall(query: str, path: Path) -> AsyncIterator[AsyncOp]:
    """Its helper that hops to the thread only once."""
    import aiosqlite

    sql, arguments = SQL[query], _arguments(query)
    async with aiosqlite.connect(path) as connection:

        async def ask(i: int) -> Any:
            return await connection.execute_fetchall(sql, arguments(i))

        yield ask


def _core_statement(query: str) -> Callable[[int], Any]:
    from sqlalchemy import Column, Float, Integer, MetaData, String, Table, select

    users = Table(
        "users",
        MetaData(),
        Column("id", Integer, primary_key=True),
        Column("email", String),
        Column("name", String),
        Column("age", Integer),
        Column("balance", Float),
    )
    column = users.c
    if query == "point":
        return lambda i: select(users).where(column.id == user_id(i))
    limit = LIMITS[query]
    return lambda i: select(users).where(column.age == age(i)).order_by(column.id).limit(limit)


@contextmanager
def sqlalchemy_core(query: str, path: Path) -> Iterator[Op]:
    """A new `select()` each time on one connection; its compiled form comes from the cache."""
    from sqlalchemy import create_engine

    statement = _core_statement(query)
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        yield lambda i: connection.execute(statement(i)).all()
    engine.dispose()


@asynccontextmanager
async def sqlalchemy_async(query: str, path: Path) -> AsyncIterator[AsyncOp]:
    """The same through the asyncio extension, on aiosqlite."""
    from sqlalchemy.ext.asyncio import create_async_engine

    statement = _core_statement(query)
    engine = create_async_engine(f"sqlite+aiosqlite:///{path}")
    async with engine.connect() as connection:

        async def ask(i: int) -> Any:
            return (await connection.execute(statement(i))).all()

        yield ask
    await engine.dispose()


@contextmanager
def django(query: str, path: Path) -> Iterator[Op]:
    """`.values_list()` of a new queryset each time."""
    models = django_models.configure(path)
    users, columns = models.User.objects, ("id", "email", "name", "age", "balance")
    if query == "point":
        yield lambda i: list(users.filter(id=user_id(i)).values_list(*columns))
    else:
        limit = LIMITS[query]
        yield lambda i: list(users.filter(age=age(i)).order_by("id").values_list(*columns)[:limit])
