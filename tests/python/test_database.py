"""Databases: URLs, the default one, statements that write, and many users at once."""

# Long because: every URL, statement and limit is a short test of its own.

import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import molt_sql
from molt_sql import (
    BusyError,
    ClosedError,
    Database,
    DatabaseError,
    InvalidQueryError,
    Table,
    UnsupportedError,
    configure,
    connect,
    fn,
    raw,
    table,
)


def execute(db: Database, sql: str, **values: Any) -> Any:
    return raw(sql, **values).on(db).execute().result()


def value(db: Database, sql: str, **values: Any) -> Any:
    return raw(sql, **values).on(db).fetch_value().result()


@pytest.fixture
def file(path: Path) -> Path:
    """A database file with the row 1 in table t(n), made by Python's own sqlite3."""
    other = sqlite3.connect(path)
    other.execute("create table t (n integer)")
    other.execute("insert into t values (1)")
    other.commit()
    other.close()
    return path


# -- URLs ------------------------------------------------------------------------------------------


def test_an_absolute_path_has_four_slashes(file: Path) -> None:
    with connect(f"sqlite:///{file}") as db:
        assert f"sqlite:///{file}".startswith("sqlite:////")
        assert value(db, "select n from t") == 1
        assert db.dialect == "sqlite"
        assert db.url == f"sqlite:///{file}"
        assert repr(db) == f"<Database sqlite:///{file}>"


def test_a_relative_path_has_three_slashes(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(file.parent)
    with connect(f"sqlite:///{file.name}") as db:
        assert value(db, "select n from t") == 1
        monkeypatch.chdir("/")
        # Where it was opened counts, for further connections too.
        assert execute(db, "insert into t values (2)").rows_affected == 1
    assert not Path("/", file.name).exists()


def test_odd_paths_are_percent_encoded(tmp_path: Path) -> None:
    folder = tmp_path / "odd ?#%&=folder"
    folder.mkdir()
    path = folder / "ä b%20.db"
    encoded = str(path).replace("%", "%25").replace("?", "%3F").replace(" ", "%20")
    with connect(f"sqlite:///{encoded}?mode=rwc") as db:
        execute(db, "create table t (n integer)")
    assert path.exists()
    assert [p.name for p in folder.iterdir()] == [path.name]
    assert [p.name for p in tmp_path.iterdir()] == [folder.name]


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("app.db", "starts with its kind"),
        ("", "starts with its kind"),
        ("/srv/app.db", "starts with its kind"),
        ("://x", "starts with its kind"),
        ("sqlite:///x.db?mode=fast", 'mode is ro, rw or rwc, got "fast"'),
        ("sqlite:///x.db?mod=ro", 'unknown option "mod"'),
        ("sqlite:///x.db?cache=shared", 'unknown option "cache"'),
        ("sqlite:///bad%zz.db", "%"),
        ("sqlite:///bad%00.db", "zero byte"),
        ("sqlite://host/x.db", "host|three slashes"),
    ],
)
def test_a_wrong_url_says_what_is_wrong(
    url: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidQueryError, match=message):
        connect(url)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("url", ["mysql://h/d", "mysql://u:secret@h/d", "duckdb:///x.db"])
def test_an_engine_that_is_not_built_in_is_named(url: str) -> None:
    with pytest.raises(UnsupportedError, match=url.split(":")[0]) as caught:
        connect(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("arguments", [{"max_readers": 0}, {"statement_cache_size": -1}])
def test_options_out_of_range_are_refused(arguments: dict[str, int]) -> None:
    with pytest.raises(InvalidQueryError, match=next(iter(arguments))):
        connect("sqlite:///:memory:", **arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [0, 1, 2])
def test_a_small_statement_cache_changes_nothing(file: Path, size: int) -> None:
    with connect(f"sqlite:///{file}", statement_cache_size=size) as db:
        for _ in range(3):
            for number in range(4):
                assert value(db, f"select {number} + n from t") == number + 1
            execute(db, "update t set n = n")


# -- Modes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["", "?mode=rw", "?mode=ro"])
def test_a_missing_file_is_an_error_and_stays_missing(path: Path, mode: str) -> None:
    with pytest.raises(DatabaseError, match=r"there is no file .*mode=rwc") as caught:
        connect(f"sqlite:///{path}{mode}")
    assert str(path) in str(caught.value)
    assert caught.value.code == "SQLITE_CANTOPEN"
    assert list(path.parent.iterdir()) == []


def test_rwc_creates_the_file_but_no_folders(tmp_path: Path) -> None:
    with connect(f"sqlite:///{tmp_path}/new.db?mode=rwc") as db:
        assert db.table_names() == []
    assert (tmp_path / "new.db").exists()
    with pytest.raises(DatabaseError, match="cannot open"):
        connect(f"sqlite:///{tmp_path}/no/such/folder/new.db?mode=rwc")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["new.db"]


def test_a_folder_is_no_database(tmp_path: Path) -> None:
    for mode in ("", "?mode=rwc", "?mode=ro"):
        with pytest.raises(DatabaseError, match="folder"):
            connect(f"sqlite:///{tmp_path}{mode}")


def test_ro_reads_and_refuses_every_write(file: Path) -> None:
    before = file.read_bytes()
    with connect(f"sqlite:///{file}?mode=ro") as db:
        assert value(db, "select n from t") == 1
        for sql in ("insert into t values (2)", "create table u (n)", "drop table t"):
            with pytest.raises(InvalidQueryError, match="read-only"):
                execute(db, sql)
        with pytest.raises(InvalidQueryError, match="read-only"):
            db.insert("t", [(2,)]).result()
    assert file.read_bytes() == before
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize("mode", ["", "?mode=rw", "?mode=rwc"])
def test_other_modes_write(file: Path, mode: str) -> None:
    with connect(f"sqlite:///{file}{mode}") as db:
        assert execute(db, "insert into t values (2)").rows_affected == 1
    other = sqlite3.connect(file)
    assert other.execute("select n from t order by n").fetchall() == [(1,), (2,)]
    other.close()


# -- The default database --------------------------------------------------------------------------


@pytest.fixture
def no_default(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    configure(None)
    yield
    configure(None)


@pytest.mark.usefixtures("no_default")
def test_without_a_database_the_error_says_how_to_name_one() -> None:
    with pytest.raises(InvalidQueryError, match=r"on\(connect.*configure.*DATABASE_URL"):
        raw("select 1").fetch_all()


@pytest.mark.usefixtures("no_default")
def test_configure_sets_the_database_of_queries_without_one(file: Path) -> None:
    db = configure(f"sqlite:///{file}")
    assert isinstance(db, Database)
    assert table("t").query().fetch_all().result() == [(1,)]
    with connect("sqlite:///:memory:") as other:
        assert value(other, "select 5") == 5
        configure(other)
        assert raw("select count(*) from sqlite_schema").fetch_value().result() == 0
    db.close()


@pytest.mark.usefixtures("no_default")
def test_database_url_is_the_default(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{file}")
    assert table("t").query().fetch_value().result() == 1
    assert molt_sql.raw("select n from t").fetch_value().result() == 1


@pytest.mark.usefixtures("no_default")
def test_a_database_of_the_query_goes_before_the_default(file: Path) -> None:
    configure("sqlite:///:memory:")
    with connect(f"sqlite:///{file}") as db:
        assert table("t").query().on(db).fetch_value().result() == 1
    with pytest.raises(InvalidQueryError, match="takes a Database"):
        table("t").query().on("sqlite:///:memory:")  # type: ignore[arg-type]


# -- In memory -------------------------------------------------------------------------------------


def test_a_database_in_memory_is_one_for_all_threads(db: Database) -> None:
    execute(db, "create table t (n integer)")
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for _ in range(25):
                execute(db, "insert into t values ({n})", n=number)
                value(db, "select count(*) from t")
        except BaseException as error:
            errors.append(error)

    run_threads(8, work)
    assert errors == []
    assert value(db, "select count(*) from t") == 200
    assert value(db, "select count(distinct n) from t") == 8


def test_databases_in_memory_are_apart(db: Database) -> None:
    execute(db, "create table t (n integer)")
    with connect("sqlite:///:memory:") as other:
        assert other.table_names() == []
    assert db.table_names() == ["t"]


def run_threads(count: int, work: Callable[[int], None], seconds: float = 60) -> None:
    threads = [threading.Thread(target=work, args=(i,), daemon=True) for i in range(count)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    assert not any(thread.is_alive() for thread in threads)


# -- Closing ---------------------------------------------------------------------------------------


def closed_calls(db: Database) -> list[Callable[[], Any]]:
    t = table("t")
    return [
        lambda: t.query().on(db).fetch_all().result(),
        lambda: raw("select 1").on(db).fetch_value().result(),
        lambda: execute(db, "insert into t values (1)"),
        lambda: db.insert("t", [(1,)], columns=["n"]).result(),
        lambda: db.table_names(),
        lambda: t.query().on(db).explain().result(),
        lambda: next(t.query().on(db).stream()),
        lambda: Table.reflect(db, "t"),
    ]


def test_a_closed_database_raises_closed_error_everywhere(file: Path) -> None:
    db = connect(f"sqlite:///{file}")
    assert value(db, "select n from t") == 1
    db.close()
    db.close()
    for call in closed_calls(db):
        with pytest.raises(ClosedError, match="closed"):
            call()
    assert "closed" in repr(db)


async def test_a_closed_database_raises_closed_error_when_awaited(file: Path) -> None:
    async with connect(f"sqlite:///{file}") as db:
        assert await raw("select n from t").on(db).fetch_value() == 1
    with pytest.raises(ClosedError):
        await raw("select n from t").on(db).fetch_value()


def test_with_closes_even_after_an_error(file: Path) -> None:
    with pytest.raises(ZeroDivisionError), connect(f"sqlite:///{file}") as db:
        raise ZeroDivisionError
    with pytest.raises(ClosedError):
        value(db, "select 1")


def test_a_closed_database_holds_no_file_open(file: Path) -> None:
    def held() -> list[str]:
        links = []
        for entry in os.listdir("/proc/self/fd"):
            try:
                links.append(os.readlink(f"/proc/self/fd/{entry}"))
            except FileNotFoundError:
                continue
        return [link for link in links if link.startswith(str(file))]

    db = connect(f"sqlite:///{file}")
    run_threads(4, lambda _: value(db, "select n from t"))
    execute(db, "insert into t values (2)")
    assert held()
    db.close()
    assert held() == []


def test_closing_while_queries_run_lets_them_end(file: Path) -> None:
    db = connect(f"sqlite:///{file}")
    outcomes: list[Any] = []
    began = threading.Event()

    def work(_: int) -> None:
        try:
            while True:
                outcomes.append(value(db, "select n from t"))
                began.set()
        except ClosedError:
            outcomes.append("closed")

    closer = threading.Thread(target=lambda: (began.wait(20), db.close()))
    closer.start()
    run_threads(4, work)
    closer.join(20)
    assert outcomes.count("closed") == 4
    assert set(outcomes) == {1, "closed"}


# -- What is there ---------------------------------------------------------------------------------


def test_table_names_lists_tables_and_views(db: Database) -> None:
    assert db.table_names() == []
    execute(db, "create table b (n integer primary key autoincrement)")
    execute(db, "create table a (n integer)")
    execute(db, "create view v as select n from a")
    execute(db, 'create table "odd name" (n integer)')
    execute(db, "create index i on a (n)")
    assert db.table_names() == ["a", "b", "odd name", "v"]


def test_reflect_reads_the_columns(db: Database) -> None:
    execute(db, "create table t (id integer primary key, name text not null, at timestamp)")
    t = Table.reflect(db, "t")
    db.insert(t, [(1, "Ann", None)]).result()
    assert t.where(t.name == "Ann").select(t.id, t.at).on(db).fetch_all().result() == [(1, None)]
    with pytest.raises(InvalidQueryError, match=r'"nmae".*"name"'):
        t.nmae  # noqa: B018
    with pytest.raises(InvalidQueryError, match=r'no such table "tt".*"t"'):
        Table.reflect(db, "tt")


def test_explain_tells_the_plan(db: Database) -> None:
    execute(db, "create table t (id integer primary key, n integer)")
    execute(db, "create index by_n on t (n)")
    t = table("t")
    assert "SCAN t" in t.query().on(db).explain().result()
    assert "by_n" in t.where(t.n == 3).on(db).explain().result()
    plan = raw("delete from t where n = {n}", n=3).on(db).explain().result()
    assert "by_n" in plan
    assert value(db, "select count(*) from t") == 0
    with pytest.raises(UnsupportedError, match="analyze"):
        t.query().on(db).explain(analyze=True).result()


def test_explain_runs_nothing(db: Database) -> None:
    execute(db, "create table t (n integer)")
    execute(db, "insert into t values (1)")
    raw("delete from t").on(db).explain().result()
    raw("update t set n = 5").on(db).explain().result()
    assert value(db, "select n from t") == 1
    with pytest.raises(InvalidQueryError):
        raw("drop table t").on(db).explain().result()
    assert db.table_names() == ["t"]


# -- Statements that write -------------------------------------------------------------------------


def test_execute_counts_the_rows(db: Database) -> None:
    assert execute(db, "create table t (id integer primary key, n integer)").rows_affected == 0
    done = execute(db, "insert into t (n) values (10), (20), (30)")
    assert (done.rows_affected, done.last_insert_id) == (3, 3)
    done = execute(db, "update t set n = n + 1 where id > {i}", i=1)
    assert (done.rows_affected, done.last_insert_id) == (2, None)
    done = execute(db, "delete from t where id = {i}", i=99)
    assert (done.rows_affected, done.last_insert_id) == (0, None)
    assert execute(db, "delete from t").rows_affected == 3
    assert repr(done) == "ExecuteResult(rows_affected=0, last_insert_id=None)"


def test_last_insert_id_is_of_this_statement_only(db: Database) -> None:
    execute(db, "create table t (id integer primary key, n integer unique)")
    assert execute(db, "insert into t values (41, 1)").last_insert_id == 41
    assert execute(db, "insert into t (n) values (2)").last_insert_id == 42
    assert execute(db, "insert or ignore into t (n) values (2)").last_insert_id is None
    assert execute(db, "create table u (n integer)").last_insert_id is None
    assert execute(db, "insert into u select 1 where false").last_insert_id is None
    assert execute(db, "insert into t (id, n) values (-5, 9)").last_insert_id == -5


def test_a_failed_statement_leaves_nothing_behind(db: Database) -> None:
    execute(db, "create table t (n integer unique)")
    for clause in ("", "or fail", "or abort", "or rollback"):
        with pytest.raises(DatabaseError) as caught:
            execute(db, f"insert {clause} into t values (1), (2), (1)")
        assert caught.value.code == "SQLITE_CONSTRAINT_UNIQUE"
        assert value(db, "select count(*) from t") == 0
    assert execute(db, "insert into t values (1)").rows_affected == 1


def test_reads_are_not_executed_and_writes_are_not_fetched(db: Database) -> None:
    execute(db, "create table t (n integer)")
    with pytest.raises(InvalidQueryError, match="fetch"):
        execute(db, "select * from t")
    with pytest.raises(InvalidQueryError, match=r"writes.*execute\(\)"):
        raw("insert into t values (1)").on(db).fetch_all().result()
    with pytest.raises(InvalidQueryError, match="execute"):
        raw("insert into t values (1) returning n").on(db).fetch_all().result()
    with pytest.raises(InvalidQueryError):
        table("t").query().on(db).execute().result()
    assert value(db, "select count(*) from t") == 0


def test_values_are_bound_never_pasted(db: Database) -> None:
    execute(db, "create table t (s text)")
    evil = "'); drop table t; --"
    execute(db, "insert into t values ({s})", s=evil)
    assert value(db, "select s from t") == evil
    assert value(db, "select count(*) from t where s = {s}", s=evil) == 1


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("selct 1", "selct"),
        ("select * from nope", "nope"),
        ("select nope from t", "nope"),
        ("", "."),
        ("   ;  ", "."),
        ("-- only a comment", "."),
        ("select 1; select 2", "one statement|single"),
        ("select 'open", "."),
    ],
)
def test_wrong_sql_is_an_invalid_query(db: Database, sql: str, message: str) -> None:
    execute(db, "create table t (n integer)")
    with pytest.raises(InvalidQueryError, match=message):
        raw(sql).on(db).fetch_all().result()
    with pytest.raises(InvalidQueryError):
        raw(sql).on(db).execute().result()
    assert value(db, "select count(*) from t") == 0


# -- Schema changes under cached statements --------------------------------------------------------


def test_a_new_column_is_seen_by_a_query_that_ran_before(db: Database) -> None:
    execute(db, "create table t (a integer)")
    execute(db, "insert into t values (1)")
    query = table("t").query().on(db)
    assert query.fetch_all().result() == [(1,)]
    execute(db, "alter table t add column b text default 'new'")
    rows = query.fetch_all().result()
    assert rows == [(1, "new")]
    assert rows.schema == [("a", "int64"), ("b", "utf8")]


def test_a_table_of_other_types_is_seen_by_a_query_that_ran_before(db: Database) -> None:
    t = table("t")
    query = t.select(t.a, (t.a + 1).as_("more")).on(db)
    execute(db, "create table t (a integer)")
    execute(db, "insert into t values (1)")
    assert query.fetch_all().result().schema == [("a", "int64"), ("more", "int64")]
    execute(db, "drop table t")
    with pytest.raises(InvalidQueryError, match="t"):
        query.fetch_all().result()
    execute(db, "create table t (a real)")
    execute(db, "insert into t values (1.5)")
    rows = query.fetch_all().result()
    assert rows == [(1.5, 2.5)]
    assert rows.schema == [("a", "float64"), ("more", "float64")]


def test_a_change_by_another_process_is_seen(file: Path) -> None:
    with connect(f"sqlite:///{file}") as db:
        t = table("t")
        query = t.query().on(db)
        assert query.fetch_all().result() == [(1,)]
        code = (
            "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]);"
            "c.execute('drop table t'); c.execute('create table t (s text, x real)');"
            "c.execute(\"insert into t values ('two', 2)\"); c.commit()"
        )
        subprocess.run([sys.executable, "-c", code, str(file)], check=True, timeout=60)
        rows = query.fetch_all().result()
        assert rows == [("two", 2.0)]
        assert rows.schema == [("s", "utf8"), ("x", "float64")]


def test_a_missing_column_is_found_once_it_exists(db: Database) -> None:
    execute(db, "create table t (a integer)")
    t = table("t")
    query = t.where(t.b == 1).select(fn.count()).on(db)
    with pytest.raises(InvalidQueryError, match=r'"?b"?'):
        query.fetch_value().result()
    execute(db, "alter table t add column b integer")
    execute(db, "insert into t values (5, 1)")
    assert query.fetch_value().result() == 1


# -- Many users ------------------------------------------------------------------------------------


def test_threads_hammering_one_database_agree(path: Path) -> None:
    with connect(f"sqlite:///{path}?mode=rwc", max_readers=2, statement_cache_size=3) as db:
        execute(db, "create table t (who integer, n integer)")
        t = table("t")
        errors: list[BaseException] = []

        def work(number: int) -> None:
            try:
                for step in range(15):
                    execute(db, "insert into t values ({w}, {n})", w=number, n=step)
                    mine = t.where(t.who == number).select(fn.count()).on(db)
                    assert mine.fetch_value().result() == step + 1
                    rows = t.where(t.who == number).order_by(t.n).select(t.n).on(db)
                    assert rows.fetch_all().result() == [(n,) for n in range(step + 1)]
                    assert value(db, f"select {number * 100 + step}") == number * 100 + step
            except BaseException as error:
                errors.append(error)

        run_threads(8, work)
        assert errors == []
        assert value(db, "select count(*) from t") == 120


def test_readers_go_on_while_one_writes(path: Path) -> None:
    with connect(f"sqlite:///{path}?mode=rwc") as db:
        execute(db, "create table t (n integer)")
        reads = 0
        began, finish = threading.Event(), threading.Event()

        def rows() -> Iterator[tuple[int]]:
            for number in range(100):
                if number == 50:
                    began.set()
                    assert finish.wait(20)
                yield (number,)

        writer = threading.Thread(target=lambda: db.insert("t", rows(), batch_rows=1).result())
        writer.start()
        assert began.wait(20)
        for _ in range(20):
            reads += value(db, "select count(*) = 0 from t")
        finish.set()
        writer.join(20)
        assert reads == 20
        assert value(db, "select count(*) from t") == 100


def test_an_exhausted_pool_is_busy_with_its_counters(file: Path) -> None:
    with connect(f"sqlite:///{file}", max_readers=2) as db:
        query = raw("select 1 as n union all select 2").on(db)
        with query.stream(batch_rows=1) as one, query.stream(batch_rows=1) as two:
            next(one)
            next(two)
            start = time.perf_counter()
            with pytest.raises(BusyError, match=r"2 in use.*max_readers=2"):
                value(db, "select 1")
            assert 1 < time.perf_counter() - start < 30
        assert value(db, "select 1") == 1


def test_unrelated_threads_run_while_a_query_does(db: Database) -> None:
    """The interpreter is free while SQLite works."""
    sql = "with recursive c(n) as (select 1 union all select n + 1 from c) select count(*) from c"
    ended = threading.Event()

    def work() -> None:
        with pytest.raises(molt_sql.TimeoutError):
            raw(sql).on(db).fetch_all(timeout=0.3).result()
        ended.set()

    thread = threading.Thread(target=work)
    thread.start()
    steps = 0
    while not ended.is_set():
        steps += 1
        time.sleep(0.001)
    thread.join(20)
    assert steps > 20
