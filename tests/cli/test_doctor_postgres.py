"""`molt doctor` on PostgreSQL, PgBouncer, and what is neither."""

from __future__ import annotations

import http.server
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

import molt_sql
from chaos.fake_server import FakeServer, message
from cli.diagnosis import diagnosed, healthy
from cli.tools import molt
from molt_cli.doctor.postgres import is_exposed
from servers.fault_proxy import FaultProxy, Stall
from servers.fixtures import PostgresDatabase, failing
from servers.pgbouncer import PgBouncer
from servers.postgres import PASSWORD, PostgresServer
from servers.processes import free_port, wait_until

ALL_CHECKS = 15


@pytest.fixture(scope="module")
def strict() -> Iterator[PostgresServer]:
    """It takes TLS alone over TCP, and five sessions of ordinary roles."""
    with failing(), PostgresServer({"max_connections": "8"}) as server:
        rules = "local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n"
        (server.folder / "data" / "pg_hba.conf").write_text(rules)
        server.run_sql("select pg_reload_conf()")
        wait_until(
            lambda: server.run_sql("select count(*) from pg_hba_file_rules").strip() == "2",
            what="the rules are read",
        )
        yield server


@pytest.fixture(scope="module")
def without_tls() -> Iterator[PostgresServer]:
    with failing(), PostgresServer({"ssl": "off"}) as server:
        yield server


def test_a_good_server_passes_every_check(pg_database: PostgresDatabase) -> None:
    for url in (
        pg_database.url(),
        pg_database.url(tls="verify-full"),
        pg_database.conninfo(tls="require"),
    ):
        assert len(healthy(url)) == ALL_CHECKS


def test_variables_say_what_the_url_leaves_out(pg_database: PostgresDatabase) -> None:
    found = pg_database.server.parameters(dbname=pg_database.name, tls="verify-full")
    names = {"dbname": "PGDATABASE"}
    env = {names.get(name, f"PG{name.upper()}"): str(value) for name, value in found.items()}
    assert len(healthy("postgresql://", env=env)) == ALL_CHECKS
    env["PGPASSWORD"] = "wrong"
    diagnosed("postgresql://", "login", "password-wrong", "password authentication", env=env)


# -- The way there ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "problem", "words"),
    [
        ("postgresql://ada:s3cret@[::1/shop", "url-malformed", "%XX"),
        ("postgresql://ada:s3cret@host/shop?no_such=1", "option-unknown", "names after the ?"),
        ("host=x password=s3cret no_such=1", "option-unknown", "names after the ?"),
        ("postgresql://ada:s3cret@host:99999/shop", "option-invalid", "65535"),
        ("postgresql://ada:s3cret@host/shop?sslmode=perhaps", "option-invalid", "verify-full"),
        ("service=absent", "service-unknown", "pg_service.conf"),
    ],
)
def test_wrong_urls(url: str, problem: str, words: str) -> None:
    diagnosed(url, "url", problem, words)


def test_no_such_host() -> None:
    url = "postgresql://ada:s3cret@nowhere.invalid/shop"
    diagnosed(url, "host", "host-unknown", "nowhere.invalid")


def test_connection_refused() -> None:
    port = free_port()
    diagnosed(
        f"postgresql://ada:s3cret@127.0.0.1:{port}/shop",
        "reach",
        "connection-refused",
        f'"127.0.0.1", port {port}',
    )
    several = f"postgresql://ada@127.0.0.1:{port},127.0.0.1:{free_port()}/shop"
    diagnosed(several, "reach", "connection-refused", "start the server")


def test_a_socket_that_is_not_there(pg_database: PostgresDatabase, tmp_path: Path) -> None:
    wrong_port = pg_database.url(port=free_port())
    diagnosed(wrong_port, "reach", "socket-missing", str(pg_database.server.folder))
    diagnosed(f"postgresql:///shop?host={tmp_path}", "reach", "socket-missing", str(tmp_path))


def test_packets_that_go_nowhere() -> None:
    """A listener whose queue is full drops what comes, as a firewall does."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        url = f"postgresql://ada@127.0.0.1:{listener.getsockname()[1]}/shop"
        diagnosed(url, "reach", "unreachable", "firewall", "--connect-timeout", 0.5)


def test_a_server_that_accepts_and_says_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"postgresql://ada:s3cret@127.0.0.1:{listener.getsockname()[1]}/shop"
        diagnosed(url, "protocol", "silent", "says nothing", "--connect-timeout", 0.5)


def test_a_server_that_stops_in_the_midst_of_it(
    pg_database: PostgresDatabase, pg_proxy: FaultProxy
) -> None:
    url = pg_database.url(tls="disable", **pg_proxy.address)
    pg_proxy.set(Stall(), "to_client")
    diagnosed(url, "protocol", "silent", "says nothing", "--connect-timeout", 0.5)


def test_another_kind_of_server_at_the_port() -> None:
    class Quiet(http.server.BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            for mode in ("disable", "require"):
                url = f"postgresql://127.0.0.1:{server.server_port}/shop?sslmode={mode}"
                diagnosed(
                    url, "protocol", "not-postgresql", "speaks HTTP", "--connect-timeout", 0.5
                )
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("greeting", [b"J\0\0\0\n8.0.33\0", b"SSH-2.0-x\r\n", b"-ERR what?\r\n"])
def test_a_server_that_greets_in_another_way(greeting: bytes) -> None:
    with FakeServer() as server:
        server.breaks("startup", lambda _: greeting)
        diagnosed(server.url, "protocol", "not-postgresql", "another kind of server")


def test_a_server_that_hangs_up() -> None:
    with FakeServer() as server:
        server.breaks("startup", lambda _: None)
        diagnosed(server.url, "protocol", "hung-up", "closed the connection")


# -- TLS -------------------------------------------------------------------------------------------


def test_tls_that_the_server_requires(strict: PostgresServer) -> None:
    assert len(healthy(strict.url(tls="require"))) == ALL_CHECKS
    diagnosed(strict.url(tls="disable"), "tls", "tls-required", "sslmode=require")


def test_tls_that_the_server_lacks(without_tls: PostgresServer) -> None:
    assert len(healthy(without_tls.url(tls="disable"))) == ALL_CHECKS
    diagnosed(without_tls.url(tls="require"), "tls", "tls-refused", "ssl = on")


def test_certificates(pg_database: PostgresDatabase) -> None:
    server = pg_database.server
    wrong = pg_database.url(tls="verify-full", sslrootcert=server.wrong_ca)
    diagnosed(wrong, "tls", "certificate-untrusted", "sslrootcert=FILE")
    missing = pg_database.url(tls="verify-full", sslrootcert="/nowhere/ca.crt")
    diagnosed(missing, "tls", "certificate-file", "/nowhere/ca.crt")
    elsewhere = pg_database.url(tls="verify-full", host="elsewhere.example", hostaddr="127.0.0.1")
    diagnosed(elsewhere, "tls", "certificate-host", "elsewhere.example")
    nobody = pg_database.url("molt_cert", tls="verify-full", sslcert="", sslkey="")
    diagnosed(nobody, "tls", "certificate-missing", "sslcert=FILE")


def test_what_others_on_the_network_could_read() -> None:
    assert is_exposed("192.0.2.7", tls=False)
    assert is_exposed("2001:db8::7", tls=False)
    assert not is_exposed("192.0.2.7", tls=True)
    assert not is_exposed("127.0.0.1", tls=False)
    assert not is_exposed("::1", tls=False)
    assert not is_exposed(None, tls=False)


# -- Login, database, sessions ---------------------------------------------------------------------


def test_passwords(pg_database: PostgresDatabase) -> None:
    wrong = pg_database.url(tls="require", password="s3cret")
    diagnosed(wrong, "login", "password-wrong", 'user "molt"')
    none = pg_database.url(tls="require", password="")
    diagnosed(none, "login", "password-missing", ".pgpass")


def test_a_role_or_a_database_that_is_not_there(pg_database: PostgresDatabase) -> None:
    diagnosed(pg_database.url("nobody"), "login", "role-unknown", "create role")
    diagnosed(pg_database.server.url(dbname="nowhere"), "database", "database-unknown", '"nowhere"')


def test_a_role_that_may_not_log_in(pg_database: PostgresDatabase) -> None:
    pg_database.run_sql("create role kept_out nologin")
    try:
        diagnosed(pg_database.url("kept_out"), "login", "role-forbidden", "not permitted")
    finally:
        pg_database.run_sql("drop role kept_out")


def test_a_database_that_takes_no_connections(without_tls: PostgresServer) -> None:
    without_tls.run_sql("create database closed allow_connections false")
    diagnosed(without_tls.url(dbname="closed"), "database", "database-forbidden", '"closed"')


def test_an_option_of_the_session_that_is_unknown(pg_database: PostgresDatabase) -> None:
    url = pg_database.url(options="-c no_such_setting=1")
    diagnosed(url, "url", "option-unknown", "no_such_setting")


def test_no_connection_is_left(strict: PostgresServer) -> None:
    with ExitStack() as stack:
        for _ in range(5):
            stack.enter_context(molt_sql.connect(strict.url()))
        diagnosed(strict.url(), "slots", "too-many-connections", "PgBouncer")
    wait_until(lambda: len(healthy_or_few(strict)) == 0, what="the sessions have ended")


def healthy_or_few(server: PostgresServer) -> list[str]:
    told = molt("doctor", server.url(), "--json").json
    return [one["problem"] for one in told["checks"] if one["problem"]]


def test_few_connections_are_left(strict: PostgresServer) -> None:
    with ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(molt_sql.connect(strict.url()))
        diagnosed(strict.url(), "capacity", "connections-few", "4 of", status="warn")
    wait_until(lambda: len(healthy_or_few(strict)) == 0, what="the sessions have ended")


def test_a_superuser(pg_database: PostgresDatabase) -> None:
    url = pg_database.url("postgres")
    diagnosed(url, "role", "superuser", "--allow-superuser", status="warn")


def test_a_statement_timeout_that_is_too_low(pg_database: PostgresDatabase) -> None:
    for limit in ("500ms", "1ms"):
        url = pg_database.url(options=f"-c statement_timeout={limit}")
        done = molt("doctor", url, "--json")
        assert done.code == 1
        (one,) = (one for one in done.json["checks"] if one["problem"])
        assert one["problem"] == "statement-timeout-low"
        assert "statement_timeout" in one["remedy"]
    url = pg_database.url(options="-c statement_timeout=30s")
    assert len(healthy(url)) == ALL_CHECKS


def test_a_pooler_in_transaction_mode(pgbouncer: PgBouncer) -> None:
    diagnosed(
        pgbouncer.url(),
        "pooler",
        "pooler-transaction-mode",
        "statement_cache_size=0",
        status="warn",
    )


def test_a_pooler_in_session_mode_is_nothing_special(strict: PostgresServer) -> None:
    with failing(), PgBouncer(strict, {"pool_mode": "session"}) as bouncer:
        assert "pooler" in healthy(bouncer.url())
    wait_until(lambda: len(healthy_or_few(strict)) == 0, what="the sessions have ended")


def test_a_pooler_without_its_server(pg_database: PostgresDatabase) -> None:
    gone = PostgresServer.__mro__[1](pg_database.server.folder, free_port())
    with failing(), PgBouncer(gone, {"query_wait_timeout": "1"}) as bouncer:
        done = molt("doctor", bouncer.url(), "--json", "--connect-timeout", 3)
        assert done.code == 2
        (one,) = (one for one in done.json["checks"] if one["problem"])
        assert one["problem"] in ("silent", "connection-failed", "hung-up")


def test_a_server_that_is_too_old() -> None:
    with FakeServer() as server:
        version = b"PostgreSQL 9.6.24 on x86_64"
        row = struct.pack("!hii", 2, 4, 90_624) + struct.pack("!i", len(version)) + version
        server.breaks("D", lambda _: message("D", row))
        done = molt("doctor", server.url, "--json")
        assert done.code == 1
        found = {one["check"]: one for one in done.json["checks"]}
        assert found["version"]["problem"] == "server-too-old"
        assert "9.6 is older than 15" in found["version"]["cause"]


def test_the_password_is_in_no_finding(pg_database: PostgresDatabase) -> None:
    for url in (pg_database.url(tls="require"), pg_database.conninfo(tls="require")):
        for flags in ((), ("--json",)):
            done = molt("doctor", url, *flags)
            assert done.code == 0
            assert PASSWORD not in done.out + done.err
            assert "***" in done.out
