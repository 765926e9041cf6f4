"""SIGHUP: configuration and manifest are read again, and what runs goes on as it began."""

from __future__ import annotations

import json
import signal
import sqlite3
from pathlib import Path

import pytest

from conformance.client import Client
from conformance.conftest import Running, Start
from conformance.data import ENDLESS, make_items
from servers.fixtures import PostgresDatabase
from servers.processes import wait_until

pytestmark = pytest.mark.usefixtures("program")

LOADED, REFUSED = "is loaded again", "is not loaded again"
BACKENDS = "select count(*) as n from pg_stat_activity where application_name = 'reload-test'"


class Configured:
    """A worker with a configuration and a manifest that can be changed."""

    def __init__(self, start: Start, folder: Path, config: str, *args: object) -> None:
        self.file = folder / "worker.toml"
        self.file.write_text(config)
        self.running: Running = start("--config", self.file, *args)

    def client(self) -> Client:
        return self.running.client()

    def reload(self, config: str | None = None, *, says: str = LOADED) -> None:
        """Waits until the worker has said what came of it."""
        if config is not None:
            self.file.write_text(config)
        before = self.running.worker.stderr.count(says)
        self.running.worker.signal(signal.SIGHUP)
        wait_until(
            lambda: self.running.worker.stderr.count(says) > before,
            what=f"the worker says it {says}",
        )


def sqlite_config(path: Path, more: str = "", **settings: int) -> str:
    lines = [f"{name} = {value}" for name, value in settings.items()]
    return "\n".join([*lines, "[databases]", f'default = "sqlite:///{path}?mode=ro"', more])


@pytest.fixture
def second(tmp_path: Path) -> Path:
    return make_items(tmp_path / "second.db")


def test_a_new_alias_is_there_and_an_old_one_goes(
    start: Start, items_path: Path, second: Path, tmp_path: Path
) -> None:
    worker = Configured(start, tmp_path, sqlite_config(items_path))
    client = worker.client()
    assert client.query("select 1 as n", db_alias="second").status == "InvalidInput"
    worker.reload(sqlite_config(items_path, f'second = "sqlite:///{second}?mode=ro"'))
    assert client.query("select 1 as n", db_alias="second").status == "Ok"
    assert set(client.call("health").value["databases"]) == {"default", "second"}
    worker.reload(sqlite_config(items_path))
    assert client.query("select 1 as n", db_alias="second").status == "InvalidInput"
    assert client.query("select 1 as n").status == "Ok"


def test_an_alias_that_is_gone_is_closed(
    start: Start, items_path: Path, second: Path, tmp_path: Path
) -> None:
    def opens_second() -> bool:
        fds = Path(f"/proc/{worker.running.worker.pid}/fd")
        return any(str(second) in str(fd.readlink()) for fd in fds.iterdir() if fd.is_symlink())

    worker = Configured(
        start, tmp_path, sqlite_config(items_path, f'second = "sqlite:///{second}?mode=ro"')
    )
    client = worker.client()
    client.query("select 1 as n", db_alias="second")
    assert opens_second()
    worker.reload(sqlite_config(items_path))
    wait_until(lambda: not opens_second())


def test_new_limits_hold_for_new_requests(start: Start, items_path: Path, tmp_path: Path) -> None:
    worker = Configured(start, tmp_path, sqlite_config(items_path, max_rows=10, threads=1))
    client = worker.client()
    assert client.query("select id from items").metrics["db_row_count"] == 10
    worker.reload(sqlite_config(items_path, max_rows=20, threads=1, max_queue=0))
    assert client.query("select id from items").metrics["db_row_count"] == 20
    running = client.send("db_query", {"sql": ENDLESS})
    client.ping()
    assert client.query("select count(*) as n from items, items as more").status == "Busy"
    worker.reload(sqlite_config(items_path, max_in_flight=1, threads=1))
    assert client.query("select 1 as n").status == "Busy"
    client.cancel(running)
    assert client.reply_to(running).status == "Cancelled"
    assert client.query("select 1 as n").status == "Ok"


def test_a_new_manifest_holds_for_new_requests(
    start: Start, items_path: Path, tmp_path: Path
) -> None:
    def write(*names: str) -> None:
        exports = [{"name": name, "codec_in": "json", "codec_out": "json"} for name in names]
        manifest.write_text(json.dumps({"abi_version": 1, "exports": exports}))

    manifest = tmp_path / "manifest.json"
    write("health")
    worker = Configured(start, tmp_path, sqlite_config(items_path), "--exports", manifest)
    client = worker.client()
    assert client.query("select 1 as n").status == "InvalidInput"
    write("health", "db_query")
    worker.reload()
    assert client.query("select 1 as n").status == "Ok"
    write("db_query")
    worker.reload()
    assert client.call("health").status == "InvalidInput"


def test_a_running_request_ends_on_what_it_began_with(
    start: Start, items_path: Path, second: Path, tmp_path: Path
) -> None:
    worker = Configured(start, tmp_path, sqlite_config(second, threads=1))
    client = worker.client()
    # Looks at its own database's rows once it has counted for a while.
    slow = (
        "with recursive c(n) as (select 1 union all select n + 1 from c where n < 3000000)"
        " select (select count(*) from c) as counted, (select count(*) from marked) as marks"
    )
    with sqlite3.connect(second) as connection:
        connection.execute("create table marked (id integer)")
        connection.execute("insert into marked values (1), (2)")
    connection.close()
    target = client.send("db_query", {"sql": slow})
    waiting = client.send("db_query", {"sql": "select count(*) as n from marked"})
    client.ping()
    worker.reload(sqlite_config(items_path, threads=1))
    assert client.query("select count(*) as n from marked").status == "InvalidInput"
    assert client.reply_to(target).value["rows"] == [[3_000_000, 2]]
    assert client.reply_to(waiting).value["rows"] == [[2]]


def test_what_blocks_may_be_left_behind_by_its_request_and_its_alias(
    start: Start, items_path: Path, second: Path, tmp_path: Path
) -> None:
    worker = Configured(start, tmp_path, sqlite_config(second, threads=1))
    client = worker.client()
    gone = worker.client()
    for _ in range(3):
        gone.send("db_query", {"sql": ENDLESS})
    gone.ping()
    worker.reload(sqlite_config(items_path, threads=1))
    gone.close()
    assert client.query("select count(*) as n from items").status == "Ok"
    worker.reload(sqlite_config(second, threads=1))
    assert client.query("select count(*) as n from items").status == "Ok"


BAD = [
    "this is no toml",
    'no_such_setting = 1\n[databases]\ndefault = "sqlite:///x.db"',
    '[databases]\ndefault = "sqlite:////no-such-folder/no-such.db?mode=ro"',
    '[databases]\ndefault = "postgresql://127.0.0.1:1/none?connect_timeout=1"',
]


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_configuration_is_said_and_the_old_one_stays(
    start: Start, items_path: Path, tmp_path: Path, bad: str
) -> None:
    worker = Configured(start, tmp_path, sqlite_config(items_path, max_rows=7))
    client = worker.client()
    worker.reload(bad, says=REFUSED)
    assert client.query("select id from items").metrics["db_row_count"] == 7
    worker.reload(sqlite_config(items_path, max_rows=8))
    assert client.query("select id from items").metrics["db_row_count"] == 8


def test_a_bad_manifest_is_said_and_the_old_one_stays(
    start: Start, items_path: Path, tmp_path: Path
) -> None:
    manifest = tmp_path / "manifest.json"
    export = {"name": "db_query", "codec_in": "json", "codec_out": "json"}
    manifest.write_text(json.dumps({"abi_version": 1, "exports": [export]}))
    worker = Configured(start, tmp_path, sqlite_config(items_path), "--exports", manifest)
    client = worker.client()
    client.ping()
    for text in ("{", "[]"):
        manifest.write_text(text)
        worker.reload(says=REFUSED)
    manifest.unlink()
    worker.reload(says=REFUSED)
    assert client.query("select 1 as n").status == "Ok"


def test_connections_of_an_unchanged_alias_are_kept(
    start: Start, pg_database: PostgresDatabase, items_path: Path, tmp_path: Path
) -> None:
    url = pg_database.url(application_name="reload-test")

    def config(more: str, **settings: int) -> str:
        lines = [f"{name} = {value}" for name, value in settings.items()]
        return "\n".join([*lines, "[databases]", more, f'[databases.default]\nurl = "{url}"'])

    worker = Configured(start, tmp_path, config(""))
    client = worker.client()
    (before,) = client.query("select pg_backend_pid() as pid").value["rows"]
    worker.reload(config(f'other = "sqlite:///{items_path}?mode=ro"', max_rows=5))
    (after,) = client.query("select pg_backend_pid() as pid").value["rows"]
    assert before == after
    rows = client.query("select n from generate_series(1, 9) n").metrics["db_row_count"]
    assert rows == 5
    # Another limit of the alias itself needs no other connection either.
    worker.reload(config("") + "\nmax_rows = 3")
    (again,) = client.query("select pg_backend_pid() as pid").value["rows"]
    assert before == again
    assert client.query("select n from generate_series(1, 9) n").metrics["db_row_count"] == 3


def test_connections_of_an_alias_that_is_gone_are_closed(
    start: Start, pg_database: PostgresDatabase, items_path: Path, tmp_path: Path
) -> None:
    def backends() -> int:
        return int(pg_database.run_sql(BACKENDS))

    url = pg_database.url(application_name="reload-test")
    worker = Configured(start, tmp_path, f'[databases]\ndefault = "{url}"\n')
    client = worker.client()
    assert client.query("select 1 as n").status == "Ok"
    sleeping = client.send("db_query", {"sql": "select pg_sleep(1) as v, 7 as n"})
    client.ping()
    worker.reload(sqlite_config(items_path))
    assert client.query("select count(*) as n from items").status == "Ok"
    assert client.reply_to(sleeping).value["rows"][0][1] == 7
    wait_until(lambda: backends() == 0)


def test_many_reloads_under_load_lose_no_request(
    start: Start, items_path: Path, second: Path, tmp_path: Path
) -> None:
    worker = Configured(start, tmp_path, sqlite_config(items_path))
    client = worker.client()
    client.ping()
    for n in range(30):
        ids = [
            client.send("db_query", {"sql": "select count(*) as n from items, items as i"})
            for _ in range(10)
        ]
        worker.file.write_text(sqlite_config((items_path, second)[n % 2], max_rows=n + 1))
        worker.running.worker.signal(signal.SIGHUP)
        for reply in client.replies_to(ids, 30):
            assert reply.value["rows"] == [[1200 * 1200]]
    worker.reload()
    fds = Path(f"/proc/{worker.running.worker.pid}/fd")
    wait_until(lambda: len(list(fds.iterdir())) < 40)
    worker.running.worker.process.terminate()
    assert worker.running.worker.wait() == 0


def test_the_worker_ends_in_time_while_a_database_is_awaited(
    start: Start, items_path: Path, tmp_path: Path
) -> None:
    worker = Configured(start, tmp_path, sqlite_config(items_path))
    client = worker.client()
    client.ping()
    # A network that answers nothing: TEST-NET-1.
    worker.file.write_text('[databases]\ndefault = "postgresql://192.0.2.1/none"\n')
    worker.running.worker.signal(signal.SIGHUP)
    client.ping()
    worker.running.worker.process.terminate()
    assert worker.running.worker.wait(5) == 0


def test_without_a_configuration_a_reload_changes_nothing(start: Start, items_path: Path) -> None:
    running = start(env={"MOLT_DB_SQLITE_PATH": items_path})
    client = running.client()
    client.ping()
    running.worker.signal(signal.SIGHUP)
    wait_until(lambda: LOADED in running.worker.stderr)
    assert client.query("select 1 as n").status == "Ok"


@pytest.mark.parametrize("url", ["sqlite:///{}/later.db?mode=ro", "postgresql://127.0.0.1:1/x"])
def test_a_database_that_is_not_there_yet_is_no_error_if_the_alias_is_lazy(
    start: Start, tmp_path: Path, url: str
) -> None:
    config = f'[databases.default]\nurl = "{url.format(tmp_path)}"\nconnect = "lazy"\n'
    worker = Configured(start, tmp_path, config)
    client = worker.client()
    reply = client.query("select 1 as n")
    assert reply.status not in ("Ok", "Timeout")
    assert reply.error
    if url.startswith("sqlite"):
        make_items(tmp_path / "later.db")
        assert client.query("select count(*) as n from items").value["rows"] == [[1200]]
