"""--exports: what can be called, in which codec, and what becomes of a manifest that is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conformance.arrow import arrow_table
from conformance.client import Client, Closed
from conformance.codec import Wire
from conformance.conftest import Running, Start
from conformance.data import NO_WRITE

Exporting = Callable[..., Running]


def export(name: object, codec: object = "json", **more: object) -> dict[str, object]:
    return {"name": name, "codec_in": codec, "codec_out": codec} | more


@pytest.fixture
def exporting(start: Start, items_path: Path, tmp_path: Path) -> Exporting:
    """Starts a worker with these exports."""

    def start_exporting(*exports: dict[str, object], flags: tuple[str, ...] = ()) -> Running:
        path = tmp_path / "exports.json"
        path.write_text(json.dumps({"abi_version": 1, "exports": list(exports)}))
        return start("--exports", path, *flags, env={"MOLT_DB_SQLITE_PATH": items_path})

    return start_exporting


def test_without_a_manifest_all_built_in_entries_are_callable(client: Client) -> None:
    assert client.call("health").status == "Ok"
    assert client.query("select 1 as n").status == "Ok"
    assert client.call("db_batch", {"queries": []}).status == "Ok"
    assert client.execute(NO_WRITE).status == "InvalidInput"  # the alias is for reading


def test_only_what_is_exported_can_be_called(exporting: Exporting, wire: Wire) -> None:
    client = exporting(export("db_query")).client(wire)
    assert client.query("select 1 as n").value["rows"] == [[1]]
    for name in ("health", "db_exec", "db_batch", "compute", "list_items", "no_such"):
        reply = client.call(name, {})
        assert reply.status == "InvalidInput"
        assert name in reply.error
    assert client.call("__ping__").status == "Ok"
    assert client.call("__hello__", b"", codec="json").value["entries"].count("db_query") == 1
    assert client.cancel(5).status == "Ok"


def test_an_empty_manifest_exports_nothing(exporting: Exporting) -> None:
    client = exporting().client()
    for name in ("health", "db_query"):
        assert client.call(name, {"sql": "select 1 as n"}).status == "InvalidInput"
    client.ping()


@pytest.mark.parametrize("codec_out", ["json", "msgpack"])
@pytest.mark.parametrize("codec", ["json", "msgpack"])
def test_an_entry_answers_in_its_codec_out(
    exporting: Exporting, wire: Wire, codec: str, codec_out: str
) -> None:
    health = export("health", codec) | {"codec_out": codec_out}
    compute = export("compute", codec) | {"codec_out": codec_out}
    client = exporting(health, compute).client(wire)
    reply = client.call("health", b"", codec=codec)
    assert (reply.codec, reply.value["ok"]) == (codec_out, True)
    reply = client.call("compute", {"values": [1]}, codec=codec)
    assert (reply.codec, reply.value["count"]) == (codec_out, 1)


def test_a_database_entry_answers_in_the_format_asked_for(exporting: Exporting) -> None:
    client = exporting(export("db_query", "msgpack")).client()
    assert client.query("select 1 as n").codec == "json"
    assert client.query("select 1 as n", result_format="msgpack").codec == "msgpack"


@pytest.mark.parametrize("name", ["", "__ping__", "__mine", None, 5], ids=repr)
def test_an_export_that_is_wrong_is_dropped_with_a_warning(
    exporting: Exporting, name: object
) -> None:
    running = exporting(export("health"), export(name), export("db_query"))
    client = running.client()
    assert client.call("health").status == "Ok"
    assert client.query("select 1 as n").status == "Ok"
    assert client.call("__mine").status == "InvalidInput"
    assert running.worker.stderr.strip()


def test_an_export_that_comes_twice_is_dropped_with_a_warning(exporting: Exporting) -> None:
    running = exporting(export("health", "json"), export("health", "msgpack"))
    reply = running.client().call("health")
    assert (reply.status, reply.codec) == ("Ok", "json")
    assert "health" in running.worker.stderr


def test_a_manifest_without_mistakes_gives_no_warning(exporting: Exporting) -> None:
    running = exporting(export("health"), export("db_query"))
    running.client().ping()
    assert "health" not in running.worker.stderr
    assert "db_query" not in running.worker.stderr


def test_unknown_fields_are_ignored(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "exports.json"
    exports = [export("health", more={"a": [1]}, description="says ok")]
    path.write_text(json.dumps({"made_by": "a tool", "abi_version": 7, "exports": exports}))
    assert start("--exports", path).client().call("health").status == "Ok"


def test_a_name_without_handler_is_an_internal_error(exporting: Exporting) -> None:
    client = exporting(export("my_own_entry"), export("health")).client()
    reply = client.call("my_own_entry", {})
    assert reply.status == "InternalError"
    assert "my_own_entry" in reply.error
    assert client.call("health").status == "Ok"


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"exports": 5}', "\x00", "null"], ids=repr)
def test_a_manifest_that_cannot_be_read_ends_the_worker_or_exports_nothing(
    start: Start, tmp_path: Path, text: str | None
) -> None:
    path = tmp_path / "exports.json"
    if text is not None:
        path.write_text(text)
    running = start("--exports", path, transport="stdio")
    client = running.client()
    try:
        assert client.call("health").status == "InvalidInput"
    except Closed:
        assert running.worker.wait() > 0
        assert "exports.json" in running.worker.stderr


def test_compiled_exports_are_accepted(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "compiled.json"
    path.write_text("{}")
    assert start("--compiled-exports", path).client().call("health").status == "Ok"


TITLES: dict[str, Any] = {
    "sql": "select id, title from items where user_id = :user and score >= :score order by id",
    "params": [{"name": "user", "type": "int64"}, {"name": "score", "type": "float64"}],
}


@pytest.mark.parametrize("codec", ["json", "msgpack"])
def test_a_named_query_is_called_by_its_name(exporting: Exporting, wire: Wire, codec: str) -> None:
    client = exporting(export("titles", codec, **TITLES, max_rows=2)).client(wire)
    reply = client.call("titles", {"params": {"score": 299, "user": 1}})
    assert reply.codec == codec
    assert reply.value["columns"] == ["id", "title"]
    assert [row[0] for row in reply.value["rows"]] == [1197, 1199]
    assert reply.value["row_count"] == 2
    assert reply.metrics["db_alias"] == "default"
    assert reply.metrics["db_row_count"] == 2
    assert reply.metrics["db_result_format"] == codec
    reply = client.call("titles", {"params": {"score": 0, "user": 1}})
    assert reply.value["row_count"] == 2


def test_a_named_query_may_answer_in_arrow(exporting: Exporting) -> None:
    titles = export("titles", "json", **TITLES) | {"codec_out": "arrow_ipc"}
    reply = exporting(titles).client().call("titles", {"params": {"user": 1, "score": 299.5}})
    assert reply.codec == "arrow_ipc"
    assert arrow_table(reply.payload).column("id").to_pylist() == [1199]


WRONG_CALLS: list[Any] = [
    {},
    {"params": None},
    {"params": {}},
    {"params": {"user": 1}},
    {"params": {"user": 1, "score": 1, "more": 1}},
    {"params": {"user": "1", "score": 1}},
    {"params": {"user": 1, "score": "1"}},
    {"params": {"user": 1.5, "score": 1}},
    {"params": {"user": [1], "score": 1}},
    {"params": [1, 1]},
    [],
]


@pytest.mark.parametrize("payload", WRONG_CALLS, ids=str)
def test_a_named_query_takes_all_its_parameters_and_no_other(
    exporting: Exporting, payload: object
) -> None:
    client = exporting(export("titles", "msgpack", **TITLES)).client()
    assert client.call("titles", payload).status == "InvalidInput"
    client.ping()


def test_a_null_is_a_value_of_a_named_query(exporting: Exporting) -> None:
    client = exporting(export("titles", **TITLES)).client()
    reply = client.call("titles", {"params": {"user": None, "score": 1}})
    assert reply.value["rows"] == []


def test_a_named_query_may_be_ir(exporting: Exporting) -> None:
    column = {"op": "column", "table": "items", "name": "id"}
    limit = {"op": "value", "type": "int64", "value": 3}
    query = {"from": {"name": "items"}, "select": [column], "limit": limit}
    ids = export("ids", query={"molt_ir": 1, "query": query})
    reply = exporting(ids).client().call("ids", {"params": {}})
    assert reply.value["row_count"] == 3


def test_a_named_query_does_not_write(exporting: Exporting) -> None:
    client = exporting(export("gone", sql=NO_WRITE), export("health")).client()
    assert client.call("gone", {"params": {}}).status in ("InvalidInput", "InternalError")
    assert client.call("health").status == "Ok"


def test_only_exports_refuses_free_sql(exporting: Exporting, wire: Wire) -> None:
    names = ("health", "db_query", "db_exec", "db_batch")
    exports = [export("titles", **TITLES), *map(export, names)]
    client = exporting(*exports, flags=("--only-exports",)).client(wire)
    assert client.query("select 1 as n").status == "InvalidInput"
    assert client.execute(NO_WRITE).status == "InvalidInput"
    batch = {"queries": [{"sql": "select 1 as n"}]}
    assert client.call("db_batch", batch).status == "InvalidInput"
    assert client.call("health").status == "Ok"
    assert client.call("titles", {"params": {"user": 1, "score": 299.5}}).status == "Ok"
