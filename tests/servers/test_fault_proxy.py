"""The proxy does to a connection what it is told to, and nothing else."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from servers import processes
from servers.fault_proxy import (
    BlackHole,
    CutAfter,
    Delay,
    Direction,
    FaultProxy,
    Pass,
    Slice,
    Stall,
)
from servers.fixtures import PostgresDatabase
from servers.postgres import PostgresAddress
from servers.processes import wait_until

LOST = (psycopg.OperationalError,)
Through = Callable[[], psycopg.Connection]


def value(connection: psycopg.Connection, sql: str) -> object:
    row = connection.execute(sql).fetchone()
    assert row is not None
    return row[0]


@pytest.fixture
def through(pg_database: PostgresDatabase, pg_proxy: FaultProxy) -> Through:
    """Opens a connection through the proxy."""
    url = pg_database.url(tls="disable", **pg_proxy.address)

    def connect() -> psycopg.Connection:
        return psycopg.connect(url, autocommit=True, connect_timeout=10)

    return connect


def test_the_proxy_forwards_and_counts(pg_proxy: FaultProxy, through: Through) -> None:
    with through() as connection:
        assert len(str(value(connection, "select repeat('x', 1000000)"))) == 1_000_000
        (seen,) = pg_proxy.connections
        assert (seen.index, seen.kind, seen.closed) == (0, "session", False)
        assert seen.bytes["to_client"] > 1_000_000 > seen.bytes["to_server"] > 0
        assert pg_proxy.open == 1
    pg_proxy.wait(lambda proxy: proxy.open == 0)
    assert pg_proxy.cancels == 0


def test_the_proxy_carries_tls(pg_proxy: FaultProxy, postgres: PostgresAddress) -> None:
    # By its address, which the certificate has too.
    with psycopg.connect(postgres.conninfo(tls="verify-full", **pg_proxy.address)) as connection:
        assert value(connection, "select ssl from pg_stat_ssl where pid = pg_backend_pid()")
    assert pg_proxy.connections[0].kind == "tls"


def test_the_proxy_joins_unix_sockets(postgres: PostgresAddress, tmp_path: Path) -> None:
    folder = processes.private_folder("molt-front-")
    try:
        with FaultProxy(postgres.socket, front=folder) as proxy:
            with psycopg.connect(postgres.conninfo(**proxy.address)) as connection:
                assert value(connection, "select 1") == 1
            proxy.refuse()
            with pytest.raises(LOST, match="refused"):
                psycopg.connect(postgres.conninfo(**proxy.address))
            proxy.accept()
            with psycopg.connect(postgres.conninfo(**proxy.address)):
                pass
    finally:
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()


@pytest.mark.parametrize("direction", ["to_server", "to_client"])
def test_a_delay_is_added_to_each_way(
    pg_proxy: FaultProxy, through: Through, direction: Direction
) -> None:
    with through() as connection:
        pg_proxy.set(Delay(0.2), direction)
        start = time.monotonic()
        assert value(connection, "select 1") == 1
        assert 0.2 <= time.monotonic() - start < 5


def test_slices_arrive_whole(pg_proxy: FaultProxy, through: Through) -> None:
    pg_proxy.set(Slice(1))
    with through() as connection:
        assert value(connection, "select repeat('y', 500)") == "y" * 500


@pytest.mark.parametrize("direction", ["to_server", "to_client"])
def test_what_a_stall_holds_back_comes_later(
    pg_proxy: FaultProxy, through: Through, direction: Direction
) -> None:
    with through() as connection, ThreadPoolExecutor() as threads:
        pg_proxy.set(Stall(), direction)
        running = threads.submit(value, connection, "select 42")
        with pytest.raises(TimeoutError):
            running.result(0.2)
        pg_proxy.clear()
        assert running.result(10) == 42


def test_a_black_hole_swallows_what_is_sent_and_the_end_too(
    pg_proxy: FaultProxy, postgres: PostgresAddress, through: Through
) -> None:
    with closing(through()) as connection:
        pid = connection.info.backend_pid
        pg_proxy.set(BlackHole())
        connection.pgconn.send_query(b"select 1")
        connection.pgconn.flush()
    time.sleep(0.1)
    sessions = f"select count(*) from pg_stat_activity where pid = {pid}"
    assert postgres.run_sql(sessions) == "1"
    assert pg_proxy.open == 1
    pg_proxy.clear()
    pg_proxy.wait(lambda proxy: proxy.open == 0)
    wait_until(lambda: postgres.run_sql(sessions) == "0")


@pytest.mark.parametrize("reset", [False, True])
def test_a_cut_ends_the_connection_at_once(
    pg_proxy: FaultProxy, through: Through, reset: bool
) -> None:
    with through() as connection, through() as other:
        pg_proxy.cut(0, reset)
        with pytest.raises(LOST):
            connection.execute("select 1")
        assert pg_proxy.connections[0].closed
        assert value(other, "select 1") == 1


def test_a_cut_comes_after_so_many_bytes(pg_proxy: FaultProxy, through: Through) -> None:
    with through() as connection:
        before = pg_proxy.forwarded("to_client")
        pg_proxy.set(CutAfter(100), "to_client")
        with pytest.raises(LOST):
            connection.execute("select repeat('z', 100000)")
        assert pg_proxy.forwarded("to_client") - before == 100


def test_new_connections_are_refused_and_taken_again(
    pg_proxy: FaultProxy, through: Through
) -> None:
    with through() as connection:
        pg_proxy.refuse()
        with pytest.raises(LOST, match="refused"):
            through()
        assert value(connection, "select 1") == 1
    pg_proxy.accept()
    through().close()


def test_a_fault_may_be_for_a_connection_that_is_yet_to_come(
    pg_proxy: FaultProxy, through: Through
) -> None:
    with through() as connection:
        pg_proxy.set(CutAfter(0), which=len(pg_proxy.connections))
        with pytest.raises(LOST):
            through()
        assert value(connection, "select 1") == 1
        through().close()


def test_a_cancel_request_is_recognized_and_has_faults_of_its_own(
    pg_proxy: FaultProxy, postgres: PostgresAddress, through: Through
) -> None:
    with through() as connection, ThreadPoolExecutor() as threads:
        pg_proxy.set(Stall(), "to_client", "cancels")  # its end never comes
        running = threads.submit(value, connection, "select pg_sleep(30)")
        active = f"select state from pg_stat_activity where pid = {connection.info.backend_pid}"
        wait_until(lambda: postgres.run_sql(active) == "active")
        with pytest.raises(psycopg.errors.CancellationTimeout):
            connection.cancel_safe(timeout=0.3)
        with pytest.raises(psycopg.errors.QueryCanceled):
            running.result(10)
        assert pg_proxy.cancels == 1
        assert not pg_proxy.connections[1].closed
        pg_proxy.clear()
        pg_proxy.wait(lambda proxy: proxy.connections[1].closed)


def test_what_is_said_of_one_connection_wins(pg_proxy: FaultProxy, through: Through) -> None:
    with through() as connection:
        pg_proxy.set(Stall())
        pg_proxy.set(Pass(), which=0)
        assert value(connection, "select 1") == 1


def test_a_server_that_is_down_closes_the_proxys_clients() -> None:
    with FaultProxy(("127.0.0.1", processes.free_port())) as proxy:
        with pytest.raises(LOST):
            psycopg.connect(host="127.0.0.1", port=proxy.port, connect_timeout=10)
        assert proxy.unreachable >= 1
        assert proxy.open == 0
