"""Where a request can be when its time is over or nobody wants it any more: each stage as a scene
in which it stands still until the scene is over."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg

from chaos.tools import Watcher, echo, sleep, until
from molt_sql import Database, raw, table
from servers.fault_proxy import FaultProxy, Stall
from servers.fixtures import PostgresDatabase

CONNECTIONS = 3
T = "stage"


@dataclass
class Scene:
    """Up to `over()` a request that is made by `pending` or `ask` comes to no end by itself."""

    database: PostgresDatabase
    db: Database
    watcher: Watcher
    proxy: FaultProxy
    stack: ExitStack
    pending: Callable[[float | None], Any] | None = None
    """Makes the request with a timeout; None where it takes more than one step."""
    ask: Callable[[float | None], Awaitable[Any]] | None = None
    """The same, to be awaited."""
    in_server: bool = True
    """Whether a session is active while it stands there."""

    def start(self, timeout: float | None) -> Awaitable[Any]:
        if self.ask is not None:
            return self.ask(timeout)
        assert self.pending is not None
        return self._await(self.pending(timeout))

    @staticmethod
    async def _await(pending: Any) -> Any:
        return await pending

    def active(self) -> list[int]:
        return self.watcher.sessions("state = 'active'")

    def lock(self, how: str) -> None:
        """Somebody else does `how` in a transaction until the scene is over."""
        other = self.stack.enter_context(psycopg.connect(self.database.conninfo()))
        other.execute(how)

    def slow_trigger(self, when: str, seconds: float) -> None:
        for sql in (
            f"create function slow() returns trigger language plpgsql as"
            f" 'begin perform pg_sleep({seconds}); return new; end'",
            f"create {when} execute function slow()",
        ):
            self.watcher.run(sql)
        self.stack.callback(self.watcher.run, "drop function slow cascade")

    def over(self) -> None:
        self.stack.close()
        self.proxy.clear()

    def assert_nothing_written(self) -> None:
        self.watcher.until_idle()
        assert self.watcher.value(f"select array_agg(s) from {T}") == ["one"]


@contextmanager
def scene(
    name: str, database: PostgresDatabase, db: Database, watcher: Watcher, proxy: FaultProxy
) -> Iterator[Scene]:
    """Makes the table `T` (n int, s text) with one row, and sets the stage `name`."""
    watcher.run(f"create table {T} as select 1 as n, 'one' as s; alter table {T} owner to molt")
    try:
        with ExitStack() as stack:
            made = Scene(database, db, watcher, proxy, stack)
            STAGES[name](made)
            yield made
            made.over()
    finally:
        watcher.run("set lock_timeout = '20s'")
        watcher.run(f"drop table {T}")


def waiting(scene: Scene) -> None:
    for _ in range(CONNECTIONS):
        scene.stack.enter_context(scene.db.transaction())
    scene.pending = lambda timeout: echo(scene.db, 1).fetch_all(timeout=timeout)
    scene.in_server = False


def connecting(scene: Scene) -> None:
    scene.stack.enter_context(scene.db.transaction())
    scene.proxy.set(Stall(), "to_client", which=len(scene.proxy.connections))
    scene.pending = lambda timeout: echo(scene.db, 1).fetch_all(timeout=timeout)
    scene.in_server = False


def describing(scene: Scene) -> None:
    scene.lock(f"lock table {T} in access exclusive mode")
    scene.pending = lambda timeout: (
        raw(f"select * from {T}").on(scene.db).fetch_all(timeout=timeout)
    )


def describing_a_write(scene: Scene) -> None:
    scene.lock(f"lock table {T} in access exclusive mode")
    sql = raw(f"insert into {T} values (2, {{s}})", s="new")
    scene.pending = lambda timeout: scene.db.execute(sql, timeout=timeout)


def reading_in_parts(scene: Scene) -> None:
    scene.lock(f"lock table {T} in access exclusive mode")
    query = table(T).query().on(scene.db)
    scene.pending = lambda timeout: query.fetch_arrow(parallel=2, timeout=timeout)


def executing(scene: Scene) -> None:
    scene.pending = lambda timeout: sleep(scene.db).fetch_all(timeout=timeout)


def explaining(scene: Scene) -> None:
    scene.pending = lambda timeout: sleep(scene.db).explain(analyze=True, timeout=timeout)


def locked(scene: Scene) -> None:
    scene.lock(f"select * from {T} for update")
    sql = raw(f"update {T} set s = 'new'")
    scene.pending = lambda timeout: scene.db.execute(sql, timeout=timeout)


def slow_rows(scene: Scene) -> Any:
    sql = "select n, repeat('r', 2000) as t, pg_sleep(0.002) from generate_series(1, 100000) n"
    return raw(sql).on(scene.db)


def receiving(scene: Scene) -> None:
    scene.pending = lambda timeout: slow_rows(scene).fetch_all(timeout=timeout)


def receiving_arrow(scene: Scene) -> None:
    rows = raw("select n, repeat('r', 2000) as t from generate_series(1, 100000000) n")
    scene.pending = lambda timeout: rows.on(scene.db).fetch_all(timeout=timeout)


def streaming(scene: Scene) -> None:
    async def ask(timeout: float | None) -> None:  # noqa: ASYNC109 (what is tried)
        async with slow_rows(scene).stream(batch_rows=5, timeout=timeout) as stream:
            async for _ in stream:
                pass

    scene.ask = ask


def in_a_transaction(scene: Scene) -> None:
    async def ask(timeout: float | None) -> None:  # noqa: ASYNC109 (what is tried)
        async with scene.db.transaction() as tx:
            await tx.insert(T, [(2, "new")])
            await sleep(tx).fetch_all(timeout=timeout)

    scene.ask = ask


def beginning_a_copy(scene: Scene) -> None:
    scene.lock(f"lock table {T} in share mode")
    scene.pending = lambda timeout: scene.db.insert(T, [(2, "new")], timeout=timeout)


def amid_a_copy(scene: Scene) -> None:
    """The server takes the rows more slowly than they are sent."""
    scene.slow_trigger(f"trigger slow before insert on {T} for each row", 0.002)
    rows = [(n, "new" * 100) for n in range(50_000)]
    scene.pending = lambda timeout: scene.db.insert(T, rows, timeout=timeout)


def ending_a_copy(scene: Scene) -> None:
    scene.slow_trigger(f"trigger slow after insert on {T}", 30)
    scene.pending = lambda timeout: scene.db.insert(T, [(2, "new")], timeout=timeout)


def executing_many(scene: Scene) -> None:
    scene.slow_trigger(f"trigger slow before insert on {T} for each row", 0.005)
    rows = [{"n": n, "s": "new" * 20} for n in range(20_000)]
    sql = f"insert into {T} values ({{n}}, {{s}})"
    scene.pending = lambda timeout: scene.db.execute_many(sql, rows, timeout=timeout)


def committing(scene: Scene) -> None:
    """COMMIT has no timeout of its own: that of the database counts."""
    scene.slow_trigger(
        f"constraint trigger slow after insert on {T} deferrable initially deferred for each row",
        30,
    )

    async def ask(timeout: float | None) -> None:  # noqa: ASYNC109 (what is tried)
        async with scene.db.transaction() as tx:
            await tx.insert(T, [(2, "new")])

    scene.ask = ask


STAGES: dict[str, Callable[[Scene], None]] = {
    "waiting for a connection": waiting,
    "connecting": connecting,
    "describing a read": describing,
    "describing a write": describing_a_write,
    "reading in parts": reading_in_parts,
    "executing": executing,
    "explaining": explaining,
    "waiting for a lock": locked,
    "receiving slow rows": receiving,
    "receiving rows without end": receiving_arrow,
    "streaming": streaming,
    "in a transaction": in_a_transaction,
    "beginning a COPY": beginning_a_copy,
    "amid a COPY": amid_a_copy,
    "ending a COPY": ending_a_copy,
    "executing many": executing_many,
    "committing": committing,
}
SYNC = [name for name in STAGES if name not in ("streaming", "in a transaction", "committing")]


def until_reached(scene: Scene) -> None:
    if scene.in_server:
        until(scene.active)
