"""After a fork the child opens its own handles, and the parent goes on. Each test runs in a
process of its own, so that a child that hangs or crashes is seen and ended."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from servers import forks

SETUP = (
    forks.SETUP
    + """
import asyncio, multiprocessing, os, signal, sys, threading
from molt_sql import ClosedError, connect, raw, table

def value(db, sql="select count(*) from t"):
    return raw(sql).on(db).fetch_value().result()

db = connect(f"sqlite:///{sys.argv[1]}?mode=rwc")
raw("create table t (n integer)").on(db).execute().result()
db.insert("t", [(n,) for n in range(100)]).result()
"""
)


def run(path: Path, code: str) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", SETUP + textwrap.dedent(code), str(path)],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("done\n"), done.stdout + done.stderr


def test_a_forked_child_reads_and_writes(path: Path) -> None:
    run(
        path,
        """
        def work():
            assert value(db) == 100
            assert raw("insert into t values (1)").on(db).execute().result().rows_affected == 1
            assert value(db) == 101
        assert in_child(work) == 0
        assert value(db) == 101
        raw("insert into t values (2)").on(db).execute().result()
        assert value(db) == 102
        assert in_child(lambda: None) == 0
        print("done")
        """,
    )


def test_a_child_never_uses_the_handles_of_its_parent(path: Path) -> None:
    run(
        path,
        """
        def handles():
            "Offsets move with every read, so a handle that the child uses shows in the parent."
            found = {}
            for fd in os.listdir("/proc/self/fd"):
                try:
                    if os.readlink(f"/proc/self/fd/{fd}") == os.path.realpath(sys.argv[1]):
                        found[int(fd)] = os.fstat(int(fd)).st_ino
                except OSError:
                    pass
            return found
        value(db)
        parents = handles()
        assert parents
        def work():
            assert set(handles()) == set(parents)
            value(db)
            assert set(handles()) > set(parents)
            db.close()
            assert set(handles()) == set(parents)
        assert in_child(work) == 0
        assert handles() == parents
        assert value(db) == 100
        print("done")
        """,
    )


def test_locks_of_the_parent_hold_while_children_come_and_go(path: Path) -> None:
    """Closing a file in a child must not drop the locks that its parent holds on it."""
    run(
        path,
        """
        import sqlite3
        def rows():
            for n in range(10):
                if n == 5:
                    def work():
                        assert value(db) == 100
                        db.close()
                    assert in_child(work) == 0
                    other = sqlite3.connect(sys.argv[1], timeout=0)
                    try:
                        other.execute("insert into t values (-1)")
                        raise AssertionError("the parent's lock is gone")
                    except sqlite3.OperationalError as error:
                        assert "locked" in str(error)
                    other.close()
                yield (n,)
        assert db.insert("t", rows(), batch_rows=1).result() == 10
        assert value(db) == 110
        print("done")
        """,
    )


def test_a_database_in_memory_stays_with_the_parent(path: Path) -> None:
    run(
        path,
        """
        memory = connect("sqlite:///:memory:")
        raw("create table t (n integer)").on(memory).execute().result()
        def work():
            for _ in range(2):
                try:
                    value(memory)
                    raise AssertionError("the child read its parent's memory")
                except ClosedError as error:
                    assert "fork" in str(error) or "closed" in str(error), error
            memory.close()
            fresh = connect("sqlite:///:memory:")
            assert value(fresh, "select 1") == 1
        assert in_child(work) == 0
        assert value(memory) == 0
        print("done")
        """,
    )


def test_a_fork_in_the_middle_of_a_stream(path: Path) -> None:
    run(
        path,
        """
        stream = table("t").query().on(db).stream(batch_rows=10)
        assert len(next(stream)) == 10
        def work():
            try:
                next(stream)
                raise AssertionError("the child read from its parent's handle")
            except ClosedError:
                pass
            stream.close()
            assert value(db) == 100
        assert in_child(work) == 0
        assert sum(len(batch) for batch in stream) == 90
        assert value(db) == 100
        print("done")
        """,
    )


def test_a_stream_dropped_in_the_child_leaves_the_parents_alone(path: Path) -> None:
    run(
        path,
        """
        stream = table("t").query().on(db).stream(batch_rows=10)
        next(stream)
        def work():
            global stream
            del stream
            import gc
            gc.collect()
            assert value(db) == 100
        assert in_child(work) == 0
        assert sum(len(batch) for batch in stream) == 90
        print("done")
        """,
    )


def test_a_child_of_a_child_has_handles_of_its_own(path: Path) -> None:
    run(
        path,
        """
        def inner():
            assert value(db) == 100
        def outer():
            assert value(db) == 100
            assert in_child(inner) == 0
            assert value(db) == 100
        assert in_child(outer) == 0
        print("done")
        """,
    )


def test_children_that_exit_normally_do_not_hang_or_crash(path: Path) -> None:
    """The interpreter's own end in the child touches neither threads nor locks of the parent."""
    run(
        path,
        """
        async def awaited():
            return await raw("select count(*) from t").on(db).fetch_value()
        assert asyncio.run(awaited()) == 100  # the parent has threads now
        sys.stdout.flush()
        for used in (False, True):
            pid = os.fork()
            if pid == 0:
                signal.alarm(20)
                if used:
                    assert value(db) == 100
                sys.exit(0)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        assert asyncio.run(awaited()) == 100
        print("done")
        """,
    )


def test_awaiting_works_in_a_child_of_a_process_that_awaited(path: Path) -> None:
    run(
        path,
        """
        async def awaited():
            return await raw("select count(*) from t").on(db).fetch_value()
        assert asyncio.run(awaited()) == 100
        def work():
            assert asyncio.run(awaited()) == 100
        assert in_child(work) == 0
        assert asyncio.run(awaited()) == 100
        print("done")
        """,
    )


def test_multiprocessing_with_fork(path: Path) -> None:
    run(
        path,
        """
        def task(number):
            return value(db) + number
        with multiprocessing.get_context("fork").Pool(3) as pool:
            assert pool.map(task, range(10)) == [100 + n for n in range(10)]
        assert value(db) == 100
        print("done")
        """,
    )


@pytest.mark.parametrize("how", ["await", "result"])
def test_what_was_described_before_the_fork_runs_in_the_child(path: Path, how: str) -> None:
    run(
        path,
        f"""
        pending = raw("select count(*) from t").on(db).fetch_value()
        def work():
            async def awaited():
                return await pending
            assert (asyncio.run(awaited()) if {how!r} == "await" else pending.result()) == 100
        assert in_child(work) == 0
        assert pending.result() == 100
        print("done")
        """,
    )


def test_a_closed_database_stays_closed_in_the_child(path: Path) -> None:
    run(
        path,
        """
        db.close()
        def work():
            try:
                value(db)
                raise AssertionError("it is open")
            except ClosedError:
                pass
        assert in_child(work) == 0
        print("done")
        """,
    )
