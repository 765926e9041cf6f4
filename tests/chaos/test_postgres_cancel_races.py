"""Requests that are given up at about the moment they end, beside neighbours that never are.

Both share the pool's few connections, so a cancel request that comes too late would hit a neighbour:
as an error that is not its own (57014) or, if answers were mixed up, as a wrong row. Neither may
happen once. MOLT_CANCEL_RACES is how many requests are given up in each test (`make cancel-races`
takes many), MOLT_CANCEL_RACES_SEED repeats a run's choices.
"""

from __future__ import annotations

import asyncio
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import molt_sql
from chaos.tools import Watcher, assert_serves, opened, pids, run
from molt_sql import Database, DatabaseError, raw
from servers.fixtures import PostgresDatabase
from servers.postgres import Tls

RACES = int(os.environ.get("MOLT_CANCEL_RACES", "2000"))
SEED = int(os.environ.get("MOLT_CANCEL_RACES_SEED", "20260101"))
ENDS_WITHIN_S = 60 + RACES / 20
CONNECTIONS = 5
CROWDED = 2
RACERS = 5
NEIGHBOURS = 3
# Of what is given up.
RUN_TIMES_S = (0.0, 0.0005, 0.002)

TABLES = """
    create table if not exists done (n int primary key);
    create table if not exists steps (n int, step int);
    alter table done owner to molt; alter table steps owner to molt; truncate done, steps
"""


class Ledger:
    """What became of the requests. `wrong` must stay empty."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.written: dict[int, str] = {}
        self.left = RACES
        self._next = 0
        self._lock = threading.Lock()

    def takes(self) -> bool:
        """Whether there is one more race to run."""
        with self._lock:
            self.left -= 1
            return self.left >= 0

    @property
    def goes_on(self) -> bool:
        return self.left > 0

    def number(self) -> int:
        """One that no other request has."""
        with self._lock:
            self._next += 1
            return self._next

    def note(self, what: str) -> None:
        with self._lock:
            self.counts[what] += 1

    def row(self, who: str, row: Any, n: int) -> None:
        self.note(f"{who}: right" if row == (n, f"row {n}") else f"{who}: WRONG")
        if row != (n, f"row {n}"):
            self.wrong.append(f"{who} {n} got {row!r}")

    def error(self, who: str, error: BaseException) -> None:
        self.note(f"{who}: ERROR")
        code = getattr(error, "code", "")
        self.wrong.append(f"{who}: {type(error).__name__} {code} {error}")

    def judge(self, watcher: Watcher) -> None:
        """Writes that were said to be done, and only those, are there."""
        numbers: list[int] = watcher.value("select coalesce(array_agg(n), '{}') from done")
        there = set(numbers)
        for n, outcome in self.written.items():
            if outcome != "unknown" and (n in there) != (outcome == "done"):
                self.wrong.append(f"write {n} is {'' if n in there else 'not '}there: {outcome}")
        halves = "select count(*) from (select n from steps group by n having count(*) <> 2) t"
        if found := watcher.value(halves):
            self.wrong.append(f"{found} transactions are there by half")
        print(f"\n{RACES} races: " + ", ".join(f"{k} {v}" for k, v in sorted(self.counts.items())))
        print(f"wrong: {len(self.wrong)}", *self.wrong[:10], sep="\n  ")
        assert not self.wrong


class Patience:
    """How long to wait before giving up, so that about every second request comes to its end."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self._seconds: dict[object, float] = {}

    def of(self, kind: object) -> float:
        return self._seconds.setdefault(kind, 0.001) * self.dice.uniform(0.7, 1.3)

    def learn(self, kind: object, came_to_its_end: bool) -> None:
        self._seconds[kind] *= 1 / 1.2 if came_to_its_end else 1.2


def question(db: Any, n: int, seconds: float = 0.0) -> Any:
    sql = "select {n}::int, 'row ' || {n}::text"
    if seconds:
        sql += " from pg_sleep({s}::float8)"
        return raw(sql, n=n, s=seconds).on(db)
    return raw(sql, n=n).on(db)


def write(n: int, seconds: float) -> Any:
    return raw("insert into done select {n}::int from pg_sleep({s}::float8)", n=n, s=seconds)


@pytest.fixture
def tables(watcher: Watcher) -> None:
    watcher.run(TABLES)


@pytest.fixture(params=["socket", "tls", "crowd"])
def connections(request: pytest.FixtureRequest) -> int:
    """In a crowd several requests wait for each connection, or share one."""
    return CROWDED if request.param == "crowd" else CONNECTIONS


@pytest.fixture
def raced(
    request: pytest.FixtureRequest, connections: int, pg_database: PostgresDatabase
) -> Iterator[Database]:
    tls: Tls | None = "verify-full" if "tls" in request.node.name else None
    with opened(pg_database.url(tls=tls), max_connections=connections) as db:
        yield db


# -- Tasks -----------------------------------------------------------------------------------------


async def race(db: Database, ledger: Ledger, patience: Patience) -> None:
    """One request that is given up, by its deadline or by cancelling, at about its end."""
    n = ledger.number()
    dice = patience.dice
    seconds = dice.choice(RUN_TIMES_S)
    by_deadline = dice.random() < 0.5
    writes = dice.random() < 0.25
    kind = (seconds, by_deadline, writes)
    wait = patience.of(kind)
    timeout = wait if by_deadline else None

    async def ask() -> Any:
        if writes:
            return await db.execute(write(n, seconds), timeout=timeout)
        return await question(db, n, seconds).fetch_one(timeout=timeout)

    task = asyncio.ensure_future(ask())
    if not by_deadline:
        await asyncio.sleep(wait)
        task.cancel()
    what = "write" if writes else "read"
    outcome = "undone"
    try:
        answer = await task
    except molt_sql.TimeoutError as error:
        if not by_deadline:
            ledger.error("cancelled", error)
        ledger.note(f"{what}: timeout")
    except asyncio.CancelledError:
        ledger.note(f"{what}: cancelled")
        outcome = "unknown"  # whether a write was done before is not said
    except DatabaseError as error:
        if not writes or error.code != "08007":
            ledger.error("raced", error)
        ledger.note(f"{what}: outcome unknown")
        outcome = "unknown"
    else:
        outcome = "done"
        if writes:
            ledger.note("write: done")
        else:
            ledger.row("read", answer, n)
    patience.learn(kind, outcome == "done")
    if writes:
        ledger.written[n] = outcome


async def neighbour(db: Database, ledger: Ledger, dice: random.Random) -> None:
    """Asks all the time, each way there is, and never gives up."""
    while ledger.goes_on:
        n = ledger.number()
        try:
            match dice.randrange(6):
                case 0:
                    ledger.written[n] = "done"
                    await db.execute(write(n, 0.0))
                    ledger.note("neighbour: wrote")
                case 1:
                    async with db.transaction() as tx:
                        await tx.execute(raw("insert into steps values ({n}, 1)", n=n))
                        ledger.row("neighbour", await question(tx, n).fetch_one(), n)
                        await tx.execute(raw("insert into steps values ({n}, 2)", n=n))
                case 2:
                    async with question(db, n, 0.001).stream(batch_rows=1) as stream:
                        async for batch in stream:
                            for row in batch:
                                ledger.row("neighbour", row, n)
                case 3:
                    await db.insert("steps", [(n, 1), (n, 2)])
                    ledger.note("neighbour: inserted")
                case _:
                    seconds = dice.choice(RUN_TIMES_S)
                    ledger.row("neighbour", await question(db, n, seconds).fetch_one(), n)
        except Exception as error:
            ledger.error("neighbour", error)


@pytest.mark.usefixtures("tables")
def test_no_neighbour_is_hit_by_a_task_that_gives_up(
    raced: Database, connections: int, watcher: Watcher
) -> None:
    ledger = Ledger()
    before = pids(raced, connections)

    async def racer(number: int) -> None:
        patience = Patience(SEED + number)
        while ledger.takes():
            await race(raced, ledger, patience)

    async def main() -> None:
        racers = [racer(n) for n in range(RACERS)]
        neighbours = [
            neighbour(raced, ledger, random.Random(SEED - n)) for n in range(1, NEIGHBOURS + 1)
        ]
        await asyncio.gather(*racers, *neighbours)

    run(main, ENDS_WITHIN_S)
    watcher.until_idle()
    ledger.judge(watcher)
    # Giving up costs no connection.
    assert pids(raced, connections) == before
    assert_serves(raced, connections)


# -- Threads ---------------------------------------------------------------------------------------


def race_of_a_thread(db: Database, ledger: Ledger, patience: Patience) -> None:
    n = ledger.number()
    seconds = patience.dice.choice(RUN_TIMES_S)
    timeout = patience.of(seconds)
    try:
        if patience.dice.random() < 0.5:
            answer = question(db, n, seconds).fetch_one(timeout=timeout).result()
        else:
            answer = question(db, n, seconds).fetch_one().result(timeout=timeout)
    except molt_sql.TimeoutError:
        ledger.note("read: timeout")
        patience.learn(seconds, came_to_its_end=False)
    else:
        ledger.row("read", answer, n)
        patience.learn(seconds, came_to_its_end=True)


def neighbour_on_a_thread(db: Database, ledger: Ledger, dice: random.Random) -> None:
    while ledger.goes_on:
        n = ledger.number()
        ledger.row("neighbour", question(db, n, dice.choice(RUN_TIMES_S)).fetch_one().result(), n)


@pytest.mark.usefixtures("tables")
def test_no_neighbour_is_hit_by_a_thread_that_gives_up(
    raced: Database, connections: int, watcher: Watcher
) -> None:
    ledger = Ledger()

    def guarded(work: Callable[[], None]) -> threading.Thread:
        def run_it() -> None:
            try:
                work()
            except BaseException as error:
                ledger.error("thread", error)

        thread = threading.Thread(target=run_it)
        thread.start()
        return thread

    def racer(number: int) -> None:
        patience = Patience(SEED + number)
        while ledger.takes():
            race_of_a_thread(raced, ledger, patience)

    threads = [guarded(lambda n=n: racer(n)) for n in range(RACERS)]  # type: ignore[misc]
    for n in range(1, NEIGHBOURS + 1):
        dice = random.Random(SEED - n)
        threads.append(guarded(lambda dice=dice: neighbour_on_a_thread(raced, ledger, dice)))  # type: ignore[misc]
    deadline = time.monotonic() + ENDS_WITHIN_S
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
        assert not thread.is_alive(), "a thread hangs"
    watcher.until_idle()
    ledger.judge(watcher)
    assert_serves(raced, connections)
