"""Ours in the PostgreSQL benchmarks, through the public interface of molt_sql only."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from harness import AsyncOp, Op
from pg_bulk_peers import Read, Seen, seen_in

POOL = 10
"""Connections of every contestant's pool."""
COLUMNS = (
    "id",
    "user_id",
    "status",
    "title",
    "score",
    "amount",
    "created_at",
    "unread",
    "note",
)


@contextmanager
def _database(url: str) -> Iterator[Any]:
    import molt_sql

    with molt_sql.connect(url, max_connections=POOL) as db:
        yield db


@contextmanager
def _query(read: Read) -> Iterator[Any]:
    import molt_sql

    events = molt_sql.table(read.table)
    bound = read.score_min
    query = events.query() if bound is None else events.where(events.score >= bound)
    with _database(read.url) as db:
        yield query.on(db)


@contextmanager
def arrow(read: Read) -> Iterator[Op]:
    import pyarrow as pa

    with _query(read) as query:
        yield lambda _: pa.table(query.fetch_arrow().result())


@contextmanager
def arrow_parallel(read: Read, parts: int = 2) -> Iterator[Op]:
    """Ranges of the table, all of one snapshot."""
    import pyarrow as pa

    with _query(read) as query:
        yield lambda _: pa.table(query.fetch_arrow(parallel=parts).result())


@contextmanager
def rows(read: Read) -> Iterator[Op]:
    with _query(read) as query:
        yield lambda _: list(query.fetch_all().result())


@contextmanager
def stream(read: Read) -> Iterator[Op]:
    """Batches of the default size, each looked at and dropped."""
    import pyarrow as pa

    with _query(read) as query:

        def ask(_: int) -> Seen:
            return seen_in(b for result in query.stream() for b in pa.table(result).to_batches())

        yield ask


def statement(query: str, table: str, arguments: Callable[[int], tuple[int, ...]]) -> Any:
    """Builds a small query from scratch; only the table is there before. See pg_small_peers."""
    import molt_sql

    event = molt_sql.table(table, *COLUMNS)
    columns = [getattr(event, name) for name in COLUMNS]
    if query == "point":
        return lambda i: event.where(event.id == arguments(i)[0]).select(*columns)

    def build(i: int) -> Any:
        first, limit = arguments(i)
        return event.where(event.id >= first).select(*columns).order_by(event.id).limit(limit)

    return build


@contextmanager
def small(url: str, build: Callable[[int], Any]) -> Iterator[Op]:
    with _database(url) as db:
        yield lambda i: list(build(i).on(db).fetch_all().result())


@asynccontextmanager
async def small_awaited(url: str, build: Callable[[int], Any]) -> AsyncIterator[AsyncOp]:
    with _database(url) as db:

        async def ask(i: int) -> Any:
            return list(await build(i).on(db).fetch_all())

        yield ask


@contextmanager
def builder(build: Callable[[int], Any]) -> Iterator[Op]:
    """Building and compiling alone; it needs no server."""

    def ask(i: int) -> Any:
        text, params = build(i).sql("postgres")
        return text, params

    yield ask


@asynccontextmanager
async def copy_in(url: str, target: str, source: Any) -> AsyncIterator[AsyncOp]:
    with _database(url) as db:

        async def ask(_: int) -> Any:
            return await db.copy_in(target, source)

        yield ask
