"""What a PostgreSQL server holds, so that it can be said what a statement has changed.

An Observer looks on from a connection of its own, a superuser's and not molt_sql's;
`session_state()` asks a pooled session itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import LiteralString, Self

import psycopg
from psycopg import sql

from molt_sql import Database, Transaction, raw
from servers.postgres import PostgresAddress

State = Mapping[str, object]

# As the head of tests/hostile/postgres_reads.txt says, and some for what else is named there.
OBJECTS = """
create table t (a integer primary key, b text);
insert into t select n, 'row ' || n from generate_series(1, 5) n;
create table u (a integer primary key, b text);
create sequence s;
create view v as select a, b from t;
create materialized view m as select a from t;
create type mood as enum ('glad', 'sad');
create function f() returns integer language sql stable as 'select count(*)::integer from t';
create procedure p() language sql as 'delete from t';
create procedure p(bigint) language sql as 'delete from t';
create index i on u (b);
create index t_brin on t using brin (a);
create index t_gin on t using gin (to_tsvector('simple', b));
"""
LARGE_OBJECT = "select lo_from_bytea(1, 'large')"

# Any write takes a transaction id or a place in the log, also one that is undone.
MARKS = """
select jsonb_build_object(
    'next transaction', pg_snapshot_xmax(pg_current_snapshot())::text,
    'end of the log', pg_current_wal_insert_lsn()::text,
    'locks', (select jsonb_agg(l::text order by l::text) from pg_locks l
        where pid <> pg_backend_pid()),
    'sessions', (select jsonb_agg(jsonb_build_array(pid, usename) order by pid)
        from pg_stat_activity where backend_type = 'client backend'),
    'open transactions', (select count(*) from pg_stat_activity
        where xact_start is not null and pid <> pg_backend_pid()),
    'prepared transactions', (select count(*) from pg_prepared_xacts),
    'pending notifications', pg_notification_queue_usage() > 0)
"""
MORE = """
select jsonb_build_object(
    'settings', (select jsonb_object_agg(name, jsonb_build_array(setting, source))
        from pg_settings where name not like 'plpgsql.%'),
    'settings in files', (select md5(string_agg(f::text, '' order by seqno))
        from pg_file_settings f),
    'replication', (select count(*) from pg_replication_slots),
    'statistics', (select jsonb_agg(jsonb_build_array(datname, stats_reset) order by datname)
        from pg_stat_database),
    'statistics of all', (select jsonb_build_array(b.stats_reset, w.stats_reset)
        from pg_stat_bgwriter b, pg_stat_wal w),
    'files', (select md5(string_agg(name, ',' order by name)) from pg_ls_dir('.') name
        where name not like '%.tmp'),
    'files of the database', (select md5(string_agg(name, ',' order by name))
        from pg_ls_dir('base/' || (select oid from pg_database where datname = current_database()))
        as name where name not like 'pg_internal%'))
"""
# Where a row is and which transaction wrote it: no change leaves both as they were, except in the
# few catalogs whose rows the server changes in place.
ROWS = "select '{0}', md5(string_agg(concat(x.ctid, x.xmin), '|' order by x.ctid)) from {0} x"
ROWS_IN_PLACE = ROWS.replace("x.xmin", "x.xmin, x.*")
IN_PLACE = ("pg_class", "pg_database")
SEQUENCE = "select '{0}', concat(last_value, log_cnt, is_called) from {0}"
SESSION = """
select jsonb_build_object(
    'backend', pg_backend_pid(),
    'users', jsonb_build_array(current_user, session_user, current_setting('role')),
    'settings', (select jsonb_object_agg(name, setting) from pg_settings
        where name not like 'plpgsql.%'),
    'own settings', nullif(current_setting('own.setting', true), ''),
    'prepared statements', (select jsonb_agg(name) from pg_prepared_statements where from_sql),
    'cursors', (select jsonb_agg(name) from pg_cursors where name <> ''),
    'channels', (select jsonb_agg(c) from pg_listening_channels() c),
    'temporary objects', (select jsonb_agg(relname) from pg_class
        where pg_my_temp_schema() <> 0 and relnamespace = pg_my_temp_schema()),
    'locks', (select jsonb_agg(jsonb_build_array(locktype, classid, objid, mode)) from pg_locks
        where pid = pg_backend_pid() and locktype not in ('relation', 'virtualxid')))::text
"""


class Observer:
    """Sees everything in one database, and what the server as a whole holds."""

    def __init__(self, server: PostgresAddress, dbname: str) -> None:
        self._connection = psycopg.connect(
            server.superuser_conninfo(dbname), autocommit=True, prepare_threshold=None
        )
        # A lock that a read has left must not keep us waiting.
        self.run("set lock_timeout = '3s'", "set statement_timeout = '30s'")
        self._heard: list[str] = []
        self._connection.add_notify_handler(
            lambda notify: self._heard.append(f"{notify.channel}: {notify.payload}")
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def listen(self, *channels: str) -> None:
        for channel in channels:
            self._connection.execute(sql.SQL("listen {}").format(sql.Identifier(channel)))

    def heard(self) -> list[str]:
        """The notifications since it was last asked."""
        self.run("select 1")
        heard = [*self._heard]
        self._heard.clear()
        return heard

    def marks(self) -> dict[str, object]:
        """What a write cannot help changing. Costs a millisecond."""
        return self._document(MARKS)

    def everything(self) -> dict[str, object]:
        """The marks, every row of the catalogs and of the tables, settings, files."""
        state = self.marks() | self._document(MORE)
        relations = self._connection.execute(
            "select oid::regclass::text, relkind from pg_class where relkind in ('r', 'm', 'S')"
            " and relpersistence <> 't' and relnamespace::regnamespace::text"
            " not in ('information_schema', 'pg_toast') order by 1"
        ).fetchall()
        asked = " union all ".join(rows_sql(name, kind) for name, kind in relations)
        found = self._connection.execute(asked.encode()).fetchall()
        state |= {f"rows of {name}": rows for name, rows in found}
        return state

    def run(self, *statements: str) -> None:
        for statement in statements:
            self._connection.execute(statement.encode())

    def tidy(self) -> None:
        """Leaves nothing for those who only read to tidy up."""
        self.run("vacuum (freeze, analyze)", "checkpoint")
        self.everything()  # which may still prune what it reads
        self.run("checkpoint")

    def _document(self, statement: LiteralString) -> dict[str, object]:
        row = self._connection.execute(statement).fetchone()
        assert row is not None
        document: dict[str, object] = row[0]
        return document


def rows_sql(name: str, kind: str) -> str:
    if kind == "S":
        return SEQUENCE.format(name)
    return (ROWS_IN_PLACE if name in IN_PLACE else ROWS).format(name)


def session_state(db: Database | Transaction) -> dict[str, object]:
    """What the one connection of `db` keeps, as the next caller finds it."""
    state: dict[str, object] = json.loads(raw(SESSION).on(db).fetch_value().result())
    return state


def changes(before: State, after: State) -> list[str]:
    """What differs, by name; large values are shown by their parts."""
    found = []
    for name in sorted({*before, *after}):
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        if isinstance(old, dict) and isinstance(new, dict):
            found += [f"{name}: {inner}" for inner in changes(old, new)]
        else:
            found.append(f"{name}: {old} -> {new}")
    return found


# A transaction that is undone may use up its id; what it wrote keeps its place in the log, and an
# empty file until the next checkpoint.
UNDONE = {"next transaction", "end of the log", "files of the database"}


def lasting(state: State) -> State:
    """Without the traces of what was undone."""
    return {name: value for name, value in state.items() if name not in UNDONE}


def corpus(name: str) -> dict[str, list[str]]:
    """The statements of a file in tests/hostile by the comment above them."""
    sections: dict[str, list[str]] = {}
    section = ""
    lines = (Path(__file__).parent / name).read_text().split("\n")
    for line in _statements_and_titles(lines):
        if line.startswith("#"):
            section = line.removeprefix("# ")
        elif line:
            sections.setdefault(section, []).append(line.replace("⏎", "\n"))
    return sections


def _statements_and_titles(lines: Iterable[str]) -> Iterable[str]:
    """All but the head, which ends with the first empty line after it."""
    text = [*lines]
    return text[text.index("") :]


def literal(statement: str) -> str:
    """For raw(), where braces are holes."""
    return statement.replace("{", "{{").replace("}", "}}")
