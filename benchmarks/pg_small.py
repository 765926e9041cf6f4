"""Small queries on PostgreSQL, rows as Python objects: one at a time, and 32 in flight.

Ours and SQLAlchemy build the query anew each time; the others have SQL text. Ours takes a lease of
its pool for each query; peers are measured with one connection and with their pool. ADBC only
blocks: where others await it is called as it is, and in flight it has a thread per connection.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any

import data
import pg_bulk_peers
import pg_client
import pg_ours
import pg_server
import pg_small_peers as peers
from harness import Case, Contestant, Goal, Options, ahead
from pg_small_peers import Small

OURS = "molt_sql"
BUILDER = "molt_sql, build and compile only"
ASYNCPG = "asyncpg"
ASYNCPG_POOL = "asyncpg pool"
PSYCOPG_POOL = "psycopg 3 async pool"
CLIENT = "molt's C++ client"
CLIENT_IN_BLOCK = "molt's C++ client in one transaction"
PGBENCH = "pgbench -M prepared"
PGBENCH_IN_BLOCK = "pgbench, a read-only transaction each"
AMOUNT = pg_ours.COLUMNS.index("amount")
QUERIES = ("point", "list")


def cases(options: Options) -> Iterator[Case]:
    rows = options.rows or (data.EVENTS_QUICK if options.quick else data.EVENTS)
    with pg_server.running() as server:
        smalls = [Small(server.url, query, server.events(rows), rows) for query in QUERIES]
        for small in smalls:
            yield _result_case(small, server.about)
        for small in smalls:
            yield _await_case(small, server.about)
        for small in smalls:
            yield _in_flight_case(small, server.about)
        for connections in (1, peers.IN_FLIGHT):
            yield _client_case(smalls[0], connections, server.about)


def _result_case(small: Small, server: str) -> Case:
    contestants = [
        Contestant(OURS, lambda: pg_ours.small(small.url, _build(small)), "ours", _rows),
        Contestant("psycopg 3", lambda: peers.psycopg_blocking(small), rows=_rows),
        Contestant("ADBC", lambda: peers.adbc(small), rows=_rows),
        Contestant(BUILDER, lambda: pg_ours.builder(_build(small)), "part"),
    ]
    return _case(small, "result", "blocking", contestants, server)


def _await_case(small: Small, server: str) -> Case:
    def goals(medians: Mapping[str, float]) -> list[Goal]:
        if ASYNCPG not in medians:
            return []
        return [Goal("asyncpg's time", medians[OURS] / medians[ASYNCPG], "<=", 0.5)]

    contestants = [
        Contestant(OURS, lambda: pg_ours.small_awaited(small.url, _build(small)), "ours", _rows),
        Contestant(ASYNCPG, lambda: peers.asyncpg_connection(small), rows=_rows),
        Contestant(ASYNCPG_POOL, lambda: peers.asyncpg_pool(small), rows=_rows),
        Contestant("psycopg 3 async", lambda: peers.psycopg_connection(small), rows=_rows),
        Contestant(PSYCOPG_POOL, lambda: peers.psycopg_pool(small), rows=_rows),
        Contestant("ADBC, blocking", lambda: peers.adbc(small), rows=_rows),
        Contestant("SQLAlchemy async", lambda: peers.sqlalchemy_async(small), rows=_rows),
        Contestant(BUILDER, lambda: pg_ours.builder(_build(small)), "part"),
    ]
    return _case(small, "await", "awaited one after the other", contestants, server, goals=goals)


def _in_flight_case(small: Small, server: str) -> Case:
    def goals(medians: Mapping[str, float]) -> list[Goal]:
        return [
            *ahead(medians, OURS, [ASYNCPG_POOL], 2.5),
            *ahead(medians, OURS, [PSYCOPG_POOL], 4.0),
        ]

    def ours() -> Any:
        return peers.in_flight(pg_ours.small_awaited(small.url, _build(small)))

    contestants = [
        Contestant(OURS, ours, "ours", _batches),
        *(
            Contestant(name, lambda peer=peer: peers.in_flight(peer(small)), rows=_batches)
            for name, peer in (
                (ASYNCPG_POOL, peers.asyncpg_pool),
                (PSYCOPG_POOL, peers.psycopg_pool),
                ("SQLAlchemy async pool", peers.sqlalchemy_pool),
            )
        ),
        Contestant("ADBC, threads", lambda: peers.adbc_threads(small), rows=_batches),
    ]
    about = f"{peers.IN_FLIGHT} in flight, {pg_ours.POOL} connections each"
    unit = f"s per {peers.BATCH} queries"
    return _case(small, "in_flight", about, contestants, server, goals=goals, unit=unit)


def _client_case(small: Small, connections: int, server: str) -> Case:
    def goals(medians: Mapping[str, float]) -> list[Goal]:
        if PGBENCH not in medians:
            return []
        times = {name: medians[PGBENCH] / medians[name] for name in (CLIENT, CLIENT_IN_BLOCK)}
        return [
            Goal("pgbench's rate, a read-only transaction each", times[CLIENT], ">=", 0.8),
            Goal("pgbench's rate, in one transaction", times[CLIENT_IN_BLOCK], ">=", 1.0),
        ]

    client = partial(pg_client.client, small, connections)
    contestants = [
        Contestant(CLIENT, partial(client, "autocommit"), "ours", timed_itself=True),
        Contestant(CLIENT_IN_BLOCK, partial(client, "in_transaction"), "part", timed_itself=True),
        Contestant(
            PGBENCH, lambda: pg_client.pgbench(small, connections, False), timed_itself=True
        ),
        Contestant(
            PGBENCH_IN_BLOCK, lambda: pg_client.pgbench(small, connections, True), timed_itself=True
        ),
    ]
    return Case(
        bench="pg_small",
        name=f"client_{connections}",
        about=f"One event of {small.rows:,} by primary key, 9 columns, programs without Python,"
        f" one thread, {connections} connections, one query in flight on each",
        contestants=contestants,
        goals=goals,
        unit=f"s per {pg_client.QUERIES:,} queries",
        block_s=0,
        rounds=9,
        notes=lambda: {"server": server},
    )


def _case(
    small: Small,
    way: str,
    about: str,
    contestants: Sequence[Contestant],
    server: str,
    **more: Any,
) -> Case:
    what = "One event" if small.query == "point" else f"{peers.LIST_ROWS} events, by id,"
    return Case(
        bench="pg_small",
        name=f"{small.query}_{way}",
        about=f"{what} of {small.rows:,} by primary key, 9 columns, {about}",
        contestants=contestants,
        loop_factory=pg_bulk_peers.loop_factory(),
        notes=lambda: {"server": server},
        **more,
    )


def _build(small: Small) -> Any:
    return pg_ours.statement(small.query, small.table, small.arguments)


def _rows(rows: Any) -> list[tuple[object, ...]]:
    """Tuples; ADBC gives a numeric as text."""
    return [(*row[:AMOUNT], Decimal(row[AMOUNT]), *row[AMOUNT + 1 :]) for row in map(tuple, rows)]


def _batches(batches: Any) -> list[list[tuple[object, ...]]]:
    return [_rows(rows) for rows in batches]
