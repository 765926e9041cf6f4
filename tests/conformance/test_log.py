"""Messages on stderr: as text, or as JSON for programs; never with what requests hold."""

from __future__ import annotations

import json
import signal
from datetime import UTC, datetime
from pathlib import Path

from conformance.conftest import Start
from conformance.test_cli import both_programs, run
from servers.fixtures import PostgresDatabase
from servers.processes import wait_until

SECRET = "5ecret-value"


@both_programs
def test_each_line_is_an_object(start: Start, items_path: Path, tmp_path: Path) -> None:
    manifest = tmp_path / 'odd "name"\\é.json'
    manifest.write_text(json.dumps({"abi_version": 1, "exports": [{"name": ""}]}))
    running = start(
        "--log-format", "json", "--exports", manifest, env={"MOLT_DB_SQLITE_PATH": items_path}
    )
    running.client().ping()
    running.worker.signal(signal.SIGHUP)
    wait_until(lambda: "loaded again" in running.worker.stderr)
    lines = [json.loads(line) for line in running.worker.stderr.splitlines()]
    for line in lines:
        assert line.keys() == {"time", "level", "logger", "pid", "message"}
        assert line["logger"] == "molt-worker"
        assert line["pid"] == running.worker.pid
        age = datetime.now(UTC) - datetime.fromisoformat(line["time"])
        assert 0 <= age.total_seconds() < 60
    assert {line["level"] for line in lines} == {"info", "warning"}
    warning = next(line for line in lines if line["level"] == "warning")
    assert str(manifest) in warning["message"]


def test_the_environment_and_the_file_choose_it_too(
    start: Start, items_path: Path, tmp_path: Path
) -> None:
    config = tmp_path / "worker.toml"
    config.write_text(f'log_format = "json"\n[databases]\ndefault = "sqlite:///{items_path}"\n')
    for running in (start("--config", config), start(env={"MOLT_WORKER_LOG_FORMAT": "json"})):
        running.client().ping()
        lines = running.worker.stderr.splitlines()
        assert {json.loads(line)["level"] for line in lines} == {"info"}
    text = start("--config", config, "--log-format", "text")
    text.client().ping()
    assert text.worker.stderr.splitlines()[-1].startswith("[")


@both_programs
def test_why_it_does_not_start_is_said_in_json_too() -> None:
    code, _, err = run("--stdio", "--log-format", "json", "--config", "/no/such/file.toml")
    assert code > 0
    assert json.loads(err)["level"] == "critical"
    code, _, err = run("--stdio", "--log-format", "xml")
    assert code > 0
    assert "--log-format" in err


@both_programs
def test_bytes_that_are_no_utf8_are_replaced() -> None:
    name = b"/no/such/\xff\xfe.toml".decode(errors="surrogateescape")
    _, _, err = run("--stdio", "--log-format", "json", "--config", name)
    assert "/no/such/??.toml" in json.loads(err)["message"]


def test_neither_values_nor_passwords_are_logged(
    start: Start, pg_database: PostgresDatabase, tmp_path: Path
) -> None:
    config = tmp_path / "worker.toml"
    config.write_text(f'[databases]\ndefault = "{pg_database.url()}"\n')
    running = start("--config", config, "--log-format", "json")
    client = running.client()
    sql = "select 1 / (length($1) - length($2))"
    assert client.query(sql, SECRET, SECRET).status != "Ok"
    assert client.query(f"select '{SECRET}'::integer").status != "Ok"
    assert client.call("db_query", {"sql": SECRET}).status == "InvalidInput"
    assert client.call(SECRET).status == "InvalidInput"
    config.write_text(f'[databases]\ndefault = "postgresql://me:{SECRET}@127.0.0.1:1/none"\n')
    running.worker.signal(signal.SIGHUP)
    wait_until(lambda: "not loaded again" in running.worker.stderr)
    assert SECRET not in running.worker.stderr
