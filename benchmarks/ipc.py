"""A worker under load: from one client at a time to 1,000 connections, over a socket and stdio.

A contestant is a way to ask: a worker of its own and a C++ program that keeps so many requests in
flight. There are no peers. The table is that of the contract, 50 rows a page, another user in
each request.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import cycle
from typing import Any

import data
import ipc_load
import ipc_worker
from harness import Case, Contestant, Goal, Op, Options, RowsDifferError
from ipc_load import Asked, Figures, Way

ONE = Way("socket, 1 in flight", "socket", 1, 1)
MANY = Way("socket, 32 in flight", "socket", 1, 32)
CLIENTS = Way("socket, 32 connections", "socket", 32, 1)
CROWD = Way("socket, 1,000 connections", "socket", 1000, 1)
WAYS = (
    MANY,
    ONE,
    Way("stdio, 32 in flight", "stdio", 1, 32),
    Way("stdio, 1 in flight", "stdio", 1, 1),
    CLIENTS,
    CROWD,
)
RAW = "the same by Python's sqlite3, in one process"
ENGINE = "the same rows, one column summed within SQLite"
ROUND_S = 1.0
ROUND_QUICK_S = 0.02
ROUNDS = 5
IDLE_S = 2.0
IDLE_QUICK_S = 0.2

PAGE = 50
USERS = range(1, data.ITEMS_USERS + 1, data.ITEMS_USERS // 64)
"""Whose items are asked for, one after the other."""
COLUMNS = ("id", "created_at", "status", "title", "score", "unread")
SQL = (
    f"select {', '.join(COLUMNS)} from items where user_id = ? and id > ? order by id limit {PAGE}"
)

RATES = {"ping": 250_000, "list_items": 40_000, "db_query_msgpack": 40_000}
"""Goals: requests a second, 32 in flight on one connection."""
LATENCIES_US = {"ping": 60, "list_items": 100}
"""Goals: medians of one request at a time."""
CROWD_SHARE = 0.9
IDLE_MB = 15


def cases(options: Options) -> Iterator[Case]:
    seconds = ROUND_QUICK_S if options.quick else ROUND_S
    idle = partial(_idle, IDLE_QUICK_S if options.quick else IDLE_S)
    rows = _pages()
    yield _case("ping", "__ping__, answered at once", _ping(), seconds, idle)
    yield _case("health", "health", _health(), seconds)
    about = f"list_items, {PAGE} rows as MsgPack"
    yield _case("list_items", about, _list_items(rows), seconds, floors=_floors(seconds))
    for form in ("json", "msgpack", "arrow_ipc"):
        about = f"db_query, the same {PAGE} rows as {form}"
        yield _case(
            f"db_query_{form}", about, _db_query(rows, form), seconds, floors=_floors(seconds)
        )


def _case(
    name: str,
    about: str,
    asked: Asked,
    seconds: float,
    extra: Callable[[], tuple[dict[str, str], list[Goal]]] = lambda: ({}, []),
    floors: Sequence[Contestant] = (),
) -> Case:
    figures = {way.name: Figures() for way in WAYS}
    of_extra: list[Goal] = []

    def goals(medians: Mapping[str, float]) -> list[Goal]:
        found = []
        if name in RATES:
            rate = 1 / medians[MANY.name]
            found.append(Goal(f"requests a second, {MANY.name}", rate, ">=", RATES[name]))
        if name in LATENCIES_US:
            p50 = figures[ONE.name].median("p50_us")
            found.append(Goal(f"µs (p50), {ONE.name}", p50, "<=", LATENCIES_US[name]))
        share = medians[CLIENTS.name] / medians[CROWD.name]
        found.append(Goal("of 32 connections' rate with 1,000", share, ">=", CROWD_SHARE))
        return [*found, *of_extra]

    def notes() -> dict[str, str]:
        measured = {name: str(figure) for name, figure in figures.items() if figure.rounds}
        if not measured:  # neither worker nor load could be started
            return {}
        more, of_extra[:] = extra()
        return measured | more

    return Case(
        bench="ipc",
        name=name,
        about=f"{about}; SQLite, {data.ITEMS_USERS * data.ITEMS_OF_A_USER:,} rows",
        contestants=[
            Contestant(
                way.name,
                partial(ipc_load.load, asked, way, _databases(), seconds, figures[way.name]),
                "ours" if way is MANY else "part",
                timed_itself=True,
            )
            for way in WAYS
        ]
        + list(floors),
        unit="s per request",
        goals=goals,
        rounds=ROUNDS,
        block_s=0,
        notes=notes,
    )


def _floors(seconds: float) -> list[Contestant]:
    """What SQLite needs for a page: all cells made Python objects; the rows found, little more."""
    summed = f"select sum(score) from ({SQL})"
    return [
        Contestant(name, partial(_raw, sql, seconds / 5), "part", timed_itself=True)
        for name, sql in ((RAW, SQL), (ENGINE, summed))
    ]


@contextmanager
def _raw(sql: str, seconds: float) -> Iterator[Op]:
    db = sqlite3.connect(f"file:{data.items_file()}?mode=ro", uri=True)
    users = cycle(USERS)

    def run(_: int) -> float:
        count = 0
        began = time.perf_counter()
        while (took := time.perf_counter() - began) < seconds or count == 0:
            db.execute(sql, (next(users), 0)).fetchall()
            count += 1
        return took / count

    yield run
    db.close()


def _databases() -> dict[str, str]:
    return {"default": f"sqlite:///{data.items_file()}?mode=ro"}


def _idle(seconds: float) -> tuple[dict[str, str], list[Goal]]:
    """Memory before the first query; wake-ups after some, on a connection that stays open."""
    with ipc_worker.running(_databases()) as worker:
        megabytes = worker.rss_bytes() / 1e6
        with ipc_load.asking(worker, _list_items(_pages()), ONE):
            before = worker.switches()
            time.sleep(seconds)
            wake_ups = (worker.switches() - before) / seconds
            after = worker.rss_bytes() / 1e6
    notes = {
        "an idle worker": f"{wake_ups:g} wake-ups a second, {megabytes:.1f} MB;"
        f" {after:.1f} MB after {len(USERS)} different pages, one after the other"
    }
    return notes, [
        Goal("wake-ups a second of an idle worker", wake_ups, "<=", 0),
        Goal("MB of an idle worker", megabytes, "<=", IDLE_MB),
    ]


Rows = list[tuple[object, ...]]


def _pages() -> list[Rows]:
    """The first page of each of USERS, read by Python's own sqlite3."""
    with sqlite3.connect(f"file:{data.items_file()}?mode=ro", uri=True) as db:
        return [_normal(db.execute(SQL, (user, 0)).fetchall()) for user in USERS]


def _normal(rows: list[Any]) -> Rows:
    return [(*row[:-1], bool(row[-1])) for row in rows]


def _ping() -> Asked:
    def check(_: int, codec: str, payload: bytes) -> None:
        _require(codec == "raw" and payload == b"", "a ping has no payload")

    return Asked("__ping__", "raw", [None], check)


def _health() -> Asked:
    def check(_: int, codec: str, payload: bytes) -> None:
        _require(_decode(codec, payload)["ok"] is True, "the worker is not well")

    return Asked("health", "msgpack", [{}], check)


def _list_items(pages: list[Rows]) -> Asked:
    def check(number: int, codec: str, payload: bytes) -> None:
        items = _decode(codec, payload)["items"]
        rows = [tuple(item[column] for column in COLUMNS) for item in items]
        _require(_normal(rows) == pages[number], "list_items gives other rows than sqlite3")

    return Asked("list_items", "msgpack", [{"user_id": user} for user in USERS], check)


def _db_query(pages: list[Rows], form: str) -> Asked:
    def check(number: int, codec: str, payload: bytes) -> None:
        _require(codec == form, f"a result in {codec} instead of {form}")
        rows = _decode(codec, payload)["rows"]
        _require(_normal(rows) == pages[number], "db_query gives other rows than sqlite3")

    def payload(user: int) -> object:
        params = {"mode": "positional", "values": [user, 0]}
        return {"sql": SQL, "params": params, "result_format": form}

    return Asked("db_query", "msgpack", [payload(user) for user in USERS], check)


def _decode(codec: str, payload: bytes) -> Any:
    if codec == "json":
        return json.loads(payload)
    if codec == "msgpack":
        import msgpack

        return msgpack.unpackb(payload)
    import pyarrow as pa

    table = pa.ipc.open_stream(payload).read_all()
    return {"rows": list(zip(*table.to_pydict().values(), strict=True))}


def _require(is_so: bool, otherwise: str) -> None:
    if not is_so:
        raise RowsDifferError(otherwise)
