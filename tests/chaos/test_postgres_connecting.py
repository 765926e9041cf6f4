"""Connecting: certificates, passwords, where parameters come from, several hosts."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import quote

import pytest
from psycopg import sql

import molt_sql
from chaos.fake_server import FakeServer
from chaos.tools import (
    AT_ONCE_S,
    Watcher,
    assert_serves,
    echo,
    eventually,
    lasts,
    opened,
    pids,
    right,
    sleep,
    until,
    value,
)
from molt_sql import DatabaseError, MoltError, connect
from servers.fault_proxy import FaultProxy, Stall
from servers.fixtures import PostgresDatabase, failing
from servers.postgres import PASSWORD, PostgresServer, Tls
from servers.processes import free_port, quoted

TLS = "select version from pg_stat_ssl where pid = pg_backend_pid()"


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the machine has set for libpq is not for these tests."""
    for name in [name for name in os.environ if name.startswith("PG")]:
        monkeypatch.delenv(name)


def refused(url: str, words: str) -> DatabaseError:
    with lasts(0, AT_ONCE_S), pytest.raises(DatabaseError, match=words) as caught:
        connect(url)
    assert PASSWORD not in str(caught.value)
    return caught.value


# -- TLS -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tls", ["disable", "require", "verify-ca", "verify-full"])
@pytest.mark.parametrize("form", ["url", "conninfo"])
def test_tls_is_as_asked(pg_database: PostgresDatabase, tls: Tls, form: str) -> None:
    with opened(getattr(pg_database, form)(tls=tls)) as db:
        assert value(db, TLS) == (None if tls == "disable" else "TLSv1.3")
        with pytest.raises(molt_sql.TimeoutError):
            sleep(db).fetch_all(timeout=0.05).result()
        assert_serves(db, 3)


@pytest.mark.parametrize("mode", ["verify-ca", "verify-full"])
def test_a_certificate_of_another_authority(pg_database: PostgresDatabase, mode: Tls) -> None:
    wrong = pg_database.url(tls=mode, sslrootcert=pg_database.server.wrong_ca)
    refused(wrong, "certificate verify failed")
    missing = pg_database.url(tls=mode, sslrootcert="/nowhere/ca.crt")
    refused(missing, "does not exist")
    connect(pg_database.url(tls=mode)).close()


def test_a_certificate_for_another_host(pg_database: PostgresDatabase) -> None:
    elsewhere = {"host": "elsewhere.example", "hostaddr": "127.0.0.1"}
    refused(pg_database.url(tls="verify-full", **elsewhere), "does not match host name")
    with opened(pg_database.url(tls="verify-ca", **elsewhere)) as db:
        assert value(db, TLS) == "TLSv1.3"


def test_a_client_certificate_that_is_missing(pg_database: PostgresDatabase) -> None:
    refused(
        pg_database.url("molt_cert", tls="verify-full", sslcert="", sslkey=""), "client certificate"
    )
    connect(pg_database.url("molt_cert", tls="verify-full")).close()


def test_no_tls_where_the_server_requires_it() -> None:
    with failing(), PostgresServer() as server:
        rules = "local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n"
        (server.folder / "data" / "pg_hba.conf").write_text(rules)
        with opened(server.url(tls="require")) as db:
            server.run_sql("select pg_reload_conf()")
            plain = server.url(tls="disable")
            until(lambda: "no encryption" in str(refused(plain, "cannot connect|no encryption")))
            assert refused(plain, "no encryption").code in ("28000", "08001")
            assert_serves(db, 3)


# -- Passwords -------------------------------------------------------------------------------------

PASSWORDS = [
    PASSWORD,
    "p#a",
    "100%",
    "50%41",
    "a b  c",
    " around ",
    "it's",
    'double"quote',
    "back\\slash\\",
    ":/@?&=",
    "a@b:c/d",
    "ünïcödé ✓",
    "'",
    "\\'",
]


@pytest.fixture
def login(watcher: Watcher) -> Iterator[str]:
    """A role that has no password yet."""
    role = f"login_{os.getpid()}"
    watcher.run(f"create role {role} login")
    yield role
    watcher.run(f"drop role {role}")


def set_password(watcher: Watcher, role: str, password: str) -> None:
    watcher.run(f"alter role {role} password {sql.quote(password)}")


@pytest.mark.parametrize("password", PASSWORDS)
def test_a_password_with_special_characters(
    pg_database: PostgresDatabase,
    watcher: Watcher,
    login: str,
    password: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    set_password(watcher, login, password)
    host, port = pg_database.server.tcp
    rest = f"{host}:{port}/{pg_database.name}?sslmode=disable"
    keywords = {"host": host, "port": port, "dbname": pg_database.name, "user": login}
    forms = {
        "in a URL": f"postgresql://{login}:{quote(password, safe='')}@{rest}",
        "after a URL": f"postgresql://{login}@{rest}&password={quote(password, safe='')}",
        "by keyword": quoted(keywords | {"password": password, "sslmode": "disable"}),
    }
    if "?" not in password and "%41" not in password:
        forms["pasted"] = f"postgresql://{login}:{password}@{rest}"
    for form, url in forms.items():
        with connect(url, max_connections=1) as db:
            assert value(db, "select current_user") == login, form
            for shown in (db.url, repr(db)):
                assert len(password) < 3 or password not in shown, form
                assert quote(password, safe="") not in shown or len(password) < 3, form
    monkeypatch.setenv("PGPASSWORD", password)
    connect(f"postgresql://{login}@{rest}").close()
    monkeypatch.setenv("PGPASSWORD", "another")
    refused(f"postgresql://{login}@{rest}", "password authentication failed")
    monkeypatch.delenv("PGPASSWORD")
    kept = tmp_path / "pgpass"
    escaped = password.replace("\\", "\\\\").replace(":", "\\:")
    kept.write_text(f"# of nobody\n{host}:*:*:{login}:{escaped}\n")
    kept.chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(kept))
    connect(f"postgresql://{login}@{rest}").close()


def test_a_wrong_password(pg_database: PostgresDatabase) -> None:
    for tls in ("disable", "verify-full"):
        error = refused(
            pg_database.url(tls=tls, password="wrong secret"), "password authentication failed"
        )
        assert error.code == "28P01"
        assert "wrong secret" not in str(error)
    error = refused(pg_database.url(tls="disable", password=""), "password")
    assert error.code == "28P01"


def test_a_password_that_is_changed_under_a_pool(
    pg_database: PostgresDatabase, watcher: Watcher, login: str
) -> None:
    set_password(watcher, login, "before")
    with opened(pg_database.url(login, tls="disable", password="before")) as db:
        set_password(watcher, login, "after")
        with db.transaction() as tx:
            for _ in range(3):
                # It waits for the one that is in use, and says why it did not get another.
                with lasts(0, 0.2 + AT_ONCE_S), pytest.raises(MoltError, match="password"):
                    echo(db, 1).fetch_one(timeout=0.2).result()
            assert right(echo(tx, 2).fetch_one().result(), 2)
        assert right(echo(db, 3).fetch_one().result(), 3)
        set_password(watcher, login, "before")
        assert_serves(db, 3)


def test_a_database_or_role_that_is_not_there(pg_database: PostgresDatabase) -> None:
    server = pg_database.server
    with pytest.raises(MoltError, match='database "nowhere" does not exist') as caught:
        connect(server.url(dbname="nowhere"))
    assert getattr(caught.value, "code", "3D000") == "3D000"
    with pytest.raises(DatabaseError, match='role "nobody" does not exist') as refused_role:
        connect(server.url(user="nobody"))
    assert refused_role.value.code == "28000"


def test_a_url_that_cannot_be_read_shows_no_password() -> None:
    for url in (
        "postgresql://molt:s3cret@[::1/x",
        "postgresql://molt:s3cret@host:port:1/x?%zz",
        "host=x password='s3cret",
        "postgresql://molt:s3cret@host/x?no_such_parameter=1",
        "host=x password=s3cret no_such_parameter=1",
    ):
        with pytest.raises(MoltError) as caught:
            connect(url, connect_timeout=0.5)
        assert "s3cret" not in str(caught.value)


# -- Where parameters come from --------------------------------------------------------------------


def test_variables_are_used_for_what_is_left_out(
    pg_database: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, port = pg_database.server.tcp
    variables = {
        "PGHOST": host,
        "PGPORT": str(port),
        "PGDATABASE": pg_database.name,
        "PGUSER": "molt",
        "PGPASSWORD": PASSWORD,
        "PGSSLMODE": "verify-full",
        "PGSSLROOTCERT": str(pg_database.server.ca),
        "PGAPPNAME": "from the environment",
        "PGOPTIONS": "-c work_mem=5MB",
    }
    for name, text in variables.items():
        monkeypatch.setenv(name, text)
    with opened("postgresql://") as db:
        assert value(db, TLS) == "TLSv1.3"
        assert value(db, "select current_database()") == pg_database.name
        assert value(db, "select current_setting('application_name')") == "from the environment"
        assert value(db, "select current_setting('work_mem')") == "5MB"
        assert_serves(db, 3)
        # A session that is put in order keeps what it began with.
        db.execute(molt_sql.raw("set work_mem = '6MB'")).result()
        assert value(db, "select current_setting('work_mem')") == "5MB"
    with opened("postgresql:///?application_name=mine&sslmode=require") as db:
        assert value(db, "select current_setting('application_name')") == "mine"
    refused("postgresql:///?sslmode=disable&user=molt&password=no", "password authentication")


def test_a_service_file(
    pg_database: PostgresDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, port = pg_database.server.tcp
    services = tmp_path / "services.conf"
    services.write_text(
        f"# two of them\n[other]\nhost=nowhere.invalid\n[shop]\nhost={host}\nport={port}\n"
        f"dbname={pg_database.name}\nuser=molt\npassword={PASSWORD}\nsslmode=disable\n"
    )
    monkeypatch.setenv("PGSERVICEFILE", str(services))
    for url in ("service=shop", "postgresql:///?service=shop"):
        with opened(url) as db:
            assert value(db, "select current_database()") == pg_database.name
            assert PASSWORD not in repr(db)
    monkeypatch.setenv("PGSERVICE", "shop")
    connect("postgresql://").close()
    with pytest.raises(MoltError, match='"absent" not found'):
        connect("service=absent")
    services.write_text("[shop]\nnonsense\n")
    with pytest.raises(MoltError, match="syntax error"):
        connect("service=shop")


# -- Several hosts ---------------------------------------------------------------------------------


def hosts(pg_database: PostgresDatabase, *ports: int, **more: object) -> str:
    at = ",".join(f"127.0.0.1:{port}" for port in ports)
    options = "&".join(f"{k}={v}" for k, v in ({"sslmode": "disable"} | more).items())
    password = quote(PASSWORD, safe="")
    return f"postgresql://molt:{password}@{at}/{pg_database.name}?{options}"


def test_the_next_host_is_tried_when_one_refuses(
    pg_database: PostgresDatabase, pg_proxy: FaultProxy
) -> None:
    _, port = pg_database.server.tcp
    url = hosts(pg_database, pg_proxy.port, free_port(), port)
    with opened(url) as db:
        assert len(pg_proxy.connections) == 1
        pg_proxy.refuse()
        pg_proxy.cut()
        time.sleep(0.15)  # an idle connection is looked at again after a while
        assert_serves(db, 3)
        assert pg_proxy.open == 0
    for _ in range(2):
        with lasts(0, AT_ONCE_S), pytest.raises(DatabaseError, match="refused") as caught:
            connect(hosts(pg_database, free_port(), free_port()))
        assert caught.value.code == "08001"


def test_a_silent_host_does_not_keep_the_next_from_being_tried(
    pg_database: PostgresDatabase, pg_proxy: FaultProxy
) -> None:
    """`connect_timeout` of the URL is for each host, that of connect() for all of them."""
    _, port = pg_database.server.tcp
    pg_proxy.set(Stall())
    with lasts(0, 5), opened(hosts(pg_database, pg_proxy.port, port, connect_timeout=2)) as db:
        assert right(echo(db, 1).fetch_one().result(), 1)


def test_a_host_is_chosen_by_what_it_takes(pg_database: PostgresDatabase) -> None:
    _, port = pg_database.server.tcp
    with ExitStack() as stack:
        standby = stack.enter_context(FakeServer())
        standby.parameters["default_transaction_read_only"] = "on"
        standby.parameters["in_hot_standby"] = "on"
        both = (standby.port, port)
        for wanted, is_standby in {
            "any": True,
            "read-write": False,
            "primary": False,
            "read-only": True,
            "standby": True,
            "prefer-standby": True,
        }.items():
            before = standby.sessions
            url = hosts(pg_database, *both, target_session_attrs=wanted)
            with connect(url, max_connections=1) as db:
                if not is_standby:
                    assert right(echo(db, 1).fetch_one().result(), 1)
                    with db.transaction() as tx:
                        assert value(tx, "show transaction_read_only") == "off"
            assert (standby.sessions > before) >= is_standby
        error = "session is read-only|not in hot standby|is not"
        with pytest.raises(DatabaseError, match=error):
            connect(hosts(pg_database, standby.port, target_session_attrs="read-write"))


def test_a_primary_that_moves(pg_database: PostgresDatabase, pg_proxy: FaultProxy) -> None:
    """The pool follows to the host that takes writes, without being opened anew."""
    with FakeServer() as other:
        other.parameters["in_hot_standby"] = "on"
        url = hosts(pg_database, other.port, pg_proxy.port, target_session_attrs="primary")
        with opened(url) as db:
            first = pids(db, 3)
            pg_proxy.refuse()
            pg_proxy.cut()
            time.sleep(0.15)
            with pytest.raises(MoltError):
                value(db, "select 1")
            pg_proxy.accept()
            eventually(lambda: value(db, "select 1"))
            assert_serves(db, 3)
            assert not pids(db, 3) & first
