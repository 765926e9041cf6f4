"""Reads whose text does not show what they do: functions, views, types and policies that write.

The gate lets them pass. That nothing is left of them is up to BEGIN READ ONLY … ROLLBACK.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

import pytest

from hostile.conftest import Place
from hostile.state import LARGE_OBJECT, OBJECTS, Observer, changes, literal, session_state
from molt_sql import Database, MoltError, Table, connect, raw, table

LOG = "insert into log values (current_user)"


def plpgsql(name: str, body: str, more: str = "volatile") -> str:
    return (
        f"create function {name} returns integer {more} language plpgsql"
        f" as $body$ begin {body}; return 1; end $body$"
    )


def runs(name: str, statement: str) -> str:
    """A function that runs a statement which PL/pgSQL does not have itself."""
    return plpgsql(name, f"execute $run$ {statement} $run$")


SETUP = [
    "create table log (who text)",
    plpgsql("writes()", LOG),
    plpgsql("says_stable()", f"execute '{LOG}'", "stable parallel safe"),
    plpgsql("says_immutable()", f"execute '{LOG}'", "immutable parallel safe"),
    plpgsql("catches()", f"begin {LOG}; exception when others then null; end"),
    f"create function in_sql() returns text language sql as '{LOG} returning who'",
    f"create function atomic() returns text begin atomic {LOG} returning who; end",
    plpgsql("with_default(a integer default writes())", "null"),
    f"create function rows_of() returns setof text language sql as '{LOG} returning who'",
    plpgsql("takes(a integer)", LOG),
    plpgsql("joins(a integer, b integer)", LOG),
    "create aggregate sums(integer) (sfunc = joins, stype = integer, initcond = '0')",
    "create operator ### (leftarg = integer, rightarg = integer, function = joins)",
    "create type pair as (a integer, b integer)",
    plpgsql("unpairs(a pair)", LOG),
    "create cast (pair as integer) with function unpairs(pair)",
    "create domain checked as integer check (takes(value) = 1)",
    "create type checked_pair as (a checked)",
    "create view view_writes as select writes() from t",
    "create view view_counts as select nextval('s') as n from t",
    "create view view_locks as select a from t for update",
    "create table guarded (a integer); insert into guarded select generate_series(1, 9)",
    "alter table guarded enable row level security, force row level security",
    "create policy guard on guarded using (writes() = 1)",
    plpgsql("counts()", "perform nextval('s')"),
    plpgsql("sets_sequence()", "perform setval('s', 77)"),
    plpgsql("changes_rows()", "update t set b = 'changed'"),
    plpgsql("truncates()", "truncate t"),
    plpgsql("creates()", "create table w (a integer)"),
    plpgsql("creates_temp()", "create temp table w (a integer)"),
    plpgsql("selects_into()", "create table w as select * from t"),
    plpgsql("drops()", "drop view v"),
    plpgsql("comments()", "comment on table t is 'x'"),
    plpgsql("grants()", "grant all on t to public"),
    plpgsql("refreshes()", "refresh materialized view m"),
    plpgsql("locks_rows()", "perform 1 from t for update"),
    plpgsql("locks_table()", "lock table t in access share mode"),
    plpgsql("locks_table_for_good()", "lock table t in access exclusive mode"),
    runs("vacuums()", "vacuum t"),
    runs("analyzes()", "analyze t"),
    runs("reindexes()", "reindex table t"),
    runs("does()", "do $do$ begin delete from t; end $do$"),
    "create procedure commits() language plpgsql as 'begin commit; delete from t; commit; end'",
    plpgsql("calls()", "call commits()"),
    plpgsql("calls_p()", "call p()"),
    runs("commits_itself()", "commit"),
    runs("begins()", "begin read write"),
    plpgsql("becomes_writer()", f"perform set_config('transaction_read_only', 'off', true); {LOG}"),
    runs("becomes_writer_by_set()", "set transaction read write"),
    runs("becomes_writer_later()", "set session characteristics as transaction read write"),
    plpgsql("sets()", "perform set_config('work_mem', '999MB', false)"),
    plpgsql("sets_own()", "perform set_config('own.setting', 'x', false)"),
    plpgsql("sets_path()", "perform set_config('search_path', 'pg_temp', false)"),
    plpgsql("sets_strings()", "perform set_config('standard_conforming_strings', 'off', false)"),
    plpgsql("sets_encoding()", "perform set_config('client_encoding', 'LATIN1', false)"),
    plpgsql("sets_zone()", "perform set_config('TimeZone', 'Asia/Tokyo', false)"),
    runs("sets_role()", "set role other"),
    runs("sets_user()", "set session authorization molt"),
    runs("resets()", "reset all"),
    runs("discards()", "discard all"),
    runs("discards_plans()", "discard plans"),
    plpgsql("notifies()", "perform pg_notify('c', 'x')"),
    runs("notifies_itself()", "notify c, 'y'"),
    runs("listens()", "listen c"),
    runs("declares()", "declare kept cursor for select * from t"),
    runs("declares_with_hold()", "declare held cursor with hold for select * from t"),
    "create function opens() returns refcursor language plpgsql as"
    " $$ declare c refcursor := 'opened'; begin open c for select * from t; return c; end $$",
    plpgsql("makes_large_object()", "perform lo_from_bytea(0, 'x')"),
    plpgsql("changes_large_object()", "perform lo_put(1, 0, 'changed')"),
    plpgsql("unlinks_large_object()", "perform lo_unlink(1)"),
    plpgsql("opens_large_object()", "perform lowrite(lo_open(1, 131072), 'changed')"),
    plpgsql("takes_lock()", "perform pg_advisory_xact_lock(1)"),
    plpgsql("uses_transaction_id()", "perform pg_current_xact_id()"),
    plpgsql("exports()", "perform pg_export_snapshot()"),
    plpgsql("runs_xml()", f"perform query_to_xml('{LOG} returning who', true, true, '')"),
    plpgsql("copies()", "copy t from '/etc/hostname'"),
    plpgsql("creates_role()", "create role made"),
    plpgsql("alters_role()", "alter role molt set work_mem = '999MB'"),
    plpgsql("imports_collations()", "perform pg_import_system_collations('public')"),
]
# Of a role that may do what the reader may not.
OTHERS = [
    "create table kept (a integer)",
    plpgsql("definer()", "insert into kept values (1)", "security definer"),
    plpgsql("definer_role()", "create role made", "security definer"),
    plpgsql("definer_user()", "update pg_authid set rolsuper = true", "security definer"),
]
READS = [
    *(
        f"select {call}"
        for call in re.findall(r"create function (\w+\(\))", "\n".join(SETUP + OTHERS))
    ),
    "select with_default()",
    "select * from rows_of()",
    "select a from t where writes() = 1",
    "select a from t order by writes()",
    "select a from t group by a having takes(a) = 1",
    "select a from t limit writes()",
    "select a from t join lateral takes(a) x on true",
    "select takes(a) over_it, sum(a) over (order by takes(a)) from t",
    "with x as materialized (select writes()) select * from x",
    "select case when writes() = 1 then 1 end",
    "select coalesce(null, writes())",
    "select sums(a) from t",
    "select sums(a) over () from t",
    "select 1 ### 2",
    "select row(1, 2)::pair::integer",
    "select 1::checked",
    "select '1'::checked",
    # These call the function while the statement is parsed, not when it runs.
    "select '{1}'::checked[]",
    "select '(1)'::checked_pair",
    "select checked_pair '(1)', a from t",
    "select domain_in('1', 'checked'::regtype, -1)",
    "select json_populate_record(null::checked_pair, '{\"a\": 1}')",
    "select * from json_to_record('{\"a\": 1}') as x(a checked)",
    "select xmlelement(name x, writes())",
    "select * from view_writes",
    "select * from view_counts",
    "select * from view_locks",
    "select * from guarded",
    "select count(*) from guarded",
    "explain analyze select writes()",
    "explain select says_immutable()",
    "explain (analyze) select * from view_counts",
    "values (writes())",
    "table view_writes",
]


def ways(query: Any) -> dict[str, Callable[[], Any]]:
    def stream() -> Any:
        with query.stream() as rows:
            return next(rows, None)

    return {
        "fetch_all": query.fetch_all().result,
        "fetch_all again": query.fetch_all().result,
        "fetch_one": query.fetch_one().result,
        "fetch_arrow": query.fetch_arrow().result,
        "stream": stream,
        "explain": query.explain().result,
        "explain analyze": query.explain(analyze=True).result,
    }


class Reader(NamedTuple):
    db: Database
    observer: Observer


@pytest.fixture(scope="module")
def stocked(place: Place) -> Place:
    place.observer.run("set role molt", OBJECTS, LARGE_OBJECT, *SETUP)
    place.observer.run("reset role", "create role other", "grant other to molt")
    place.observer.run(*OTHERS)
    place.observer.tidy()
    place.observer.listen("c")
    return place


@pytest.fixture(
    scope="module",
    params=[("molt", 256), ("molt", 0), ("postgres", 256)],
    ids=["prepared", "unprepared", "superuser"],
)
def reader(request: pytest.FixtureRequest, stocked: Place) -> Iterator[Reader]:
    """With one connection, so that what it keeps is seen."""
    user, kept = request.param
    url = stocked.database.url(user)
    allow = user == "postgres"
    with connect(url, max_connections=1, statement_cache_size=kept, allow_superuser=allow) as db:
        yield Reader(db, stocked.observer)


# A transaction id may be used up; what was undone keeps its place in the log, and an empty file
# until the next checkpoint.
UNDONE = {"next transaction", "end of the log", "files of the database"}


def without(state: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in state.items() if name not in UNDONE}


def outcome(run: Callable[[], Any]) -> str:
    try:
        run()
    except MoltError as error:
        return str(error)
    return ""


def left_by(reader: Reader, runs: Mapping[str, Callable[[], Any]]) -> dict[str, list[str]]:
    """What is left of each, in the session and where others see it."""
    session, before = session_state(reader.db), reader.observer.everything()
    wrong = {}
    for name, run in runs.items():
        outcome(run)
        now = session_state(reader.db)
        if found := changes(session, now) + reader.observer.heard():
            wrong[name] = found
        session = now
    if not changes(without(before), without(reader.observer.everything())):
        return wrong
    # One of them: which one shows when they are run again.
    for name, run in runs.items():
        before = reader.observer.everything()
        outcome(run)
        found = changes(without(before), without(reader.observer.everything()))
        wrong[name] = wrong.get(name, []) + found
    return {name: found for name, found in wrong.items() if found} or {"some": ["once"]}


def test_nothing_is_left_of_a_write_that_is_hidden(reader: Reader) -> None:
    runs = {
        f"{way}: {statement}": run
        for statement in READS
        for way, run in ways(raw(literal(statement)).on(reader.db)).items()
    }
    assert left_by(reader, runs) == {}
    assert raw("select count(*) from t").on(reader.db).fetch_value().result() == 5


def test_nothing_is_left_after_a_readonly_transaction(reader: Reader) -> None:
    def transaction(statement: str) -> None:
        with reader.db.transaction(readonly=True) as tx:
            raw(literal(statement)).on(tx).fetch_all().result()

    runs = {statement: partial(transaction, statement) for statement in READS}
    assert left_by(reader, runs) == {}


WRITES = r"\b(writes|in_sql|atomic|rows_of|definer|takes|joins|sums|checked|###|pair)\b"


def test_the_message_says_that_a_function_writes(reader: Reader) -> None:
    said = {}
    for statement in READS:
        if re.search(WRITES, statement) and not statement.startswith("explain"):
            query = raw(literal(statement)).on(reader.db)
            said[statement] = outcome(query.fetch_all().result)
    wanted = r"writes \(cannot execute .* in a read-only transaction.*use execute\(\)"
    assert len(said) > 20
    assert {s: why for s, why in said.items() if not re.search(wanted, why)} == {}


def test_policies_do_not_write_in_parallel_reads(stocked: Place) -> None:
    before = stocked.observer.everything()
    with connect(stocked.database.url(), max_connections=3) as db:
        guarded = table("guarded").query().on(db)
        assert "writes" in outcome(guarded.fetch_arrow(parallel=2).result)
        assert "writes" in outcome(guarded.fetch_all().result)
        assert table("u").query().on(db).fetch_arrow(parallel=2).result().num_rows == 0
    assert changes(without(before), without(stocked.observer.everything())) == []


# -- What ROLLBACK does not undo -------------------------------------------------------------------

# Taken by functions that the gate knows by name, here called by another one.
OUTLIVES = [
    plpgsql("takes_lock_for_good()", "perform pg_advisory_lock(7)"),
    plpgsql("tries_lock()", "perform pg_try_advisory_lock_shared(8)"),
    runs("prepares()", "prepare hidden as delete from t"),
    plpgsql("locks_and_fails()", "perform pg_advisory_lock(9); perform 1 / 0"),
    "create operator @@@ (leftarg = integer, rightarg = integer, function = pg_try_advisory_lock)",
]


@pytest.fixture(scope="module")
def outliving(stocked: Place) -> Place:
    stocked.observer.run("set role molt", *OUTLIVES, "reset role")
    return stocked


@pytest.mark.parametrize(
    "statement",
    [
        "select takes_lock_for_good()",
        "select tries_lock()",
        "select prepares()",
        "select locks_and_fails()",
        "select 1 @@@ 2",
    ],
)
def test_what_outlives_a_rollback_is_not_kept_for_the_next_caller(
    outliving: Place, statement: str
) -> None:
    with connect(outliving.database.url(), max_connections=1) as db:
        before = session_state(db)
        outcome(raw(statement).on(db).fetch_all().result)
        assert changes(before, session_state(db)) == []


def test_a_function_cannot_replace_what_begins_and_ends_a_read(outliving: Place) -> None:
    """`prepare` outlives ROLLBACK, so the names of our own statements are not to be trusted."""
    names = [
        ("molt_begin", "molt_rollback"),
        ("molt_begin",),
        ("molt_rollback",),
    ]
    for replaced in names:
        body = "; ".join(
            f"execute 'deallocate {name}'; execute 'prepare {name} as delete from t where false'"
            for name in replaced
        )
        function = f"replaces_{len(replaced)}_{replaced[0]}()"
        outliving.observer.run("set role molt", plpgsql(function, body), "reset role")
        with connect(outliving.database.url(), max_connections=1) as db:
            raw("select 1").on(db).fetch_all().result()
            before = outliving.observer.everything()
            outcome(raw(f"select {function}").on(db).fetch_all().result)
            for read in ("select writes()", "select sets()", "select writes()", "select 1"):
                outcome(raw(read).on(db).fetch_all().result)
            assert changes(without(before), without(outliving.observer.everything())) == []


@pytest.mark.parametrize(
    "body",
    [
        "execute 'deallocate all'",
        "execute 'deallocate molt_begin'",
        "execute 'deallocate molt_rollback'",
    ],
)
def test_reads_go_on_after_a_function_dropped_our_statements(outliving: Place, body: str) -> None:
    outliving.observer.run("drop function if exists drops_them()", plpgsql("drops_them()", body))
    with connect(outliving.database.url(), max_connections=1) as db:
        for n in range(3):
            outcome(raw("select drops_them()").on(db).fetch_all().result)
            assert raw("select {n}::int", n=n).on(db).fetch_value().result() == n
            assert "writes" in outcome(raw("select writes()").on(db).fetch_all().result)
            assert raw("select 1").on(db).fetch_value().result() == 1


# -- Settings under which the gate could read another text than the server -------------------------

# With backslashes as escapes the lock is taken; without, these are two literals.
TWO_READINGS = r"select '\', ' || pg_advisory_lock(1) --'"


def test_the_gate_reads_strings_as_the_server_does_whatever_the_url_says(stocked: Place) -> None:
    url = stocked.database.url(options="-c standard_conforming_strings=off")
    check_readings(url)


def test_the_gate_reads_strings_as_the_server_does_whatever_the_role_says(stocked: Place) -> None:
    stocked.observer.run("alter role molt set standard_conforming_strings = off")
    try:
        check_readings(stocked.database.url())
    finally:
        stocked.observer.run("alter role molt reset standard_conforming_strings")


def test_a_transaction_cannot_change_how_later_reads_are_read(stocked: Place) -> None:
    turn_off = raw("select set_config('standard_conforming_strings', 'off', false)")
    with connect(stocked.database.url(), max_connections=1) as db:
        with db.transaction() as tx:
            turn_off.on(tx).fetch_all().result()
        before = session_state(db)
        outcome(raw(TWO_READINGS).on(db).fetch_all().result)
        assert changes(before, session_state(db)) == []


def check_readings(url: str) -> None:
    try:
        db = connect(url, max_connections=1)
    except MoltError:
        return  # may be refused as well
    with db:
        before = session_state(db)
        outcome(raw(TWO_READINGS).on(db).fetch_all().result)
        assert changes(before, session_state(db)) == []


def test_the_text_is_read_in_the_encoding_it_is_sent_in(stocked: Place) -> None:
    """In SJIS the second byte of a character may be a backslash."""
    url = stocked.database.url(client_encoding="SJIS")
    try:
        db = connect(url, max_connections=1)
    except MoltError:
        return
    with db:
        before = session_state(db)
        assert raw("show client_encoding").on(db).fetch_value().result() == "UTF8"
        outcome(
            raw("select '\u8868', E'\u8868', ' || pg_advisory_lock(1) --'")
            .on(db)
            .fetch_all()
            .result
        )
        assert changes(before, session_state(db)) == []


def test_functions_of_ones_own_in_front_of_the_servers_do_not_write(stocked: Place) -> None:
    """What the driver asks by itself may find them on the search_path as well."""
    stocked.observer.run(
        "set role molt",
        "create schema evil",
        f"create function evil.format_type(oid, integer) returns text volatile language sql"
        f" as '{LOG} returning who'",
        f"create function evil.lower(text) returns text language sql as '{LOG} returning who'",
        "reset role",
    )
    url = stocked.database.url(options="-c search_path=evil,public,pg_catalog")
    before = stocked.observer.everything()
    with connect(url, max_connections=1) as db:
        outcome(raw("select 'glad'::mood, '1,2'::point, lower('X')").on(db).fetch_all().result)
        outcome(lambda: db.table_names())
        outcome(lambda: Table.reflect(db, "t"))
        outcome(table("t").query().on(db).fetch_all().result)
        outcome(table("u").query().on(db).fetch_arrow(parallel=2).result)
    assert changes(without(before), without(stocked.observer.everything())) == []
