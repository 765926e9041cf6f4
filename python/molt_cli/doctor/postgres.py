"""A PostgreSQL server: the way to a session, then what the session is like."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable, Sequence
from typing import Any

import molt_sql

from ..problems import one_line
from ..waiting import interruptible
from .connecting import STAGES, diagnose
from .findings import Finding, Findings

SESSION = ("version", "limits", "role", "privacy", "capacity", "pooler", "read")
CHECKS = (*STAGES, *SESSION)

OLDEST_TESTED = 150_000
TIMEOUT_LOW = "statement-timeout-low"
TIMEOUT_LOW_MS = 1000
ROUNDS = 3

VERSION = "select current_setting('server_version_num')::int4 as n, version() as t"
LIMITS = "select setting::int8, 'x' from pg_settings where name = 'statement_timeout'"
FACTS = """
    select current_user, current_setting('is_superuser') = 'on', pg_is_in_recovery(),
        host(inet_server_addr()),
        coalesce((select ssl from pg_stat_ssl where pid = pg_backend_pid()), false),
        current_setting('max_connections')::int,
        current_setting('superuser_reserved_connections')::int,
        (select count(*) from pg_stat_activity where backend_type = 'client backend')"""


class _Session:
    """One connection, and the questions to it."""

    def __init__(self, db: molt_sql.Database, timeout: float) -> None:
        self._db = db
        self._timeout = timeout

    def row(self, sql: str, columns: int) -> Sequence[Any]:
        row = molt_sql.raw(sql).on(self._db).fetch_one(timeout=self._timeout).result()
        if row is None or len(row) != columns:
            raise molt_sql.DatabaseError("the server's answer is not what PostgreSQL gives")
        return row


def examine_postgres(url: str, connect_timeout: float, timeout: float) -> Sequence[Finding]:
    found = Findings(CHECKS)

    def connect() -> molt_sql.Database:
        return interruptible(
            lambda: molt_sql.connect(
                url,
                max_connections=1,
                connect_timeout=connect_timeout,
                max_wait=connect_timeout,
                statement_cache_size=0,  # behind a pooler as well
                allow_superuser=True,  # and said so below
            )
        )

    try:
        db = connect()
    except molt_sql.MoltError as error:
        failure = diagnose(error, connect_timeout)
        for stage in STAGES[: STAGES.index(failure.stage)]:
            found.ok(stage, "passed")
        found.fail(failure.stage, failure.problem, failure.cause, failure.remedy)
        return found.all
    for stage in STAGES:
        found.ok(stage, db.url if stage == "url" else "passed")
    with db:
        _examine_session(_Session(db, timeout), connect, timeout, found)
    return found.all


def _examine_session(
    session: _Session,
    connect: Callable[[], molt_sql.Database],
    timeout: float,
    found: Findings,
) -> None:
    try:
        number, text = session.row(VERSION, 2)
        _check_version(int(number), str(text), found)
        _check_limits(int(session.row(LIMITS, 2)[0]), found)
        facts = session.row(FACTS, 8)
        _check_role(str(facts[0]), bool(facts[1]), bool(facts[2]), found)
        _check_privacy(facts[3], bool(facts[4]), found)
        _check_capacity(int(facts[5]), int(facts[6]), int(facts[7]), found)
        _check_pooler(session, connect, timeout, found)
        began = time.perf_counter()
        for _ in range(ROUNDS):
            session.row("select 1, 2", 2)
        each = (time.perf_counter() - began) / ROUNDS
        found.ok("read", f"a read in a read-only transaction takes {each * 1000:.1f} ms")
    except molt_sql.TimeoutError as error:
        if "statement timeout" in str(error):
            if not found.has(TIMEOUT_LOW):
                cause = f"the server stopped a trifle: {one_line(error)}"
                found.warn(_next(found), TIMEOUT_LOW, cause, TIMEOUT_REMEDY)
            found.skip_rest("statements do not live long enough")
        else:
            remedy = "the server is overloaded, or something is locked; give it longer: --timeout"
            found.fail(_next(found), "no-answer", one_line(error), remedy)
    except (molt_sql.MoltError, TypeError, ValueError) as error:
        remedy = "see the server's log; another product with PostgreSQL's protocol may lack this"
        found.warn(_next(found), "query-failed", one_line(error), remedy)
        found.skip_rest("the server did not answer the question before")


TIMEOUT_REMEDY = (
    "raise statement_timeout: alter role NAME set statement_timeout = '30s', or see options= of the"
    " URL and PGOPTIONS; deadlines of requests are given with timeout="
)


def _next(found: Findings) -> str:
    return CHECKS[len(found.all)]


def _check_version(number: int, text: str, found: Findings) -> None:
    if not text.startswith("PostgreSQL"):
        remedy = "what is not PostgreSQL itself was not tested; try what you need of it"
        found.warn("version", "not-postgresql", f"the server is {text[:60]}", remedy)
    elif number < OLDEST_TESTED:
        major = (
            f"{number // 10_000}.{number // 100 % 100}" if number < 100_000 else number // 10_000
        )
        remedy = "upgrade the server"
        cause = f"PostgreSQL {major} is older than 15, the oldest version that is tested"
        found.warn("version", "server-too-old", cause, remedy)
    else:
        found.ok("version", " ".join(text.split()[:2]))


def _check_limits(statement_timeout_ms: int, found: Findings) -> None:
    if 0 < statement_timeout_ms < TIMEOUT_LOW_MS:
        cause = (
            f"statement_timeout is {statement_timeout_ms} ms: the server stops longer statements"
        )
        found.warn("limits", TIMEOUT_LOW, cause, TIMEOUT_REMEDY)
    elif statement_timeout_ms:
        found.ok("limits", f"statement_timeout is {statement_timeout_ms} ms")
    else:
        found.ok("limits", "the server has no statement_timeout")


def _check_role(name: str, is_superuser: bool, is_standby: bool, found: Findings) -> None:
    if is_superuser:
        cause = (
            f'the role "{name}" is a superuser, whose functions can write files and start programs'
            " in a read-only transaction too: reads are refused"
        )
        remedy = (
            "connect as an ordinary role (create role NAME login; grant pg_read_all_data to NAME);"
            " or allow it: allow_superuser=True, molt query --allow-superuser"
        )
        found.warn("role", "superuser", cause, remedy)
    else:
        where = ", on a standby, which takes no writes" if is_standby else ""
        found.ok("role", f'"{name}", no superuser{where}')


def is_exposed(address: str | None, tls: bool) -> bool:
    """Whether others on the network could read along. A Unix socket has no address."""
    return not tls and address is not None and not ipaddress.ip_address(address).is_loopback


def _check_privacy(address: str | None, tls: bool, found: Findings) -> None:
    if is_exposed(address, tls):
        remedy = "add sslmode=verify-full to the URL, or sslmode=require at least"
        cause = f"the connection to {address} goes over the network without TLS"
        found.warn("privacy", "tls-off", cause, remedy)
    else:
        found.ok("privacy", "TLS" if tls else "without TLS, within this machine")


def _check_capacity(most: int, reserved: int, used: int, found: Findings) -> None:
    free = most - reserved - used
    if free < max(2, most // 10):
        cause = f"{used} of the server's {most} connections are in use, and {max(free, 0)} are left"
        remedy = "close what is idle, put PgBouncer before the server, or raise max_connections"
        found.warn("capacity", "connections-few", cause, remedy)
    else:
        found.ok("capacity", f"{used} of {most} connections in use")


def _check_pooler(
    session: _Session,
    connect: Callable[[], molt_sql.Database],
    timeout: float,
    found: Findings,
) -> None:
    """Two clients at the same time on one server process: somebody in between gives it out anew
    for every transaction."""
    pid = "select pg_backend_pid(), 1"
    try:
        with connect() as other:
            second = _Session(other, timeout)
            seen = [(session.row(pid, 2)[0], second.row(pid, 2)[0]) for _ in range(ROUNDS)]
    except molt_sql.TimeoutError:
        raise
    except molt_sql.MoltError as error:
        remedy = "see capacity, and the limit of the role: alter role NAME connection limit N"
        found.warn("pooler", "second-connection", one_line(error), remedy)
        return
    firsts, seconds = ({pids[i] for pids in seen} for i in (0, 1))
    if firsts & seconds or len(firsts) > 1 or len(seconds) > 1:
        cause = "a pooler in transaction mode (PgBouncer) lies between: sessions are shared"
        remedy = (
            "connect with statement_cache_size=0, as prepared statements are of one session; what a"
            " session keeps (SET, LISTEN, temporary tables, advisory locks) is not yours"
        )
        found.warn("pooler", "pooler-transaction-mode", cause, remedy)
    else:
        found.ok("pooler", "none that shares sessions")
