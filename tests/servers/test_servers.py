"""The servers of the tests do what the tests of the client rely on."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from servers import postgres as postgres_module
from servers import processes
from servers.fixtures import PostgresDatabase
from servers.pgbouncer import PgBouncer
from servers.postgres import PostgresAddress, PostgresServer, Tls
from servers.processes import ServerError, find_program, wait_until

PROGRAM = Path(postgres_module.__file__)
LOST = (psycopg.OperationalError,)


@contextmanager
def connected(conninfo: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(conninfo, autocommit=True, connect_timeout=20) as connection:
        yield connection


def value(connection: psycopg.Connection, sql: str) -> object:
    row = connection.execute(sql).fetchone()
    assert row is not None
    return row[0]


def works(connection: psycopg.Connection) -> bool:
    try:
        return value(connection, "select 1") == 1
    except LOST:
        return False


def tls_version(conninfo: str) -> object:
    with connected(conninfo) as connection:
        return value(connection, "select version from pg_stat_ssl where pid = pg_backend_pid()")


# The server


@pytest.mark.parametrize("form", ["conninfo", "url"])
@pytest.mark.parametrize("tls", [None, "disable", "require", "verify-ca", "verify-full"])
def test_molt_connects_with_and_without_tls(
    postgres: PostgresAddress, form: str, tls: Tls | None
) -> None:
    encrypted = tls not in {None, "disable"}
    assert tls_version(getattr(postgres, form)(tls=tls)) == ("TLSv1.3" if encrypted else None)


def test_molt_is_an_ordinary_role_that_owns_its_database(postgres: PostgresAddress) -> None:
    with connected(postgres.conninfo()) as connection:
        assert value(connection, "show is_superuser") == "off"
        connection.execute("create table mine (n int); drop table mine")
        owner = "select pg_get_userbyid(datdba) from pg_database where datname = current_database()"
        assert value(connection, owner) == "molt"
    with connected(postgres.superuser_conninfo()) as connection:
        assert value(connection, "show is_superuser") == "on"


def test_a_wrong_password_is_refused(postgres: PostgresAddress) -> None:
    with pytest.raises(LOST, match="password authentication failed"):
        psycopg.connect(postgres.conninfo(tls="disable", password="another"))


def test_a_certificate_of_another_authority_is_refused(postgres: PostgresAddress) -> None:
    with pytest.raises(LOST, match="certificate verify failed"):
        psycopg.connect(postgres.conninfo(tls="verify-full", sslrootcert=postgres.wrong_ca))


def test_a_certificate_for_another_host_is_refused(postgres: PostgresAddress) -> None:
    elsewhere = {"host": "elsewhere.example", "hostaddr": "127.0.0.1"}
    assert tls_version(postgres.conninfo(tls="verify-ca", **elsewhere)) == "TLSv1.3"
    with pytest.raises(LOST, match="does not match host name"):
        psycopg.connect(postgres.conninfo(tls="verify-full", **elsewhere))


def test_a_client_certificate_is_enough_where_it_is_wanted(postgres: PostgresAddress) -> None:
    assert tls_version(postgres.conninfo("molt_cert", tls="verify-full")) == "TLSv1.3"
    with pytest.raises(LOST, match="client certificate"):
        psycopg.connect(postgres.conninfo("molt_cert", tls="verify-full", sslcert="", sslkey=""))


def test_text_is_utf8_and_the_time_zone_utc(postgres: PostgresAddress) -> None:
    assert postgres.run_sql("show server_encoding; show timezone; show lc_ctype") == (
        "UTF8\nUTC\nC.UTF-8"
    )


def test_a_script_that_fails_is_an_error_with_the_reason(postgres: PostgresAddress) -> None:
    with pytest.raises(ServerError, match='relation "nowhere" does not exist'):
        postgres.run_sql("select * from nowhere")


@pytest.mark.parametrize("immediate", [False, True])
def test_a_restart_keeps_address_and_data_but_no_session(
    own_postgres: PostgresServer, immediate: bool
) -> None:
    address, pid = own_postgres.conninfo(tls="require"), own_postgres.pid
    with connected(address) as connection:
        connection.execute("create table kept as select 1 as n")
        own_postgres.restart(immediate)
        with pytest.raises(LOST):
            connection.execute("select 1")
    assert own_postgres.pid != pid
    with connected(address) as connection:
        assert value(connection, "select n from kept") == 1


def test_a_killed_backend_takes_all_sessions_along_and_the_server_recovers(
    own_postgres: PostgresServer,
) -> None:
    with connected(own_postgres.conninfo()) as one, connected(own_postgres.conninfo()) as other:
        own_postgres.kill9_backend(one.info.backend_pid)
        wait_until(lambda: not works(one))
        wait_until(lambda: not works(other))

    def answers() -> bool:
        try:
            with connected(own_postgres.conninfo()) as connection:
                return works(connection)
        except LOST:
            return False

    wait_until(answers, 20)


def test_only_a_backend_of_the_server_can_be_killed(postgres: PostgresAddress) -> None:
    with pytest.raises(AssertionError, match="is not a process of this server"):
        postgres.kill9_backend(os.getpid())


def test_a_stopped_server_refuses_and_may_be_started_again(own_postgres: PostgresServer) -> None:
    own_postgres.stop()
    with pytest.raises(LOST):
        psycopg.connect(own_postgres.conninfo(tls="disable"))
    own_postgres.start()
    with connected(own_postgres.conninfo(tls="disable")):
        pass


def test_settings_reach_the_server() -> None:
    with PostgresServer({"max_connections": "7"}) as server:
        assert server.run_sql("show max_connections") == "7"


def test_a_server_that_does_not_start_says_why_and_leaves_nothing() -> None:
    server = PostgresServer({"max_connections": "many"})
    with pytest.raises(ServerError, match="invalid value for parameter"), server:
        pass
    assert not server.folder.exists()


def test_a_server_is_gone_with_its_folder_at_the_end() -> None:
    with PostgresServer() as server:
        folder, pid = server.folder, server.pid
        assert folder.exists()
    assert not folder.exists()
    assert not Path(f"/proc/{pid}").exists()


def test_a_server_does_not_outlive_a_starter_that_is_killed() -> None:
    code = f"""
import sys, time
sys.path.insert(0, {str(PROGRAM.parents[1])!r})
from servers.postgres import PostgresServer
with PostgresServer() as server:
    print(server.pid, server.folder, flush=True)
    time.sleep(60)
"""
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        pid, folder = starter.stdout.readline().split()
        assert Path(f"/proc/{pid}").exists()
        starter.kill()
    # Adopted by a process that may be slow to take note of its end, it may stay as a zombie.
    wait_until(lambda: not Path(folder).exists(), 20)
    wait_until(lambda: not alive(int(pid)), 20)


def alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


# The program


def run_program(*command: str, **env: str) -> subprocess.CompletedProcess[str]:
    clean = {name: text for name, text in os.environ.items() if not name.startswith("MOLT_TEST_")}
    return subprocess.run(
        [sys.executable, PROGRAM, "run", "--", *command],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
        env=clean | env,
    )


def test_run_gives_the_command_a_server_and_returns_its_exit_code() -> None:
    code = """
import os, sys, psycopg
for name in ("MOLT_TEST_POSTGRES", "MOLT_TEST_POSTGRES_TLS"):
    psycopg.connect(os.environ[name]).close()
print(os.environ["MOLT_TEST_POSTGRES_DIR"])
sys.exit(7)
"""
    done = run_program(sys.executable, "-c", code)
    assert done.returncode == 7, done.stderr
    assert not Path(done.stdout.strip()).exists()


def test_run_uses_a_server_that_is_there() -> None:
    done = run_program("sh", "-c", "echo $MOLT_TEST_POSTGRES", MOLT_TEST_POSTGRES="of another")
    assert (done.returncode, done.stdout) == (0, "of another\n")


def test_run_passes_a_signal_on_and_cleans_up() -> None:
    script = "trap 'exit 5' TERM; echo $MOLT_TEST_POSTGRES_DIR; while :; do sleep 0.05; done"
    command = [sys.executable, str(PROGRAM), "run", "--", "sh", "-c", script]
    env = {name: text for name, text in os.environ.items() if not name.startswith("MOLT_TEST_")}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as running:
        assert running.stdout is not None
        folder = running.stdout.readline().strip()
        running.send_signal(signal.SIGTERM)
        assert running.wait(60) == 5
    assert not Path(folder).exists()


def test_a_missing_program_is_named_with_the_command_that_installs_it() -> None:
    with pytest.raises(ServerError, match="apt-get install -y a-package"):
        find_program("molt-no-such-program", "a-package")


def test_without_initdb_a_test_fails_and_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(name: str, package: str, folders: object = ()) -> Path:
        return find_program(f"molt-no-such-{name}", package)

    monkeypatch.setattr(postgres_module, "find_program", missing)
    with pytest.raises(ServerError, match="apt-get install -y postgresql"):
        PostgresServer()


def test_libpq_reads_quoted_parameters_back() -> None:
    given = {"user": "a b", "password": "it's a \\ %20 \"", "dbname": "", "host": "/tmp/x"}
    assert psycopg.conninfo.conninfo_to_dict(processes.quoted(given)) == given


# The fixtures


def test_a_module_has_a_database_of_its_own(pg_database: PostgresDatabase, pg_url: str) -> None:
    with connected(pg_url) as connection:
        assert value(connection, "select current_database()") == pg_database.name
        connection.execute("create table t as select 1 as n; drop table t")
    with connected(pg_database.url(tls="verify-full")) as connection:
        assert value(connection, "select current_database()") == pg_database.name


@pytest.mark.parametrize("_time", [1, 2])
def test_a_test_has_a_schema_of_its_own(
    pg_database: PostgresDatabase, pg_schema: str, _time: int
) -> None:
    url = pg_database.url(options=f"-c search_path={pg_schema}")
    with connected(url) as connection:
        connection.execute("create table t as select 1 as n")
        assert value(connection, "select current_schema()") == pg_schema


# PgBouncer


@pytest.mark.parametrize("tls", [None, "disable", "verify-full"])
def test_clients_of_pgbouncer_share_sessions(
    pgbouncer: PgBouncer, pg_database: PostgresDatabase, tls: Tls | None
) -> None:
    address = pgbouncer.conninfo(dbname=pg_database.name, tls=tls)
    pids = set()
    for _ in range(8):
        with connected(address) as connection:
            pids.add(value(connection, "select pg_backend_pid()"))
    assert len(pids) <= 4


def test_a_session_of_pgbouncer_changes_between_transactions(
    pgbouncer: PgBouncer, pg_database: PostgresDatabase
) -> None:
    address = pgbouncer.conninfo(dbname=pg_database.name)
    with connected(address) as one, connected(address) as other:
        before = value(one, "select pg_backend_pid()")
        with other.transaction():  # takes the session that was free
            assert value(other, "select pg_backend_pid()") == before
            assert value(one, "select pg_backend_pid()") != before
