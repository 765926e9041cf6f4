"""The demo entries: list_items with its cursors, compute, offload_table."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conformance.client import Client
from conformance.codec import Wire
from conformance.conftest import Running, Start
from conformance.data import items_of
from servers.fixtures import failing

DEMO = ("list_items", "compute", "offload_table")


def demo_manifest(folder: Path, codec: str = "msgpack") -> Path:
    exports = [{"name": name, "codec_in": codec, "codec_out": codec} for name in DEMO]
    path = folder / "exports.json"
    path.write_text(json.dumps({"abi_version": 1, "exports": exports}))
    return path


@pytest.fixture(scope="module")
def demo_worker(
    tmp_path_factory: pytest.TempPathFactory, items_path: Path
) -> Iterator[dict[str, Running]]:
    """By codec."""
    workers: dict[str, Running] = {}
    for codec in ("msgpack", "json"):
        manifest = demo_manifest(tmp_path_factory.mktemp("demo"), codec)
        env: dict[str, object] = {"MOLT_DB_SQLITE_PATH": items_path}
        with failing():
            workers[codec] = Running("socket", "--exports", manifest, env=env)
    yield workers
    for running in workers.values():
        running.close()


@pytest.fixture
def demo(demo_worker: dict[str, Running], wire: Wire) -> Iterator[Client]:
    client = demo_worker[wire].client(wire)
    yield client
    client.close()


def listed(item: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in item.items() if key != "user_id"}


def page(client: Client, **fields: object) -> dict[str, Any]:
    reply = client.call("list_items", {"user_id": 1} | fields)
    assert reply.status == "Ok", reply.error
    assert reply.codec == client.wire
    found: dict[str, Any] = reply.value
    assert found.keys() == {"items", "next_cursor", "counts"}
    return found


def test_items_are_a_users_in_order(demo: Client) -> None:
    found = page(demo)
    assert found["items"] == [listed(item) for item in items_of(1)[:50]]
    first = found["items"][0]
    assert list(first) == ["id", "created_at", "status", "title", "score", "unread"]
    assert type(first["score"]) is float
    assert type(first["unread"]) is bool
    assert page(demo, user_id=2)["items"][0]["id"] == 2


def test_counts_are_of_the_page(demo: Client) -> None:
    found = page(demo, limit=10)
    statuses = [item["status"] for item in found["items"]]
    expected = {"open": statuses.count("open"), "closed": statuses.count("closed")}
    assert found["counts"] == expected
    assert page(demo, user_id=99) == {
        "items": [],
        "next_cursor": None,
        "counts": {"open": 0, "closed": 0},
    }


@pytest.mark.parametrize(
    ("limit", "rows"), [(1, 1), (50, 50), (500, 500), (501, 500), (2**40, 500)]
)
def test_a_limit_above_500_means_500(demo: Client, limit: int, rows: int) -> None:
    assert len(page(demo, limit=limit)["items"]) == rows


@pytest.mark.parametrize("limit", [7, 50, 200, 500])
def test_a_cursor_continues_until_all_was_seen(demo: Client, limit: int) -> None:
    seen: list[Any] = []
    found = page(demo, limit=limit)
    while True:
        seen += found["items"]
        if found["next_cursor"] is None:
            break
        assert len(found["items"]) == limit
        assert isinstance(found["next_cursor"], str)
        found = page(demo, limit=limit, cursor=found["next_cursor"])
    assert seen == [listed(item) for item in items_of(1)]


def test_a_page_that_is_not_full_has_no_cursor(demo: Client) -> None:
    found = page(demo, status="open", limit=300)
    assert len(found["items"]) == 200
    assert found["next_cursor"] is None


def test_a_cursor_keeps_to_the_filter(demo: Client) -> None:
    first = page(demo, status="open", q="apple", limit=5)
    second = page(demo, status="open", q="apple", limit=5, cursor=first["next_cursor"])
    expected = [i["id"] for i in items_of(1) if i["status"] == "open" and "Apple" in i["title"]]
    assert [item["id"] for item in first["items"] + second["items"]] == expected[:10]


@pytest.mark.parametrize("status", ["open", "closed", "waiting", "no such status"])
def test_items_are_filtered_by_status(demo: Client, status: str) -> None:
    found = page(demo, status=status, limit=500)
    assert [i["id"] for i in found["items"]] == [
        i["id"] for i in items_of(1) if i["status"] == status
    ]


@pytest.mark.parametrize(
    "q", ["Apple", "apple", "APPLE", "100%", "%", "r_t", "_", "Zoë", "'", '"quoted"', "\\", "5"]
)
def test_items_are_filtered_by_title_without_patterns(demo: Client, q: str) -> None:
    """SQLite ignores the case of ASCII letters only, which is all that differs here."""
    found = page(demo, q=q, limit=500)
    expected = [i["title"] for i in items_of(1) if q.lower() in i["title"].lower()]
    assert [i["title"] for i in found["items"]] == expected[:500]


@pytest.mark.parametrize("empty", ["", None])
def test_an_empty_filter_is_any(demo: Client, empty: str | None) -> None:
    assert page(demo, q=empty, status=empty, cursor=None, limit=None) == page(demo)


WRONG_LISTS: list[Any] = [
    {},
    {"user_id": None},
    {"user_id": "1"},
    {"user_id": 1.5},
    {"user_id": 2**63},
    {"user_id": 1, "limit": -1},
    {"user_id": 1, "limit": "5"},
    {"user_id": 1, "limit": 1.5},
    {"user_id": 1, "q": 5},
    {"user_id": 1, "status": 5},
    {"user_id": 1, "cursor": 5},
    {"user_id": 1, "cursor": "no cursor"},
    {"user_id": 1, "cursor": "AAAAAAAAAAAAAAAAAAAAAAAA"},
    [1],
]


@pytest.mark.parametrize("payload", WRONG_LISTS, ids=str)
def test_a_wrong_list_is_invalid(demo: Client, payload: object) -> None:
    assert demo.call("list_items", payload).status == "InvalidInput"
    demo.ping()


def test_a_cursor_that_was_changed_is_invalid(demo: Client) -> None:
    cursor: str = page(demo, limit=5)["next_cursor"]
    for at, letter in enumerate(cursor):
        changed = cursor[:at] + ("B" if letter == "A" else "A") + cursor[at + 1 :]
        reply = demo.call("list_items", {"user_id": 1, "limit": 5, "cursor": changed})
        # The last letter of base64 may hold bits that mean nothing.
        assert reply.status == "InvalidInput" or at >= len(cursor.rstrip("=")) - 1
    for changed in (cursor[:-4], cursor + "AAAA", cursor * 2):
        reply = demo.call("list_items", {"user_id": 1, "cursor": changed})
        assert reply.status == "InvalidInput"


def test_a_cursor_of_another_key_is_invalid(start: Start, items_path: Path, tmp_path: Path) -> None:
    manifest = demo_manifest(tmp_path)
    env = {"MOLT_DB_SQLITE_PATH": items_path}
    keys: list[dict[str, object]] = [{}, {"MOLT_CURSOR_KEY": "a"}, {"MOLT_CURSOR_KEY": "b"}]
    clients = [start("--exports", manifest, env=env | key).client() for key in keys]
    again = start("--exports", manifest, env=env | keys[1]).client()
    cursors = [page(client, limit=5)["next_cursor"] for client in clients]
    for i, client in enumerate(clients):
        for j, cursor in enumerate(cursors):
            reply = client.call("list_items", {"user_id": 1, "limit": 5, "cursor": cursor})
            assert (reply.status == "Ok") == (i == j)
    assert page(again, limit=5, cursor=cursors[1])["items"][0]["id"] == items_of(1)[5]["id"]


def test_compute_scales_every_value(demo: Client) -> None:
    reply = demo.call("compute", {"values": [1, 2.5, -3], "scale": 2, "offset": 0.5})
    assert reply.value == {"count": 3, "sum": 2.5, "scaled": [2.5, 5.5, -5.5]}
    assert all(type(number) is float for number in reply.value["scaled"])


def test_compute_has_defaults(demo: Client) -> None:
    expected = {"count": 2, "sum": 3.0, "scaled": [1.0, 2.0]}
    assert demo.call("compute", {"values": [1, 2]}).value == expected
    payload = {"values": [1, 2], "scale": None, "offset": None}
    assert demo.call("compute", payload).value == expected
    empty = demo.call("compute", {"values": []}).value
    assert empty == {"count": 0, "sum": 0.0, "scaled": []}


def test_compute_takes_many_values(demo: Client) -> None:
    reply = demo.call("compute", {"values": list(range(100_000))})
    assert reply.value["count"] == 100_000
    assert reply.value["scaled"][-1] == 99_999.0


WRONG_COMPUTATIONS: list[Any] = [
    {},
    {"values": 1},
    {"values": ["1"]},
    {"values": [None]},
    {"values": [True]},
    {"values": [[1]]},
    {"values": [1], "scale": "2"},
    {"values": [1], "offset": []},
    [],
]


@pytest.mark.parametrize("payload", WRONG_COMPUTATIONS, ids=str)
def test_a_wrong_computation_is_invalid(demo: Client, payload: object) -> None:
    assert demo.call("compute", payload).status == "InvalidInput"


@pytest.mark.parametrize(("rows", "made"), [(0, 0), (1, 1), (8, 8), (1000, 1000), (50_000, 50_000),
                                            (50_001, 50_000), (2**40, 50_000)])  # fmt: skip
def test_offload_table_is_capped(demo: Client, rows: int, made: int) -> None:
    sample = [{"id": n, "value": n % 7} for n in range(min(8, made))]
    assert demo.call("offload_table", {"rows": rows}).value == {"rows": made, "sample": sample}


@pytest.mark.parametrize("payload", [{}, {"rows": "5"}, {"rows": 1.5}, {"rows": None}, []], ids=str)
def test_a_wrong_table_is_invalid(demo: Client, payload: object) -> None:
    assert demo.call("offload_table", payload).status == "InvalidInput"
