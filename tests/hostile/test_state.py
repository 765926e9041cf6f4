"""The observer sees what it is there to see: each of these changes something, and it says what."""

import pytest

from hostile.conftest import Place
from hostile.state import LARGE_OBJECT, OBJECTS, changes, corpus, lasting, session_state
from molt_sql import connect, raw

SEEN = {
    "insert into t values (6, 'x')": "rows of t",
    "update t set b = b": "rows of t",
    "select nextval('s')": "rows of s",
    "select lo_put(1, 0, 'x')": "rows of pg_largeobject",
    "create table w (a int)": "rows of pg_class",
    "create role made": "rows of pg_authid",
    "alter role molt set work_mem = '1MB'": "rows of pg_db_role_setting",
    "alter role molt with login": "rows of pg_authid",
    "update pg_database set datconnlimit = 5 where datname = 'test'": "rows of pg_database",
    "comment on table t is 'x'": "rows of pg_description",
    "refresh materialized view m": "rows of m",
    "notify c, 'x'": "c: x",
    "alter system set work_mem = '1MB'": "settings in files",
    "analyze t": "rows of pg_statistic",
    "select pg_stat_reset()": "statistics",
    "create function g() returns int language sql as 'select 1'": "rows of pg_proc",
    "grant select on t to public": "rows of pg_class",
    "prepare transaction 'x'": "prepared transactions",
}
KEPT = {
    "select pg_advisory_lock(1)": "locks",
    "set work_mem = '2MB'": "settings: work_mem",
    "set own.setting = 'x'": "own settings",
    "set role molt": "users",
    "prepare q as select 1": "prepared statements",
    "declare c cursor with hold for select 1": "cursors",
    "listen c": "channels",
    "create temp table x (a int)": "temporary objects",
}


@pytest.fixture(scope="module")
def stocked(place: Place) -> Place:
    place.observer.run("set role molt", OBJECTS, LARGE_OBJECT, "reset role")
    place.observer.tidy()
    place.observer.listen("c")
    return place


def test_every_change_is_seen(stocked: Place) -> None:
    observer = stocked.observer
    after = observer.everything()
    assert changes(after, observer.everything()) == []
    for statement, what in SEEN.items():
        before = after
        if statement.startswith("prepare transaction"):
            observer.run("begin")
        observer.run(statement)
        after = observer.everything()
        found = changes(lasting(before), lasting(after)) + observer.heard()
        assert any(line.startswith(what) for line in found), (statement, found)


def test_what_a_session_keeps_is_seen(stocked: Place) -> None:
    """The statements are run where nothing keeps them from it: in functions, one by one."""
    with connect(stocked.database.url(), max_connections=1) as db, db.transaction() as tx:
        for statement, what in KEPT.items():
            body = statement.replace("'", "''")
            before = session_state(tx)
            raw(f"do 'begin execute $x${body}$x$; end'").on(tx).execute().result()
            found = changes(before, session_state(tx))
            if what != "channels":  # they begin with the commit
                assert any(line.startswith(what) for line in found), (statement, found)


def test_the_corpus_is_read_by_its_sections() -> None:
    sections = corpus("postgres_reads.txt")
    assert sections["Rows are written."][0] == "insert into t values (100, 'x')"
    assert any("\n" in s for s in sections["Functions hidden from a look at the text."])
