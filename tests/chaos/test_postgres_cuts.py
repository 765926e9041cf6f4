"""A connection that is cut, slow or silent at every stage of every kind of request.

A read gives the right rows or an error. A write whose call succeeds was done once; one whose error
is "outcome unknown" (08007) was done once or not at all; after any other error it was not done.
"""

# ruff: noqa: PT017 (whether there is an error is not known before)

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import pytest

import molt_sql
from chaos.tools import AT_ONCE_S, Watcher, assert_serves, echo, large, lasts, right, until, value
from molt_sql import Database, DatabaseError, connect, raw
from servers.fault_proxy import (
    DIRECTIONS,
    BlackHole,
    CutAfter,
    Delay,
    Direction,
    Fault,
    FaultProxy,
    Slice,
    Stall,
)
from servers.fixtures import PostgresDatabase
from servers.postgres import Tls

Through = Callable[..., Database]
Arm = Callable[[], None]
# Requests and answers of one kind are of one length: as many digits, and echo() repeats n % 50 times.
NUMBERS = itertools.count(10_001, 50)
CUTS = 14  # of each request, in each direction
TIMEOUT_S = 0.3
SETTLED_WITHIN_S = 2 + AT_ONCE_S


@dataclass(frozen=True)
class Kind:
    """A request: `ask(db, n, arm)` calls `arm` just before what the fault is for."""

    ask: Callable[[Database, int, Arm], None]
    rows: int = 0
    """How many rows (n) it writes."""


def describe(db: Database, n: int, arm: Arm) -> None:
    arm()
    assert raw(f"select {n} + 1 as n").on(db).fetch_value().result() == n + 1


def query(db: Database, n: int, arm: Arm) -> None:
    assert right(echo(db, 3).fetch_one().result(), 3)
    arm()
    assert right(echo(db, n).fetch_one().result(), n)


def result(db: Database, _: int, arm: Arm) -> None:
    assert len(large(db, 1).fetch_arrow().result()) == 1
    arm()
    found = large(db, 20_000).fetch_arrow().result()
    assert found.column("n") == list(range(1, 20_001))


def stream(db: Database, _: int, arm: Arm) -> None:
    assert len(large(db, 1).fetch_arrow().result()) == 1
    arm()
    with large(db, 20_000).stream(batch_rows=500) as batches:
        assert [row.n for batch in batches for row in batch] == list(range(1, 20_001))


def execute(db: Database, n: int, arm: Arm) -> None:
    value(db, "select 1")
    arm()
    assert db.execute(raw("insert into t values ({n})", n=n)).result().rows_affected == 1


def execute_many(db: Database, n: int, arm: Arm) -> None:
    value(db, "select 1")
    arm()
    done = db.execute_many("insert into t values ({n})", [{"n": n}] * 50).result()
    assert done.rows_affected == 50


def insert(db: Database, n: int, arm: Arm) -> None:
    value(db, "select 1")
    arm()
    assert db.insert("t", [(n,)] * 300).result() == 300


def commit(db: Database, n: int, arm: Arm) -> None:
    with db.transaction() as tx:
        assert tx.execute(raw("insert into t values ({n})", n=n)).result().rows_affected == 1
        arm()


def transaction(db: Database, n: int, arm: Arm) -> None:
    value(db, "select 1")
    arm()
    with db.transaction() as tx:
        assert tx.execute(raw("insert into t values ({n})", n=n)).result().rows_affected == 1
        assert value(tx, f"select count(*) from t where n = {n}") == 1


KINDS = {
    "describe": Kind(describe),
    "query": Kind(query),
    "large result": Kind(result),
    "stream": Kind(stream),
    "execute": Kind(execute, 1),
    "execute_many": Kind(execute_many, 50),
    "insert": Kind(insert, 300),
    "commit": Kind(commit, 1),
    "transaction": Kind(transaction, 1),
}


@pytest.fixture
def kind(request: pytest.FixtureRequest, watcher: Watcher) -> Iterator[Kind]:
    watcher.run("create table t (n int); alter table t owner to molt")
    yield KINDS[request.param]
    watcher.run("set lock_timeout = '20s'; drop table t")


every_kind = pytest.mark.parametrize("kind", KINDS, indirect=True)


def newest(db: Database, proxy: FaultProxy) -> int:
    """The proxy's number of the connection that was opened last, when there is one."""
    value(db, "select 1")
    return len(proxy.connections) - 1


def traffic(kind: Kind, db: Database, proxy: FaultProxy) -> dict[Direction, int]:
    """How many bytes the request takes in each direction."""
    index = newest(db, proxy)
    before: dict[Direction, int] = {}
    kind.ask(db, next(NUMBERS), lambda: before.update(proxy.connections[index].bytes))
    proxy.wait(lambda p: p.connections[index].bytes["to_client"] > before["to_client"])
    return {each: proxy.connections[index].bytes[each] - before[each] for each in DIRECTIONS}


def positions(size: int, cuts: int = CUTS) -> list[int]:
    """Evenly spread, and each of the last few: what acknowledges comes last."""
    return sorted({size * i // cuts for i in range(cuts)} | set(range(max(0, size - 7), size)))


def outcome(kind: Kind, db: Database, n: int, arm: Arm) -> str:
    """ "done", "unknown", "lost" or "late"; what is written in the end is not looked at."""
    try:
        kind.ask(db, n, arm)
    except molt_sql.TimeoutError:
        return "late"
    except DatabaseError as error:
        if error.code == "08007":
            assert kind.rows, error
            assert "not known" in str(error)
            return "unknown"
        assert error.code == "08006" or error.code.startswith("57P"), (error.code, error)
        return "lost"
    return "done"


def assert_as_said(kind: Kind, watcher: Watcher, n: int, said: str) -> None:
    there = watcher.value("select count(*) from t where n = %s", n)
    allowed = {"done": [kind.rows], "unknown": [0, kind.rows]}.get(said, [0])
    assert there in allowed, f"{said}, and {there} rows are there"


@every_kind
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_cut_anywhere(
    kind: Kind, through: Through, pg_proxy: FaultProxy, watcher: Watcher, direction: Direction
) -> None:
    one = through(max_connections=1)
    traffic(kind, one, pg_proxy)
    said: Counter[str] = Counter()
    for size in positions(traffic(kind, one, pg_proxy)[direction]):
        index = newest(one, pg_proxy)
        n = next(NUMBERS)
        fault = CutAfter(size, reset=size % 2 == 1)
        with lasts(0, 5):
            found = outcome(kind, one, n, partial(pg_proxy.set, fault, direction, index))
        said[found] += 1
        if found != "done":
            until(lambda: not watcher.sessions(), what="the session is gone")
        assert_as_said(kind, watcher, n, found)
    assert said["late"] == 0
    assert said["lost"] + said["unknown"] > 0
    assert_serves(one, 1)


@pytest.mark.parametrize("kind", ["execute", "execute_many", "commit"], indirect=True)
def test_a_write_whose_answer_is_lost_is_done_once_and_said_to_be_unknown(
    kind: Kind, through: Through, pg_proxy: FaultProxy, watcher: Watcher
) -> None:
    one = through(max_connections=1)
    traffic(kind, one, pg_proxy)  # prepares it
    for reset in (False, True):
        index = newest(one, pg_proxy)
        if kind is not KINDS["commit"]:
            traffic(kind, one, pg_proxy)
        n = next(NUMBERS)
        fault = CutAfter(0, reset)
        said = outcome(kind, one, n, partial(pg_proxy.set, fault, "to_client", index))
        assert said == "unknown"
        until(lambda: not watcher.sessions())
        assert watcher.value("select count(*) from t where n = %s", n) == kind.rows
        assert right(echo(one, n).fetch_one(timeout=10).result(), n)
    assert_serves(one, 1)


@every_kind
@pytest.mark.parametrize(
    "fault", [Delay(0.01), Slice(1), Slice(13, 0.0002)], ids=["late", "in bytes", "in pieces"]
)
def test_what_comes_slowly_comes_whole(
    kind: Kind, through: Through, pg_proxy: FaultProxy, watcher: Watcher, fault: Fault
) -> None:
    db = through(max_connections=2)
    is_long = kind in (KINDS["large result"], KINDS["stream"])
    if is_long and isinstance(fault, Slice):
        fault = Slice(fault.size * 1009, fault.pause)
    pg_proxy.set(fault)
    for _ in range(2):
        n = next(NUMBERS)
        assert outcome(kind, db, n, lambda: None) == "done"
        assert_as_said(kind, watcher, n, "done")
    pg_proxy.clear()
    assert_serves(db, 2)


@every_kind
@pytest.mark.parametrize(
    ("fault", "direction"),
    [(Stall(), "to_client"), (BlackHole(), "to_client"), (BlackHole(), "to_server")],
    ids=["answers stall", "answers are lost", "requests are lost"],
)
def test_silence_ends_at_the_deadline(
    kind: Kind,
    through: Through,
    pg_proxy: FaultProxy,
    watcher: Watcher,
    fault: Fault,
    direction: Direction,
) -> None:
    # The next one has another connection: that which was lost is given up after some seconds.
    db = through(max_connections=2, timeout=TIMEOUT_S)
    index = newest(db, pg_proxy)
    n = next(NUMBERS)
    with lasts(0, 2 * (TIMEOUT_S + SETTLED_WITHIN_S)):
        said = outcome(kind, db, n, lambda: pg_proxy.set(fault, direction, which=index))
    assert said in ("late", "unknown")
    assert right(echo(db, n).fetch_one(timeout=10).result(), n)
    pg_proxy.clear()
    pg_proxy.cut(index)  # what the proxy has kept back goes no further
    db.close()
    until(lambda: not watcher.sessions(), 15)
    assert_as_said(kind, watcher, n, said)


# -- While connecting ------------------------------------------------------------------------------


@pytest.fixture(params=["disable", "require"])
def proxied_url(
    request: pytest.FixtureRequest, pg_database: PostgresDatabase, pg_proxy: FaultProxy
) -> str:
    tls: Tls = request.param
    return pg_database.url(tls=tls, **pg_proxy.address)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_cut_anywhere_while_connecting(
    proxied_url: str, pg_proxy: FaultProxy, watcher: Watcher, direction: Direction
) -> None:
    connect(proxied_url).close()
    # Not the last bytes of a client, which say goodbye.
    size = pg_proxy.connections[-1].bytes[direction] - (40 if direction == "to_server" else 0)
    for cut in positions(size):
        pg_proxy.set(CutAfter(cut, reset=cut % 2 == 1), direction, len(pg_proxy.connections))
        with lasts(0, 5):
            try:
                db = connect(proxied_url, connect_timeout=4)
            except DatabaseError as error:
                assert error.code == "08001", error
                assert "cannot connect" in str(error)
            else:  # TLS may have had its last bytes before it needed them
                db.close()
        pg_proxy.clear()
    with connect(proxied_url, max_connections=2) as db:
        assert_serves(db, 2)
    until(lambda: not watcher.sessions(), what="no session is left")


@pytest.mark.parametrize("fault", [Delay(0.02), Slice(1), Slice(5, 0.0002)])
def test_connecting_slowly(proxied_url: str, pg_proxy: FaultProxy, fault: Fault) -> None:
    pg_proxy.set(fault)
    with connect(proxied_url, max_connections=1) as db:
        assert right(echo(db, 1).fetch_one().result(), 1)
        with pytest.raises(molt_sql.TimeoutError):
            raw("select pg_sleep(30)").on(db).fetch_all(timeout=0.3).result()
        assert right(echo(db, 2).fetch_one(timeout=10).result(), 2)
        pg_proxy.clear()
        assert_serves(db, 1)


@pytest.mark.parametrize("fault", [Stall(), BlackHole()], ids=["stalls", "is lost"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.6])
def test_silence_while_connecting_ends_in_time(
    proxied_url: str, pg_proxy: FaultProxy, watcher: Watcher, fault: Fault, share: float
) -> None:
    """After a part of what the server says."""
    connect(proxied_url).close()
    size = int(pg_proxy.connections[-1].bytes["to_client"] * share)
    index = len(pg_proxy.connections)
    # Slowly, so that the silence can begin in the midst.
    pg_proxy.set(Slice(16, 0.004) if size else fault, "to_client", index)

    def silence() -> None:
        if size:
            pg_proxy.wait(
                lambda p: (
                    len(p.connections) > index and p.connections[index].bytes["to_client"] >= size
                )
            )
            pg_proxy.set(fault, "to_client", index)

    thread = threading.Thread(target=silence)
    thread.start()
    with lasts(0.5, 0.5 + AT_ONCE_S), pytest.raises(molt_sql.TimeoutError, match="connect"):
        connect(proxied_url, connect_timeout=0.5)
    thread.join()
    pg_proxy.clear()
    pg_proxy.cut(index)
    until(lambda: not watcher.sessions(), what="no session is left")
    with connect(proxied_url, max_connections=2) as db:
        assert_serves(db, 2)
