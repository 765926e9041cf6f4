"""Several databases: --config and MOLT_DATABASES, and the settings of an alias."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from conformance.client import Closed
from conformance.codec import Wire
from conformance.conftest import Start
from conformance.data import ENDLESS, NO_WRITE
from conformance.test_cli import run
from servers.fixtures import PostgresDatabase


def toml(databases: dict[str, dict[str, object]]) -> str:
    lines: list[str] = []
    for alias, table in databases.items():
        lines.append(f"[databases.{alias}]")
        lines += [f"{key} = {json.dumps(value)}" for key, value in table.items()]
    return "\n".join(lines) + "\n"


def test_aliases_come_from_the_environment(
    start: Start, items_path: Path, own_items: Path, pg_url: str, wire: Wire
) -> None:
    databases = {
        "default": f"sqlite:///{items_path}",
        "own": {"url": f"sqlite:///{own_items}", "write": True},
        "pg": pg_url,
    }
    client = start(env={"MOLT_DATABASES": json.dumps(databases)}).client(wire)
    hello = client.call("__hello__", b"", codec="json").value
    assert hello["aliases"] == {"default": "sqlite", "own": "sqlite", "pg": "postgres"}
    assert client.execute("delete from items", db_alias="own").value["rows_affected"] == 1200
    assert client.execute(NO_WRITE).status == "InvalidInput"
    count = "select count(*) as n from items"
    assert client.query(count).value["rows"] == [[1200]]
    assert client.query(count, db_alias="own").value["rows"] == [[0]]
    reply = client.query("select $1::int as n", 5, db_alias="pg")
    assert reply.value["rows"] == [[5]]
    assert reply.metrics["db_alias"] == "pg"
    batch = client.call("db_batch", {"queries": [{"sql": "select 1 as n", "db_alias": "pg"}]})
    assert batch.value[0]["status"] == "Ok"


def test_aliases_come_from_a_file(start: Start, own_items: Path, tmp_path: Path) -> None:
    path = tmp_path / "molt.toml"
    url = f"sqlite:///{own_items}"
    tables: dict[str, dict[str, object]] = {
        "default": {"url": url, "max_rows": 7},
        "writable": {"url": url, "write": True},
    }
    path.write_text(toml(tables))
    client = start("--config", path).client()
    assert client.query("select id from items").value["row_count"] == 7
    assert client.query("select id from items", max_rows=9).value["row_count"] == 9
    assert client.query("select id from items", db_alias="writable").value["row_count"] == 1000
    assert client.execute("delete from items").status == "InvalidInput"
    assert client.execute("delete from items", db_alias="writable").status == "Ok"


def test_an_alias_may_have_a_timeout_of_its_own(
    start: Start, pg_url: str, items_path: Path
) -> None:
    databases = {
        "default": {"url": f"sqlite:///{items_path}", "timeout_ms": 200},
        "pg": {"url": pg_url, "timeout_ms": 200},
    }
    client = start(env={"MOLT_DATABASES": json.dumps(databases)}).client()
    assert client.query(ENDLESS).status == "Timeout"
    assert client.query("select pg_sleep(20) as v", db_alias="pg").status == "Timeout"


def test_without_a_default_only_named_aliases_answer(start: Start, items_path: Path) -> None:
    databases = {"other": f"sqlite:///{items_path}"}
    client = start(env={"MOLT_DATABASES": json.dumps(databases)}).client()
    assert client.query("select 1 as n").status == "InvalidInput"
    assert client.query("select 1 as n", db_alias="other").status == "Ok"


def test_a_default_from_two_variables_is_an_error_that_names_both(
    items_path: Path, own_items: Path
) -> None:
    databases = json.dumps({"default": f"sqlite:///{own_items}"})
    code, _, err = run("--stdio", MOLT_DATABASES=databases, MOLT_DB_SQLITE_PATH=items_path)
    assert code > 0
    assert "MOLT_DATABASES" in err
    assert "MOLT_DB_SQLITE_PATH" in err


BAD_DATABASES: list[Any] = [
    "{",
    "[]",
    '{"a": 5}',
    '{"a": {}}',
    '{"a": "nosuchscheme://x"}',
    '{"a": {"url": "sqlite:///x.db", "max_conns": "many"}}',
]


@pytest.mark.parametrize("text", BAD_DATABASES)
def test_databases_that_are_wrong_are_an_error_at_the_start(text: str) -> None:
    code, out, err = run("--stdio", MOLT_DATABASES=text)
    assert code > 0
    assert out == ""
    assert "MOLT_DATABASES" in err


@pytest.mark.parametrize("text", [None, "[databases", "[databases.a]\nurl = 5\n"])
def test_a_file_that_is_wrong_is_an_error_at_the_start(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "molt.toml"
    if text is not None:
        path.write_text(text)
    code, _, err = run("--stdio", "--config", path)
    assert code > 0
    assert "molt.toml" in err


@pytest.mark.parametrize("authority", ["ca", "wrong_ca"])
def test_the_authority_of_a_servers_certificate_can_be_set(
    start: Start, pg_database: PostgresDatabase, authority: str
) -> None:
    url = re.sub(r"sslrootcert=[^&]*&?", "", pg_database.url(tls="verify-full")).rstrip("&")
    certificate = getattr(pg_database.server, authority)
    env = {"MOLT_DB_POSTGRES_DSN": url, "MOLT_DB_POSTGRES_SSL_ROOT_CERT": certificate}
    running = start(transport="stdio", env=env)
    client = running.client()
    try:
        assert (client.query("select 1 as n").status == "Ok") == (authority == "ca")
    except Closed:
        assert authority == "wrong_ca"
        assert running.worker.wait() > 0


def test_no_message_shows_a_password(start: Start) -> None:
    url = "postgresql://ada:s3cret@127.0.0.1:1/nowhere"
    running = start(transport="stdio", env={"MOLT_DB_POSTGRES_DSN": url})
    client = running.client()
    try:
        reply = client.query("select 1 as n")
        assert reply.status != "Ok"
        assert "s3cret" not in reply.error
        assert b"s3cret" not in client.call("__hello__", b"", codec="json").payload
    except Closed:  # it may refuse to start without its database
        assert running.worker.wait() > 0
    assert "s3cret" not in running.worker.stderr
