"""`molt query` on PostgreSQL: values, stopping, memory, rights."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from cli.tools import MOLT, Running, clean_environment, fails, molt
from conformance import spec_page
from servers.fixtures import PostgresDatabase
from servers.pgbouncer import PgBouncer
from servers.processes import wait_until

# What a Python value does not carry: months of an interval, lower bounds of an array.
PYTHON_LACKS = ("interval '1 year", "'[0:1]", "'[1:1]")


@pytest.fixture
def running_of(pg_database: PostgresDatabase) -> Any:
    """How many statements of this application run in the server now."""

    def count(application: str) -> int:
        return int(
            pg_database.run_sql(
                "select count(*) from pg_stat_activity where state = 'active'"
                f" and application_name = '{application}'"
            )
        )

    return count


@pytest.fixture
def name() -> str:
    return f"molt-{os.getpid()}-{time.monotonic_ns()}"


def test_values_in_json_are_those_of_the_workers_contract(pg_url: str) -> None:
    examples = [
        one
        for one in spec_page.table("values-postgres")
        if not any(lacking in one["sql"] for lacking in PYTHON_LACKS)
    ]
    assert len(examples) > 20
    for one in examples:
        found = molt("query", pg_url, one["sql"], "-f", "jsonl").out
        assert json.loads(found) == {"v": json.loads(one["json"])}, one["sql"]
        assert found.startswith('{"v":')


def test_values_in_csv(pg_url: str) -> None:
    sql = """select true as a, null::int as b, 1.50::numeric as c, 'NaN'::float8 as d,
        '\\x00ff'::bytea as e, '{1,2}'::int[] as f, int4range(1, 5) as g, '{"a": 1}'::jsonb as h,
        timestamptz '2026-01-31 12:00+02' as i, 'a"b' as j"""
    assert molt("query", pg_url, sql, "-f", "csv").out.splitlines()[1] == (
        'true,,1.50,,\\x00ff,"[1,2]","[1,5)","{""a"":1}",2026-01-31T10:00:00+00:00,"a""b"'
    )


def test_parameters_keep_their_types(pg_url: str) -> None:
    sql = "select {a} + 1 as a, {b}::jsonb ->> 'k' as b, {c} as c, {d}::text is null as d"
    params = ["a:int=41", 'b:json={"k": "v"}', "c:timestamp=2026-01-31T12:00:00+02:00", "d:null="]
    flags = [flag for param in params for flag in ("-p", param)]
    assert molt("query", pg_url, sql, *flags, "-f", "json").json == [
        {"a": 42, "b": "v", "c": "2026-01-31T10:00:00+00:00", "d": True}
    ]


def test_types_that_parquet_lacks_are_named(pg_url: str, tmp_path: Path) -> None:
    target = tmp_path / "a.parquet"
    sql = "select interval '1 day' as i"
    fails("query", pg_url, sql, "-o", target, code=1, words="interval.*cast the column")
    assert list(tmp_path.iterdir()) == []


def test_many_rows_become_few_row_groups(pg_url: str, tmp_path: Path) -> None:
    target = tmp_path / "a.parquet"
    sql = "select n, repeat('x', 100) as t from generate_series(1, 700000) n"
    assert molt("query", pg_url, sql, "-o", target).code == 0
    found = pyarrow.parquet.read_metadata(target)
    assert found.num_rows == 700_000
    assert 2 <= found.num_row_groups <= 4


@pytest.mark.parametrize(
    ("which", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["ctrl-c", "sigterm"]
)
@pytest.mark.parametrize("sql", ["select pg_sleep(60)", "select generate_series(1, 1e9::int8) n"])
def test_a_signal_stops_the_query_in_the_server_and_removes_the_file(
    pg_database: PostgresDatabase,
    running_of: Any,
    name: str,
    tmp_path: Path,
    which: signal.Signals,
    code: int,
    sql: str,
) -> None:
    target = tmp_path / "out.csv"
    target.write_text("before")
    with Running("query", pg_database.url(application_name=name), sql, "-o", target) as running:
        wait_until(lambda: running_of(name), what="the query runs")
        if "series" in sql:
            wait_until(lambda: written(tmp_path) > 1_000_000, what="rows are written")
        running.signal(which)
        done = running.wait()
    assert (done.code, done.out, done.err) == (code, "", "")
    wait_until(lambda: running_of(name) == 0, what="the query has ended")
    assert [*tmp_path.iterdir()] == [target]
    assert target.read_text() == "before"


@pytest.mark.parametrize("command", [("query", "select 1"), ("doctor",)])
@pytest.mark.parametrize(("which", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_while_it_connects(
    command: tuple[str, ...], which: signal.Signals, code: int
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"postgresql://ada@127.0.0.1:{listener.getsockname()[1]}/shop"
        # Longer than a test may take.
        flags = ("--connect-timeout", 1000)
        with Running(command[0], url, *command[1:], *flags) as running:
            client, _ = listener.accept()
            with client:
                running.signal(which)
                done = running.wait()
    assert (done.code, done.out, done.err) == (code, "", "")


def written(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob(".out.csv.*.part"))


def test_a_timeout_stops_the_query_in_the_server(
    pg_database: PostgresDatabase, running_of: Any, name: str
) -> None:
    url = pg_database.url(application_name=name)
    fails("query", url, "select pg_sleep(60)", "--timeout", 0.3, code=1, words="timeout passed")
    wait_until(lambda: running_of(name) == 0, what="the query has ended")


def test_a_limit_stops_the_query_in_the_server(
    pg_database: PostgresDatabase, running_of: Any, name: str
) -> None:
    url = pg_database.url(application_name=name)
    sql = "select generate_series(1, 1e9::int8) n"
    assert molt("query", url, sql, "-f", "csv", "--limit", 2).out == "n\r\n1\r\n2\r\n"
    wait_until(lambda: running_of(name) == 0, what="the query has ended")


@pytest.mark.parametrize("form", ["table", "json", "jsonl", "csv", "arrow-stream"])
def test_memory_stays_flat_however_many_rows_come(pg_url: str, form: str) -> None:
    def peak_kib(rows: int) -> int:
        sql = f"select n, repeat('x', 200) as t from generate_series(1, {rows}) n"
        command = [*MOLT, "query", pg_url, sql, "-f", form]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=clean_environment())
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        return usage.ru_maxrss

    # 400,000 rows are 80 MB and more.
    assert peak_kib(400_000) - peak_kib(20_000) < 40_000


def test_reads_cannot_write_and_superusers_do_not_read(pg_database: PostgresDatabase) -> None:
    url = pg_database.url()
    fails("query", url, "create table x (a int)", code=1, words="molt query only reads")
    fails("query", url, "select 1; select 2", code=1, words="2 statements")
    superuser = pg_database.url("postgres")
    fails("query", superuser, "select 1", code=1, words="superuser.*--allow-superuser")
    sql = "select current_user as u"
    done = molt("query", superuser, sql, "--allow-superuser", "-f", "json")
    assert done.json == [{"u": "postgres"}]


def test_it_works_behind_a_pooler_in_transaction_mode(pgbouncer: PgBouncer) -> None:
    for _ in range(3):
        done = molt("query", pgbouncer.url(), "select {v}::int as v", "-p", "v:int=7", "-f", "json")
        assert done.json == [{"v": 7}]


def test_errors_are_one_line_without_values_and_passwords(pg_database: PostgresDatabase) -> None:
    wrong = pg_database.url(tls="require", password="s3cret")
    done = fails(
        "query", wrong, "select 1", code=1, words='user "molt"; .molt doctor URL. says more'
    )
    assert "s3cret" not in done.err
    done = fails(
        "query",
        pg_database.url(),
        "select {v}::int",
        "-p",
        "v=s3cret",
        code=1,
        words="parameter 1.*n:int=5",
    )
    assert "s3cret" not in done.err
    fails("query", pg_database.url(), "select *\nform x", code=1, words="line 2, column 1")
