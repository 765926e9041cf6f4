"""Small queries on a SQLite file with 10,000 users, rows as Python objects.

`result` cases block the caller; `await` cases are awaited one after the other in one event loop,
asyncio's own and, when it is installed, uvloop's. Ours runs an awaited query on the loop's thread
when it is done within 100 µs (ADR 9), as `point` and `list` are; `page` is not, so it shows ours
with the hop to a thread that its peers always make. What a hop costs depends on where the threads
run; the `one_core` cases pin everyone. Ours is built anew for every query, as the builders among
the peers are; "prebuilt" repeats one query object, and raw sqlite3 and aiosqlite
have nothing to build.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import data
import sqlite_small_peers as peers
from harness import AsyncOp, Case, Contestant, Goal, LoopFactory, Op, Options, ahead

OURS = "molt_sql"
PREBUILT = "molt_sql, prebuilt"
BUILDER = "molt_sql, build and compile only"
RAW = "sqlite3"
AIOSQLITE = "aiosqlite"
AIOSQLITE_FETCHALL = "aiosqlite execute_fetchall"
CORE_ASYNC = "SQLAlchemy async"


def cases(_: Options) -> Iterator[Case]:
    path = data.users_file()
    for query in ("point", "list"):
        yield _result_case(query, path)
    for loop, factory in _loops():
        for query in ("point", "list", "page"):
            yield _await_case(query, path, loop, factory)
    for query in ("point", "list", "page"):
        yield _await_case(query, path, "asyncio", None, one_core=True)


def _loops() -> Iterator[tuple[str, LoopFactory | None]]:
    yield "asyncio", None
    try:
        import uvloop
    except ImportError:
        print("uvloop is not installed: its cases are left out")
    else:
        yield "uvloop", uvloop.new_event_loop


def _result_case(query: str, path: Path) -> Case:
    def goals(medians: Mapping[str, float]) -> list[Goal]:
        text = "(.result() - build and compile) / raw sqlite3"
        return [Goal(text, (medians[OURS] - medians[BUILDER]) / medians[RAW], "<=", 1.3)]

    return Case(
        bench="sqlite_small",
        name=f"{query}_result",
        about=f"{_about(query)}, blocking",
        contestants=[
            Contestant(OURS, lambda: _ours(query, path), "ours", _rows),
            Contestant(RAW, lambda: peers.raw_sqlite3(query, path), rows=_rows),
            Contestant("SQLAlchemy Core", lambda: peers.sqlalchemy_core(query, path), rows=_rows),
            Contestant("Django", lambda: peers.django(query, path), rows=_rows),
            Contestant(BUILDER, lambda: _builder(query), "part"),
            Contestant(PREBUILT, lambda: _prebuilt(query, path), "part"),
        ],
        goals=goals,
    )


def _await_case(
    query: str, path: Path, loop: str, factory: LoopFactory | None, one_core: bool = False
) -> Case:
    rivals = [AIOSQLITE, AIOSQLITE_FETCHALL, CORE_ASYNC]
    return Case(
        bench="sqlite_small",
        name=f"{query}_await_{loop}" + ("_one_core" if one_core else ""),
        about=f"{_about(query)}, awaited under {loop}" + (", on one core" if one_core else ""),
        contestants=[
            Contestant(OURS, lambda: _ours_awaited(query, path), "ours", _rows),
            Contestant(AIOSQLITE, lambda: peers.aiosqlite_cursor(query, path), rows=_rows),
            Contestant(
                AIOSQLITE_FETCHALL, lambda: peers.aiosqlite_fetchall(query, path), rows=_rows
            ),
            Contestant(CORE_ASYNC, lambda: peers.sqlalchemy_async(query, path), rows=_rows),
            Contestant(BUILDER, lambda: _builder(query), "part"),
            Contestant(PREBUILT, lambda: _prebuilt_awaited(query, path), "part"),
        ],
        goals=lambda medians: ahead(medians, OURS, rivals, 3.0),
        loop_factory=factory,
        one_core=one_core,
    )


def _about(query: str) -> str:
    if query == "point":
        return "One user of 10,000 by primary key, 5 columns"
    return f"{peers.LIMITS[query]} of the 200 users of one age, by id, 5 columns"


def _rows(rows: Any) -> list[tuple[object, ...]]:
    return [tuple(row) for row in rows]


def _statement(query: str) -> Callable[[int], Any]:
    """Builds our query from scratch; only the table is there before."""
    from molt_sql import table

    user = table("users", "id", "email", "name", "age", "balance")
    columns = (user.id, user.email, user.name, user.age, user.balance)
    if query == "point":
        return lambda i: user.where(user.id == peers.user_id(i)).select(*columns)
    limit = peers.LIMITS[query]
    return lambda i: (
        user.where(user.age == peers.age(i)).select(*columns).order_by(user.id).limit(limit)
    )


@contextmanager
def _database(path: Path) -> Iterator[Any]:
    import molt_sql

    with molt_sql.connect(f"sqlite:///{path}") as db:
        yield db


@contextmanager
def _ours(query: str, path: Path) -> Iterator[Op]:
    statement = _statement(query)
    with _database(path) as db:
        yield lambda i: list(statement(i).on(db).fetch_all().result())


@contextmanager
def _prebuilt(query: str, path: Path) -> Iterator[Op]:
    with _database(path) as db:
        built = _statement(query)(0).on(db)
        yield lambda _: list(built.fetch_all().result())


@asynccontextmanager
async def _ours_awaited(query: str, path: Path) -> AsyncIterator[AsyncOp]:
    statement = _statement(query)
    with _database(path) as db:

        async def ask(i: int) -> Any:
            return list(await statement(i).on(db).fetch_all())

        yield ask


@asynccontextmanager
async def _prebuilt_awaited(query: str, path: Path) -> AsyncIterator[AsyncOp]:
    with _database(path) as db:
        built = _statement(query)(0).on(db)

        async def ask(_: int) -> Any:
            return list(await built.fetch_all())

        yield ask


@contextmanager
def _builder(query: str) -> Iterator[Op]:
    statement = _statement(query)

    def build(i: int) -> Any:
        text, params = statement(i).sql("sqlite")
        return text, params

    yield build
