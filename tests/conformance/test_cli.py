"""Flags and the environment: what they do, and that a mistake in them is said."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from conformance.client import Channel, Client, Closed
from conformance.conftest import Start
from conformance.data import ENDLESS, NO_WRITE
from servers.worker import Worker, worker_command, worker_environment

both_programs = pytest.mark.usefixtures("program")


def run(*args: object, **env: object) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a worker that ends by itself."""
    try:
        done = subprocess.run(
            [*worker_command(), *map(str, args)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
            env=worker_environment(env),
        )
    except subprocess.TimeoutExpired:
        pytest.fail(f"molt-worker {args} serves, where it should end", pytrace=False)
    return done.returncode, done.stdout, done.stderr


@both_programs
def test_help_names_every_flag() -> None:
    code, out, _ = run("--help")
    assert code == 0
    flags = "--stdio --socket --exports --compiled-exports --max-queue --threads --runtime --config"
    more = "--only-exports --version --max-in-flight --metrics-socket --metrics-file --log-format"
    for flag in [*flags.split(), *more.split()]:
        assert flag in out


@both_programs
def test_version_is_printed() -> None:
    code, out, _ = run("--version")
    assert code == 0
    assert any(letter.isdigit() for letter in out)


BAD_FLAGS: list[tuple[str, ...]] = [
    (),
    ("--no-such-flag",),
    ("--stdio", "--no-such-flag"),
    ("--stdio", "extra"),
    ("--stdio", "--max-queue"),
    ("--stdio", "--max-queue", "many"),
    ("--stdio", "--max-queue", "-1"),
    ("--stdio", "--threads", "1.5"),
    ("--stdio", "--runtime", "fast"),
    ("--socket",),
    ("--stdio", "--exports"),
]


@both_programs
@pytest.mark.parametrize("flags", BAD_FLAGS, ids=" ".join)
def test_a_bad_flag_ends_the_worker_with_a_line_on_stderr(flags: tuple[str, ...]) -> None:
    code, out, err = run(*flags)
    assert code > 0
    assert out == ""
    assert err.strip()


@both_programs
def test_both_transports_are_served_at_once(tmp_path: Path) -> None:
    worker = Worker("--stdio", "--socket", tmp_path / "s")
    try:
        connection = worker.connect(tmp_path / "s").detach()
        for channel in (Channel(*worker.take_pipes()), Channel(connection, connection)):
            client = Client(channel, "msgpack")
            client.ping()
            client.close()
    finally:
        worker.close()


@pytest.mark.parametrize("runtime", ["sync", "async", "auto"])
def test_a_runtime_is_accepted(start: Start, items_path: Path, runtime: str) -> None:
    env = {"MOLT_DB_SQLITE_PATH": items_path}
    client = start("--runtime", runtime, env=env).client()
    assert client.query("select 1 as n").status == "Ok"
    client = start(env=env | {"MOLT_WORKER_RUNTIME": runtime}).client()
    assert client.query("select 1 as n").status == "Ok"


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_any_number_of_threads_answers(start: Start, items_path: Path, threads: int) -> None:
    client = start("--threads", threads, env={"MOLT_DB_SQLITE_PATH": items_path}).client()
    ids = [client.send("db_query", {"sql": f"select {n} as n"}) for n in range(30)]
    assert [r.value["rows"] for r in client.replies_to(ids)] == [[[n]] for n in range(30)]


def test_max_rows_comes_from_the_environment(start: Start, items_path: Path) -> None:
    client = start(env={"MOLT_DB_SQLITE_PATH": items_path, "MOLT_DB_MAX_ROWS": 3}).client()
    assert client.query("select id from items").value["row_count"] == 3
    assert client.query("select id from items", max_rows=5).value["row_count"] == 5


BAD_VARIABLES = [
    ("MOLT_WORKER_THREADS", "many"),
    ("MOLT_WORKER_THREADS", "-1"),
    ("MOLT_WORKER_MAX_QUEUE", "x"),
    ("MOLT_WORKER_MAX_QUEUE", ""),
    ("MOLT_WORKER_RUNTIME", "fast"),
    ("MOLT_DB_MAX_ROWS", "1.5"),
    ("MOLT_DB_MAX_ROWS", "-1"),
    ("MOLT_DB_SQLITE_READWRITE", "perhaps"),
]


@pytest.mark.parametrize(("variable", "value"), BAD_VARIABLES)
def test_a_bad_variable_falls_back_with_a_warning(
    start: Start, items_path: Path, variable: str, value: str
) -> None:
    running = start(env={"MOLT_DB_SQLITE_PATH": items_path, variable: value})
    client = running.client()
    assert client.query("select id from items").value["row_count"] == 1000
    assert client.execute(NO_WRITE).status == "InvalidInput"
    if value:  # an empty one may count as not set
        assert variable in running.worker.stderr


@pytest.mark.parametrize("variable", ["MAX_CONNS", "QUERY_TIMEOUT_MS", "MAX_WAIT_MS", "MIN_CONNS"])
def test_a_bad_variable_of_postgresql_falls_back_with_a_warning(
    start: Start, pg_url: str, variable: str
) -> None:
    name = f"MOLT_DB_POSTGRES_{variable}"
    running = start(env={"MOLT_DB_POSTGRES_DSN": pg_url, name: "x"})
    assert running.client().query("select 1 as n").status == "Ok"
    assert name in running.worker.stderr


def accepted(client: Client, count: int) -> int:
    """How many of so many requests that do not end find room."""
    ids = [client.send("db_query", {"sql": ENDLESS}) for _ in range(count)]
    client.ping()
    for request_id in ids:
        client.send("__cancel__", {"request_id": request_id}, request_id=10_000 + request_id)
    statuses = [reply.status for reply in client.replies_to(ids)]
    assert set(statuses) <= {"Busy", "Cancelled"}
    return statuses.count("Cancelled")


@both_programs
def test_the_queues_length_comes_from_the_environment_and_flags_win(
    start: Start, items_path: Path
) -> None:
    short: dict[str, Any] = {"MOLT_DB_SQLITE_PATH": items_path, "MOLT_WORKER_MAX_QUEUE": 1}
    by_environment = accepted(start("--threads", 1, env=short).client(), 40)
    by_flag = accepted(start("--threads", 1, "--max-queue", 50, env=short).client(), 40)
    by_default = accepted(
        start("--threads", 1, env={"MOLT_DB_SQLITE_PATH": items_path}).client(), 40
    )
    assert by_environment < 40
    assert by_flag == by_default == 40


@both_programs
def test_an_unset_environment_needs_nothing() -> None:
    with Worker("--stdio") as worker:
        assert worker.process.stdin is not None
        worker.process.stdin.close()
        assert worker.wait() == 0


@both_programs
def test_a_missing_sqlite_file_is_an_error_and_is_not_made(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "missing.db"
    running = start(transport="stdio", env={"MOLT_DB_SQLITE_PATH": path})
    client = running.client()
    try:
        assert client.query("select 1 as n").status != "Ok"
    except Closed:
        assert running.worker.wait() > 0
        assert "missing.db" in running.worker.stderr
    assert not path.exists()


@both_programs
def test_a_default_from_two_places_is_an_error_that_names_both(items_path: Path) -> None:
    dsn = "postgresql:///nowhere"
    code, _, err = run("--stdio", MOLT_DB_SQLITE_PATH=items_path, MOLT_DB_POSTGRES_DSN=dsn)
    assert code > 0
    assert "MOLT_DB_SQLITE_PATH" in err
    assert "MOLT_DB_POSTGRES_DSN" in err
