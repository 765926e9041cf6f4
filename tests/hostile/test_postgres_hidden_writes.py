"""Reads whose text does not show what they do: functions, views, types and policies that write.

The gate lets them pass. That nothing is left of them is up to BEGIN READ ONLY … ROLLBACK.
"""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

import pytest

from hostile.conftest import Place
from hostile.hidden import LOG, OTHERS, READS, SETUP, plpgsql, runs
from hostile.state import (
    LARGE_OBJECT,
    OBJECTS,
    Observer,
    State,
    changes,
    lasting,
    literal,
    session_state,
)
from molt_sql import Database, MoltError, Table, connect, raw, table


def everything_left(observer: Observer, before: State) -> list[str]:
    """What others see, except sessions: those of a test are still ending when it has closed them."""
    deadline = time.monotonic() + 5
    while True:
        found = changes(lasting(before), lasting(observer.everything()))
        found = [what for what in found if not what.startswith("sessions: ")]
        if not found or time.monotonic() > deadline:
            return found
        time.sleep(0.05)


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
    with connect(
        url, max_connections=1, statement_cache_size=kept, allow_superuser=allow, timeout=10
    ) as db:
        yield Reader(db, stocked.observer)


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
    if not changes(lasting(before), lasting(reader.observer.everything())):
        return wrong
    # One of them: which one shows when they are run again.
    for name, run in runs.items():
        before = reader.observer.everything()
        outcome(run)
        found = changes(lasting(before), lasting(reader.observer.everything()))
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
    with connect(stocked.database.url(), max_connections=3, timeout=10) as db:
        guarded = table("guarded").query().on(db)
        assert "writes" in outcome(guarded.fetch_arrow(parallel=2).result)
        assert "writes" in outcome(guarded.fetch_all().result)
        assert len(table("u").query().on(db).fetch_arrow(parallel=2).result()) == 0
    assert everything_left(stocked.observer, before) == []


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


@pytest.mark.xfail(
    strict=True,
    reason="a limit that docs/guide/postgresql.md tells: what a function of the user's own does "
    "beyond transactions stays with the connection",
)
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
    with connect(outliving.database.url(), max_connections=1, timeout=10) as db:
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
        with connect(outliving.database.url(), max_connections=1, timeout=10) as db:
            raw("select 1").on(db).fetch_all().result()
            before = outliving.observer.everything()
            outcome(raw(f"select {function}").on(db).fetch_all().result)
            for read in ("select writes()", "select sets()", "select writes()", "select 1"):
                outcome(raw(read).on(db).fetch_all().result)
            assert everything_left(outliving.observer, before) == []


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
    with connect(outliving.database.url(), max_connections=1, timeout=10) as db:
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
    with connect(stocked.database.url(), max_connections=1, timeout=10) as db:
        with db.transaction() as tx:
            turn_off.on(tx).fetch_all().result()
        before = session_state(db)
        outcome(raw(TWO_READINGS).on(db).fetch_all().result)
        assert changes(before, session_state(db)) == []


def check_readings(url: str) -> None:
    try:
        db = connect(url, max_connections=1, timeout=10)
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
        db = connect(url, max_connections=1, timeout=10)
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
    with connect(url, max_connections=1, timeout=10) as db:
        outcome(raw("select 'glad'::mood, '1,2'::point, lower('X')").on(db).fetch_all().result)
        outcome(lambda: db.table_names())
        outcome(lambda: Table.reflect(db, "t"))
        outcome(table("t").query().on(db).fetch_all().result)
        outcome(table("u").query().on(db).fetch_arrow(parallel=2).result)
    assert everything_left(stocked.observer, before) == []
