"""After a fork the child has a connection, or a worker, of its own, and the parent goes on; no
worker outlives who started it. Each test runs in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from client.scripts import SETUP, run_script
from client.tools import SocketWorker, Way, is_alive, until_gone


@pytest.fixture
def by_way(way: Way, url: str, request: pytest.FixtureRequest) -> str:
    if way == "stdio":
        return "molt+stdio:" + url
    worker: SocketWorker = request.getfixturevalue("worker")
    return worker.url()


def assert_gone(lines: list[str]) -> None:
    """The workers whose numbers a script has printed, each behind "worker"."""
    for line in lines:
        if line.startswith("worker "):
            until_gone(int(line.split()[1]))


def test_a_forked_child_reads_and_writes(by_way: str) -> None:
    lines = run_script(
        """
        db = connect(url)
        assert value(db) == 100
        print("worker", process_of(db))
        def work():
            assert process_of(db) != parents or parents == -1
            assert value(db) == 100
            print("worker", process_of(db), flush=True)
            assert parents == -1 or process_of(db) not in (-1, parents)
            raw("insert into t values (1000, 'child')").on(db).execute().result()
            assert value(db) == 101
            db.close()
        parents = process_of(db)
        assert in_child(work) == 0
        assert process_of(db) == parents
        assert value(db) == 101
        assert in_child(lambda: None) == 0
        assert value(db) == 101
        print("done")
        """,
        by_way,
    )
    assert_gone(lines)


def test_a_child_that_does_not_close_leaves_no_worker(by_way: str) -> None:
    lines = run_script(
        """
        db = connect(url)
        value(db)
        print("worker", process_of(db))
        def work():
            assert value(db) == 100
            print("worker", process_of(db), flush=True)
        assert in_child(work) == 0
        pid = os.fork()
        if pid == 0:
            signal.alarm(30)
            value(db)
            print("worker", process_of(db), flush=True)
            sys.exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        assert value(db) == 100
        print("done")
        """,
        by_way,
    )
    assert_gone(lines)


def test_a_client_made_before_the_fork(by_way: str) -> None:
    lines = run_script(
        """
        client = molt_worker.connect(url.replace("?alias=default", ""))
        assert client.call("health").result()["ok"]
        print("worker", client.pid or -1)
        parents = client.pid
        def work():
            assert client.call("health").result()["ok"]
            assert parents is None or client.pid != parents
            print("worker", client.pid or -1, flush=True)
            db = client.database()
            assert value(db) == 100
            client.close()
        assert in_child(work) == 0
        assert client.pid == parents
        assert client.call("health").result()["ok"]
        print("done")
        """,
        by_way,
    )
    assert_gone([line for line in lines if not line.endswith(" -1")])


def test_the_parents_worker_ends_though_a_child_lives_on(url: str) -> None:
    """A child keeps no end of the parent's connection open."""
    lines = run_script(
        """
        db = connect(url)
        value(db)
        worker = process_of(db)
        pid = os.fork()
        if pid == 0:
            signal.alarm(30)
            time.sleep(25)
            os._exit(0)
        db.close()
        until_gone(worker)
        assert is_alive(pid)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        print("done")
        """,
        "molt+stdio:" + url,
    )
    assert lines == ["done"]


def test_a_fork_while_requests_are_under_way(by_way: str) -> None:
    run_script(
        """
        db = connect(url)
        stop = threading.Event()
        failures = []
        def ask():
            try:
                while not stop.is_set():
                    assert value(db) == 100
            except BaseException as error:
                failures.append(error)
        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads: thread.start()
        for _ in range(10):
            assert in_child(lambda: value(db)) == 0
        stop.set()
        for thread in threads: thread.join()
        assert failures == [], failures
        print("done")
        """,
        by_way,
    )


def test_a_fork_in_the_middle_of_a_stream(by_way: str) -> None:
    run_script(
        """
        db = connect(url)
        stream = table("t").query().on(db).stream(batch_rows=10)
        assert len(next(stream)) == 10
        def work():
            try:
                next(stream)
                raise AssertionError("the child read from its parent's connection")
            except ClosedError:
                pass
            stream.close()
            assert value(db) == 100
        assert in_child(work) == 0
        assert sum(len(batch) for batch in stream) == 90
        assert value(db) == 100
        print("done")
        """,
        by_way,
    )


def test_awaiting_works_in_a_child_of_a_process_that_awaited(by_way: str) -> None:
    run_script(
        """
        db = connect(url)
        async def awaited():
            one = raw("select count(*) from t").on(db)
            return await asyncio.gather(*(get(one) for _ in range(20)))
        async def get(one):
            return await one.fetch_value()
        assert asyncio.run(awaited()) == [100] * 20
        def work():
            assert asyncio.run(awaited()) == [100] * 20
        assert in_child(work) == 0
        assert asyncio.run(awaited()) == [100] * 20
        print("done")
        """,
        by_way,
    )


def test_multiprocessing_with_fork(by_way: str) -> None:
    lines = run_script(
        """
        db = connect(url)
        assert value(db) == 100
        def task(number):
            return value(db) + number, process_of(db)
        with multiprocessing.get_context("fork").Pool(3) as pool:
            found = pool.map(task, range(30))
            assert [n for n, _ in found] == [100 + n for n in range(30)]
            pool.close()
            pool.join()
        for number in {number for _, number in found} | {process_of(db)}:
            print("worker", number)
        assert value(db) == 100
        print("done")
        """,
        by_way,
    )
    assert_gone([line for line in lines if not line.endswith(" -1")])


# -- The end ---------------------------------------------------------------------------------------


def test_closing_ends_the_worker(url: str) -> None:
    run_script(
        """
        for _ in range(3):
            db = connect(url)
            worker = process_of(db)
            assert is_alive(worker) and workers_of(os.getpid()) == [worker]
            db.close()
            until_gone(worker)
        print("done")
        """,
        "molt+stdio:" + url,
    )


@pytest.mark.parametrize("end", ["", "sys.exit(0)", "os._exit(0)", "del db; sys.exit(0)"])
def test_no_worker_outlives_the_interpreter(url: str, end: str) -> None:
    lines = run_script(
        f"""
        db = connect(url)
        value(db)
        print("worker", process_of(db))
        print("done", flush=True)
        {end}
        """,
        "molt+stdio:" + url,
    )
    assert_gone(lines)


def test_the_end_of_the_interpreter_with_an_awaited_database(url: str) -> None:
    lines = run_script(
        """
        db = connect(url)
        async def main():
            print("worker", process_of(db))
            task = asyncio.create_task(awaited())
            await asyncio.sleep(0.05)
            print("done", flush=True)
        async def awaited():
            return await raw("select count(*) from t a, t b, t c, t d, t e, t f").on(db).fetch_value()
        asyncio.run(main())
        """,
        "molt+stdio:" + url,
    )
    assert_gone(lines)


@pytest.mark.parametrize("busy", [False, True], ids=["idle", "busy"])
def test_no_worker_outlives_a_killed_interpreter(url: str, busy: bool) -> None:
    code = """
db = connect(url)
value(db)
print("worker", process_of(db), flush=True)
endless = "with recursive c(n) as (select 1 union all select n + 1 from c) select count(*) from c"
if sys.argv[2] == "True":
    threading.Thread(target=lambda: value(db, endless), daemon=True).start()
    wait_until(lambda: value(db, "select 1") == 1)
print("ready", flush=True)
time.sleep(60)
"""
    command = [sys.executable, "-c", SETUP + code, "molt+stdio:" + url, str(busy)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        worker = int(process.stdout.readline().split()[1])
        assert process.stdout.readline() == "ready\n"
        assert is_alive(worker)
        os.kill(process.pid, signal.SIGKILL)
    until_gone(worker)


def test_a_worker_takes_no_descriptor_but_its_own(url: str) -> None:
    """What the parent has open, sockets of other workers too, is not inherited."""
    run_script(
        """
        first, second = connect(url), connect(url)
        for one in (first, second):
            links = []
            for fd in os.listdir(f"/proc/{process_of(one)}/fd"):
                try:
                    links.append(os.readlink(f"/proc/{process_of(one)}/fd/{fd}"))
                except OSError:
                    pass
            assert sum(link.startswith("socket:") for link in links) == 2, links
        print("done")
        """,
        "molt+stdio:" + url,
    )


def test_ctrl_c_is_for_the_client_alone(url: str) -> None:
    run_script(
        """
        db = connect(url)
        worker = process_of(db)
        assert os.getpgid(worker) != os.getpgid(0)
        print("done")
        """,
        "molt+stdio:" + url,
    )
