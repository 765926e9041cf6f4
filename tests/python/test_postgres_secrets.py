"""Values are in no error, traceback, log, warning, repr or output, whoever words the message."""
# Long because: every statement and row is a short test of its own.

from __future__ import annotations

import asyncio
import datetime
import decimal
import gc
import pickle
import uuid
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from molt_sql import Database, DatabaseError, Json, MoltError, connect, raw, table
from secret_words import CANARY, KNOWN, NUMBER, TABLES, everything_about, failure, leaks, silent
from servers.fixtures import PostgresDatabase

# -- Values ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stocked(pg_database: PostgresDatabase) -> PostgresDatabase:
    pg_database.run_sql(f"set role molt; {TABLES}; {KNOWN}")
    return pg_database


@pytest.fixture(scope="module", params=[256, 0], ids=["prepared", "unprepared"])
def db(request: pytest.FixtureRequest, stocked: PostgresDatabase) -> Iterator[Database]:
    with connect(stocked.url(), statement_cache_size=request.param, timeout=20) as database:
        yield database


def test_the_search_finds_what_it_looks_for() -> None:
    for told in (
        MoltError(f"no user_{CANARY.upper()}_here"),
        MoltError({"n": NUMBER}),
        raised_from(ValueError(CANARY[:6])),
        noted(CANARY[2:]),
    ):
        assert leaks(everything_about(told)) != []
    assert leaks(everything_about(MoltError("no user_…_here"))) == []


def raised_from(cause: Exception) -> MoltError:
    error = MoltError("x")
    error.__cause__ = cause
    return error


def noted(note: str) -> MoltError:
    error = MoltError("x")
    error.add_note(note)
    return error


TEXTS = [
    "select {v}::int",
    "select {v}::text::int",
    "select {v}::text::bigint + 1",
    "select {v}::text::numeric",
    "select {v}::text::float8",
    "select {v}::text::boolean",
    "select {v}::text::date",
    "select {v}::text::timestamptz",
    "select {v}::text::time",
    "select {v}::text::interval",
    "select {v}::text::uuid",
    "select {v}::text::inet",
    "select {v}::text::macaddr",
    "select {v}::text::mood",
    "select {v}::mood",
    "select {v}::text::json",
    "select ('{{\"a\": ' || {v} || '}}')::jsonb",
    "select {v}::text::xml::text::int",
    "select ('<' || {v})::xml",
    "select {v}::text::int[]",
    "select ('{{' || {v} || '}}')::int[]",
    "select {v}::text::int4range",
    "select ({v} || ' &')::tsquery",
    "select {v}::text::bit(3)",
    "select {v}::text::point",
    "select {v}::text::money",
    "select {v}::text::oid",
    "select {v}::text::pg_lsn",
    "select {v}::text::regclass",
    "select {v}::regclass",
    "select {v}::text::regtype",
    "select {v}::text::regproc",
    "select {v}::text::regprocedure",
    "select {v}::text::regrole",
    "select {v}::text::regnamespace",
    "select {v}::text::regconfig",
    "select {v}::short",
    "select {v}::text::jsonpath",
    "select to_json({v}::text)::text::int",
    "select to_jsonb({v}::text)::int",
    "select to_date({v}, 'YYYY-MM-DD')",
    "select to_timestamp({v}, 'HH24')",
    "select to_number({v}, '99')",
    "select 'x' ~ ({v} || '(')",
    "select regexp_match('x', 'x', {v})",
    "select current_setting({v})",
    "select pg_size_bytes({v})",
    "select date_trunc({v}, now())",
    "select now() at time zone {v}",
    "select date_part({v}, now())",
    "select decode({v} || '?', 'base64')",
    "select decode({v}, 'hex')",
    "select encode('x', {v})",
    "select convert_from('x', {v})",
    "select format('%' || {v})",
    "select pg_get_serial_sequence({v}, 'x')",
    "select has_table_privilege({v}, 'select')",
    "select has_table_privilege('secrets', {v})",
    "select to_tsvector({v}::regconfig, 'x')",
    "select xpath('/' || {v} || '[', '<a/>')",
    "select json_object(array[{v}])",
    "select jsonb_set('[1]', array[{v}], '1')",
    "select jsonb_path_query('1', ('$.' || {v} || '(')::jsonpath)",
    "select array[1, 2] || ({v}::text)::int",
    "select 1 / (length({v}) - 8)",
    'select name collate "C" from secrets where id = {v}::text::int',
    "select raises({v})",
    "select raises_data({v})",
    "select raises_state({v})",
    "select raises_within({v})",
    "select runs({v})",
    "select runs({v} || '(1)')",
    "select runs('x.' || {v} || ' from secrets')",
    "select runs('1 from ' || {v})",
    "select a from json_to_record(('{{\"a\": \"' || {v} || '\"}}')::json) as x(a int)",
    "select {v} + 1",
    "select 'x' like {v} escape 'xy'",
    "select nothing_here({v})",
    "select {v} frm",
    "select '{v}', {v} -- {v",
]
VALUES = [CANARY, f"{CANARY} {NUMBER}", f"{CANARY}\"'", f"'{CANARY}", CANARY.upper(), f"a{CANARY}é"]


@pytest.mark.parametrize("sql", TEXTS)
def test_a_bound_text_is_in_no_error(
    db: Database, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], sql: str
) -> None:
    found = {}
    with silent(caplog, capfd):
        for value in VALUES:
            try:
                query = raw(sql, v=value).on(db)
                for run in (query.fetch_all().result, query.fetch_arrow().result, query.explain):
                    run()
            except MoltError as error:
                if leaked := leaks(everything_about(error)):
                    found[value] = (leaked, str(error))
    assert found == {}


NUMBERS: list[tuple[str, Any]] = [
    ("select {v}::smallint", NUMBER),
    ("select {v}::bigint::smallint", NUMBER),
    ("select {v}::int * {v}::int", NUMBER),
    ("select {v}::int / 0", NUMBER),
    ("select chr({v})", NUMBER),
    ("select make_date({v}, 13, 45)", NUMBER),
    ("select make_time({v}, 1, 1)", NUMBER),
    ("select make_timestamp(1, {v}, 1, 1, 1, 1)", NUMBER),
    ("select set_bit('x'::bytea, {v}, 1)", NUMBER),
    ("select get_byte('x'::bytea, {v})", NUMBER),
    ("select lo_get({v})", NUMBER),
    ("select 'x' from secrets limit -{v}", NUMBER),
    ("select raises({v}::text)", NUMBER),
    ("select raises({v}::bigint::text)", NUMBER),
    ("select raises({v}::numeric::text)", decimal.Decimal(NUMBER) / 1000),
    ("select raises({v}::float8::text)", float(NUMBER)),
    ("select raises({v}::date::text)", datetime.date(9182, 7, 3)),
    ("select raises({v}::uuid::text)", uuid.UUID(int=0x918273645918273645)),
    ("select raises(encode({v}::bytea, 'escape'))", CANARY.encode()),
    ("select raises({v}::jsonb::text)", Json({"a": CANARY})),
    ("select raises({v}::jsonb::text)", {"a": NUMBER}),
    ("select raises({v}::text[]::text)", [CANARY, CANARY]),
    ("select raises({v}::int[]::text)", [NUMBER]),
    ("select {v}::text::smallint", str(NUMBER)),
    ("select {v}::numeric(3, 1)", decimal.Decimal(NUMBER)),
    ("select {v}::text::numeric(3, 1)", str(NUMBER)),
    ("select {v}::int[]", [CANARY]),
    ("select {v}::int", {"a": CANARY}),
    ("select {v}::date", CANARY.encode()),
    ("select generate_series(1, {v}, 0)", NUMBER),
    ("select pg_size_bytes({v}::text || 'x')", NUMBER),
    ("select width_bucket(1, 2, 2, {v})", NUMBER),
    ("select {v}::text::regclass", NUMBER),
    ("select to_char(now(), 'x')::int + {v}", NUMBER),
]


@pytest.mark.parametrize(("sql", "value"), NUMBERS, ids=[sql for sql, _ in NUMBERS])
def test_a_bound_value_of_any_type_is_in_no_error(
    db: Database,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    sql: str,
    value: Any,
) -> None:
    with silent(caplog, capfd):
        error = None
        try:
            raw(sql, v=value).on(db).fetch_all().result()
        except MoltError as caught:
            error = caught
    told = everything_about(error) if error else ""
    assert leaks(told, "9182-07-03", "918273.645", "918273645918273645") == [], str(error)


Row = dict[str, Any]
GOOD: Row = {"id": 7, "email": "e", "age": 1, "name": "x", "ref": None, "small": "x"}
BAD_ROWS: dict[str, Row] = {
    "unique": {"email": CANARY},
    "primary key": {"id": NUMBER},
    "check": {"age": -NUMBER, "email": CANARY},
    "not null": {"name": None, "email": CANARY},
    "foreign key": {"ref": NUMBER, "email": CANARY},
    "too long": {"small": CANARY},
    "a text for a number": {"age": CANARY},
    "too large": {"age": NUMBER * 10},
    "zero byte": {"name": CANARY + "\0"},
    "half a character": {"name": CANARY + "\ud800"},
}


@pytest.mark.parametrize("kind", BAD_ROWS)
def test_a_row_that_is_refused_is_in_no_error(
    db: Database, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], kind: str
) -> None:
    row = GOOD | BAD_ROWS[kind]
    rows = [row, dict(row)] if kind in ("unique", "primary key") else [row]
    columns = [*row]
    sql = f"insert into secrets ({', '.join(columns)}) values ({', '.join(f'{{{c}}}' for c in columns)})"
    target = table("secrets")
    runs: dict[str, Callable[[], Any]] = {
        "execute_many": lambda: db.execute_many(sql, rows).result(),
        "insert": lambda: db.insert("secrets", rows).result(),
        "insert of tuples": lambda: db.insert(
            "secrets", [tuple(r.values()) for r in rows], columns=columns
        ).result(),
        "execute": lambda: [raw(sql, **r).on(db).execute().result() for r in rows],
        "update": lambda: (
            raw(
                "update secrets set "
                + ", ".join(f"{c} = {{{c}}}" for c in columns)
                + " where id = 1",
                **row,
            )
            .on(db)
            .execute()
            .result()
        ),
        "in a transaction": lambda: in_transaction(db, sql, rows),
        "where": lambda: target.where(target.age == row["email"]).on(db).fetch_all().result(),
    }
    found = {}
    with silent(caplog, capfd):
        for way, run in runs.items():
            try:
                run()
            except MoltError as error:
                if leaked := leaks(everything_about(error)):
                    found[way] = (leaked, str(error))
            finally:
                raw("delete from secrets").on(db).execute().result()
                raw(KNOWN).on(db).execute().result()
    assert found == {}


def in_transaction(db: Database, sql: str, rows: list[Row]) -> None:
    with db.transaction() as tx:
        for row in rows:
            raw(sql + " returning id", **row).on(tx).fetch_value().result()


CONSTRAINTS = {
    "exclusion": "insert into secrets (id, name, span, email) values (8, 'x', '[2,3)', {v})",
    "partition": "insert into parted values ({v})",
    "view": "insert into checked (id, name, age, email) values (9, 'x', 500, {v})",
    "policy": "insert into guarded values ({v})",
    "enum": "insert into secrets (id, name, m) values (10, 'x', {v})",
    "domain": "select {v}::text::short",
    "cast in where": "update secrets set age = 1 where age = {v}::text::int",
    "missing column": "insert into secrets (nothing) values ({v})",
    "missing table": "insert into nothing values ({v})",
    "do": "call raises({v})",
    "set": "select set_config({v}, 'x', false)",
    "sequence": "select nextval({v})",
    "notify": "select pg_notify(repeat({v}, 100), 'x')",
}


@pytest.mark.parametrize("kind", CONSTRAINTS)
def test_a_value_that_a_constraint_refuses_is_in_no_error(
    db: Database, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], kind: str
) -> None:
    with silent(caplog, capfd):
        error = failure(raw(CONSTRAINTS[kind], v=CANARY).on(db).execute().result)
        assert leaks(everything_about(error)) == [], str(error)


STORED = [
    "select email::int from stored",
    "select email::date from stored",
    "select email::mood from stored",
    "select ('{{' || email)::jsonb from stored",
    "select email::uuid from stored where n > 0",
    "select n::smallint from stored",
]
STORED_WRITES = [
    "create unique index on stored (email)",
    "alter table stored add check (n < 0)",
    "alter table stored add primary key (email)",
    "alter table stored alter email type int using email::int",
    "insert into secrets (id, name, ref) select n, email, n from stored",
    "update stored set n = email::int",
]


def test_stored_data_is_in_no_error_about_it(db: Database) -> None:
    raw("drop table if exists stored").on(db).execute().result()
    raw("create table stored (email text, n int)").on(db).execute().result()
    db.insert("stored", [(CANARY, NUMBER), (CANARY, NUMBER)]).result()
    found = {}
    for sql in STORED:
        told = everything_about(failure(raw(sql).on(db).fetch_all().result))
        if leaked := leaks(told):
            found[sql] = leaked
    for sql in STORED_WRITES:
        told = everything_about(failure(raw(sql).on(db).execute().result))
        if leaked := leaks(told):
            found[sql] = leaked
    assert found == {}


def test_warnings_of_the_server_are_not_passed_on_anywhere(
    db: Database, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with silent(caplog, capfd):
        assert raw("select warns({v})", v=CANARY).on(db).fetch_value().result() == 1


async def test_values_are_in_no_error_of_a_stopped_request(stocked: PostgresDatabase) -> None:
    with connect(stocked.url(), max_connections=1, max_wait=0.1) as db:
        sleeps = raw("select pg_sleep(5), {v}::text", v=CANARY).on(db)
        with pytest.raises(MoltError) as late:
            await sleeps.fetch_all(timeout=0.05)
        assert leaks(everything_about(late.value)) == []
        busy = asyncio.create_task(_wait(sleeps.fetch_all(timeout=1)))
        await asyncio.sleep(0.05)
        with pytest.raises(MoltError) as refused:
            await raw("select {v}::text", v=CANARY).on(db).fetch_all()
        assert leaks(everything_about(refused.value)) == []
        with pytest.raises(MoltError):
            await busy
    with pytest.raises(MoltError) as closed:
        await sleeps.fetch_all()
    assert leaks(everything_about(closed.value)) == []


async def _wait(pending: Any) -> Any:
    return await pending


def test_values_are_in_no_repr(db: Database) -> None:
    t = table("secrets")
    part = raw("email = {v} and age = {n}", v=CANARY, n=NUMBER)
    query = t.where(t.email == CANARY, t.age.in_([NUMBER]), part).limit(3)
    bound = raw("select {v}::text, {n}::int", v=CANARY, n=NUMBER).on(db)
    shown = [part, query, query.on(db), bound, bound.fetch_all(), bound.explain(), bound.fetch_one]
    shown += [db.insert("secrets", [(CANARY,)]), db.execute_many("select {v}", [{"v": CANARY}])]
    with bound.stream() as stream, db.transaction() as tx:
        shown += [stream, tx, raw("select {v}::text", v=CANARY).on(tx)]
        text = "\n".join(f"{one!r} {one!s}" for one in [*shown, db])
    # Requests that were never awaited may be warned of.
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        shown.clear()
        gc.collect()
    assert leaks(text + "".join(str(w.message) for w in warned)) == []


def test_an_error_keeps_no_secret_when_it_is_pickled(db: Database) -> None:
    error = failure(raw("select raises({v})", v=CANARY).on(db).fetch_all().result)
    assert isinstance(error, DatabaseError)
    assert leaks(repr(pickle.dumps(error))) == []
    assert leaks(everything_about(pickle.loads(pickle.dumps(error)))) == []
