"""What one request leaves in its session is not seen by the next; forks; the end of processes."""

# ruff: noqa: PT017 (whether there is an error is not known before)

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Iterator
from typing import Any

import pytest

import molt_sql
from chaos.tools import Watcher, assert_serves, opened, pids, right, until, value
from molt_sql import Database, MoltError, raw
from servers import forks
from servers.fixtures import PostgresDatabase

# What shows a session's state; each is the same for a session that is new.
STATE = {
    "settings": (
        "select coalesce(string_agg(name || '=' || setting, ' ' order by name), '') from pg_settings"
        " where source = 'session'"
    ),
    "time zone": "select current_setting('timezone')",
    "search path": "select current_setting('search_path')",
    "role": "select current_user::text || ' ' || session_user::text",
    "own setting": "select nullif(current_setting('mine.own', true), '')",
    "temporary tables": "select count(*) from pg_class where relpersistence = 't'",
    "advisory locks": (
        "select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()"
    ),
    "cursors": "select count(*) from pg_cursors where name not in ('')",
    "channels": "select count(*) from pg_listening_channels()",
    "prepared by users": "select count(*) from pg_prepared_statements where not name ~ '^molt_'",
    "read only": "select current_setting('default_transaction_read_only')",
}

LEAVES = {
    "SET": "set timezone = 'Asia/Tokyo'",
    "SET SESSION CHARACTERISTICS": (
        "do $$ begin execute 'set session characteristics as transaction read only'; end $$"
    ),
    "search_path": "set search_path = pg_catalog",
    "set_config": "do $$ begin perform set_config('mine.own', 'left', false); end $$",
    "SET ROLE": "set role other_role",
    "work_mem": "set work_mem = '64MB'",
    "statement_timeout": "set statement_timeout = 1",
    "temporary table": "create temp table mine as select 1 as n",
    "temporary table that shadows": "create temp table pg_class_like as select 1 as n",
    "advisory lock": "do $$ begin perform pg_advisory_lock(42); end $$",
    "shared advisory lock": "do $$ begin perform pg_advisory_lock_shared(1, 2); end $$",
    "LISTEN": "do $$ begin execute 'listen news'; end $$",
    "cursor": ("do $$ begin execute 'declare c cursor with hold for select 1'; end $$"),
    "sequence": "do $$ begin perform nextval('numbers'); end $$",
    "prepared statement": "do $$ begin execute 'prepare mine as select 1'; end $$",
}


@pytest.fixture
def one(pg_url: str, watcher: Watcher) -> Iterator[Database]:
    """With one connection, which all requests share, and a role that molt may become."""
    watcher.run("create sequence numbers; alter sequence numbers owner to molt")
    role = "select from pg_roles where rolname = 'other_role'"
    watcher.run(f"do $$ begin if not exists ({role}) then create role other_role; end if; end $$")
    watcher.run("grant other_role to molt")
    with opened(pg_url, max_connections=1) as db:
        yield db
    watcher.run("set lock_timeout = '20s'; drop sequence numbers")


def state(db: Database) -> dict[str, Any]:
    return {name: value(db, sql) for name, sql in STATE.items()}


@pytest.mark.parametrize("ends", ["well", "in an error", "at its deadline"])
@pytest.mark.parametrize("inside", [False, True], ids=["by itself", "in a transaction"])
@pytest.mark.parametrize("name", LEAVES)
def test_what_a_request_leaves_is_gone(
    one: Database, watcher: Watcher, name: str, inside: bool, ends: str
) -> None:
    before = state(one)
    statement = raw(LEAVES[name])

    def spoil(where: Any) -> None:
        where.execute(raw("set statement_timeout = 0")).result()
        if ends == "in an error":
            where.execute(raw("do $$ begin perform 1 / 0; end $$")).result()
        elif ends == "at its deadline":
            sleeps = raw("do $$ begin perform pg_sleep(30); end $$").on(where)
            sleeps.execute(timeout=0.03).result()

    try:
        if inside:
            with one.transaction() as tx:
                tx.execute(statement).result()
                spoil(tx)
        else:
            one.execute(statement).result()
            spoil(one)
    except MoltError as error:
        assert ends != "well" or name == "statement_timeout", error
    assert state(one) == before
    free = "select pg_try_advisory_xact_lock(42) and pg_try_advisory_xact_lock(1, 2)"
    assert watcher.value(free)
    if name == "sequence":
        with pytest.raises(molt_sql.DatabaseError, match="not yet defined"):
            one.execute(raw("do $$ begin perform currval('numbers'); end $$")).result()
    assert_serves(one, 1)


def test_a_prepared_name_is_free_for_the_next_one(one: Database) -> None:
    for _ in range(3):
        one.execute(raw(LEAVES["prepared statement"])).result()
    assert_serves(one, 1)


def test_a_clean_session_is_kept(one: Database) -> None:
    """Being put in order costs no connection."""
    (pid,) = pids(one, 1)
    for name in ("SET", "temporary table", "advisory lock", "cursor"):
        one.execute(raw(LEAVES[name])).result()
        assert value(one, "select pg_backend_pid()") == pid
    assert_serves(one, 1)


def test_a_read_leaves_nothing_either(one: Database, watcher: Watcher) -> None:
    """A function can do in a read what a statement may not."""
    watcher.run("""
        create or replace function leaves() returns int language plpgsql as $$
        begin
            execute 'set timezone = ''Asia/Tokyo''';
            perform set_config('mine.own', 'left', false);
            return 1;
        end $$
    """)
    before = state(one)
    assert value(one, "select leaves()") == 1
    assert state(one) == before
    watcher.run("drop function leaves()")


# -- Forks -----------------------------------------------------------------------------------------

SETUP = (
    forks.SETUP
    + """
import asyncio, os, signal, sys, threading, time
import molt_sql
from molt_sql import MoltError, connect, raw

def value(db, sql="select 7"):
    return raw(sql).on(db).fetch_value(timeout=10).result()

def pid(db):
    return value(db, "select pg_backend_pid()")

db = connect(sys.argv[1], max_connections=3, max_wait=10)
"""
)

FORKS = {
    "while idle": """
        mine = pid(db)
        def work():
            assert pid(db) != mine
            assert value(db) == 7
        assert in_child(work) == 0
        assert pid(db) == mine
    """,
    "while a thread waits for an answer": """
        found = []
        thread = threading.Thread(
            target=lambda: found.append(value(db, "select 8 from pg_sleep(0.5)")))
        thread.start()
        time.sleep(0.1)
        def work():
            for _ in range(20):
                assert value(db) == 7
        assert in_child(work) == 0
        thread.join()
        assert found == [8]
        assert value(db) == 7
    """,
    "in a transaction": """
        with db.transaction() as tx:
            tx.execute(raw("create table forked (n int)")).result()
            def work():
                assert value(db) == 7
                try:
                    value(tx)
                except MoltError:
                    pass
                else:
                    raise AssertionError("the child has used its parent's transaction")
            assert in_child(work) == 0
            assert value(tx, "select count(*) from forked") == 0
            tx.execute(raw("drop table forked")).result()
        assert value(db) == 7
    """,
    "amid a stream": """
        stream = raw("select generate_series(1, 50000) as n").on(db).stream(batch_rows=100)
        first = next(stream)
        def work():
            assert value(db) == 7
            try:
                next(stream)
            except MoltError:
                pass
            else:
                raise AssertionError("the child has read its parent's stream")
        assert in_child(work) == 0
        assert len(first) + sum(len(batch) for batch in stream) == 50000
        assert value(db) == 7
    """,
    "in a task": """
        async def main():
            tasks = [asyncio.ensure_future(ask(n)) for n in range(6)]
            await asyncio.sleep(0.05)
            assert in_child(lambda: [value(db) for _ in range(5)]) == 0
            assert await asyncio.gather(*tasks) == list(range(6))

        async def ask(n):
            return await raw("select {n}::int from pg_sleep(0.3)", n=n).on(db).fetch_value()

        asyncio.run(main())
        assert value(db) == 7
    """,
    "after a timeout, amid recovery": """
        try:
            raw("select pg_sleep(30)").on(db).fetch_all(timeout=0.05).result()
        except molt_sql.TimeoutError:
            pass
        assert in_child(lambda: [value(db) for _ in range(5)]) == 0
        assert value(db) == 7
    """,
    "and the child writes, times out and closes": """
        def work():
            db.execute(raw("create temp table t (n int)")).result()
            try:
                raw("select pg_sleep(30)").on(db).fetch_all(timeout=0.05).result()
            except molt_sql.TimeoutError:
                pass
            assert value(db) == 7
            db.close()
            time.sleep(0.3)  # a request to cancel is still on its way
        mine = pid(db)
        assert in_child(work) == 0
        assert pid(db) == mine
    """,
    "several times, all at once": """
        def work():
            threads = [threading.Thread(target=lambda: [value(db) for _ in range(30)])
                       for _ in range(4)]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            assert in_child(lambda: value(db)) == 0
        children = []
        for _ in range(4):
            child = os.fork()
            if child == 0:
                signal.alarm(20)
                try:
                    work()
                except BaseException:
                    os._exit(1)
                os._exit(0)
            children.append(child)
        for _ in range(50):
            assert value(db) == 7
        assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4
        assert value(db) == 7
    """,
}


@pytest.mark.parametrize("name", FORKS)
@pytest.mark.parametrize("tls", [False, True], ids=["socket", "tls"])
def test_a_fork(pg_database: PostgresDatabase, watcher: Watcher, name: str, tls: bool) -> None:
    url = pg_database.url(tls="verify-full" if tls else None)
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", SETUP + textwrap.dedent(FORKS[name]), url],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    until(lambda: not watcher.sessions(), what="no session outlives its process")


def test_a_process_that_is_killed_leaves_no_session(
    pg_database: PostgresDatabase, watcher: Watcher
) -> None:
    """Neither an idle one, nor one whose query runs, nor one amid a transaction."""
    code = """
        tx = db.transaction(); tx.__enter__()
        tx.execute(raw("create table never (n int)")).result()
        value(db)
        threading.Thread(target=lambda: value(db, "select count(*) from pg_sleep(600)")).start()
        time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    url = pg_database.url(options="-c client_connection_check_interval=100")
    done = subprocess.run(
        [sys.executable, "-c", SETUP + textwrap.dedent(code), url], timeout=50, check=False
    )
    assert done.returncode == -9
    until(lambda: not watcher.sessions(), what="no session is left")
    assert watcher.value("select to_regclass('never') is null")


def test_answers_stay_right_after_many_kinds_of_trouble(one: Database) -> None:
    for n in range(30):
        try:
            one.execute(raw(list(LEAVES.values())[n % len(LEAVES)])).result()
        except MoltError as error:
            assert "timeout" in str(error)  # that of the one before, in the same request
        assert right(
            raw("select {n}::int, repeat('x', {n}::int)", n=n).on(one).fetch_one().result(), n
        )
