"""Build a query and compile it to SQL and parameters; nothing is executed while the clock runs.

Warm: the same structure over and over, only values change. Cold: every query has an alias never
seen before, so no cache of ours or of a peer can help.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

import builder_peers as peers
from builder_peers import Build, Sql
from harness import Case, Contestant, Difference, Goal, Op, Options, ahead

SUFFIXES = ["@austin.edu", *(f"@austin{k}.edu" for k in range(1, 256))]
LIMITS = [100 - k % 90 for k in range(256)]

OURS = "molt_sql"
CORE = "SQLAlchemy Core"
CORE_CACHED = "SQLAlchemy Core, cached (execute - exec_driver_sql)"
CORE_EXECUTE = "SQLAlchemy execute(), cached, empty table"
CORE_DRIVER = "SQLAlchemy exec_driver_sql(), empty table"
DJANGO = "Django"


def cases(_: Options) -> Iterator[Case]:
    for query in ("target", "report"):
        for temperature in ("warm", "cold"):
            yield _case(query, temperature, "sqlite")
    yield _case("target", "warm", "postgres")


def ours(query: str, dialect: str) -> Build:
    from molt_sql import fn, table

    user, order = table("users"), table("orders")

    def target(suffix: str, limit: int, tag: int | None) -> Sql:
        first = user.id if tag is None else user.id.as_(f"id_{tag}")
        rows = user.where(user.email.endswith(suffix)).select(first, user.email).limit(limit)
        text, params = rows.sql(dialect)
        return text, params

    def report(suffix: str, limit: int, tag: int | None) -> Sql:
        revenue = order.total.sum()
        rows = (
            user.join(order, order.user_id == user.id)
            .where(
                order.status.in_(peers.STATUSES),
                order.total >= peers.TOTAL_MIN,
                user.email.endswith(suffix),
            )
            .select(
                user.age,
                fn.count().as_("orders"),
                revenue.as_("revenue" if tag is None else f"revenue_{tag}"),
                order.total.avg().as_("mean"),
            )
            .group_by(user.age)
            .having(fn.count() > peers.ORDERS_MIN)
            .order_by(revenue.desc(nulls="last"))
            .limit(limit)
        )
        text, params = rows.sql(dialect)
        return text, params

    return {"target": target, "report": report}[query]


def _case(query: str, temperature: str, dialect: str) -> Case:
    contestants = [
        _contestant(OURS, "ours", lambda: ours(query, dialect), temperature, dialect),
        _contestant(
            CORE, "peer", lambda: peers.sqlalchemy_core(query, dialect), temperature, dialect
        ),
        _contestant("PyPika", "peer", lambda: peers.pypika(query, dialect), temperature, dialect),
    ]
    differences = []
    if dialect == "sqlite":
        contestants.append(
            _contestant(DJANGO, "peer", lambda: peers.django(query), temperature, dialect)
        )
        if temperature == "warm":
            contestants += [
                Contestant(CORE_EXECUTE, lambda: peers.core_execute(query, _values), "part"),
                Contestant(CORE_DRIVER, lambda: peers.core_driver_sql(query), "part"),
            ]
            differences.append(Difference(CORE_CACHED, CORE_EXECUTE, CORE_DRIVER))
    what = {
        "target": "select id, email where email ends with ? limit ?",
        "report": "join of two tables, 3 conditions, 3 aggregates, group by, having, order by, limit",
    }[query]
    limit_us = {"target": {"warm": 10.0, "cold": 30.0}}.get(query, {}).get(temperature)

    def goals(medians: Mapping[str, float]) -> list[Goal]:
        found = [] if limit_us is None else [Goal("µs", medians[OURS] * 1e6, "<=", limit_us)]
        return found + ahead(medians, OURS, [CORE, CORE_CACHED, DJANGO], 5.0)

    return Case(
        bench="builder",
        name=f"{query}_{temperature}" + ("" if dialect == "sqlite" else f"_{dialect}"),
        about=f"Build and compile for {dialect}, {temperature}: {what}",
        contestants=contestants,
        goals=goals,
        differences=differences,
    )


def _contestant(
    name: str, role: Any, make: Callable[[], Build], temperature: str, dialect: str
) -> Contestant:
    @contextmanager
    def open_it() -> Iterator[Op]:
        build = make()
        if temperature == "warm":
            yield lambda i: build(SUFFIXES[i & 255], LIMITS[i & 255], None)
        else:
            yield lambda i: build(SUFFIXES[i & 255], LIMITS[i & 255], i)

    # Here is no PostgreSQL to ask; that case shares its builders with the others.
    return Contestant(name, open_it, role, _rows if dialect == "sqlite" else None)


def _values(i: int) -> tuple[str, int]:
    return SUFFIXES[i & 255], LIMITS[i & 255]


def _rows(sql: Sql) -> list[tuple[object, ...]]:
    """What the SQL returns on a small database."""
    text, params = sql
    return _database().execute(text.replace("%s", "?"), tuple(params)).fetchall()


@cache
def _database() -> sqlite3.Connection:
    db = sqlite3.connect(":memory:")
    db.execute("create table users (id integer primary key, email text, age integer)")
    db.execute("create table orders (id integer, user_id integer, status text, total real)")
    for i in range(900):
        db.execute("insert into users values (?,?,?)", (i, f"u{i}{SUFFIXES[i % 3]}", i % 7))
        status = ("open", "pending", "closed")[i % 10 % 3]
        db.execute("insert into orders values (?,?,?,?)", (i, i, status, i * 1.5))
    return db
