"""Passwords are in no error, traceback, log, warning, repr or output, wherever they come from."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from molt_sql import Database, MoltError, connect, raw
from secret_words import CANARY, KNOWN, TABLES, everything_about, failure, leaks, silent
from servers.fixtures import PostgresDatabase
from servers.postgres import PASSWORD
from servers.processes import free_port

# -- Passwords -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stocked(pg_database: PostgresDatabase) -> PostgresDatabase:
    pg_database.run_sql(f"set role molt; {TABLES}; {KNOWN}")
    return pg_database


# Each with a canary before and after what could cut it in two.
PASSWORDS = [
    f"{CANARY}{special}{CANARY[::-1]}"
    for special in (
        "#",
        "%",
        " ",
        "@",
        ":",
        "/",
        "'",
        '"',
        "\\",
        "&",
        "=",
        "%zz",
        "é",
        "@x:1/y",
        "[",
    )
]
BACKWARDS = CANARY[::-1][:5]


def forms(password: str, host: str, port: int, dbname: str) -> dict[str, str]:
    """The ways to write it, whether libpq can read them or not."""
    escaped = password.replace("\\", "\\\\").replace("'", "\\'")
    return {
        "url, quoted": f"postgresql://molt:{quote(password, safe='')}@{host}:{port}/{dbname}",
        "url, as it is": f"postgresql://molt:{password}@{host}:{port}/{dbname}",
        "url, option": f"postgresql://molt@{host}:{port}/{dbname}?password={quote(password)}",
        "url, option as it is": f"postgresql://molt@{host}:{port}/{dbname}?password={password}",
        "url, bad option": f"postgresql://molt:{quote(password, safe='')}@{host}/{dbname}?nope=1",
        "url, bad port": f"postgresql://molt:{password}@{host}:port/{dbname}",
        "url, bad sslmode": f"postgresql://molt:{quote(password, safe='')}@{host}:{port}/?sslmode=x",
        "url, no end": f"postgresql://molt:{password}",
        "url, bracket": f"postgresql://molt:{password}@[::1/{dbname}",
        "url, bad escape": f"postgresql://molt:{password}%@{host}:{port}/{dbname}%",
        "postgres://": f"postgres://molt:{quote(password, safe='')}@{host}:{port}/{dbname}",
        "another scheme": f"mysql://molt:{password}@{host}:{port}/{dbname}",
        "keywords": f"host={host} port={port} user=molt dbname={dbname} password='{escaped}'",
        "keywords, as it is": f"host={host} port={port} user=molt dbname={dbname} password={password}",
        "keywords, no end": f"host={host} port={port} user=molt password='{password}",
        "keywords, bad one": f"host={host} port={port} user=molt nope=1 password='{escaped}'",
    }


@pytest.mark.parametrize("password", PASSWORDS)
def test_a_wrong_password_is_in_no_error(
    stocked: PostgresDatabase,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    password: str,
) -> None:
    host, port = stocked.server.tcp
    found = {}
    with silent(caplog, capfd, BACKWARDS):
        for form, url in forms(password, host, port, stocked.name).items():
            if form == "url, no end" and "@" in password:
                continue  # what is behind @ is then the host
            try:
                with connect(url, connect_timeout=10):
                    pytest.fail(f"connected: {form}")
            except (MoltError, ValueError) as error:
                if leaked := leaks(everything_about(error, variables=False), BACKWARDS):
                    found[form] = (leaked, str(error))
    assert found == {}


def test_a_password_is_in_no_error_of_a_server_that_is_not_reached(
    stocked: PostgresDatabase, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    host, port = stocked.server.tcp
    secret = quote(PASSWORDS[0], safe="")
    server = stocked.server
    tls = f"sslrootcert={quote(str(server.wrong_ca))}"
    urls = [
        f"postgresql://molt:{secret}@{host}:{free_port()}/molt",
        f"postgresql://molt:{secret}@no-such-host.invalid/molt",
        f"postgresql://molt:{secret}@%2Fno%2Fsuch%2Ffolder/molt",
        f"postgresql://molt:{secret}@{host}:{port}/{stocked.name}?sslmode=verify-full&{tls}",
        f"postgresql://molt:{secret}@{host}:{port}/{stocked.name}?sslmode=verify-ca&{tls}",
        f"postgresql://molt:{secret}@{host}:{port}/x?sslmode=verify-full&sslrootcert=/none",
        f"postgresql://molt:{secret}@{host}:{port}/x?sslmode=require&sslcert=/none&sslkey=/none",
        f"postgresql://nobody:{secret}@{host}:{port}/{stocked.name}",
        f"postgresql://molt:{secret}@{host}:{port}/no_such_database",
        f"postgresql://molt:{secret}@{host}:{port},{host}:1/x?target_session_attrs=read-only",
        f"postgresql://molt:{secret}@/x?service=no_such_service",
        f"postgresql://molt:{secret}@{host}:{port}/x?options=-c%20nope%3D1",
        f"postgresql://molt:{secret}@{host}:{port}/x?channel_binding=require&sslmode=disable",
    ]
    with silent(caplog, capfd, BACKWARDS):
        for url in urls:
            error = failure(lambda url=url: connect(url, connect_timeout=10))  # type: ignore[misc]
            assert leaks(everything_about(error, variables=False), BACKWARDS) == [], str(error)
        for option in ("max_connections", "timeout", "connect_timeout", "allow_superuser"):
            options: dict[str, Any] = {option: PASSWORDS[0]}
            with pytest.raises((MoltError, TypeError, ValueError)) as caught:
                connect(urls[0], **options)
            told = everything_about(caught.value, variables=False)
            assert leaks(told, BACKWARDS) == [], option


def test_the_right_password_is_shown_by_nothing(
    stocked: PostgresDatabase,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """By every way in which libpq gets to know it; parts of it are looked for."""
    host, port = stocked.server.tcp
    parts = (PASSWORD, quote(PASSWORD), quote(PASSWORD, safe=""), PASSWORD[2:6], "w:rd", "w%3Ard")
    written = forms(PASSWORD, host, port, stocked.name)
    escaped = PASSWORD.replace("\\", "\\\\").replace(":", "\\:")
    (tmp_path / "pass").write_text(f"{host}:{port}:*:molt:{escaped}\n")
    (tmp_path / "pass").chmod(0o600)
    (tmp_path / "service").write_text(
        f"[shop]\nhost={host}\nport={port}\nuser=molt\ndbname={stocked.name}\npassword={PASSWORD}\n"
    )
    plain = f"postgresql://molt@{host}:{port}/{stocked.name}"
    cases: list[tuple[str, dict[str, str]]] = [
        (written["url, quoted"], {}),
        (written["url, as it is"], {}),
        (written["url, option"], {}),
        (written["postgres://"], {}),
        (written["keywords"], {}),
        (plain, {"PGPASSWORD": PASSWORD}),
        (plain, {"PGPASSFILE": str(tmp_path / "pass")}),
        (f"{plain}?passfile={quote(str(tmp_path / 'pass'))}", {}),
        ("service=shop", {"PGSERVICEFILE": str(tmp_path / "service")}),
        ("postgresql://?service=shop", {"PGSERVICEFILE": str(tmp_path / "service")}),
    ]
    with silent(caplog, capfd, *parts):
        for url, environment in cases:
            with monkeypatch.context() as patch:
                for name, value in environment.items():
                    patch.setenv(name, value)
                with connect(url) as db:
                    shown = everything_shown_by(db)
            assert leaks(shown, *parts) == [], url.replace(PASSWORD, "…")
            with pytest.raises(MoltError) as closed:
                raw("select 1").on(db).fetch_all().result()
            assert leaks(everything_about(closed.value), *parts) == []


def everything_shown_by(db: Database) -> str:
    query = raw("select 1 as n").on(db)
    assert query.fetch_value().result() == 1
    shown: list[object] = [db, db.url, query, query.fetch_all(), query.explain(), vars_of(db)]
    with query.stream() as stream, db.transaction() as tx:
        shown += [stream, tx, query.on(tx), vars_of(stream), vars_of(tx)]
    rows = query.fetch_all().result()
    shown += [rows, rows.schema, db.table_names()]
    for wrong in ("select nothing", "select 1 / 0", "select * from pg_authid", "selec"):
        shown.append(everything_about(failure(raw(wrong).on(db).fetch_all().result)))
    ended = raw("select pg_terminate_backend(pg_backend_pid())").on(db)
    with suppress(MoltError):
        ended.execute().result()
    text = "\n".join(f"{one!r} {one!s}" for one in shown)
    # Two were never awaited, which is warned of when they go.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        shown.clear()
        gc.collect()
    return text


def vars_of(thing: object) -> str:
    """Its attributes, hidden ones included, except methods."""
    return "\n".join(
        f"{name} = {value!r}"
        for name in dir(thing)
        if not name.startswith("__") and not callable(value := getattr(thing, name, None))
    )


def test_the_servers_settings_and_activity_do_not_know_the_password(
    stocked: PostgresDatabase,
) -> None:
    with connect(stocked.url(tls="require")) as db:
        query = "select string_agg(a::text, ' ') from pg_stat_activity a"
        text = raw(query).on(db).fetch_value().result()
        text += (
            raw("select string_agg(s::text, ' ') from pg_settings s").on(db).fetch_value().result()
        )
    assert PASSWORD not in text


# -- What a program of ours writes -----------------------------------------------------------------

PROGRAM = """
import asyncio, faulthandler, logging, os, sys, threading, warnings
faulthandler.enable()
logging.basicConfig(level=logging.DEBUG)
warnings.simplefilter("always")
from molt_sql import connect, raw, table, MoltError

secret, good, bad = os.environ["SECRET"], os.environ["GOOD_URL"], os.environ["BAD_URL"]
what = sys.argv[1]
if what == "password":
    connect(bad)
elif what == "value":
    raw("select {v}::text::int", v=secret).on(connect(good)).fetch_all().result()
elif what == "unique":
    connect(good).insert("secrets", [(5, secret, 1, "x"), (6, secret, 1, "x")],
                         columns=["id", "email", "age", "name"]).result()
elif what == "task":
    async def main():
        db = connect(good)
        async def ask():
            await raw("select raises({v})", v=secret).on(db).fetch_all()
        task = asyncio.create_task(ask())
        await asyncio.sleep(0.3)
        del task
    asyncio.run(main(), debug=True)
elif what == "thread":
    db = connect(good)
    run = lambda: raw("select raises({v})", v=secret).on(db).fetch_all().result()
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
elif what == "unawaited":
    async def main():
        db = connect(good)
        raw("select {v}::text", v=secret).on(db).fetch_all()
        stream = raw("select generate_series(1, 100000), {v}::text", v=secret).on(db).stream()
        next(iter(stream))
        tx = db.transaction()
        await tx.__aenter__()
    asyncio.run(main(), debug=True)
elif what == "left":
    db = connect(good)
    kept = raw("select generate_series(1, 100000), {v}::text", v=secret).on(db).stream()
    next(iter(kept))
    sys.exit(f"{db} {kept}")
"""


@pytest.mark.parametrize(
    "what", ["password", "value", "unique", "task", "thread", "unawaited", "left"]
)
def test_a_program_writes_no_secret_whatever_it_forgets(
    stocked: PostgresDatabase, what: str
) -> None:
    host, port = stocked.server.tcp
    bad = forms(PASSWORDS[0], host, port, stocked.name)["url, quoted"]
    good = forms(PASSWORD, host, port, stocked.name)["url, quoted"]
    variables = {"SECRET": CANARY, "GOOD_URL": good, "BAD_URL": bad, "PYTHONASYNCIODEBUG": "1"}
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", PROGRAM, what],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=60,
    )
    written = done.stdout + done.stderr
    assert leaks(written, BACKWARDS, PASSWORD, quote(PASSWORD, safe="")) == []
    if what in ("password", "value", "unique", "task", "thread"):
        assert "molt_sql" in written  # the error was shown
